//! A socket of the caller's, used without changing anything on it: no signal, no mode, no option.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketType, recv, send, sockopt};
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
        let kind = sockopt::socket_type(Self::Borrowed(fd).as_fd());
        match kind {
            Ok(SocketType::STREAM) => Ok(()),
            Ok(_) => Err(Misuse::new(format!("fd must be a stream socket, {fd} is of another type"))),
            Err(error) => Err(Misuse::new(format!("fd must be a stream socket, {fd} is none: {error}"))),
        }
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
        let mut octets = Vec::with_capacity(ROOM);
        loop {
            match recv(self.as_fd(), spare_capacity(&mut octets), receive_flags(patience)) {
                Ok(_) => return Ok(octets),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.pause(PollFlags::IN, patience)?,
                Err(error) => return Err(Pause::Failed(error.into())),
            }
        }
    }

    /// Sends once and gives how many octets.
    pub(crate) fn send(&self, octets: &[u8], patience: Patience) -> Result<usize, Pause> {
        loop {
            match send(self.as_fd(), octets, send_flags(patience)) {
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
            (Patience::AsSocket, true) => Err(Pause::TimedOut),
            (Patience::Until(deadline), true) => self.wait(events, deadline),
        }
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
/// Where there is no such flag, `uptls_stream_adopt_fd` sets the option of the socket.
#[cfg(any(target_vendor = "apple", target_os = "redox", target_os = "vita"))]
const QUIET: SendFlags = SendFlags::empty();
