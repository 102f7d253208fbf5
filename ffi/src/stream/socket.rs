//! A socket of the caller's, used without changing anything on it: no signal, no mode, no option.

use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{RecvFlags, SendFlags, SocketType, getpeername, getsockname, recv, send};
use uptls::Misuse;

use super::cancel::{Cancel, Cancelled};

/// A connected stream socket.
pub(crate) enum Socket {
    /// The caller's, who keeps it open as long as the stream lives.
    Borrowed(RawFd),
    /// Closed with the stream.
    Owned(OwnedFd),
}

/// How long a call may wait.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    /// As the socket does: it blocks, for as long as its own time limits say, or does not.
    AsSocket,
    /// If the socket blocks, until then; `None`: without end.
    Until(Option<Instant>),
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Direction {
    In,
    Out,
}

/// Why nothing was moved.
pub(crate) enum Pause {
    /// Not now.
    Blocked(Direction),
    Failed(io::Error),
}

/// Why there was no waiting, or why it ended.
pub(crate) enum Unready {
    Cancelled(Cancelled),
    /// The socket does not block.
    DoesNotBlock,
    /// The system cannot wait.
    Failed(io::Error),
    /// The patience, or the socket's own time limit, is over.
    TimedOut,
}

impl Socket {
    /// Whether `fd` can be used.
    ///
    /// # Errors
    /// [`Misuse`] for what is no open stream socket.
    pub(crate) fn check(fd: RawFd) -> Result<(), Misuse> {
        if fd < 0 {
            return Err(Misuse::new(format!("fd must be 0 or more, it is {fd}")));
        }
        let socket = Self::Borrowed(fd);
        match sockopt::socket_type(socket.as_fd()) {
            Ok(SocketType::STREAM) if socket.is_idle() => {
                Err(Misuse::new(format!("fd must be connected, or connecting without blocking; {fd} is neither")))
            }
            Ok(SocketType::STREAM) => Ok(()),
            Ok(_) => Err(Misuse::new(format!("fd must be a stream socket, {fd} is of another type"))),
            Err(error) => Err(Misuse::new(format!("fd must be a stream socket, {fd} is none: {error}"))),
        }
    }

    /// Whether it has a peer: one that does not block may still be connecting.
    pub(crate) fn is_connected(&self) -> bool {
        !matches!(getpeername(self.as_fd()), Err(Errno::NOTCONN))
    }

    /// Where it begins, if that is a place in a network.
    pub(crate) fn local_address(&self) -> Option<SocketAddr> {
        getsockname(self.as_fd()).ok()?.try_into().ok()
    }

    /// Where it leads to, if that is a place in a network; `None` while it connects.
    pub(crate) fn peer_address(&self) -> Option<SocketAddr> {
        getpeername(self.as_fd()).ok()??.try_into().ok()
    }

    /// Whether it has no peer, seeks none, and has no error to tell: Linux says of such a one that it is hung up.
    fn is_idle(&self) -> bool {
        let mut entry = [PollFd::from_borrowed_fd(self.as_fd(), PollFlags::OUT)];
        let polled = poll(&mut entry, Some(&timespec(Duration::ZERO)));
        let flags = entry[0].revents();
        cfg!(target_os = "linux")
            && polled.is_ok()
            && flags.contains(PollFlags::HUP)
            && !flags.contains(PollFlags::ERR)
            && !self.is_connected()
    }

    /// No signal where the peer is gone: where a call cannot say so, the socket has to.
    pub(crate) fn silence(&self) -> Result<(), Misuse> {
        #[cfg(target_vendor = "apple")]
        sockopt::set_socket_nosigpipe(self.as_fd(), true)
            .map_err(|error| Misuse::new(format!("fd must be an open socket: {error}")))?;
        Ok(())
    }

    pub(crate) fn fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            // SAFETY: it is not -1 (`check`), and the caller keeps it open by the contract of uptls_stream_adopt_fd.
            Self::Borrowed(fd) => unsafe { BorrowedFd::borrow_raw(*fd) },
            Self::Owned(fd) => fd.as_fd(),
        }
    }

    /// Receives once, without waiting, and gives what came; nothing is the end.
    pub(crate) fn receive(&self) -> Result<Vec<u8>, Pause> {
        let mut bytes = Vec::with_capacity(ROOM);
        loop {
            match recv(self.as_fd(), spare_capacity(&mut bytes), RecvFlags::DONTWAIT) {
                Ok(_) => return Ok(bytes),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(Pause::Blocked(Direction::In)),
                Err(error) => return Err(Pause::Failed(error.into())),
            }
        }
    }

    /// Sends once, without waiting, and gives how many bytes.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<usize, Pause> {
        loop {
            match send(self.as_fd(), bytes, QUIET | SendFlags::DONTWAIT) {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Err(Pause::Blocked(Direction::Out)),
                Err(error) => return Err(Pause::Failed(error.into())),
            }
        }
    }

    /// Waits until the socket is ready, if it blocks.
    pub(crate) fn wait(&self, direction: Direction, patience: Patience, cancel: &Cancel) -> Result<(), Unready> {
        cancel.check()?;
        if fcntl_getfl(self.as_fd()).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK)) {
            return Err(Unready::DoesNotBlock);
        }
        let deadline = match patience {
            Patience::AsSocket => self.limit(direction).and_then(|limit| Instant::now().checked_add(limit)),
            Patience::Until(deadline) => deadline,
        };
        let wake = cancel.wake();
        loop {
            cancel.check()?;
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            // Without a descriptor for it, it is asked often enough whether the wait was cancelled.
            let at_most = if wake.is_some() { left } else { Some(left.map_or(GLANCE, |left| left.min(GLANCE))) };
            let mut entries = vec![PollFd::from_borrowed_fd(self.as_fd(), direction.events())];
            entries.extend(wake.map(|wake| PollFd::from_borrowed_fd(wake, PollFlags::IN)));
            match poll(&mut entries, at_most.map(timespec).as_ref()) {
                Ok(0) if left.is_some_and(|left| at_most == Some(left)) => return Err(Unready::TimedOut),
                Ok(0) => {}
                Ok(_) => return Ok(cancel.check()?),
                Err(Errno::INTR) if cancel.is_interruptible => {
                    cancel.check()?;
                    return Err(Unready::Cancelled(Cancelled::BySignal));
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(Unready::Failed(error.into())),
            }
        }
    }

    /// SO_RCVTIMEO or SO_SNDTIMEO, if the caller has set it.
    fn limit(&self, direction: Direction) -> Option<Duration> {
        let which = match direction {
            Direction::In => Timeout::Recv,
            Direction::Out => Timeout::Send,
        };
        sockopt::socket_timeout(self.as_fd(), which).ok().flatten()
    }
}

impl Direction {
    fn events(self) -> PollFlags {
        match self {
            Self::In => PollFlags::IN,
            Self::Out => PollFlags::OUT,
        }
    }
}

impl From<Cancelled> for Unready {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec::try_from(duration).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}

/// How often it is asked whether a wait was cancelled, where no descriptor tells.
const GLANCE: Duration = Duration::from_millis(100);
/// As much as a record holds.
const ROOM: usize = 16 << 10;
/// Without SIGPIPE.
#[cfg(not(any(target_vendor = "apple", target_os = "redox", target_os = "vita")))]
const QUIET: SendFlags = SendFlags::NOSIGNAL;
/// See [`Socket::silence`].
#[cfg(any(target_vendor = "apple", target_os = "redox", target_os = "vita"))]
const QUIET: SendFlags = SendFlags::empty();
