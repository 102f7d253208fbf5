//! What is negotiated: versions, cipher suites, groups and signature schemes by their IANA names (H1, H2, H9), ALPN (H3).

use core::fmt;

use rustls::{CipherSuite as WireSuite, NamedGroup as WireGroup, SignatureScheme as WireScheme};

use crate::warning::{Warning, WarningCode};

/// A TLS version (H1).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum TlsVersion {
    /// RFC 5246.
    V1_2,
    /// RFC 8446.
    V1_3,
}

impl TlsVersion {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "1.2" => Some(Self::V1_2),
            "1.3" => Some(Self::V1_3),
            _ => None,
        }
    }

    /// `1.2` or `1.3`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }
}

impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The range of versions that are offered.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Versions {
    /// The highest.
    pub max: TlsVersion,
    /// The lowest.
    pub min: TlsVersion,
}

impl Versions {
    /// Whether `version` is in the range.
    pub fn contains(self, version: TlsVersion) -> bool {
        (self.min..=self.max).contains(&version)
    }
}

impl Default for Versions {
    fn default() -> Self {
        Self { max: TlsVersion::V1_3, min: TlsVersion::V1_2 }
    }
}

/// Application protocols in order of preference, and whether one of them must be selected.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct Alpn {
    /// Their names.
    pub protocols: Vec<String>,
    /// Whether a peer that selects none is an `alpn_mismatch`.
    pub selection: AlpnSelection,
}

/// The effect if the peer selects no protocol.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AlpnSelection {
    /// The connection continues without one.
    #[default]
    Optional,
    /// It is refused.
    Required,
}

/// The suites that a policy can name: IANA name, wire value, version.
pub(crate) const CIPHER_SUITES: &[(&str, WireSuite, TlsVersion)] = &[
    ("TLS_AES_128_GCM_SHA256", WireSuite::TLS13_AES_128_GCM_SHA256, TlsVersion::V1_3),
    ("TLS_AES_256_GCM_SHA384", WireSuite::TLS13_AES_256_GCM_SHA384, TlsVersion::V1_3),
    ("TLS_CHACHA20_POLY1305_SHA256", WireSuite::TLS13_CHACHA20_POLY1305_SHA256, TlsVersion::V1_3),
    ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", WireSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TlsVersion::V1_2),
    ("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", WireSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TlsVersion::V1_2),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        WireSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsVersion::V1_2,
    ),
    ("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", WireSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TlsVersion::V1_2),
    ("TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", WireSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TlsVersion::V1_2),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        WireSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        TlsVersion::V1_2,
    ),
];

/// The groups that a policy can name, in the default order (H2).
pub(crate) const GROUPS: &[(&str, WireGroup)] = &[
    ("X25519MLKEM768", WireGroup::X25519MLKEM768),
    ("X25519", WireGroup::X25519),
    ("secp256r1", WireGroup::secp256r1),
    ("secp384r1", WireGroup::secp384r1),
];

/// The IANA name of a suite.
pub(crate) fn suite_name(suite: WireSuite) -> String {
    let known = CIPHER_SUITES.iter().find(|(_, wire, _)| *wire == suite);
    known.map_or_else(|| format!("{suite:?}"), |(name, ..)| (*name).to_owned())
}

/// The IANA name of a group.
pub(crate) fn group_name(group: WireGroup) -> String {
    let known = GROUPS.iter().find(|(_, wire)| *wire == group);
    known.map_or_else(|| format!("{group:?}"), |(name, _)| (*name).to_owned())
}

/// The IANA name of a signature scheme, and its number in hexadecimal where none is known here.
pub(crate) fn scheme_name(scheme: WireScheme) -> String {
    let known = SIGNATURE_SCHEMES.iter().find(|(_, wire)| *wire == scheme);
    known.map_or_else(|| format!("0x{:04x}", u16::from(scheme)), |(name, _)| (*name).to_owned())
}

/// Names alone: what is offered is what the provider verifies (H9).
const SIGNATURE_SCHEMES: &[(&str, WireScheme)] = &[
    ("ecdsa_secp256r1_sha256", WireScheme::ECDSA_NISTP256_SHA256),
    ("ecdsa_secp384r1_sha384", WireScheme::ECDSA_NISTP384_SHA384),
    ("ecdsa_secp521r1_sha512", WireScheme::ECDSA_NISTP521_SHA512),
    ("ecdsa_sha1", WireScheme::ECDSA_SHA1_Legacy),
    ("ed25519", WireScheme::ED25519),
    ("ed448", WireScheme::ED448),
    ("mldsa44", WireScheme::ML_DSA_44),
    ("mldsa65", WireScheme::ML_DSA_65),
    ("mldsa87", WireScheme::ML_DSA_87),
    ("rsa_pkcs1_sha1", WireScheme::RSA_PKCS1_SHA1),
    ("rsa_pkcs1_sha256", WireScheme::RSA_PKCS1_SHA256),
    ("rsa_pkcs1_sha384", WireScheme::RSA_PKCS1_SHA384),
    ("rsa_pkcs1_sha512", WireScheme::RSA_PKCS1_SHA512),
    ("rsa_pss_rsae_sha256", WireScheme::RSA_PSS_SHA256),
    ("rsa_pss_rsae_sha384", WireScheme::RSA_PSS_SHA384),
    ("rsa_pss_rsae_sha512", WireScheme::RSA_PSS_SHA512),
];
/// H2: in TLS 1.2 the list of groups also names the curves that certificates may have (RFC 8422 section 5.1), so that a peer
/// with a P-256 certificate cannot answer a list without it.
pub(super) fn group_warning(groups: &[&'static str], versions: Versions) -> Option<Warning> {
    let has_curve = groups.iter().any(|group| ECDSA_CURVES.contains(group));
    if groups.is_empty() || has_curve || !versions.contains(TlsVersion::V1_2) {
        return None;
    }
    let wanted = format!("one of {}, or versions without 1.2", ECDSA_CURVES.join(", "));
    Some(Warning::new(WarningCode::GroupsWithoutEcdsaCurve, [("groups", groups.join(", ")), ("wanted", wanted)]))
}

const ECDSA_CURVES: &[&str] = &["secp256r1", "secp384r1"];
