//! What a builder says of versions, suites, groups and protocols.

use core::ffi::c_char;

use uptls::{Misuse, PolicyDraft};

use super::{Builder, change, note};
use crate::error::Error;
use crate::handle;
use crate::status::Status;

/// Adds an application protocol to offer, `h2`, in order of preference. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_alpn(
    builder: *mut Builder,
    protocol: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, protocol, "protocol", err, |draft, protocol| draft.spec.alpn.protocols.push(protocol)) }
}

/// The same as bytes, for a name that a C string cannot hold; the names of a policy are UTF-8. `uptls_evidence_alpn_bytes` gives back what was
/// selected. `UPTLS_E_USAGE` for bytes that are not UTF-8. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_alpn_bytes(
    builder: *mut Builder,
    protocol: *const u8,
    length: usize,
    err: *mut *mut Error,
) -> Status {
    let add = |draft: &mut PolicyDraft| {
        // SAFETY: by the contract of the header it is NULL or so many bytes can be read there.
        let protocol = core::str::from_utf8(unsafe { handle::bytes(protocol, length, "protocol") }?);
        let protocol = protocol.map_err(|error| Misuse::new(format!("protocol must be UTF-8: {error}")))?;
        draft.spec.alpn.protocols.push(protocol.to_owned());
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, add) }
}

/// Refuses a peer that selects none of the application protocols. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_alpn_required(builder: *mut Builder, err: *mut *mut Error) -> Status {
    let require = |draft: &mut PolicyDraft| {
        draft.spec.alpn.required = true;
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, require) }
}

/// Sets the lowest TLS version, `1.2` (the default) or `1.3`. Replaces an earlier one. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_min_version(
    builder: *mut Builder,
    version: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, version, "version", err, |draft, version| draft.spec.versions.min = Some(version)) }
}

/// Sets the highest TLS version, `1.2` or `1.3` (the default). Replaces an earlier one. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_max_version(
    builder: *mut Builder,
    version: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, version, "version", err, |draft, version| draft.spec.versions.max = Some(version)) }
}

/// Adds a cipher suite by its IANA name, in order of preference. Without any, the library's defaults apply. `err` may
/// be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_cipher_suite(
    builder: *mut Builder,
    name: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, name, "name", err, |draft, name| draft.spec.cipher_suites.push(name)) }
}

/// Adds a key exchange group by its IANA name, in order of preference. Without any, the library's defaults apply. `err`
/// may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_group(
    builder: *mut Builder,
    name: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, name, "name", err, |draft, name| draft.spec.groups.push(name)) }
}

/// Makes every handshake a full one: the library neither keeps nor resumes sessions. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_disable_resumption(builder: *mut Builder, err: *mut *mut Error) -> Status {
    let disable = |draft: &mut PolicyDraft| {
        draft.spec.resumption = Some(false);
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, disable) }
}

/// Sets the deadline of the whole connect: a number with a unit, `10s` (the default) or `500ms`. Replaces an earlier one.
/// `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_handshake_timeout(
    builder: *mut Builder,
    timeout: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, timeout, "timeout", err, |draft, timeout| draft.spec.handshake_timeout = Some(timeout)) }
}
