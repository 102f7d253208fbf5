//! SPIFFE names in Envoy: which policies its default validator can serve (T9, L3), and one expression for IDs below a path.

use std::collections::BTreeSet;

use uptls::danger::PeerDanger;
use uptls::{SanMatcher, SystemTrust, TrustDomain, UpstreamTlsPolicy};

/// Where and what in `policy` Envoy has no form for: its validator takes every wanted name under every CA. (Envoy's SPIFFE
/// validator takes no certificate without a SPIFFE ID, no revocation list and no leaf without a key usage, and so is another
/// verdict.)
pub(super) fn inexpressible(policy: &UpstreamTlsPolicy) -> Option<(&'static str, String)> {
    if policy.danger().peer != PeerDanger::None {
        return None;
    }
    let wanted: BTreeSet<TrustDomain> =
        policy.subject_alt_names().iter().filter_map(SanMatcher::trust_domain).collect();
    let trust = policy.trust();
    let only = wanted.first()?;
    let listed = || wanted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if wanted.len() > 1 {
        let feature = format!("Envoy would let each CA vouch for every wanted SPIFFE trust domain ({})", listed());
        return Some(("spec.subjectAltNames", feature));
    }
    let of_another = |domain: &Option<TrustDomain>| domain.as_ref().is_some_and(|domain| domain != only);
    if let Some(bundle) = trust.bundles.iter().find(|bundle| of_another(&bundle.trust_domain)) {
        let feature =
            format!("Envoy would let the CAs of {} vouch for the SPIFFE trust domain {only}", bundle.source());
        return Some(("spec.trust.bundles", feature));
    }
    if trust.system != SystemTrust::Off && trust.system_trust_domain.as_ref() != Some(only) {
        let feature = format!("Envoy would let the system's roots vouch for the SPIFFE trust domain {only}");
        return Some(("spec.trust.system", feature));
    }
    None
}

/// What to do instead.
pub(super) const CHANGE: &str = "make one policy per trust domain with its own CAs, or use the module: --module";

/// The path of an ID and what is below it, as an expression of full matches.
pub(super) fn below(start: &str) -> String {
    format!("{start}{SEGMENTS}*")
}

/// A domain with a path, whatever that is.
pub(super) fn any_path(start: &str) -> String {
    format!("{start}{SEGMENTS}+")
}

/// What an expression that [`below`] or [`any_path`] made begins with, and whether a segment must follow.
pub(super) fn start(regex: &str) -> Option<(&str, Following)> {
    let (rest, following) = match regex.strip_suffix('+') {
        Some(rest) => (rest, Following::Required),
        None => (regex.strip_suffix('*')?, Following::Optional),
    };
    Some((rest.strip_suffix(SEGMENTS)?, following))
}

/// Whether a segment must follow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Following {
    Optional,
    Required,
}

/// N7: a segment of the permitted characters, not empty, and neither `.` nor `..`.
const SEGMENTS: &str = r"(/([A-Za-z0-9_-]|\.[A-Za-z0-9_-]|\.\.[A-Za-z0-9._-])[A-Za-z0-9._-]*)";
