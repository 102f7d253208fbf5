//! Which name violates which constraint (RFC 5280 section 4.2.1.10): for reports. webpki decides; this shows both values.

use core::fmt;
use std::net::IpAddr;

use x509_parser::extensions::GeneralName;

use super::{CertificateView, PresentedName, ascii};
use crate::text::listed;

/// A subtree, as far as it is read.
enum Subtree {
    Dns(String),
    Email(String),
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

impl Subtree {
    fn new(base: &GeneralName<'_>) -> Option<Self> {
        match base {
            GeneralName::DNSName(name) => Some(Self::Dns((*name).to_ascii_lowercase())),
            GeneralName::RFC822Name(name) => Some(Self::Email((*name).to_ascii_lowercase())),
            GeneralName::IPAddress(bytes) => {
                let (base, mask) = bytes.split_at(bytes.len() / 2);
                Some(Self::Ip { base: address(base)?, mask: address(mask)? })
            }
            _ => None,
        }
    }

    fn is_for(&self, name: &PresentedName) -> bool {
        match (self, name) {
            (Self::Dns(_), PresentedName::Dns(_)) | (Self::Email(_), PresentedName::Email(_)) => true,
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
            (Self::Email(base), PresentedName::Email(name)) => {
                let name = name.to_ascii_lowercase();
                let host = name.rsplit_once('@').map_or("", |(_, host)| host);
                name == *base || host == base || (base.starts_with('.') && host.ends_with(base.as_str()))
            }
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
            Self::Email(base) => write!(f, "email:{}", ascii(base)),
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
