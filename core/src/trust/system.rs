//! The system's roots (T6): best effort, counted, loaded once per Runtime and shared.

use std::path::{Path, PathBuf};

use rustls_native_certs::load_certs_from_paths;
use rustls_pki_types::{CertificateDer, TrustAnchor};

use crate::digest::CanonicalDigest;

/// Where the roots of `trust.system: native` are (T6). Without a file and a folder, where the platform has them.
///
/// Whoever names one decides whom every such policy trusts: nothing but an administrator's setting should.
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
    anchors: Vec<TrustAnchor<'static>>,
    certificates: Vec<CertificateDer<'static>>,
    digest: [u8; 32],
    /// The paths in place of the platform's, for reports.
    replaced_by: Option<String>,
    skipped: usize,
    source: &'static str,
}

impl SystemRoots {
    /// The Mozilla roots that are compiled in.
    pub(crate) fn mozilla() -> Self {
        let anchors = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        let digest = digest("mozilla", &anchors);
        Self { anchors, certificates: Vec::new(), digest, replaced_by: None, skipped: 0, source: "mozilla roots" }
    }

    /// The roots at `paths`, or else in the platform's root files. The environment is not asked: `SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` count only where the caller put them into `paths`.
    ///
    /// # Errors
    /// A text that names the places where roots were looked for, if there is not one.
    pub(crate) fn native(paths: &NativeRoots) -> Result<Self, String> {
        if *paths == NativeRoots::default() {
            return Self::platform_files();
        }
        paths.require()?;
        let (mut found, mut unreadable) = (Vec::new(), 0);
        let files = paths.files.iter().map(|file| load_certs_from_paths(Some(file), None));
        for loaded in files.chain(paths.folders.iter().map(|folder| load_certs_from_paths(None, Some(folder)))) {
            found.extend(loaded.certs);
            unreadable += loaded.errors.len();
        }
        let named: Vec<_> = paths.paths().map(|path| path.display().to_string()).collect();
        let named = named.join(", ");
        let mut roots =
            Self::best_effort(found, unreadable).ok_or_else(|| format!("no root certificate in any of {named}"))?;
        roots.replaced_by = Some(named);
        Ok(roots)
    }

    fn platform_files() -> Result<Self, String> {
        let file = FILES.iter().map(Path::new).find(|path| path.is_file());
        let folder = FOLDERS.iter().map(Path::new).find(|path| path.is_dir());
        let mut loaded = load_certs_from_paths(file, None);
        if loaded.certs.is_empty() {
            loaded = load_certs_from_paths(None, folder);
        }
        Self::best_effort(loaded.certs, loaded.errors.len())
            .ok_or_else(|| format!("no root certificate in any of {}", FILES.join(", ")))
    }

    fn best_effort(found: Vec<CertificateDer<'static>>, unreadable: usize) -> Option<Self> {
        let mut anchors = Vec::new();
        let mut certificates = Vec::new();
        let mut skipped = unreadable;
        for certificate in found {
            match webpki::anchor_from_trusted_cert(&certificate).map(|anchor| anchor.to_owned()) {
                Ok(anchor) => {
                    anchors.push(anchor);
                    certificates.push(certificate);
                }
                Err(_) => skipped += 1,
            }
        }
        let digest = digest("native", &anchors);
        let (replaced_by, source) = (None, "native roots");
        (!anchors.is_empty()).then_some(Self { anchors, certificates, digest, replaced_by, skipped, source })
    }

    pub(crate) fn anchors(&self) -> &[TrustAnchor<'static>] {
        &self.anchors
    }

    /// The certificate behind an anchor; the compiled-in roots have none.
    pub(crate) fn certificate(&self, index: usize) -> Option<&[u8]> {
        self.certificates.get(index).map(|certificate| &**certificate)
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// How many entries of the store could not be used.
    pub(crate) fn skipped(&self) -> usize {
        self.skipped
    }

    /// The paths that an option of the caller named in place of the platform's (T6).
    pub(crate) fn replaced_by(&self) -> Option<&str> {
        self.replaced_by.as_deref()
    }

    pub(crate) fn source(&self) -> &'static str {
        self.source
    }
}

fn digest(kind: &str, anchors: &[TrustAnchor<'_>]) -> [u8; 32] {
    let mut digest = CanonicalDigest::new("uptls system roots v1");
    digest.text(kind);
    digest.set(anchors.iter().map(|anchor| {
        let constraints: &[u8] = anchor.name_constraints.as_ref().map_or(b"", |constraints| constraints);
        [&anchor.subject, &*anchor.subject_public_key_info, constraints].concat()
    }));
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
