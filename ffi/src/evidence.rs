//! What was proven and negotiated for a connection, for C.

use core::ffi::c_char;
use core::ptr;
use std::ffi::CString;
use std::sync::OnceLock;

use uptls::{IdentityUse, Misuse};

use crate::boundary;
use crate::error::Error;
use crate::handle::{self, Handle, Number, Shared};
use crate::peer::Names;
use crate::policy::digest_text;
use crate::status::Status;

/// What was proven and negotiated for one connection. It never changes, and outlives its connection. Reference-counted. All
/// texts that its functions return are owned by it.
pub struct Evidence {
    core: uptls::Evidence,
    /// Leaf and anchor, read when they are asked for.
    pub(crate) certificates: [OnceLock<Option<Names>>; 2],
    alpn: Option<CString>,
    cipher_suite: CString,
    fingerprint: CString,
    group: Option<CString>,
    matched_name: Option<CString>,
    server_name: Option<CString>,
    version: CString,
}

impl Handle for Evidence {
    type Ownership = Shared;
}

impl Evidence {
    pub(crate) fn new(core: uptls::Evidence) -> Self {
        let optional = |text: Option<&str>| text.map(handle::c_text);
        Self {
            alpn: optional(core.alpn.as_deref()),
            cipher_suite: handle::c_text(&core.cipher_suite),
            fingerprint: handle::c_text(&digest_text(&core.fingerprint)),
            group: optional(core.group.as_deref()),
            matched_name: optional(core.peer.matched_name()),
            server_name: optional(core.server_name.as_deref()),
            version: handle::c_text(core.version.as_str()),
            certificates: Default::default(),
            core,
        }
    }

    pub(crate) fn core(&self) -> &uptls::Evidence {
        &self.core
    }
}

/// Whether the peer got our own certificate: `UPTLS_IDENTITY_...`. For a resumed session: in the full handshake that it
/// descends from.
pub type Identity = i32;

/// The peer did not ask for one.
pub const UPTLS_IDENTITY_NOT_REQUESTED: Identity = 0;
/// The peer asked and got an empty answer: we have no certificate, or the peer accepts none of its signatures.
pub const UPTLS_IDENTITY_REQUESTED_NOT_SENT: Identity = 1;
/// The peer asked, and we sent it.
pub const UPTLS_IDENTITY_SENT: Identity = 2;

/// Takes one more reference and returns it. NULL gives NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_ref(evidence: *const Evidence) -> *mut Evidence {
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(ptr::null_mut(), || unsafe { handle::retain(evidence) })
}

/// Gives one reference back; with the last one it is freed. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_unref(evidence: *mut Evidence) {
    // SAFETY: by the contract of the header it is NULL or live, and this reference is not used again.
    boundary::value((), || unsafe { handle::unshare(evidence) });
}

/// The TLS version, `1.3`. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_version(evidence: *const Evidence) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| Some(&evidence.version)) }
}

/// The IANA name of the cipher suite. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_cipher_suite(evidence: *const Evidence) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| Some(&evidence.cipher_suite)) }
}

/// The IANA name of the key exchange group; NULL for a resumed TLS 1.2 session, which has no exchange, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_group(evidence: *const Evidence) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| evidence.group.as_ref()) }
}

/// The application protocol; NULL if none was selected, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_alpn(evidence: *const Evidence) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| evidence.alpn.as_ref()) }
}

/// The application protocol as the bytes that the peer selected, which may hold a NUL. `*protocol` is NULL and `*length` 0 if none was
/// selected. The evidence owns `*protocol`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_alpn_bytes(
    evidence: *const Evidence,
    protocol: *mut *const u8,
    length: *mut usize,
    err: *mut *mut Error,
) -> Status {
    let give = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { handle::Out::cleared(protocol.cast::<*mut u8>(), "protocol") }?;
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let length = unsafe { Number::cleared(length, "length") }?;
        // SAFETY: by the contract of the header it is NULL or live, and outlives the use of *protocol.
        if let Some(selected) = &unsafe { handle::borrow(evidence, "evidence") }?.core.alpn {
            out.set(selected.as_ptr().cast_mut());
            length.set(selected.len());
        }
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, give) }
}

/// The server name (SNI) that was sent; NULL if none was, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_server_name(evidence: *const Evidence) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| evidence.server_name.as_ref()) }
}

/// The wanted name that the certificate holds, `dns:payments.internal`; NULL if the policy verifies no names
/// (`danger`), and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_matched_name(evidence: *const Evidence) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| evidence.matched_name.as_ref()) }
}

/// The fingerprint of the policy that verified the peer, `sha256:...`. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_fingerprint(evidence: *const Evidence) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| Some(&evidence.fingerprint)) }
}

/// Which generation of the connector it was; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_generation(evidence: *const Evidence) -> u64 {
    // SAFETY: the contract of the header is that of `number`.
    unsafe { number(evidence, 0, |evidence| evidence.core.generation.number()) }
}

/// Whether a session was resumed: 1, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_resumed(evidence: *const Evidence) -> i32 {
    // SAFETY: the contract of the header is that of `number`.
    unsafe { number(evidence, 0, |evidence| evidence.core.resumed.into()) }
}

/// Whether the peer got our own certificate; `UPTLS_IDENTITY_NOT_REQUESTED` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_identity(evidence: *const Evidence) -> Identity {
    let identity = |evidence: &Evidence| match evidence.core.identity {
        IdentityUse::Sent { .. } => UPTLS_IDENTITY_SENT,
        IdentityUse::RequestedNotSent { .. } => UPTLS_IDENTITY_REQUESTED_NOT_SENT,
        _ => UPTLS_IDENTITY_NOT_REQUESTED,
    };
    // SAFETY: the contract of the header is that of `number`.
    unsafe { number(evidence, UPTLS_IDENTITY_NOT_REQUESTED, identity) }
}

/// Whether the policy has a client certificate that was not sent: 1, or 0. The peer then does not know who connected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_identity_unused(evidence: *const Evidence) -> i32 {
    // SAFETY: the contract of the header is that of `number`.
    unsafe { number(evidence, 0, |evidence| evidence.core.identity_unused.into()) }
}

/// Until when the proof holds, unix seconds: the earliest end among the certificates of the path and the revocation lists.
/// 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_trusted_until(evidence: *const Evidence) -> i64 {
    // SAFETY: the contract of the header is that of `number`.
    unsafe { number(evidence, 0, |evidence| evidence.core.peer.trusted_until()) }
}

/// How many certificates the peer presented; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_certificate_count(evidence: *const Evidence) -> usize {
    // SAFETY: the contract of the header is that of `number`.
    unsafe { number(evidence, 0, |evidence| evidence.core.peer.chain_der().len()) }
}

/// A certificate as the peer presented it: DER, the leaf at index 0. `UPTLS_E_USAGE` from
/// `uptls_evidence_certificate_count` on. The evidence owns `*der`. `*der` is NULL and `*length` 0 first. `err` may be
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_certificate_der(
    evidence: *const Evidence,
    index: usize,
    der: *mut *const u8,
    length: *mut usize,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of the call.
    unsafe {
        certificate(evidence, der, length, err, |evidence| at(evidence.core.peer.chain_der(), index).map(Vec::as_slice))
    }
}

/// Gives the certificate that `find` finds: the evidence owns it.
///
/// # Safety
/// `evidence` is NULL or live, and outlives the use of `*der`; the others are NULL or can be written to.
pub(crate) unsafe fn certificate<'a>(
    evidence: *const Evidence,
    der: *mut *const u8,
    length: *mut usize,
    err: *mut *mut Error,
    find: impl FnOnce(&'a Evidence) -> Result<&'a [u8], Misuse>,
) -> Status {
    let give = || {
        // SAFETY: the contract is the same.
        let der = unsafe { handle::Out::cleared(der.cast::<*mut u8>(), "der") }?;
        // SAFETY: the contract is the same.
        let length = unsafe { Number::cleared(length, "length") }?;
        // SAFETY: the contract is the same.
        let certificate = find(unsafe { handle::borrow(evidence, "evidence") }?)?;
        der.set(certificate.as_ptr().cast_mut());
        length.set(certificate.len());
        Ok(())
    };
    // SAFETY: the contract is the same.
    unsafe { boundary::call(err, give) }
}

/// The certificate at `index`.
pub(crate) fn at<T>(certificates: &[T], index: usize) -> Result<&T, Misuse> {
    let count = certificates.len();
    certificates
        .get(index)
        .ok_or_else(|| Misuse::new(format!("index must be below the count of certificates, {count}, it is {index}")))
}

/// # Safety
/// `evidence` is NULL or live, and outlives the use of the result.
pub(crate) unsafe fn text(
    evidence: *const Evidence,
    field: impl FnOnce(&Evidence) -> Option<&CString>,
) -> *const c_char {
    let pointer = |evidence: &Evidence| field(evidence).map_or(ptr::null(), |text| text.as_ptr());
    // SAFETY: the contract is the same.
    boundary::value(ptr::null(), || unsafe { evidence.as_ref() }.map_or(ptr::null(), pointer))
}

/// # Safety
/// `evidence` is NULL or live.
pub(crate) unsafe fn number<T: Copy>(evidence: *const Evidence, none: T, field: impl FnOnce(&Evidence) -> T) -> T {
    // SAFETY: the contract is the same.
    boundary::value(none, || unsafe { evidence.as_ref() }.map_or(none, field))
}
