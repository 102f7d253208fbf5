//! The observers of a runtime: none by default, called without a lock, and never a way for a panic (R12).

use core::cell::{Cell, RefCell};
use core::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use super::Observer;
use crate::panic;

/// A clone is the same observers; without any it is nothing.
#[derive(Clone, Default)]
pub(crate) struct Observers(Option<Arc<Known>>);

struct Known {
    observers: Vec<Box<dyn Observer>>,
    /// Whether it was said that one of them panics.
    said: AtomicBool,
}

/// While it lives, what its thread tells later waits: it is told when the outermost one is dropped.
pub(crate) struct Postponed;

type Told = Box<dyn FnOnce()>;

thread_local! {
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    static WAITING: RefCell<Vec<Told>> = const { RefCell::new(Vec::new()) };
}

impl Observers {
    pub(crate) fn new(observers: Vec<Box<dyn Observer>>) -> Self {
        let known = Known { observers, said: AtomicBool::new(false) };
        Self((!known.observers.is_empty()).then(|| Arc::new(known)))
    }

    /// Whether there are none: then nothing is measured.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Tells each of them, in the order in which they were given.
    pub(crate) fn tell(&self, tell: impl Fn(&dyn Observer)) {
        if let Some(known) = &self.0 {
            known.tell(tell);
        }
    }

    /// The same once this thread holds no lock of the library: at once, unless it is [`Postponed`].
    pub(crate) fn tell_unlocked(&self, tell: impl Fn(&dyn Observer) + 'static) {
        if DEPTH.get() == 0 {
            return self.tell(tell);
        }
        let observers = self.clone();
        WAITING.with_borrow_mut(|waiting| waiting.push(Box::new(move || observers.tell(tell))));
    }

    /// Postpones what is told from now on. Make it before a lock is taken, and drop it after: a local variable above
    /// that of the lock does both.
    pub(crate) fn postpone(&self) -> Option<Postponed> {
        self.0.as_ref().map(|_| {
            DEPTH.set(DEPTH.get() + 1);
            Postponed
        })
    }
}

impl Known {
    fn tell(&self, tell: impl Fn(&dyn Observer)) {
        for observer in &self.observers {
            let Err(words) = panic::catch(|| tell(&**observer)) else { continue };
            // The library goes on, and says so once.
            if !self.said.swap(true, Ordering::Relaxed) {
                panic::log("an observer", &words);
            }
        }
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.tell(|observer| observer.ended());
    }
}

impl Drop for Postponed {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
        if DEPTH.get() == 0 {
            // An observer may call the library, which tells more.
            WAITING.take().into_iter().for_each(|told| told());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::observe::{PolicyNews, PolicyRecovered};

    struct Noting(Arc<Mutex<Vec<i64>>>);

    impl Observer for Noting {
        fn policy_recovered(&self, recovered: &PolicyRecovered<'_>) {
            self.0.lock().unwrap().push(recovered.policy.at);
        }
    }

    struct Panicking;

    impl Observer for Panicking {
        fn policy_recovered(&self, _: &PolicyRecovered<'_>) {
            panic!("as asked");
        }
    }

    fn recovered(observers: &Observers, at: i64) {
        observers.tell_unlocked(move |observer| {
            let policy = PolicyNews { policy: None, generation: crate::Generation::default(), at };
            observer.policy_recovered(&PolicyRecovered { policy });
        });
    }

    #[test]
    fn what_is_told_under_a_lock_is_told_after_the_outermost_one() {
        let noted = Arc::new(Mutex::new(Vec::new()));
        let observers = Observers::new(vec![Box::new(Panicking), Box::new(Noting(Arc::clone(&noted)))]);
        recovered(&observers, 1);
        assert_eq!(*noted.lock().unwrap(), [1], "a panic of the one is nothing to the other");
        let outer = observers.postpone();
        let inner = observers.postpone();
        recovered(&observers, 2);
        drop(inner);
        recovered(&observers, 3);
        assert_eq!(*noted.lock().unwrap(), [1]);
        drop(outer);
        assert_eq!(*noted.lock().unwrap(), [1, 2, 3]);
    }

    #[test]
    fn without_observers_nothing_waits() {
        let observers = Observers::new(Vec::new());
        assert!(observers.is_empty() && observers.postpone().is_none());
        recovered(&observers, 1);
        assert_eq!(WAITING.take().len(), 0);
    }
}
