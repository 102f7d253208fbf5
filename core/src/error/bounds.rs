//! What a peer wrote stays short in every text that is made of an error, `Debug` included (V11).

use core::fmt;

use super::{AlgorithmFault, Rejection, RejectionKind};
use crate::digest::sha256;
use crate::text::{SHOWN, digest, printable};

impl RejectionKind {
    /// The same with every text escaped and bounded. Each [`Rejection`] is made of such a one; what was escaped before stays
    /// as it is.
    pub(crate) fn bounded(mut self) -> Self {
        for text in self.texts_mut() {
            *text = printable(text);
        }
        self
    }

    /// Every text in it. A variant that is not named here does not compile.
    fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::CrlUntrusted { reason: _ }
            | Self::Distrusted
            | Self::NameMismatch
            | Self::NameMissing
            | Self::NoCertificate => Vec::new(),
            Self::BudgetExceeded { limit: text }
            | Self::CaAsLeaf { subject: text }
            | Self::CrlExpired { next_update: text }
            | Self::KeyUsage { presented: text }
            | Self::Malformed { index: _, reason: text }
            | Self::MissingIntermediate { issuer: text }
            | Self::PathLengthExceeded { below: _, limit: _, subject: text }
            | Self::PathTooLong { reason: text }
            | Self::PinMismatch { presented: text }
            | Self::Revoked { serial: text }
            | Self::SelfSigned { subject: text }
            | Self::SpiffeIdInvalid { reason: text }
            | Self::UnknownIssuer { issuer: text }
            | Self::UnknownSibling { issuer: text }
            | Self::VersionUnsupported { subject: text } => vec![text],
            Self::CriticalExtension { extension: a, subject: b }
            | Self::Expired { not_after: a, subject: b }
            | Self::IssuerExpired { not_after: a, subject: b }
            | Self::IssuerNotCa { reason: a, subject: b }
            | Self::KeyTooWeak { key: a, subject: b }
            | Self::KeyUnsupported { key: a, subject: b }
            | Self::NotYetValid { not_before: a, subject: b }
            | Self::Purpose { presented: a, subject: b }
            | Self::RevocationUnknown { issuer: a, reason: b }
            | Self::SanTypeMismatch { presented: a, wanted: b } => vec![a, b],
            Self::AlgorithmUnsupported { algorithm, fault, subject } => {
                let of_fault = match fault {
                    AlgorithmFault::OfKey { issuer, key } => vec![issuer, key],
                    AlgorithmFault::Parameters | AlgorithmFault::Unknown => Vec::new(),
                };
                [algorithm, subject].into_iter().chain(of_fault).collect()
            }
            Self::BadSignature { issuer, subject } => [subject].into_iter().chain(issuer).collect(),
            Self::NameConstraint { reason, unevaluated } => [reason].into_iter().chain(unevaluated).collect(),
            Self::NameEncoding { issuer, sha256, subject } => vec![issuer, sha256, subject],
            Self::OtherIntermediate { issuer, presented_key_id, subject, wanted_key_id } => {
                vec![issuer, presented_key_id, subject, wanted_key_id]
            }
            Self::IssuerKeyChanged { issuer, trusted_sha256, wanted_key_id } => {
                let texts = [issuer, trusted_sha256].into_iter();
                texts.chain(wanted_key_id).collect()
            }
            Self::SpiffeTrustDomain { anchor, matched, trust_domain, vouches_for } => {
                vouches_for.truncate(SHOWN);
                [anchor, matched, trust_domain].into_iter().chain(vouches_for).collect()
            }
            Self::SanMissing { common_name } => common_name.iter_mut().collect(),
        }
    }
}

/// A chain for `Debug`: how many certificates, and the digests of the first ten. What a peer sent is otherwise three
/// characters for each byte, in whatever log an `{error:?}` ends.
pub(crate) struct ChainDigests<'a>(pub(crate) &'a [Vec<u8>]);

impl fmt::Debug for ChainDigests<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digests: Vec<_> = self.0.iter().take(SHOWN).map(|der| digest(&sha256(der))).collect();
        write!(f, "{} certificates {digests:?}", self.0.len())
    }
}

impl fmt::Debug for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, chain, expected, fingerprint, judgement: _, kind, peer, policy, presented, server_name, tls } =
            self;
        f.debug_struct("Rejection")
            .field("kind", kind)
            .field("at", at)
            .field("chain", &ChainDigests(chain))
            .field("expected", &expected.iter().take(SHOWN).collect::<Vec<_>>())
            .field("fingerprint", fingerprint)
            .field("peer", peer)
            .field("policy", policy)
            .field("presented", presented)
            .field("server_name", server_name)
            .field("tls", tls)
            .finish()
    }
}
