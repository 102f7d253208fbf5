//! Second opinions, each short and its own: RFC 9525 and SPIFFE matching, webpki alone, and who may revoke. They share no line with
//! the library.

use core::time::Duration;
use std::net::IpAddr;

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use uptls_testkit::{NOW, San};
use webpki::{EndEntityCert, Error, KeyUsage, anchor_from_trusted_cert};

use crate::provider::ALGORITHMS;
use crate::world::{Facts, ListFacts, World, canonical};

/// A name that a policy wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Want {
    Dns(String),
    Ip(IpAddr),
    /// A trust domain, and a prefix of the path.
    Spiffe(String, Option<String>),
    Uri(String),
}

/// Whether a leaf with these names holds what is wanted (N4 to N7); `facts` are of the leaf.
pub fn holds(want: &Want, sans: &[San], facts: &Facts) -> bool {
    let uris: Vec<&str> = sans.iter().filter_map(uri).collect();
    sans.iter().any(|san| match (want, san) {
        (Want::Dns(wanted), _) => dns(san).is_some_and(|presented| covers(presented, wanted)),
        (Want::Ip(wanted), _) => ip(san) == Some(*wanted),
        (Want::Uri(wanted), _) => {
            uri(san) == Some(wanted) && (!wanted.starts_with("spiffe://") || is_svid(&uris, facts))
        }
        (Want::Spiffe(domain, prefix), _) => uri(san).is_some_and(|uri| {
            spiffe_path(uri, domain).is_some_and(|path| {
                let below = |prefix: &String| {
                    path == prefix || path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.starts_with('/'))
                };
                prefix.as_ref().is_none_or(below) && is_svid(&uris, facts)
            })
        }),
    })
}

/// RFC 9525 section 6.3: equal but for case, or a `*` for the whole left-most label, which leaves two labels at least. A `*` that
/// is wanted is no more than itself.
fn covers(presented: &str, wanted: &str) -> bool {
    if presented.eq_ignore_ascii_case(wanted) {
        return true;
    }
    let (Some(("*", parent)), Some((label, rest))) = (presented.split_once('.'), wanted.split_once('.')) else {
        return false;
    };
    parent.contains('.') && !label.is_empty() && label != "*" && parent.eq_ignore_ascii_case(rest)
}

/// The path of a SPIFFE ID of the domain, if it is one and has a path.
fn spiffe_path<'a>(uri: &'a str, domain: &str) -> Option<&'a str> {
    let rest = uri.strip_prefix("spiffe://")?;
    let path = rest.strip_prefix(domain).filter(|path| path.starts_with('/'))?;
    let segments = path[1..].split('/');
    let sound = |segment: &str| {
        !["", ".", ".."].contains(&segment)
            && segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
    };
    (uri.len() <= 2048 && segments.into_iter().all(sound)).then_some(path)
}

/// Whether this is the SPIFFE ID of a workload (SPIFFE-ID section 2).
pub fn is_spiffe_id(uri: &str) -> bool {
    let Some((domain, _)) = uri.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')) else { return false };
    let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte);
    !domain.is_empty() && domain.len() <= 255 && domain.bytes().all(known) && spiffe_path(uri, domain).is_some()
}

/// X509-SVID sections 2 and 5.2: one URI, no CA, and no key usage of one.
fn is_svid(uris: &[&str], facts: &Facts) -> bool {
    let usage = facts.usage.filter(|_| !facts.v1);
    uris.len() == 1 && facts.ca != Some(true) && usage.is_none_or(|usage| !usage.cert_sign && !usage.crl_sign)
}

fn dns(san: &San) -> Option<&str> {
    match san {
        San::Dns(name) => Some(name),
        San::RawTag { tag: 0x82, bytes } => core::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

fn uri(san: &San) -> Option<&str> {
    match san {
        San::Uri(name) => Some(name),
        San::RawTag { tag: 0x86, bytes } => core::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

fn ip(san: &San) -> Option<IpAddr> {
    match san {
        San::Ip(ip) => Some(*ip),
        San::RawTag { tag: 0x87, bytes } => <[u8; 4]>::try_from(bytes.as_slice())
            .map(IpAddr::from)
            .or_else(|_| <[u8; 16]>::try_from(bytes.as_slice()).map(IpAddr::from))
            .ok(),
        _ => None,
    }
}

/// Whether two readers agree on every entry, so that a match must be found, too.
pub fn is_clean(sans: &[San]) -> bool {
    sans.iter().all(|san| match san {
        San::RawTag { tag: 0x87, bytes } => [4, 16].contains(&bytes.len()),
        San::RawTag { bytes, .. } => bytes.iter().all(u8::is_ascii_graphic),
        San::Dns(text) | San::Uri(text) | San::Email(text) => text.bytes().all(|byte| byte.is_ascii_graphic()),
        _ => true,
    })
}

/// Whether a refusal by lists has a list, of the issuer of a certificate that may be on the path, that explains it (V3): which of
/// `revoked`, `expired`, `untrusted` it is.
pub fn explains(world: &World, which: &str, leaf_is_trusted: bool) -> bool {
    let sent = world.sent.iter().map(|place| (&world.authorities[*place], place + 1));
    let certificates: Vec<(&Facts, usize)> = [(&world.leaf.facts, 0)].into_iter().chain(sent).collect();
    certificates.iter().any(|(facts, number)| {
        let of_name = world.lists.iter().filter(|list| canonical(list.issuer) == canonical(facts.issuer));
        of_name.filter(|list| list.begin <= 0).any(|list| {
            let by_issuer = list.signer == facts.signer || (leaf_is_trusted && *number == 0);
            match which {
                "revoked" => by_issuer && is_listed(world, list, *number),
                "expired" => by_issuer && list.end <= 0,
                _ => true,
            }
        })
    })
}

/// Whether a list holds the serial number of a certificate: it is made of the content, so that twins have one.
fn is_listed(world: &World, list: &ListFacts, number: usize) -> bool {
    // Beyond the authorities is the leaf.
    let facts = |number: usize| {
        number.checked_sub(1).and_then(|place| world.authorities.get(place)).map(|facts| format!("{facts:?}"))
    };
    list.listed.iter().any(|listed| facts(*listed) == facts(number))
}

/// Whether a DNS name may be wanted at all (N2, N6).
pub fn is_wanted_dns(name: &str) -> bool {
    let labels: Vec<&str> = name.strip_prefix("*.").unwrap_or(name).split('.').collect();
    let sound = |label: &&str| {
        let edge = label.starts_with('-') || label.ends_with('-');
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte);
        !label.is_empty() && label.len() < 64 && !edge && label.bytes().all(known)
    };
    labels.iter().all(sound) && name.len() <= 253 && name.parse::<IpAddr>().is_err()
}

/// What webpki alone says: a path to one of the anchors, and the DNS name or address, where it is one.
pub fn bare(anchors: &[&[u8]], chain: &[Vec<u8>], want: Option<&Want>) -> Result<(), Error> {
    let anchors: Vec<_> = anchors.iter().map(|der| CertificateDer::from_slice(der)).collect();
    let anchors: Vec<_> = anchors.iter().filter_map(|der| anchor_from_trusted_cert(der).ok()).collect();
    let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from_slice(der)).collect();
    let (first, rest) = chain.split_first().expect("a chain has a leaf");
    let leaf = EndEntityCert::try_from(first)?;
    let time = UnixTime::since_unix_epoch(Duration::from_secs(NOW.unsigned_abs()));
    leaf.verify_for_usage(ALGORITHMS, &anchors, rest, time, KeyUsage::server_auth(), None, None)?;
    let name = match want {
        Some(Want::Dns(name)) if !name.starts_with('*') => ServerName::try_from(name.as_str()).ok(),
        Some(Want::Ip(ip)) => Some(ServerName::from(*ip)),
        _ => None,
    };
    name.map_or(Ok(()), |name| leaf.verify_is_valid_for_subject_name(&name))
}

/// What the lists of one issuer say of a certificate, as far as acceptance depends on it (V3, L1).
pub struct Listed {
    /// A list that counts names it.
    pub revoked: bool,
    /// A list in force covers it.
    pub cleared: bool,
}

/// `number` is the certificate as lists count them; without an issuer it is trusted as itself, and any list by that name counts.
pub fn listed(world: &World, facts: &Facts, number: usize, issuer: Option<&Facts>) -> Listed {
    let may_sign = issuer.is_none_or(|issuer| issuer.v1 || issuer.usage.is_none_or(|usage| usage.crl_sign));
    let counts = |list: &&ListFacts| {
        may_sign
            && canonical(list.issuer) == canonical(facts.issuer)
            && list.begin <= 0
            && issuer.is_none_or(|issuer| issuer.key == list.signer)
    };
    let lists: Vec<_> = world.lists.iter().filter(counts).collect();
    let covers = |list: &&&ListFacts| {
        let at = list.point.is_none_or(|point| !facts.v1 && facts.points.contains(&point));
        let kind = list.only.is_none_or(|authorities| authorities == (facts.ca == Some(true) && !facts.v1));
        list.end > 0 && at && kind
    };
    Listed {
        revoked: lists.iter().any(|list| is_listed(world, list, number)),
        cleared: lists.iter().any(|list| covers(&list)),
    }
}
