//! What one thread of one process uses at a time. Whoever does otherwise is told, and nothing is harmed.

use std::process;
use std::sync::{Mutex, MutexGuard, TryLockError};

use uptls::Misuse;

use crate::error::Failure;

/// A value behind the checks that make misuse by several threads or processes an error, not a race.
pub(crate) struct Exclusive<T> {
    /// Which process may use it; `None`: a child of fork has a copy of its own that is as good.
    process: Option<u32>,
    value: Mutex<T>,
}

impl<T> Exclusive<T> {
    /// For whichever process.
    pub(crate) fn new(value: T) -> Self {
        Self { process: None, value: Mutex::new(value) }
    }

    /// For this process alone: two that go on with the same keys would use every nonce twice.
    pub(crate) fn of_this_process(value: T) -> Self {
        Self { process: Some(process::id()), value: Mutex::new(value) }
    }

    /// The value, for one call. A panic during the call poisons it: it may be half changed.
    ///
    /// # Errors
    /// [`Misuse`] while another thread is inside a call, and after fork; `panic` if an earlier call panicked.
    pub(crate) fn enter(&self, name: &str) -> Result<MutexGuard<'_, T>, Failure> {
        if self.process.is_some_and(|own| own != process::id()) {
            let what = format!("{name} was made before fork, by another process: make one after it");
            return Err(Misuse::new(what).into());
        }
        match self.value.try_lock() {
            Ok(value) => Ok(value),
            Err(TryLockError::WouldBlock) => {
                Err(Misuse::new(format!("{name} is in use by another thread: one at a time")).into())
            }
            Err(TryLockError::Poisoned(_)) => {
                Err(Failure::Panic(format!("an earlier call panicked, and {name} can only be freed")))
            }
        }
    }
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
        let exclusive = Exclusive::of_this_process(7);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _inside = exclusive.enter("conn");
            panic!("half done");
        }));
        assert!(panicked.is_err());
        assert!(matches!(exclusive.enter("conn"), Err(failure) if failure.status() == UPTLS_E_PANIC));
    }
}
