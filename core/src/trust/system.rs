//! The system's roots (T6): best effort, counted, loaded once per Runtime and shared.

use std::path::Path;

use rustls_pki_types::{CertificateDer, TrustAnchor};

use crate::digest::CanonicalDigest;

/// The roots of the platform, or those that are compiled in.
pub(crate) struct SystemRoots {
    anchors: Vec<TrustAnchor<'static>>,
    certificates: Vec<CertificateDer<'static>>,
    digest: [u8; 32],
    skipped: usize,
    source: &'static str,
}

impl SystemRoots {
    /// The Mozilla roots that are compiled in.
    pub(crate) fn mozilla() -> Self {
        let anchors = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        let digest = digest("mozilla", &anchors);
        Self { anchors, certificates: Vec::new(), digest, skipped: 0, source: "mozilla roots" }
    }

    /// The platform's root files. The environment is not asked (`SSL_CERT_FILE` and `SSL_CERT_DIR` do not count).
    ///
    /// # Errors
    /// A text that names the places where roots were looked for, if there is not one.
    pub(crate) fn native() -> Result<Self, String> {
        let file = FILES.iter().map(Path::new).find(|path| path.is_file());
        let folder = FOLDERS.iter().map(Path::new).find(|path| path.is_dir());
        let mut loaded = rustls_native_certs::load_certs_from_paths(file, None);
        if loaded.certs.is_empty() {
            loaded = rustls_native_certs::load_certs_from_paths(None, folder);
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
        (!anchors.is_empty()).then_some(Self { anchors, certificates, digest, skipped, source: "native roots" })
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
