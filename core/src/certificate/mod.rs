//! One certificate as a reader sees it: the facts that rules, diagnoses and reports need.

mod constraints;
mod distinguished_name;
mod key;
mod name;
mod points;
mod presented;
mod signed;

pub(crate) use distinguished_name::{canonical_name, same_name};
pub(crate) use key::KeyStrength;
pub(crate) use name::{name_text, raw_name_text};
pub(crate) use points::PointNames;
pub(crate) use presented::{PresentedName, ascii, shown};
pub(crate) use signed::{SignatureFailure, Signed};

use key::{KeyFacts, algorithm_name};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rustls_pki_types::SignatureVerificationAlgorithm;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::asn1_rs::{Oid, oid};
use x509_parser::prelude::FromDer;
use x509_parser::x509::{SubjectPublicKeyInfo, X509Version};

use crate::digest::sha256;
use crate::facts::CertificateFacts;
use crate::text::{SHOWN, digest, listed, printable};
use crate::time::rfc3339;

/// A parsed certificate. It judges nothing.
pub(crate) struct CertificateView<'a> {
    der: &'a [u8],
    inner: X509Certificate<'a>,
}

impl<'a> CertificateView<'a> {
    /// Parses one DER certificate without trailing bytes, and without an extension that appears twice (RFC 5280 section 4.2):
    /// two readers could each take another one of them.
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, String> {
        match X509Certificate::from_der(der) {
            Ok(([], inner)) => match repeated_extension(&inner) {
                Some(oid) => Err(format!("the extension {oid} appears twice")),
                None => Ok(Self { der, inner }),
            },
            Ok((rest, _)) => Err(format!("{} bytes follow it", rest.len())),
            Err(error) => Err(format!("{error}")),
        }
    }

    /// Whether an extension appears twice in a certificate that is readable otherwise.
    pub(crate) fn has_repeated_extension(der: &[u8]) -> bool {
        matches!(X509Certificate::from_der(der), Ok(([], inner)) if repeated_extension(&inner).is_some())
    }

    /// Escaped and bounded, as [`CertificateView::issuer`] is.
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

    pub(crate) fn der(&self) -> &'a [u8] {
        self.der
    }

    /// The DER SubjectPublicKeyInfo.
    pub(crate) fn spki(&self) -> &'a [u8] {
        self.inner.tbs_certificate.subject_pki.raw
    }

    /// Whether its key is certainly another than that of `spki` (DER). The key itself is compared and not what stands around
    /// it: RSA keys are named by two algorithms (RFC 4055), and an encoder may leave out parameters.
    pub(crate) fn has_other_key(&self, spki: &[u8]) -> bool {
        let own = &self.inner.tbs_certificate.subject_pki.subject_public_key;
        let other = SubjectPublicKeyInfo::from_der(spki);
        other.is_ok_and(|(_, other)| other.subject_public_key.data != own.data)
    }

    /// Whether the key of `spki` (DER) signed it.
    pub(crate) fn is_signed_by(&self, algorithms: &[&dyn SignatureVerificationAlgorithm], spki: &[u8]) -> bool {
        Signed::parse(self.der).is_some_and(|signed| signed.verify(algorithms, spki).is_ok())
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
    pub(crate) fn key_usage(&self) -> Option<KeyUsage<'_>> {
        match self.inner.key_usage() {
            Ok(None) => None,
            Ok(Some(extension)) => Some(KeyUsage {
                cert_sign: extension.value.key_cert_sign(),
                crl_sign: extension.value.crl_sign(),
                digital_signature: extension.value.digital_signature(),
                value: Some(extension.value),
            }),
            Err(_) => Some(KeyUsage { cert_sign: false, crl_sign: false, digital_signature: false, value: None }),
        }
    }

    /// The extended key usage, if the extension is present; one that does not parse permits nothing.
    pub(crate) fn extended_key_usage(&self) -> Option<ExtendedKeyUsage> {
        match self.inner.extended_key_usage() {
            Ok(None) => None,
            Ok(Some(extension)) => Some(ExtendedKeyUsage::new(extension.value)),
            Err(_) => Some(ExtendedKeyUsage {
                any: false,
                client_auth: false,
                server_auth: false,
                text: "unreadable".to_owned(),
            }),
        }
    }

    /// The first critical extension that no rule here understands.
    pub(crate) fn unknown_critical_extension(&self) -> Option<String> {
        self.critical_extension_outside(UNDERSTOOD)
    }

    /// The same of a certificate of a path: what webpki does not read.
    pub(crate) fn unknown_critical_extension_in_path(&self) -> Option<String> {
        self.critical_extension_outside(UNDERSTOOD_IN_PATHS)
    }

    /// The same of an anchor. What only steers the processing of policies is understood: an anchor is no certificate of the
    /// path, and its policies are no input of path validation (RFC 5280 section 6.1.1).
    pub(crate) fn unknown_critical_extension_of_anchor(&self) -> Option<String> {
        self.critical_extension_outside(UNDERSTOOD_OF_ANCHORS)
    }

    fn critical_extension_outside(&self, understood: &[Oid<'static>]) -> Option<String> {
        let unknown = self.inner.extensions().iter().find(|e| e.critical && !understood.contains(&e.oid));
        unknown.map(|e| {
            let oid = printable(&e.oid.to_id_string());
            let name = POLICY_EXTENSIONS.iter().find(|(known, _)| *known == oid);
            name.map_or_else(|| oid.clone(), |(_, name)| format!("{name} ({oid})"))
        })
    }

    /// The names of the distribution points at which lists for it are found (RFC 5280 section 4.2.1.13). A certificate
    /// without the extension stands for the name of its issuer (section 6.3.3).
    pub(crate) fn distribution_points(&self) -> PointNames {
        let extension = self.inner.extensions().iter().find(|e| e.oid == CRL_DISTRIBUTION_POINTS_OID);
        match extension.map(|e| e.parsed_extension()) {
            None => PointNames::of_issuer(self.issuer_raw()),
            Some(ParsedExtension::CRLDistributionPoints(points)) => {
                PointNames::of_certificate(points, self.issuer_raw())
            }
            // It cannot be read, so that no list is known to be for this certificate.
            Some(_) => PointNames::default(),
        }
    }

    /// The presented names in their order, or `None` without the extension.
    pub(crate) fn presented_names(&self) -> Option<Vec<PresentedName>> {
        let san = self.inner.extensions().iter().find_map(|e| match e.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => Some(Ok(san)),
            ParsedExtension::ParseError { .. } if e.oid == SAN_OID => Some(Err(())),
            _ => None,
        })?;
        Some(match san {
            Ok(san) => san.general_names.iter().map(PresentedName::new).collect(),
            Err(()) => vec![PresentedName::Malformed],
        })
    }

    fn presented_general_names(&self) -> &[GeneralName<'_>] {
        let san = self.inner.extensions().iter().find_map(|e| match e.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => Some(san.general_names.as_slice()),
            _ => None,
        });
        san.unwrap_or_default()
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

    /// The issuer (DER) of its issuer's certificate, if it names one (authorityCertIssuer, RFC 5280 section 4.2.1.1).
    pub(crate) fn issuers_issuer(&self) -> Option<&[u8]> {
        let names = self.inner.extensions().iter().find_map(|e| match e.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => id.authority_cert_issuer.as_ref(),
            _ => None,
        })?;
        names.iter().find_map(|name| match name {
            GeneralName::DirectoryName(name) => Some(name.as_raw()),
            _ => None,
        })
    }

    /// Whether it says that its issuer is a root.
    pub(crate) fn issuer_is_self_issued(&self) -> bool {
        self.issuers_issuer() == Some(self.issuer_raw())
    }

    /// Whether it says where its issuer's certificate can be fetched (RFC 5280 section 4.2.2.1).
    pub(crate) fn names_its_issuers_location(&self) -> bool {
        let ca_issuers = |e: &ParsedExtension<'_>| match e {
            ParsedExtension::AuthorityInfoAccess(access) => {
                access.accessdescs.iter().any(|a| a.access_method == CA_ISSUERS_OID)
            }
            _ => false,
        };
        self.inner.extensions().iter().any(|e| ca_issuers(e.parsed_extension()))
    }

    pub(crate) fn has_name_constraints(&self) -> bool {
        self.inner.extensions().iter().any(|e| e.oid == NAME_CONSTRAINTS_OID)
    }

    /// How many subtrees its name constraints have.
    pub(crate) fn name_constraint_count(&self) -> usize {
        let Ok(Some(constraints)) = self.inner.name_constraints() else { return 0 };
        let lists = [&constraints.value.permitted_subtrees, &constraints.value.excluded_subtrees];
        lists.into_iter().flatten().map(Vec::len).sum()
    }

    /// How many names it presents: its alternative names, and its subject, which directory constraints apply to.
    pub(crate) fn presented_name_count(&self) -> usize {
        let san = self.inner.extensions().iter().find_map(|e| match e.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(san) => Some(san.general_names.len()),
            _ => None,
        });
        1 + san.unwrap_or_default()
    }

    /// Whether it has name constraints that cannot be read.
    pub(crate) fn has_unreadable_name_constraints(&self) -> bool {
        let extension = self.inner.extensions().iter().find(|e| e.oid == NAME_CONSTRAINTS_OID);
        let is_readable = |value: &[u8]| constraints::are_readable(value) && self.inner.name_constraints().is_ok();
        extension.is_some_and(|extension| !is_readable(extension.value))
    }

    /// A wildcard directly below the root, as `*.com`: webpki compares no such name with a constraint.
    pub(crate) fn wildcard_above_one_label(&self) -> Option<String> {
        let is_one = |text: &str| text.strip_prefix("*.").is_some_and(|parent| !parent.contains('.'));
        self.presented_names()?.into_iter().find_map(|name| match name {
            PresentedName::Dns(text) if is_one(&text) => Some(printable(&text)),
            _ => None,
        })
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

    pub(crate) fn key(&self) -> KeyFacts<'_> {
        KeyFacts::new(self.inner.public_key())
    }

    /// What its key is, with the algorithm for which the key alone may be used (RFC 4055 section 1.2).
    pub(crate) fn key_kind(&self) -> String {
        match algorithm_name(&self.inner.public_key().algorithm.algorithm.to_id_string()) {
            name if name == "RSASSA-PSS" => "RSA for RSASSA-PSS alone".to_owned(),
            _ => self.key().text(),
        }
    }

    /// Whether its signature is by one of `algorithms`, whatever the key.
    pub(crate) fn has_accepted_signature_algorithm(&self, algorithms: &[&dyn SignatureVerificationAlgorithm]) -> bool {
        Signed::parse(self.der).is_some_and(|signed| signed.is_by_one_of(algorithms))
    }

    /// Whether its signature algorithm is accepted with other parameters alone: ECDSA has none, and RSASSA-PSS those of
    /// RFC 8446 section 4.2.3.
    pub(crate) fn has_odd_signature_parameters(&self) -> bool {
        let algorithm = &self.inner.signature_algorithm;
        let name = algorithm_name(&algorithm.algorithm.to_id_string());
        let is_ecdsa = ["ecdsa-with-SHA256", "ecdsa-with-SHA384", "ecdsa-with-SHA512"].contains(&name.as_str());
        name == "RSASSA-PSS" || (is_ecdsa && algorithm.parameters.is_some())
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
            subject: self.subject(),
            issuer: self.issuer(),
            not_before: rfc3339(self.not_before()),
            not_after: rfc3339(self.not_after()),
            sha256: digest(&self.sha256()),
            sans: shown(self.presented_names().as_deref().unwrap_or_default()),
            source: source.to_owned(),
        }
    }
}

/// An extension that appears twice. Sorted, since a peer can send thousands of them.
fn repeated_extension(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut oids: Vec<&Oid<'_>> = certificate.extensions().iter().map(|extension| &extension.oid).collect();
    oids.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    let twice = oids.windows(2).find(|pair| matches!(pair, [one, other] if one == other))?;
    twice.first().map(|oid| oid.to_id_string())
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

/// A pin as it is written in a policy.
pub(crate) fn pin_text(sha256: &[u8; 32]) -> String {
    BASE64_STANDARD.encode(sha256)
}

/// What keyUsage permits.
pub(crate) struct KeyUsage<'a> {
    pub(crate) cert_sign: bool,
    pub(crate) crl_sign: bool,
    pub(crate) digital_signature: bool,
    /// `None` if it does not parse.
    value: Option<&'a x509_parser::extensions::KeyUsage>,
}

impl KeyUsage<'_> {
    /// As reports call it.
    pub(crate) fn text(&self) -> String {
        self.value.map_or_else(|| "unreadable".to_owned(), ToString::to_string)
    }
}

/// What extKeyUsage permits.
pub(crate) struct ExtendedKeyUsage {
    /// anyExtendedKeyUsage.
    pub(crate) any: bool,
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
        let text = if names.is_empty() { "empty".to_owned() } else { listed(&names) };
        Self { any: value.any, client_auth: value.client_auth, server_auth: value.server_auth, text }
    }
}

const CA_ISSUERS_OID: Oid<'static> = oid!(1.3.6.1.5.5.7.48.2);
const CRL_DISTRIBUTION_POINTS_OID: Oid<'static> = oid!(2.5.29.31);
const NAME_CONSTRAINTS_OID: Oid<'static> = oid!(2.5.29.30);
const SAN_OID: Oid<'static> = oid!(2.5.29.17);
/// What a leaf that is trusted as itself may mark critical: the extensions that rules here read.
const UNDERSTOOD: &[Oid<'static>] = &[oid!(2.5.29.15), SAN_OID, oid!(2.5.29.19), oid!(2.5.29.37)];
/// What webpki reads of a certificate of a path.
const UNDERSTOOD_IN_PATHS: &[Oid<'static>] =
    &[oid!(2.5.29.15), SAN_OID, oid!(2.5.29.19), NAME_CONSTRAINTS_OID, CRL_DISTRIBUTION_POINTS_OID, oid!(2.5.29.37)];
/// Extensions that steer the processing of policies, and what they are called.
const POLICY_EXTENSIONS: [(&str, &str); 4] = [
    ("2.5.29.32", "certificatePolicies"),
    ("2.5.29.33", "policyMappings"),
    ("2.5.29.36", "policyConstraints"),
    ("2.5.29.54", "inhibitAnyPolicy"),
];
/// What an anchor may mark critical: key identifiers, usages, names, constraints, and what is about policies.
const UNDERSTOOD_OF_ANCHORS: &[Oid<'static>] = &[
    oid!(2.5.29.14),
    oid!(2.5.29.15),
    SAN_OID,
    oid!(2.5.29.18),
    oid!(2.5.29.19),
    NAME_CONSTRAINTS_OID,
    CRL_DISTRIBUTION_POINTS_OID,
    oid!(2.5.29.32),
    oid!(2.5.29.33),
    oid!(2.5.29.35),
    oid!(2.5.29.36),
    oid!(2.5.29.37),
    oid!(2.5.29.54),
];
