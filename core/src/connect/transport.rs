//! What the blocking face needs of a transport: `Read`, `Write`, and an end of waiting.

use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// A blocking transport that can be given a deadline.
pub trait Transport: Read + Write {
    /// Bounds the reads and writes from now on: past `deadline` they fail with `WouldBlock` or `TimedOut`. `None`: no
    /// bound. Called before every read and write of a handshake, so that a peer that sends one byte at a time ends at the
    /// deadline too, and once with `None` after it: a bound of the caller's own is set on the finished stream.
    ///
    /// # Errors
    /// What the system says.
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()>;

    /// Whether a read waits for data, as far as that is known. One that does not is misuse of this face; one that says so
    /// and gives `WouldBlock` before the deadline all the same is asked again, after a pause.
    fn blocks(&self) -> bool {
        true
    }

    /// Where it goes, if that is known: the sessions of that address are resumed first (H6). It decides nothing.
    fn remote_address(&self) -> Option<SocketAddr> {
        None
    }
}

impl Transport for TcpStream {
    fn blocks(&self) -> bool {
        blocks(self)
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let remaining = remaining(deadline)?;
        self.set_read_timeout(remaining)?;
        self.set_write_timeout(remaining)
    }

    fn remote_address(&self) -> Option<SocketAddr> {
        self.peer_addr().ok()
    }
}

#[cfg(unix)]
impl Transport for std::os::unix::net::UnixStream {
    fn blocks(&self) -> bool {
        blocks(self)
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let remaining = remaining(deadline)?;
        self.set_read_timeout(remaining)?;
        self.set_write_timeout(remaining)
    }
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn blocks(&self) -> bool {
        (**self).blocks()
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        (**self).set_deadline(deadline)
    }

    fn remote_address(&self) -> Option<SocketAddr> {
        (**self).remote_address()
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn blocks(&self) -> bool {
        (**self).blocks()
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        (**self).set_deadline(deadline)
    }

    fn remote_address(&self) -> Option<SocketAddr> {
        (**self).remote_address()
    }
}

#[cfg(unix)]
fn blocks(socket: &impl std::os::fd::AsFd) -> bool {
    let flags = rustix::fs::fcntl_getfl(socket);
    !flags.is_ok_and(|flags| flags.contains(rustix::fs::OFlags::NONBLOCK))
}

#[cfg(not(unix))]
fn blocks<T>(_: &T) -> bool {
    true
}

fn remaining(deadline: Option<Instant>) -> io::Result<Option<Duration>> {
    let Some(deadline) = deadline else { return Ok(None) };
    match deadline.checked_duration_since(Instant::now()) {
        Some(remaining) if !remaining.is_zero() => Ok(Some(remaining)),
        _ => Err(io::ErrorKind::TimedOut.into()),
    }
}
