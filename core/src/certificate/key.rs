//! Keys and algorithms: what they are called, and whether they may take part in a path (V2).

use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// The kind and size of a public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct KeyFacts {
    pub(crate) strength: KeyStrength,
    pub(crate) text: String,
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

impl KeyFacts {
    pub(super) fn new(spki: &SubjectPublicKeyInfo<'_>) -> Self {
        let oid = spki.algorithm.algorithm.to_id_string();
        match spki.parsed() {
            Ok(PublicKey::RSA(key)) => {
                let bits = significant_bits(key.modulus);
                let strength = match bits {
                    0..2048 => KeyStrength::TooWeak,
                    2048..=8192 => KeyStrength::Accepted,
                    _ => KeyStrength::Unsupported,
                };
                Self { strength, text: format!("RSA of {bits} bits") }
            }
            Ok(PublicKey::EC(_)) => {
                let curve = spki.algorithm.parameters.as_ref().and_then(|p| p.as_oid().ok());
                let curve = curve.map(|oid| oid.to_id_string()).unwrap_or_default();
                let (strength, text) = match curve.as_str() {
                    "1.2.840.10045.3.1.7" => (KeyStrength::Accepted, "P-256"),
                    "1.3.132.0.34" => (KeyStrength::Accepted, "P-384"),
                    "1.3.132.0.35" => (KeyStrength::Accepted, "P-521"),
                    "1.2.840.10045.3.1.1" => (KeyStrength::TooWeak, "P-192"),
                    "1.3.132.0.33" => (KeyStrength::TooWeak, "P-224"),
                    _ => (KeyStrength::Unsupported, "EC on an unsupported curve"),
                };
                Self { strength, text: text.to_owned() }
            }
            _ if ACCEPTED_KEYS.contains(&oid.as_str()) => {
                Self { strength: KeyStrength::Accepted, text: algorithm_name(&oid) }
            }
            _ => Self { strength: KeyStrength::Unsupported, text: algorithm_name(&oid) },
        }
    }
}

/// The length of an INTEGER; 0 if it is negative. (x509-parser counts octets, leading zeros among them.)
fn significant_bits(integer: &[u8]) -> usize {
    let mut octets = integer.iter().skip_while(|octet| **octet == 0);
    let (Some(first), true) = (octets.next(), integer.first().is_some_and(|octet| *octet < 0x80)) else { return 0 };
    usize::try_from(u8::BITS - first.leading_zeros()).unwrap_or_default() + 8 * octets.count()
}

pub(super) fn algorithm_name(oid: &str) -> String {
    let known = ALGORITHMS.iter().find(|(known, _)| *known == oid);
    known.map_or_else(|| oid.to_owned(), |(_, name)| (*name).to_owned())
}

const ACCEPTED_KEYS: &[&str] =
    &["1.3.101.112", "2.16.840.1.101.3.4.3.17", "2.16.840.1.101.3.4.3.18", "2.16.840.1.101.3.4.3.19"];
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
