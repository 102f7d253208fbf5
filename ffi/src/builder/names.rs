//! What a builder says of the peer's names.

use core::ffi::c_char;

use uptls::{PolicyDraft, SanDraft};

use super::{Builder, change, note};
use crate::error::Error;
use crate::handle;
use crate::status::Status;

/// Sets the server name (SNI) to send: a DNS name, `auto` (the backend host, the default) or `none`. Replaces an
/// earlier one. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_server_name(
    builder: *mut Builder,
    name: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, name, "name", err, |draft, name| draft.spec.server_name = Some(name)) }
}

/// Adds a DNS name. The certificate must hold at least one of the added names, and the server name is then no longer
/// the identity. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_san_dns(
    builder: *mut Builder,
    name: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, name, "name", err, |draft, name| draft.spec.subject_alt_names.push(SanDraft::dns(name))) }
}

/// Adds an IP address to the names; the certificate must hold at least one of them. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_san_ip(
    builder: *mut Builder,
    address: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe {
        note(builder, address, "address", err, |draft, address| {
            draft.spec.subject_alt_names.push(SanDraft::ip(address))
        })
    }
}

/// Adds a URI, compared byte for byte, to the names; the certificate must hold at least one of them. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_san_uri(
    builder: *mut Builder,
    uri: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, uri, "uri", err, |draft, uri| draft.spec.subject_alt_names.push(SanDraft::uri(uri))) }
}

/// Adds every SPIFFE ID of a trust domain to the names; the certificate must hold at least one of them. `err` may be
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_san_spiffe_trust_domain(
    builder: *mut Builder,
    domain: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe {
        note(builder, domain, "domain", err, |draft, domain| {
            draft.spec.subject_alt_names.push(SanDraft::spiffe_trust_domain(domain))
        })
    }
}

/// Adds the SPIFFE IDs of a trust domain with a path that begins with the whole segments of `path_prefix`: `/ns/pay`
/// also covers `/ns/pay/sa/api`, and never `/ns/payroll`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_san_spiffe_path_prefix(
    builder: *mut Builder,
    domain: *const c_char,
    path_prefix: *const c_char,
    err: *mut *mut Error,
) -> Status {
    let add = |draft: &mut PolicyDraft| {
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let domain = unsafe { handle::text(domain, "domain") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let path_prefix = unsafe { handle::text(path_prefix, "path_prefix") }?;
        draft.spec.subject_alt_names.push(SanDraft::spiffe(domain, path_prefix));
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, add) }
}

/// Adds the SHA-256 of a public key, base64. The leaf's key must be one of the added ones, and all other checks still
/// hold. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_spki_pin(
    builder: *mut Builder,
    sha256: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, sha256, "sha256", err, |draft, sha256| draft.spec.spki_pins.push(sha256)) }
}
