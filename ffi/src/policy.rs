//! Policies for C: loaded from a native document, and judged with offline.

use core::ffi::c_char;
use core::fmt::Write;
use core::ptr;
use std::ffi::CString;
use std::path::Path;
use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{Envelope, Misuse, Prepared, Problems, Warning};
use uptls_manifest::kubernetes::EffectivePolicy;

use crate::boundary;
use crate::error::{Error, Failure};
use crate::handle::{self, Handle, Out, Shared};
use crate::runtime::Runtime;
use crate::status::Status;
use crate::strings;

/// A policy with its material, checked and frozen. Reference-counted.
pub struct Policy {
    fingerprint: CString,
    name: Option<CString>,
    prepared: Arc<Prepared>,
    /// What was overridden or made stricter while it was put together of several objects.
    warnings: Vec<Warning>,
}

impl Handle for Policy {
    type Ownership = Shared;
}

impl Policy {
    pub(crate) fn new(prepared: Arc<Prepared>, warnings: Vec<Warning>) -> Self {
        let name = prepared.policy().name().map(handle::c_text);
        let fingerprint = handle::c_text(&digest_text(prepared.fingerprint()));
        Self { fingerprint, name, prepared, warnings }
    }

    /// The policy of a backend, with what was overridden or made stricter.
    pub(crate) fn of_manifests(
        found: &EffectivePolicy,
        runtime: &uptls::Runtime,
        permission: DangerPermission,
    ) -> Result<Self, Problems> {
        Ok(Self::new(found.prepare(runtime, permission)?, found.warnings.clone()))
    }

    pub(crate) fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }
}

/// Whether a policy may weaken verification (its `danger` section): `UPTLS_DANGER_FORBID` or `UPTLS_DANGER_ALLOW`.
pub type Danger = i32;

/// The library refuses a policy that weakens verification, with `danger_forbidden`. Pass this by default.
pub const UPTLS_DANGER_FORBID: Danger = 0;
/// The library accepts such a policy, and every report warns about it: the author of the policy then decides whether
/// this program talks to an impostor.
pub const UPTLS_DANGER_ALLOW: Danger = 1;

/// Loads a policy from the text of a native document (`apiVersion: uptls/v1`), YAML or JSON, with all files that it
/// names. `text` need not be NUL-terminated. `name` is the document's name in error messages. Relative `file:` entries
/// are relative to the folder `base`; NULL: to the working directory.
///
/// `*out` is one reference, owned by the caller: `uptls_policy_unref`. `uptls_error_json` holds every problem of the
/// policy. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_policy_from_document(
    runtime: *const Runtime,
    text: *const u8,
    length: usize,
    name: *const c_char,
    base: *const c_char,
    permission: Danger,
    out: *mut *mut Policy,
    err: *mut *mut Error,
) -> Status {
    let load = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let runtime = unsafe { handle::borrow(runtime, "runtime") }?.core();
        // SAFETY: by the contract of the header it is NULL or `length` bytes can be read there.
        let text = unsafe { handle::bytes(text, length, "text") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let name = unsafe { handle::text(name, "name") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let base = unsafe { handle::optional_text(base, "base") }?.map(Path::new);
        let loaded = uptls_manifest::prepare(runtime, text, name, base, parse_permission(permission)?);
        publish(out, runtime, loaded)
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, load) }
}

/// Loads a policy from the file at `path` (UTF-8), as `uptls_policy_from_document` does. Relative `file:` entries are
/// relative to its folder.
///
/// `*out` is one reference, owned by the caller: `uptls_policy_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_policy_from_file(
    runtime: *const Runtime,
    path: *const c_char,
    permission: Danger,
    out: *mut *mut Policy,
    err: *mut *mut Error,
) -> Status {
    let load = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let runtime = unsafe { handle::borrow(runtime, "runtime") }?.core();
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let path = Path::new(unsafe { handle::text(path, "path") }?);
        let loaded = uptls_manifest::prepare_file(runtime, path, parse_permission(permission)?);
        publish(out, runtime, loaded)
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, load) }
}

/// Takes one more reference to a policy and returns it. NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_policy_ref(policy: *const Policy) -> *mut Policy {
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(ptr::null_mut(), || unsafe { handle::retain(policy) })
}

/// Gives one reference back; with the last one the policy is freed. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_policy_unref(policy: *mut Policy) {
    // SAFETY: by the contract of the header it is NULL or live, and this reference is not used again.
    boundary::value((), || unsafe { handle::unshare(policy) });
}

/// Verifies a certificate chain offline, at the time of the runtime's clock, exactly as a live handshake would. `chain`
/// is PEM, leaf first; other blocks and text between them are ignored. `backend_host` counts if the policy's server
/// name is `auto`, and may be NULL.
///
/// Returns `UPTLS_OK` if and only if the policy accepts the chain. `*report` is the full report (schema
/// `uptls.report/v1`), for acceptance and refusal, and NULL only for `UPTLS_E_USAGE` and `UPTLS_E_PANIC`; it is byte
/// for byte what Rust, Python and the command give. It is owned by the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_policy_verify(
    policy: *const Policy,
    chain: *const u8,
    length: usize,
    backend_host: *const c_char,
    report: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let verify = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(report, "report") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let policy = unsafe { handle::borrow(policy, "policy") }?;
        // SAFETY: by the contract of the header it is NULL or `length` bytes can be read there.
        let chain = unsafe { handle::bytes(chain, length, "chain") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let backend_host = unsafe { handle::optional_text(backend_host, "backend_host") }?;
        let mut report = policy.prepared.report_pem(chain, backend_host);
        report.warnings.extend_from_slice(&policy.warnings);
        out.set(strings::give(&Envelope::reports(vec![report.clone()]).to_json()));
        if report.accepted() { Ok(()) } else { Err(report.into()) }
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, verify) }
}

/// The name of the policy; NULL if it has none, and for NULL. Owned by the policy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_policy_name(policy: *const Policy) -> *const c_char {
    let name = |policy: &Policy| policy.name.as_ref().map_or(ptr::null(), |name| name.as_ptr());
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(ptr::null(), || unsafe { policy.as_ref() }.map_or(ptr::null(), name))
}

/// The digest of everything that decides a verdict or a handshake, `sha256:...`: equal for equal policies with equal
/// material. NULL for NULL. Owned by the policy.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_policy_fingerprint(policy: *const Policy) -> *const c_char {
    let fingerprint = |policy: &Policy| policy.fingerprint.as_ptr();
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(ptr::null(), || unsafe { policy.as_ref() }.map_or(ptr::null(), fingerprint))
}

/// What the policy trusts, sends and accepts (schema `uptls.description/v1`): byte for byte what the command gives. `*json`
/// is owned by the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_policy_describe(
    policy: *const Policy,
    json: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let describe = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(json, "json") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let policy = unsafe { handle::borrow(policy, "policy") }?;
        let mut description = policy.prepared.describe();
        description.warnings.extend_from_slice(&policy.warnings);
        out.set(strings::give(&Envelope::new("uptls.description/v1", vec![description]).to_json()));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, describe) }
}

/// `sha256:...`
pub(crate) fn digest_text(digest: &[u8; 32]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in digest {
        // Writing to a String does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn publish(out: Out<Policy>, runtime: &uptls::Runtime, loaded: Result<Arc<Prepared>, Problems>) -> Result<(), Failure> {
    let prepared = loaded.map_err(|problems| Failure::Unusable(problems, runtime.now_text()))?;
    out.set(handle::share(Arc::new(Policy::new(prepared, Vec::new()))));
    Ok(())
}

pub(crate) fn parse_permission(permission: Danger) -> Result<DangerPermission, Misuse> {
    match permission {
        UPTLS_DANGER_FORBID => Ok(DangerPermission::Forbidden),
        UPTLS_DANGER_ALLOW => Ok(DangerPermission::Allowed),
        other => {
            Err(Misuse::new(format!("permission must be UPTLS_DANGER_FORBID or UPTLS_DANGER_ALLOW, it is {other}")))
        }
    }
}
