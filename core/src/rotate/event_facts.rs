//! An event as a document: `uptls.event/v1`, for logs, C and machines.

use serde::Serialize;

use super::{Event, EventKind, ExpiringCertificate, ExpiryMark};
use crate::error::Problems;
use crate::report::{Envelope, ProblemFacts};
use crate::text::printable;
use crate::time::rfc3339;

/// One event under the schema `uptls.event/v1`. Fields that do not apply are absent; times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct EventFacts {
    /// When it happened.
    pub at: String,
    /// The generation after it.
    pub generation: u64,
    /// [`EventKind::as_str`].
    pub kind: &'static str,
    /// A pool should drain connections that are not current (R7).
    pub trust_reduced: bool,
    /// One sentence for a log.
    pub message: String,
    /// Since when updates fail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The certificate or list that comes near its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<ExpiringFacts>,
    /// Everything that is wrong with an update that cannot be used, as in a report.
    pub errors: Vec<ProblemFacts>,
}

/// A certificate or a revocation list that comes near its end.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ExpiringFacts {
    /// How near: `one_third`, `one_seventh`, `30_days`, `ended`.
    pub mark: String,
    /// The end of its validity; it may lie in the past.
    pub not_after: String,
    /// The material that holds it, with the place of a bundle's entry: `ca.pem #2`.
    pub source: String,
    /// Its subject; of a list, its issuer.
    pub subject: String,
}

impl Event {
    /// The event as a document.
    pub fn facts(&self) -> EventFacts {
        let since = match &self.kind {
            EventKind::Degraded { since, .. } | EventKind::NotReady { since, .. } => Some(*since),
            _ => None,
        };
        EventFacts {
            at: rfc3339(self.at),
            generation: self.generation.number(),
            kind: self.kind.as_str(),
            trust_reduced: self.trust_reduced,
            message: self.message(),
            since: since.map(rfc3339),
            certificate: match &self.kind {
                EventKind::Expiring(certificate) => Some(ExpiringFacts::new(certificate)),
                _ => None,
            },
            errors: self.kind.reason().into_iter().flat_map(Problems::iter).map(ProblemFacts::new).collect(),
        }
    }

    /// The event in JSON, in an envelope of `uptls.event/v1`.
    ///
    /// ```
    /// # #[cfg(feature = "aws-lc-rs")] {
    /// # let runtime = uptls::Runtime::new(uptls::aws_lc_rs::provider());
    /// # let mut draft = uptls::PolicyDraft::default();
    /// # draft.spec.trust.system = uptls::SystemTrustDraft::Mozilla;
    /// # let policy = uptls::UpstreamTlsPolicy::check(draft, uptls::danger::DangerPermission::Forbidden)?;
    /// let connector = uptls::Connector::new(&runtime, &policy)?;
    /// connector.withdraw();
    /// let event = connector.next_event().map(|event| event.to_json());
    /// assert!(event.is_some_and(|json| json.contains("\"kind\": \"withdrawn\"")));
    /// # }
    /// # Ok::<(), uptls::Problems>(())
    /// ```
    pub fn to_json(&self) -> String {
        Envelope::new("uptls.event/v1", vec![self.facts()]).to_json()
    }

    /// One sentence for a log: what happened, and why.
    pub fn message(&self) -> String {
        if let Some(reason) = self.kind.reason() {
            return reason.to_string();
        }
        match &self.kind {
            EventKind::Expiring(certificate) => certificate.to_string(),
            EventKind::Recovered => "the last update is used again".to_owned(),
            EventKind::Updated => format!("generation {} was published", self.generation),
            // These have a reason, unless the caller withdrew.
            EventKind::Degraded { .. } | EventKind::NotReady { .. } | EventKind::Withdrawn { .. } => {
                "the caller withdrew the policy".to_owned()
            }
        }
    }
}

impl EventKind {
    /// The problems of the update, or of the material that is gone; `None` if there are none, or if the caller
    /// withdrew.
    pub fn reason(&self) -> Option<&Problems> {
        match self {
            Self::Degraded { reason, .. } | Self::NotReady { reason, .. } => Some(reason),
            Self::Withdrawn { reason } => reason.as_ref(),
            Self::Expiring(_) | Self::Recovered | Self::Updated => None,
        }
    }

    /// The stable name: `degraded`, `expired`, `expiring`, `not_ready`, `recovered`, `updated` or `withdrawn`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Degraded { .. } => "degraded",
            Self::Expiring(certificate) if certificate.mark == ExpiryMark::Ended => "expired",
            Self::Expiring(_) => "expiring",
            Self::NotReady { .. } => "not_ready",
            Self::Recovered => "recovered",
            Self::Updated => "updated",
            Self::Withdrawn { .. } => "withdrawn",
        }
    }
}

impl ExpiringFacts {
    fn new(certificate: &ExpiringCertificate) -> Self {
        let mark = match certificate.mark {
            ExpiryMark::Days(days) => format!("{days}_days"),
            ExpiryMark::Ended => "ended".to_owned(),
            ExpiryMark::OneSeventh => "one_seventh".to_owned(),
            ExpiryMark::OneThird => "one_third".to_owned(),
        };
        Self {
            mark,
            not_after: rfc3339(certificate.not_after),
            source: printable(&certificate.source),
            subject: printable(&certificate.subject),
        }
    }
}
