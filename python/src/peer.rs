//! `uptls.PeerInfo`.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use uptls::{Evidence, IdentityUse};

use crate::facts::Certificate;

/// The proof of a peer, and the parameters negotiated with it.
///
/// >>> with policy.connect("payments.internal", 443) as stream:
/// ...     stream.peer.matched_name, stream.peer.version, stream.peer.resumed
/// ('dns:payments.internal', '1.3', False)
#[pyclass(frozen, name = "PeerInfo", module = "uptls")]
pub(crate) struct PyPeer {
    certificates: Vec<Certificate>,
    evidence: Evidence,
}

impl PyPeer {
    pub(crate) fn new(evidence: Evidence) -> Self {
        Self { certificates: evidence.peer.chain().into_iter().map(Certificate::from).collect(), evidence }
    }

    pub(crate) fn evidence(&self) -> &Evidence {
        &self.evidence
    }
}

#[pymethods]
impl PyPeer {
    /// `1.2` or `1.3`.
    #[getter]
    fn version(&self) -> &'static str {
        self.evidence.version.as_str()
    }

    /// The IANA name of the cipher suite.
    #[getter]
    fn cipher(&self) -> &str {
        &self.evidence.cipher_suite
    }

    /// The IANA name of the key exchange group; None for a resumed TLS 1.2 session.
    #[getter]
    fn group(&self) -> Option<&str> {
        self.evidence.group.as_deref()
    }

    /// The application protocol, if one was selected.
    #[getter]
    fn alpn(&self) -> Option<&str> {
        self.evidence.alpn.as_deref()
    }

    /// The server name (SNI) that was sent, if one was.
    #[getter]
    fn server_name(&self) -> Option<&str> {
        self.evidence.server_name.as_deref()
    }

    /// The wanted name that the certificate holds, `type:value`; None if the policy verifies no names.
    #[getter]
    fn matched_name(&self) -> Option<&str> {
        self.evidence.peer.matched_name()
    }

    /// Whether a session was resumed: the certificates are then those of the full handshake that it descends from.
    #[getter]
    fn resumed(&self) -> bool {
        self.evidence.resumed
    }

    /// The certificates as the peer presented them: DER, leaf first.
    #[getter]
    fn chain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(py, self.evidence.peer.chain_der().iter().map(|der| PyBytes::new(py, der)))
    }

    /// The path that the verdict rests on: DER, leaf first, the trusted certificate last. None if the whole path is not
    /// known: nothing was verified, the platform's verifier found it, or it ends at a compiled-in root, which is no
    /// certificate.
    #[getter]
    fn verified_chain<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyList>>> {
        let path = self.evidence.peer.verified_chain();
        path.map(|path| PyList::new(py, path.iter().map(|der| PyBytes::new(py, der)))).transpose()
    }

    /// What they say, leaf first, at most ten.
    #[getter]
    fn certificates(&self) -> Vec<Certificate> {
        self.certificates.clone()
    }

    /// When the leaf begins to be valid, RFC 3339.
    #[getter]
    fn not_before(&self) -> &str {
        self.certificates.first().map_or("", |leaf| &leaf.not_before)
    }

    /// When the leaf ceases to be valid, RFC 3339.
    #[getter]
    fn not_after(&self) -> &str {
        self.certificates.first().map_or("", |leaf| &leaf.not_after)
    }

    /// Until when the proof holds (unix seconds): the earliest end among the certificates of the path and the revocation
    /// lists.
    #[getter]
    fn trusted_until(&self) -> i64 {
        self.evidence.peer.trusted_until()
    }

    /// Whether the peer got our certificate: `not_requested`, `requested_not_sent` or `sent`.
    #[getter]
    fn identity(&self) -> &'static str {
        match self.evidence.identity {
            IdentityUse::Sent { .. } => "sent",
            IdentityUse::RequestedNotSent { .. } => "requested_not_sent",
            _ => "not_requested",
        }
    }

    /// Whether our certificate was sent.
    #[getter]
    fn identity_sent(&self) -> bool {
        matches!(self.evidence.identity, IdentityUse::Sent { .. })
    }

    /// Whether the policy has an identity and it was not sent.
    #[getter]
    fn identity_unused(&self) -> bool {
        self.evidence.identity_unused
    }

    /// The generation of the connector that made it.
    #[getter]
    fn generation(&self) -> u64 {
        self.evidence.generation.number()
    }

    /// The digest of everything that decided, `sha256:...`.
    #[getter]
    fn fingerprint(&self) -> String {
        digest(&self.evidence.fingerprint)
    }

    fn __repr__(&self) -> String {
        let name = self.evidence.peer.matched_name().unwrap_or("any name");
        format!("<PeerInfo {name} TLS {} {}>", self.evidence.version.as_str(), self.evidence.cipher_suite)
    }
}

/// A digest as reports write it.
pub(crate) fn digest(digest: &[u8; 32]) -> String {
    digest.iter().fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}
