//! A bundle of certificates, read strictly (T2), each entry classified (T3).

use rustls_pki_types::{CertificateDer, TrustAnchor};

use crate::certificate::CertificateView;
use crate::digest::sha256;
use crate::error::{MaterialError, MaterialErrorKind};
use crate::pem;
use crate::report::{Warning, WarningCode};
use crate::time::rfc3339;

/// The certificates of one source; never empty. It does not know the name of its source: equal content is one object,
/// wherever it was read from (T7).
pub(crate) struct TrustBundle {
    entries: Vec<Entry>,
    /// What is odd about the content, whatever the clock says.
    oddities: Vec<Oddity>,
}

/// A warning without the name of the source.
struct Oddity {
    code: WarningCode,
    detail: Option<(&'static str, String)>,
    index: usize,
}

/// Why a text is not a bundle, and the block (index and line) that is to blame.
pub(crate) struct BundleError {
    block: Option<(usize, usize)>,
    kind: MaterialErrorKind,
}

impl BundleError {
    fn parse(reason: impl Into<String>) -> Self {
        Self { block: None, kind: MaterialErrorKind::TrustBundleParse { reason: reason.into() } }
    }

    fn at(mut self, index: usize, line: usize) -> Self {
        self.block = Some((index, line));
        self
    }

    /// The same for the material `source` that the field at `path` names.
    pub(crate) fn of(self, path: &str, source: &str) -> MaterialError {
        let error = MaterialError::new(path, source, self.kind);
        match self.block {
            None => error,
            Some((index, line)) => error.at_block(index, line),
        }
    }
}

/// Whether the PEM text of `source`, which the field at `path` names, is a bundle (T2), whatever the clock says.
///
/// # Errors
/// `trust_bundle_parse` with block and line, or `trust_bundle_empty`.
pub fn check_trust_bundle(path: &str, source: &str, text: &[u8]) -> Result<(), MaterialError> {
    TrustBundle::parse(text).map(drop).map_err(|error| error.of(path, source))
}

/// One certificate of a bundle.
pub(crate) struct Entry {
    anchor: Option<TrustAnchor<'static>>,
    der: Box<[u8]>,
    index: usize,
    not_after: i64,
    not_before: i64,
    path_length: Option<u32>,
    sha256: [u8; 32],
    subject: String,
}

impl TrustBundle {
    /// Reads PEM text.
    ///
    /// # Errors
    /// `trust_bundle_parse` with block and line, or `trust_bundle_empty`.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, BundleError> {
        if pem::looks_like_der(text) {
            return Err(BundleError::parse("it is DER, not PEM; convert it: openssl x509 -inform der -out ca.pem"));
        }
        let blocks = pem::blocks(text).map_err(|e| BundleError::parse(e.reason).at(e.index, e.line))?;
        let mut bundle = Self { entries: Vec::new(), oddities: Vec::new() };
        let mut last_unusable = None;
        for block in &blocks {
            if block.label != "CERTIFICATE" {
                let reason = format!("the {} block does not belong into a trust bundle", block.label);
                return Err(BundleError::parse(reason).at(block.index, block.line));
            }
            if block.headers == pem::Headers::Present {
                return Err(BundleError::parse("a CERTIFICATE block has no headers").at(block.index, block.line));
            }
            if let Err(reason) = bundle.push(block) {
                last_unusable = Some(BundleError::parse(reason).at(block.index, block.line));
            }
        }
        if !bundle.entries.is_empty() {
            return Ok(bundle);
        }
        Err(last_unusable.unwrap_or(BundleError { block: None, kind: MaterialErrorKind::TrustBundleEmpty }))
    }

    fn push(&mut self, block: &pem::Block) -> Result<(), String> {
        let index = block.index;
        let entry = match Entry::new(index, &block.der) {
            Ok(entry) => entry,
            Err(reason) => {
                let detail = Some(("reason", reason.clone()));
                self.oddities.push(Oddity { code: WarningCode::TrustEntryUnusable, detail, index });
                return Err(format!("the certificate cannot be used: {reason}"));
            }
        };
        if let Some(first) = self.entries.iter().find(|other| other.sha256 == entry.sha256) {
            let detail = Some(("same_as", format!("#{}", first.index)));
            self.oddities.push(Oddity { code: WarningCode::TrustEntryDuplicate, detail, index });
            return Ok(());
        }
        let detail = Some(("subject", entry.subject.clone()));
        match &entry.anchor {
            None => self.oddities.push(Oddity { code: WarningCode::TrustEntryIsLeaf, detail, index }),
            Some(_) if entry.is_v1() => self.oddities.push(Oddity { code: WarningCode::TrustEntryV1, detail, index }),
            Some(_) => {}
        }
        self.entries.push(entry);
        Ok(())
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// T4: that it has expired, and when the last of its entries did.
    pub(crate) fn expired(&self, path: &str, source: &str, now: i64) -> MaterialError {
        let last = self.entries.iter().map(|entry| entry.not_after).max().unwrap_or(i64::MIN);
        let kind = MaterialErrorKind::TrustBundleExpired { not_after: rfc3339(last), now: rfc3339(now) };
        MaterialError::new(path, source, kind)
    }

    /// What is odd about the content, and what has expired or soon will.
    pub(crate) fn warnings(&self, source: &str, now: i64) -> Vec<Warning> {
        let odd = |oddity: &Oddity| {
            let place = ("source", format!("{source} #{}", oddity.index));
            Warning::new(oddity.code, core::iter::once(place).chain(oddity.detail.clone()))
        };
        let mut warnings: Vec<Warning> = self.oddities.iter().map(odd).collect();
        for entry in &self.entries {
            let code = match entry.not_after {
                end if end < now => WarningCode::TrustEntryExpired,
                end if end - now < EXPIRING => WarningCode::TrustEntryExpiring,
                _ => continue,
            };
            let place = format!("{source} #{}", entry.index);
            let detail =
                [("source", place), ("subject", entry.subject.clone()), ("not_after", rfc3339(entry.not_after))];
            warnings.push(Warning::new(code, detail));
        }
        warnings
    }
}

impl Entry {
    fn new(index: usize, der: &[u8]) -> Result<Self, String> {
        let view = CertificateView::parse(der)?;
        let certificate = CertificateDer::from_slice(der);
        let anchor = match may_issue(&view) {
            false => None,
            true => {
                let anchor = webpki::anchor_from_trusted_cert(&certificate).map_err(|error| format!("{error}"))?;
                Some(anchor.to_owned())
            }
        };
        Ok(Self {
            anchor,
            der: der.into(),
            index,
            not_after: view.not_after(),
            not_before: view.not_before(),
            path_length: view.path_length(),
            sha256: sha256(der),
            subject: view.subject(),
        })
    }

    /// As an anchor, if it may issue (T3).
    pub(crate) fn anchor(&self) -> Option<&TrustAnchor<'static>> {
        self.anchor.as_ref()
    }

    pub(crate) fn der(&self) -> &[u8] {
        &self.der
    }

    /// Its 1-based place in the bundle.
    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// Unix seconds.
    pub(crate) fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Unix seconds.
    pub(crate) fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Its own path length constraint, which webpki forgets.
    pub(crate) fn path_length(&self) -> Option<u32> {
        self.path_length
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256
    }

    pub(crate) fn subject(&self) -> &str {
        &self.subject
    }

    fn is_v1(&self) -> bool {
        CertificateView::parse(&self.der).is_ok_and(|view| view.is_v1())
    }
}

/// T3: what a certificate must be to issue. A self-signed X.509 v1 certificate cannot say what it may, and passes.
fn may_issue(view: &CertificateView<'_>) -> bool {
    if view.is_v1() {
        return view.is_self_issued();
    }
    view.is_ca()
        && view.key_usage().is_none_or(|usage| usage.cert_sign)
        && view.extended_key_usage().is_none_or(|usage| usage.server_auth)
}

/// 30 days: when an expiry becomes a warning.
pub(crate) const EXPIRING: i64 = 30 * 24 * 3600;
