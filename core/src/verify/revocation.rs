//! Revocation (V3), decided here: every list of an issuer is asked, and not the first one that webpki would call authoritative.
//!
//! A list counts for a certificate if it is by the issuer's name, the issuer's key signed it, the issuer may sign lists, and
//! it has begun. Then, in this order: any such list that names the certificate revokes it (L1); a list in force that covers it
//! clears it; a list that covered it and has ended refuses it; a list that should be the issuer's and does not hold refuses it;
//! and else the policy's `unknown` decides.

use core::cmp::Reverse;

use super::context::Context;
use super::path::Path;
use super::route::Found;
use crate::certificate::{CertificateView, SignatureFailure, canonical_name};
use crate::error::{ListDistrust, RejectionKind};
use crate::policy::{RevocationDepth, RevocationSpec, UnknownRevocation};
use crate::text::hex;
use crate::time::{rfc3339, seconds};
use crate::trust::{RevocationList, Subject};

/// For how long the answers of the lists hold (unix seconds).
#[derive(Clone, Copy)]
pub(super) struct Term {
    from: i64,
    until: i64,
}

impl Term {
    const UNBOUNDED: Self = Self { from: i64::MIN, until: i64::MAX };

    fn and(self, other: Self) -> Self {
        Self { from: self.from.max(other.from), until: self.until.min(other.until) }
    }

    /// A path that rests on these answers.
    pub(super) fn bound(self, mut path: Path) -> Path {
        path.narrow(self.from, self.until);
        path
    }
}

/// Who issued a certificate of the path, as far as lists are concerned.
struct Issuer<'c> {
    key_id: Option<&'c [u8]>,
    signs_lists: bool,
    spki: std::borrow::Cow<'c, [u8]>,
}

/// Whether each certificate that the policy's depth asks for is known not to be revoked.
pub(super) fn check(
    context: &Context<'_>,
    spec: &RevocationSpec,
    found: &Found<'_, '_>,
) -> Result<Term, RejectionKind> {
    let asked = match spec.depth {
        RevocationDepth::Leaf => 1,
        RevocationDepth::Chain => 1 + found.intermediates.len(),
    };
    let certificates = context.leaf().into_iter().chain(found.intermediates.iter().copied());
    let mut term = Term::UNBOUNDED;
    for (index, certificate) in certificates.enumerate().take(asked) {
        let issuer = match found.intermediates.get(index) {
            Some(above) => Some(Issuer::of(above)),
            None => Issuer::of_anchor(context, found.anchor),
        };
        let Some(issuer) = issuer else { return Err(unknown(certificate, "its issuer cannot be read")) };
        term = term.and(check_one(context, spec, certificate, &issuer)?);
    }
    Ok(term)
}

impl<'c> Issuer<'c> {
    fn of(view: &'c CertificateView<'_>) -> Self {
        let signs_lists = view.key_usage().is_none_or(|usage| usage.crl_sign);
        Self { key_id: view.subject_key_id(), signs_lists, spki: view.spki().into() }
    }

    fn of_anchor(context: &'c Context<'_>, index: usize) -> Option<Self> {
        let trust = &context.verifier.trust;
        let (anchor, facts) = (trust.anchors().get(index)?, trust.anchor_facts(index)?);
        let key_id = facts.certificate().and_then(|entry| entry.key_id());
        let spki = webpki::spki_for_anchor(anchor).to_vec().into();
        Some(Self { key_id, signs_lists: facts.signs_lists(), spki })
    }
}

/// What the lists by the issuer's name have to say of one certificate.
#[derive(Default)]
struct Answers<'c> {
    /// Lists in force that cover it.
    current: Vec<&'c RevocationList>,
    /// Why lists by that name do not count, the last one.
    set_aside: Option<&'static str>,
    /// The latest end of lists that covered it (unix seconds).
    stale: Option<i64>,
    untrusted: Option<ListDistrust>,
}

fn check_one(
    context: &Context<'_>,
    spec: &RevocationSpec,
    certificate: &CertificateView<'_>,
    issuer: &Issuer<'_>,
) -> Result<Term, RejectionKind> {
    let now = seconds(context.now);
    let (mut answers, subject) = (Answers::default(), Subject::of(certificate));
    for list in lists_of(context, certificate) {
        if list.this_update() > now {
            answers.set_aside = Some("its list begins in the future");
            continue;
        }
        match list.check_signature(context.verifier.algorithms().all, &issuer.spki) {
            Ok(()) if issuer.signs_lists => answers.add(list, certificate, &subject, now)?,
            Ok(()) => answers.untrusted = Some(ListDistrust::Signer),
            Err(_) if list.is_by_another_key(issuer.key_id) => {
                answers.set_aside = Some("its list is signed by another key of that name");
            }
            Err(SignatureFailure::Invalid) => answers.untrusted = Some(ListDistrust::Signature),
            Err(SignatureFailure::Algorithm) => answers.untrusted = Some(ListDistrust::Algorithm),
        }
    }
    answers.decide(spec, certificate)
}

impl<'c> Answers<'c> {
    /// The answer of a list whose signer is the issuer.
    fn add(
        &mut self,
        list: &'c RevocationList,
        certificate: &CertificateView<'_>,
        subject: &Subject,
        now: i64,
    ) -> Result<(), RejectionKind> {
        refuse_listed(list, certificate)?;
        if !list.covers(subject) {
            self.set_aside = Some("its list is for other certificates");
        } else if list.may_have_dropped(certificate.not_after()) {
            self.set_aside = Some("it ended before its list began, which may have dropped it");
        } else if now < list.next_update() {
            self.current.push(list);
        } else {
            self.stale = self.stale.max(Some(list.next_update()));
        }
        Ok(())
    }

    fn decide(self, spec: &RevocationSpec, certificate: &CertificateView<'_>) -> Result<Term, RejectionKind> {
        if let Some(list) = self.current.iter().max_by_key(|list| (list.next_update(), Reverse(list.this_update()))) {
            return Ok(Term { from: list.this_update(), until: list.next_update() });
        }
        if let Some(end) = self.stale {
            return Err(RejectionKind::CrlExpired { next_update: rfc3339(end) });
        }
        if let Some(reason) = self.untrusted {
            return Err(RejectionKind::CrlUntrusted { reason });
        }
        match spec.unknown {
            UnknownRevocation::Allow => Ok(Term::UNBOUNDED),
            UnknownRevocation::Deny => Err(unknown(certificate, self.set_aside.unwrap_or("there is no list of it"))),
        }
    }
}

/// T5: of a leaf that is trusted as itself no issuer's key is known, so that lists are found by name alone. One that names
/// it revokes it, one that covered it and has ended refuses it, and none clears it; one in force ends the proof all the same,
/// since the leaf is refused when that has ended.
pub(super) fn check_itself(context: &Context<'_>, spec: &RevocationSpec) -> Result<Term, RejectionKind> {
    let Some(leaf) = context.leaf() else { return Ok(Term::UNBOUNDED) };
    let now = seconds(context.now);
    let (mut answers, subject) = (Answers::default(), Subject::of(leaf));
    for list in lists_of(context, leaf).filter(|list| list.this_update() <= now) {
        answers.add(list, leaf, &subject, now)?;
    }
    if !answers.current.is_empty() && spec.unknown == UnknownRevocation::Deny {
        return Err(unknown(leaf, "no issuer of it is known whose list could be verified"));
    }
    answers.decide(spec, leaf)
}

/// The lists by the name of the certificate's issuer, as RFC 5280 section 7.1 compares names.
fn lists_of<'c>(
    context: &'c Context<'_>,
    certificate: &CertificateView<'_>,
) -> impl Iterator<Item = &'c RevocationList> + use<'c> {
    let issuer = canonical_name(certificate.issuer_raw());
    context.verifier.crls().iter().map(|list| &**list).filter(move |list| list.issuer() == issuer)
}

fn refuse_listed(list: &RevocationList, certificate: &CertificateView<'_>) -> Result<(), RejectionKind> {
    if list.lists(certificate.serial()) {
        return Err(RejectionKind::Revoked { serial: hex(certificate.serial()) });
    }
    Ok(())
}

fn unknown(certificate: &CertificateView<'_>, reason: &'static str) -> RejectionKind {
    RejectionKind::RevocationUnknown { issuer: certificate.issuer(), reason: reason.to_owned() }
}
