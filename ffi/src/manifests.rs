//! Policies from Kubernetes manifests, for C: Gateway API objects and vendors', merged for one backend.

use core::ffi::c_char;
use std::sync::Arc;

use uptls::{Misuse, Problems};
use uptls_manifest::ManifestSet;
use uptls_manifest::kubernetes::{self, BackendRef, Document, Mode, ObjectName};
use uptls_manifest::report::ImportOptions;

use crate::boundary;
use crate::connector::Connector;
use crate::error::{Error, Failure};
use crate::handle::{self, Out};
use crate::policy::{Danger, Policy, parse_permission};
use crate::runtime::Runtime;
use crate::status::Status;

/// How the import reads a vendor's form that verifies less than it seems to: `UPTLS_STRICT` or `UPTLS_FAITHFUL`.
pub type ManifestMode = i32;

/// The library verifies everything, and each difference from the vendor is a warning of the report. Pass this by
/// default.
pub const UPTLS_STRICT: ManifestMode = 0;
/// The library reads the form as the vendor does. A check that the vendor leaves out is a weakening, which
/// `UPTLS_DANGER_ALLOW` must permit.
pub const UPTLS_FAITHFUL: ManifestMode = 1;

/// Loads the policy of a backend from manifests: `paths` are files, or folders with `*.yaml`, `*.yml` and `*.json`
/// files in them. `backend` is `[[KIND/]NAMESPACE/]NAME[:PORT]`. `gateway` is the Gateway that uses it,
/// `[NAMESPACE/]NAME`, needed if several Gateways have different policies; NULL: no Gateway in particular.
///
/// It fails closed: `UPTLS_E_CONFIG` if a manifest cannot be read, or the policy that applies to the backend cannot be
/// used. `*out` is one reference, owned by the caller: `uptls_policy_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_policy_from_manifests(
    runtime: *const Runtime,
    paths: *const *const c_char,
    count: usize,
    backend: *const c_char,
    gateway: *const c_char,
    mode: ManifestMode,
    permission: Danger,
    out: *mut *mut Policy,
    err: *mut *mut Error,
) -> Status {
    let load = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let runtime = unsafe { handle::borrow(runtime, "runtime") }?.core();
        // SAFETY: by the contract of the header it is NULL, or has so many texts.
        let paths = unsafe { texts(paths, count) }?;
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let wanted = unsafe { Wanted::parse(backend, gateway, mode, permission) }?;
        let policy = kubernetes::load(&paths).and_then(|manifests| wanted.policy(runtime, manifests.documents()));
        give(out, policy, runtime)
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, load) }
}

/// Loads the policy of a backend from one text with any number of manifests in it, YAML or JSON, as
/// `uptls_policy_from_manifests` does. `name` is the text's name in errors. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_policy_from_manifest_text(
    runtime: *const Runtime,
    text: *const u8,
    length: usize,
    name: *const c_char,
    backend: *const c_char,
    gateway: *const c_char,
    mode: ManifestMode,
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
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let wanted = unsafe { Wanted::parse(backend, gateway, mode, permission) }?;
        give(out, wanted.policy(runtime, [Document::new(name, text)]), runtime)
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, load) }
}

/// Makes a connector for a backend from manifests, as the Gateway API demands. If `uptls_policy_from_manifests` would
/// fail with `UPTLS_E_CONFIG`, this call gives a connector that fails every connection with the reason, until an update
/// succeeds. `uptls_connector_state` tells which one it is. A later invalid update also stops it (`UPTLS_FAIL_CLOSED`).
///
/// `*out` is one reference, owned by the caller: `uptls_connector_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_from_manifests(
    runtime: *const Runtime,
    paths: *const *const c_char,
    count: usize,
    backend: *const c_char,
    gateway: *const c_char,
    mode: ManifestMode,
    permission: Danger,
    out: *mut *mut Connector,
    err: *mut *mut Error,
) -> Status {
    let load = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let runtime = unsafe { handle::borrow(runtime, "runtime") }?.core();
        // SAFETY: by the contract of the header it is NULL, or has so many texts.
        let paths = unsafe { texts(paths, count) }?;
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let wanted = unsafe { Wanted::parse(backend, gateway, mode, permission) }?;
        let policy = kubernetes::load(&paths).and_then(|manifests| wanted.policy(runtime, manifests.documents()));
        out.set(handle::share(Arc::new(Connector::of_manifests(policy, runtime))));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, load) }
}

/// For which backend, and how.
struct Wanted {
    backend: BackendRef,
    gateway: Option<ObjectName>,
    mode: Mode,
    permission: uptls::danger::DangerPermission,
}

impl Wanted {
    /// # Safety
    /// `backend` and `gateway` are NULL or NUL-terminated.
    unsafe fn parse(
        backend: *const c_char,
        gateway: *const c_char,
        mode: ManifestMode,
        permission: Danger,
    ) -> Result<Self, Failure> {
        // SAFETY: the contract is the same.
        let backend = unsafe { handle::text(backend, "backend") }?;
        // SAFETY: the contract is the same.
        let gateway = unsafe { handle::optional_text(gateway, "gateway") }?;
        Ok(Self {
            backend: parse_backend(backend)?,
            gateway: parse_gateway(gateway)?,
            mode: parse_mode(mode)?,
            permission: parse_permission(permission)?,
        })
    }

    fn policy<'a>(
        &self,
        runtime: &uptls::Runtime,
        documents: impl IntoIterator<Item = Document<'a>>,
    ) -> Result<Policy, Problems> {
        let mut options = ImportOptions::default();
        (options.gateway, options.mode) = (self.gateway.clone(), self.mode);
        let found = ManifestSet::policy_from(documents, &self.backend, runtime, options)?;
        Policy::of_manifests(&found, runtime, self.permission)
    }
}

pub(crate) fn parse_backend(text: &str) -> Result<BackendRef, Failure> {
    BackendRef::parse(text).map_err(|what| Misuse::new(format!("backend: {what}")).into())
}

pub(crate) fn parse_gateway(text: Option<&str>) -> Result<Option<ObjectName>, Failure> {
    let named = text.map(ObjectName::parse).transpose();
    named.map_err(|what| Misuse::new(format!("gateway: {what}")).into())
}

pub(crate) fn parse_mode(mode: ManifestMode) -> Result<Mode, Failure> {
    match mode {
        UPTLS_STRICT => Ok(Mode::Strict),
        UPTLS_FAITHFUL => Ok(Mode::Faithful),
        other => {
            let what = format!("mode must be UPTLS_STRICT or UPTLS_FAITHFUL, it is {other}");
            Err(Misuse::new(what).into())
        }
    }
}

pub(crate) fn give(
    out: Out<Policy>,
    policy: Result<Policy, Problems>,
    runtime: &uptls::Runtime,
) -> Result<(), Failure> {
    let policy = policy.map_err(|problems| Failure::Unusable(problems, runtime.now_text()))?;
    out.set(handle::share(Arc::new(policy)));
    Ok(())
}

/// # Safety
/// `paths` is NULL, or has `count` texts that are NULL or NUL-terminated.
pub(crate) unsafe fn texts<'a>(paths: *const *const c_char, count: usize) -> Result<Vec<&'a str>, Failure> {
    if paths.is_null() {
        return Err(handle::null("paths"));
    }
    if !(1..=MAX_PATHS).contains(&count) {
        return Err(Misuse::new(format!("count must be 1 to {MAX_PATHS} paths, it is {count}")).into());
    }
    // SAFETY: not NULL, and so many pointers can be read by the contract.
    let paths = unsafe { core::slice::from_raw_parts(paths, count) };
    // SAFETY: each is NULL or NUL-terminated by the contract.
    paths.iter().enumerate().map(|(index, path)| unsafe { handle::text(*path, &format!("paths[{index}]")) }).collect()
}

/// More is a length that is none.
const MAX_PATHS: usize = 10_000;
