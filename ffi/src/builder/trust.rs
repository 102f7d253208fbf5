//! What a builder says of trust: bundles, pins, the system's roots, revocation lists.

use core::ffi::c_char;

use uptls::{MaterialDraft, Misuse, PolicyDraft, RevocationDraft, SystemTrustDraft};

use super::{Builder, change, note};
use crate::error::{Error, Failure};
use crate::handle;
use crate::status::Status;

/// Which roots of the system the policy trusts: `UPTLS_SYSTEM_ROOTS_...`.
pub type SystemRoots = i32;

/// None.
pub const UPTLS_SYSTEM_ROOTS_NONE: SystemRoots = 0;
/// The platform's root files.
pub const UPTLS_SYSTEM_ROOTS_NATIVE: SystemRoots = 1;
/// The platform's own verifier.
pub const UPTLS_SYSTEM_ROOTS_PLATFORM: SystemRoots = 2;
/// The roots compiled into the library.
pub const UPTLS_SYSTEM_ROOTS_MOZILLA: SystemRoots = 3;

/// Adds a bundle of CA certificates, a PEM file; relative paths start from the working directory. `uptls_builder_build`
/// reads it, and `uptls_watch_dispatch` reads it again when it changes. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_ca_file(
    builder: *mut Builder,
    path: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, path, "path", err, |draft, path| draft.spec.trust.bundles.push(MaterialDraft::file(path))) }
}

/// Adds a bundle of CA certificates that vouch for the SPIFFE IDs of `trust_domain` alone: a PEM file, as in
/// `uptls_builder_add_ca_file`. If the added names are of several trust domains, every bundle needs a trust domain.
/// `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_spiffe_ca_file(
    builder: *mut Builder,
    path: *const c_char,
    trust_domain: *const c_char,
    err: *mut *mut Error,
) -> Status {
    let add = |draft: &mut PolicyDraft| {
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let path = unsafe { handle::text(path, "path") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let trust_domain = unsafe { handle::text(trust_domain, "trust_domain") }?;
        draft.spec.trust.bundles.push(MaterialDraft::file(path).of_trust_domain(trust_domain));
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, add) }
}

/// Adds a bundle of CA certificates that vouch for the SPIFFE IDs of `trust_domain` alone: PEM text, as in
/// `uptls_builder_add_ca_pem`. If the added names are of several trust domains, every bundle needs a trust domain.
/// `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_spiffe_ca_pem(
    builder: *mut Builder,
    pem: *const u8,
    length: usize,
    name: *const c_char,
    trust_domain: *const c_char,
    err: *mut *mut Error,
) -> Status {
    let add = |draft: &mut PolicyDraft| {
        // SAFETY: by the contract of the header they are NULL, or so many bytes, or NUL-terminated.
        let material = unsafe { text_material(pem, length, name) }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let trust_domain = unsafe { handle::text(trust_domain, "trust_domain") }?;
        draft.spec.trust.bundles.push(material.of_trust_domain(trust_domain));
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, add) }
}

/// Sets the one SPIFFE trust domain that the system's roots vouch for. Without it they vouch for no SPIFFE ID:
/// otherwise any public CA could issue one. Replaces an earlier one. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_system_trust_domain(
    builder: *mut Builder,
    trust_domain: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe {
        note(builder, trust_domain, "trust_domain", err, |draft, domain| {
            draft.spec.trust.system_trust_domain = Some(domain)
        })
    }
}

/// Adds a bundle of CA certificates: PEM text, or one certificate or PKCS#7 in DER. `name` is its name in errors and reports; NULL: `inline`. `err` may be
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_ca_pem(
    builder: *mut Builder,
    pem: *const u8,
    length: usize,
    name: *const c_char,
    err: *mut *mut Error,
) -> Status {
    let add = |draft: &mut PolicyDraft| {
        // SAFETY: by the contract of the header they are NULL, or so many bytes, or NUL-terminated.
        draft.spec.trust.bundles.push(unsafe { text_material(pem, length, name) }?);
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, add) }
}

/// Sets which roots of the system the policy trusts; `UPTLS_SYSTEM_ROOTS_NONE` is the default. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_system_roots(
    builder: *mut Builder,
    roots: SystemRoots,
    err: *mut *mut Error,
) -> Status {
    let set = |draft: &mut PolicyDraft| {
        draft.spec.trust.system = match roots {
            UPTLS_SYSTEM_ROOTS_NONE => SystemTrustDraft::Off,
            UPTLS_SYSTEM_ROOTS_NATIVE => SystemTrustDraft::Native,
            UPTLS_SYSTEM_ROOTS_PLATFORM => SystemTrustDraft::Platform,
            UPTLS_SYSTEM_ROOTS_MOZILLA => SystemTrustDraft::Mozilla,
            other => {
                return Err(Misuse::new(format!("roots must be UPTLS_SYSTEM_ROOTS_..., 0 to 3, it is {other}")).into());
            }
        };
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, set) }
}

/// Trusts a leaf as itself by the SHA-256 of its public key, base64. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_pinned_key(
    builder: *mut Builder,
    sha256: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, sha256, "sha256", err, |draft, sha256| draft.spec.trust.pinned_keys.push(sha256)) }
}

/// Trusts a leaf as itself by the SHA-256 of the certificate, hexadecimal. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_pinned_certificate(
    builder: *mut Builder,
    sha256: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, sha256, "sha256", err, |draft, sha256| draft.spec.trust.pinned_certificates.push(sha256)) }
}

/// Adds a file of revocation lists, PEM or DER, and turns revocation on. The library reads it as it reads the file of
/// `uptls_builder_add_ca_file`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_crl_file(
    builder: *mut Builder,
    path: *const c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `note`.
    unsafe { note(builder, path, "path", err, |draft, path| revocation(draft).crls.push(MaterialDraft::file(path))) }
}

/// Adds revocation lists, PEM text or one list in DER, and turns revocation on. `name` is its name in errors and reports; NULL: `inline`.
/// `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_add_crl_pem(
    builder: *mut Builder,
    pem: *const u8,
    length: usize,
    name: *const c_char,
    err: *mut *mut Error,
) -> Status {
    let add = |draft: &mut PolicyDraft| {
        // SAFETY: by the contract of the header they are NULL, or so many bytes, or NUL-terminated.
        let crl = unsafe { text_material(pem, length, name) }?;
        revocation(draft).crls.push(crl);
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, add) }
}

/// Sets how to check revocation: `depth` is `chain` (every certificate; the default) or `leaf`; `unknown` is the
/// verdict on a certificate without a list, `deny` (the default) or `allow`. NULL leaves each as it is. With `allow`,
/// an attacker who blocks the delivery of a list can use a revoked certificate. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_builder_set_revocation(
    builder: *mut Builder,
    depth: *const c_char,
    unknown: *const c_char,
    err: *mut *mut Error,
) -> Status {
    let set = |draft: &mut PolicyDraft| {
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let depth = unsafe { handle::optional_text(depth, "depth") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let unknown = unsafe { handle::optional_text(unknown, "unknown") }?;
        let revocation = revocation(draft);
        revocation.depth = depth.map(str::to_owned).or(revocation.depth.take());
        revocation.unknown = unknown.map(str::to_owned).or(revocation.unknown.take());
        Ok(())
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(builder, err, set) }
}

fn revocation(draft: &mut PolicyDraft) -> &mut RevocationDraft {
    draft.spec.revocation.get_or_insert_default()
}

/// # Safety
/// `pem` is NULL or has so many bytes; `name` is NULL or NUL-terminated.
unsafe fn text_material(pem: *const u8, length: usize, name: *const c_char) -> Result<MaterialDraft, Failure> {
    // SAFETY: the contract is the same.
    let material = MaterialDraft::bytes(unsafe { handle::bytes(pem, length, "pem") }?)?;
    // SAFETY: the contract is the same.
    Ok(match unsafe { handle::optional_text(name, "name") }? {
        Some(name) => material.named(name),
        None => material,
    })
}
