//! One trusted certificate, wherever it came from, and whether it may issue (T3).

use rustls_pki_types::{CertificateDer, TrustAnchor};

use crate::certificate::{CertificateView, KeyStrength};
use crate::digest::sha256;

/// A certificate of a bundle or of the system's root files, with all that webpki does not keep of an anchor.
pub(crate) struct Entry {
    anchor: Result<TrustAnchor<'static>, NoIssuer>,
    der: Box<[u8]>,
    index: usize,
    key_cost: u32,
    key_id: Option<Box<[u8]>>,
    name_constraints: usize,
    not_after: i64,
    not_before: i64,
    organization: Option<String>,
    path_length: Option<u32>,
    sha256: [u8; 32],
    signs_lists: bool,
    subject: String,
    subject_raw: Box<[u8]>,
    unaccepted_key: Option<String>,
}

/// Why a certificate may not issue.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum NoIssuer {
    /// basicConstraints do not say CA.
    NotCa,
    /// keyUsage is present and lacks keyCertSign.
    NoKeyCertSign,
    /// extKeyUsage is present and has neither serverAuth nor anyExtendedKeyUsage.
    NoServerAuth,
    /// A critical extension that no rule here understands.
    CriticalExtension(String),
}

impl core::fmt::Display for NoIssuer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotCa => f.write_str("its basicConstraints do not say CA"),
            Self::NoKeyCertSign => f.write_str("its keyUsage lacks keyCertSign"),
            Self::NoServerAuth => f.write_str("its extKeyUsage lacks serverAuth"),
            Self::CriticalExtension(oid) => write!(f, "its critical extension {oid} is not understood"),
        }
    }
}

impl Entry {
    /// Reads a certificate that stands at the 1-based place `index` of its source.
    ///
    /// # Errors
    /// Why one of the parsers does not take it.
    pub(crate) fn new(index: usize, der: &[u8]) -> Result<Self, String> {
        let view = CertificateView::parse(der)?;
        let certificate = CertificateDer::from_slice(der);
        let anchor = match check_issuer(&view) {
            Err(reason) => Err(reason),
            Ok(()) => {
                Ok(webpki::anchor_from_trusted_cert(&certificate).map_err(|error| format!("{error}"))?.to_owned())
            }
        };
        Ok(Self {
            anchor,
            der: der.into(),
            index,
            key_cost: view.key().cost(),
            key_id: view.subject_key_id().map(Box::from),
            name_constraints: view.name_constraint_count(),
            not_after: view.not_after(),
            not_before: view.not_before(),
            organization: view.subject_organization().map(str::to_owned),
            path_length: view.path_length(),
            sha256: sha256(der),
            signs_lists: view.key_usage().is_none_or(|usage| usage.crl_sign),
            subject: view.subject(),
            subject_raw: view.subject_raw().into(),
            unaccepted_key: (view.key().strength != KeyStrength::Accepted).then(|| view.key().text()),
        })
    }

    /// As an anchor, if it may issue (T3).
    pub(crate) fn anchor(&self) -> Option<&TrustAnchor<'static>> {
        self.anchor.as_ref().ok()
    }

    /// Why it may not issue.
    pub(crate) fn no_issuer(&self) -> Option<&NoIssuer> {
        self.anchor.as_ref().err()
    }

    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its 1-based place in its source.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// What a signature check by its key costs.
    pub(crate) fn key_cost(&self) -> u32 {
        self.key_cost
    }

    /// Its subject key identifier.
    pub(crate) fn key_id(&self) -> Option<&[u8]> {
        self.key_id.as_deref()
    }

    /// How many subtrees its name constraints have.
    pub(crate) fn name_constraint_count(&self) -> usize {
        self.name_constraints
    }

    /// Unix seconds.
    pub(crate) fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Unix seconds.
    pub(crate) fn not_before(&self) -> i64 {
        self.not_before
    }

    /// The first O of its subject.
    pub(crate) fn organization(&self) -> Option<&str> {
        self.organization.as_deref()
    }

    /// Its own path length constraint.
    pub(crate) fn path_length(&self) -> Option<u32> {
        self.path_length
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    /// Whether it may sign revocation lists: cRLSign, where keyUsage is present (RFC 5280 section 6.3.3 (f)).
    pub(crate) fn signs_lists(&self) -> bool {
        self.signs_lists
    }

    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    /// Its subject, DER.
    pub(crate) fn subject_raw(&self) -> &[u8] {
        &self.subject_raw
    }

    /// What its key is, if no such key is accepted (V2).
    pub(crate) fn unaccepted_key(&self) -> Option<&str> {
        self.unaccepted_key.as_deref()
    }

    pub(crate) fn is_v1(&self) -> bool {
        CertificateView::parse(&self.der).is_ok_and(|view| view.is_v1())
    }
}

/// T3: what a certificate must be to issue, by whatever door it came. A self-signed X.509 v1 certificate cannot say what it
/// may, and passes. webpki alone would let the key of any trusted certificate sign for any name.
pub(crate) fn check_issuer(view: &CertificateView<'_>) -> Result<(), NoIssuer> {
    if view.is_v1() {
        return if view.is_self_issued() { Ok(()) } else { Err(NoIssuer::NotCa) };
    }
    if !view.is_ca() {
        return Err(NoIssuer::NotCa);
    }
    if view.key_usage().is_some_and(|usage| !usage.cert_sign) {
        return Err(NoIssuer::NoKeyCertSign);
    }
    if view.extended_key_usage().is_some_and(|usage| !usage.server_auth && !usage.any) {
        return Err(NoIssuer::NoServerAuth);
    }
    match view.unknown_critical_extension_of_anchor() {
        Some(oid) => Err(NoIssuer::CriticalExtension(oid)),
        None => Ok(()),
    }
}
