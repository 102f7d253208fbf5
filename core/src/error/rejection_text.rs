//! What a refusal says: both values, and whose certificate it is about.

use core::fmt;

use super::{AlgorithmFault, Rejection, RejectionKind};
use crate::text::{listed, printable};

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
            Self::AlgorithmUnsupported { .. } | Self::BadSignature { .. } | Self::OtherIntermediate { .. } => {
                self.fmt_of_signatures(f)
            }
            Self::BudgetExceeded { limit } => write!(f, "the chain exceeds {}", p(limit)),
            Self::CaAsLeaf { subject } => {
                write!(f, "{} is a CA certificate and was presented as the peer's own", p(subject))
            }
            Self::CriticalExtension { extension, subject } => {
                write!(f, "{} has the critical extension {}, which uptls does not understand", p(subject), p(extension))
            }
            Self::CrlExpired { next_update } => write!(f, "the revocation list ended at {next_update}"),
            Self::CrlUntrusted { reason } => write!(f, "the revocation list cannot be trusted: {reason}"),
            Self::Distrusted => f.write_str("the chain holds a key that is distrusted by name"),
            Self::Expired { .. } | Self::IssuerExpired { .. } | Self::NotYetValid { .. } => self.fmt_of_times(f),
            Self::IssuerKeyChanged { issuer, trusted_sha256, .. } => {
                write!(f, "the issuer {} is trusted with another key ({trusted_sha256})", p(issuer))
            }
            Self::IssuerNotCa { reason, subject } => {
                write!(f, "{} may not issue certificates: {}", p(subject), p(reason))
            }
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
            Self::NameConstraint { reason, .. } => f.write_str(&p(reason)),
            Self::NameEncoding { issuer, sha256, subject } => write!(
                f,
                "{} names its issuer {} in another encoding than the issuer's certificate ({sha256}) has: names are compared byte by byte",
                p(subject),
                p(issuer)
            ),
            Self::NoCertificate => f.write_str("the peer sent no certificate"),
            Self::PathLengthExceeded { below, limit, subject } => {
                let plural = if *limit == 1 { "" } else { "s" };
                write!(f, "{} permits {limit} intermediate{plural} below it, and the path has {below}", p(subject))
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
            Self::UnknownIssuer { issuer } => write!(f, "no trusted CA is named {}", p(issuer)),
            Self::UnknownSibling { issuer } => {
                write!(f, "no trusted CA is named {}, and its certificate was not sent", p(issuer))
            }
            kind => kind.fmt_of_names(f),
        }
    }
}

impl RejectionKind {
    /// What has ended, or has not begun.
    fn fmt_of_times(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = printable;
        match self {
            Self::Expired { not_after, subject } => write!(f, "the certificate {} expired at {not_after}", p(subject)),
            Self::IssuerExpired { not_after, subject } => {
                write!(f, "the trusted certificate {} expired at {not_after}", p(subject))
            }
            Self::NotYetValid { not_before, subject } => {
                write!(f, "the certificate {} is not valid before {not_before}", p(subject))
            }
            _ => f.write_str(self.code().as_str()),
        }
    }

    /// Signatures, their algorithms, and the keys that made them or did not.
    fn fmt_of_signatures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = printable;
        match self {
            Self::AlgorithmUnsupported { algorithm, fault: AlgorithmFault::OfKey { issuer, key }, subject } => write!(
                f,
                "{} is signed with {}, and the key of its issuer {} is {}",
                p(subject),
                p(algorithm),
                p(issuer),
                p(key)
            ),
            Self::AlgorithmUnsupported { algorithm, fault: AlgorithmFault::Parameters, subject } => {
                write!(f, "{} is signed with {} by parameters that are not accepted", p(subject), p(algorithm))
            }
            Self::AlgorithmUnsupported { algorithm, subject, .. } => {
                write!(f, "the signature algorithm of {}, {}, is not accepted", p(subject), p(algorithm))
            }
            Self::BadSignature { issuer: Some(issuer), subject } => {
                write!(f, "the signature of {} does not verify with the key of {}", p(subject), p(issuer))
            }
            Self::BadSignature { issuer: None, subject } => {
                write!(f, "the signature of {} does not verify", p(subject))
            }
            Self::OtherIntermediate { issuer, presented_key_id, subject, wanted_key_id } => write!(
                f,
                "the certificate of {} that was sent has the key id {}, and {} was signed by the key id {}",
                p(issuer),
                p(presented_key_id),
                p(subject),
                p(wanted_key_id)
            ),
            _ => f.write_str(self.code().as_str()),
        }
    }

    /// The names of the leaf, and who vouches for them.
    fn fmt_of_names(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let p = printable;
        match self {
            Self::NameMismatch => f.write_str("none of the wanted names is presented"),
            Self::NameMissing => {
                f.write_str("there is neither a server name nor a backend host nor a subjectAltName to look for")
            }
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
