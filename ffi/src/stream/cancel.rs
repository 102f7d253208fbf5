//! Ends waiting from outside: by `uptls_stream_cancel`, from any thread or a signal handler, or by a signal.

use core::sync::atomic::{AtomicBool, Ordering};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;

use uptls::Code;

use crate::error::Failure;

/// Whether a stream may still wait.
pub(crate) struct Cancel {
    asked: AtomicBool,
    /// A signal ends a wait.
    pub(crate) is_interruptible: bool,
    /// Made for the first wait; `None` inside: the system has no descriptor for it.
    wake: OnceLock<Option<Wake>>,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Cancelled {
    /// `uptls_stream_cancel`, for good.
    ByCall,
    BySignal,
}

impl Cancel {
    pub(crate) fn new(is_interruptible: bool) -> Self {
        Self { asked: AtomicBool::new(false), is_interruptible, wake: OnceLock::new() }
    }

    /// For good. It takes no lock and no memory: a signal handler may do it.
    pub(crate) fn ask(&self) {
        let first = !self.asked.swap(true, Ordering::SeqCst);
        // One byte at most, so this never waits. A wake that is made only now is looked at after `asked`.
        if let (true, Some(Some(wake))) = (first, self.wake.get()) {
            wake.ring();
        }
    }

    pub(crate) fn check(&self) -> Result<(), Cancelled> {
        match self.asked.load(Ordering::SeqCst) {
            true => Err(Cancelled::ByCall),
            false => Ok(()),
        }
    }

    /// A descriptor that can be read once it was asked. Check afterwards: it may have been asked before.
    pub(crate) fn wake(&self) -> Option<BorrowedFd<'_>> {
        self.wake.get_or_init(|| Wake::new().ok()).as_ref().map(Wake::as_fd)
    }
}

impl From<Cancelled> for Failure {
    fn from(cancelled: Cancelled) -> Self {
        let message = match cancelled {
            Cancelled::ByCall => "uptls_stream_cancel ended the calls of this stream; free it",
            Cancelled::BySignal => "a signal came while the call waited; the stream is as it was, call again to go on",
        };
        Self::without_policy(Code::Cancelled, message.to_owned())
    }
}

#[cfg(any(target_os = "android", target_os = "linux"))]
struct Wake(OwnedFd);

#[cfg(any(target_os = "android", target_os = "linux"))]
impl Wake {
    fn new() -> io::Result<Self> {
        use rustix::event::{EventfdFlags, eventfd};
        Ok(Self(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?))
    }

    fn ring(&self) {
        // It can fail only where it rings already.
        let _ = rustix::io::write(&self.0, &1_u64.to_ne_bytes());
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
struct Wake {
    reader: OwnedFd,
    writer: OwnedFd,
}

#[cfg(not(any(target_os = "android", target_os = "linux")))]
impl Wake {
    fn new() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        Ok(Self { reader: reader.into(), writer: writer.into() })
    }

    fn ring(&self) {
        // It can fail only where it rings already.
        let _ = rustix::io::write(&self.writer, &[1]);
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}
