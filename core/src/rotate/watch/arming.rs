//! Asks for the system's events in a thread of its own: where they come faster than they are taken in, or the storage does not
//! answer, no reader of files waits for it.

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use super::{Notifier, WatchState};
use crate::sync::{Mutex, lock};

/// The way to that thread, which ends with the last of these.
#[derive(Clone)]
pub(super) struct Arming {
    /// Sources whose request is not answered yet: each has one at most, however often its files are read meanwhile.
    asked: Arc<Mutex<BTreeSet<usize>>>,
    requests: Sender<Request>,
    state: Arc<Mutex<WatchState>>,
}

struct Request {
    directories: BTreeSet<PathBuf>,
    done: Sender<()>,
    slot: usize,
}

/// The notifier, and the directories of each source.
struct Armed {
    asked: Arc<Mutex<BTreeSet<usize>>>,
    notifier: Box<dyn Notifier>,
    slots: BTreeMap<usize, BTreeSet<PathBuf>>,
    state: Arc<Mutex<WatchState>>,
}

impl Arming {
    /// Without a thread, files are polled, and the state says why.
    pub(super) fn new(notifier: Box<dyn Notifier>, state: Arc<Mutex<WatchState>>) -> Self {
        let (requests, wanted) = channel();
        let asked = Arc::default();
        let slots = BTreeMap::new();
        let mut armed = Armed { asked: Arc::clone(&asked), notifier, slots, state: Arc::clone(&state) };
        let spawned = thread::Builder::new().name("uptls-watch-arm".to_owned()).spawn(move || armed.run(&wanted));
        if let Err(error) = spawned {
            set(&state, WatchState::Polling { reason: Some(error.to_string()) });
        }
        Self { asked, requests, state }
    }

    /// Has the directories of a source watched, and returns when they are, or after [`TIMEOUT`].
    pub(super) fn arm(&self, slot: usize, directories: &BTreeSet<PathBuf>) {
        if !lock(&self.asked).insert(slot) {
            return;
        }
        let (done, answer) = channel();
        // It fails only if there is no thread.
        let _ = self.requests.send(Request { directories: directories.clone(), done, slot });
        if answer.recv_timeout(TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            set(&self.state, WatchState::Polling { reason: Some(SLOW.to_owned()) });
        }
    }

    /// Has the directories of a source watched no longer, unless they are those of another. Nothing waits for that.
    pub(super) fn forget(&self, slot: usize) {
        let _ = self.requests.send(Request { directories: BTreeSet::new(), done: channel().0, slot });
    }
}

impl Armed {
    fn run(&mut self, wanted: &Receiver<Request>) {
        while let Ok(Request { directories, done, slot }) = wanted.recv() {
            self.arm(slot, directories);
            lock(&self.asked).remove(&slot);
            // The reader has gone on if it took too long.
            let _ = done.send(());
        }
    }

    fn arm(&mut self, slot: usize, directories: BTreeSet<PathBuf>) {
        match directories.is_empty() {
            true => self.slots.remove(&slot),
            false => self.slots.insert(slot, directories.clone()),
        };
        let all = self.slots.values().flatten().cloned().collect();
        // A panic of the system's watcher is a bug, and must not end the events of the other sources (T8).
        let armed = catch_unwind(AssertUnwindSafe(|| self.notifier.arm(&all, &directories)));
        let state = match armed.unwrap_or_else(|_| Err("the watcher panicked".to_owned())) {
            Ok(state) => state,
            Err(reason) => WatchState::Polling { reason: Some(reason) },
        };
        set(&self.state, state);
    }
}

/// R10: logged once per change.
fn set(known: &Mutex<WatchState>, state: WatchState) {
    let mut known = lock(known);
    if *known != state {
        if let WatchState::Polling { reason: Some(reason) } = &state {
            tracing::warn!(target: "uptls", "files are polled: {reason}");
        }
        *known = state;
    }
}

/// How long a reader waits until events are on their way. What changes meanwhile is found by the next poll.
const TIMEOUT: Duration = Duration::from_secs(1);
const SLOW: &str = "the system's events come faster than they can be taken in, or its storage does not answer";
