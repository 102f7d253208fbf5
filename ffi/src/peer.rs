//! The peer of a connection and the anchor that the policy trusted it by, for C.

use core::ffi::c_char;
use std::ffi::CString;

use uptls::CertificateSummary;

use crate::error::Error;
use crate::evidence::{Evidence, at, certificate, number, text};
use crate::handle;
use crate::policy::digest_text;
use crate::status::Status;

/// A certificate of a connection: `UPTLS_CERTIFICATE_...`.
pub type Certificate = i32;

/// The peer's own.
pub const UPTLS_CERTIFICATE_LEAF: Certificate = 0;
/// The trusted one at which the verified path ends. There is none where the path is not known (`uptls_evidence_path_count`).
pub const UPTLS_CERTIFICATE_ANCHOR: Certificate = 1;

/// What names one certificate.
pub(crate) struct Names {
    issuer: CString,
    not_after: i64,
    not_before: i64,
    serial: CString,
    sha256: CString,
    subject: CString,
}

impl Names {
    fn of(evidence: &Evidence, which: Certificate) -> Option<&Self> {
        let peer = &evidence.core().peer;
        let [leaf, anchor] = &evidence.certificates;
        let names = match which {
            UPTLS_CERTIFICATE_LEAF => leaf.get_or_init(|| peer.leaf().map(Self::new)),
            UPTLS_CERTIFICATE_ANCHOR => anchor.get_or_init(|| peer.anchor().map(Self::new)),
            _ => return None,
        };
        names.as_ref()
    }

    fn new(summary: CertificateSummary) -> Self {
        Self {
            issuer: handle::c_text(&summary.issuer),
            not_after: summary.not_after,
            not_before: summary.not_before,
            serial: handle::c_text(&summary.serial),
            sha256: handle::c_text(&digest_text(&summary.sha256)),
            subject: handle::c_text(&summary.subject),
        }
    }
}

/// The subject of a certificate, `CN=payments.internal`, escaped and bounded: for logs. NULL without one, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_subject(evidence: *const Evidence, which: Certificate) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| Names::of(evidence, which).map(|names| &names.subject)) }
}

/// The issuer of a certificate, as `uptls_evidence_subject`. NULL without one, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_issuer(evidence: *const Evidence, which: Certificate) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| Names::of(evidence, which).map(|names| &names.issuer)) }
}

/// The serial number of a certificate: lower-case hexadecimal, two digits for each byte. NULL without one, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_serial(evidence: *const Evidence, which: Certificate) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| Names::of(evidence, which).map(|names| &names.serial)) }
}

/// The fingerprint of a certificate, `sha256:...`. NULL without one, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_sha256(evidence: *const Evidence, which: Certificate) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(evidence, |evidence| Names::of(evidence, which).map(|names| &names.sha256)) }
}

/// Since when a certificate is valid, unix seconds; 0 without one, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_not_before(evidence: *const Evidence, which: Certificate) -> i64 {
    // SAFETY: the contract of the header is that of `number`.
    unsafe { number(evidence, 0, |evidence| Names::of(evidence, which).map_or(0, |names| names.not_before)) }
}

/// Until when a certificate is valid, unix seconds; 0 without one, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_not_after(evidence: *const Evidence, which: Certificate) -> i64 {
    // SAFETY: the contract of the header is that of `number`.
    unsafe { number(evidence, 0, |evidence| Names::of(evidence, which).map_or(0, |names| names.not_after)) }
}

/// How many certificates the verified path has, the leaf and the trusted one included. 0 where the path is not known whole: names
/// or chains are not verified (`danger`), the platform verified it, or it ends at a compiled-in root, which has no certificate; and
/// for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_path_count(evidence: *const Evidence) -> usize {
    // SAFETY: the contract of the header is that of `number`.
    unsafe { number(evidence, 0, |evidence| evidence.core().peer.verified_chain().map_or(0, |path| path.len())) }
}

/// A certificate of the path that the verdict rests on: DER, the leaf at index 0, the trusted one last. What the peer sent beside it is
/// not in it. `UPTLS_E_USAGE` from `uptls_evidence_path_count` on. The evidence owns `*der`. `*der` is NULL and `*length` 0
/// first. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_evidence_path_der(
    evidence: *const Evidence,
    index: usize,
    der: *mut *const u8,
    length: *mut usize,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of the call.
    unsafe {
        certificate(evidence, der, length, err, |evidence| {
            let path = evidence.core().peer.verified_chain().unwrap_or_default();
            at(&path, index).copied()
        })
    }
}
