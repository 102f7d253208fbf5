//! Keys and algorithms: what they are called, and whether they may take part in a path (V2).

use rustls::crypto::WebPkiSupportedAlgorithms;
use x509_parser::oid_registry::asn1_rs::{Any, FromDer, Oid, oid};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::text::printable;

/// The kind and size of a public key, and whether it may take part in a path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KeyFacts<'a> {
    /// What stands inside the AlgorithmIdentifier; empty if it cannot be read.
    algorithm: &'a [u8],
    kind: KeyKind<'a>,
    pub(crate) strength: KeyStrength,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum KeyKind<'a> {
    Curve(&'static str),
    Other(Oid<'a>),
    Rsa { bits: usize },
}

/// Whether a key may take part in a path (V2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyStrength {
    Accepted,
    /// Too small to be safe.
    TooWeak,
    /// Not a kind or size that is verified here; too large counts, it is a way to burn our time.
    Unsupported,
}

impl<'a> KeyFacts<'a> {
    pub(super) fn new(spki: &SubjectPublicKeyInfo<'a>) -> Self {
        let (kind, strength) = kind(spki);
        Self { algorithm: algorithm(spki.raw).unwrap_or_default(), kind, strength }
    }

    /// Whether the provider verifies signatures by keys of this kind: what it cannot verify, it cannot make either.
    pub(crate) fn is_verified_by(&self, algorithms: &WebPkiSupportedAlgorithms) -> bool {
        algorithms.all.iter().any(|known| &*known.public_key_alg_id() == self.algorithm)
    }

    /// The content of its AlgorithmIdentifier, as webpki compares it.
    pub(crate) fn algorithm(&self) -> &'a [u8] {
        self.algorithm
    }

    /// What a signature check by this key costs, in units of one by P-256 or RSA 2048, rounded up.
    pub(crate) fn cost(&self) -> u32 {
        match &self.kind {
            KeyKind::Curve("P-256") | KeyKind::Rsa { bits: 0..=3072 } => 1,
            KeyKind::Rsa { bits: 3073..=4096 } => 2,
            KeyKind::Curve("P-384") | KeyKind::Other(_) => 4,
            KeyKind::Rsa { .. } | KeyKind::Curve(_) => 12,
        }
    }

    /// As reports call it.
    pub(crate) fn text(&self) -> String {
        match &self.kind {
            KeyKind::Curve(name) => (*name).to_owned(),
            KeyKind::Other(oid) => algorithm_name(&oid.to_id_string()),
            KeyKind::Rsa { bits: 0 } => "RSA with a modulus that is no positive number".to_owned(),
            KeyKind::Rsa { bits } => format!("RSA of {bits} bits"),
        }
    }
}

fn kind<'a>(spki: &SubjectPublicKeyInfo<'a>) -> (KeyKind<'a>, KeyStrength) {
    let algorithm = &spki.algorithm.algorithm;
    match spki.parsed() {
        Ok(PublicKey::RSA(key)) => {
            let bits = significant_bits(key.modulus);
            let strength = match bits {
                0..2048 => KeyStrength::TooWeak,
                2048..=8192 => KeyStrength::Accepted,
                _ => KeyStrength::Unsupported,
            };
            (KeyKind::Rsa { bits }, strength)
        }
        Ok(PublicKey::EC(_)) => {
            let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
            let known = CURVES.iter().find(|(known, ..)| Some(known) == curve.as_ref());
            known.map_or(
                (KeyKind::Curve("EC on an unsupported curve"), KeyStrength::Unsupported),
                |(_, strength, name)| (KeyKind::Curve(name), *strength),
            )
        }
        _ if ACCEPTED_KEYS.contains(algorithm) => (KeyKind::Other(algorithm.clone()), KeyStrength::Accepted),
        _ => (KeyKind::Other(algorithm.clone()), KeyStrength::Unsupported),
    }
}

/// `SEQUENCE { SEQUENCE { this }, key }`.
fn algorithm(spki: &[u8]) -> Option<&[u8]> {
    let (_, spki) = Any::from_der(spki).ok()?;
    let (_, algorithm) = Any::from_der(spki.data).ok()?;
    Some(algorithm.data)
}

/// The length of an INTEGER; 0 if it is negative. (x509-parser counts bytes, leading zeros among them.)
fn significant_bits(integer: &[u8]) -> usize {
    let mut bytes = integer.iter().skip_while(|byte| **byte == 0);
    let (Some(first), true) = (bytes.next(), integer.first().is_some_and(|byte| *byte < 0x80)) else { return 0 };
    usize::try_from(u8::BITS - first.leading_zeros()).unwrap_or_default() + 8 * bytes.count()
}

pub(super) fn algorithm_name(oid: &str) -> String {
    let known = ALGORITHMS.iter().find(|(known, _)| *known == oid);
    known.map_or_else(|| printable(oid), |(_, name)| (*name).to_owned())
}

/// Ed25519 and ML-DSA.
const ACCEPTED_KEYS: &[Oid<'static>] =
    &[oid!(1.3.101.112), oid!(2.16.840.1.101.3.4.3.17), oid!(2.16.840.1.101.3.4.3.18), oid!(2.16.840.1.101.3.4.3.19)];
const CURVES: &[(Oid<'static>, KeyStrength, &str)] = &[
    (oid!(1.2.840.10045.3.1.7), KeyStrength::Accepted, "P-256"),
    (oid!(1.3.132.0.34), KeyStrength::Accepted, "P-384"),
    (oid!(1.3.132.0.35), KeyStrength::Accepted, "P-521"),
    (oid!(1.2.840.10045.3.1.1), KeyStrength::TooWeak, "P-192"),
    (oid!(1.3.132.0.33), KeyStrength::TooWeak, "P-224"),
];
const ALGORITHMS: &[(&str, &str)] = &[
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.10", "RSASSA-PSS"),
    ("1.2.840.113549.1.1.11", "sha256WithRSAEncryption"),
    ("1.2.840.113549.1.1.12", "sha384WithRSAEncryption"),
    ("1.2.840.113549.1.1.13", "sha512WithRSAEncryption"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.10040.4.3", "dsa-with-sha1"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.2", "ecdsa-with-SHA256"),
    ("1.2.840.10045.4.3.3", "ecdsa-with-SHA384"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
    ("2.16.840.1.101.3.4.3.17", "ML-DSA-44"),
    ("2.16.840.1.101.3.4.3.18", "ML-DSA-65"),
    ("2.16.840.1.101.3.4.3.19", "ML-DSA-87"),
];
