//! Why a peer failed the policy: what was wanted, what was presented, and the one thing to change.

use core::fmt;

use super::Code;
use crate::report::{CertificateFacts, Step, TlsFacts};
use crate::text::{listed, printable};

/// A peer that the policy refuses. Produced by [`crate::Verifier`] alone.
///
/// What the peer wrote is escaped and bounded in every text of it, `Debug` included; [`Rejection::chain`] alone is as it came.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Rejection {
    /// The clock of the verification, RFC 3339.
    pub at: String,
    /// The chain as it was presented: DER, leaf first. [`crate::Prepared::report`] makes a whole report of it.
    pub chain: Vec<Vec<u8>>,
    /// The reference names, as `type:value`.
    pub expected: Vec<String>,
    /// The fingerprint of what judged, if it was prepared.
    pub fingerprint: Option<String>,
    /// How every step fared, for reports; empty for what no verification found.
    pub(crate) judgement: Judgement,
    /// What failed.
    pub kind: RejectionKind,
    /// The leaf, as far as it could be read.
    pub peer: Option<CertificateFacts>,
    /// The name of the policy, if it has one.
    pub policy: Option<String>,
    /// The presented names of the leaf, as `type:value`, at most ten of them.
    pub presented: Vec<String>,
    /// The server name (SNI) that belongs to the verification, if one is sent.
    pub server_name: Option<String>,
    /// What was negotiated so far; nothing for a verification without a connection.
    pub tls: Option<TlsFacts>,
}

/// How the steps of a verification fared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Judgement {
    /// The anchor of the path, if there was one.
    pub(crate) anchor: Option<CertificateFacts>,
    pub(crate) steps: Vec<Step>,
}

/// Which check failed. Times are RFC 3339, names of certificates are RFC 4514 text; no text is longer than 256 characters,
/// and what could not be seen in it is escaped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RejectionKind {
    /// A signature algorithm that no accepted algorithm can check.
    AlgorithmUnsupported {
        /// Its name or object identifier.
        algorithm: String,
    },
    /// A signature does not verify.
    BadSignature {
        /// The subject of the certificate, or `the handshake`.
        subject: String,
    },
    /// Too many certificates or bytes, or too much work.
    BudgetExceeded {
        /// Which limit.
        limit: String,
    },
    /// A CA certificate as leaf.
    CaAsLeaf {
        /// Its subject.
        subject: String,
    },
    /// An unknown critical extension.
    #[non_exhaustive]
    CriticalExtension {
        /// Its name and object identifier.
        extension: String,
        /// The subject of the certificate.
        subject: String,
    },
    /// The CRL is past its nextUpdate.
    CrlExpired {
        /// Its nextUpdate.
        next_update: String,
    },
    /// The CRL's own signature or signer does not hold.
    CrlUntrusted {
        /// Why.
        reason: String,
    },
    /// Distrusted by name.
    Distrusted,
    /// A certificate has expired.
    Expired {
        /// The end of its validity.
        not_after: String,
        /// Its subject.
        subject: String,
    },
    /// The trust anchor has expired (T4).
    IssuerExpired {
        /// The end of its validity.
        not_after: String,
        /// Its subject.
        subject: String,
    },
    /// An anchor of the issuer's name has another key.
    IssuerKeyChanged {
        /// The issuer named by the peer's certificate.
        issuer: String,
        /// The digest of the anchor of that name.
        trusted_sha256: String,
        /// The key identifier that the certificate asks for, if it says.
        wanted_key_id: Option<String>,
    },
    /// An issuer that may not issue.
    IssuerNotCa {
        /// Its subject.
        subject: String,
    },
    /// The leaf's key usage lacks digitalSignature (V4).
    KeyUsage {
        /// What it permits.
        presented: String,
    },
    /// A key of a kind or size that no signature is checked with.
    #[non_exhaustive]
    KeyUnsupported {
        /// What the key is.
        key: String,
        /// The subject of its certificate.
        subject: String,
    },
    /// A key that is too small.
    KeyTooWeak {
        /// What the key is.
        key: String,
        /// The subject of its certificate.
        subject: String,
    },
    /// A certificate that does not parse (V1).
    Malformed {
        /// Its 0-based place in the chain.
        index: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The peer did not send an intermediate.
    MissingIntermediate {
        /// The issuer that is missing.
        issuer: String,
    },
    /// A name constraint is violated.
    NameConstraint {
        /// Which kind of constraint, as far as that is known.
        reason: String,
    },
    /// None of the wanted names is presented.
    NameMismatch,
    /// No certificate at all.
    NoCertificate,
    /// Not valid yet.
    NotYetValid {
        /// The start of its validity.
        not_before: String,
        /// Its subject.
        subject: String,
    },
    /// A path length is exceeded.
    PathTooLong {
        /// Whose limit.
        reason: String,
    },
    /// No pin matches (V6).
    PinMismatch {
        /// The leaf's key: SHA-256 of its SubjectPublicKeyInfo, base64.
        presented: String,
    },
    /// The extended key usage does not permit serverAuth.
    Purpose {
        /// What it permits.
        presented: String,
        /// The subject of the certificate.
        subject: String,
    },
    /// No CRL covers a certificate.
    RevocationUnknown {
        /// The issuer without a list that counts.
        issuer: String,
        /// Why those that are given do not count, or that there is none.
        reason: String,
    },
    /// Revoked.
    Revoked {
        /// The serial number, hexadecimal.
        serial: String,
    },
    /// No subjectAltName at all.
    SanMissing {
        /// The CN, which is never read.
        common_name: Option<String>,
    },
    /// The wanted value under another type.
    SanTypeMismatch {
        /// As `type:value`.
        presented: String,
        /// As `type:value`.
        wanted: String,
    },
    /// Self-signed, and not trusted as itself.
    SelfSigned {
        /// Its subject.
        subject: String,
    },
    /// Not a valid X.509-SVID (N7).
    SpiffeIdInvalid {
        /// Which rule is broken.
        reason: String,
    },
    /// The SPIFFE ID is of a trust domain for which the CA does not vouch (L3).
    SpiffeTrustDomain {
        /// The subject of the anchor, and where it stands: `CN=ca (b-ca.pem #1)`.
        anchor: String,
        /// The reference name that the leaf matches, as `type:value`.
        matched: String,
        /// The trust domain of the ID.
        trust_domain: String,
        /// The trust domains for which the anchor vouches; by themselves the system's roots vouch for none.
        vouches_for: Vec<String>,
    },
    /// A certificate of X.509 version 1 or 2, which has no extensions and so no names (V1).
    #[non_exhaustive]
    VersionUnsupported {
        /// Its subject.
        subject: String,
    },
    /// Nobody knows the issuer.
    UnknownIssuer {
        /// The issuer.
        issuer: String,
    },
    /// Nobody knows the issuer, whose certificate was not sent. A trusted CA is of the same organization: it is another root,
    /// or an intermediate.
    UnknownSibling {
        /// The issuer.
        issuer: String,
    },
}

impl Rejection {
    /// The stable code.
    pub fn code(&self) -> Code {
        self.kind.code()
    }

    /// The typed reason behind an `io::Error` that came out of a connection of this library, through any number of
    /// wrappings.
    ///
    /// ```
    /// let plain = std::io::Error::other("something else");
    /// assert!(uptls::Rejection::from_io_error(&plain).is_none());
    /// ```
    pub fn from_io_error(error: &std::io::Error) -> Option<&Self> {
        match super::Error::find_in(error)? {
            super::Error::Rejected(rejection) => Some(rejection),
            _ => None,
        }
    }
}

impl RejectionKind {
    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::AlgorithmUnsupported { .. } => Code::CertAlgorithmUnsupported,
            Self::BadSignature { .. } => Code::CertBadSignature,
            Self::BudgetExceeded { .. } => Code::CertBudgetExceeded,
            Self::CaAsLeaf { .. } => Code::CertCaAsLeaf,
            Self::CriticalExtension { .. } => Code::CertCriticalExtension,
            Self::CrlExpired { .. } => Code::CrlExpired,
            Self::CrlUntrusted { .. } => Code::CrlUntrusted,
            Self::Distrusted => Code::CertDistrusted,
            Self::Expired { .. } => Code::CertExpired,
            Self::IssuerExpired { .. } => Code::IssuerExpired,
            Self::IssuerKeyChanged { .. } => Code::CertIssuerKeyChanged,
            Self::IssuerNotCa { .. } => Code::CertIssuerNotCa,
            Self::KeyUsage { .. } => Code::CertKeyUsage,
            Self::KeyTooWeak { .. } => Code::CertKeyTooWeak,
            Self::KeyUnsupported { .. } => Code::CertAlgorithmUnsupported,
            Self::Malformed { .. } => Code::CertMalformed,
            Self::MissingIntermediate { .. } => Code::CertMissingIntermediate,
            Self::NameConstraint { .. } => Code::CertNameConstraint,
            Self::NameMismatch => Code::NameMismatch,
            Self::NoCertificate => Code::CertNone,
            Self::NotYetValid { .. } => Code::CertNotYetValid,
            Self::PathTooLong { .. } => Code::CertPathTooLong,
            Self::PinMismatch { .. } => Code::CertPinMismatch,
            Self::Purpose { .. } => Code::CertPurpose,
            Self::RevocationUnknown { .. } => Code::RevocationUnknown,
            Self::Revoked { .. } => Code::CertRevoked,
            Self::SanMissing { .. } => Code::SanMissing,
            Self::SanTypeMismatch { .. } => Code::SanTypeMismatch,
            Self::SelfSigned { .. } => Code::CertSelfSigned,
            Self::SpiffeIdInvalid { .. } => Code::SpiffeIdInvalid,
            Self::SpiffeTrustDomain { .. } => Code::SpiffeTrustDomain,
            Self::UnknownIssuer { .. } | Self::UnknownSibling { .. } => Code::CertUnknownIssuer,
            Self::VersionUnsupported { .. } => Code::CertMalformed,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            RejectionKind::NameMismatch => {
                write!(f, "wanted any of {}, presented {}", listed(&self.expected), listed(&self.presented))
            }
            kind => kind.fmt(f),
        }
    }
}

impl fmt::Display for RejectionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = printable;
        match self {
            Self::AlgorithmUnsupported { algorithm } => {
                write!(f, "the algorithm {} is not accepted", p(algorithm))
            }
            Self::BadSignature { subject } => write!(f, "the signature of {} does not verify", p(subject)),
            Self::BudgetExceeded { limit } => write!(f, "the chain exceeds {}", p(limit)),
            Self::CaAsLeaf { subject } => {
                write!(f, "{} is a CA certificate and was presented as the peer's own", p(subject))
            }
            Self::CriticalExtension { extension, subject } => {
                write!(f, "{} has the critical extension {}, for which there is no rule here", p(subject), p(extension))
            }
            Self::CrlExpired { next_update } => write!(f, "the revocation list ended at {next_update}"),
            Self::CrlUntrusted { reason } => write!(f, "the revocation list cannot be trusted: {}", p(reason)),
            Self::Distrusted => f.write_str("the chain holds a key that is distrusted by name"),
            Self::Expired { not_after, subject } => write!(f, "the certificate {} expired at {not_after}", p(subject)),
            Self::IssuerExpired { not_after, subject } => {
                write!(f, "the trusted certificate {} expired at {not_after}", p(subject))
            }
            Self::IssuerKeyChanged { issuer, trusted_sha256, .. } => {
                write!(f, "the issuer {} is trusted with another key ({trusted_sha256})", p(issuer))
            }
            Self::IssuerNotCa { subject } => write!(f, "{} may not issue certificates", p(subject)),
            Self::KeyUsage { presented } => write!(f, "the key usage is {} and lacks digitalSignature", p(presented)),
            Self::KeyTooWeak { key, subject } => write!(f, "the key of {} is {}", p(subject), p(key)),
            Self::KeyUnsupported { key, subject } => {
                write!(f, "the key of {} is {}, which is not accepted", p(subject), p(key))
            }
            Self::VersionUnsupported { subject } => {
                write!(
                    f,
                    "the certificate {} is not of X.509 version 3, so that it holds no subjectAltName",
                    p(subject)
                )
            }
            Self::Malformed { index, reason } => {
                write!(f, "certificate {index} of the chain is malformed: {}", p(reason))
            }
            Self::MissingIntermediate { issuer } => {
                write!(f, "the peer did not send the intermediate certificate {}", p(issuer))
            }
            Self::NameConstraint { reason } => f.write_str(&p(reason)),
            Self::NoCertificate => f.write_str("the peer sent no certificate"),
            Self::NotYetValid { not_before, subject } => {
                write!(f, "the certificate {} is not valid before {not_before}", p(subject))
            }
            Self::PathTooLong { reason } => f.write_str(&p(reason)),
            Self::PinMismatch { presented } => write!(f, "the leaf's key {presented} is not pinned"),
            Self::Purpose { presented, subject } => {
                write!(f, "the extended key usage of {} is {} and lacks serverAuth", p(subject), p(presented))
            }
            Self::RevocationUnknown { issuer, reason } => {
                write!(f, "no revocation list covers a certificate of {}: {}", p(issuer), p(reason))
            }
            Self::Revoked { serial } => write!(f, "the certificate with serial {} is revoked", p(serial)),
            Self::SelfSigned { subject } => write!(f, "{} is self-signed and not trusted as itself", p(subject)),
            Self::UnknownIssuer { issuer } => write!(f, "nobody trusted is called {}", p(issuer)),
            Self::UnknownSibling { issuer } => write!(f, "nobody trusted is called {}, and it was not sent", p(issuer)),
            kind => kind.fmt_of_names(f),
        }
    }
}

impl RejectionKind {
    /// The names of the leaf, and who vouches for them.
    fn fmt_of_names(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = printable;
        match self {
            Self::NameMismatch => f.write_str("none of the wanted names is presented"),
            Self::SanMissing { common_name: Some(name) } => {
                write!(f, "the certificate has no subjectAltName, only the CN {}, which is never read", p(name))
            }
            Self::SanMissing { common_name: None } => f.write_str("the certificate has no subjectAltName"),
            Self::SanTypeMismatch { presented, wanted } => {
                write!(f, "wanted {}, but the certificate holds it as {}", p(wanted), p(presented))
            }
            Self::SpiffeIdInvalid { reason } => write!(f, "the certificate is not a valid X.509-SVID: {}", p(reason)),
            Self::SpiffeTrustDomain { anchor, matched, trust_domain, vouches_for } => {
                let vouches_for =
                    if vouches_for.is_empty() { "no trust domain".to_owned() } else { listed(vouches_for) };
                write!(
                    f,
                    "the certificate matches {}, of the trust domain {}, and is trusted by {}, which vouches for {vouches_for}",
                    p(matched),
                    p(trust_domain),
                    p(anchor)
                )
            }
            _ => f.write_str(self.code().as_str()),
        }
    }
}

impl std::error::Error for Rejection {}
