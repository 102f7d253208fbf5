//! The one reader of certificates, keys and lists: which encoding a piece of material has, and the blocks in it.
//!
//! PEM and DER are read, with or without a byte order mark. What other tools write is named, with the command that converts
//! it: "not PEM" alone leaves an operator with a file that every other tool opens.

use core::fmt;

use x509_parser::oid_registry::asn1_rs::{Any, Class, FromDer, Oid, Tag, oid};
use zeroize::Zeroizing;

use crate::error::{Conversion, MaterialError};
use crate::pem::{self, Block, Headers};

/// Why material has no blocks.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct EncodingError {
    /// The 1-based block and its line, where one is to blame.
    pub(crate) block: Option<(usize, usize)>,
    pub(crate) conversion: Option<Conversion>,
    pub(crate) reason: String,
}

impl EncodingError {
    fn new(reason: impl Into<String>, conversion: Option<Conversion>) -> Self {
        Self { block: None, conversion, reason: reason.into() }
    }

    /// As text, with the command that converts `source`.
    pub(crate) fn for_source(&self, source: &str) -> String {
        match self.conversion {
            Some(conversion) => format!("{self}; convert it: {}", conversion.command(source)),
            None => self.to_string(),
        }
    }

    /// The error that `parse` makes of the reason, with block and conversion.
    pub(crate) fn of(self, parse: impl Fn(String) -> MaterialError) -> MaterialError {
        let error = parse(self.reason).convertible(self.conversion);
        match self.block {
            Some((index, line)) => error.at_block(index, line),
            None => error,
        }
    }
}

impl fmt::Display for EncodingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((index, line)) = self.block {
            write!(f, "block {index} (line {line}): ")?;
        }
        f.write_str(&self.reason)
    }
}

/// The blocks of `bytes`, in any encoding; DER is one block in line 1. Text without blocks has none.
pub(crate) fn blocks(bytes: &[u8]) -> Result<Vec<Block>, EncodingError> {
    let bytes = bytes.strip_prefix(UTF8_MARK).unwrap_or(bytes);
    if let Some(error) = foreign(bytes) {
        return Err(error);
    }
    if let Some(label) = der_label(bytes)? {
        return Ok(vec![Block {
            der: Zeroizing::new(bytes.to_vec()),
            index: 1,
            headers: Headers::Absent,
            label: label.to_owned(),
            line: 1,
        }]);
    }
    let mut blocks = pem::blocks(bytes).map_err(|error| EncodingError {
        block: Some((error.index, error.line)),
        conversion: None,
        reason: error.reason,
    })?;
    for block in &mut blocks {
        if let Some((_, label)) = OLDER_LABELS.iter().find(|(older, _)| *older == block.label) {
            block.label = (*label).to_owned();
        }
    }
    Ok(blocks)
}

/// Why a block is not what is `wanted` ("a private key"), and what makes that of it.
pub(crate) fn misplaced(label: &str, wanted: &str) -> (String, Option<Conversion>) {
    match label {
        CERTIFICATES => ("it is PKCS#7, which is read in trust bundles alone".to_owned(), Some(Conversion::Pkcs7)),
        "TRUSTED CERTIFICATE" => {
            let reason = "a TRUSTED CERTIFICATE block has settings that only OpenSSL reads";
            (reason.to_owned(), Some(Conversion::TrustedCertificate))
        }
        "CERTIFICATE REQUEST" | "NEW CERTIFICATE REQUEST" => {
            (format!("the {label} block asks for a certificate and is none: use what the CA answered"), None)
        }
        "OPENSSH PRIVATE KEY" => ("the key is in OpenSSH's own format".to_owned(), Some(Conversion::OpenSsh)),
        label => (format!("the {label} block is not {wanted}"), None),
    }
}

/// The certificates of a [`CERTIFICATES`] block: PKCS#7 SignedData as Windows exports it (RFC 2315 section 9.1). Nothing is
/// signed in such a file, so there is no signature to check.
pub(crate) fn pkcs7_certificates(der: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let damaged = || "the PKCS#7 data is damaged".to_owned();
    let info = items(der).ok_or_else(damaged)?;
    let signed = info.get(1).and_then(|explicit| items_of(explicit.data)).ok_or_else(damaged)?;
    let [signed] = signed.as_slice() else { return Err(damaged()) };
    let fields = items_of(signed.data).ok_or_else(damaged)?;
    let certificates = fields.iter().find(|field| is_context(field, 0));
    let certificates = certificates.ok_or("the PKCS#7 data holds no certificate")?;
    let whole = values(certificates.data).ok_or_else(damaged)?;
    Ok(whole.into_iter().map(|(whole, _)| whole.to_vec()).collect())
}

#[cfg(feature = "encrypted-keys")]
/// Whether `der` has the shape of an encrypted key (RFC 5958 section 3), whatever the scheme is.
pub(crate) fn is_encrypted_key(der: &[u8]) -> bool {
    matches!(items(der).as_deref(), Some([scheme, data])
        if scheme.tag() == Tag::Sequence && data.tag() == Tag::OctetString && items_of(scheme.data).is_some())
}

/// Text of other encodings, and the containers of other tools.
fn foreign(bytes: &[u8]) -> Option<EncodingError> {
    let error = |reason: &str, conversion| Some(EncodingError::new(reason, Some(conversion)));
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => error("it is text in UTF-32", Conversion::Utf32),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'-', 0, b'-', 0, ..] | [0, b'-', 0, b'-', ..] => {
            error("it is text in UTF-16, as PowerShell writes it", Conversion::Utf16)
        }
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => {
            error("it is a Java key store", Conversion::JavaKeyStore)
        }
        _ if is_base64_of_material(bytes) => {
            error("it is base64 without BEGIN and END lines, as in a Kubernetes Secret", Conversion::Base64)
        }
        _ if has_escaped_lines(bytes) => {
            error(r"its line breaks are written as \n, as in JSON", Conversion::EscapedLines)
        }
        _ => None,
    }
}

/// Whether base64 is all that there is, and PEM or DER of more than 127 bytes is in it.
fn is_base64_of_material(bytes: &[u8]) -> bool {
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || b"+/=".contains(b) || b.is_ascii_whitespace();
    let text = bytes.trim_ascii_start();
    let starts = [b"LS0tLS1CRUdJTi".as_slice(), b"MIG", b"MIH", b"MII"];
    text.len() >= SHORTEST_BASE64 && starts.iter().any(|start| text.starts_with(start)) && text.iter().all(is_base64)
}

/// Whether a BEGIN line ends with the two characters of an escaped line break.
fn has_escaped_lines(bytes: &[u8]) -> bool {
    const ENDS: &[u8] = br"-----\n";
    let mut lines = bytes.split(|b| *b == b'\n');
    lines.any(|line| {
        let begin = pem::find(line, b"-----BEGIN ");
        begin.and_then(|at| line.get(at..)).is_some_and(|rest| pem::find(rest, ENDS).is_some())
    })
}

/// The PEM label that the DER in `bytes` would have; `None` for text.
pub(crate) fn der_label(bytes: &[u8]) -> Result<Option<&'static str>, EncodingError> {
    if !looks_like_der(bytes) {
        return Ok(None);
    }
    let damaged = |reason: &str| Err(EncodingError::new(reason, None));
    let Ok((rest, _)) = Any::from_der(bytes) else { return damaged("it is DER, and is damaged or cut short") };
    if !rest.is_empty() {
        return damaged("it is DER with more bytes after its end");
    }
    let Some(items) = items(bytes) else { return damaged("it is DER, and is damaged") };
    let shape: Vec<_> = items.iter().take(3).map(|item| item.tag()).collect();
    let first = items.first().map(|item| item.data).unwrap_or_default();
    match shape.as_slice() {
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => Ok(Some(signed_label(first))),
        [Tag::Sequence, Tag::OctetString] => Ok(Some("ENCRYPTED PRIVATE KEY")),
        [Tag::Oid, ..] if is_signed_data(first) => Ok(Some(CERTIFICATES)),
        [Tag::Integer, Tag::OctetString, ..] => Ok(Some("EC PRIVATE KEY")),
        [Tag::Integer, Tag::Integer, ..] => Ok(Some("RSA PRIVATE KEY")),
        [Tag::Integer, Tag::Sequence, ..] if first == [3] => {
            Err(EncodingError::new("it is PKCS#12", Some(Conversion::Pkcs12)))
        }
        [Tag::Integer, Tag::Sequence, ..] => Ok(Some("PRIVATE KEY")),
        _ => damaged("it is DER, and neither a certificate, a list nor a key"),
    }
}

/// Whether this looks like DER rather than text.
fn looks_like_der(bytes: &[u8]) -> bool {
    match bytes {
        // Of more than 127 bytes, in the long form.
        [0x30, 0x80..=0xff, ..] => true,
        // A small key: the short form has to fit.
        [0x30, length, rest @ ..] => usize::from(*length) == rest.len(),
        _ => false,
    }
}

/// Of a certificate, a list or a request, which are told apart by what is signed.
fn signed_label(signed: &[u8]) -> &'static str {
    let fields = items_of(signed).unwrap_or_default();
    let is_time = |field: &Any<'_>| matches!(field.tag(), Tag::UtcTime | Tag::GeneralizedTime);
    let names = fields.iter().filter(|field| field.class() == Class::Universal && field.tag() == Tag::Sequence).count();
    if fields.iter().any(|field| field.class() == Class::Universal && is_time(field)) {
        "X509 CRL"
    } else if names < 4 {
        "CERTIFICATE REQUEST"
    } else {
        "CERTIFICATE"
    }
}

fn is_signed_data(oid: &[u8]) -> bool {
    const SIGNED_DATA: Oid<'static> = oid!(1.2.840.113549.1.7.2);
    oid == SIGNED_DATA.as_bytes()
}

fn is_context(item: &Any<'_>, number: u32) -> bool {
    item.class() == Class::ContextSpecific && item.tag() == Tag(number)
}

/// What is in the SEQUENCE that `der` is.
fn items(der: &[u8]) -> Option<Vec<Any<'_>>> {
    let (_, outer) = Any::from_der(der).ok()?;
    if outer.tag() == Tag::Sequence { items_of(outer.data) } else { None }
}

fn items_of(content: &[u8]) -> Option<Vec<Any<'_>>> {
    Some(values(content)?.into_iter().map(|(_, item)| item).collect())
}

/// Each value in `content`, whole with its header, and as it is read.
fn values(mut content: &[u8]) -> Option<Vec<(&[u8], Any<'_>)>> {
    let mut values = Vec::new();
    while !content.is_empty() {
        let (rest, item) = Any::from_der(content).ok()?;
        values.push((content.get(..content.len() - rest.len())?, item));
        content = rest;
    }
    Some(values)
}

/// The label of PKCS#7 data, of which a trust bundle takes the certificates.
pub(crate) const CERTIFICATES: &str = "PKCS7";
/// What RFC 7468 lets parsers take (sections 5.1 and 9).
const OLDER_LABELS: [(&str, &str); 3] =
    [("X509 CERTIFICATE", "CERTIFICATE"), ("X.509 CERTIFICATE", "CERTIFICATE"), ("CMS", CERTIFICATES)];
/// Of DER of 128 bytes; a shorter text may be a word.
const SHORTEST_BASE64: usize = 172;
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";
