//! Kubernetes objects for C that change one by one, and connectors that follow them.

use core::ffi::c_char;
use core::ptr;
use std::ffi::CString;
use std::sync::Arc;

use uptls::Problems;
use uptls_manifest::ManifestStore;

use crate::boundary;
use crate::connector::Connector;
use crate::error::{Error, Failure};
use crate::exclusive::Exclusive;
use crate::handle::{self, Handle, Number, Out, Owned};
use crate::manifest_set::{ManifestOptions, Wanted, name, parse};
use crate::manifests;
use crate::policy::Policy;
use crate::runtime::Runtime;
use crate::status::Status;
use crate::strings;

/// The objects of a cluster as an informer delivers them, and the policy of each backend. One thread gives it the objects and
/// publishes what has changed; any thread uses the connectors.
pub struct Store(Exclusive<Held>);

struct Held {
    /// Of each policy that was told last the backend, and the Gateway.
    changed: Vec<(CString, Option<CString>)>,
    store: ManifestStore,
}

impl Handle for Store {
    type Ownership = Owned;
}

/// Makes a store without objects. `options` are those of `uptls_manifest_set_load`, and NULL the defaults;
/// `UPTLS_MANIFESTS_RECURSIVE` means nothing here. If they name a Gateway, every connection fails until that Gateway has been
/// given. With `UPTLS_MANIFESTS_COMPLETE` give all objects before you call `uptls_manifest_store_resolve_changed`.
///
/// `*out` is owned by the caller: `uptls_manifest_store_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_new(
    runtime: *const Runtime,
    options: *const ManifestOptions,
    out: *mut *mut Store,
    err: *mut *mut Error,
) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let runtime = unsafe { handle::borrow(runtime, "runtime") }?.core();
        // SAFETY: by the contract of the header it is NULL, or as large as it says.
        let (options, _) = unsafe { parse(options) }?;
        let held = Held { changed: Vec::new(), store: ManifestStore::new(runtime, options) };
        out.set(handle::give(Store(Exclusive::new(held))));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, make) }
}

/// Frees a store. Its policies and connectors stay. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_free(store: *mut Store) {
    // SAFETY: by the contract of the header it is NULL or live, and is not used again.
    boundary::value((), || unsafe { handle::release(store) });
}

/// Adds an object, or replaces the one of its kind, namespace and name. `object` is the JSON of one object, not of a list.
///
/// `UPTLS_E_CONFIG` if it is not certain which object it is; nothing has changed then. What else is wrong with it, its size
/// included, is the error of `uptls_manifest_store_policy` for the backends that it may concern: connections to them fail.
/// Nothing counts before the next `uptls_manifest_store_resolve_changed`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_upsert(
    store: *mut Store,
    object: *const u8,
    length: usize,
    err: *mut *mut Error,
) -> Status {
    let upsert = || {
        // SAFETY: by the contract of the header it is NULL or live.
        let mut held = unsafe { handle::borrow(store.cast_const(), "store") }?.0.enter("store")?;
        // SAFETY: by the contract of the header it is NULL or `length` bytes can be read there.
        let object = unsafe { handle::bytes(object, length, "object") }?;
        held.store.upsert_json(object).map(drop).map_err(|problems| held.unusable(problems))
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, upsert) }
}

/// Removes an object, if it is there. `object` is the JSON of it, as the API server sends it last; only `apiVersion`, `kind` and
/// the name and namespace of its `metadata` count. Errors as with `uptls_manifest_store_upsert`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_remove(
    store: *mut Store,
    object: *const u8,
    length: usize,
    err: *mut *mut Error,
) -> Status {
    let remove = || {
        // SAFETY: by the contract of the header it is NULL or live.
        let mut held = unsafe { handle::borrow(store.cast_const(), "store") }?.0.enter("store")?;
        // SAFETY: by the contract of the header it is NULL or `length` bytes can be read there.
        let object = unsafe { handle::bytes(object, length, "object") }?;
        held.store.remove_json(object).map(drop).map_err(|problems| held.unusable(problems))
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, remove) }
}

/// Makes the policies anew that the changes since the last call may concern. `*count` is how many policies may be others than
/// before, are new, or are gone: publish each to its connector. One change costs what it touches; the first call resolves
/// everything, and tells every policy. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_resolve_changed(
    store: *mut Store,
    count: *mut usize,
    err: *mut *mut Error,
) -> Status {
    let resolve = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Number::cleared(count, "count") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let mut held = unsafe { handle::borrow(store.cast_const(), "store") }?.0.enter("store")?;
        let changed = held.store.resolve_changed();
        held.changed = changed.iter().map(|one| name(&one.backend, one.gateway.as_ref())).collect();
        out.set(held.changed.len());
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, resolve) }
}

/// The backend of a policy that the last `uptls_manifest_store_resolve_changed` told: `Service/shop/pay:443`. NULL for an `index`
/// that is not below its `count`, and for NULL. Owned by the store, until that call is made again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_changed_backend(store: *const Store, index: usize) -> *const c_char {
    // SAFETY: by the contract of the header it is NULL or live.
    let backend = || unsafe { store.as_ref() }.map_or(ptr::null(), |store| store.changed(index, |one| Some(&one.0)));
    boundary::value(ptr::null(), backend)
}

/// The Gateway of that policy: `edge/public`. NULL if no Gateway is known to use the backend, and as
/// `uptls_manifest_store_changed_backend` does. Owned by the store, until `uptls_manifest_store_resolve_changed` is called again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_changed_gateway(store: *const Store, index: usize) -> *const c_char {
    // SAFETY: by the contract of the header it is NULL or live.
    let gateway = || unsafe { store.as_ref() }.map_or(ptr::null(), |store| store.changed(index, |one| one.1.as_ref()));
    boundary::value(ptr::null(), gateway)
}

/// The policy of a backend as of the last `uptls_manifest_store_resolve_changed`, with the arguments and errors of
/// `uptls_manifest_set_policy`. `gateway` is one that uses the backend, or the one of the options.
///
/// `*out` is one reference, owned by the caller: `uptls_policy_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_policy(
    store: *const Store,
    backend: *const c_char,
    gateway: *const c_char,
    out: *mut *mut Policy,
    err: *mut *mut Error,
) -> Status {
    let find = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let held = unsafe { handle::borrow(store, "store") }?.0.enter("store")?;
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let wanted = unsafe { Wanted::parse(backend, gateway) }?;
        manifests::give(out, held.policy(&wanted), held.store.runtime())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, find) }
}

/// Makes a connector for a backend as `uptls_manifest_set_connector` does: without a policy that can be used, all its
/// connections fail with the reason, until `uptls_manifest_store_publish` gives it one.
///
/// `*out` is one reference, owned by the caller: `uptls_connector_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_connector(
    store: *const Store,
    backend: *const c_char,
    gateway: *const c_char,
    out: *mut *mut Connector,
    err: *mut *mut Error,
) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let held = unsafe { handle::borrow(store, "store") }?.0.enter("store")?;
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let wanted = unsafe { Wanted::parse(backend, gateway) }?;
        let connector = Connector::of_manifests(held.policy(&wanted), held.store.runtime());
        out.set(handle::share(Arc::new(connector)));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, make) }
}

/// Gives a connector the policy that the backend has now, as `uptls_manifest_set_publish` does: without one that can be used,
/// each new connection of it fails with the reason, which is also the error of this call (`UPTLS_E_CONFIG`).
/// `*generation` is the number of what is published now; 0 first. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_publish(
    store: *const Store,
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
        let held = unsafe { handle::borrow(store, "store") }?.0.enter("store")?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?;
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let wanted = unsafe { Wanted::parse(backend, gateway) }?;
        out.set(connector.follow(held.policy(&wanted), held.store.runtime())?.number());
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, publish) }
}

/// What the objects come to, in the form of `uptls_manifest_set_report` (schema `uptls.import/v1`), without lines: with a
/// `controller_name` also the status of each object. It costs all objects, whatever has changed.
/// `*json` is owned by the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_manifest_store_report(
    store: *const Store,
    json: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let report = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(json, "json") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let held = unsafe { handle::borrow(store, "store") }?.0.enter("store")?;
        out.set(strings::give(&held.store.report().to_json()));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, report) }
}

impl Store {
    /// A text of a policy that was told last; NULL while another thread is inside a call.
    fn changed(
        &self,
        index: usize,
        text: impl FnOnce(&(CString, Option<CString>)) -> Option<&CString>,
    ) -> *const c_char {
        let Ok(held) = self.0.enter("store") else { return ptr::null() };
        held.changed.get(index).and_then(text).map_or(ptr::null(), |text| text.as_ptr())
    }
}

impl Held {
    fn policy(&self, wanted: &Wanted) -> Result<Policy, Problems> {
        let found = self.store.policy_of(&wanted.backend, wanted.gateway.as_ref())?;
        Policy::of_manifests(found, self.store.runtime(), self.store.permission())
    }

    fn unusable(&self, problems: Problems) -> Failure {
        Failure::Unusable(problems, self.store.runtime().now_text())
    }
}
