//! One certificate as a reader sees it: the facts that rules, diagnoses and reports need.

use core::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Name, X509Version};

use crate::digest::sha256;
use crate::report::CertificateFacts;
use crate::text::{SHOWN, digest, hex, printable};
use crate::time::rfc3339;

/// A parsed certificate. It judges nothing.
pub(crate) struct CertificateView<'a> {
    der: &'a [u8],
    inner: X509Certificate<'a>,
}

impl<'a> CertificateView<'a> {
    /// Parses one DER certificate without trailing octets.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, String> {
        match X509Certificate::from_der(der) {
            Ok(([], inner)) => Ok(Self { der, inner }),
            Ok((rest, _)) => Err(format!("{} octets follow it", rest.len())),
            Err(error) => Err(format!("{error}")),
        }
    }

    pub(crate) fn subject(&self) -> String {
        name_text(self.inner.subject())
    }

    pub(crate) fn issuer(&self) -> String {
        name_text(self.inner.issuer())
    }

    pub(crate) fn subject_raw(&self) -> &[u8] {
        self.inner.subject().as_raw()
    }

    pub(crate) fn issuer_raw(&self) -> &[u8] {
        self.inner.issuer().as_raw()
    }

    pub(crate) fn is_self_issued(&self) -> bool {
        self.subject_raw() == self.issuer_raw()
    }

    pub(crate) fn common_name(&self) -> Option<&str> {
        self.inner.subject().iter_common_name().last().and_then(|cn| cn.as_str().ok())
    }

    pub(crate) fn issuer_organization(&self) -> Option<&str> {
        self.inner.issuer().iter_organization().next().and_then(|o| o.as_str().ok())
    }

    pub(crate) fn subject_organization(&self) -> Option<&str> {
        self.inner.subject().iter_organization().next().and_then(|o| o.as_str().ok())
    }

    pub(crate) fn serial(&self) -> &[u8] {
        self.inner.raw_serial()
    }

    /// Unix seconds.
    pub(crate) fn not_before(&self) -> i64 {
        self.inner.validity().not_before.timestamp()
    }

    /// Unix seconds.
    pub(crate) fn not_after(&self) -> i64 {
        self.inner.validity().not_after.timestamp()
    }

    pub(crate) fn is_v1(&self) -> bool {
        self.inner.version() == X509Version::V1
    }

    pub(crate) fn is_v3(&self) -> bool {
        self.inner.version() == X509Version::V3
    }

    /// basicConstraints: CA:TRUE.
    pub(crate) fn is_ca(&self) -> bool {
        self.inner.basic_constraints().ok().flatten().is_some_and(|bc| bc.value.ca)
    }

    pub(crate) fn path_length(&self) -> Option<u32> {
        self.inner.basic_constraints().ok().flatten().and_then(|bc| bc.value.path_len_constraint)
    }

    /// The key usage, if the extension is present; one that does not parse permits nothing.
    pub(crate) fn key_usage(&self) -> Option<KeyUsage> {
        match self.inner.key_usage() {
            Ok(None) => None,
            Ok(Some(extension)) => Some(KeyUsage {
                cert_sign: extension.value.key_cert_sign(),
                digital_signature: extension.value.digital_signature(),
                text: extension.value.to_string(),
            }),
            Err(_) => Some(KeyUsage { cert_sign: false, digital_signature: false, text: "unreadable".to_owned() }),
        }
    }

    /// The extended key usage, if the extension is present; one that does not parse permits nothing.
    pub(crate) fn extended_key_usage(&self) -> Option<ExtendedKeyUsage> {
        match self.inner.extended_key_usage() {
            Ok(None) => None,
            Ok(Some(extension)) => Some(ExtendedKeyUsage::new(extension.value)),
            Err(_) => Some(ExtendedKeyUsage { client_auth: false, server_auth: false, text: "unreadable".to_owned() }),
        }
    }

    /// The first critical extension that no rule here understands.
    pub(crate) fn unknown_critical_extension(&self) -> Option<String> {
        let unknown = |oid: &Oid<'_>| !UNDERSTOOD.iter().any(|known| oid.to_id_string() == *known);
        self.inner.extensions().iter().find(|e| e.critical && unknown(&e.oid)).map(|e| e.oid.to_id_string())
    }

    /// The presented names in their order, or `None` without the extension.
    pub(crate) fn presented_names(&self) -> Option<Vec<PresentedName>> {
        let san = self.inner.extensions().iter().find_map(|e| match e.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => Some(Ok(san)),
            ParsedExtension::ParseError { .. } if e.oid.to_id_string() == SAN_OID => Some(Err(())),
            _ => None,
        })?;
        Some(match san {
            Ok(san) => san.general_names.iter().map(PresentedName::new).collect(),
            Err(()) => vec![PresentedName::Malformed],
        })
    }

    pub(crate) fn subject_key_id(&self) -> Option<&[u8]> {
        self.inner.extensions().iter().find_map(|e| match e.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
            _ => None,
        })
    }

    pub(crate) fn authority_key_id(&self) -> Option<&[u8]> {
        self.inner.extensions().iter().find_map(|e| match e.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0),
            _ => None,
        })
    }

    /// Whether it says where its issuer's certificate can be fetched (RFC 5280 section 4.2.2.1).
    pub(crate) fn names_its_issuers_location(&self) -> bool {
        let ca_issuers = |e: &ParsedExtension<'_>| match e {
            ParsedExtension::AuthorityInfoAccess(access) => {
                access.accessdescs.iter().any(|a| a.access_method.to_id_string() == CA_ISSUERS_OID)
            }
            _ => false,
        };
        self.inner.extensions().iter().any(|e| ca_issuers(e.parsed_extension()))
    }

    pub(crate) fn has_name_constraints(&self) -> bool {
        self.inner.extensions().iter().any(|e| e.oid.to_id_string() == NAME_CONSTRAINTS_OID)
    }

    pub(crate) fn has_uri_name_constraint(&self) -> bool {
        self.name_constraints(|name| matches!(name, GeneralName::URI(_)))
    }

    pub(crate) fn has_directory_name_constraint(&self) -> bool {
        self.name_constraints(|name| matches!(name, GeneralName::DirectoryName(_)))
    }

    fn name_constraints(&self, wanted: impl Fn(&GeneralName<'_>) -> bool) -> bool {
        let Ok(Some(constraints)) = self.inner.name_constraints() else { return false };
        let lists = [&constraints.value.permitted_subtrees, &constraints.value.excluded_subtrees];
        lists.into_iter().flatten().flatten().any(|subtree| wanted(&subtree.base))
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub(crate) fn spki_sha256(&self) -> [u8; 32] {
        sha256(self.inner.public_key().raw)
    }

    /// As it is written in a policy: base64.
    pub(crate) fn spki_pin(&self) -> String {
        pin_text(&self.spki_sha256())
    }

    pub(crate) fn sha256(&self) -> [u8; 32] {
        sha256(self.der)
    }

    pub(crate) fn key(&self) -> KeyFacts {
        KeyFacts::new(self.inner.public_key())
    }

    pub(crate) fn signature_algorithm(&self) -> String {
        algorithm_name(&self.inner.signature_algorithm.algorithm.to_id_string())
    }

    /// Whether the key of `issuer` made its signature, as far as that can be told; `None` for algorithms that are not
    /// checked here. For diagnoses only: a verdict never rests on it.
    pub(crate) fn names_key_of(&self, issuer: &CertificateView<'_>) -> Option<bool> {
        match (self.authority_key_id(), issuer.subject_key_id()) {
            (Some(wanted), Some(presented)) => Some(wanted == presented),
            _ => None,
        }
    }

    /// What a report says of it.
    pub(crate) fn facts(&self, source: &str) -> CertificateFacts {
        CertificateFacts {
            subject: printable(&self.subject()),
            issuer: printable(&self.issuer()),
            not_before: rfc3339(self.not_before()),
            not_after: rfc3339(self.not_after()),
            sha256: digest(&self.sha256()),
            sans: shown(self.presented_names().as_deref().unwrap_or_default()),
            source: source.to_owned(),
        }
    }
}

/// The facts of a certificate that may not parse.
pub(crate) fn facts_or_digest(der: &[u8], source: &str) -> CertificateFacts {
    match CertificateView::parse(der) {
        Ok(view) => view.facts(source),
        Err(_) => CertificateFacts {
            subject: "unreadable".to_owned(),
            issuer: "unreadable".to_owned(),
            not_before: String::new(),
            not_after: String::new(),
            sha256: digest(&sha256(der)),
            sans: Vec::new(),
            source: source.to_owned(),
        },
    }
}

/// At most ten presented names as text.
pub(crate) fn shown(names: &[PresentedName]) -> Vec<String> {
    names.iter().take(SHOWN).map(|name| printable(&name.to_string())).collect()
}

/// A pin as it is written in a policy.
pub(crate) fn pin_text(sha256: &[u8; 32]) -> String {
    BASE64_STANDARD.encode(sha256)
}

/// One entry of subjectAltName.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum PresentedName {
    Dns(String),
    Email(String),
    Ip(IpAddr),
    Malformed,
    Other,
    Uri(String),
}

impl PresentedName {
    fn new(name: &GeneralName<'_>) -> Self {
        match name {
            GeneralName::DNSName(name) => Self::Dns((*name).to_owned()),
            GeneralName::RFC822Name(name) => Self::Email((*name).to_owned()),
            GeneralName::URI(name) => Self::Uri((*name).to_owned()),
            GeneralName::IPAddress(octets) => match (<[u8; 4]>::try_from(*octets), <[u8; 16]>::try_from(*octets)) {
                (Ok(v4), _) => Self::Ip(v4.into()),
                (_, Ok(v6)) => Self::Ip(v6.into()),
                _ => Self::Malformed,
            },
            GeneralName::Invalid(..) => Self::Malformed,
            _ => Self::Other,
        }
    }

    pub(crate) fn as_uri(&self) -> Option<&str> {
        match self {
            Self::Uri(uri) => Some(uri),
            _ => None,
        }
    }

    /// The value without its type.
    pub(crate) fn value(&self) -> String {
        match self {
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) => text.clone(),
            Self::Ip(ip) => ip.to_string(),
            Self::Malformed | Self::Other => String::new(),
        }
    }
}

/// Only what an IA5String prints is shown as it is: neither a look-alike nor a space that makes two names of one (V11).
impl fmt::Display for PresentedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(text) => write!(f, "dns:{}", ascii(text)),
            Self::Email(text) => write!(f, "email:{}", ascii(text)),
            Self::Ip(ip) => write!(f, "ip:{ip}"),
            Self::Malformed => f.write_str("malformed"),
            Self::Other => f.write_str("other"),
            Self::Uri(text) => write!(f, "uri:{}", ascii(text)),
        }
    }
}

fn ascii(text: &str) -> String {
    let shown = |c: char| if c.is_ascii_graphic() { c.to_string() } else { c.escape_unicode().to_string() };
    text.chars().map(shown).collect()
}

/// What keyUsage permits.
pub(crate) struct KeyUsage {
    pub(crate) cert_sign: bool,
    pub(crate) digital_signature: bool,
    pub(crate) text: String,
}

/// What extKeyUsage permits.
pub(crate) struct ExtendedKeyUsage {
    pub(crate) client_auth: bool,
    pub(crate) server_auth: bool,
    pub(crate) text: String,
}

impl ExtendedKeyUsage {
    fn new(value: &x509_parser::extensions::ExtendedKeyUsage<'_>) -> Self {
        let known = [
            (value.any, "anyExtendedKeyUsage"),
            (value.server_auth, "serverAuth"),
            (value.client_auth, "clientAuth"),
            (value.code_signing, "codeSigning"),
            (value.email_protection, "emailProtection"),
            (value.time_stamping, "timeStamping"),
            (value.ocsp_signing, "OCSPSigning"),
        ];
        let mut names: Vec<String> = known.iter().filter(|(set, _)| *set).map(|(_, name)| (*name).to_owned()).collect();
        names.extend(value.other.iter().take(SHOWN).map(Oid::to_id_string));
        let text = if names.is_empty() { "empty".to_owned() } else { names.join(", ") };
        Self { client_auth: value.client_auth, server_auth: value.server_auth, text }
    }
}

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
    fn new(spki: &SubjectPublicKeyInfo<'_>) -> Self {
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

fn name_text(name: &X509Name<'_>) -> String {
    let text = name.to_string();
    if !text.is_empty() {
        return text;
    }
    if name.iter().next().is_none() { "an empty name".to_owned() } else { hex(name.as_raw()) }
}

fn algorithm_name(oid: &str) -> String {
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
const CA_ISSUERS_OID: &str = "1.3.6.1.5.5.7.48.2";
const NAME_CONSTRAINTS_OID: &str = "2.5.29.30";
const SAN_OID: &str = "2.5.29.17";
/// What a leaf that is trusted as itself may mark critical: the extensions that rules here read.
const UNDERSTOOD: &[&str] = &["2.5.29.15", SAN_OID, "2.5.29.19", "2.5.29.37"];
