//! A thread on request that polls file sources: when a directory changes, when a step is due, and every 10 s anyway (R6).

use core::fmt;
use core::mem;
use core::time::Duration;
use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use uptls_process::Process;

use super::{FileSource, lock};

/// A thread that keeps connectors in step with their files, until this handle is dropped.
///
/// [`Watch::polling`] reads the files every interval of their source. `uptls::watch::start` (feature `watch`) also reads them
/// as soon as the system says that a directory changed; where the system cannot (no watches are left), polling remains.
///
/// A fork takes no thread along: in a child nothing is followed ([`WatchState::Elsewhere`]) until it starts a watch of its own.
pub struct Watch {
    nudges: Sender<Nudge>,
    process: Process,
    state: Arc<Mutex<WatchState>>,
    thread: Option<JoinHandle<()>>,
}

/// How a [`Watch`] learns of changes.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum WatchState {
    /// Not at all: its thread is in the process that this one was forked from.
    Elsewhere,
    /// By events, and by polling in case one is lost.
    Events,
    /// By polling alone.
    #[non_exhaustive]
    Polling {
        /// Why there are no events; `None` if none were asked for.
        reason: Option<String>,
    },
}

/// What wakes the thread.
pub(crate) enum Nudge {
    /// These paths changed, or whatever is in them.
    Changed(Vec<PathBuf>),
    /// Events were lost: anything may have changed.
    Rescan,
    Stop,
}

/// Where nudges come from.
pub(crate) trait Alarm: Send {
    /// Watches exactly `directories`, each as what its path leads to by now.
    ///
    /// # Errors
    /// Why not all of them are watched.
    fn arm(&mut self, directories: &BTreeSet<PathBuf>) -> Result<WatchState, String>;
}

impl Watch {
    /// Starts a thread that reads the files of `sources` at once, and again every [`FileSource::with_interval`].
    ///
    /// # Errors
    /// What the system says if there is no thread.
    pub fn polling(sources: impl IntoIterator<Item = FileSource>) -> io::Result<Self> {
        let (nudges, woken) = channel();
        Self::with_alarm(sources, Box::new(Silence), nudges, woken)
    }

    pub(crate) fn with_alarm(
        sources: impl IntoIterator<Item = FileSource>,
        alarm: Box<dyn Alarm>,
        nudges: Sender<Nudge>,
        woken: Receiver<Nudge>,
    ) -> io::Result<Self> {
        let process = Process::current()?;
        let state = Arc::new(Mutex::new(WatchState::Polling { reason: None }));
        let now = Instant::now();
        let sources = sources.into_iter().map(|source| Due { next: now, source }).collect();
        let mut watcher = Watcher { alarm, sources, state: Arc::clone(&state) };
        let thread = thread::Builder::new().name("uptls-watch".to_owned()).spawn(move || watcher.run(&woken))?;
        Ok(Self { nudges, process, state, thread: Some(thread) })
    }

    /// Says that `path`, or something in it, changed: what a watch of the caller's own has seen.
    pub fn changed(&self, path: impl Into<PathBuf>) {
        self.nudge(Nudge::Changed(vec![path.into()]));
    }

    /// Has every file read now: for a signal that asks to reload.
    pub fn refresh(&self) {
        self.nudge(Nudge::Rescan);
    }

    fn nudge(&self, nudge: Nudge) {
        if self.process.is_current() {
            // It fails only if the thread has ended.
            let _ = self.nudges.send(nudge);
        }
    }

    /// How it learns of changes.
    pub fn state(&self) -> WatchState {
        match self.process.is_current() {
            true => lock(&self.state).clone(),
            // The thread may have held the lock at the fork, and then it is held for ever.
            false => WatchState::Elsewhere,
        }
    }
}

/// Waits for the step that is under way. Connectors stay as they are.
impl Drop for Watch {
    fn drop(&mut self) {
        self.nudge(Nudge::Stop);
        let thread = self.thread.take();
        if self.process.is_current() {
            let _ = thread.map(JoinHandle::join);
        } else {
            // There is no thread to be joined, ever, and none to be told that nobody will.
            mem::forget(thread);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("state", &self.state()).finish_non_exhaustive()
    }
}

struct Watcher {
    alarm: Box<dyn Alarm>,
    sources: Vec<Due>,
    state: Arc<Mutex<WatchState>>,
}

struct Due {
    next: Instant,
    source: FileSource,
}

impl Watcher {
    fn run(&mut self, woken: &Receiver<Nudge>) {
        loop {
            let now = Instant::now();
            // Watched first and read afterwards: what changes in between is seen.
            self.sources.iter_mut().filter(|due| due.next <= now).for_each(|due| due.source.find_directories());
            self.arm();
            self.sources.iter_mut().filter(|due| due.next <= now).for_each(|due| due.step(now));
            if !self.wait(woken) {
                return;
            }
        }
    }

    fn arm(&mut self) {
        let directories = self.sources.iter().flat_map(|due| due.source.directories()).map(ToOwned::to_owned).collect();
        let state = match self.alarm.arm(&directories) {
            Ok(state) => state,
            Err(reason) => WatchState::Polling { reason: Some(reason) },
        };
        let mut known = lock(&self.state);
        if *known != state {
            if let WatchState::Polling { reason: Some(reason) } = &state {
                tracing::warn!(target: "uptls", "files are polled: {reason}");
            }
            *known = state;
        }
    }

    /// Sleeps until a source is due; `false`: the end. A writer gets a moment to finish what it began.
    fn wait(&mut self, woken: &Receiver<Nudge>) -> bool {
        let mut settled = None;
        loop {
            let now = Instant::now();
            let due = self.sources.iter().map(|due| due.next).min().unwrap_or(now + IDLE);
            let quiet = settled.map(|(last, first): (Instant, Instant)| (last + QUIET).min(first + MAX_QUIET));
            let until = quiet.unwrap_or(due);
            match woken.recv_timeout(until.saturating_duration_since(now)) {
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) | Ok(Nudge::Stop) => return false,
                Ok(Nudge::Changed(paths)) => {
                    let now = Instant::now();
                    let concerned = self.sources.iter_mut().filter(|due| paths.iter().any(|path| due.concerns(path)));
                    if concerned.map(|due| due.next = now).count() > 0 {
                        settled = Some((now, settled.map_or(now, |(_, first)| first)));
                    }
                }
                Ok(Nudge::Rescan) => {
                    let now = Instant::now();
                    self.sources.iter_mut().for_each(|due| due.next = now);
                    settled = Some((now, settled.map_or(now, |(_, first)| first)));
                }
            }
            if settled.is_some_and(|(_, first)| Instant::now() >= first + MAX_QUIET) {
                return true;
            }
        }
    }
}

impl Due {
    /// One source that panics is a bug, and must not end the rotation of the others (R4, T8).
    fn step(&mut self, now: Instant) {
        self.next = now + IDLE;
        match catch_unwind(AssertUnwindSafe(|| self.source.poll(now))) {
            Ok(polled) => self.next = polled.next,
            Err(_) => tracing::error!(target: "uptls", "a source of files panicked: {:?}", self.source),
        }
    }

    fn concerns(&self, changed: &std::path::Path) -> bool {
        let parent = changed.parent();
        self.source.directories().any(|directory| directory == changed || Some(directory) == parent)
    }
}

/// Says nothing.
struct Silence;

impl Alarm for Silence {
    fn arm(&mut self, _: &BTreeSet<PathBuf>) -> Result<WatchState, String> {
        Ok(WatchState::Polling { reason: None })
    }
}

const IDLE: Duration = Duration::from_secs(10);
/// How long nothing must change until files are read, and how long that can put it off.
const QUIET: Duration = Duration::from_millis(50);
const MAX_QUIET: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests;
