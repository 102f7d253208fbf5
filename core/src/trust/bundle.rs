//! A bundle of certificates, read strictly (T2), each entry classified (T3).

use std::borrow::Cow;

use super::entry::Entry;
use crate::digest::CanonicalDigest;
use crate::encoding::{self, EncodingError};
use crate::error::{Conversion, MaterialError, MaterialErrorKind};
use crate::pem;
use crate::time::{first_expiry_mark, is_near_end, rfc3339};
use crate::warning::{Warning, WarningCode};

/// The certificates of one source; never empty. It does not know the name of its source: equal content is one object,
/// wherever it was read from (T7).
pub(crate) struct TrustBundle {
    /// Of its entries in their order: thousands of policies look for what is made of it.
    digest: [u8; 32],
    entries: Vec<Entry>,
    /// Until then nothing is to be said of the end of any entry (R8): each of thousands of connectors asks every few seconds.
    first_mark: i64,
    /// What is odd about the content, whatever the clock says.
    oddities: Vec<Oddity>,
}

/// A warning without the name of the source.
struct Oddity {
    code: WarningCode,
    detail: Vec<(&'static str, String)>,
    index: usize,
}

/// Why a text is not a bundle, and the block (index and line) that is to blame.
#[derive(Clone)]
pub(crate) struct BundleError {
    block: Option<(usize, usize)>,
    conversion: Option<Conversion>,
    kind: MaterialErrorKind,
}

impl BundleError {
    fn parse(reason: impl Into<String>) -> Self {
        Self { block: None, conversion: None, kind: MaterialErrorKind::TrustBundleParse { reason: reason.into() } }
    }

    fn at(mut self, index: usize, line: usize) -> Self {
        self.block = Some((index, line));
        self
    }

    /// The same for the material `source` that the field at `path` names.
    pub(crate) fn of(self, path: &str, source: &str) -> MaterialError {
        let error = MaterialError::new(path, source, self.kind).convertible(self.conversion);
        match self.block {
            None => error,
            Some((index, line)) => error.at_block(index, line),
        }
    }
}

impl From<EncodingError> for BundleError {
    fn from(error: EncodingError) -> Self {
        Self { block: error.block, conversion: error.conversion, ..Self::parse(error.reason) }
    }
}

/// Whether the content of `source`, which the field at `path` names, is a bundle (T2). The clock does not matter.
///
/// # Errors
/// `trust_bundle_parse` with block and line, or `trust_bundle_empty`.
pub fn check_trust_bundle(path: &str, source: &str, text: &[u8]) -> Result<(), MaterialError> {
    TrustBundle::parse(text).map(drop).map_err(|error| error.of(path, source))
}

impl TrustBundle {
    /// Reads PEM text, a certificate in DER, or the certificates of PKCS#7 data.
    ///
    /// # Errors
    /// `trust_bundle_parse` with block and line, or `trust_bundle_empty`.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, BundleError> {
        let blocks = encoding::blocks(text)?;
        let mut bundle = Self { digest: [0; 32], entries: Vec::new(), first_mark: i64::MAX, oddities: Vec::new() };
        let mut last_unusable = None;
        for block in &blocks {
            let at = |error: BundleError| error.at(block.index, block.line);
            for der in certificates(block).map_err(at)? {
                if let Err(reason) = bundle.push(block.index, &der) {
                    last_unusable = Some(at(BundleError::parse(reason)));
                }
            }
        }
        if !bundle.entries.is_empty() {
            let mut digest = CanonicalDigest::new("uptls bundle v1");
            digest.list(bundle.entries.iter().map(Entry::sha256));
            let marks = bundle.entries.iter().map(|entry| first_expiry_mark(entry.not_before(), entry.not_after()));
            let first_mark = marks.min().unwrap_or(i64::MAX);
            return Ok(Self { digest: digest.finish(), first_mark, ..bundle });
        }
        let empty = BundleError { block: None, conversion: None, kind: MaterialErrorKind::TrustBundleEmpty };
        Err(last_unusable.unwrap_or(empty))
    }

    /// Until then nothing is to be said of the end of any entry (R8).
    pub(crate) fn first_mark(&self) -> i64 {
        self.first_mark
    }

    fn push(&mut self, index: usize, der: &[u8]) -> Result<(), String> {
        let entry = match Entry::new(index, der) {
            Ok(entry) => entry,
            Err(reason) => {
                let detail = vec![("reason", reason.clone())];
                self.oddities.push(Oddity { code: WarningCode::TrustEntryUnusable, detail, index });
                return Err(format!("the certificate cannot be used: {reason}"));
            }
        };
        if let Some(first) = self.entries.iter().find(|other| other.sha256() == entry.sha256()) {
            let detail = vec![("same_as", format!("#{}", first.index()))];
            self.oddities.push(Oddity { code: WarningCode::TrustEntryDuplicate, detail, index });
            return Ok(());
        }
        let subject = ("subject", entry.subject().to_owned());
        if let Some(reason) = entry.no_issuer() {
            let detail = vec![subject, ("reason", reason.to_string())];
            self.oddities.push(Oddity { code: WarningCode::TrustEntryIsLeaf, detail, index });
        } else if entry.is_v1() {
            self.oddities.push(Oddity { code: WarningCode::TrustEntryV1, detail: vec![subject], index });
        }
        if let Some(key) = entry.unaccepted_key() {
            let detail = vec![("subject", entry.subject().to_owned()), ("key", key.to_owned())];
            self.oddities.push(Oddity { code: WarningCode::TrustEntryKeyNotAccepted, detail, index });
        }
        self.entries.push(entry);
        Ok(())
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// T4: that it has expired, and when the last of its entries did.
    pub(crate) fn expired(&self, path: &str, source: &str, now: i64) -> MaterialError {
        let last = self.entries.iter().map(Entry::not_after).max().unwrap_or(i64::MIN);
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
            let code = match entry.not_after() {
                end if end < now => WarningCode::TrustEntryExpired,
                end if is_near_end(entry.not_before(), end, now) => WarningCode::TrustEntryExpiring,
                _ => continue,
            };
            let place = format!("{source} #{}", entry.index());
            let detail =
                [("source", place), ("subject", entry.subject().to_owned()), ("not_after", rfc3339(entry.not_after()))];
            warnings.push(Warning::new(code, detail));
        }
        warnings
    }
}

/// What a block of a bundle holds: one certificate, or those of PKCS#7 data.
fn certificates(block: &pem::Block) -> Result<Vec<Cow<'_, [u8]>>, BundleError> {
    match block.label.as_str() {
        "CERTIFICATE" | encoding::CERTIFICATES if block.headers == pem::Headers::Present => {
            Err(BundleError::parse(format!("a {} block has no headers", block.label)))
        }
        "CERTIFICATE" => Ok(vec![Cow::Borrowed(&block.der)]),
        encoding::CERTIFICATES => {
            let certificates = encoding::pkcs7_certificates(&block.der).map_err(BundleError::parse)?;
            Ok(certificates.into_iter().map(Cow::Owned).collect())
        }
        label => {
            let (reason, conversion) = encoding::misplaced(label, "a certificate");
            Err(BundleError { conversion, ..BundleError::parse(reason) })
        }
    }
}
