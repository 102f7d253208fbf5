//! How near certificates are to their end, and what was said of it already (R8).

use core::fmt;
use std::collections::BTreeMap;

use crate::prepare::Prepared;
use crate::text::printable;
use crate::time::rfc3339;

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
pub(super) struct ExpiryLog(BTreeMap<[u8; 32], i64>);

/// A certificate that can expire.
struct Term {
    digest: [u8; 32],
    /// Whether it has ended at `not_after` already: a list has (V3).
    excludes_end: bool,
    not_after: i64,
    not_before: i64,
    source: String,
    subject: String,
}

impl ExpiryLog {
    /// What is to be said of the certificates of `prepared` at `now`. Of several marks that were passed at once only the
    /// nearest is said. The roots of the system are the system's business.
    pub(super) fn check(&mut self, prepared: &Prepared, now: i64) -> Vec<ExpiringCertificate> {
        let terms = terms(prepared);
        self.0.retain(|digest, _| terms.iter().any(|term| term.digest == *digest));
        let mut expiring = Vec::new();
        for term in terms {
            let Some((left, mark)) = nearest(&term, now) else { continue };
            let said = self.0.entry(term.digest).or_insert(i64::MAX);
            if left < *said {
                *said = left;
                let Term { digest: _, excludes_end: _, not_after, not_before: _, source, subject } = term;
                expiring.push(ExpiringCertificate { mark, not_after, source, subject });
            }
        }
        expiring
    }
}

fn terms(prepared: &Prepared) -> Vec<Term> {
    let policy = prepared.policy();
    let anchors = prepared.verifier().trust.bundle_entries().filter_map(|facts| {
        let entry = facts.entry()?;
        Some(Term {
            digest: entry.sha256(),
            excludes_end: false,
            not_after: entry.not_after(),
            not_before: entry.not_before(),
            source: facts.source(policy),
            subject: entry.subject().to_owned(),
        })
    });
    let identity = prepared.identity().map(|identity| Term {
        digest: identity.digest(),
        excludes_end: false,
        not_after: identity.not_after(),
        not_before: identity.not_before(),
        source: policy.identity().map(|spec| spec.certificate.source()).unwrap_or_default(),
        subject: identity.facts().subject.clone(),
    });
    let lists = prepared.verifier().crls.iter().map(|list| Term {
        digest: list.sha256(),
        excludes_end: true,
        not_after: list.next_update(),
        not_before: list.this_update(),
        source: "spec.revocation.crls".to_owned(),
        subject: list.text(),
    });
    anchors.chain(identity).chain(lists).collect()
}

/// The last mark that `term` has passed at `now`.
fn nearest(term: &Term, now: i64) -> Option<(i64, ExpiryMark)> {
    let lifetime = term.not_after.saturating_sub(term.not_before);
    let left = term.not_after.saturating_sub(now);
    // The last second of a certificate is its notAfter (RFC 5280 4.1.2.5), that of a list the one before its nextUpdate.
    if left < 0 || (left == 0 && term.excludes_end) {
        return Some((ENDED, ExpiryMark::Ended));
    }
    let days = DAYS.iter().map(|days| (i64::from(*days) * DAY, ExpiryMark::Days(*days)));
    let parts = [(lifetime / 7, ExpiryMark::OneSeventh), (lifetime / 3, ExpiryMark::OneThird)];
    let marks = days.chain(parts).filter(|(before, _)| *before < lifetime && left <= *before);
    marks.min_by_key(|(before, _)| *before)
}

const DAY: i64 = 86_400;
/// Nearer than any other mark.
const ENDED: i64 = i64::MIN;
const DAYS: [u8; 4] = [30, 14, 7, 1];
