//! Events in JSON (schema `uptls.event/v1`).

use serde::Serialize;
use uptls::{Envelope, Event, EventKind, ExpiryMark, ProblemFacts, Problems};

/// One event. Fields that do not apply are absent; times are unix seconds.
#[derive(Serialize)]
struct EventFacts<'a> {
    at: i64,
    generation: u64,
    kind: &'static str,
    trust_reduced: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<ExpiringFacts<'a>>,
    /// What is wrong with an update that cannot be used, as in a report.
    errors: Vec<ProblemFacts>,
}

#[derive(Serialize)]
struct ExpiringFacts<'a> {
    mark: String,
    not_after: i64,
    source: &'a str,
    subject: &'a str,
}

/// The event under its schema.
pub(crate) fn to_json(event: &Event) -> String {
    let mut facts = EventFacts {
        at: event.at,
        generation: event.generation.number(),
        kind: "unknown",
        trust_reduced: event.trust_reduced,
        since: None,
        certificate: None,
        errors: Vec::new(),
    };
    match &event.kind {
        EventKind::Degraded { reason, since, .. } => facts.invalid("degraded", reason, *since),
        EventKind::Expiring(certificate) => {
            facts.kind = if certificate.mark == ExpiryMark::Ended { "expired" } else { "expiring" };
            facts.certificate = Some(ExpiringFacts {
                mark: mark(certificate.mark),
                not_after: certificate.not_after,
                source: &certificate.source,
                subject: &certificate.subject,
            });
        }
        EventKind::NotReady { reason, since, .. } => facts.invalid("not_ready", reason, *since),
        EventKind::Recovered => facts.kind = "recovered",
        EventKind::Updated => facts.kind = "updated",
        EventKind::Withdrawn { reason, .. } => {
            facts.kind = "withdrawn";
            facts.errors = reason.iter().flat_map(Problems::iter).map(ProblemFacts::new).collect();
        }
        // The enum may grow: C is told that something happened.
        _ => {}
    }
    Envelope::new("uptls.event/v1", vec![facts]).to_json()
}

impl EventFacts<'_> {
    fn invalid(&mut self, kind: &'static str, reason: &Problems, since: i64) {
        self.kind = kind;
        self.since = Some(since);
        self.errors = reason.iter().map(ProblemFacts::new).collect();
    }
}

/// `30_days`, `one_third`.
fn mark(mark: ExpiryMark) -> String {
    match mark {
        ExpiryMark::Days(days) => format!("{days}_days"),
        ExpiryMark::Ended => "ended".to_owned(),
        ExpiryMark::OneSeventh => "one_seventh".to_owned(),
        ExpiryMark::OneThird => "one_third".to_owned(),
        _ => "unknown".to_owned(),
    }
}
