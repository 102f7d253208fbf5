//! Events of the file system for file sources (R6), by the `notify` crate: inotify on Linux, the platform's own elsewhere.
//!
//! They only make a source look earlier. What it then does is [`FileSource::poll`](crate::FileSource::poll), as ever.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::rotate::watch::{Alarm, Nudge, Writer};
use crate::rotate::{FileSource, Watch, WatchState};

/// Starts a thread that reads the files of `sources` at once, again as soon as they change, and every
/// [`FileSource::with_interval`] in case a change went unnoticed. It ends when the handle is dropped.
///
/// Where the system gives no watches, the files are polled, and [`Watch::state`] says why; they are asked for again each time
/// that files are read.
///
/// # Errors
/// What the system says if there is no thread.
pub fn start(sources: impl IntoIterator<Item = FileSource>) -> io::Result<Watch> {
    let (nudges, woken) = channel();
    Watch::with_alarm(sources, Box::new(Directories::new(nudges.clone())), nudges, woken)
}

/// The directories that are watched.
struct Directories {
    nudges: Sender<Nudge>,
    /// Those that the system would not watch, with its reasons.
    refused: BTreeMap<PathBuf, String>,
    watched: BTreeSet<PathBuf>,
    /// `None` until the system has given one.
    watcher: Option<RecommendedWatcher>,
}

impl Directories {
    fn new(nudges: Sender<Nudge>) -> Self {
        Self { nudges, refused: BTreeMap::new(), watched: BTreeSet::new(), watcher: None }
    }

    fn watcher(&mut self) -> notify::Result<&mut RecommendedWatcher> {
        let watcher = match self.watcher.take() {
            Some(watcher) => watcher,
            None => {
                let nudges = self.nudges.clone();
                let wake = move |event: notify::Result<Event>| {
                    // It fails only once the thread has ended.
                    let _ = nudge(event).map(|nudge| nudges.send(nudge));
                };
                notify::recommended_watcher(wake)?
            }
        };
        Ok(self.watcher.insert(watcher))
    }

    fn unwatch(&mut self, gone: &BTreeSet<PathBuf>) {
        for directory in gone {
            if let Some(watcher) = &mut self.watcher {
                // It may be gone in every sense.
                let _ = watcher.unwatch(directory);
            }
            self.watched.remove(directory);
        }
    }

    fn watch(&mut self, directory: &Path) -> notify::Result<()> {
        let watch = |watcher: &mut RecommendedWatcher| watcher.watch(directory, RecursiveMode::NonRecursive);
        self.watcher().and_then(watch)
    }
}

impl Alarm for Directories {
    fn arm(&mut self, all: &BTreeSet<PathBuf>, anew: &BTreeSet<PathBuf>) -> Result<WatchState, String> {
        let gone: BTreeSet<PathBuf> = self.watched.difference(all).cloned().collect();
        self.unwatch(&gone);
        self.refused.retain(|directory, _| all.contains(directory));
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
fn nudge(event: notify::Result<Event>) -> Option<Nudge> {
    let Ok(event) = event else { return Some(Nudge::Rescan) };
    if event.need_rescan() {
        return Some(Nudge::Rescan);
    }
    let writer = match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => Writer::Done,
        EventKind::Access(_) => return None,
        EventKind::Modify(ModifyKind::Data(_)) if CLOSES_ARE_TOLD => Writer::Busy,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_)) => Writer::Done,
        _ => Writer::Unknown,
    };
    Some(Nudge::Changed(event.paths, writer))
}

/// Elsewhere than with inotify a change says nothing of whether the writer goes on.
const CLOSES_ARE_TOLD: bool = cfg!(any(target_os = "android", target_os = "linux"));

#[cfg(test)]
#[path = "inotify/tests.rs"]
mod tests;
