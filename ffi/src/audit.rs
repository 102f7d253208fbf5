//! Audit for C: a second policy that judges the same peers, and decides nothing.

use core::ffi::c_char;

use crate::boundary;
use crate::connector::Connector;
use crate::error::{Error, Failure};
use crate::handle::{self, Out};
use crate::status::Status;
use crate::strings;

/// Has `shadow` judge the peers of `connector` from the next connection on, beside its own policy. What it says is counted
/// and changes no verdict: use it to learn which peers a stricter policy would refuse before you enforce it. The shadow is a connector
/// that makes no connections: update it, and have a watch follow its files, as any other. Each call begins a new count; with NULL
/// it ends. `UPTLS_E_USAGE` for the connector itself, and for a shadow that has a shadow. Both stay the caller's. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_audit(
    connector: *const Connector,
    shadow: *const Connector,
    err: *mut *mut Error,
) -> Status {
    let audit = || {
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?.core();
        // SAFETY: by the contract of the header it is NULL or live.
        match unsafe { shadow.as_ref() } {
            None => connector.end_audit(),
            Some(shadow) => connector.audit(shadow.core()).map_err(|error| match error {
                uptls::Error::Misuse(misuse) => Failure::from(misuse),
                other => Failure::without_policy(other.code(), other.to_string()),
            })?,
        }
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, audit) }
}

/// What the shadow of `uptls_connector_audit` would have said so far: one JSON object on one line, whose `role` is `shadow`. It
/// counts connections that were made and that the shadow would have refused by code (`refused`), has `samples` of them, and names
/// the parts of the two policies that no certificate shows (`unseen`). `docs/observability.md` has each field. `*json` is NULL
/// without a shadow, and else owned by the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_audit_report(
    connector: *const Connector,
    json: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let tell = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(json, "json") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?.core();
        if let Some(report) = connector.audit_report() {
            out.set(strings::give(&report.to_json()));
        }
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, tell) }
}
