//! What a path must be besides what webpki checks (V2, T3, T4), trust as itself (T5), and what of it revocation asks (V3).

use webpki::EndEntityCert;

use super::context::{Context, MAX_BYTES, MAX_CERTIFICATES, has_too_many_bytes};
use super::diagnose::words;
use super::path::{Path, PathEnd};
use super::route::Found;
use super::rules::{check_issuer, check_key, critical_extension};
use super::search::search;
use super::{platform, revocation, spiffe};
use crate::certificate::CertificateView;
use crate::danger::ToleratedRule;
use crate::error::RejectionKind;
use crate::time::{rfc3339, seconds};
use crate::trust::AnchorTerms;

/// V1: size, number, and that every certificate parses.
pub(super) fn check_form(context: &Context<'_>) -> Result<(), RejectionKind> {
    let chain = context.chain;
    let (Some(_), Some(certificate)) = (chain.first(), &context.certificate) else {
        return Err(RejectionKind::NoCertificate);
    };
    if chain.len() > MAX_CERTIFICATES {
        return Err(RejectionKind::BudgetExceeded { limit: format!("{MAX_CERTIFICATES} certificates") });
    }
    if has_too_many_bytes(chain.iter().map(|certificate| certificate.len())) {
        return Err(RejectionKind::BudgetExceeded { limit: format!("{MAX_BYTES} bytes") });
    }
    // The leaf must be read by both parsers: one finds the path, the other the names.
    let view = match context.views.first() {
        Some(Ok(view)) => view,
        Some(Err(reason)) => return Err(RejectionKind::Malformed { index: 0, reason: reason.clone() }),
        None => return Err(RejectionKind::NoCertificate),
    };
    certificate.as_ref().map_err(|error| leaf_error(view, error))?;
    for (index, (certificate, view)) in chain.iter().zip(&context.views).enumerate().skip(1) {
        // What only one of the parsers reads is passed over; what appears twice in it would be read in two ways.
        if let Err(reason) = view
            && (EndEntityCert::try_from(certificate).is_err() || CertificateView::has_repeated_extension(certificate))
        {
            return Err(RejectionKind::Malformed { index, reason: reason.clone() });
        }
    }
    Ok(())
}

/// Why webpki does not read a leaf that x509-parser reads.
pub(super) fn leaf_error(leaf: &CertificateView<'_>, error: &webpki::Error) -> RejectionKind {
    match error {
        webpki::Error::UnsupportedCriticalExtension => critical_extension(leaf),
        webpki::Error::UnsupportedCertVersion => RejectionKind::VersionUnsupported { subject: leaf.subject() },
        other => RejectionKind::Malformed { index: 0, reason: words(other) },
    }
}

/// V2, or else T5.
pub(super) fn find(context: &Context<'_>) -> Result<Path, RejectionKind> {
    let found = match &context.verifier.platform {
        // Where the platform's verifier is webpki over the root files, those must be fit to issue, too (T3).
        Some(platform) => platform::find(context, platform).and_then(|path| {
            spiffe::check_end(context, path.end)?;
            match context.verifier.trust.system() {
                None => Ok(path),
                Some(_) => {
                    search(context, &|found| check_terms(context, found)).map(|own| Path { end: path.end, ..own })
                }
            }
        }),
        None => search(context, &|found| check(context, found)),
    };
    found.or_else(|kind| itself(context).unwrap_or(Err(kind)))
}

/// V3: a path all of whose certificates pass revocation. Trust as itself is asked the same question of the leaf alone,
/// whatever else the peer sent: a path that fails does not close it, and the reason stays that of the path.
pub(super) fn find_unrevoked(context: &Context<'_>) -> Result<Path, RejectionKind> {
    let Some(spec) = context.verifier.policy.revocation() else { return find(context) };
    let unrevoked =
        |found: &Found<'_, '_>, path: Path| revocation::check(context, spec, found).map(|term| term.bound(path));
    // The path that was found is asked first: its signatures need no second look, and its reason is the one that stays,
    // whatever another path is refused for.
    let path = context.path.as_ref().filter(|_| context.domains.is_empty());
    let known = path.and_then(|path| Some(unrevoked(&Found::of(context, path)?, path.clone())));
    if let Some(Ok(path)) = known {
        return Ok(path);
    }
    let reason = known.and_then(Result::err);
    let accept = |found: &Found<'_, '_>| check(context, found).and_then(|path| unrevoked(found, path));
    search(context, &accept).or_else(|kind| {
        let own = itself(context).map(|path| {
            let path = path?;
            revocation::check_itself(context, spec).map(|term| term.bound(path))
        });
        match (own, reason) {
            (Some(Ok(path)), _) => Ok(path),
            (_, Some(reason)) => Err(reason),
            (Some(Err(own)), None) if !has_path(context) => Err(own),
            (_, None) => Err(kind),
        }
    })
}

/// Whether the chain step found a path to an anchor.
fn has_path(context: &Context<'_>) -> bool {
    matches!(context.path.as_ref().map(|path| path.end), Some(PathEnd::Anchor(_)))
}

/// What webpki does not check of a path that it found, and what is known of one that passes.
pub(super) fn check(context: &Context<'_>, found: &Found<'_, '_>) -> Result<Path, RejectionKind> {
    let path = check_terms(context, found)?;
    spiffe::check_end(context, path.end)?;
    Ok(path)
}

/// The same, whatever trust domain its end vouches for.
fn check_terms(context: &Context<'_>, found: &Found<'_, '_>) -> Result<Path, RejectionKind> {
    let mut path = Path {
        end: PathEnd::Anchor(found.anchor),
        intermediates: found.places.clone(),
        trusted_from: i64::MIN,
        trusted_until: i64::MAX,
    };
    if let Some(leaf) = context.leaf() {
        check_key(leaf)?;
        let end = end_of(context, leaf.not_after(), ToleratedRule::ExpiredLeaf);
        path.narrow(leaf.not_before(), end);
    }
    for intermediate in &found.intermediates {
        check_issuer(context, intermediate)?;
        path.narrow(intermediate.not_before(), intermediate.not_after());
    }
    check_common_name(context, found)?;
    if let Some(terms) = check_anchor(context, found)? {
        path.narrow(terms.not_before, end_of(context, terms.not_after, ToleratedRule::ExpiredAnchor));
    }
    Ok(path)
}

/// When a certificate ends; one that has ended and is tolerated ends with its toleration (D4).
fn end_of(context: &Context<'_>, not_after: i64, rule: ToleratedRule) -> i64 {
    let now = seconds(context.now);
    if now <= not_after {
        return not_after;
    }
    context.verifier.policy.danger().tolerated_until(rule, now).unwrap_or(not_after)
}

/// D4 `common_name` reads a CN as a DNS name. Name constraints are not evaluated for it, so that none may be there (D5).
fn check_common_name(context: &Context<'_>, found: &Found<'_, '_>) -> Result<(), RejectionKind> {
    if !context.tolerates(ToleratedRule::CommonName) {
        return Ok(());
    }
    if context.leaf().is_none_or(|leaf| leaf.presented_names().is_some()) {
        return Ok(());
    }
    let anchor = context.verifier.trust.anchors().get(found.anchor);
    let is_constrained = anchor.is_none_or(|anchor| anchor.name_constraints.is_some())
        || found.intermediates.iter().any(|intermediate| intermediate.has_name_constraints());
    if !is_constrained {
        return Ok(());
    }
    let reason = "a CA of the path has name constraints, which are not evaluated for a CN and therefore refuse it";
    Err(RejectionKind::NameConstraint { reason: reason.to_owned(), unevaluated: Some("a CN".to_owned()) })
}

/// An anchor has a validity and a path length of its own, which webpki does not keep.
fn check_anchor(context: &Context<'_>, found: &Found<'_, '_>) -> Result<Option<AnchorTerms>, RejectionKind> {
    let Some(facts) = context.verifier.trust.anchor_facts(found.anchor) else {
        return Err(RejectionKind::UnknownIssuer { issuer: "an unknown anchor".to_owned() });
    };
    let Some(terms) = facts.terms() else { return Ok(None) };
    let now = seconds(context.now);
    let AnchorTerms { not_after, not_before, path_length } = terms;
    let subject = || facts.certificate().map(|entry| entry.subject().to_owned()).unwrap_or_default();
    if now > not_after && !context.tolerates(ToleratedRule::ExpiredAnchor) {
        return Err(RejectionKind::IssuerExpired { not_after: rfc3339(not_after), subject: subject() });
    }
    if now < not_before {
        return Err(RejectionKind::NotYetValid { not_before: rfc3339(not_before), subject: subject() });
    }
    let counted = found.intermediates.iter().filter(|view| !view.is_self_issued()).count();
    if let Some(limit) = path_length
        && usize::try_from(limit).is_ok_and(|limit| counted > limit)
    {
        return Err(RejectionKind::PathLengthExceeded { below: counted, limit, subject: subject() });
    }
    Ok(Some(terms))
}

/// T5: `None` if the leaf is not trusted as itself, else whether everything else holds.
fn itself(context: &Context<'_>) -> Option<Result<Path, RejectionKind>> {
    let leaf = context.leaf()?;
    let trust = context.verifier.policy.trust();
    let end = if context.verifier.trust.entry(&leaf.sha256()).is_some() {
        PathEnd::Itself
    } else if trust.pinned_certificates.contains(&leaf.sha256()) || trust.pinned_keys.contains(&leaf.spki_sha256()) {
        PathEnd::Pinned
    } else {
        return None;
    };
    let trusted_until = end_of(context, leaf.not_after(), ToleratedRule::ExpiredLeaf);
    let path = Path { end, intermediates: Vec::new(), trusted_from: leaf.not_before(), trusted_until };
    Some(check_itself(context, leaf).and_then(|()| spiffe::check_end(context, end)).map(|()| path))
}

fn check_itself(context: &Context<'_>, leaf: &CertificateView<'_>) -> Result<(), RejectionKind> {
    let now = seconds(context.now);
    if !leaf.is_v3() {
        return Err(RejectionKind::VersionUnsupported { subject: leaf.subject() });
    }
    if leaf.unknown_critical_extension().is_some() {
        return Err(critical_extension(leaf));
    }
    if now > leaf.not_after() && !context.tolerates(ToleratedRule::ExpiredLeaf) {
        return Err(RejectionKind::Expired { not_after: rfc3339(leaf.not_after()), subject: leaf.subject() });
    }
    if now < leaf.not_before() {
        return Err(RejectionKind::NotYetValid { not_before: rfc3339(leaf.not_before()), subject: leaf.subject() });
    }
    check_key(leaf)?;
    match leaf.extended_key_usage() {
        Some(usage) if !usage.server_auth => {
            Err(RejectionKind::Purpose { presented: usage.text, subject: leaf.subject() })
        }
        _ => Ok(()),
    }
}
