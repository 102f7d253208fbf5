//! Tells a process from every copy of it, whatever their numbers (L10 of `docs/semantics.md`).
//!
//! A child of `fork` has the memory of its parent: its connections and their keys. If both went on with them, both would
//! encrypt with the same keys and nonces. The number of a process does not tell them apart: a child has that of its parent
//! in another PID namespace, and a number is used again once its process has ended. So each process has a mark in memory
//! that no child inherits:
//!
//! - Linux since 4.14: a page with `MADV_WIPEONFORK`. The kernel gives every child zeros in its place, whatever call made
//!   the child. A look at it costs two loads, and no system call.
//! - Other Unix, and a kernel that refuses that page: a mark that a handler of `pthread_atfork` clears in the child, beside
//!   the number of the process for a child that libc's `fork` did not make. A look costs `getpid`.
//! - Systems without `fork`: nothing.
//!
//! What shares the memory of its parent instead of copying it (a thread, `vfork` until it executes) is the same process:
//! there is one state of each connection. Where the number counts, a child that shares the memory is refused, too.
//!
//! This is a part of the crate `uptls`, apart because it needs `unsafe`. It promises no one else a stable interface.

#[cfg(unix)]
mod mark;
#[cfg(unix)]
mod signals;
#[cfg(not(unix))]
mod single;

use core::num::NonZeroU64;
use std::io;

#[cfg(not(unix))]
use single as mark;

/// Runs `body` while the calling thread takes no signals, where the system has them: a thread that it spawns takes none for
/// ever, and the program's handlers run in the program's threads.
pub fn without_signals<T>(body: impl FnOnce() -> T) -> T {
    #[cfg(unix)]
    return signals::without(body);
    #[cfg(not(unix))]
    body()
}

/// The process in which something was made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Process(NonZeroU64);

impl Process {
    /// The process that asks. It takes no lock: a child may ask whatever the parent's other threads did at the fork.
    ///
    /// # Errors
    /// Where a process could not be told from its children: the kernel refuses the page, and libc has no memory for a
    /// handler. Nothing that must stay in one process may be made then.
    #[inline]
    pub fn current() -> io::Result<Self> {
        mark::claim().map(Self)
    }

    /// Whether the process that asks is this one.
    #[inline]
    pub fn is_current(self) -> bool {
        mark::read() == Some(self.0)
    }
}
