//! L3: a SPIFFE ID counts only under an end of the path that vouches for its trust domain (T9).

use std::collections::BTreeSet;

use super::chain;
use super::context::Context;
use super::matching::Match;
use super::path::PathEnd;
use super::spiffe::{bundles_of, vouches};
use crate::error::RejectionKind;
use crate::name::TrustDomain;

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
    let other = chain::find_unrevoked(context);
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
