//! A socket of the caller's, used without changing anything on it: no signal, no mode, no option.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{RecvFlags, SendFlags, SocketType, getpeername, recv, send};
use uptls::Misuse;

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
    /// Not at all.
    Never,
    /// If the socket blocks, until then; `None`: without end.
    Until(Option<Instant>),
}

/// Why nothing was moved.
pub(crate) enum Pause {
    /// The socket does not block, and cannot go on now.
    Blocked,
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

    /// Receives once and gives what came; nothing is the end.
    pub(crate) fn receive(&self, patience: Patience) -> Result<Vec<u8>, Pause> {
        let mut bytes = Vec::with_capacity(ROOM);
        loop {
            match recv(self.as_fd(), spare_capacity(&mut bytes), receive_flags(patience)) {
                Ok(_) => return Ok(bytes),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.pause(PollFlags::IN, patience)?,
                Err(error) => return Err(Pause::Failed(error.into())),
            }
        }
    }

    /// Sends once and gives how many bytes.
    pub(crate) fn send(&self, bytes: &[u8], patience: Patience) -> Result<usize, Pause> {
        loop {
            match send(self.as_fd(), bytes, send_flags(patience)) {
                Ok(count) => return Ok(count),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.pause(PollFlags::OUT, patience)?,
                Err(error) => return Err(Pause::Failed(error.into())),
            }
        }
    }

    /// What to do where the system says: not now.
    fn pause(&self, events: PollFlags, patience: Patience) -> Result<(), Pause> {
        let blocks = !fcntl_getfl(self.as_fd()).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK));
        match (patience, blocks) {
            (Patience::Never, _) | (_, false) => Err(Pause::Blocked),
            // Without a limit of its own it was only not ready.
            (Patience::AsSocket, true) if self.has_limit(events) => Err(Pause::TimedOut),
            (Patience::AsSocket, true) => self.wait(events, None),
            (Patience::Until(deadline), true) => self.wait(events, deadline),
        }
    }

    /// Whether the caller has set SO_RCVTIMEO, or SO_SNDTIMEO.
    fn has_limit(&self, events: PollFlags) -> bool {
        let which = if events.contains(PollFlags::IN) { Timeout::Recv } else { Timeout::Send };
        !matches!(sockopt::socket_timeout(self.as_fd(), which), Ok(None))
    }

    /// Waits until the socket is ready, whatever signals come meanwhile.
    fn wait(&self, events: PollFlags, deadline: Option<Instant>) -> Result<(), Pause> {
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            match poll(&mut [PollFd::from_borrowed_fd(self.as_fd(), events)], left.map(timespec).as_ref()) {
                Ok(0) => return Err(Pause::TimedOut),
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(Pause::Failed(error.into())),
            }
        }
    }
}

fn receive_flags(patience: Patience) -> RecvFlags {
    match patience {
        Patience::AsSocket => RecvFlags::empty(),
        Patience::Never | Patience::Until(_) => RecvFlags::DONTWAIT,
    }
}

fn send_flags(patience: Patience) -> SendFlags {
    match patience {
        Patience::AsSocket => QUIET,
        Patience::Never | Patience::Until(_) => QUIET | SendFlags::DONTWAIT,
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec::try_from(duration).unwrap_or(Timespec { tv_sec: i64::MAX, tv_nsec: 0 })
}

/// As much as a record holds.
const ROOM: usize = 16 << 10;
/// Without SIGPIPE.
#[cfg(not(any(target_vendor = "apple", target_os = "redox", target_os = "vita")))]
const QUIET: SendFlags = SendFlags::NOSIGNAL;
/// See [`Socket::silence`].
#[cfg(any(target_vendor = "apple", target_os = "redox", target_os = "vita"))]
const QUIET: SendFlags = SendFlags::empty();
