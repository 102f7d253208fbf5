//! The thread of a watch: it knows when each source is due, and has others read the files.

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Instant;

use super::super::{FileSource, files};
use super::arming::Arming;
use super::readers::Readers;
use super::{Notifier, Signal, WatchState, Writer};
use crate::sync::Mutex;

pub(super) struct Watcher {
    arming: Arming,
    signals: Sender<Signal>,
    readers: Readers,
    slots: BTreeMap<usize, Slot>,
}

/// One source.
struct Slot {
    /// Since when its directories have been changing.
    changing: Option<Instant>,
    directories: BTreeSet<PathBuf>,
    next: Instant,
    /// Whether its last step panicked, and the log says so (R10).
    panicked: bool,
    /// What changed while it was read, when its directories were not known; `None`: more than is kept.
    heard: Option<BTreeMap<PathBuf, Writer>>,
    /// `None` while it is read.
    source: Option<FileSource>,
    /// What is read of it from now on is not published.
    stopped: Arc<AtomicBool>,
}

/// What a reader gives back.
pub(crate) struct Read {
    next: Instant,
    panicked: bool,
    slot: usize,
    source: FileSource,
}

impl Watcher {
    pub(super) fn new(
        sources: impl IntoIterator<Item = FileSource>,
        notifier: Box<dyn Notifier>,
        signals: Sender<Signal>,
        state: Arc<Mutex<WatchState>>,
    ) -> Self {
        let slots = sources.into_iter().map(Slot::new).enumerate().collect();
        Self { arming: Arming::new(notifier, state), signals, readers: Readers::default(), slots }
    }

    pub(super) fn run(&mut self, woken: &Receiver<Signal>) {
        self.read_what_is_due();
        // A watch that is ended at once has read its files once.
        self.readers.settle(FAREWELL);
        while self.listen(woken) {
            self.read_what_is_due();
        }
        self.slots.values().for_each(Slot::stop);
        self.readers.end(FAREWELL);
    }

    fn read_what_is_due(&mut self) {
        let now = Instant::now();
        let due: Vec<usize> = self.slots.iter().filter(|(_, slot)| slot.next <= now).map(|(id, _)| *id).collect();
        due.into_iter().for_each(|id| self.read(id));
    }

    /// Sleeps until a source is due, and takes in all that was said until then; `false`: the end.
    fn listen(&mut self, woken: &Receiver<Signal>) -> bool {
        let now = Instant::now();
        let waiting = self.slots.values().filter(|slot| slot.source.is_some());
        let due = waiting.map(|slot| slot.next).min().unwrap_or(now + IDLE);
        let mut next = match woken.recv_timeout(due.saturating_duration_since(now)) {
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return false,
            Ok(signal) => Some(signal),
        };
        for _ in 0..BURST {
            match next {
                None => break,
                Some(Signal::Stop) => return false,
                Some(signal) => self.hear(signal),
            }
            next = woken.try_recv().ok();
        }
        // The last of a burst.
        let is_end = matches!(next, Some(Signal::Stop));
        next.into_iter().for_each(|signal| self.hear(signal));
        !is_end
    }

    fn hear(&mut self, signal: Signal) {
        let now = Instant::now();
        match signal {
            Signal::Add(id, source) => {
                self.slots.insert(id, Slot::new(*source));
            }
            Signal::Changed(paths, writer) => {
                for slot in self.slots.values_mut() {
                    paths.iter().for_each(|path| slot.note(&files::absolute(path), writer, now));
                }
            }
            Signal::Read(read) => self.take_back(*read),
            Signal::Remove(id) => {
                if let Some(slot) = self.slots.remove(&id) {
                    slot.stop();
                    self.arming.forget(id);
                }
            }
            Signal::Rescan => self.slots.values_mut().for_each(|slot| slot.rescan(now)),
            Signal::Stop => {}
        }
    }

    fn read(&mut self, id: usize) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        let Some(source) = slot.source.take() else { return };
        slot.changing = None;
        let (arming, signals, panicked) = (self.arming.clone(), self.signals.clone(), slot.panicked);
        self.readers.submit(Box::new(move || {
            let read = read(id, source, &arming, panicked);
            // It fails only once the watch has ended.
            let _ = signals.send(Signal::Read(Box::new(read)));
        }));
    }

    fn take_back(&mut self, read: Read) {
        let Read { next, panicked, slot: id, source } = read;
        let Some(slot) = self.slots.get_mut(&id) else {
            // It was removed while it was read, and may have asked for events meanwhile.
            self.arming.forget(id);
            return;
        };
        slot.directories = directories(&source);
        slot.next = next;
        slot.panicked = panicked;
        slot.source = Some(source);
        let now = Instant::now();
        match slot.heard.replace(BTreeMap::new()) {
            Some(heard) => heard.iter().for_each(|(path, writer)| slot.note(path, *writer, now)),
            None => slot.rescan(now),
        }
    }
}

impl Slot {
    /// A source that is read at once.
    fn new(mut source: FileSource) -> Self {
        let stopped = Arc::default();
        source.stop_with(&stopped);
        Self {
            changing: None,
            directories: BTreeSet::new(),
            next: Instant::now(),
            panicked: false,
            heard: Some(BTreeMap::new()),
            source: Some(source),
            stopped,
        }
    }

    fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
    }

    fn is_concerned_by(&self, changed: &Path) -> bool {
        self.directories.contains(changed) || changed.parent().is_some_and(|parent| self.directories.contains(parent))
    }

    /// A writer gets a moment to finish what it began.
    fn put_off(&mut self, now: Instant) {
        let first = *self.changing.get_or_insert(now);
        self.next = (now + QUIET).min(first + MAX_QUIET);
    }

    fn rescan(&mut self, now: Instant) {
        self.next = now;
        match &mut self.source {
            Some(source) => source.forget_writers(),
            None => self.heard = None,
        }
    }

    /// `changed` is an absolute path.
    fn note(&mut self, changed: &Path, writer: Writer, now: Instant) {
        if self.source.is_none() {
            self.keep(changed, writer);
        } else if self.is_concerned_by(changed) {
            self.source.iter_mut().for_each(|source| tell(source, changed, writer));
            self.put_off(now);
        }
    }

    fn keep(&mut self, changed: &Path, writer: Writer) {
        let Some(heard) = &mut self.heard else { return };
        if heard.len() < MAX_HEARD {
            heard.insert(changed.to_owned(), writer);
        } else {
            self.heard = None;
        }
    }
}

fn tell(source: &mut FileSource, path: &Path, writer: Writer) {
    match writer {
        Writer::Busy => source.writing(path),
        Writer::Done => source.written(path),
        Writer::Unknown => {}
    }
}

/// One source that panics is a bug, and must not end the rotation of the others (R4, T8).
fn read(slot: usize, mut source: FileSource, arming: &Arming, panicked: bool) -> Read {
    let polled = catch_unwind(AssertUnwindSafe(|| look(slot, &mut source, arming)));
    if polled.is_err() && !panicked {
        tracing::error!(target: "uptls", "a source of files panicked: {source:?}");
    }
    let (next, panicked) = polled.map_or_else(|_| (Instant::now() + IDLE, true), |next| (next, false));
    Read { next, panicked, slot, source }
}

/// Watched first and read afterwards: what changes in between is seen. Where reading finds other directories, they are
/// watched, and read again.
fn look(slot: usize, source: &mut FileSource, arming: &Arming) -> Instant {
    source.find_directories();
    let mut rounds = 1;
    loop {
        let before = directories(source);
        arming.arm(slot, &before);
        let polled = source.poll(Instant::now());
        if rounds == ROUNDS || directories(source) == before {
            return polled.next;
        }
        rounds += 1;
    }
}

fn directories(source: &FileSource) -> BTreeSet<PathBuf> {
    source.directories().map(files::absolute).collect()
}

/// How many signals are taken in before anything is read.
const BURST: usize = 10_000;
const IDLE: Duration = Duration::from_secs(10);
/// How long the end of a watch waits for those who read.
const FAREWELL: Duration = Duration::from_secs(1);
/// How many paths are kept that changed while a source is read.
const MAX_HEARD: usize = 1000;
/// How long nothing must change until files are read, and how long that can put it off.
const QUIET: Duration = Duration::from_millis(50);
const MAX_QUIET: Duration = Duration::from_secs(1);
/// Directories that move all the time are read again when they are due.
const ROUNDS: u32 = 3;

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::super::Silence;
    use super::super::tests::{Lines, Watched, write};
    use super::*;
    use crate::rotate::PollOutcome;

    /// A watcher whose source is being read, and that source.
    fn reading(watched: &Watched) -> (Watcher, FileSource) {
        let state = Arc::new(Mutex::new(WatchState::Events));
        let sources = [watched.source()];
        let mut watcher = Watcher::new(sources, Box::new(Silence), channel().0, state);
        let source = watcher.slots.values_mut().find_map(|slot| slot.source.take()).unwrap();
        (watcher, source)
    }

    fn give_back(watcher: &mut Watcher, source: FileSource, next: Instant) -> (FileSource, Instant) {
        watcher.hear(Signal::Read(Box::new(Read { next, panicked: false, slot: 0, source })));
        let slot = watcher.slots.get_mut(&0).unwrap();
        (slot.source.take().unwrap(), slot.next)
    }

    #[test]
    fn what_changes_while_a_source_is_read_is_read_again_and_its_writer_is_waited_for() {
        let watched = Watched::new();
        let (mut watcher, source) = reading(&watched);
        let far = Instant::now() + IDLE;
        let path = watched.folder.path().join("ca.crt");
        watcher.hear(Signal::Changed(vec![path.clone()], Writer::Busy));
        write(watched.folder.path(), "two");
        let (mut source, next) = give_back(&mut watcher, source, far);
        assert!(next < far);
        assert_eq!(source.poll(Instant::now()).outcome, PollOutcome::Unsettled);
        watcher.hear(Signal::Changed(vec![path], Writer::Done));
        let (mut source, next) = give_back(&mut watcher, source, far);
        assert!(next < far && matches!(source.poll(Instant::now()).outcome, PollOutcome::Updated(_)));
    }

    /// The twins: changes elsewhere, and more of them than are kept.
    #[test]
    fn changes_elsewhere_are_nothing_and_too_many_are_anything() {
        let watched = Watched::new();
        let (mut watcher, source) = reading(&watched);
        let far = Instant::now() + IDLE;
        watcher.hear(Signal::Changed(vec![PathBuf::from("/elsewhere/ca.crt")], Writer::Busy));
        let (source, next) = give_back(&mut watcher, source, far);
        assert_eq!(next, far);
        for number in 0..=MAX_HEARD {
            let path = PathBuf::from(format!("/elsewhere/{number}"));
            watcher.hear(Signal::Changed(vec![path], Writer::Unknown));
        }
        assert!(give_back(&mut watcher, source, far).1 < far);
    }

    /// R10: a bug that repeats every 10 s is one line, until a step went well.
    #[test]
    fn a_source_that_goes_on_panicking_is_logged_once() {
        let watched = Watched::new();
        let (watcher, mut source) = reading(&watched);
        let lines = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let mut panicked = false;
        tracing::subscriber::with_default(Lines(Arc::clone(&lines)), || {
            for wanted in [1, 2] {
                write(watched.folder.path(), &format!("panics {wanted}"));
                watched.clock.0.store(true, Ordering::SeqCst);
                for _ in 0..20 {
                    Read { panicked, source, .. } = read(0, source, &watcher.arming, panicked);
                }
                assert_eq!(lines.load(Ordering::SeqCst), wanted, "and once more after it went well");
                watched.clock.0.store(false, Ordering::SeqCst);
                Read { panicked, source, .. } = read(0, source, &watcher.arming, panicked);
            }
        });
    }
}
