//! A watch without a thread: one descriptor to poll, one call when it is ready.

#[cfg(any(target_os = "android", target_os = "linux"))]
mod alarm;
#[cfg(not(any(target_os = "android", target_os = "linux")))]
mod alarm_absent;

use core::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use uptls_process::Process;

use super::super::FileSource;
use super::armed::Armed;
use super::followed::Followed;
use super::schedule::Schedule;
use super::{WatchState, WatchedFiles, WatchedSource, Writer};
#[cfg(any(target_os = "android", target_os = "linux"))]
use alarm::Alarm;
#[cfg(not(any(target_os = "android", target_os = "linux")))]
use alarm_absent::Alarm;

/// Keeps connectors in step with their files for a program with an event loop. It starts no thread: the program polls
/// [`DispatchedWatch::fd`], and calls [`DispatchedWatch::dispatch`] when it can be read. It decides as [`Watch`](super::Watch)
/// does; but storage that does not answer holds the call, and all sources of the watch.
///
/// A watch belongs to the process that made it: a child of a fork follows nothing until it makes its own.
///
/// ```
#[doc = include_str!("../../../../doc/policy.txt")]
/// use std::time::Instant;
/// use uptls::{Connector, DispatchedWatch, FileSource};
///
/// let connector = Connector::new(&runtime, &policy)?;
/// let mut watch = DispatchedWatch::new()?;
/// let source = watch.add(FileSource::following(&connector), Instant::now());
/// // In the loop: when `watch.fd()` can be read, or at `watch.due()`.
/// assert_eq!(watch.dispatch(Instant::now()), 0, "nothing has changed");
/// watch.remove(source);
/// assert_eq!(watch.due(), None);
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct DispatchedWatch {
    alarm: Alarm,
    armed: Armed,
    /// The number of the next source.
    next: usize,
    process: Process,
    schedule: Schedule,
}

/// What an alarm heard.
#[derive(Default)]
struct Changes {
    /// Events were lost: anything may have changed.
    everything: bool,
    /// In their order.
    paths: Vec<(PathBuf, Writer)>,
}

impl DispatchedWatch {
    /// A watch without sources.
    ///
    /// # Errors
    /// The system's error if it gives no descriptors.
    pub fn new() -> io::Result<Self> {
        let (alarm, process) = (Alarm::new()?, Process::current()?);
        Ok(Self { alarm, armed: Armed::default(), next: 0, process, schedule: Schedule::default() })
    }

    /// Follows one more source. The next dispatch, which is due at once, reads its files. `now` is monotonic.
    pub fn add(&mut self, source: FileSource, now: Instant) -> WatchedSource {
        self.follow(source.into(), now)
    }

    /// Follows something else that is made of files, as [`Watch::add_files`](super::Watch::add_files).
    pub fn add_files(&mut self, source: impl WatchedFiles + 'static, now: Instant) -> WatchedSource {
        self.follow(Followed::Other(Box::new(source), Arc::default()), now)
    }

    fn follow(&mut self, source: Followed, now: Instant) -> WatchedSource {
        let id = self.next;
        self.next += 1;
        self.schedule.add(id, source, now);
        self.alarm.set(self.schedule.next(), now);
        WatchedSource(id)
    }

    /// Follows a source no longer. Its connector stays as it is.
    pub fn remove(&mut self, source: WatchedSource) {
        if self.schedule.remove(source.0) {
            let gone = self.armed.set(&[source.0], &Arc::default());
            self.alarm.arm(&Default::default(), &gone);
            self.alarm.set(self.schedule.next(), Instant::now());
        }
    }

    /// A descriptor that can be read when a dispatch is due; only poll it. `None` if the system has none:
    /// [`DispatchedWatch::due`] says when.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        self.alarm.fd()
    }

    /// When the next dispatch is due: at once, if a connector went over to another policy. `None`: there is no source.
    pub fn due(&self) -> Option<Instant> {
        if self.schedule.is_behind() { Some(Instant::now()) } else { self.schedule.next() }
    }

    /// Reads the files that changed or are due, and publishes or withdraws. How many connectors have another generation or state
    /// now. `now` is monotonic. In another process than its own it does nothing.
    pub fn dispatch(&mut self, now: Instant) -> usize {
        if !self.process.is_current() {
            return 0;
        }
        let Changes { everything, paths } = self.alarm.take();
        if everything {
            self.schedule.rescan(now);
        }
        paths.iter().for_each(|(path, writer)| self.schedule.hear(path, *writer, now));
        self.schedule.hurry(now);
        let mut changed = 0;
        for job in self.schedule.take_due(now) {
            let Self { alarm, armed, .. } = self;
            let done = job.run(&mut |ids, directories| {
                let gone = armed.set(ids, directories);
                alarm.arm(directories, &gone);
            });
            changed += done.changed();
            self.schedule.give_back(done, now);
        }
        self.alarm.set(self.schedule.next(), Instant::now());
        changed
    }

    /// How it learns of changes, as of the last dispatch.
    pub fn state(&self) -> WatchState {
        match self.alarm.reason() {
            _ if !self.process.is_current() => WatchState::Elsewhere,
            None => WatchState::Events,
            reason => WatchState::Polling { reason },
        }
    }
}

impl fmt::Debug for DispatchedWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DispatchedWatch").field("state", &self.state()).finish_non_exhaustive()
    }
}
