//! What an audit has counted, and its samples (R14).

use core::fmt;
use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::judged::Refusal;
use super::{Audit, Presented};
use crate::error::Code;
use crate::generation::Generation;
use crate::sync::lock;
use crate::text::listed;
use crate::time::rfc3339;

/// What the shadow of a connector would have said of its peers ([`Connector::audit`](crate::Connector::audit)). None of it decided anything.
///
/// As JSON it is one object with these fields, and `role`, which is always `shadow`. Times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "role", rename = "shadow")]
#[non_exhaustive]
pub struct AuditReport {
    /// The name of the shadow's policy, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The state of the shadow: `ready`, `degraded`, `not_ready` or `withdrawn`. The last two judge nothing.
    pub state: &'static str,
    /// The generation of the shadow that judges now.
    pub generation: u64,
    /// When the audit began.
    pub since: String,
    /// Connections that were made, and that the shadow would have made too.
    pub accepted: u64,
    /// Connections that were made, and that the shadow would have refused, by the code of its reason.
    pub refused: BTreeMap<Code, u64>,
    /// Peers that the enforced policy refused, and that the shadow would have accepted. They did not prove that they hold the key of the
    /// certificate: a handshake that is refused ends before that.
    pub accepted_by_shadow_alone: u64,
    /// Peers that both refuse.
    pub refused_by_both: u64,
    /// Peers that the shadow said nothing of: it had no policy to judge by, or failed.
    pub unjudged: u64,
    /// The last 32 kinds of refusals that `refused` counts, the newest last.
    pub samples: Vec<AuditSample>,
    /// How many samples were dropped for newer ones.
    pub lost_samples: u64,
    /// The parts in which the two policies differ and which no judgement here shows, since they are about what we send: `alpn`,
    /// `cipher_suites`, `groups`, `identity`, `versions`; `server_name`: a peer that is asked for another name may present another chain.
    pub unseen: Vec<&'static str>,
}

/// Connections to one host whose peers had one leaf, and which the shadow would have refused for one reason.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AuditSample {
    /// Why.
    pub code: Code,
    /// The backend host.
    pub host: String,
    /// The network address of the last one, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The SHA-256 of the leaf: `sha256:` and hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub leaf_sha256: Option<String>,
    /// The names that the shadow wants, as `type:value`; the pins, if a pin is missing.
    pub expected: Vec<String>,
    /// The names in the leaf, as `type:value`, at most ten.
    pub presented: Vec<String>,
    /// The generation of the shadow.
    pub generation: u64,
    /// How many connections.
    pub count: u64,
    /// When the first of them was made.
    pub first: String,
    /// When the last of them was made.
    pub last: String,
}

/// What is counted while an audit runs.
#[derive(Default)]
pub(super) struct Tally {
    accepted: u64,
    accepted_by_shadow_alone: u64,
    lost_samples: u64,
    refused: BTreeMap<Code, u64>,
    refused_by_both: u64,
    samples: VecDeque<AuditSample>,
    pub(super) unjudged: u64,
}

impl Tally {
    /// `refusal`: why the shadow refuses it.
    pub(super) fn count(
        &mut self,
        presented: &Presented<'_>,
        refusal: Option<&Refusal>,
        generation: Generation,
        at: i64,
    ) {
        match (presented.is_accepted, refusal) {
            (true, None) => self.accepted += 1,
            (false, None) => self.accepted_by_shadow_alone += 1,
            (false, Some(_)) => self.refused_by_both += 1,
            (true, Some(refusal)) => {
                *self.refused.entry(refusal.code).or_default() += 1;
                self.sample(presented, refusal, generation.number(), rfc3339(at));
            }
        }
    }

    fn sample(&mut self, presented: &Presented<'_>, refusal: &Refusal, generation: u64, at: String) {
        let host = presented.host.to_string();
        let is_same = |sample: &AuditSample| {
            (sample.code, &sample.leaf_sha256) == (refusal.code, &refusal.leaf_sha256)
                && (&sample.host, sample.generation) == (&host, generation)
        };
        let known = self.samples.iter().position(is_same).and_then(|index| self.samples.remove(index));
        let mut sample = known.unwrap_or_else(|| AuditSample {
            code: refusal.code,
            host,
            address: None,
            leaf_sha256: refusal.leaf_sha256.clone(),
            expected: refusal.expected.clone(),
            presented: refusal.presented.clone(),
            generation,
            count: 0,
            first: at.clone(),
            last: String::new(),
        });
        sample.count += 1;
        sample.address = presented.address.map(str::to_owned);
        sample.last = at;
        self.samples.push_back(sample);
        if self.samples.len() > SAMPLES {
            self.samples.pop_front();
            self.lost_samples += 1;
        }
    }
}

impl Audit {
    pub(super) fn report(&self, unseen: Vec<&'static str>) -> AuditReport {
        let (policy, generation) = self.shadow.name_and_generation();
        let state = self.shadow.state().as_str();
        let tally = lock(&self.tally);
        AuditReport {
            policy,
            state,
            generation: generation.number(),
            since: rfc3339(self.since),
            accepted: tally.accepted,
            refused: tally.refused.clone(),
            accepted_by_shadow_alone: tally.accepted_by_shadow_alone,
            refused_by_both: tally.refused_by_both,
            unjudged: tally.unjudged,
            samples: tally.samples.iter().cloned().collect(),
            lost_samples: tally.lost_samples,
            unseen,
        }
    }
}

impl AuditReport {
    /// How many connections were made that the shadow would have refused.
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }

    /// As one JSON object on one line.
    pub fn to_json(&self) -> String {
        // Texts and numbers have a text.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// One sentence for a log, which says that it is about a shadow.
impl fmt::Display for AuditReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (refused, made) = (self.refusals(), self.accepted + self.refusals());
        write!(f, "the shadow policy, which decides nothing, would have refused {refused} of {made} connections")?;
        if refused > 0 {
            let by_code: Vec<_> = self.refused.iter().map(|(code, count)| format!("{code}: {count}")).collect();
            write!(f, " ({})", listed(&by_code))?;
        }
        Ok(())
    }
}

/// How many samples are kept.
const SAMPLES: usize = 32;
