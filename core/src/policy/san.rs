//! One wanted name: what a SAN of the leaf is compared with.

use core::fmt;
use std::net::IpAddr;

use crate::name::{DnsName, SpiffePrefix, TrustDomain, UriName};

/// A reference name with the type of SAN that it is compared with; types never mix (N5).
///
/// ```
/// use uptls::{DnsName, SanMatcher, TrustDomain, UpstreamTlsPolicy};
///
/// // Any of them: the names of two clusters while a backend moves.
/// let builder = UpstreamTlsPolicy::builder().add_ca_file("ca.pem");
/// let builder = builder.add_subject_alt_name(SanMatcher::Dns(DnsName::parse("payments.internal")?));
/// let domain = TrustDomain::parse("prod.example")?;
/// let policy = builder.add_subject_alt_name(SanMatcher::SpiffeTrustDomain(domain)).build()?;
/// assert_eq!(policy.subject_alt_names().len(), 2);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum SanMatcher {
    /// A dNSName, by the rules of RFC 9525 section 6.3: a wildcard in the certificate covers one left-most label.
    Dns(DnsName),
    /// A `*.x` entry: it matches only a dNSName that is literally this wildcard (N6).
    DnsWildcard(WildcardName),
    /// An iPAddress, by its bytes.
    Ip(IpAddr),
    /// Any valid SPIFFE ID whose path begins with these segments (N7).
    SpiffePrefix(SpiffePrefix),
    /// Any valid SPIFFE ID of this trust domain (N7).
    SpiffeTrustDomain(TrustDomain),
    /// A uniformResourceIdentifier, byte for byte.
    Uri(UriName),
}

impl SanMatcher {
    /// The SPIFFE trust domain whose IDs it matches; `None`: it matches names of another kind.
    pub fn trust_domain(&self) -> Option<TrustDomain> {
        match self {
            Self::Dns(_) | Self::DnsWildcard(_) | Self::Ip(_) => None,
            Self::SpiffePrefix(prefix) => Some(prefix.trust_domain().clone()),
            Self::SpiffeTrustDomain(domain) => Some(domain.clone()),
            Self::Uri(uri) => uri.trust_domain(),
        }
    }
}

/// `type:value`. A prefix is `spiffePathPrefix:` and the shortest ID that it covers, `spiffe://prod/ns/pay`.
impl fmt::Display for SanMatcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => write!(f, "dns:{name}"),
            Self::DnsWildcard(name) => write!(f, "dns:{}", name.as_str()),
            Self::Ip(ip) => write!(f, "ip:{ip}"),
            Self::SpiffePrefix(prefix) => write!(f, "spiffePathPrefix:{prefix}"),
            Self::SpiffeTrustDomain(domain) => write!(f, "spiffeTrustDomain:{domain}"),
            Self::Uri(uri) => write!(f, "uri:{uri}"),
        }
    }
}

/// `*.` and a DNS name, in lower case.
///
/// ```
/// use uptls::WildcardName;
///
/// assert_eq!(WildcardName::parse("*.Internal")?.as_str(), "*.internal");
/// assert!(WildcardName::parse("a*.internal").is_err());
/// # Ok::<_, uptls::NameError>(())
/// ```
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
