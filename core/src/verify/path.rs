//! The path to an anchor: webpki's search with our own checks inside it (V2), trust as itself (T5), revocation (V3).

use core::cell::RefCell;
use core::cmp::Reverse;

use rustls_pki_types::UnixTime;
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth, RevocationOptions,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};

use super::steps::Context;
use super::{diagnose, platform, spiffe, subject_of};
use crate::certificate::{CertificateView, KeyStrength};
use crate::danger::ToleratedRule;
use crate::error::RejectionKind;
use crate::policy::{RevocationDepth, RevocationSpec, UnknownRevocation};
use crate::text::hex;
use crate::time::{rfc3339, seconds};
use crate::trust::AnchorTerms;

/// A path that passed.
pub(super) struct Path {
    pub(super) end: PathEnd,
    /// How many intermediates lie between leaf and anchor.
    pub(super) intermediates: usize,
    /// The earliest end among its certificates and, where they are checked, the lists' nextUpdate (unix seconds).
    pub(super) trusted_until: i64,
}

/// Where a path ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PathEnd {
    /// At the anchor with this index in the trust store.
    Anchor(usize),
    /// At the leaf, which is byte-equal to a bundle entry.
    Itself,
    /// At the leaf, which is pinned.
    Pinned,
    /// Where the platform's verifier says (T6).
    Platform,
}

/// V1: size, number, and that every certificate parses.
pub(super) fn check_form(context: &Context<'_>) -> Result<(), RejectionKind> {
    let chain = context.chain;
    let (Some(leaf), Some(certificate)) = (chain.first(), &context.certificate) else {
        return Err(RejectionKind::NoCertificate);
    };
    if chain.len() > MAX_CERTIFICATES {
        return Err(RejectionKind::BudgetExceeded { limit: format!("{MAX_CERTIFICATES} certificates") });
    }
    if chain.iter().map(|certificate| certificate.len()).sum::<usize>() > MAX_OCTETS {
        return Err(RejectionKind::BudgetExceeded { limit: format!("{MAX_OCTETS} octets") });
    }
    // The leaf must be read by both parsers: one finds the path, the other the names.
    let Some(view) = &context.leaf else {
        let reason = CertificateView::parse(leaf).err().unwrap_or_else(|| "it cannot be read".to_owned());
        return Err(RejectionKind::Malformed { index: 0, reason });
    };
    certificate.as_ref().map_err(|error| leaf_error(view, error))?;
    for (index, certificate) in chain.iter().enumerate().skip(1) {
        if EndEntityCert::try_from(certificate).is_err()
            && let Err(reason) = CertificateView::parse(certificate)
        {
            return Err(RejectionKind::Malformed { index, reason });
        }
    }
    Ok(())
}

/// Why webpki does not read a leaf that x509-parser reads.
pub(super) fn leaf_error(leaf: &CertificateView<'_>, error: &webpki::Error) -> RejectionKind {
    match error {
        webpki::Error::UnsupportedCriticalExtension => RejectionKind::CriticalExtension {
            extension: leaf.unknown_critical_extension().unwrap_or_else(|| "of the leaf".to_owned()),
        },
        webpki::Error::UnsupportedCertVersion => {
            RejectionKind::Malformed { index: 0, reason: "it is not X.509 version 3".to_owned() }
        }
        other => RejectionKind::Malformed { index: 0, reason: format!("{other}") },
    }
}

/// V2, or else T5.
pub(super) fn find(context: &Context<'_>) -> Result<Path, RejectionKind> {
    let found = match &context.verifier.platform {
        Some(platform) => platform::find(context, platform).and_then(|path| {
            spiffe::check_end(context, path.end)?;
            Ok(path)
        }),
        None => search(context, None),
    };
    found.or_else(|kind| itself(context).unwrap_or(Err(kind)))
}

/// V3: a path all of whose certificates pass revocation.
pub(super) fn find_unrevoked(context: &Context<'_>) -> Result<Path, RejectionKind> {
    let Some(spec) = context.verifier.policy.revocation() else { return find(context) };
    // webpki asks the first list that covers a certificate and no other: that must be the newest.
    let mut newest_first: Vec<_> = context.verifier.crls.iter().collect();
    newest_first.sort_by_key(|crl| Reverse(crl.this_update()));
    let lists: Vec<&CertRevocationList<'_>> = newest_first.iter().map(|crl| crl.list()).collect();
    let options = RevocationOptionsBuilder::new(&lists)
        .map_err(|_| RejectionKind::RevocationUnknown { issuer: "every issuer".to_owned() })?
        .with_depth(match spec.depth {
            RevocationDepth::Chain => RevocationCheckDepth::Chain,
            RevocationDepth::Leaf => RevocationCheckDepth::EndEntity,
        })
        .with_status_policy(match spec.unknown {
            UnknownRevocation::Allow => UnknownStatusPolicy::Allow,
            UnknownRevocation::Deny => UnknownStatusPolicy::Deny,
        })
        .with_expiration_policy(ExpirationPolicy::Enforce)
        .build();
    let found = match search(context, Some(options)) {
        Err(kind) if !matches!(kind, RejectionKind::Revoked { .. }) => {
            itself(context).map_or(Err(kind), |itself| itself.and_then(|path| unrevoked_itself(context, spec, path)))
        }
        found => found,
    };
    found.map(|mut path| {
        let lists_end = context.verifier.crls.iter().filter_map(|crl| crl.next_update()).min();
        path.trusted_until = path.trusted_until.min(lists_end.unwrap_or(i64::MAX));
        path
    })
}

/// T5 with lists: a match is a revocation, and nothing else is known, since no issuer vouches for the list.
fn unrevoked_itself(context: &Context<'_>, spec: &RevocationSpec, path: Path) -> Result<Path, RejectionKind> {
    let Some(leaf) = &context.leaf else { return Ok(path) };
    if context.verifier.crls.iter().any(|crl| crl.revokes(leaf.issuer_raw(), leaf.serial())) {
        return Err(RejectionKind::Revoked { serial: hex(leaf.serial()) });
    }
    match spec.unknown {
        UnknownRevocation::Allow => Ok(path),
        UnknownRevocation::Deny => Err(RejectionKind::RevocationUnknown { issuer: leaf.issuer() }),
    }
}

fn search(context: &Context<'_>, revocation: Option<RevocationOptions<'_>>) -> Result<Path, RejectionKind> {
    let (Some(leaf), Some((_, rest))) = (&context.certificate, context.chain.split_first()) else {
        return Err(RejectionKind::NoCertificate);
    };
    let leaf = leaf.as_ref().map_err(|error| diagnose::explain_error(context, error))?;
    let time = verification_time(context);
    let judged = RefCell::new(None);
    let lists_age = |path: &VerifiedPath<'_>| match revocation {
        Some(_) if time != context.now => check_lists_age(context, path),
        _ => Ok(()),
    };
    // The first refusal is the reason; after it only an acceptance counts.
    let accept = |path: &VerifiedPath<'_>| {
        let checked = check_path(context, path, seconds(time));
        match checked.and_then(|checked| lists_age(path).map(|()| checked)) {
            Ok(checked) => {
                judged.replace(Some(Ok(checked)));
                Ok(())
            }
            Err(kind) => {
                judged.borrow_mut().get_or_insert(Err(kind));
                // The lowest rank: any other path may still pass, and no other reason is hidden.
                Err(webpki::Error::UnknownIssuer)
            }
        }
    };
    let found = leaf.verify_for_usage(
        context.verifier.algorithms.all,
        context.verifier.trust.anchors(),
        rest,
        time,
        KeyUsage::server_auth(),
        revocation,
        Some(&accept),
    );
    match (found, judged.take()) {
        (Ok(_), Some(Ok(path))) => Ok(path),
        (_, Some(Err(kind))) => Err(kind),
        (Err(error), _) => Err(diagnose::explain_error(context, &error)),
        (Ok(_), None) => Err(diagnose::explain_error(context, &webpki::Error::UnknownIssuer)),
    }
}

/// D4 `expired_leaf`: the path is verified at the leaf's notAfter.
fn verification_time(context: &Context<'_>) -> UnixTime {
    let Some(leaf) = &context.leaf else { return context.now };
    if leaf.not_after() >= seconds(context.now) || !context.tolerates(ToleratedRule::ExpiredLeaf) {
        return context.now;
    }
    let end = u64::try_from(leaf.not_after()).unwrap_or_default();
    UnixTime::since_unix_epoch(core::time::Duration::from_secs(end))
}

/// D4 `expired_leaf` sets the clock of the path back, never that of the lists (V3, D5).
fn check_lists_age(context: &Context<'_>, path: &VerifiedPath<'_>) -> Result<(), RejectionKind> {
    let mut issuers = vec![path.end_entity().issuer().to_vec()];
    if context.verifier.policy.revocation().is_some_and(|spec| spec.depth == RevocationDepth::Chain) {
        issuers.extend(path.intermediate_certificates().map(|intermediate| intermediate.issuer().to_vec()));
    }
    let now = seconds(context.now);
    let of_path = context.verifier.crls.iter().filter(|crl| issuers.iter().any(|issuer| issuer == crl.list().issuer()));
    match of_path.filter_map(|crl| crl.next_update()).find(|end| *end <= now) {
        None => Ok(()),
        Some(end) => Err(RejectionKind::CrlExpired { next_update: rfc3339(end) }),
    }
}

/// What webpki does not check of a path that it found (V2, T3, T4), and what is known of one that passes.
fn check_path(context: &Context<'_>, path: &VerifiedPath<'_>, now: i64) -> Result<Path, RejectionKind> {
    let mut trusted_until = i64::MIN;
    if let Some(leaf) = &context.leaf {
        check_key(leaf)?;
        trusted_until = leaf.not_after();
    }
    let (mut intermediates, mut not_self_issued) = (0, 0);
    for intermediate in path.intermediate_certificates() {
        let der = intermediate.der();
        let Ok(view) = CertificateView::parse(&der) else {
            return Err(RejectionKind::IssuerNotCa { subject: subject_of(&der) });
        };
        check_key(&view)?;
        if view.key_usage().is_some_and(|usage| !usage.cert_sign) {
            return Err(RejectionKind::IssuerNotCa { subject: view.subject() });
        }
        intermediates += 1;
        trusted_until = trusted_until.min(view.not_after());
        if !view.is_self_issued() {
            not_self_issued += 1;
        }
    }
    check_common_name(context, path)?;
    let (anchor, terms) = check_anchor(context, path, now, not_self_issued)?;
    spiffe::check_end(context, PathEnd::Anchor(anchor))?;
    trusted_until = trusted_until.min(terms.map_or(i64::MAX, |terms| terms.not_after));
    Ok(Path { end: PathEnd::Anchor(anchor), intermediates, trusted_until })
}

/// D4 `common_name` reads a CN as a DNS name. Name constraints are not evaluated for it, so that none may be there (D5).
fn check_common_name(context: &Context<'_>, path: &VerifiedPath<'_>) -> Result<(), RejectionKind> {
    if !context.tolerates(ToleratedRule::CommonName) {
        return Ok(());
    }
    if context.leaf.as_ref().is_none_or(|leaf| leaf.presented_names().is_some()) {
        return Ok(());
    }
    let constrains = |der: &[u8]| CertificateView::parse(der).map_or(true, |view| view.has_name_constraints());
    let mut intermediates = path.intermediate_certificates();
    if path.anchor().name_constraints.is_none() && !intermediates.any(|intermediate| constrains(&intermediate.der())) {
        return Ok(());
    }
    let reason = "a CA of the path has name constraints, which are not evaluated for a CN and therefore refuse it";
    Err(RejectionKind::NameConstraint { reason: reason.to_owned() })
}

pub(super) fn check_key(owner: &CertificateView<'_>) -> Result<(), RejectionKind> {
    let key = owner.key();
    match key.strength {
        KeyStrength::Accepted => Ok(()),
        KeyStrength::TooWeak => Err(RejectionKind::KeyTooWeak { key: key.text(), subject: owner.subject() }),
        KeyStrength::Unsupported => Err(RejectionKind::AlgorithmUnsupported { algorithm: key.text() }),
    }
}

/// An anchor has a validity and a path length of its own, which webpki does not keep. Gives which anchor it is.
fn check_anchor(
    context: &Context<'_>,
    path: &VerifiedPath<'_>,
    now: i64,
    intermediates: u32,
) -> Result<(usize, Option<AnchorTerms>), RejectionKind> {
    let trust = &context.verifier.trust;
    let index = trust.anchor_index(path.anchor());
    let Some((index, facts)) = index.and_then(|index| Some((index, trust.anchor_facts(index)?))) else {
        return Err(RejectionKind::UnknownIssuer { issuer: "an unknown anchor".to_owned() });
    };
    let Some(terms) = facts.terms() else { return Ok((index, None)) };
    let AnchorTerms { not_after, not_before, path_length } = terms;
    let subject = || facts.der.map(subject_of).unwrap_or_default();
    if now > not_after && !context.tolerates(ToleratedRule::ExpiredAnchor) {
        return Err(RejectionKind::IssuerExpired { not_after: rfc3339(not_after), subject: subject() });
    }
    if now < not_before {
        return Err(RejectionKind::NotYetValid { not_before: rfc3339(not_before), subject: subject() });
    }
    if let Some(limit) = path_length
        && intermediates > limit
    {
        let reason = format!("{} permits {limit} intermediates and the path has {intermediates}", subject());
        return Err(RejectionKind::PathTooLong { reason });
    }
    Ok((index, Some(terms)))
}

/// T5: `None` if the leaf is not trusted as itself, else whether everything else holds.
fn itself(context: &Context<'_>) -> Option<Result<Path, RejectionKind>> {
    let leaf = context.leaf.as_ref()?;
    let trust = context.verifier.policy.trust();
    let end = if context.verifier.trust.entry(&leaf.sha256()).is_some() {
        PathEnd::Itself
    } else if trust.pinned_certificates.contains(&leaf.sha256()) || trust.pinned_keys.contains(&leaf.spki_sha256()) {
        PathEnd::Pinned
    } else {
        return None;
    };
    let found = check_itself(context, leaf).and_then(|()| spiffe::check_end(context, end));
    Some(found.map(|()| Path { end, intermediates: 0, trusted_until: leaf.not_after() }))
}

fn check_itself(context: &Context<'_>, leaf: &CertificateView<'_>) -> Result<(), RejectionKind> {
    let now = seconds(context.now);
    if !leaf.is_v3() {
        return Err(RejectionKind::Malformed { index: 0, reason: "it is not X.509 version 3".to_owned() });
    }
    if let Some(extension) = leaf.unknown_critical_extension() {
        return Err(RejectionKind::CriticalExtension { extension });
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

/// V1; the TLS layer has the same limit (rustls: 64 KiB for the certificate message).
const MAX_CERTIFICATES: usize = 128;
const MAX_OCTETS: usize = 64 * 1024;
