//! What a certificate shall say, field by field; issuing one is a pure function of template and keys.

use crate::asn1::{any, encode, integer, time};
use crate::certificate::Certificate;
use crate::clock::{DAY, NOW, YEAR};
use crate::extensions::{extensions, key_identifier};
use crate::key::{Key, SignatureHash, expand};
use crate::san::{San, name};
use der::Sequence;
use der::asn1::Any;
use pkcs8::spki::AlgorithmIdentifierOwned;
use x509_cert::ext::Extension;
use x509_cert::name::Name;
use x509_cert::time::Time;

/// Extended key usage `id-kp-serverAuth`.
pub const SERVER_AUTH: &str = "1.3.6.1.5.5.7.3.1";
/// Extended key usage `id-kp-clientAuth`.
pub const CLIENT_AUTH: &str = "1.3.6.1.5.5.7.3.2";
/// Extended key usage `id-kp-emailProtection`.
pub const EMAIL: &str = "1.3.6.1.5.5.7.3.4";
/// Extended key usage `anyExtendedKeyUsage`.
pub const ANY: &str = "2.5.29.37.0";

/// The content of a certificate. Start from [`Template::leaf`] or [`Template::ca`] and change fields by struct update.
#[derive(Clone, Debug)]
pub struct Template {
    /// The `CN` of the subject.
    pub common_name: Option<String>,
    /// The `O` of the subject. Neither `CN` nor `O`: the subject is empty.
    pub organization: Option<String>,
    /// The string type in which the subject is written.
    pub name_encoding: NameEncoding,
    /// Version 1 has no extensions, whatever the other fields say.
    pub version: Version,
    /// The content bytes of the serial number, written as they are; `None`: derived from everything else.
    pub serial: Option<Vec<u8>>,
    /// Unix seconds.
    pub not_before: i64,
    /// Unix seconds.
    pub not_after: i64,
    /// Subject alternative names; empty: no such extension.
    pub sans: Vec<San>,
    /// Whether the subject alternative names are critical.
    pub san_critical: bool,
    /// Basic constraints (critical).
    pub basic_constraints: Option<BasicConstraints>,
    /// Key usage (critical).
    pub key_usage: Option<Vec<KeyUsage>>,
    /// Extended key usage as dotted OIDs; `Some(vec![])`: the extension is there and empty.
    pub extended_key_usage: Option<Vec<&'static str>>,
    /// Name constraints (critical).
    pub name_constraints: Option<NameConstraints>,
    /// Whether to write a subject key identifier.
    pub subject_key_id: bool,
    /// Whether to write an authority key identifier.
    pub authority_key_id: bool,
    /// The URI of authority information access, `caIssuers`.
    pub aia_ca_issuers: Option<String>,
    /// The URIs of CRL distribution points, one point each.
    pub crl_distribution_points: Vec<String>,
    /// Further extensions, after all others.
    pub extra_extensions: Vec<RawExtension>,
    /// The hash under which the issuer signs.
    pub signature_hash: SignatureHash,
    /// A `SubjectPublicKeyInfo` in place of that of the key.
    pub spki_override: Option<Vec<u8>>,
}

impl Template {
    /// A server certificate with this common name, valid around now, without alternative names.
    pub fn leaf(common_name: &str) -> Template {
        Template {
            common_name: Some(common_name.into()),
            organization: None,
            name_encoding: NameEncoding::Utf8,
            version: Version::V3,
            serial: None,
            not_before: NOW - 30 * DAY,
            not_after: NOW + 60 * DAY,
            sans: Vec::new(),
            san_critical: false,
            basic_constraints: Some(BasicConstraints { ca: false, path_len: None }),
            key_usage: Some(vec![KeyUsage::DigitalSignature]),
            extended_key_usage: Some(vec![SERVER_AUTH]),
            name_constraints: None,
            subject_key_id: true,
            authority_key_id: true,
            aia_ca_issuers: None,
            crl_distribution_points: Vec::new(),
            extra_extensions: Vec::new(),
            signature_hash: SignatureHash::Default,
            spki_override: None,
        }
    }

    /// A certificate authority that may sign certificates and revocation lists.
    pub fn ca(common_name: &str) -> Template {
        Template {
            not_before: NOW - YEAR,
            not_after: NOW + 9 * YEAR,
            basic_constraints: Some(BasicConstraints { ca: true, path_len: None }),
            key_usage: Some(vec![KeyUsage::KeyCertSign, KeyUsage::CrlSign]),
            extended_key_usage: None,
            ..Template::leaf(common_name)
        }
    }

    /// The same with these subject alternative names.
    pub fn with_sans(self, sans: &[San]) -> Template {
        Template { sans: sans.to_vec(), ..self }
    }

    /// The same with this validity in unix seconds.
    pub fn with_validity(self, not_before: i64, not_after: i64) -> Template {
        Template { not_before, not_after, ..self }
    }

    /// The same for twenty years before and after [`NOW`]: for peers that go by the real clock.
    pub fn lasting(self) -> Template {
        self.with_validity(NOW - 20 * YEAR, NOW + 20 * YEAR)
    }

    /// The same with one more extension.
    pub fn with_extension(mut self, oid: &'static str, critical: bool, der: &[u8]) -> Template {
        self.extra_extensions.push(RawExtension { oid, critical, der: der.to_vec() });
        self
    }

    /// The certificate of this key, signed by itself.
    pub fn self_signed(&self, key: &Key) -> Certificate {
        self.issue(&self.subject(), &self.public_key(key), key, key)
    }

    /// The certificate of this key, signed by the issuer.
    pub fn issued_by(&self, issuer: &Certificate, key: &Key) -> Certificate {
        self.issue(issuer.subject(), issuer.spki_der(), issuer.key(), key)
    }

    fn issue(&self, issuer: &Name, issuer_spki: &[u8], signer: &Key, key: &Key) -> Certificate {
        let spki = self.public_key(key);
        let (version, extensions) = match self.version {
            Version::V1 => (None, Vec::new()),
            Version::V3 => (Some(2), extensions(self, &spki, &key_identifier(issuer_spki))),
        };
        let mut tbs = TbsCertificate {
            version,
            serial: integer(self.serial.as_deref().unwrap_or(&[0])),
            signature: signer.signature_algorithm(self.signature_hash),
            issuer: issuer.clone(),
            validity: Validity { not_before: time(self.not_before), not_after: time(self.not_after) },
            subject: self.subject(),
            spki: any(&spki),
            extensions: Some(extensions).filter(|extensions| !extensions.is_empty()),
        };
        if self.serial.is_none() {
            tbs.serial = integer(&derived_serial(&encode(&tbs)));
        }
        let der = signer.signed(&encode(&tbs), self.signature_hash);
        Certificate::new(der, key.clone(), self.subject(), spki, tbs.serial.value().to_vec())
    }

    fn subject(&self) -> Name {
        name(self.common_name.as_deref(), self.organization.as_deref(), self.name_encoding)
    }

    fn public_key(&self, key: &Key) -> Vec<u8> {
        self.spki_override.clone().unwrap_or_else(|| key.spki_der())
    }
}

/// The version of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Without extensions, as before 1996.
    V1,
    /// The usual one.
    V3,
}

/// The string type of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameEncoding {
    /// `IA5String`.
    Ia5,
    /// `PrintableString`.
    Printable,
    /// `UTF8String`.
    Utf8,
}

/// Basic constraints (RFC 5280, 4.2.1.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Whether this is a certificate authority.
    pub ca: bool,
    /// How many intermediates may follow.
    pub path_len: Option<u8>,
}

/// One bit of the key usage (RFC 5280, 4.2.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUsage {
    /// `cRLSign`
    CrlSign,
    /// `dataEncipherment`
    DataEncipherment,
    /// `digitalSignature`
    DigitalSignature,
    /// `keyAgreement`
    KeyAgreement,
    /// `keyCertSign`
    KeyCertSign,
    /// `keyEncipherment`
    KeyEncipherment,
    /// `nonRepudiation`
    NonRepudiation,
}

/// Name constraints (RFC 5280, 4.2.1.10); an empty list is left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameConstraints {
    /// Only names in these subtrees.
    pub permitted: Vec<San>,
    /// No names in these subtrees.
    pub excluded: Vec<San>,
}

/// Any extension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawExtension {
    /// The dotted OID.
    pub oid: &'static str,
    /// Whether it is critical.
    pub critical: bool,
    /// The value; need not be DER.
    pub der: Vec<u8>,
}

/// Looser than the type of `x509-cert`, so that wrong serial numbers and foreign keys can be written.
#[derive(Sequence)]
struct TbsCertificate {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    version: Option<u8>,
    serial: Any,
    signature: AlgorithmIdentifierOwned,
    issuer: Name,
    validity: Validity,
    subject: Name,
    spki: Any,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    extensions: Option<Vec<Extension>>,
}

#[derive(Sequence)]
struct Validity {
    not_before: Time,
    not_after: Time,
}

/// Sixteen bytes, positive, without leading zeros.
fn derived_serial(tbs: &[u8]) -> Vec<u8> {
    let mut serial = expand("uptls-testkit serial", tbs, 16);
    serial[0] = (serial[0] & 0x7f) | 0x40;
    serial
}
