//! The closed list of what Envoy's engine decides differently about certificates (X1).

use uptls::{Prepared, SanMatcher, TlsVersion};

/// One class of differences, E1 to E12; each has a witness certificate in the tests, and a section in
/// `docs/envoy-differences.md`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Difference {
    /// E1: Envoy takes a leaf that says CA:TRUE.
    CaAsLeaf,
    /// E2: Envoy takes SHA-1 signatures in certificates.
    Sha1,
    /// E3: Envoy takes RSA keys below 2048 bits, and other keys that are refused here.
    Keys,
    /// E4: Envoy takes a SPIFFE ID beside another URI name, and in a certificate whose key may sign certificates or lists.
    SpiffeUris,
    /// E5: Envoy evaluates name constraints on URIs and e-mail addresses, which are refused here; it refuses those on
    /// addresses, and a leaf without names below constraints, which are accepted here.
    NameConstraints,
    /// E6: one of the two parsers does not read the certificate.
    Form,
    /// E7: in TLS 1.2, Envoy wants the curve of the server's key among the groups.
    KeyCurve,
    /// E8: Envoy wants of an anchor that it may sign revocation lists, and of a list that it is already valid.
    Lists,
    /// E9: an HTTP cluster offers `http/1.1` where the policy lists no protocol.
    Protocols,
    /// E10: Envoy reads longer chains than 64 KiB or 128 certificates, and does not count the path length of an
    /// anchor.
    ChainLength,
    /// E11: Envoy wants the authority key identifier to be that of the issuer.
    KeyIdentifiers,
    /// E12: Envoy takes the first issuer that fits by name, and tries no other.
    PathSearch,
}

impl Difference {
    /// All of them, in the order of their numbers.
    pub const ALL: &'static [Self] = &[
        Self::CaAsLeaf,
        Self::Sha1,
        Self::Keys,
        Self::SpiffeUris,
        Self::NameConstraints,
        Self::Form,
        Self::KeyCurve,
        Self::Lists,
        Self::Protocols,
        Self::ChainLength,
        Self::KeyIdentifiers,
        Self::PathSearch,
    ];

    /// `E1` to `E12`.
    pub fn number(self) -> &'static str {
        self.row().0
    }

    /// What it is about, in a few words.
    pub fn about(self) -> &'static str {
        self.row().1
    }

    fn row(self) -> (&'static str, &'static str) {
        match self {
            Self::CaAsLeaf => ("E1", "a CA certificate as leaf"),
            Self::Sha1 => ("E2", "SHA-1 signatures"),
            Self::Keys => ("E3", "RSA below 2048 bits"),
            Self::SpiffeUris => ("E4", "SPIFFE IDs in certificates that are no X509-SVIDs"),
            Self::NameConstraints => ("E5", "name constraints that are not on DNS names"),
            Self::Form => ("E6", "certificates that one of two parsers refuses"),
            Self::KeyCurve => ("E7", "the curve of the key in TLS 1.2"),
            Self::Lists => ("E8", "who may sign revocation lists, and from when they hold"),
            Self::Protocols => ("E9", "http/1.1 is offered by HTTP clusters"),
            Self::ChainLength => ("E10", "how long a chain may be"),
            Self::KeyIdentifiers => ("E11", "authority key identifiers"),
            Self::PathSearch => ("E12", "several issuers of one name"),
        }
    }

    /// Whether some certificate could show it under this policy.
    pub(super) fn touches(self, prepared: &Prepared, names: &[SanMatcher]) -> bool {
        let policy = prepared.policy();
        match self {
            Self::SpiffeUris => names.iter().any(|name| match name {
                SanMatcher::SpiffePrefix(_) | SanMatcher::SpiffeTrustDomain(_) => true,
                SanMatcher::Uri(uri) => uri.is_spiffe(),
                _ => false,
            }),
            Self::KeyCurve => {
                let groups = prepared.explanation().sends.groups;
                let has_curves = ["secp256r1", "secp384r1"].iter().all(|curve| groups.iter().any(|own| own == curve));
                policy.versions().contains(TlsVersion::V1_2) && !has_curves
            }
            Self::Lists => policy.revocation().is_some(),
            Self::Protocols => policy.alpn().protocols.is_empty(),
            // Whatever is trusted may sign such a certificate.
            _ => true,
        }
    }
}
