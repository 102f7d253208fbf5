//! The names that a certificate presents, as they are and as they are shown.

use core::fmt;
use std::net::IpAddr;

use x509_parser::extensions::GeneralName;

use crate::text::{Bounded, SHOWN, printable};

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
    pub(super) fn new(name: &GeneralName<'_>) -> Self {
        match name {
            GeneralName::DNSName(name) => Self::Dns((*name).to_owned()),
            GeneralName::RFC822Name(name) => Self::Email((*name).to_owned()),
            GeneralName::URI(name) => Self::Uri((*name).to_owned()),
            GeneralName::IPAddress(bytes) => match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
                (Ok(v4), _) => Self::Ip(v4.into()),
                (_, Ok(v6)) => Self::Ip(v6.into()),
                _ => Self::Malformed,
            },
            GeneralName::Invalid(..) => Self::Malformed,
            _ => Self::Other,
        }
    }

    pub(crate) fn as_ip(&self) -> Option<IpAddr> {
        match self {
            Self::Ip(ip) => Some(*ip),
            _ => None,
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

/// Only what an IA5String prints is shown as it is: neither a look-alike nor a space that makes two names of one, and a
/// backslash is doubled (V11).
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

/// A name as it is shown, and bounded.
pub(crate) fn ascii(text: &str) -> String {
    let mut out = Bounded::default();
    for c in text.chars() {
        match c {
            '\\' => out.push(c.escape_default()),
            c if c.is_ascii_graphic() => out.push([c]),
            c => out.push(c.escape_unicode()),
        }
    }
    out.finish()
}

/// At most ten presented names as text.
pub(crate) fn shown(names: &[PresentedName]) -> Vec<String> {
    names.iter().take(SHOWN).map(|name| printable(&name.to_string())).collect()
}
