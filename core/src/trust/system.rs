//! The system's roots (T6): best effort, counted, loaded once per Runtime and shared.

use std::path::{Path, PathBuf};

use rustls_native_certs::{ErrorKind, load_certs_from_paths};
use rustls_pki_types::{CertificateDer, TrustAnchor};

use super::entry::Entry;
use crate::digest::CanonicalDigest;
use crate::input::{Cause, Unreadable};

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

    fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().chain(&self.folders).map(PathBuf::as_path)
    }

    /// What is named must be there: who counts on it would not know which roots are missing.
    fn require(&self) -> Result<(), String> {
        let missing = self.files.iter().find(|file| !file.is_file()).map(|file| (file, "file"));
        let missing = missing.or_else(|| self.folders.iter().find(|path| !path.is_dir()).map(|path| (path, "folder")));
        match missing {
            None => Ok(()),
            Some((path, what)) => Err(format!("{} is named as native roots, and is no {what}", path.display())),
        }
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

enum Roots {
    /// Names and keys alone.
    CompiledIn(Vec<TrustAnchor<'static>>),
    /// Each may issue.
    Certificates(Vec<Entry>),
}

impl SystemRoots {
    /// The Mozilla roots that are compiled in.
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

    /// The roots at `paths`, or else in the platform's root files. The environment is not asked: `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` count only where the caller put them into `paths`.
    ///
    /// # Errors
    /// A text that names the places where roots were looked for, if there is not one; and a shortage of ours, since what was
    /// loaded is kept for as long as the Runtime lives, and would lack roots without a reason in the store.
    pub(crate) fn native(paths: &NativeRoots) -> Result<Self, Unreadable> {
        if *paths == NativeRoots::default() {
            return Self::platform_files();
        }
        paths.require().map_err(Unreadable::unfit)?;
        let (mut found, mut unreadable) = (Vec::new(), 0);
        let files = paths.files.iter().map(|file| load_certs_from_paths(Some(file), None));
        for loaded in files.chain(paths.folders.iter().map(|folder| load_certs_from_paths(None, Some(folder)))) {
            refuse_shortage(&loaded.errors)?;
            found.extend(loaded.certs);
            unreadable += loaded.errors.len();
        }
        let named: Vec<_> = paths.paths().map(|path| path.display().to_string()).collect();
        let named = named.join(", ");
        let nothing = || Unreadable::unfit(format!("no root certificate in any of {named}"));
        let mut roots = Self::best_effort(&found, unreadable).ok_or_else(nothing)?;
        roots.replaced_by = Some(named);
        Ok(roots)
    }

    fn platform_files() -> Result<Self, Unreadable> {
        let file = FILES.iter().map(Path::new).find(|path| path.is_file());
        let folder = FOLDERS.iter().map(Path::new).find(|path| path.is_dir());
        let mut loaded = load_certs_from_paths(file, None);
        refuse_shortage(&loaded.errors)?;
        if loaded.certs.is_empty() {
            loaded = load_certs_from_paths(None, folder);
            refuse_shortage(&loaded.errors)?;
        }
        let nothing = || Unreadable::unfit(format!("no root certificate in any of {}", FILES.join(", ")));
        Self::best_effort(&loaded.certs, loaded.errors.len()).ok_or_else(nothing)
    }

    /// Roots of the tests' own.
    #[cfg(test)]
    pub(crate) fn of_certificates(found: &[CertificateDer<'static>]) -> Option<Self> {
        Self::best_effort(found, 0)
    }

    /// The found certificates that may issue: a server's certificate that an administrator added to the store signs for
    /// no name (T3), and it is never trusted as itself (T5).
    fn best_effort(found: &[CertificateDer<'static>], unreadable: usize) -> Option<Self> {
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

/// Best effort is about what the store holds, and not about what this process could not open.
fn refuse_shortage(errors: &[rustls_native_certs::Error]) -> Result<(), Unreadable> {
    let short = errors.iter().find_map(|error| match &error.kind {
        ErrorKind::Io { inner, path } if Cause::of(inner) == Cause::Shortage => {
            Some(Unreadable { cause: Cause::Shortage, reason: format!("{}: {inner}", path.display()) })
        }
        _ => None,
    });
    short.map_or(Ok(()), Err)
}

/// Of one compiled-in root.
fn anchor_digest(anchor: &TrustAnchor<'_>) -> [u8; 32] {
    let mut digest = CanonicalDigest::new("uptls anchor v1");
    digest.bytes(&anchor.subject);
    digest.bytes(&anchor.subject_public_key_info);
    digest.optional(anchor.name_constraints.as_deref());
    digest.finish()
}

/// Where distributions keep their roots in one file.
const FILES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];
const FOLDERS: &[&str] = &["/etc/ssl/certs", "/etc/pki/tls/certs", "/system/etc/security/cacerts"];
