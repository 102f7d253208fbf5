//! The runtime for C: the cryptography and the clock that policies share.

use core::ffi::c_char;
use std::sync::Arc;

use uptls::{FixedClock, Metrics, Misuse, ObservationQueue, RuntimeBuilder};

use crate::boundary;
use crate::error::Error;
use crate::handle::{self, Handle, Number, Out, Owned};
use crate::status::Status;
use crate::strings;

/// The state that policies share: cryptography, the clock, equal material. A program needs one. Policies keep what they
/// need of it, so the program may free it before them.
pub struct Runtime {
    core: uptls::Runtime,
    metrics: Arc<Metrics>,
    observations: Arc<ObservationQueue>,
}

impl Handle for Runtime {
    type Ownership = Owned;
}

impl Runtime {
    fn of(builder: RuntimeBuilder) -> Self {
        let (metrics, observations) = (Arc::new(Metrics::default()), Arc::new(ObservationQueue::new(0)));
        let builder = builder.observer(Arc::clone(&metrics)).observer(Arc::clone(&observations));
        Self { core: builder.build(), metrics, observations }
    }

    pub(crate) fn core(&self) -> &uptls::Runtime {
        &self.core
    }
}

/// Makes a runtime with the system's clock. `*out` is owned by the caller: `uptls_runtime_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_runtime_new(out: *mut *mut Runtime, err: *mut *mut Error) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        out.set(handle::give(Runtime::of(uptls::Runtime::builder(uptls::aws_lc_rs::provider()))));
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
        out.set(handle::give(Runtime::of(builder.clock(FixedClock::at(seconds)))));
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
        let count = unsafe { Number::cleared(count, "count") };
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let bytes = unsafe { Number::cleared(bytes, "bytes") };
        let (count, bytes) = (count?, bytes?);
        // SAFETY: by the contract of the header it is NULL or live.
        let held = unsafe { handle::borrow(runtime, "runtime") }?.core().held_sessions();
        count.set(held.count);
        bytes.set(held.bytes);
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, tell) }
}

/// The counters of its connections and policies, and its sessions, in the text format of Prometheus (0.0.4): what an
/// endpoint /metrics answers as `text/plain; version=0.0.4`. `docs/observability.md` has each metric. `*text` is owned by
/// the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_runtime_metrics_text(
    runtime: *const Runtime,
    text: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let tell = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(text, "text") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let runtime = unsafe { handle::borrow(runtime, "runtime") }?;
        out.set(strings::give(&runtime.metrics.prometheus_text(&runtime.core)));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, tell) }
}

/// Keeps what happens to connections and policies from now on, until `uptls_runtime_next_observation` takes it: the last
/// `most`. 0, as at the beginning: nothing. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_runtime_observe(runtime: *const Runtime, most: usize, err: *mut *mut Error) -> Status {
    let keep = || {
        // SAFETY: by the contract of the header it is NULL or live.
        unsafe { handle::borrow(runtime, "runtime") }?.observations.keep(most);
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, keep) }
}

/// Takes the oldest observation that is kept: one JSON object on one line, whose `observation` is `handshake_started`,
/// `connection_opened`, `connection_failed`, `connection_abandoned`, `connection_closed`, `connection_condemned`,
/// `shadow_refused`, `generation_published`,
/// `update_refused`, `policy_recovered`, `policy_withdrawn`, `certificate_expiring` or `connector_changed`; more may come.
/// `*json` is NULL if none is kept, and else owned by the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_runtime_next_observation(
    runtime: *const Runtime,
    json: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let take = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(json, "json") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let runtime = unsafe { handle::borrow(runtime, "runtime") }?;
        if let Some(observation) = runtime.observations.next() {
            out.set(strings::give(&observation.json));
        }
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, take) }
}

/// How many observations were dropped because the program did not take them in time; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_runtime_lost_observations(runtime: *const Runtime) -> u64 {
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(0, || unsafe { runtime.as_ref() }.map_or(0, |runtime| runtime.observations.lost()))
}

/// Frees a runtime; policies that were made with it stay valid. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_runtime_free(runtime: *mut Runtime) {
    // SAFETY: by the contract of the header it is NULL or live, and not used again.
    boundary::value((), || unsafe { handle::release(runtime) });
}
