//! The system's roots (T6): best effort, counted, loaded once per Runtime and shared.

use std::path::PathBuf;

#[cfg(feature = "native")]
use rustls_pki_types::CertificateDer;
use rustls_pki_types::TrustAnchor;

use super::entry::Entry;
use crate::digest::CanonicalDigest;

/// Where the roots of `trust.system: native` are (T6). Without a file and a folder: the platform's files.
///
/// This setting decides which CAs every such policy trusts: only an administrator should make it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct NativeRoots {
    /// Files of PEM certificates; `SSL_CERT_FILE` is one.
    pub files: Vec<PathBuf>,
    /// Folders of such files, which are not looked into any deeper; `SSL_CERT_DIR` is a list of them.
    pub folders: Vec<PathBuf>,
}

impl NativeRoots {
    /// Adds a file.
    #[must_use]
    pub fn with_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.files.push(file.into());
        self
    }

    /// Adds a folder.
    #[must_use]
    pub fn with_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folders.push(folder.into());
        self
    }
}

/// The roots of the platform, or those that are compiled in.
pub(crate) struct SystemRoots {
    digest: [u8; 32],
    /// Certificates that may not issue (T3), each with why.
    not_issuing: Vec<String>,
    /// The paths in place of the platform's, for reports.
    replaced_by: Option<String>,
    roots: Roots,
    source: &'static str,
    unreadable: usize,
}

#[cfg_attr(
    not(all(feature = "mozilla", feature = "native")),
    allow(dead_code, reason = "a build without system roots makes none")
)]
enum Roots {
    /// Names and keys alone.
    CompiledIn(Vec<TrustAnchor<'static>>),
    /// Each may issue.
    Certificates(Vec<Entry>),
}

impl SystemRoots {
    /// The Mozilla roots that are compiled in.
    #[cfg(feature = "mozilla")]
    pub(crate) fn mozilla() -> Self {
        let anchors = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        let mut digest = CanonicalDigest::new("uptls compiled-in roots v1");
        digest.set(anchors.iter().map(anchor_digest));
        Self {
            digest: digest.finish(),
            not_issuing: Vec::new(),
            replaced_by: None,
            roots: Roots::CompiledIn(anchors),
            source: "mozilla roots",
            unreadable: 0,
        }
    }

    /// These stand in the place of the platform's, which reports say.
    #[cfg(feature = "native")]
    pub(super) fn replacing(self, paths: String) -> Self {
        Self { replaced_by: Some(paths), ..self }
    }

    /// Roots of the tests' own.
    #[cfg(all(test, feature = "platform"))]
    pub(crate) fn of_certificates(found: &[CertificateDer<'static>]) -> Option<Self> {
        Self::best_effort(found, 0)
    }

    /// The found certificates that may issue: a server's certificate that an administrator added to the store signs for
    /// no name (T3), and it is never trusted as itself (T5).
    #[cfg(feature = "native")]
    pub(super) fn best_effort(found: &[CertificateDer<'static>], unreadable: usize) -> Option<Self> {
        let mut entries: Vec<Entry> = Vec::new();
        let mut not_issuing = Vec::new();
        let mut unreadable = unreadable;
        for (index, certificate) in found.iter().enumerate() {
            match Entry::new(index + 1, certificate) {
                Ok(entry) if entries.iter().any(|known| known.sha256() == entry.sha256()) => {}
                Ok(entry) => match entry.no_issuer() {
                    None => entries.push(entry),
                    Some(reason) => not_issuing.push(format!("{}: {reason}", entry.subject())),
                },
                Err(_) => unreadable += 1,
            }
        }
        let mut digest = CanonicalDigest::new("uptls system roots v2");
        digest.set(entries.iter().map(Entry::sha256));
        let digest = digest.finish();
        let roots = Roots::Certificates(entries);
        let roots = Self { digest, not_issuing, replaced_by: None, roots, source: "native roots", unreadable };
        (roots.count() > 0).then_some(roots)
    }

    /// Each anchor, with a value to sort equal ones by, and when it ends (unix seconds; the compiled-in roots do not say).
    pub(crate) fn anchors(&self) -> impl Iterator<Item = (&TrustAnchor<'static>, [u8; 32], i64)> {
        let (compiled_in, entries) = match &self.roots {
            Roots::CompiledIn(anchors) => (anchors.as_slice(), [].as_slice()),
            Roots::Certificates(entries) => ([].as_slice(), entries.as_slice()),
        };
        let certified = entries.iter().filter_map(|entry| Some((entry.anchor()?, entry.sha256(), entry.not_after())));
        compiled_in.iter().map(|anchor| (anchor, anchor_digest(anchor), i64::MAX)).chain(certified)
    }

    /// How many roots can be used.
    pub(crate) fn count(&self) -> usize {
        match &self.roots {
            Roots::CompiledIn(anchors) => anchors.len(),
            Roots::Certificates(entries) => entries.len(),
        }
    }

    /// The certificates; the compiled-in roots have none.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.roots {
            Roots::CompiledIn(_) => &[],
            Roots::Certificates(entries) => entries,
        }
    }

    /// The certificate behind an anchor.
    pub(crate) fn entry(&self, index: usize) -> Option<&Entry> {
        self.entries().get(index)
    }

    /// Of all that decides: every certificate, or what is compiled in of it.
    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// How many entries of the store could not be used: unreadable, or not fit to issue.
    pub(crate) fn skipped(&self) -> usize {
        self.unreadable + self.not_issuing.len()
    }

    /// The certificates of the store that may not issue (T3), each with why.
    pub(crate) fn not_issuing(&self) -> &[String] {
        &self.not_issuing
    }

    /// The paths that an option of the caller named in place of the platform's (T6).
    pub(crate) fn replaced_by(&self) -> Option<&str> {
        self.replaced_by.as_deref()
    }

    pub(crate) fn source(&self) -> &'static str {
        self.source
    }
}

/// Of one compiled-in root.
fn anchor_digest(anchor: &TrustAnchor<'_>) -> [u8; 32] {
    let mut digest = CanonicalDigest::new("uptls anchor v1");
    digest.bytes(&anchor.subject);
    digest.bytes(&anchor.subject_public_key_info);
    digest.optional(anchor.name_constraints.as_deref());
    digest.finish()
}
