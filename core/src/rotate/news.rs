//! Which connectors of a registry have events that were not taken yet, and which tasks wait for one.

use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::{Connector, Event};
use crate::sync::{Mutex, Waiting, lock};

/// Shared by a registry and its connectors.
#[derive(Default)]
pub(super) struct News {
    pending: Mutex<VecDeque<(Arc<str>, Connector)>>,
    waiting: Waiting,
}

/// What a connector of a registry tells of its events.
pub(super) struct Listener {
    name: Arc<str>,
    news: Weak<News>,
    /// Whether it is among the pending ones.
    pending: AtomicBool,
}

impl News {
    /// The next event. The connectors that have some take turns, so that one of them never hides the others.
    pub(super) fn next(&self) -> Option<(Arc<str>, Event)> {
        loop {
            let (name, connector) = lock(&self.pending).pop_front()?;
            // Before its events are looked at: one that comes from here on makes it pending again.
            if let Some(listener) = connector.0.listener.get() {
                listener.pending.store(false, Ordering::SeqCst);
            }
            if let Some(event) = connector.next_event() {
                connector.tell();
                return Some((name, event));
            }
        }
    }

    /// Wakes `waker` once there is an event.
    pub(super) fn wait(&self, waker: &Waker) {
        self.waiting.wait(waker);
    }
}

impl Connector {
    /// Its events are told to `news`, under `name`, for good.
    pub(super) fn listen(&self, news: &Arc<News>, name: &Arc<str>) {
        let listener = Listener { name: Arc::clone(name), news: Arc::downgrade(news), pending: AtomicBool::new(false) };
        let _ = self.0.listener.set(listener);
    }

    /// It may have events.
    pub(super) fn tell(&self) {
        let Some(listener) = self.0.listener.get() else { return };
        let Some(news) = listener.news.upgrade() else { return };
        if listener.pending.swap(true, Ordering::SeqCst) {
            return;
        }
        lock(&news.pending).push_back((Arc::clone(&listener.name), self.clone()));
        news.waiting.wake();
    }
}
