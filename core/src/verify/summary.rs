//! What names a certificate, for programs that log or map peers.

use super::VerifiedPeer;
use crate::certificate::CertificateView;
use crate::digest::sha256;
use crate::text::hex;

/// What names one certificate. Texts are escaped and bounded.
///
/// ```
/// fn log(stream: &uptls::VerifiedStream<std::net::TcpStream>) {
///     if let Some(leaf) = stream.evidence().peer.leaf() {
///         println!("{} of {}, serial {}", leaf.subject, leaf.issuer, leaf.serial);
///     }
/// }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CertificateSummary {
    /// The issuer.
    pub issuer: String,
    /// The end of its validity (unix seconds).
    pub not_after: i64,
    /// The beginning of its validity (unix seconds).
    pub not_before: i64,
    /// The serial number: lower-case hexadecimal, two digits for each byte of the certificate.
    pub serial: String,
    /// The SHA-256 of the whole certificate.
    pub sha256: [u8; 32],
    /// The subject.
    pub subject: String,
}

impl CertificateSummary {
    fn of(der: &[u8]) -> Option<Self> {
        let view = CertificateView::parse(der).ok()?;
        Some(Self {
            issuer: view.issuer(),
            not_after: view.not_after(),
            not_before: view.not_before(),
            serial: hex(view.serial()),
            sha256: sha256(der),
            subject: view.subject(),
        })
    }
}

impl VerifiedPeer {
    /// The peer's own certificate.
    pub fn leaf(&self) -> Option<CertificateSummary> {
        CertificateSummary::of(self.chain_der().first()?)
    }

    /// The trusted certificate at which the verified path ends; `None` where no such path is known
    /// ([`verified_chain`](Self::verified_chain)).
    pub fn anchor(&self) -> Option<CertificateSummary> {
        CertificateSummary::of(self.verified_chain()?.last()?)
    }
}
