//! Public material as it stands in a file, PEM or DER, given as bytes.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::MaterialDraft;
use crate::encoding::{CERTIFICATES, der_label};
use crate::error::Misuse;

impl MaterialDraft {
    /// Material given as bytes: PEM text, or DER of one certificate, of PKCS#7 or of one revocation list, which is kept as PEM text.
    ///
    /// ```
    /// use uptls::MaterialDraft;
    ///
    /// assert!(MaterialDraft::bytes(b"-----BEGIN CERTIFICATE-----...").is_ok());
    /// assert!(MaterialDraft::bytes(&[0x30, 0x82, 0xff]).is_err());
    /// ```
    ///
    /// # Errors
    /// [`Misuse`] for bytes that are neither, and for a key: what is kept here counts as public.
    pub fn bytes(bytes: &[u8]) -> Result<Self, Misuse> {
        let wrong = |reason: &str| Misuse::new(format!("material must be PEM text in UTF-8, or DER: {reason}"));
        match (core::str::from_utf8(bytes), der_label(bytes)) {
            (_, Ok(Some(label))) if PUBLIC.contains(&label) => Ok(Self::pem(pem_of(label, bytes))),
            (_, Ok(Some(label))) => Err(wrong(&format!("it is a {label}"))),
            (Ok(text), Ok(None)) => Ok(Self::pem(text)),
            (Err(_), Ok(None)) => Err(wrong("it is neither")),
            (_, Err(error)) => Err(wrong(&error.to_string())),
        }
    }
}

fn pem_of(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = BASE64_STANDARD.encode(der);
    while !rest.is_empty() {
        let after = rest.split_off(rest.len().min(LINE));
        text.push_str(&rest);
        text.push('\n');
        rest = after;
    }
    text + "-----END " + label + "-----\n"
}

/// RFC 7468 section 2.
const LINE: usize = 64;
const PUBLIC: [&str; 3] = ["CERTIFICATE", CERTIFICATES, "X509 CRL"];
