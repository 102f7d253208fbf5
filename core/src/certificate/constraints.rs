//! Which name violates which constraint (RFC 5280 section 4.2.1.10): for reports. webpki decides; this shows both values.

use core::fmt;
use std::net::IpAddr;

use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::asn1_rs::{Any, Class, FromDer, Tag};

use super::{CertificateView, PresentedName, ascii};
use crate::text::listed;

/// A subtree, as far as it is read.
enum Subtree {
    Dns(String),
    Ip { base: IpAddr, mask: IpAddr },
}

impl CertificateView<'_> {
    /// Why these constraints do not permit a name of `lower`, with both values; `None`: no such name is found.
    pub(crate) fn excludes(&self, lower: &CertificateView<'_>) -> Option<String> {
        let constraints = self.inner.name_constraints().ok()??.value;
        let read = |list: &Option<Vec<_>>| -> Vec<Subtree> {
            let subtrees = list.iter().flatten();
            subtrees
                .filter_map(|subtree: &x509_parser::extensions::GeneralSubtree<'_>| Subtree::new(&subtree.base))
                .collect()
        };
        let (excluded, permitted) = (read(&constraints.excluded_subtrees), read(&constraints.permitted_subtrees));
        let names = lower.presented_names().unwrap_or_default();
        names.iter().find_map(|name| {
            if let Some(subtree) = excluded.iter().find(|subtree| subtree.touches(name)) {
                return Some(format!("{name} is among the excluded names {subtree} of {}", self.subject()));
            }
            let of_type: Vec<_> = permitted.iter().filter(|subtree| subtree.is_for(name)).collect();
            if of_type.is_empty() || of_type.iter().any(|subtree| subtree.covers(name)) {
                return None;
            }
            let permitted: Vec<_> = of_type.iter().map(ToString::to_string).collect();
            Some(format!("{name} is not among the permitted names {} of {}", listed(&permitted), self.subject()))
        })
    }
}

impl CertificateView<'_> {
    /// A kind of name on which these constraints cannot be evaluated, so that webpki refuses whatever has one, and the
    /// sentence that says so of `lower`. Every certificate has a directory name: its subject.
    pub(crate) fn unevaluated(&self, lower: &CertificateView<'_>) -> Option<(&'static str, String)> {
        let constraints = self.inner.name_constraints().ok()??.value;
        let lists = [&constraints.permitted_subtrees, &constraints.excluded_subtrees];
        let mut constrained = lists.into_iter().flatten().flatten().filter_map(|subtree| kind(&subtree.base));
        let names = lower.presented_general_names();
        let (kind, name) =
            constrained.find_map(|wanted| match names.iter().find(|name| kind(name) == Some(wanted)) {
                Some(name) => Some((wanted, PresentedName::new(name).to_string())),
                None => (wanted == DIRECTORY).then(|| (wanted, format!("the subject {}", lower.subject()))),
            })?;
        let reason = format!(
            "the name constraints of {} on {kind} are not evaluated, and therefore refuse every certificate with one: {} has {name}",
            self.subject(),
            lower.subject()
        );
        Some((kind, reason))
    }
}

/// Whether a value is a NameConstraints as webpki reads it: x509-parser passes over what it does not know.
pub(super) fn are_readable(value: &[u8]) -> bool {
    let Some(lists) = children(value) else { return false };
    let is_list = |list: &Any<'_>| list.class() == Class::ContextSpecific && matches!(list.tag().0, 0 | 1);
    let has_base = |subtree: &Any<'_>| {
        let base = subtree_base(subtree);
        base.is_some_and(|base| match (base.class(), base.tag().0) {
            (Class::ContextSpecific, 7) => matches!(base.data.len(), 8 | 32),
            (Class::ContextSpecific, 0..=8) => true,
            _ => false,
        })
    };
    !lists.is_empty()
        && lists
            .iter()
            .all(|list| is_list(list) && all(list.data).is_some_and(|subtrees| subtrees.iter().all(has_base)))
}

fn subtree_base<'a>(subtree: &Any<'a>) -> Option<Any<'a>> {
    if subtree.tag() != Tag::Sequence { None } else { all(subtree.data)?.into_iter().next() }
}

/// The elements of a SEQUENCE.
fn children(value: &[u8]) -> Option<Vec<Any<'_>>> {
    match Any::from_der(value).ok()? {
        ([], sequence) if sequence.tag() == Tag::Sequence => all(sequence.data),
        _ => None,
    }
}

fn all(mut rest: &[u8]) -> Option<Vec<Any<'_>>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (behind, element) = Any::from_der(rest).ok()?;
        found.push(element);
        rest = behind;
    }
    Some(found)
}

/// What a kind of name is called on which constraints are not evaluated.
fn kind(name: &GeneralName<'_>) -> Option<&'static str> {
    match name {
        GeneralName::DNSName(_) | GeneralName::IPAddress(_) | GeneralName::Invalid(..) => None,
        GeneralName::DirectoryName(_) => Some(DIRECTORY),
        GeneralName::EDIPartyName(_) => Some("EDI party names"),
        GeneralName::OtherName(..) => Some("other names (otherName)"),
        GeneralName::RFC822Name(_) => Some("mail addresses"),
        GeneralName::RegisteredID(_) => Some("registered identifiers"),
        GeneralName::URI(_) => Some("URIs"),
        GeneralName::X400Address(_) => Some("X.400 addresses"),
    }
}

const DIRECTORY: &str = "directory names";

impl Subtree {
    fn new(base: &GeneralName<'_>) -> Option<Self> {
        match base {
            GeneralName::DNSName(name) => Some(Self::Dns((*name).to_ascii_lowercase())),
            GeneralName::IPAddress(bytes) => {
                let (base, mask) = bytes.split_at(bytes.len() / 2);
                Some(Self::Ip { base: address(base)?, mask: address(mask)? })
            }
            _ => None,
        }
    }

    fn is_for(&self, name: &PresentedName) -> bool {
        match (self, name) {
            (Self::Dns(_), PresentedName::Dns(_)) => true,
            (Self::Ip { base, .. }, PresentedName::Ip(ip)) => base.is_ipv4() == ip.is_ipv4(),
            _ => false,
        }
    }

    /// Whether it covers a name for which `name` stands: a wildcard stands for many.
    fn touches(&self, name: &PresentedName) -> bool {
        match (self, name) {
            (Self::Dns(base), PresentedName::Dns(name)) => {
                let below = name.strip_prefix("*.").map(str::to_ascii_lowercase);
                self.covers(&PresentedName::Dns(name.clone())) || below.is_some_and(|parent| is_within(base, &parent))
            }
            _ => self.covers(name),
        }
    }

    fn covers(&self, name: &PresentedName) -> bool {
        match (self, name) {
            (Self::Dns(base), PresentedName::Dns(name)) => is_within(&name.to_ascii_lowercase(), base),
            (Self::Ip { base, mask }, PresentedName::Ip(ip)) => match (base, mask, ip) {
                (IpAddr::V4(base), IpAddr::V4(mask), IpAddr::V4(ip)) => base & mask == ip & mask,
                (IpAddr::V6(base), IpAddr::V6(mask), IpAddr::V6(ip)) => base & mask == ip & mask,
                _ => false,
            },
            _ => false,
        }
    }
}

/// The name itself and all below it; with a leading dot only what is below, as webpki reads it.
fn is_within(name: &str, base: &str) -> bool {
    match name.strip_suffix(base) {
        None => false,
        Some(above) => base.is_empty() || base.starts_with('.') || above.is_empty() || above.ends_with('.'),
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

impl fmt::Display for Subtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(base) => write!(f, "dns:{}", ascii(base)),
            Self::Ip { base, mask } => write!(f, "ip:{base}/{}", Mask(*mask)),
        }
    }
}

/// As a prefix length, where it is one.
struct Mask(IpAddr);

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (leading, all) = match self.0 {
            IpAddr::V4(mask) => (mask.to_bits().leading_ones(), mask.to_bits().count_ones()),
            IpAddr::V6(mask) => (mask.to_bits().leading_ones(), mask.to_bits().count_ones()),
        };
        if leading == all { write!(f, "{leading}") } else { write!(f, "{}", self.0) }
    }
}
