//! Names, parsed once at the border: DNS names, IP addresses, URIs and SPIFFE IDs, each compared by its own rule.

mod spiffe_prefix;

pub use spiffe_prefix::SpiffePrefix;

use core::fmt;
use std::net::IpAddr;

use rustls_pki_types as pki_types;

/// A DNS name in canonical form: A-labels, lower case, no trailing dot, no wildcard, at most 253 bytes (N2).
///
/// ```
/// use uptls::{DnsName, NameError};
///
/// assert_eq!(DnsName::parse("Payments.Internal.")?.as_str(), "payments.internal");
/// assert!(DnsName::parse("10.0.0.7").is_err(), "an IP address is another type of name");
/// # Ok::<_, NameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DnsName(String);

impl DnsName {
    /// Parses and canonicalises `text`: ASCII letters are lower-cased and one trailing dot is removed.
    ///
    /// # Errors
    /// [`NameError`] for anything that no dNSName of a certificate can equal: U-labels, wildcards, IP literals,
    /// NUL and other forbidden bytes, empty labels, labels over 63 and names over 253 bytes.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.contains('\0') {
            return Err(NameError::Nul);
        }
        if !text.is_ascii() {
            return Err(NameError::ULabel);
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if name.len() > MAX_DNS_NAME {
            return Err(NameError::TooLong { limit: MAX_DNS_NAME });
        }
        if looks_like_ip(&name) {
            return Err(NameError::IpLiteral);
        }
        if name.contains('*') {
            return Err(NameError::Wildcard);
        }
        check_labels(&name)?;
        // The last word has the parser that the matcher itself uses.
        pki_types::DnsName::try_from(name.as_str()).map_err(|_| NameError::Syntax)?;
        Ok(Self(name))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_server_name(&self) -> Option<pki_types::ServerName<'static>> {
        pki_types::DnsName::try_from(self.0.clone()).ok().map(pki_types::ServerName::DnsName)
    }
}

impl fmt::Display for DnsName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The logical name that the caller gives for a backend: a DNS name or an IP address (N1).
///
/// It is not the address that is dialled: that one is never an identity.
///
/// ```
/// use uptls::BackendHost;
///
/// assert_eq!(BackendHost::parse("Payments.Internal.")?.to_string(), "payments.internal");
/// assert!(matches!(BackendHost::parse("2001:db8::1")?, BackendHost::Ip(_)));
/// assert!(BackendHost::parse("*.payments.internal").is_err(), "a host has no wildcard");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum BackendHost {
    /// A DNS name.
    Dns(DnsName),
    /// An IP address; a peer is then expected to hold it as an iPAddress.
    Ip(IpAddr),
}

impl BackendHost {
    /// Parses an IP address (IPv6 with or without brackets) or else a DNS name.
    ///
    /// # Errors
    /// As [`DnsName::parse`].
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        match bare.parse::<IpAddr>() {
            Ok(ip) => Ok(Self::Ip(ip)),
            Err(_) => DnsName::parse(text).map(Self::Dns),
        }
    }

    pub(crate) fn to_server_name(&self) -> Option<pki_types::ServerName<'static>> {
        match self {
            Self::Dns(name) => name.to_server_name(),
            Self::Ip(ip) => Some(pki_types::ServerName::IpAddress((*ip).into())),
        }
    }
}

impl fmt::Display for BackendHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => name.fmt(f),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// A URI to be compared byte for byte with a uniformResourceIdentifier (N5).
///
/// A URI of the scheme `spiffe` is always a valid SPIFFE ID with a path: a workload has no other (N7).
///
/// ```
/// use uptls::UriName;
///
/// let name = UriName::parse("spiffe://prod.example/ns/pay")?;
/// assert_eq!(name.trust_domain().unwrap().as_str(), "prod.example");
/// # Ok::<_, uptls::NameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UriName(String);

impl UriName {
    /// Checks that `text` is an absolute ASCII URI of at most 2048 bytes; nothing is normalised.
    ///
    /// # Errors
    /// [`NameError::Uri`] without a scheme, with white space or with bytes outside ASCII; [`NameError::Spiffe`] for an
    /// invalid SPIFFE ID; [`NameError::SpiffeWithoutPath`] for one that names a trust domain alone.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.contains('\0') {
            return Err(NameError::Nul);
        }
        if text.len() > MAX_URI {
            return Err(NameError::TooLong { limit: MAX_URI });
        }
        let (scheme, rest) = text.split_once(':').ok_or(NameError::Uri)?;
        let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        if !scheme_ok || rest.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(NameError::Uri);
        }
        if scheme.eq_ignore_ascii_case("spiffe") {
            SpiffeId::parse(text)?.require_path()?;
        }
        Ok(Self(text.to_owned()))
    }

    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is a SPIFFE ID.
    pub fn is_spiffe(&self) -> bool {
        self.0.starts_with("spiffe:")
    }

    /// The trust domain, if this is a SPIFFE ID.
    pub fn trust_domain(&self) -> Option<TrustDomain> {
        SpiffeId::parse(&self.0).ok().map(|id| id.trust_domain)
    }
}

impl fmt::Display for UriName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SPIFFE trust domain: lower-case letters, digits, `.`, `-` and `_`, at most 255 bytes.
///
/// ```
/// use uptls::TrustDomain;
///
/// assert_eq!(TrustDomain::parse("prod.example")?.as_str(), "prod.example");
/// assert!(TrustDomain::parse("spiffe://prod.example").is_err(), "the domain alone");
/// # Ok::<_, uptls::NameError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TrustDomain(Box<str>);

impl TrustDomain {
    /// Parses the bare name of a trust domain, without a scheme.
    ///
    /// # Errors
    /// [`NameError::Spiffe`] for an empty name or a forbidden byte.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-_".contains(&b);
        if text.is_empty() || text.len() > 255 || !text.bytes().all(allowed) {
            return Err(NameError::Spiffe { reason: "the trust domain has characters outside a-z 0-9 . - _" });
        }
        Ok(Self(text.into()))
    }

    /// The bare name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SPIFFE ID, `spiffe://TRUST-DOMAIN/PATH`, as the SPIFFE ID standard section 2 defines it.
///
/// ```
/// use uptls::SpiffeId;
///
/// let id = SpiffeId::parse("spiffe://prod/ns/pay/sa/api")?;
/// assert_eq!((id.trust_domain().as_str(), id.path()), ("prod", "/ns/pay/sa/api"));
/// assert!(SpiffeId::parse("spiffe://prod/ns//api").is_err(), "an empty segment");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SpiffeId {
    text: String,
    trust_domain: TrustDomain,
}

impl SpiffeId {
    /// Parses a SPIFFE ID; nothing is normalised.
    ///
    /// # Errors
    /// [`NameError::Spiffe`] with the rule that is broken.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let error = |reason| Err(NameError::Spiffe { reason });
        if text.len() > MAX_URI {
            return Err(NameError::TooLong { limit: MAX_URI });
        }
        let Some(rest) = text.strip_prefix("spiffe://") else {
            return error("it does not begin with spiffe:// in lower case");
        };
        let (domain, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        let trust_domain = TrustDomain::parse(domain)?;
        check_spiffe_path(path)?;
        Ok(Self { text: text.to_owned(), trust_domain })
    }

    /// What follows the trust domain: `/ns/pay`, or nothing.
    pub fn path(&self) -> &str {
        let authority = "spiffe://".len() + self.trust_domain.0.len();
        self.text.get(authority..).unwrap_or_default()
    }

    /// The ID of a workload has a path; without one it names the trust domain itself (X509-SVID section 5.2).
    pub(crate) fn require_path(&self) -> Result<(), NameError> {
        if self.path().is_empty() { Err(NameError::SpiffeWithoutPath) } else { Ok(()) }
    }

    /// The whole ID.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its trust domain.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }
}

/// Why a name cannot be used. The text says what is wrong; the caller adds which name.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing was given.
    #[error("it is empty")]
    Empty,
    /// Two dots in a row, or a leading dot.
    #[error("it has an empty label")]
    EmptyLabel,
    /// An IP address where a DNS name is wanted.
    #[error("it is an IP address, not a DNS name; write it as an ip entry")]
    IpLiteral,
    /// A NUL byte: the classic way to make two readers see two names.
    #[error("it contains a NUL")]
    Nul,
    /// Not a SPIFFE ID.
    #[error("it is not a SPIFFE ID: {reason}")]
    Spiffe {
        /// Which rule is broken.
        reason: &'static str,
    },
    /// The SPIFFE ID of a trust domain itself: no workload's certificate may hold it.
    #[error("it is the SPIFFE ID of a trust domain, without the path that the ID of a workload has")]
    SpiffeWithoutPath,
    /// A character that no name may have.
    #[error("it has a character that a DNS name may not have, or a label that begins or ends with a hyphen")]
    Syntax,
    /// Over the limit of its kind.
    #[error("it is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// Unicode; only A-labels can stand in a certificate.
    #[error("it is not ASCII; write the A-label (xn--...)")]
    ULabel,
    /// Not an absolute URI.
    #[error("it is not an absolute URI in ASCII")]
    Uri,
    /// A wildcard where a name is wanted (N6).
    #[error("a wildcard is not a name")]
    Wildcard,
}

fn check_labels(name: &str) -> Result<(), NameError> {
    for label in name.split('.') {
        if label.is_empty() {
            return Err(NameError::EmptyLabel);
        }
        if label.len() > 63 {
            return Err(NameError::TooLong { limit: 63 });
        }
        let bytes_ok = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !bytes_ok || label.starts_with('-') || label.ends_with('-') {
            return Err(NameError::Syntax);
        }
    }
    Ok(())
}

/// The path of a SPIFFE ID, which may be absent (SPIFFE ID section 2.2).
fn check_spiffe_path(path: &str) -> Result<(), NameError> {
    let error = |reason| Err(NameError::Spiffe { reason });
    for segment in path.split('/').skip(1) {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        if segment.is_empty() {
            return error("a path segment is empty, or there is a trailing slash");
        }
        if segment == "." || segment == ".." {
            return error("a path segment is . or ..");
        }
        if !segment.bytes().all(allowed) {
            return error("a path segment has characters outside a-z A-Z 0-9 . - _");
        }
    }
    Ok(())
}

/// A name whose last label is a number is an IPv4 address to some readers (WHATWG URL section 3.5), so it is to us.
fn looks_like_ip(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let numeric = !last.is_empty() && last.bytes().all(|b| b.is_ascii_digit());
    numeric || name.contains(':') && name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
}

const MAX_DNS_NAME: usize = 253;
const MAX_URI: usize = 2048;

#[cfg(test)]
mod tests;
