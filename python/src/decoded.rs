//! The dictionary of `ssl.SSLSocket.getpeercert`, of the DER of a leaf: CPython's keys, OpenSSL's words.

use core::fmt::Write;
use core::net::{Ipv4Addr, Ipv6Addr};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{DistributionPointName, GeneralName, ParsedExtension};
use x509_parser::oid_registry::asn1_rs::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use crate::errors;
use crate::guard::detached;

/// What the standard library's dictionary says of a certificate: all of its names, each attribute with its type.
///
/// # Errors
/// `PeerVerificationError` with the code `cert_malformed` for a name that is no text: a part of it would be another name.
#[pyfunction]
pub(crate) fn decode_certificate<'py>(py: Python<'py>, der: &[u8]) -> PyResult<Bound<'py, PyDict>> {
    let decoded = detached(py, || Decoded::parse(der))?;
    decoded.map_err(|reason| errors::malformed(py, &reason))?.into_dictionary(py)
}

/// RDNs of attributes: type and value.
type Name = Vec<Vec<(String, String)>>;

struct Decoded {
    alternative_names: Option<Vec<(&'static str, Alternative)>>,
    issuer: Name,
    /// Lists of URIs, each where it is not empty.
    locations: [(&'static str, Vec<String>); 3],
    not_after: String,
    not_before: String,
    serial: String,
    subject: Name,
    version: u32,
}

/// A value of the subjectAltName.
enum Alternative {
    Directory(Name),
    Text(String),
}

impl Decoded {
    fn parse(der: &[u8]) -> Result<Self, String> {
        let Ok(([], certificate)) = X509Certificate::from_der(der) else {
            return Err("the certificate cannot be read".to_owned());
        };
        let mut decoded = Self {
            alternative_names: None,
            issuer: name(certificate.issuer())?,
            locations: ["OCSP", "caIssuers", "crlDistributionPoints"].map(|key| (key, Vec::new())),
            not_after: time(certificate.validity().not_after),
            not_before: time(certificate.validity().not_before),
            serial: serial(certificate.raw_serial()),
            subject: name(certificate.subject())?,
            version: certificate.version().0.saturating_add(1),
        };
        for extension in certificate.extensions() {
            decoded.take(&extension.oid, extension.parsed_extension())?;
        }
        Ok(decoded)
    }

    fn take(&mut self, oid: &Oid<'_>, extension: &ParsedExtension<'_>) -> Result<(), String> {
        let [(_, ocsp), (_, ca_issuers), (_, lists)] = &mut self.locations;
        match extension {
            ParsedExtension::SubjectAlternativeName(names) => {
                let names: Result<Vec<_>, _> = names.general_names.iter().map(alternative).collect();
                self.alternative_names = Some(names?);
            }
            ParsedExtension::AuthorityInfoAccess(access) => {
                for description in &access.accessdescs {
                    let into = match description.access_method.to_id_string().as_str() {
                        "1.3.6.1.5.5.7.48.1" => &mut *ocsp,
                        "1.3.6.1.5.5.7.48.2" => &mut *ca_issuers,
                        _ => continue,
                    };
                    into.extend(uri(&description.access_location));
                }
            }
            ParsedExtension::CRLDistributionPoints(points) => {
                for point in points.iter() {
                    if let Some(DistributionPointName::FullName(names)) = &point.distribution_point {
                        lists.extend(names.iter().filter_map(uri));
                    }
                }
            }
            _ if oid.to_id_string() == "2.5.29.17" => return Err("its subjectAltName cannot be read".to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn into_dictionary(self, py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let dictionary = PyDict::new(py);
        dictionary.set_item("subject", tuples(py, &self.subject)?)?;
        dictionary.set_item("issuer", tuples(py, &self.issuer)?)?;
        dictionary.set_item("version", self.version)?;
        dictionary.set_item("serialNumber", self.serial)?;
        dictionary.set_item("notBefore", self.not_before)?;
        dictionary.set_item("notAfter", self.not_after)?;
        if let Some(names) = self.alternative_names {
            let mut pairs = Vec::new();
            for (kind, value) in names {
                pairs.push(match value {
                    Alternative::Text(text) => (kind, text).into_pyobject(py)?,
                    Alternative::Directory(name) => (kind, tuples(py, &name)?).into_pyobject(py)?,
                });
            }
            dictionary.set_item("subjectAltName", PyTuple::new(py, pairs)?)?;
        }
        for (key, uris) in self.locations {
            if !uris.is_empty() {
                dictionary.set_item(key, PyTuple::new(py, uris)?)?;
            }
        }
        Ok(dictionary)
    }
}

fn tuples<'py>(py: Python<'py>, name: &Name) -> PyResult<Bound<'py, PyTuple>> {
    let parts: PyResult<Vec<_>> = name.iter().map(|part| PyTuple::new(py, part)).collect();
    PyTuple::new(py, parts?)
}

fn name(name: &X509Name<'_>) -> Result<Name, String> {
    let attribute = |one: &AttributeTypeAndValue<'_>| {
        let value = one.attr_value();
        let kind = kind_of(one.attr_type());
        match text(value.tag().0, value.data) {
            Some(text) => Ok((kind, text)),
            None => Err(format!("the {kind} in one of its names is no text")),
        }
    };
    name.iter_rdn().map(|part| part.iter().map(attribute).collect()).collect()
}

fn alternative(name: &GeneralName<'_>) -> Result<(&'static str, Alternative), String> {
    let (kind, text) = match name {
        GeneralName::DNSName(text) => ("DNS", (*text).to_owned()),
        GeneralName::RFC822Name(text) => ("email", (*text).to_owned()),
        GeneralName::URI(text) => ("URI", (*text).to_owned()),
        GeneralName::IPAddress(bytes) => ("IP Address", address(bytes)),
        GeneralName::RegisteredID(oid) => ("Registered ID", kind_of(oid)),
        GeneralName::DirectoryName(inner) => return Ok(("DirName", Alternative::Directory(self::name(inner)?))),
        GeneralName::OtherName(..) => ("othername", UNSUPPORTED.to_owned()),
        GeneralName::X400Address(_) => ("X400Name", UNSUPPORTED.to_owned()),
        GeneralName::EDIPartyName(_) => ("EdiPartyName", UNSUPPORTED.to_owned()),
        GeneralName::Invalid(..) => return Err("its subjectAltName holds a name that is no text".to_owned()),
    };
    Ok((kind, Alternative::Text(text)))
}

fn uri(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(text) => Some((*text).to_owned()),
        _ => None,
    }
}

/// As CPython writes them: no zeros of IPv6 are left out together.
fn address(bytes: &[u8]) -> String {
    if let Ok(bytes) = <[u8; 4]>::try_from(bytes) {
        return Ipv4Addr::from(bytes).to_string();
    }
    let Ok(bytes) = <[u8; 16]>::try_from(bytes) else { return "<invalid>".to_owned() };
    Ipv6Addr::from(bytes).segments().map(|segment| format!("{segment:X}")).join(":")
}

/// OpenSSL's long name of an attribute type, or its number.
fn kind_of(oid: &Oid<'_>) -> String {
    let number = oid.to_id_string();
    let known = ATTRIBUTES.iter().find(|(known, _)| *known == number).map(|(_, long)| (*long).to_owned());
    known.unwrap_or(number)
}

/// The characters of a directory string, by its universal tag; `None` for what is no string. The types of one byte are read
/// as Latin-1, as OpenSSL reads them.
fn text(tag: u32, bytes: &[u8]) -> Option<String> {
    let units =
        |width: usize| bytes.chunks(width).map(|unit| unit.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)));
    match tag {
        UTF8_STRING => core::str::from_utf8(bytes).ok().map(str::to_owned),
        BMP_STRING if bytes.len().is_multiple_of(2) => units(2).map(char::from_u32).collect(),
        UNIVERSAL_STRING if bytes.len().is_multiple_of(4) => units(4).map(char::from_u32).collect(),
        tag if BYTE_STRINGS.contains(&tag) => Some(bytes.iter().copied().map(char::from).collect()),
        _ => None,
    }
}

/// As OpenSSL prints it, which `ssl.cert_time_to_seconds` reads: in English everywhere, a day of two columns.
fn time(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let month = MONTHS.get(usize::from(u8::from(time.month())).saturating_sub(1)).copied().unwrap_or_default();
    let (hour, minute, second) = time.to_hms();
    format!("{month} {:2} {hour:02}:{minute:02}:{second:02} {} GMT", time.day(), time.year())
}

/// Hexadecimal, in pairs, without leading zeros; a negative number has a minus in front.
fn serial(bytes: &[u8]) -> String {
    let is_negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let mut magnitude = bytes.to_vec();
    if is_negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let zeros = magnitude.iter().take_while(|byte| **byte == 0).count().min(magnitude.len().saturating_sub(1));
    let mut text = if is_negative { "-".to_owned() } else { String::new() };
    for byte in magnitude.iter().skip(zeros) {
        let _ = write!(text, "{byte:02X}");
    }
    text
}

const UNSUPPORTED: &str = "<unsupported>";

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const UTF8_STRING: u32 = 12;
const UNIVERSAL_STRING: u32 = 28;
const BMP_STRING: u32 = 30;
/// Numeric, printable, teletex, IA5 and visible strings.
const BYTE_STRINGS: [u32; 5] = [18, 19, 20, 22, 26];

/// RFC 4519, RFC 2985, the EV guidelines and national ones, under OpenSSL's long names.
const ATTRIBUTES: [(&str, &str); 37] = [
    ("0.9.2342.19200300.100.1.1", "userId"),
    ("0.9.2342.19200300.100.1.25", "domainComponent"),
    ("0.9.2342.19200300.100.1.3", "rfc822Mailbox"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
    ("1.2.840.113549.1.9.2", "unstructuredName"),
    ("1.2.840.113549.1.9.8", "unstructuredAddress"),
    ("1.2.643.100.1", "OGRN"),
    ("1.2.643.100.3", "SNILS"),
    ("1.2.643.3.131.1.1", "INN"),
    ("1.3.6.1.4.1.311.60.2.1.1", "jurisdictionLocalityName"),
    ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionStateOrProvinceName"),
    ("1.3.6.1.4.1.311.60.2.1.3", "jurisdictionCountryName"),
    ("2.5.4.10", "organizationName"),
    ("2.5.4.11", "organizationalUnitName"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.15", "businessCategory"),
    ("2.5.4.16", "postalAddress"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.18", "postOfficeBox"),
    ("2.5.4.20", "telephoneNumber"),
    ("2.5.4.3", "commonName"),
    ("2.5.4.4", "surname"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "givenName"),
    ("2.5.4.43", "initials"),
    ("2.5.4.44", "generationQualifier"),
    ("2.5.4.45", "x500UniqueIdentifier"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "countryName"),
    ("2.5.4.65", "pseudonym"),
    ("2.5.4.7", "localityName"),
    ("2.5.4.72", "role"),
    ("2.5.4.8", "stateOrProvinceName"),
    ("2.5.4.9", "streetAddress"),
    ("2.5.4.97", "organizationIdentifier"),
];
