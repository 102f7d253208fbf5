//! Presented names against reference names (N1..N7). DNS names and IP addresses are matched by webpki alone.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use webpki::{EndEntityCert, Error};

use crate::certificate::{CertificateView, PresentedName, ascii};
use crate::error::RejectionKind;
use crate::name::{BackendHost, SpiffeId, TrustDomain};
use crate::policy::SanMatcher;
use crate::text::foreign;

/// The leaf's side.
pub(super) struct Presented<'a> {
    pub(super) certificate: &'a EndEntityCert<'a>,
    pub(super) names: Option<Vec<PresentedName>>,
    pub(super) view: &'a CertificateView<'a>,
}

/// Whether the CN of a leaf without any SAN is matched (D4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum CommonName {
    Matched,
    NeverRead,
}

/// The first reference name that the leaf holds, or the most telling reason why it holds none (N4: any of them).
pub(super) fn find(
    wanted: &[SanMatcher],
    presented: &Presented<'_>,
    common_name: CommonName,
) -> Result<String, RejectionKind> {
    let Some(names) = &presented.names else { return without_san(wanted, presented.view, common_name) };
    if names.contains(&PresentedName::Malformed) {
        // webpki stops reading at such an entry, we would not: two readers must not see two lists of names.
        return Err(malformed());
    }
    read_by_both(presented, names)?;
    let mut spiffe_reason = None;
    for matcher in wanted {
        match matches(matcher, presented, names) {
            Verdict::Match => return Ok(matcher.to_string()),
            Verdict::NoMatch => {}
            Verdict::Malformed(reason) => return Err(RejectionKind::Malformed { index: 0, reason }),
            Verdict::Spiffe(reason) => spiffe_reason = spiffe_reason.or(Some(reason)),
        }
    }
    if let Some(reason) = spiffe_reason {
        return Err(RejectionKind::SpiffeIdInvalid { reason });
    }
    Err(other_type(wanted, names).unwrap_or(RejectionKind::NameMismatch))
}

/// The lenient reader is the other one: where webpki reads to the end, both see the same entries. It stops where it
/// matches, so it is asked for an address that is not there.
fn read_by_both(presented: &Presented<'_>, names: &[PresentedName]) -> Result<(), RejectionKind> {
    let present: BTreeSet<IpAddr> = names.iter().filter_map(PresentedName::as_ip).collect();
    let mut addresses = (0_u32..).map(|bits| IpAddr::from(Ipv4Addr::from_bits(bits)));
    let Some(absent) = addresses.find(|ip| !present.contains(ip)) else { return Err(malformed()) };
    match by_webpki(&BackendHost::Ip(absent), presented) {
        Verdict::NoMatch => Ok(()),
        _ => Err(malformed()),
    }
}

fn malformed() -> RejectionKind {
    RejectionKind::Malformed { index: 0, reason: "a subjectAltName entry is malformed".to_owned() }
}

/// How one reference name fares.
enum Verdict {
    Malformed(String),
    Match,
    NoMatch,
    /// The wanted ID is there, but the leaf is not a valid X.509-SVID.
    Spiffe(String),
}

fn matches(matcher: &SanMatcher, presented: &Presented<'_>, names: &[PresentedName]) -> Verdict {
    match matcher {
        SanMatcher::Dns(name) => by_webpki(&BackendHost::Dns(name.clone()), presented),
        SanMatcher::Ip(ip) => by_webpki(&BackendHost::Ip(*ip), presented),
        SanMatcher::DnsWildcard(wildcard) => {
            let literal = |name: &PresentedName| matches!(name, PresentedName::Dns(text) if text.eq_ignore_ascii_case(wildcard.as_str()));
            if names.iter().any(literal) { Verdict::Match } else { Verdict::NoMatch }
        }
        SanMatcher::SpiffeTrustDomain(domain) => in_trust_domain(domain, names),
        SanMatcher::Uri(uri) => {
            let uris = uris(names);
            match (uris.contains(&uri.as_str()), uri.is_spiffe()) {
                (false, _) => Verdict::NoMatch,
                (true, false) => Verdict::Match,
                (true, true) => single(&uris),
            }
        }
    }
}

/// RFC 9525 section 6.3 and RFC 5280: webpki's own matcher, so that this cannot differ from rustls.
fn by_webpki(name: &BackendHost, presented: &Presented<'_>) -> Verdict {
    let Some(server_name) = name.to_server_name() else { return Verdict::NoMatch };
    match presented.certificate.verify_is_valid_for_subject_name(&server_name) {
        Ok(()) => Verdict::Match,
        Err(Error::CertNotValidForName(_)) => Verdict::NoMatch,
        Err(error) => Verdict::Malformed(format!("a subjectAltName entry is malformed: {error}")),
    }
}

/// N7: any valid SPIFFE ID of the domain.
fn in_trust_domain(domain: &TrustDomain, names: &[PresentedName]) -> Verdict {
    let uris = uris(names);
    let ids: Vec<_> = uris.iter().filter_map(|uri| SpiffeId::parse(uri).ok()).collect();
    if ids.iter().any(|id| id.trust_domain() == domain) {
        return single(&uris);
    }
    let prefix = format!("spiffe://{domain}/");
    match uris.iter().find(|uri| uri.starts_with(&prefix)) {
        Some(uri) => Verdict::Spiffe(format!("{} is not a SPIFFE ID", ascii(uri))),
        None => Verdict::NoMatch,
    }
}

/// N7: exactly one URI SAN (X.509-SVID section 2).
fn single(uris: &[&str]) -> Verdict {
    match uris.len() {
        1 => Verdict::Match,
        many => Verdict::Spiffe(format!("it has {many} URI names, an X.509-SVID has exactly one")),
    }
}

fn uris(names: &[PresentedName]) -> Vec<&str> {
    names.iter().filter_map(PresentedName::as_uri).collect()
}

/// N5: the CN is never read, D4 apart, and then only as a DNS name and only without any SAN.
fn without_san(
    wanted: &[SanMatcher],
    leaf: &CertificateView<'_>,
    common_name: CommonName,
) -> Result<String, RejectionKind> {
    let presented = leaf.common_name();
    if common_name == CommonName::Matched
        && let Some(text) = presented
    {
        let equal = |matcher: &&SanMatcher| matches!(matcher, SanMatcher::Dns(name) if text.eq_ignore_ascii_case(name.as_str()));
        if let Some(matcher) = wanted.iter().find(equal) {
            return Ok(matcher.to_string());
        }
    }
    Err(RejectionKind::SanMissing { common_name: presented.map(foreign) })
}

/// A wanted value that stands under another type: the usual mistake is an IP address as dNSName.
fn other_type(wanted: &[SanMatcher], names: &[PresentedName]) -> Option<RejectionKind> {
    for matcher in wanted {
        let value = match matcher {
            SanMatcher::Dns(name) => name.to_string(),
            SanMatcher::Ip(ip) => ip.to_string(),
            SanMatcher::Uri(uri) => uri.to_string(),
            SanMatcher::DnsWildcard(_) | SanMatcher::SpiffeTrustDomain(_) => continue,
        };
        let same_type = |name: &PresentedName| {
            matches!(
                (matcher, name),
                (SanMatcher::Dns(_), PresentedName::Dns(_))
                    | (SanMatcher::Ip(_), PresentedName::Ip(_))
                    | (SanMatcher::Uri(_), PresentedName::Uri(_))
            )
        };
        let found = names.iter().find(|name| !same_type(name) && name.value().eq_ignore_ascii_case(&value));
        if let Some(name) = found {
            return Some(RejectionKind::SanTypeMismatch { presented: name.to_string(), wanted: matcher.to_string() });
        }
    }
    None
}
