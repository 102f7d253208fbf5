//! Policies by calls, for C: each call notes a field, and `uptls_builder_build` judges all of them at once.

mod identity;
mod names;
mod negotiation;
mod signer;
mod trust;

pub use identity::{uptls_builder_set_identity_files, uptls_builder_set_identity_pem};
pub use names::{
    uptls_builder_add_san_dns, uptls_builder_add_san_ip, uptls_builder_add_san_spiffe_path_prefix,
    uptls_builder_add_san_spiffe_trust_domain, uptls_builder_add_san_uri, uptls_builder_add_spki_pin,
    uptls_builder_set_server_name,
};
pub use negotiation::{
    uptls_builder_add_alpn, uptls_builder_add_alpn_bytes, uptls_builder_add_cipher_suite, uptls_builder_add_group,
    uptls_builder_disable_resumption, uptls_builder_set_alpn_required, uptls_builder_set_handshake_timeout,
    uptls_builder_set_max_version, uptls_builder_set_min_version,
};
pub use signer::{Sign, uptls_builder_set_identity_signer};
pub use trust::{
    SystemRoots, UPTLS_SYSTEM_ROOTS_MOZILLA, UPTLS_SYSTEM_ROOTS_NATIVE, UPTLS_SYSTEM_ROOTS_NONE,
    UPTLS_SYSTEM_ROOTS_PLATFORM, uptls_builder_add_ca_file, uptls_builder_add_ca_pem, uptls_builder_add_crl_file,
    uptls_builder_add_crl_pem, uptls_builder_add_pinned_certificate, uptls_builder_add_pinned_key,
    uptls_builder_add_spiffe_ca_file, uptls_builder_add_spiffe_ca_pem, uptls_builder_set_revocation,
    uptls_builder_set_system_roots, uptls_builder_set_system_trust_domain,
};

use core::ffi::c_char;
use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{PolicyDraft, PolicySpec, Problems, UpstreamTlsPolicy};

use crate::boundary;
use crate::error::{Error, Failure};
use crate::exclusive::Exclusive;
use crate::handle::{self, Handle, Out, Owned};
use crate::policy::Policy;
use crate::runtime::Runtime;
use crate::status::Status;

/// The fields of a policy under construction. A program may call `uptls_builder_build` any number of times: the builder
/// stays as it is. Only documents can weaken verification.
pub struct Builder(Exclusive<PolicyDraft>);

impl Handle for Builder {
    type Ownership = Owned;
}

/// Makes a builder without any field: trust is missing yet. `*out` is owned by the caller: `uptls_builder_free`. `err` may
/// be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_new(out: *mut *mut Builder, err: *mut *mut Error) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        out.set(handle::give(Builder(Exclusive::new(PolicyDraft::new(PolicySpec::default())))));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, make) }
}

/// Frees a builder, and zeroises the keys in it. Policies that it built stay valid. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_free(builder: *mut Builder) {
    // SAFETY: by the contract of the header it is NULL or live, and not used again.
    boundary::value((), || unsafe { handle::release(builder) });
}

/// Sets the name of the policy, for reports. Replaces an earlier one. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_name(
    builder: *mut Builder,
    name: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, name, "name", err, |draft, name| draft.name = Some(name)) }
}

/// Checks the fields, reads the files that they name, and makes a policy. The builder stays valid, and the caller's.
///
/// `UPTLS_E_CONFIG` if the policy cannot be used; `uptls_error_json` then holds every problem, with the path that the
/// field has in a document (`spec.trust.bundles[0]`). `*out` is one reference, owned by the caller:
/// `uptls_policy_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_build(
    builder: *const Builder,
    runtime: *const Runtime,
    out: *mut *mut Policy,
    err: *mut *mut Error,
) -> Status {
    let build = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let draft = unsafe { handle::borrow(builder, "builder") }?.0.enter("builder")?.clone();
        // SAFETY: by the contract of the header it is NULL or live.
        let runtime = unsafe { handle::borrow(runtime, "runtime") }?.core();
        let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden);
        let prepared = policy.and_then(|policy| runtime.prepare(&policy));
        let prepared = prepared.map_err(|problems: Problems| Failure::Unusable(problems, runtime.now_text()))?;
        out.set(handle::share(Arc::new(Policy::new(prepared, Vec::new()))));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, build) }
}

/// Changes the draft of a builder.
///
/// # Safety
/// `builder` is NULL or live; `err` is NULL or can be written to.
pub(crate) unsafe fn change(
    builder: *const Builder,
    err: *mut *mut Error,
    change: impl FnOnce(&mut PolicyDraft) -> Result<(), Failure>,
) -> Status {
    let body = || {
        // SAFETY: the contract is the same.
        let mut draft = unsafe { handle::borrow(builder, "builder") }?.0.enter("builder")?;
        change(&mut draft)
    };
    // SAFETY: the contract is the same.
    unsafe { boundary::call(err, body) }
}

/// Notes one text in the draft of a builder.
///
/// # Safety
/// That of [`change`], and `text` is NULL or NUL-terminated.
unsafe fn note(
    builder: *const Builder,
    text: *const c_char,
    name: &str,
    err: *mut *mut Error,
    set: impl FnOnce(&mut PolicyDraft, String),
) -> Status {
    let noted = |draft: &mut PolicyDraft| {
        // SAFETY: the contract is the same.
        set(draft, unsafe { handle::text(text, name) }?.to_owned());
        Ok(())
    };
    // SAFETY: the contract is the same.
    unsafe { change(builder, err, noted) }
}
