//! Asks for the system's events in a thread of its own: where they come faster than they are taken in, or the storage does not
//! answer, no reader of files waits for it.

use core::time::Duration;
use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;

use super::armed::Armed;
use super::{Notifier, WatchState};
use crate::panic;
use crate::sync::{Mutex, lock};

/// The way to that thread, which ends with the last of these.
#[derive(Clone)]
pub(super) struct Arming {
    /// Sources whose request is not answered yet: each has one at most, however often its files are read meanwhile.
    asked: Arc<Mutex<HashSet<usize>>>,
    requests: Sender<Request>,
    state: Arc<Mutex<WatchState>>,
}

struct Request {
    directories: Arc<BTreeSet<PathBuf>>,
    done: Sender<()>,
    ids: Vec<usize>,
}

impl Arming {
    /// Without a thread, files are polled, and the state says why.
    pub(super) fn new(notifier: Box<dyn Notifier>, state: Arc<Mutex<WatchState>>) -> Self {
        let (requests, wanted) = channel();
        let asked = Arc::default();
        let mut thread = Thread { armed: Armed::default(), asked: Arc::clone(&asked), notifier, state: state.clone() };
        let spawned = thread::Builder::new().name("uptls-watch-arm".to_owned()).spawn(move || thread.run(&wanted));
        if let Err(error) = spawned {
            set(&state, WatchState::Polling { reason: Some(error.to_string()) });
        }
        Self { asked, requests, state }
    }

    /// Has the directories of some sources watched, and returns when they are, or after [`TIMEOUT`].
    pub(super) fn arm(&self, ids: &[usize], directories: &Arc<BTreeSet<PathBuf>>) {
        let ids: Vec<usize> = {
            let mut asked = lock(&self.asked);
            ids.iter().copied().filter(|id| asked.insert(*id)).collect()
        };
        if ids.is_empty() {
            return;
        }
        let (done, answer) = channel();
        // It fails only if there is no thread.
        let _ = self.requests.send(Request { directories: Arc::clone(directories), done, ids });
        if answer.recv_timeout(TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            set(&self.state, WatchState::Polling { reason: Some(SLOW.to_owned()) });
        }
    }

    /// Has the directories of some sources watched no longer, unless they are those of others. Nothing waits for that.
    pub(super) fn forget(&self, ids: Vec<usize>) {
        if !ids.is_empty() {
            let _ = self.requests.send(Request { directories: Arc::default(), done: channel().0, ids });
        }
    }
}

/// What the thread has.
struct Thread {
    armed: Armed,
    asked: Arc<Mutex<HashSet<usize>>>,
    notifier: Box<dyn Notifier>,
    state: Arc<Mutex<WatchState>>,
}

impl Thread {
    fn run(&mut self, wanted: &Receiver<Request>) {
        while let Ok(Request { directories, done, ids }) = wanted.recv() {
            let gone = self.armed.set(&ids, &directories);
            // A panic of the system's watcher is a bug, and must not end the events of the other sources (T8).
            let armed = panic::catch(|| self.notifier.arm(&directories, &gone));
            let state = match armed.unwrap_or_else(|_| Err("the watcher panicked".to_owned())) {
                Ok(state) => state,
                Err(reason) => WatchState::Polling { reason: Some(reason) },
            };
            set(&self.state, state);
            self.answered(&ids);
            // The reader has gone on if it took too long.
            let _ = done.send(());
        }
    }

    fn answered(&self, ids: &[usize]) {
        let mut asked = lock(&self.asked);
        for id in ids {
            asked.remove(id);
        }
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
