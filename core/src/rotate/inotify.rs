//! Events of the file system for file sources (R6), by the `notify` crate: inotify on Linux, the platform's own elsewhere.
//!
//! They only make a source look earlier. What it then does is [`FileSource::poll`](crate::FileSource::poll), as ever.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::rotate::watch::{Alarm, Nudge};
use crate::rotate::{FileSource, Watch, WatchState};

/// Starts a thread that reads the files of `sources` at once, again as soon as they change, and every
/// [`FileSource::with_interval`] in case a change went unnoticed. It ends when the handle is dropped.
///
/// Where the system gives no watches, the files are polled, and [`Watch::state`] says why.
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
    watched: BTreeSet<PathBuf>,
    /// `None` until the system has given one.
    watcher: Option<RecommendedWatcher>,
}

impl Directories {
    fn new(nudges: Sender<Nudge>) -> Self {
        Self { nudges, watched: BTreeSet::new(), watcher: None }
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
}

impl Alarm for Directories {
    /// Every directory is watched anew each time: behind a path that was watched there may be another directory by now.
    fn arm(&mut self, directories: &BTreeSet<PathBuf>) -> Result<WatchState, String> {
        let gone: Vec<PathBuf> = self.watched.difference(directories).cloned().collect();
        let watcher = self.watcher().map_err(|error| error.to_string())?;
        for directory in &gone {
            // It may be gone in every sense.
            let _ = watcher.unwatch(directory);
        }
        let mut refused = None;
        for directory in directories {
            if let Err(error) = watcher.watch(directory, RecursiveMode::NonRecursive) {
                refused = Some(format!("{}: {error}", directory.display()));
            }
        }
        self.watched.clone_from(directories);
        refused.map_or(Ok(WatchState::Events), Err)
    }
}

/// `None` for what is no change: that somebody reads, as we do ourselves.
fn nudge(event: notify::Result<Event>) -> Option<Nudge> {
    match event {
        Ok(event) if event.need_rescan() => Some(Nudge::Rescan),
        Ok(Event { kind: EventKind::Access(AccessKind::Close(AccessMode::Write)), paths, .. }) => {
            Some(Nudge::Changed(paths))
        }
        Ok(Event { kind: EventKind::Access(_), .. }) => None,
        Ok(Event { paths, .. }) => Some(Nudge::Changed(paths)),
        Err(_) => Some(Nudge::Rescan),
    }
}
