//! What one thread of one process uses at a time. A second thread gets an error, and nothing is harmed.

use std::sync::{Mutex, MutexGuard, TryLockError};

use uptls::{Code, Misuse};
use uptls_process::Process;

use crate::error::Failure;

/// A value behind the checks that make misuse by several threads or processes an error, not a race.
pub(crate) struct Exclusive<T> {
    /// Which process may use it; `None`: a child of fork has a copy of its own that is as good.
    process: Option<Process>,
    value: Mutex<T>,
}

impl<T> Exclusive<T> {
    /// For any process.
    pub(crate) fn new(value: T) -> Self {
        Self { process: None, value: Mutex::new(value) }
    }

    /// For this process alone (L10): two that go on with the same keys would use every nonce twice.
    ///
    /// # Errors
    /// `internal` where a process cannot be told from its children.
    pub(crate) fn of_this_process(value: T) -> Result<Self, Failure> {
        Ok(Self { process: Some(this_process()?), value: Mutex::new(value) })
    }

    /// The value, for one call. A panic during the call poisons it: it may be half changed.
    ///
    /// # Errors
    /// [`Misuse`] while another thread is inside a call, and after fork; `panic` if an earlier call panicked.
    pub(crate) fn enter(&self, name: &str) -> Result<MutexGuard<'_, T>, Failure> {
        // Before the lock, which a thread of the parent may have held at the fork.
        if self.process.is_some_and(|process| !process.is_current()) {
            return Err(Misuse::in_another_process(name).into());
        }
        match self.value.try_lock() {
            Ok(value) => Ok(value),
            Err(TryLockError::WouldBlock) => {
                Err(Misuse::new(format!("{name} is in use by another thread: one at a time")).into())
            }
            Err(TryLockError::Poisoned(_)) => Err(poisoned(name)),
        }
    }
}

/// The process that asks, for what must stay in it.
///
/// # Errors
/// `internal` where a process cannot be told from its children.
pub(crate) fn this_process() -> Result<Process, Failure> {
    Process::current().map_err(|error| {
        let message = format!("this process cannot be told from its children: {error}");
        Failure::without_policy(Code::Internal, message)
    })
}

/// Of what a panic left half changed.
pub(crate) fn poisoned(name: &str) -> Failure {
    Failure::Panic(format!("an earlier call panicked, and {name} can only be freed"))
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::status::{UPTLS_E_PANIC, UPTLS_E_USAGE};

    #[test]
    fn a_second_thread_is_told() {
        let exclusive = Exclusive::new(7);
        let inside = exclusive.enter("conn");
        assert!(matches!(&inside, Ok(value) if **value == 7));
        assert!(matches!(exclusive.enter("conn"), Err(failure) if failure.status() == UPTLS_E_USAGE));
        drop(inside);
        assert!(exclusive.enter("conn").is_ok());
    }

    #[test]
    fn a_panic_poisons_it() {
        let Ok(exclusive) = Exclusive::of_this_process(7) else { panic!("it is this process") };
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _inside = exclusive.enter("conn");
            panic!("half done");
        }));
        assert!(panicked.is_err());
        assert!(matches!(exclusive.enter("conn"), Err(failure) if failure.status() == UPTLS_E_PANIC));
    }
}
