//! The locks behind publishing, and a thread that waits for what tasks wait for. Built with `--cfg shuttle` they are shuttle's, so that a test decides which thread goes on
//! at each of them (`tests/rotate_interleavings.rs`).

#[cfg(not(shuttle))]
pub(crate) use arc_swap::ArcSwap;
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(shuttle)]
pub(crate) use published::ArcSwap;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};

use core::task::{Context, Poll, Waker};
use std::sync::{Arc, PoisonError};
use std::task::Wake;
use std::thread::{self, Thread};
use std::time::Instant;

/// Locks do not poison: one caught panic must not end rotation or resumption (T8).
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Blocks this thread until `poll` is ready, and until `until` at most; `None`: without end. Nothing if the time was over first.
pub(crate) fn block_until<T>(until: Option<Instant>, mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(value) = poll(&mut context) {
            return Some(value);
        }
        match until.map(|until| until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())) {
            None => thread::park(),
            Some(left) => thread::park_timeout(left?),
        }
    }
}

/// The tasks that wait for one thing to happen.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<Vec<Waker>>);

impl Waiting {
    /// Wakes `waker` when it happens, once. Look whether it has happened after this call, not before.
    pub(crate) fn wait(&self, waker: &Waker) {
        let mut waiting = lock(&self.0);
        if !waiting.iter().any(|other| other.will_wake(waker)) {
            waiting.push(waker.clone());
        }
    }

    /// It has happened.
    pub(crate) fn wake(&self) {
        let woken = core::mem::take(&mut *lock(&self.0));
        woken.into_iter().for_each(Waker::wake);
    }
}

/// Wakes a thread that parks.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// As much of `arc_swap` as publishing needs, with a choice of the next thread at each load and store.
#[cfg(shuttle)]
mod published {
    use super::{Arc, Mutex, lock};

    pub(crate) struct ArcSwap<T>(Mutex<Arc<T>>);

    impl<T> ArcSwap<T> {
        pub(crate) fn from_pointee(value: T) -> Self {
            Self(Mutex::new(Arc::new(value)))
        }

        pub(crate) fn load(&self) -> Arc<T> {
            Arc::clone(&lock(&self.0))
        }

        pub(crate) fn load_full(&self) -> Arc<T> {
            self.load()
        }

        pub(crate) fn store(&self, value: Arc<T>) {
            // The old value is dropped without the lock.
            let _old = std::mem::replace(&mut *lock(&self.0), value);
        }
    }
}
