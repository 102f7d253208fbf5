//! A thread on request that has file sources polled: when a directory changes, when a step is due, and every 10 s anyway (R6).

mod armed;
mod arming;
#[cfg(unix)]
mod asked;
#[cfg(unix)]
mod dispatch;
mod followed;
mod job;
mod readers;
mod schedule;
mod watcher;

#[cfg(unix)]
pub use asked::AskedWatch;
#[cfg(unix)]
pub use dispatch::DispatchedWatch;
pub use followed::WatchedFiles;

use core::fmt;
use core::mem;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use uptls_process::Process;

use super::FileSource;
use crate::sync::{Mutex, lock};
use followed::Followed;
use job::Done;
use watcher::Watcher;

/// A thread that keeps connectors in step with their files, until this handle is dropped.
///
/// [`Watch::polling`] reads the files every interval of their source. `uptls::watch::start` (feature `watch`) also
/// reads them as soon as the system says that a directory changed; if the system cannot (no watches are left), it
/// polls, and asks for lost watches again each time that it reads files.
///
/// It reads files on short-lived threads. Sources that name the same file are read together: when a CA file that thousands of
/// policies trust is replaced, it is read and parsed once, and each connector publishes it in its own state. A source with storage that does not answer delays no other, unless 16 sources
/// of one watch wait at the same time.
///
/// A fork takes no thread along: a child follows nothing ([`WatchState::Elsewhere`]) until it starts its own watch.
///
/// ```
#[doc = include_str!("../../../doc/policy.txt")]
/// use uptls::{Connector, FileSource, Watch};
///
/// let connector = Connector::new(&runtime, &policy)?;
/// let watch = Watch::polling([FileSource::following(&connector)])?;
/// // A signal handler's flag says that files changed.
/// watch.refresh();
/// drop(watch);
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Watch {
    /// The number of the next source.
    next: AtomicUsize,
    signals: Sender<Signal>,
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

impl WatchState {
    /// The stable name: `events`, `polling`, or `closed` in a process that was forked from the watch's own.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Elsewhere => "closed",
            Self::Events => "events",
            Self::Polling { .. } => "polling",
        }
    }
}

/// One source of a [`Watch`], by which it can be removed. It means nothing to another watch.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct WatchedSource(usize);

/// What wakes the thread.
pub(crate) enum Signal {
    /// One more source, under its number.
    Add(usize, Followed),
    /// These paths changed, or whatever is in them.
    Changed(Vec<PathBuf>, Writer),
    /// A reader is done.
    Read(Box<Done>),
    /// No source has this number any more.
    Remove(usize),
    /// Events were lost: anything may have changed.
    Rescan,
    Stop,
}

/// What a change says of who made it (R6).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Writer {
    /// Has not closed the file.
    Busy,
    /// Has closed the file, or put another in its place.
    Done,
    Unknown,
}

/// Where signals come from.
pub(crate) trait Notifier: Send {
    /// Watches `anew`, as what their paths lead to by now: behind one that was watched there may be another. It watches those of
    /// `gone` no longer, and does not touch others, since their storage may not answer.
    ///
    /// # Errors
    /// Why not all of them are watched.
    fn arm(&mut self, anew: &BTreeSet<PathBuf>, gone: &BTreeSet<PathBuf>) -> Result<WatchState, String>;
}

impl Watch {
    /// Starts a thread that reads the files of `sources` at once, and again every [`FileSource::with_interval`].
    ///
    /// # Errors
    /// The system's error if it starts no thread.
    pub fn polling(sources: impl IntoIterator<Item = FileSource>) -> io::Result<Self> {
        let (signals, woken) = channel();
        Self::with_notifier(sources, Box::new(Silence), signals, woken)
    }

    pub(crate) fn with_notifier(
        sources: impl IntoIterator<Item = FileSource>,
        notifier: Box<dyn Notifier>,
        signals: Sender<Signal>,
        woken: Receiver<Signal>,
    ) -> io::Result<Self> {
        let process = Process::current()?;
        let state = Arc::new(Mutex::new(WatchState::Polling { reason: None }));
        let sources: Vec<Followed> = sources.into_iter().map(Followed::from).collect();
        let next = AtomicUsize::new(sources.len());
        let mut watcher = Watcher::new(sources, notifier, signals.clone(), Arc::clone(&state));
        let thread = thread::Builder::new().name("uptls-watch".to_owned()).spawn(move || watcher.run(&woken))?;
        Ok(Self { next, signals, process, state, thread: Some(thread) })
    }

    /// Follows one more source from now on. Its files are read at once.
    ///
    /// ```
    #[doc = include_str!("../../../doc/policy.txt")]
    /// use uptls::{Connector, FileSource, Watch};
    ///
    /// let connector = Connector::new(&runtime, &policy)?;
    /// let watch = Watch::polling([])?;
    /// let followed = watch.add(FileSource::new(&connector, &policy));
    /// // The policy of this backend is gone.
    /// watch.remove(followed);
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn add(&self, source: FileSource) -> WatchedSource {
        self.follow(source.into())
    }

    /// Follows something else that is made of files: a folder of manifests, for example. It is read at once.
    pub fn add_files(&self, source: impl WatchedFiles + 'static) -> WatchedSource {
        self.follow(Followed::Other(Box::new(source), Arc::default()))
    }

    fn follow(&self, source: Followed) -> WatchedSource {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.signal(Signal::Add(id, source));
        WatchedSource(id)
    }

    /// Follows a source no longer: nothing that is read of it from then on is published, and its connector stays as it is.
    /// Remove the source of a policy that was withdrawn for good, or its files are read as long as the watch lives.
    pub fn remove(&self, source: WatchedSource) {
        self.signal(Signal::Remove(source.0));
    }

    /// Reports that `path`, or something in it, changed: for callers with their own watcher.
    pub fn changed(&self, path: impl Into<PathBuf>) {
        self.signal(Signal::Changed(vec![path.into()], Writer::Unknown));
    }

    /// Reports that a writer has changed the file at `path` and not closed it, as [`FileSource::writing`]. Its
    /// directory and name are those of [`FileSource::directories`] and a name in it.
    pub fn writing(&self, path: impl Into<PathBuf>) {
        self.signal(Signal::Changed(vec![path.into()], Writer::Busy));
    }

    /// Reports that the writer of the file at `path` has closed it, as [`FileSource::written`].
    pub fn written(&self, path: impl Into<PathBuf>) {
        self.signal(Signal::Changed(vec![path.into()], Writer::Done));
    }

    /// Reads every file now: for a signal that asks to reload.
    pub fn refresh(&self) {
        self.signal(Signal::Rescan);
    }

    fn signal(&self, signal: Signal) {
        if self.process.is_current() {
            // It fails only if the thread has ended.
            let _ = self.signals.send(signal);
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

/// Waits for the steps that are under way, a second at most: one whose storage does not answer publishes nothing afterwards.
/// Connectors stay as they are.
impl Drop for Watch {
    fn drop(&mut self) {
        self.signal(Signal::Stop);
        let thread = self.thread.take();
        if self.process.is_current() {
            let _ = thread.map(JoinHandle::join);
        } else {
            // No thread will ever be joined, and none needs to know.
            mem::forget(thread);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("state", &self.state()).finish_non_exhaustive()
    }
}

/// Says nothing.
struct Silence;

impl Notifier for Silence {
    fn arm(&mut self, _: &BTreeSet<PathBuf>, _: &BTreeSet<PathBuf>) -> Result<WatchState, String> {
        Ok(WatchState::Polling { reason: None })
    }
}

#[cfg(test)]
mod tests;
