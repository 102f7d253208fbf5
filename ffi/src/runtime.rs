//! The runtime for C: the cryptography and the clock that policies share.

use uptls::{FixedClock, Misuse};

use crate::boundary;
use crate::error::Error;
use crate::handle::{self, Handle, Number, Out, Owned};
use crate::status::Status;

/// The state that policies share: cryptography, the clock, equal material. A program needs one. Policies keep what they
/// need of it, so the program may free it before them.
pub struct Runtime(uptls::Runtime);

impl Handle for Runtime {
    type Ownership = Owned;
}

impl Runtime {
    pub(crate) fn core(&self) -> &uptls::Runtime {
        &self.0
    }
}

/// Makes a runtime with the system's clock. `*out` is owned by the caller: `uptls_runtime_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_runtime_new(out: *mut *mut Runtime, err: *mut *mut Error) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        out.set(handle::give(Runtime(uptls::Runtime::new(uptls::aws_lc_rs::provider()))));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, make) }
}

/// Makes a runtime with a clock that stands at `unix_seconds`: every verification of its policies uses that time. For
/// offline verification and tests. `UPTLS_E_USAGE` for times before 1970. `*out` is owned by the caller:
/// `uptls_runtime_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_runtime_new_at(
    unix_seconds: i64,
    out: *mut *mut Runtime,
    err: *mut *mut Error,
) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        let seconds = u64::try_from(unix_seconds)
            .map_err(|_| Misuse::new(format!("unix_seconds must be 0 or more, it is {unix_seconds}")))?;
        let builder = uptls::Runtime::builder(uptls::aws_lc_rs::provider());
        out.set(handle::give(Runtime(builder.clock(FixedClock::at(seconds)).build())));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, make) }
}

/// How many sessions the runtime holds for resumption, and the bytes that are charged for them, for metrics. `*count` and
/// `*bytes` are 0 first. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_runtime_held_sessions(
    runtime: *const Runtime,
    count: *mut usize,
    bytes: *mut usize,
    err: *mut *mut Error,
) -> Status {
    let tell = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let count = unsafe { Number::cleared(count, "count") }?;
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let bytes = unsafe { Number::cleared(bytes, "bytes") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let held = unsafe { handle::borrow(runtime, "runtime") }?.core().held_sessions();
        count.set(held.count);
        bytes.set(held.bytes);
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, tell) }
}

/// Frees a runtime; policies that were made with it stay valid. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_runtime_free(runtime: *mut Runtime) {
    // SAFETY: by the contract of the header it is NULL or live, and not used again.
    boundary::value((), || unsafe { handle::release(runtime) });
}
