//! Presented names against reference names (N1..N7). DNS names and IP addresses are matched by webpki alone, SPIFFE IDs by
//! `super::spiffe`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use webpki::{EndEntityCert, Error};

use super::matching::{Match, Verdict};
use super::spiffe;
use crate::certificate::{CertificateView, PresentedName};
use crate::error::RejectionKind;
use crate::name::BackendHost;
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

/// The reference names that the leaf holds, in their order and as far as the first that counts under any anchor; never empty.
/// Or the most telling reason why it holds none (N4: any of them).
pub(super) fn find(
    wanted: &[SanMatcher],
    presented: &Presented<'_>,
    common_name: CommonName,
) -> Result<Vec<Match>, RejectionKind> {
    let Some(names) = &presented.names else { return without_san(wanted, presented.view, common_name) };
    if names.contains(&PresentedName::Malformed) {
        // webpki stops reading at such an entry, we would not: two readers must not see two lists of names.
        return Err(malformed());
    }
    read_by_both(presented, names)?;
    let mut found = Vec::new();
    let mut spiffe_reason = None;
    for matcher in wanted {
        match matches(matcher, presented, names) {
            Verdict::Match => {
                let trust_domain = matcher.trust_domain();
                let is_last = trust_domain.is_none();
                found.push(Match { name: matcher.to_string(), trust_domain });
                if is_last {
                    break;
                }
            }
            Verdict::NoMatch => {}
            Verdict::Malformed(reason) => return Err(RejectionKind::Malformed { index: 0, reason }),
            Verdict::Spiffe(reason) => spiffe_reason = spiffe_reason.or(Some(reason)),
        }
    }
    if !found.is_empty() {
        return Ok(found);
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

fn matches(matcher: &SanMatcher, presented: &Presented<'_>, names: &[PresentedName]) -> Verdict {
    match matcher {
        SanMatcher::Dns(name) => by_webpki(&BackendHost::Dns(name.clone()), presented),
        SanMatcher::Ip(ip) => by_webpki(&BackendHost::Ip(*ip), presented),
        SanMatcher::DnsWildcard(wildcard) => {
            let literal = |name: &PresentedName| matches!(name, PresentedName::Dns(text) if text.eq_ignore_ascii_case(wildcard.as_str()));
            if names.iter().any(literal) { Verdict::Match } else { Verdict::NoMatch }
        }
        SanMatcher::SpiffePrefix(prefix) => spiffe::below(prefix, presented.view, &uris(names)),
        SanMatcher::SpiffeTrustDomain(domain) => spiffe::in_trust_domain(domain, presented.view, &uris(names)),
        SanMatcher::Uri(uri) => {
            let uris = uris(names);
            match (uris.contains(&uri.as_str()), uri.is_spiffe()) {
                (false, _) => Verdict::NoMatch,
                (true, false) => Verdict::Match,
                (true, true) => spiffe::check_svid(presented.view, &uris),
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

fn uris(names: &[PresentedName]) -> Vec<&str> {
    names.iter().filter_map(PresentedName::as_uri).collect()
}

/// N5: the CN is never read, D4 apart, and then only as a DNS name and only without any SAN.
fn without_san(
    wanted: &[SanMatcher],
    leaf: &CertificateView<'_>,
    common_name: CommonName,
) -> Result<Vec<Match>, RejectionKind> {
    let presented = leaf.common_name();
    if common_name == CommonName::Matched
        && let Some(text) = presented
    {
        let equal = |matcher: &&SanMatcher| matches!(matcher, SanMatcher::Dns(name) if text.eq_ignore_ascii_case(name.as_str()));
        if let Some(matcher) = wanted.iter().find(equal) {
            return Ok(vec![Match { name: matcher.to_string(), trust_domain: None }]);
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
            SanMatcher::DnsWildcard(_) | SanMatcher::SpiffePrefix(_) | SanMatcher::SpiffeTrustDomain(_) => continue,
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
