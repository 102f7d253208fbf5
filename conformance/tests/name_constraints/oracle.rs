//! RFC 5280 section 4.2.1.10 and RFC 9525 once more, in few lines: names as labels, addresses as bits.

use std::net::IpAddr;

/// A name of the leaf, as text; `*` is a label like any other until it is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Presented {
    Dns(&'static str),
    Email(&'static str),
    Ip(&'static str),
}

/// A subtree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Subtree {
    Dns(&'static str),
    /// Not judged: it refuses whatever it applies to (V2).
    Email(&'static str),
    /// Address and length of the prefix.
    Ip(&'static str, u8),
}

/// What one certificate of a CA says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Constraints {
    pub permitted: Vec<Subtree>,
    pub excluded: Vec<Subtree>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    Accepted,
    Constrained,
    OtherName,
}

/// What a wrong reading gets wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flaw {
    None,
    /// `badexample.test` ends in `example.test`.
    AnySuffix,
    Case,
    /// A common name that is the host is enough.
    CommonName,
    /// `.example.test` covers `example.test`.
    DotCoversItself,
    /// A family of addresses that is not named is free.
    ForeignFamilyIsFree,
    /// The prefix of an address counts in whole bytes.
    BytesOfMask,
    /// One name within the subtrees is enough.
    OneNameIsEnough,
    /// Only the nearest CA constrains.
    OnlyTheNearest,
    /// Permitted subtrees win over excluded ones.
    PermittedWins,
    /// A wildcard is no name that an excluded subtree could meet.
    WildcardEscapes,
    /// A wildcard is permitted where one of its names is.
    WildcardPermitted,
}

impl Flaw {
    pub const ALL: &'static [Flaw] = &[
        Flaw::AnySuffix,
        Flaw::Case,
        Flaw::CommonName,
        Flaw::DotCoversItself,
        Flaw::ForeignFamilyIsFree,
        Flaw::BytesOfMask,
        Flaw::OneNameIsEnough,
        Flaw::OnlyTheNearest,
        Flaw::PermittedWins,
        Flaw::WildcardEscapes,
        Flaw::WildcardPermitted,
    ];
}

/// The leaf's names.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub common_name: &'static str,
    pub sans: Vec<Presented>,
}

/// The constraints of all CAs of the path, the root's first, then the name that is wanted.
pub fn judge(path: &[&Constraints], leaf: &Leaf, host: &str, flaw: Flaw) -> Verdict {
    let path = if flaw == Flaw::OnlyTheNearest { path.get(path.len() - 1..).unwrap() } else { path };
    let conforms = |constraints: &&&Constraints| {
        let mut each = leaf.sans.iter().map(|name| admits(constraints, name, flaw));
        if flaw == Flaw::OneNameIsEnough { leaf.sans.is_empty() || each.any(|is| is) } else { each.all(|is| is) }
    };
    if !path.iter().all(|constraints| conforms(&constraints)) {
        return Verdict::Constrained;
    }
    let by_common_name = flaw == Flaw::CommonName && leaf.common_name == host;
    match by_common_name || leaf.sans.iter().any(|name| is_for(name, host)) {
        true => Verdict::Accepted,
        false => Verdict::OtherName,
    }
}

fn admits(constraints: &Constraints, name: &Presented, flaw: Flaw) -> bool {
    let of_kind = |subtree: &&Subtree| match (subtree, name) {
        (Subtree::Ip(base, _), Presented::Ip(address)) if flaw == Flaw::ForeignFamilyIsFree => {
            base.contains(':') == address.contains(':')
        }
        (Subtree::Dns(_), Presented::Dns(_)) | (Subtree::Ip(..), Presented::Ip(_)) => true,
        (Subtree::Email(_), Presented::Email(_)) => true,
        _ => false,
    };
    let permitted: Vec<_> = constraints.permitted.iter().filter(of_kind).collect();
    let excluded: Vec<_> = constraints.excluded.iter().filter(of_kind).collect();
    if matches!(name, Presented::Email(_)) {
        return permitted.is_empty() && excluded.is_empty();
    }
    let is_permitted = permitted.iter().any(|subtree| covers(subtree, name, flaw));
    if flaw == Flaw::PermittedWins && is_permitted {
        return true;
    }
    (permitted.is_empty() || is_permitted) && !excluded.iter().any(|subtree| meets(subtree, name, flaw))
}

/// Whether the subtree holds every name that the presented one stands for.
fn covers(subtree: &Subtree, name: &Presented, flaw: Flaw) -> bool {
    match (subtree, name) {
        (Subtree::Dns(base), Presented::Dns(name)) => match name.strip_prefix("*.") {
            Some(parent) if flaw == Flaw::WildcardPermitted => {
                below(parent, base, flaw) || below(&stand_in(base, parent), base, flaw)
            }
            // All names of one label more: `.parent` holds them, as well as each subtree above.
            Some(parent) => below(&format!("x-no-such-label.{parent}"), base, flaw),
            None => below(name, base, flaw),
        },
        (Subtree::Ip(base, prefix), Presented::Ip(address)) => within(address, base, *prefix, flaw),
        _ => false,
    }
}

/// Whether the subtree holds any name that the presented one stands for.
fn meets(subtree: &Subtree, name: &Presented, flaw: Flaw) -> bool {
    match (subtree, name) {
        (Subtree::Dns(base), Presented::Dns(name)) => match name.strip_prefix("*.") {
            Some(parent) if flaw == Flaw::WildcardEscapes => below(parent, base, flaw),
            // RFC 5280 gives a leading dot no meaning before a DNS name. What is excluded is read as more, in doubt.
            Some(parent) => {
                let base = base.trim_start_matches('.');
                below(&stand_in(base, parent), base, flaw) || below(parent, base, flaw)
            }
            None => below(name, base, flaw),
        },
        _ => covers(subtree, name, flaw),
    }
}

/// The name of the wildcard's that is likeliest to be within the subtree: the one that begins as its base does.
fn stand_in(base: &str, parent: &str) -> String {
    let first = base.split('.').next().unwrap_or_default();
    format!("{first}.{parent}")
}

/// A name is within a subtree if labels can be put before the base to make it; before a leading dot, at least one.
fn below(name: &str, base: &str, flaw: Flaw) -> bool {
    let (name, base) = match flaw {
        Flaw::Case => (name.to_owned(), base.to_owned()),
        _ => (name.to_ascii_lowercase(), base.to_ascii_lowercase()),
    };
    if flaw == Flaw::AnySuffix {
        return name.ends_with(base.trim_start_matches('.'));
    }
    let least = usize::from(base.starts_with('.') && flaw != Flaw::DotCoversItself);
    let base: Vec<&str> = base.split('.').filter(|label| !label.is_empty()).collect();
    let name: Vec<&str> = name.split('.').collect();
    name.ends_with(&base) && name.len() - base.len() >= least
}

fn within(address: &str, base: &str, prefix: u8, flaw: Flaw) -> bool {
    let (address, base): (IpAddr, IpAddr) = (address.parse().unwrap(), base.parse().unwrap());
    let prefix = if flaw == Flaw::BytesOfMask { prefix - prefix % 8 } else { prefix };
    address.is_ipv4() == base.is_ipv4()
        && bits(address).iter().zip(bits(base)).take(prefix.into()).all(|(a, b)| *a == b)
}

fn bits(address: IpAddr) -> Vec<bool> {
    let bytes = match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    };
    bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect()
}

/// RFC 9525: the same kind, letters alike, and a wildcard for exactly the first label.
fn is_for(name: &Presented, host: &str) -> bool {
    match name {
        Presented::Ip(address) => address.parse::<IpAddr>().ok() == host.parse().ok(),
        Presented::Dns(name) => match (name.strip_prefix("*."), host.split_once('.')) {
            (Some(parent), Some((_, rest))) => parent.eq_ignore_ascii_case(rest),
            _ => name.eq_ignore_ascii_case(host),
        },
        Presented::Email(_) => false,
    }
}
