//! Why a peer failed the policy: what was wanted, what was presented, and the one thing to change.

use super::Step;
use super::{AlgorithmFault, Code, ListDistrust};
use crate::facts::{CertificateFacts, TlsFacts};

/// A peer that the policy refuses. Produced by [`crate::Verifier`] alone.
///
/// Every text of it escapes and bounds the peer's text, `Debug` included; only [`Rejection::chain`] is as the peer sent
/// it.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Rejection {
    /// The clock of the verification, RFC 3339.
    pub at: String,
    /// The chain as it was presented: DER, leaf first. [`crate::Prepared::report`] makes a whole report of it.
    pub chain: Vec<Vec<u8>>,
    /// The reference names, as `type:value`.
    pub expected: Vec<String>,
    /// The fingerprint of the prepared policy, if there is one.
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

/// Which check failed. Times are RFC 3339, names of certificates are RFC 4514 text; no text is longer than 256
/// characters, and invisible characters in it are escaped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum RejectionKind {
    /// A signature algorithm that is not accepted.
    #[non_exhaustive]
    AlgorithmUnsupported {
        /// Its name or object identifier.
        algorithm: String,
        /// What is wrong with it.
        fault: AlgorithmFault,
        /// The subject of the certificate that it signs, or `the handshake`.
        subject: String,
    },
    /// A signature does not verify, and no other certificate explains it.
    #[non_exhaustive]
    BadSignature {
        /// The subject of the certificate whose key did not make it, if one was tried.
        issuer: Option<String>,
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
        reason: ListDistrust,
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
    #[non_exhaustive]
    IssuerNotCa {
        /// What it lacks.
        reason: String,
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
    #[non_exhaustive]
    NameConstraint {
        /// The name, the constraint that it violates and the CA of the constraint, if they are known.
        reason: String,
        /// The kind of name, if constraints on it are not evaluated: every name of that kind is refused then.
        unevaluated: Option<String>,
    },
    /// The issuer is there under the same name in another encoding: names are compared byte by byte (V2).
    #[non_exhaustive]
    NameEncoding {
        /// The issuer as the certificate names it.
        issuer: String,
        /// The digest of the issuer's certificate.
        sha256: String,
        /// The subject of the certificate.
        subject: String,
    },
    /// The policy takes the backend host as its name, and none was given (N3).
    NameMissing,
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
    /// An intermediate of the issuer's name was sent, but of another key than the one that signed.
    #[non_exhaustive]
    OtherIntermediate {
        /// The subject of both.
        issuer: String,
        /// The key identifier of the one that was sent.
        presented_key_id: String,
        /// The subject of the certificate below it.
        subject: String,
        /// The key identifier of the one that is wanted.
        wanted_key_id: String,
    },
    /// More intermediates than one of the CAs permits below it.
    #[non_exhaustive]
    PathLengthExceeded {
        /// How many there are.
        below: usize,
        /// How many it permits.
        limit: u32,
        /// Its subject.
        subject: String,
    },
    /// The path is longer than this library follows.
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
    /// The issuer is unknown.
    UnknownIssuer {
        /// The issuer.
        issuer: String,
    },
    /// The issuer is unknown, and its certificate was not sent. A trusted CA is of the same organization: it is another
    /// root, or an intermediate.
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
            Self::NameEncoding { .. } => Code::CertUnknownIssuer,
            Self::NameMismatch => Code::NameMismatch,
            Self::NameMissing => Code::NameMissing,
            Self::NoCertificate => Code::CertNone,
            Self::NotYetValid { .. } => Code::CertNotYetValid,
            Self::OtherIntermediate { .. } => Code::CertMissingIntermediate,
            Self::PathLengthExceeded { .. } | Self::PathTooLong { .. } => Code::CertPathTooLong,
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

impl std::error::Error for Rejection {}
