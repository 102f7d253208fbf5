//! One wanted name: what a SAN of the leaf is compared with.

use core::fmt;
use std::net::IpAddr;

use crate::name::{DnsName, TrustDomain, UriName};

/// A reference name with the type of SAN that it is compared with; types never mix (N5).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum SanMatcher {
    /// A dNSName, by the rules of RFC 9525 section 6.3: a wildcard in the certificate covers one left-most label.
    Dns(DnsName),
    /// A `*.x` entry: it matches only a dNSName that is literally this wildcard (N6).
    DnsWildcard(WildcardName),
    /// An iPAddress, by its octets.
    Ip(IpAddr),
    /// Any valid SPIFFE ID of this trust domain (N7).
    SpiffeTrustDomain(TrustDomain),
    /// A uniformResourceIdentifier, octet for octet.
    Uri(UriName),
}

impl fmt::Display for SanMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::DnsWildcard(name) => write!(f, "dns:{}", name.as_str()),
            Self::Ip(ip) => write!(f, "ip:{ip}"),
            Self::SpiffeTrustDomain(domain) => write!(f, "spiffeTrustDomain:{domain}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
        }
    }
}

/// `*.` and a DNS name, in lower case.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WildcardName(String);

impl WildcardName {
    /// Parses `*.` followed by a DNS name.
    ///
    /// # Errors
    /// The [`crate::NameError`] of the rest, or `Wildcard` for any other wildcard.
    pub fn parse(text: &str) -> Result<Self, crate::NameError> {
        let rest = text.strip_prefix("*.").ok_or(crate::NameError::Wildcard)?;
        let rest = DnsName::parse(rest)?;
        Ok(Self(format!("*.{rest}")))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
