//! Connectors for C: the current generation of one policy, shared by threads.

use core::ffi::c_char;
use std::sync::Arc;

use uptls::{CheckOptions, Code, ConnectorState, Envelope, Generation, Misuse, OnInvalid, Prepared, Problems};
use uptls_manifest::kubernetes::ON_INVALID;

use crate::boundary;
use crate::error::{Error, Failure};
use crate::evidence::Evidence;
use crate::handle::{self, Handle, Number, Out, Shared};
use crate::open_connections::OpenConnections;
use crate::options::{self, ConnOptions};
use crate::policy::Policy;
use crate::status::Status;
use crate::strings;
use crate::target::Target;

/// Makes verified connections by the current generation of one policy. Each connection takes one snapshot and keeps it: an
/// update never changes a connection that exists. Reference-counted.
pub struct Connector {
    core: uptls::Connector,
    open: OpenConnections,
}

impl Handle for Connector {
    type Ownership = Shared;
}

/// The effect on new connections of files that have become invalid: `UPTLS_KEEP_LAST_GOOD` or `UPTLS_FAIL_CLOSED`.
pub type OnInvalidFiles = i32;

/// The last good generation stays: a broken file does not become an outage, but a revoked CA stays trusted until the file is
/// repaired.
pub const UPTLS_KEEP_LAST_GOOD: OnInvalidFiles = 0;
/// New connections fail at once: the rule of the Gateway API.
pub const UPTLS_FAIL_CLOSED: OnInvalidFiles = 1;

/// Whether a connector makes connections: `UPTLS_STATE_...`.
pub type State = i32;

/// There is no connector: NULL was given.
pub const UPTLS_STATE_NONE: State = 0;
/// It does, with the last update.
pub const UPTLS_STATE_READY: State = 1;
/// It does, with the last good generation, because a later update was invalid.
pub const UPTLS_STATE_DEGRADED: State = 2;
/// It does not, because the policy or its files cannot be used.
pub const UPTLS_STATE_NOT_READY: State = 3;
/// It does not, because the policy was withdrawn or a file of it is gone.
pub const UPTLS_STATE_WITHDRAWN: State = 4;

impl Connector {
    pub(crate) fn of(policy: &Policy, on_invalid: OnInvalid) -> Self {
        let prepared = policy.prepared();
        Self { core: uptls::Connector::of_prepared(Arc::clone(prepared), on_invalid), open: OpenConnections::default() }
    }

    pub(crate) fn not_ready(runtime: &uptls::Runtime, reason: Problems, on_invalid: OnInvalid) -> Self {
        Self { core: uptls::Connector::not_ready(runtime, reason, on_invalid), open: OpenConnections::default() }
    }

    /// As the Gateway API wants it: without a policy that can be used, its connections fail with the reason.
    pub(crate) fn of_manifests(policy: Result<Policy, Problems>, runtime: &uptls::Runtime) -> Self {
        match policy {
            Ok(policy) => Self::of(&policy, ON_INVALID),
            Err(reason) => Self::not_ready(runtime, reason, ON_INVALID),
        }
    }

    /// R2: publishes the policy that its backend has now, or refuses every new connection with the reason why it has none.
    ///
    /// # Errors
    /// That reason, and those of [`Connector::publish`].
    pub(crate) fn follow(
        &self,
        policy: Result<Policy, Problems>,
        runtime: &uptls::Runtime,
    ) -> Result<Generation, Failure> {
        let policy = policy.map_err(|problems| {
            self.core.refuse(problems.clone());
            Failure::Unusable(problems, runtime.now_text())
        })?;
        self.publish(policy.prepared())
    }

    pub(crate) fn core(&self) -> &uptls::Connector {
        &self.core
    }

    pub(crate) fn open(&self) -> &OpenConnections {
        &self.open
    }

    /// Publishes a policy for new connections.
    ///
    /// # Errors
    /// It was withdrawn meanwhile, or is of another runtime.
    pub(crate) fn publish(&self, prepared: &Arc<Prepared>) -> Result<Generation, Failure> {
        self.core.publish(Arc::clone(prepared)).map_err(|error| match error {
            uptls::Error::Policy(problems) => Failure::Unusable(problems, prepared.runtime().now_text()),
            uptls::Error::Misuse(misuse) => misuse.into(),
            other => Failure::without_policy(other.code(), other.to_string()),
        })
    }
}

/// Makes a connector with `policy` as its first generation. The call reads no file again. The policy stays the
/// caller's. `*out` is one reference, owned by the caller: `uptls_connector_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_new(
    policy: *const Policy,
    on_invalid: OnInvalidFiles,
    out: *mut *mut Connector,
    err: *mut *mut Error,
) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let policy = unsafe { handle::borrow(policy, "policy") }?;
        let on_invalid = match on_invalid {
            UPTLS_KEEP_LAST_GOOD => OnInvalid::KeepLastGood,
            UPTLS_FAIL_CLOSED => OnInvalid::FailClosed,
            other => {
                let what = format!("on_invalid must be UPTLS_KEEP_LAST_GOOD or UPTLS_FAIL_CLOSED, it is {other}");
                return Err(Misuse::new(what).into());
            }
        };
        out.set(handle::share(Arc::new(Connector::of(policy, on_invalid))));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, make) }
}

/// Takes one more reference to a connector and returns it. NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_ref(connector: *const Connector) -> *mut Connector {
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(core::ptr::null_mut(), || unsafe { handle::retain(connector) })
}

/// Gives one reference back; with the last one the connector is freed. Connections that it made stay open. NULL is
/// fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_unref(connector: *mut Connector) {
    // SAFETY: by the contract of the header it is NULL or live, and this reference is not used again.
    boundary::value((), || unsafe { handle::unshare(connector) });
}

/// Publishes `policy`, as it was loaded, for new connections. Equal content is no new generation. The update ends a
/// refusal, a withdrawal, and a stop by invalid files. A watch follows the files of the new policy from its next
/// dispatch on: dispatch at once. `UPTLS_E_USAGE` for a policy of another runtime than the connector's first. Both stay
/// the caller's. `*generation` is the number of the published generation; 0 first. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_update(
    connector: *const Connector,
    policy: *const Policy,
    generation: *mut u64,
    err: *mut *mut Error,
) -> Status {
    let update = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Number::cleared(generation, "generation") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let prepared = unsafe { handle::borrow(policy, "policy") }?.prepared();
        out.set(connector.publish(prepared)?.number());
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, update) }
}

/// Reports an update that the program could not even load: `reason` is the error of the call that should have given the
/// policy. It counts as an invalid update: the last good generation stays (`UPTLS_STATE_DEGRADED`), or with
/// `UPTLS_FAIL_CLOSED` new connections fail with the reason. A withdrawn policy stays withdrawn. Only a successful
/// update ends the refusal; no watch does. `UPTLS_E_USAGE` for an error that is not about a policy. `reason` stays the
/// caller's. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_refuse(
    connector: *const Connector,
    reason: *const Error,
    err: *mut *mut Error,
) -> Status {
    let refuse = || {
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let reason = unsafe { handle::borrow(reason, "reason") }?;
        let problems = reason.problems().ok_or_else(|| {
            Misuse::new(
                "reason must be the error of a call that should have given a policy, and failed with UPTLS_E_CONFIG",
            )
        })?;
        connector.core.refuse(problems.clone());
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, refuse) }
}

/// Makes one connection to `host` on `port` as an application would, closes it, and reports every step, as the command
/// `uptls check` does. It sends no data. It blocks until the deadline of `options` at most. `host`, `connect_to` and `options` are as in `uptls_stream_connect`.
///
/// Returns `UPTLS_OK` if and only if the policy accepts the peer. `*report` is the full report (schema
/// `uptls.report/v1`), for acceptance and refusal, and NULL only for `UPTLS_E_USAGE` and `UPTLS_E_PANIC`. It is owned
/// by the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_check(
    connector: *const Connector,
    host: *const c_char,
    port: u16,
    connect_to: *const c_char,
    options: *const ConnOptions,
    report: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let check = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(report, "report") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?.core();
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let target = unsafe { Target::parse(host, port, connect_to) }?;
        // SAFETY: by the contract of the header it is NULL, or as large as it says.
        let options = CheckOptions::new(unsafe { options::parse(options) }?.connect);
        let report = connector.check(target.address, &target.host, &options);
        if report.code == Some(Code::Misuse) {
            return Err(report.into());
        }
        out.set(strings::give(&Envelope::reports(vec![report.clone()]).to_json()));
        if report.accepted() { Ok(()) } else { Err(report.into()) }
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, check) }
}

/// Ends the policy: new connections fail at once with `policy_withdrawn`, and existing ones stay open. Only
/// `uptls_connector_update` publishes again. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_withdraw(connector: *const Connector, err: *mut *mut Error) -> Status {
    let withdraw = || {
        // SAFETY: by the contract of the header it is NULL or live.
        unsafe { handle::borrow(connector, "connector") }?.core.withdraw();
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, withdraw) }
}

/// The number of the current generation: 1 for the first, 0 before there was any and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_generation(connector: *const Connector) -> u64 {
    let generation = |connector: &Connector| connector.core.generation().number();
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(0, || unsafe { connector.as_ref() }.map_or(0, generation))
}

/// Whether the connector makes connections, and if not, why. The error of a connection has the exact reason.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_state(connector: *const Connector) -> State {
    boundary::value(UPTLS_STATE_NOT_READY, || {
        // SAFETY: by the contract of the header it is NULL or live.
        let Some(connector) = (unsafe { connector.as_ref() }) else { return UPTLS_STATE_NONE };
        match connector.core.state() {
            ConnectorState::Ready => UPTLS_STATE_READY,
            ConnectorState::Degraded { .. } => UPTLS_STATE_DEGRADED,
            ConnectorState::Withdrawn { .. } => UPTLS_STATE_WITHDRAWN,
            // The enum may grow: what is not known to make connections does not.
            _ => UPTLS_STATE_NOT_READY,
        }
    })
}

/// The policy that new connections use, with its material as the library last read it. `UPTLS_E_CONFIG` unless the
/// state is ready or degraded. `*out` is one reference, owned by the caller: `uptls_policy_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_policy(
    connector: *const Connector,
    out: *mut *mut Policy,
    err: *mut *mut Error,
) -> Status {
    let take = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?;
        let prepared = connector.core.prepared().ok_or_else(|| unready(connector))?;
        out.set(handle::share(Arc::new(Policy::new(prepared, Vec::new()))));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, take) }
}

/// Whether a new connection would use the same policy and material as this one: 1, or 0. A pool drains connections that
/// are not current.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_is_current(connector: *const Connector, evidence: *const Evidence) -> i32 {
    boundary::value(0, || {
        // SAFETY: by the contract of the header they are NULL or live.
        let (connector, evidence) = unsafe { (connector.as_ref(), evidence.as_ref()) };
        let both = connector.zip(evidence);
        both.is_some_and(|(connector, evidence)| connector.core.is_current(evidence.core())).into()
    })
}

/// Takes the oldest event that is waiting, in JSON (schema `uptls.event/v1`): `kind` is `updated`, `recovered`,
/// `degraded`, `not_ready`, `withdrawn`, `expiring` or `expired`; `trust_reduced` says that the new policy may refuse a
/// peer that the earlier one accepted. `*json` is NULL if nothing happened since, and else owned by the caller:
/// `uptls_string_free`. `err` may be NULL.
///
/// The connector keeps at most 32 events; see `uptls_connector_lost_events`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_next_event(
    connector: *const Connector,
    json: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let take = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(json, "json") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?;
        if let Some(event) = connector.core.next_event() {
            out.set(strings::give(&event.to_json()));
        }
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, take) }
}

/// How many events were lost since the connector was made, because the program did not take them in time; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_lost_events(connector: *const Connector) -> u64 {
    let lost = |connector: &Connector| connector.core.lost_events();
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(0, || unsafe { connector.as_ref() }.map_or(0, lost))
}

/// Makes events for certificates that come near their end, each mark once. `uptls_watch_dispatch` does it too: call
/// this now and then for policies without files. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_check_expiry(connector: *const Connector, err: *mut *mut Error) -> Status {
    let check = || {
        // SAFETY: by the contract of the header it is NULL or live.
        unsafe { handle::borrow(connector, "connector") }?.core.check_expiry();
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, check) }
}

/// Why a connector has no policy now.
pub(crate) fn unready(connector: &Connector) -> Failure {
    let (code, message) = match connector.core.state() {
        ConnectorState::NotReady { reason, .. } => (Code::PolicyNotReady, format!("the policy is not ready: {reason}")),
        _ => (Code::PolicyWithdrawn, "the policy was withdrawn".to_owned()),
    };
    Failure::without_policy(code, message)
}
