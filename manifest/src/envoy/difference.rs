//! The closed list of what Envoy's engine decides differently about certificates (X1).

use uptls::{Prepared, SanMatcher, TlsVersion, Warning, WarningCode, interop};

use super::parameters;

/// One class of differences, E1 to E17; each has a witness certificate in the tests, and a section in
/// `docs/envoy-differences.md`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Difference {
    /// E1: Envoy takes a leaf that says CA:TRUE.
    CaAsLeaf,
    /// E2: Envoy takes SHA-1 signatures in certificates.
    Sha1,
    /// E3: Envoy takes RSA keys below 2048 bits, and curves that are refused here.
    Keys,
    /// E4: Envoy takes a SPIFFE ID beside another URI name, and in a certificate whose key may sign certificates or lists.
    SpiffeUris,
    /// E5: Envoy evaluates name constraints on URIs and e-mail addresses, which are refused here; it refuses those on
    /// addresses, and a leaf without names below constraints, which are accepted here.
    NameConstraints,
    /// E6: one of the two parsers does not read the certificate.
    Form,
    /// E7: in TLS 1.2, Envoy wants the curve of the server's key among the groups, of which P-521 is never one.
    KeyCurve,
    /// E8: of several revocation lists of one issuer Envoy asks one; here each that names a certificate revokes it.
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
    /// E13: Envoy compares the names of issuers without case, and whatever their string type is.
    IssuerNames,
    /// E14: Envoy leaves self-issued certificates out when it counts the length of a path.
    SelfIssued,
    /// E15: Envoy evaluates the extensions about certificate policies, which are refused here if they are critical.
    PolicyExtensions,
    /// E16: Envoy cannot offer a signature scheme that the provider of the runtime has.
    SignatureSchemes,
    /// E17: Envoy ends a handshake in which the server asks for a client certificate and takes no signature by the key of ours.
    Identity,
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
        Self::IssuerNames,
        Self::SelfIssued,
        Self::PolicyExtensions,
        Self::SignatureSchemes,
        Self::Identity,
    ];

    /// `E1` to `E17`.
    pub fn number(self) -> &'static str {
        self.row().0
    }

    /// Its topic, in a few words.
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
            Self::Lists => ("E8", "several revocation lists of one issuer"),
            Self::Protocols => ("E9", "http/1.1 is offered by HTTP clusters"),
            Self::ChainLength => ("E10", "how long a chain may be"),
            Self::KeyIdentifiers => ("E11", "authority key identifiers"),
            Self::PathSearch => ("E12", "several issuers of one name"),
            Self::IssuerNames => ("E13", "how the names of issuers are compared"),
            Self::SelfIssued => ("E14", "self-issued certificates in the length of a path"),
            Self::PolicyExtensions => ("E15", "critical extensions about certificate policies"),
            Self::SignatureSchemes => ("E16", "signature schemes that Envoy lacks"),
            Self::Identity => ("E17", "an identity that the server need not have, and cannot verify"),
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
                let groups = prepared.describe().sends.groups;
                let has_curves = ["secp256r1", "secp384r1"].iter().all(|curve| groups.iter().any(|own| own == curve));
                // No policy can name this curve as a group, while its keys are verified.
                let has_p521 = interop::signature_schemes(prepared).iter().any(|own| own == "ecdsa_secp521r1_sha512");
                policy.versions().contains(TlsVersion::V1_2) && (has_p521 || !has_curves)
            }
            Self::Identity => policy.identity().is_some(),
            Self::Lists => policy.revocation().is_some(),
            Self::SignatureSchemes => !parameters::unknown_schemes(prepared).is_empty(),
            Self::Protocols => policy.alpn().protocols.is_empty(),
            // Whatever is trusted may sign such a certificate.
            _ => true,
        }
    }

    /// `engine_difference`, with its number.
    pub(super) fn warning(self, prepared: &Prepared) -> Warning {
        let mut detail = vec![("difference", self.number().to_owned()), ("about", self.about().to_owned())];
        if self == Self::SignatureSchemes {
            detail.push(("schemes", parameters::unknown_schemes(prepared).join(" ")));
        }
        Warning::new(WarningCode::EngineDifference, detail)
    }
}
