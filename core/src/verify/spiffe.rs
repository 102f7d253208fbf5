//! SPIFFE at verification: which leaf is an X.509-SVID (N7), and what vouches for its trust domain (T9, L3).

use std::collections::BTreeSet;

use super::names::{Match, Verdict};
use super::path::{self, PathEnd};
use super::steps::Context;
use crate::certificate::{CertificateView, ascii};
use crate::error::RejectionKind;
use crate::name::{SpiffeId, SpiffePrefix, TrustDomain};
use crate::policy::BundleSpec;

/// N7: any valid SPIFFE ID of the domain.
pub(super) fn in_trust_domain(domain: &TrustDomain, leaf: &CertificateView<'_>, uris: &[&str]) -> Verdict {
    matching(&format!("spiffe://{domain}/"), leaf, uris, |id| id.trust_domain() == domain)
}

/// N7: any valid SPIFFE ID with these segments first.
pub(super) fn below(prefix: &SpiffePrefix, leaf: &CertificateView<'_>, uris: &[&str]) -> Verdict {
    matching(&format!("{prefix}/"), leaf, uris, |id| prefix.covers(id))
}

/// What begins as a wanted ID and is none is told apart from what is of somebody else.
fn matching(start: &str, leaf: &CertificateView<'_>, uris: &[&str], covers: impl Fn(&SpiffeId) -> bool) -> Verdict {
    if uris.iter().filter_map(|uri| SpiffeId::parse(uri).ok()).any(|id| covers(&id)) {
        return check_svid(leaf, uris);
    }
    match uris.iter().find(|uri| uri.starts_with(start) && SpiffeId::parse(uri).is_err()) {
        Some(uri) => Verdict::Spiffe(format!("{} is not a SPIFFE ID", ascii(uri))),
        None => Verdict::NoMatch,
    }
}

/// N7: what a validator must refuse of a leaf that holds a wanted ID (X509-SVID sections 2 and 5.2).
pub(super) fn check_svid(leaf: &CertificateView<'_>, uris: &[&str]) -> Verdict {
    let usage = leaf.key_usage();
    let broken = match uris {
        [uri] if SpiffeId::parse(uri).is_ok_and(|id| id.require_path().is_err()) => {
            format!("{} has no path, and is the ID of the trust domain itself", ascii(uri))
        }
        [_] if leaf.is_ca() => "it says CA:TRUE, and is no leaf".to_owned(),
        [_] if usage.as_ref().is_some_and(|usage| usage.cert_sign) => "its key usage has keyCertSign".to_owned(),
        [_] if usage.as_ref().is_some_and(|usage| usage.crl_sign) => "its key usage has cRLSign".to_owned(),
        [_] => return Verdict::Match,
        many => format!("it has {} URI names, an X.509-SVID has exactly one", many.len()),
    };
    Verdict::Spiffe(broken)
}

/// The first of `found` for which the end of the path vouches, and another path if this one's end vouches for none: neither
/// the order of bundles nor one more of them may close what is accepted (L2, L4).
pub(super) fn vouched(context: &mut Context<'_>, found: &[Match]) -> Result<String, RejectionKind> {
    let end = context.proven().map(|path| path.end);
    if let Some(name) = first_vouched(context, end, found) {
        return Ok(name);
    }
    let refused = refusal(context, end, found);
    // Without a path the steps before this one have refused, and must stay the last word.
    if end.is_none() {
        return Err(refused);
    }
    context.domains = found.iter().filter_map(|found| found.trust_domain.clone()).collect();
    let other = path::find_unrevoked(context);
    context.domains.clear();
    let Ok(other) = other else { return Err(refused) };
    let Some(name) = first_vouched(context, Some(other.end), found) else { return Err(refused) };
    let other = context.bounded(other);
    if context.unrevoked.is_some() {
        context.unrevoked = Some(other.clone());
    }
    context.path = Some(other);
    Ok(name)
}

fn first_vouched(context: &Context<'_>, end: Option<PathEnd>, found: &[Match]) -> Option<String> {
    let vouched = |domain: &TrustDomain| end.is_some_and(|end| vouches(context, end, domain));
    let counts = |found: &&Match| found.trust_domain.as_ref().is_none_or(vouched);
    found.iter().find(counts).map(|found| found.name.clone())
}

/// While a path is looked for that vouches for a trust domain, no other may be taken. The reason is never shown: `vouched`
/// has one that names both domains.
pub(super) fn check_end(context: &Context<'_>, end: PathEnd) -> Result<(), RejectionKind> {
    if context.domains.is_empty() || context.domains.iter().any(|domain| vouches(context, end, domain)) {
        return Ok(());
    }
    Err(RejectionKind::NameMismatch)
}

/// T9: a bundle without a domain vouches for the one domain that is wanted, as no policy wants several beside it. A pin is no
/// issuer: it names this certificate or key, and whatever ID stands in it.
fn vouches(context: &Context<'_>, end: PathEnd, domain: &TrustDomain) -> bool {
    let trust = context.verifier.policy.trust();
    let system = || trust.system_trust_domain.as_ref() == Some(domain);
    let of_bundle = |sha256: &[u8; 32]| {
        bundles_of(context, sha256).any(|bundle| bundle.trust_domain.as_ref().is_none_or(|own| own == domain))
    };
    match end {
        PathEnd::Anchor(index) => match context.verifier.trust.anchor_facts(index) {
            Some(anchor) => anchor.entry().map_or_else(system, |entry| of_bundle(&entry.sha256())),
            None => false,
        },
        PathEnd::Itself | PathEnd::Pinned => context.leaf().is_some_and(|leaf| {
            of_bundle(&leaf.sha256())
                || trust.pinned_certificates.contains(&leaf.sha256())
                || trust.pinned_keys.contains(&leaf.spki_sha256())
        }),
        PathEnd::Platform => system(),
    }
}

/// Every bundle that holds the certificate with this digest: it vouches for all of their domains (L4).
fn bundles_of<'a>(context: &Context<'a>, sha256: &[u8; 32]) -> impl Iterator<Item = &'a BundleSpec> + use<'a> {
    let bundles = &context.verifier.policy.trust().bundles;
    context.verifier.trust.bundles_of(sha256).filter_map(|index| bundles.get(index))
}

fn refusal(context: &Context<'_>, end: Option<PathEnd>, found: &[Match]) -> RejectionKind {
    let first = found.iter().find_map(|found| Some((found.name.clone(), found.trust_domain.as_ref()?.to_string())));
    let (matched, trust_domain) = first.unwrap_or_default();
    let store = &context.verifier.trust;
    let facts = match end {
        Some(PathEnd::Anchor(index)) => store.anchor_facts(index),
        Some(PathEnd::Itself | PathEnd::Pinned) => context.leaf().and_then(|leaf| store.entry(&leaf.sha256())),
        Some(PathEnd::Platform) | None => None,
    };
    let (anchor, entry) = match &facts {
        None => ("of the platform".to_owned(), None),
        Some(facts) => {
            let subject = facts.certificate().map_or("a root", |entry| entry.subject());
            (format!("{subject} ({})", facts.source(&context.verifier.policy)), facts.entry())
        }
    };
    let vouches_for: BTreeSet<&TrustDomain> = match entry {
        Some(entry) => bundles_of(context, &entry.sha256()).filter_map(|bundle| bundle.trust_domain.as_ref()).collect(),
        None => context.verifier.policy.trust().system_trust_domain.iter().collect(),
    };
    let vouches_for = vouches_for.into_iter().map(ToString::to_string).collect();
    RejectionKind::SpiffeTrustDomain { anchor, matched, trust_domain, vouches_for }
}
