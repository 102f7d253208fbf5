//! SPIFFE at verification: which leaf is an X.509-SVID (N7), and what vouches for its trust domain (T9, L3).

use super::context::Context;
use super::matching::Verdict;
use super::path::PathEnd;
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
pub(super) fn vouches(context: &Context<'_>, end: PathEnd, domain: &TrustDomain) -> bool {
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
pub(super) fn bundles_of<'a>(
    context: &Context<'a>,
    sha256: &[u8; 32],
) -> impl Iterator<Item = &'a BundleSpec> + use<'a> {
    let bundles = &context.verifier.policy.trust().bundles;
    context.verifier.trust.bundles_of(sha256).filter_map(|index| bundles.get(index))
}
