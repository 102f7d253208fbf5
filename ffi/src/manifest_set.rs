//! Kubernetes objects for C that are read once, and asked for one backend after the other.

use core::ffi::c_char;
use core::ptr;
use std::ffi::CString;
use std::path::PathBuf;
use std::sync::Arc;

use uptls::{Misuse, Problems};
use uptls_manifest::ManifestSet;
use uptls_manifest::kubernetes::{BackendRef, Document, EffectivePolicy, ObjectName};
use uptls_manifest::report::ImportOptions;

use crate::boundary;
use crate::connector::Connector;
use crate::error::{Error, Failure};
use crate::handle::{self, Handle, Number, Out, Shared};
use crate::manifests::{self, ManifestMode, parse_backend, parse_gateway, parse_mode, texts};
use crate::options::{Growing, known_part};
use crate::policy::{Danger, Policy, parse_permission};
use crate::runtime::Runtime;
use crate::status::Status;
use crate::strings;

/// The objects of some manifests, read and resolved once. It never changes: load the files again for a new one, and give each
/// connector its new policy with `uptls_manifest_set_publish`. Reference-counted.
pub struct Manifests {
    /// Of each policy the backend, and the Gateway.
    names: Vec<(CString, Option<CString>)>,
    set: ManifestSet,
}

impl Handle for Manifests {
    type Ownership = Shared;
}

/// Folders in folders are read too.
pub const UPTLS_MANIFESTS_RECURSIVE: u64 = 1;
/// These are all objects of a cluster: a Service or a Gateway that is not among them does not exist.
pub const UPTLS_MANIFESTS_COMPLETE: u64 = 2;
/// A ClusterTrustBundle may be a CA reference. The standard has it as experimental.
pub const UPTLS_MANIFESTS_CLUSTER_TRUST_BUNDLES: u64 = 4;

/// How manifests are read. Set all of it to 0 first and `struct_size` to its size:
/// `uptls_manifest_options options = {sizeof options, NULL, NULL, NULL, 0, 0, 0}`. NULL in its place: the defaults.
#[repr(C)]
#[allow(clippy::exhaustive_structs, reason = "C writes it; it grows at its end, and struct_size tells how far")]
pub struct ManifestOptions {
    /// `sizeof(uptls_manifest_options)`, by which the library knows which fields there are.
    pub struct_size: usize,
    /// The Gateway that uses the backends, `[NAMESPACE/]NAME`; it must be among the objects. NULL: every Gateway.
    pub gateway: *const c_char,
    /// The `controllerName` whose statuses the report has. NULL: none.
    pub controller_name: *const c_char,
    /// The folder below which the proxy's files lie that vendors' objects name. NULL: such an object is not ready, because its
    /// author means the disk of the proxy and not that of this process.
    pub files_root: *const c_char,
    /// `UPTLS_STRICT` or `UPTLS_FAITHFUL`.
    pub mode: ManifestMode,
    /// `UPTLS_DANGER_FORBID` or `UPTLS_DANGER_ALLOW`.
    pub permission: Danger,
    /// Any of `UPTLS_MANIFESTS_...`.
    pub flags: u64,
}

// SAFETY: it begins with its size, and NULL and 0 are values of every field.
unsafe impl Growing for ManifestOptions {
    const KNOWN_SIZES: &'static [usize] = &[];
}

/// Reads manifests once, for many backends: `paths` are files, or folders with `*.yaml`, `*.yml` and `*.json` files in them.
///
/// `UPTLS_E_CONFIG` if a path cannot be read, or the Gateway of `options` is not among the objects. What else is wrong is the
/// error of `uptls_manifest_set_policy` for the backends that it concerns, and stands in the report.
/// `*out` is one reference, owned by the caller: `uptls_manifest_set_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_load(
    runtime: *const Runtime,
    paths: *const *const c_char,
    count: usize,
    options: *const ManifestOptions,
    out: *mut *mut Manifests,
    err: *mut *mut Error,
) -> Status {
    let load = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let runtime = unsafe { handle::borrow(runtime, "runtime") }?.core();
        // SAFETY: by the contract of the header it is NULL, or has so many texts.
        let paths = unsafe { texts(paths, count) }?;
        // SAFETY: by the contract of the header it is NULL, or as large as it says.
        let (options, flags) = unsafe { parse(options) }?;
        let recursively = flags & UPTLS_MANIFESTS_RECURSIVE != 0;
        give(out, runtime, ManifestSet::load(&paths, recursively, runtime, options))
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, load) }
}

/// Reads one text with any number of manifests in it, YAML or JSON, as `uptls_manifest_set_load` does. `name` is what errors
/// call the text. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_parse(
    runtime: *const Runtime,
    text: *const u8,
    length: usize,
    name: *const c_char,
    options: *const ManifestOptions,
    out: *mut *mut Manifests,
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
        // SAFETY: by the contract of the header it is NULL, or as large as it says.
        let (options, _) = unsafe { parse(options) }?;
        give(out, runtime, ManifestSet::new([Document::new(name, text)], runtime, options))
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, load) }
}

/// Takes one more reference to a set and returns it. NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_ref(set: *const Manifests) -> *mut Manifests {
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(ptr::null_mut(), || unsafe { handle::retain(set) })
}

/// Gives one reference back; with the last one the set is freed. Its policies and connectors stay. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_unref(set: *mut Manifests) {
    // SAFETY: by the contract of the header it is NULL or live, and this reference is not used again.
    boundary::value((), || unsafe { handle::unshare(set) });
}

/// How many policies there are, usable or not: one for each backend, port and Gateway among which they differ. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_count(set: *const Manifests) -> usize {
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(0, || unsafe { set.as_ref() }.map_or(0, |set| set.names.len()))
}

/// The backend of a policy, as `uptls_manifest_set_policy` takes it: `Service/shop/pay:443`. NULL for an `index` that is not
/// below `uptls_manifest_set_count`, and for NULL. Owned by the set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_backend(set: *const Manifests, index: usize) -> *const c_char {
    // SAFETY: by the contract of the header it is NULL or live.
    let names = || unsafe { set.as_ref() }.and_then(|set| set.names.get(index));
    boundary::value(ptr::null(), || names().map_or(ptr::null(), |(backend, _)| backend.as_ptr()))
}

/// The Gateway of a policy, as `uptls_manifest_set_policy` takes it: `edge/public`. NULL if the policy is that of every Gateway,
/// and as `uptls_manifest_set_backend` does. Owned by the set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_gateway(set: *const Manifests, index: usize) -> *const c_char {
    // SAFETY: by the contract of the header it is NULL or live.
    let gateway = || unsafe { set.as_ref() }.and_then(|set| set.names.get(index)?.1.as_ref());
    boundary::value(ptr::null(), || gateway().map_or(ptr::null(), |gateway| gateway.as_ptr()))
}

/// The policy of a backend, `[[KIND/]NAMESPACE/]NAME[:PORT]`. `gateway` is the Gateway that uses it, `[NAMESPACE/]NAME`, needed
/// where the answer differs by it; NULL: none is meant. It takes a look-up, however many backends there are.
///
/// It fails closed: `UPTLS_E_CONFIG` if there is none, or it cannot be used.
/// `*out` is one reference, owned by the caller: `uptls_policy_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_policy(
    set: *const Manifests,
    backend: *const c_char,
    gateway: *const c_char,
    out: *mut *mut Policy,
    err: *mut *mut Error,
) -> Status {
    let find = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let set = unsafe { handle::borrow(set, "set") }?;
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let wanted = unsafe { Wanted::parse(backend, gateway) }?;
        manifests::give(out, set.policy(&wanted), set.set.runtime())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, find) }
}

/// Makes a connector for a backend, as the Gateway API wants it: where `uptls_manifest_set_policy` fails with
/// `UPTLS_E_CONFIG`, this one gives a connector whose connections all fail with the reason, until an update succeeds.
///
/// `*out` is one reference, owned by the caller: `uptls_connector_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_connector(
    set: *const Manifests,
    backend: *const c_char,
    gateway: *const c_char,
    out: *mut *mut Connector,
    err: *mut *mut Error,
) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let set = unsafe { handle::borrow(set, "set") }?;
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let wanted = unsafe { Wanted::parse(backend, gateway) }?;
        out.set(handle::share(Arc::new(Connector::of_manifests(set.policy(&wanted), set.set.runtime()))));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, make) }
}

/// Gives a connector of an earlier set the policy that the backend has in this one. Where there is none that can be used, each
/// new connection of it fails with the reason, which is also the error of this call (`UPTLS_E_CONFIG`): an object that was
/// deleted must not go on deciding who is trusted. `UPTLS_E_USAGE` if the connector is of another runtime.
/// `*generation` is the number of what is published now; 0 first. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_publish(
    set: *const Manifests,
    connector: *const Connector,
    backend: *const c_char,
    gateway: *const c_char,
    generation: *mut u64,
    err: *mut *mut Error,
) -> Status {
    let publish = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Number::cleared(generation, "generation") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let set = unsafe { handle::borrow(set, "set") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?;
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let wanted = unsafe { Wanted::parse(backend, gateway) }?;
        out.set(connector.follow(set.policy(&wanted), set.set.runtime())?.number());
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, publish) }
}

/// What the objects come to, byte for byte what `uptls import --json` prints (schema `uptls.import/v1`): each backend, where each
/// field of its policy is written, what is wrong, and with a `controller_name` the status of each object. Every policy is
/// prepared for it. `*json` is owned by the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_set_report(
    set: *const Manifests,
    json: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let report = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(json, "json") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let set = unsafe { handle::borrow(set, "set") }?;
        out.set(strings::give(&set.set.report().to_json()));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, report) }
}

impl Manifests {
    fn policy(&self, wanted: &Wanted) -> Result<Policy, Problems> {
        let found = self.set.policy_of(&wanted.backend, wanted.gateway.as_ref())?;
        Policy::of_manifests(found, self.set.runtime(), self.set.permission())
    }
}

/// For which backend.
pub(crate) struct Wanted {
    pub(crate) backend: BackendRef,
    pub(crate) gateway: Option<ObjectName>,
}

impl Wanted {
    /// # Safety
    /// `backend` and `gateway` are NULL or NUL-terminated.
    pub(crate) unsafe fn parse(backend: *const c_char, gateway: *const c_char) -> Result<Self, Failure> {
        // SAFETY: the contract is the same.
        let backend = parse_backend(unsafe { handle::text(backend, "backend") }?)?;
        // SAFETY: the contract is the same.
        let gateway = parse_gateway(unsafe { handle::optional_text(gateway, "gateway") }?)?;
        Ok(Self { backend, gateway })
    }
}

/// The options, and the flags once more.
///
/// # Safety
/// `options` is NULL or points to a structure of as many bytes as its `struct_size` says, with texts that are NULL or
/// NUL-terminated.
pub(crate) unsafe fn parse(options: *const ManifestOptions) -> Result<(ImportOptions, u64), Failure> {
    let mut parsed = ImportOptions::default();
    if options.is_null() {
        return Ok((parsed, 0));
    }
    // SAFETY: not NULL; the contract is the same.
    let given = unsafe { known_part(options) }?;
    let ManifestOptions { struct_size: _, gateway, controller_name, files_root, mode, permission, flags } = given;
    let known = UPTLS_MANIFESTS_RECURSIVE | UPTLS_MANIFESTS_COMPLETE | UPTLS_MANIFESTS_CLUSTER_TRUST_BUNDLES;
    if flags & !known != 0 {
        return Err(Misuse::new(format!("flags must be some of {known:#x}, they are {flags:#x}")).into());
    }
    // SAFETY: by the contract they are NULL or NUL-terminated.
    let text = |text, name| unsafe { handle::optional_text(text, name) };
    parsed.gateway = parse_gateway(text(gateway, "gateway")?)?;
    parsed.controller_name = text(controller_name, "controller_name")?.map(str::to_owned);
    parsed.files_root = text(files_root, "files_root")?.map(PathBuf::from);
    parsed.mode = parse_mode(mode)?;
    parsed.permission = parse_permission(permission)?;
    parsed.complete = flags & UPTLS_MANIFESTS_COMPLETE != 0;
    parsed.cluster_trust_bundles = flags & UPTLS_MANIFESTS_CLUSTER_TRUST_BUNDLES != 0;
    Ok((parsed, flags))
}

/// The texts under which a policy is found.
pub(crate) fn name(backend: &BackendRef, gateway: Option<&ObjectName>) -> (CString, Option<CString>) {
    (handle::c_text(&backend.to_string()), gateway.map(|gateway| handle::c_text(&gateway.to_string())))
}

fn give(out: Out<Manifests>, runtime: &uptls::Runtime, set: Result<ManifestSet, Problems>) -> Result<(), Failure> {
    let set = set.map_err(|problems| Failure::Unusable(problems, runtime.now_text()))?;
    let of = |policy: &EffectivePolicy| name(&policy.backend_ref(), policy.gateway.as_ref());
    let names = set.policies().iter().map(of).collect();
    out.set(handle::share(Arc::new(Manifests { names, set })));
    Ok(())
}
