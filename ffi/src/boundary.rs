//! The border: no panic leaves it, every failure becomes a status and an error object, and no thread is cancelled inside.

use uptls::panic;

use crate::uncancelled::Uncancelled;

use crate::error::{Error, Failure};
use crate::handle::{self, Out};
use crate::status::{Progress, Status};

/// Runs `body`. What it gives becomes a status of 0 or more; a failure, a panic too, gives its own, and the error object
/// in `err` unless that is NULL.
///
/// # Safety
/// `err` is NULL or can be written to.
pub(crate) unsafe fn call<P: Into<Progress>>(
    err: *mut *mut Error,
    body: impl FnOnce() -> Result<P, Failure>,
) -> Status {
    // SAFETY: the contract is the same.
    let err = unsafe { Out::wanted(err) };
    let _uncancelled = Uncancelled::begin();
    let outcome = panic::catch(body).unwrap_or_else(|words| Err(Failure::Panic(words)));
    let failure = match outcome {
        Ok(progress) => return progress.into().status(),
        Err(failure) => failure,
    };
    let status = failure.status();
    if let Some(err) = err {
        // What is said of a failure is no reason to fail again: without it, err stays NULL.
        let _ = panic::catch(|| err.set(handle::give(Error::new(failure))));
    }
    status
}

/// Runs `body`; a panic gives `fallback`.
pub(crate) fn value<T>(fallback: T, body: impl FnOnce() -> T) -> T {
    let _uncancelled = Uncancelled::begin();
    panic::catch(body).unwrap_or(fallback)
}

#[cfg(test)]
mod tests {
    use core::ffi::CStr;
    use core::ptr;

    use super::*;
    use crate::error::{uptls_error_code, uptls_error_free, uptls_error_message};
    use crate::status::UPTLS_E_PANIC;

    #[test]
    fn a_panic_becomes_a_status_and_an_error() {
        let mut err = ptr::null_mut();
        // SAFETY: err is a local variable.
        let status = unsafe { call(&raw mut err, || -> Result<(), Failure> { panic!("as {} as this", "bad") }) };
        assert_eq!(status, UPTLS_E_PANIC);
        // SAFETY: err was set by the call, and is freed once.
        unsafe {
            assert_eq!(CStr::from_ptr(uptls_error_code(err)), c"panic");
            assert_eq!(CStr::from_ptr(uptls_error_message(err)), c"a panic was caught: as bad as this");
            uptls_error_free(err);
        }
    }

    #[test]
    fn a_panic_without_interest_in_errors_is_a_status() {
        // SAFETY: NULL is permitted.
        assert_eq!(unsafe { call(ptr::null_mut(), || -> Result<(), Failure> { panic!("unseen") }) }, UPTLS_E_PANIC);
        assert_eq!(value(7, || panic!("unseen")), 7);
    }

    #[test]
    fn a_payload_whose_destructor_panics_stays_inside() {
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("the second panic");
            }
        }
        // SAFETY: NULL is permitted.
        let status = unsafe { call(ptr::null_mut(), || -> Result<(), Failure> { std::panic::panic_any(Bomb) }) };
        assert_eq!(status, UPTLS_E_PANIC);
        assert_eq!(value(7, || std::panic::panic_any(Bomb)), 7);
    }
}
