//! When each source of a watch is due, and what was heard of its files: the decisions of every watch. It reads nothing, waits for
//! nothing, and asks no clock; a driver does that (`watcher`, with threads; `dispatch`, by a descriptor).

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::super::files;
use super::Writer;
use super::followed::Followed;
use super::job::{Done, Job, Member};

#[derive(Default)]
pub(super) struct Schedule {
    /// The number of the next job.
    next: usize,
    /// What changed while each job reads, when the directories of its sources were not known; `None`: more than is kept.
    reading: BTreeMap<usize, Option<BTreeMap<Arc<Path>, Writer>>>,
    slots: BTreeMap<usize, Slot>,
}

/// One source.
struct Slot {
    /// Since when its directories have been changing.
    changing: Option<Instant>,
    /// As absolute paths.
    directories: Arc<BTreeSet<PathBuf>>,
    next: Instant,
    /// Whether its last step panicked, and the log says so (R10).
    panicked: bool,
    /// `None` while it is read.
    source: Option<Followed>,
    /// What is read of it from now on is not published.
    stopped: Arc<AtomicBool>,
}

impl Schedule {
    /// One more source, which is due at once.
    pub(super) fn add(&mut self, id: usize, mut source: Followed, now: Instant) {
        let stopped = Arc::default();
        source.stop_with(&stopped);
        let directories = Arc::default();
        let slot = Slot { changing: None, directories, next: now, panicked: false, source: Some(source), stopped };
        self.slots.insert(id, slot);
    }

    /// `false`: there is none.
    pub(super) fn remove(&mut self, id: usize) -> bool {
        self.slots.remove(&id).inspect(Slot::stop).is_some()
    }

    /// Nothing is published any more.
    pub(super) fn stop(&self) {
        self.slots.values().for_each(Slot::stop);
    }

    /// When the next source is due; `None`: none is, before one that is read is given back.
    pub(super) fn next(&self) -> Option<Instant> {
        self.slots.values().filter(|slot| slot.source.is_some()).map(|slot| slot.next).min()
    }

    /// Whether a source follows a connector that went over to another policy: it is due.
    #[cfg(unix)]
    pub(super) fn is_behind(&self) -> bool {
        self.slots.values().any(|slot| slot.source.as_ref().is_some_and(Followed::is_behind))
    }

    /// Has those read at once.
    #[cfg(unix)]
    pub(super) fn hurry(&mut self, now: Instant) {
        let behind = |slot: &&mut Slot| slot.source.as_ref().is_some_and(Followed::is_behind);
        self.slots.values_mut().filter(behind).for_each(|slot| slot.next = now);
    }

    /// The sources that are due, and are read from now on. Those of the same files are one job, and all jobs share what they read.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Job> {
        let due = self.slots.iter_mut().filter(|(_, slot)| slot.next <= now);
        let members = due.filter_map(|(id, slot)| {
            slot.changing = None;
            Some(Member::new(*id, slot.source.take()?, slot.panicked))
        });
        let jobs = Job::of(members, &mut self.next);
        self.reading.extend(jobs.iter().map(|job| (job.id(), Some(BTreeMap::new()))));
        jobs
    }

    /// Takes sources back that were read. The numbers of those that were removed meanwhile.
    pub(super) fn give_back(&mut self, done: Done, now: Instant) -> Vec<usize> {
        let heard = self.reading.remove(&done.job).flatten();
        let mut concerned = Concerned::default();
        let mut removed = Vec::new();
        for Member { directories, id, next, panicked, source, .. } in done.members {
            let Some(slot) = self.slots.get_mut(&id) else {
                removed.push(id);
                continue;
            };
            (slot.directories, slot.next, slot.panicked, slot.source) = (directories, next, panicked, Some(source));
            match &heard {
                Some(heard) => heard.iter().for_each(|(path, writer)| slot.note(path, *writer, now, &mut concerned)),
                None => slot.rescan(now),
            }
        }
        removed
    }

    /// `path` changed, or something in it.
    pub(super) fn hear(&mut self, path: &Path, writer: Writer, now: Instant) {
        let path: Arc<Path> = files::absolute(path).into();
        for heard in self.reading.values_mut() {
            match heard {
                Some(kept) if kept.len() < MAX_HEARD => drop(kept.insert(Arc::clone(&path), writer)),
                _ => *heard = None,
            }
        }
        let mut concerned = Concerned::default();
        self.slots.values_mut().for_each(|slot| slot.note(&path, writer, now, &mut concerned));
    }

    /// Anything may have changed.
    pub(super) fn rescan(&mut self, now: Instant) {
        self.reading.values_mut().for_each(|heard| *heard = None);
        self.slots.values_mut().for_each(|slot| slot.rescan(now));
    }
}

/// Which directories one change concerns: many sources have the same.
#[derive(Default)]
struct Concerned(HashMap<(usize, usize), bool>);

impl Concerned {
    fn are(&mut self, directories: &Arc<BTreeSet<PathBuf>>, path: &Arc<Path>) -> bool {
        let key = (Arc::as_ptr(directories).addr(), Arc::as_ptr(path).addr());
        let look = || {
            let is_one = |path: &Path| directories.contains(path);
            is_one(path) || path.parent().is_some_and(is_one)
        };
        *self.0.entry(key).or_insert_with(look)
    }
}

impl Slot {
    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    /// `path` is absolute. A writer gets a moment to finish what it began.
    fn note(&mut self, path: &Arc<Path>, writer: Writer, now: Instant, concerned: &mut Concerned) {
        let Some(source) = &mut self.source else { return };
        if concerned.are(&self.directories, path) {
            source.note(path, writer);
            let first = *self.changing.get_or_insert(now);
            self.next = (now + QUIET).min(first + MAX_QUIET);
        }
    }

    fn rescan(&mut self, now: Instant) {
        if let Some(source) = &mut self.source {
            source.forget_writers();
            self.next = now;
        }
    }
}

/// How many paths are kept that changed while a source is read.
pub(super) const MAX_HEARD: usize = 1000;
/// How long nothing must change until files are read, and how long that can put it off.
const QUIET: Duration = Duration::from_millis(50);
const MAX_QUIET: Duration = Duration::from_secs(1);
