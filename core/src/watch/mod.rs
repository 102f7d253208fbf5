//! Events of the file system for file sources (R6), by the `notify` crate: inotify on Linux, the platform's own elsewhere.
//!
//! They only make a source look earlier. What it then does is [`FileSource::poll`](crate::FileSource::poll), as ever.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::rotate::watch::{Notifier, Signal, Writer};
use crate::rotate::{FileSource, Watch, WatchState};

/// Starts a thread that reads the files of `sources` at once, again as soon as they change, and every
/// [`FileSource::with_interval`] in case a change went unnoticed. It ends when the handle is dropped.
///
/// Where the system gives no watches, the files are polled, and [`Watch::state`] says why; they are asked for again each time
/// that files are read.
///
/// # Errors
/// The system's error if it starts no thread.
pub fn start(sources: impl IntoIterator<Item = FileSource>) -> io::Result<Watch> {
    let (signals, woken) = channel();
    Watch::with_notifier(sources, Box::new(Directories::new(signals.clone())), signals, woken)
}

/// The directories that are watched.
struct Directories {
    signals: Sender<Signal>,
    /// Those that the system would not watch, with its reasons.
    refused: BTreeMap<PathBuf, String>,
    watched: BTreeSet<PathBuf>,
    /// `None` until the system has given one.
    watcher: Option<RecommendedWatcher>,
}

impl Directories {
    fn new(signals: Sender<Signal>) -> Self {
        Self { signals, refused: BTreeMap::new(), watched: BTreeSet::new(), watcher: None }
    }

    fn watcher(&mut self) -> notify::Result<&mut RecommendedWatcher> {
        let watcher = match self.watcher.take() {
            Some(watcher) => watcher,
            None => {
                let signals = self.signals.clone();
                let wake = move |event: notify::Result<Event>| {
                    // It fails only once the thread has ended.
                    let _ = signal(event).map(|signal| signals.send(signal));
                };
                notify::recommended_watcher(wake)?
            }
        };
        Ok(self.watcher.insert(watcher))
    }

    fn unwatch(&mut self, gone: &BTreeSet<PathBuf>) {
        for directory in gone {
            if self.watched.remove(directory)
                && let Some(watcher) = &mut self.watcher
            {
                // It may be gone in every sense.
                let _ = watcher.unwatch(directory);
            }
        }
    }

    fn watch(&mut self, directory: &Path) -> notify::Result<()> {
        let watch = |watcher: &mut RecommendedWatcher| watcher.watch(directory, RecursiveMode::NonRecursive);
        self.watcher().and_then(watch)
    }
}

impl Notifier for Directories {
    fn arm(&mut self, anew: &BTreeSet<PathBuf>, gone: &BTreeSet<PathBuf>) -> Result<WatchState, String> {
        self.unwatch(gone);
        self.refused.retain(|directory, _| !gone.contains(directory));
        for directory in anew {
            match self.watch(directory) {
                Ok(()) => {
                    self.watched.insert(directory.clone());
                    self.refused.remove(directory);
                }
                Err(error) => {
                    self.watched.remove(directory);
                    self.refused.insert(directory.clone(), error.to_string());
                }
            }
        }
        match self.refused.first_key_value() {
            None => Ok(WatchState::Events),
            Some((directory, reason)) => Err(format!("{}: {reason}", directory.display())),
        }
    }
}

/// `None` for what is no change: that a file is read, as we do ourselves.
fn signal(event: notify::Result<Event>) -> Option<Signal> {
    let Ok(event) = event else { return Some(Signal::Rescan) };
    if event.need_rescan() {
        return Some(Signal::Rescan);
    }
    let writer = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Writer::Done,
        EventKind::Access(_) => return None,
        EventKind::Modify(ModifyKind::Data(_)) if CLOSES_ARE_TOLD => Writer::Busy,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => Writer::Done,
        _ => Writer::Unknown,
    };
    Some(Signal::Changed(event.paths, writer))
}

/// Elsewhere than with inotify a change says nothing of whether the writer goes on.
const CLOSES_ARE_TOLD: bool = cfg!(any(target_os = "android", target_os = "linux"));

#[cfg(test)]
mod tests;
