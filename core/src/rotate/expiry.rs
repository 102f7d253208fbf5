//! How near certificates are to their end, and what was said of it already (R8).

use core::fmt;
use core::mem;
use core::ops::Range;
use std::collections::BTreeMap;

use crate::observe::Terms;
use crate::prepare::Prepared;
use crate::text::printable;
use crate::time::{DAY, first_expiry_mark, rfc3339};
use crate::trust::Entry;

/// A certificate that comes near its end.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ExpiringCertificate {
    /// How near.
    pub mark: ExpiryMark,
    /// The end of its validity (unix seconds); it may lie in the past.
    pub not_after: i64,
    /// The material that holds it; for an entry of a bundle with its place, `ca.pem #2`.
    pub source: String,
    /// Its subject.
    pub subject: String,
}

impl fmt::Display for ExpiringCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (source, subject) = (printable(&self.source), printable(&self.subject));
        let end = rfc3339(self.not_after);
        match self.mark {
            ExpiryMark::Ended => write!(f, "{source} ({subject}) has ended at {end}"),
            mark => write!(f, "{source} ({subject}) ends at {end}: {mark}"),
        }
    }
}

/// How near a certificate is to its end.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ExpiryMark {
    /// At most so many days are left: 30, 14, 7 or 1, where the lifetime is longer than that.
    Days(u8),
    /// Its validity has ended.
    Ended,
    /// At most a seventh of the lifetime is left.
    OneSeventh,
    /// At most a third of the lifetime is left.
    OneThird,
}

impl fmt::Display for ExpiryMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(1) => f.write_str("at most 1 day left"),
            Self::Days(days) => write!(f, "at most {days} days left"),
            Self::Ended => f.write_str("it has ended"),
            Self::OneSeventh => f.write_str("at most a seventh of its lifetime left"),
            Self::OneThird => f.write_str("at most a third of its lifetime left"),
        }
    }
}

/// The nearest mark (seconds before the end) that was said of each certificate.
#[derive(Default)]
pub(super) struct ExpiryLog {
    /// Of which content nothing is to be said, from when until when: thousands of connectors ask every few seconds, each of a
    /// bundle with hundreds of certificates.
    quiet: Option<([u8; 32], Range<i64>)>,
    said: BTreeMap<[u8; 32], i64>,
}

/// A certificate that can expire.
struct Term<S> {
    digest: [u8; 32],
    /// Whether it has ended at `not_after` already: a list has (V3).
    excludes_end: bool,
    not_after: i64,
    not_before: i64,
    /// The material that holds it, and its subject.
    texts: S,
}

impl ExpiryLog {
    /// Whether nothing was ever said.
    pub(super) fn is_silent(&self) -> bool {
        self.said.is_empty()
    }

    /// What is to be said of the certificates of `prepared` at `now`. Of several marks that were passed at once only the
    /// nearest is said. The roots of the system are the system's business.
    pub(super) fn check(&mut self, prepared: &Prepared, now: i64) -> Vec<ExpiringCertificate> {
        if self.quiet.as_ref().is_some_and(|(of, time)| of == prepared.fingerprint() && time.contains(&now)) {
            return Vec::new();
        }
        let before = mem::take(&mut self.said);
        let mut expiring = Vec::new();
        let mut until = i64::MAX;
        for_each_term(prepared, |Term { digest, excludes_end, not_after, not_before, texts }| {
            let term = Term { digest, excludes_end, not_after, not_before, texts: () };
            until = until.min(next(&term, now));
            // It may stand in several bundles.
            let said = self.said.get(&digest).or(before.get(&digest)).copied();
            let news = nearest(&term, now).filter(|(left, _)| said.is_none_or(|said| *left < said));
            if let Some(said) = news.as_ref().map(|(left, _)| *left).or(said) {
                // Kept also while a clock that went back says that nothing has passed.
                self.said.insert(digest, said);
            }
            if let Some((_, mark)) = news {
                let (source, subject) = texts();
                expiring.push(ExpiringCertificate { mark, not_after, source, subject });
            }
        });
        self.quiet = Some((*prepared.fingerprint(), now..until));
        expiring
    }
}

fn for_each_term(prepared: &Prepared, mut tell: impl FnMut(Term<&dyn Fn() -> (String, String)>)) {
    let policy = prepared.policy();
    for facts in prepared.verifier().trust.bundle_entries() {
        let Some(entry) = facts.entry() else { continue };
        let (digest, not_after, not_before) = (entry.sha256(), entry.not_after(), entry.not_before());
        let texts = || (facts.source(policy), entry.subject().to_owned());
        tell(Term { digest, excludes_end: false, not_after, not_before, texts: &texts });
    }
    if let Some(identity) = prepared.identity() {
        let (digest, not_after, not_before) = (identity.digest(), identity.not_after(), identity.not_before());
        let source = || policy.identity().map(|spec| spec.certificate.source()).unwrap_or_default();
        let texts = || (source(), identity.facts().subject.clone());
        tell(Term { digest, excludes_end: false, not_after, not_before, texts: &texts });
    }
    for list in prepared.verifier().crls() {
        let (digest, not_after, not_before) = (list.sha256(), list.next_update(), list.this_update());
        let texts = || ("spec.revocation.crls".to_owned(), list.text());
        tell(Term { digest, excludes_end: true, not_after, not_before, texts: &texts });
    }
}

/// The marks of a term, each so many seconds before its end.
fn marks(term: &Term<()>) -> impl Iterator<Item = (i64, ExpiryMark)> {
    let lifetime = term.not_after.saturating_sub(term.not_before);
    let days = DAYS.iter().map(|days| (i64::from(*days) * DAY, ExpiryMark::Days(*days)));
    let parts = [(lifetime / 7, ExpiryMark::OneSeventh), (lifetime / 3, ExpiryMark::OneThird)];
    days.chain(parts).filter(move |(before, _)| *before < lifetime)
}

/// When the first of each kind ends.
pub(super) fn earliest_ends(prepared: &Prepared) -> Terms {
    let verifier = prepared.verifier();
    let anchors = verifier.trust.bundle_entries().filter_map(|facts| facts.entry().map(Entry::not_after));
    let lists = verifier.crls().iter().map(|list| list.next_update());
    Terms {
        trust: anchors.min(),
        identity: prepared.identity().map(|identity| identity.not_after()),
        revocation_list: lists.min(),
    }
}

/// When the first mark of any certificate of `prepared` passes, or earlier: before that nothing is to be said of it.
pub(super) fn first_mark(prepared: &Prepared) -> i64 {
    let verifier = prepared.verifier();
    let bundles = verifier.trust.bundles().iter().map(|bundle| bundle.first_mark());
    let identity = prepared.identity().map(|identity| first_expiry_mark(identity.not_before(), identity.not_after()));
    let lists = verifier.crls().iter().map(|list| first_expiry_mark(list.this_update(), list.next_update()));
    bundles.chain(identity).chain(lists).min().unwrap_or(i64::MAX)
}

/// The last mark that `term` has passed at `now`.
fn nearest(term: &Term<()>, now: i64) -> Option<(i64, ExpiryMark)> {
    if now >= end(term) {
        return Some((ENDED, ExpiryMark::Ended));
    }
    let left = term.not_after.saturating_sub(now);
    marks(term).filter(|(before, _)| left <= *before).min_by_key(|(before, _)| *before)
}

/// When `term` passes its next mark after `now`.
fn next(term: &Term<()>, now: i64) -> i64 {
    let times = marks(term).map(|(before, _)| term.not_after.saturating_sub(before));
    times.chain([end(term)]).filter(|time| *time > now).min().unwrap_or(i64::MAX)
}

/// The first second that `term` does not cover. The last second of a certificate is its notAfter (RFC 5280 4.1.2.5), that of a
/// list the one before its nextUpdate.
fn end(term: &Term<()>) -> i64 {
    term.not_after.saturating_add(i64::from(!term.excludes_end))
}

/// Nearer than any other mark.
const ENDED: i64 = i64::MIN;
const DAYS: [u8; 4] = [30, 14, 7, 1];
