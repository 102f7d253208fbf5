//! One condition after the other: what changed gets a new time, what did not keeps its own.

use serde_json::{Value, json};

use super::reason::Reason;

/// What is to be said of one object.
pub(super) struct Conditions<'a> {
    pub(super) generation: Option<i64>,
    /// Unix seconds.
    pub(super) now: u64,
    /// The conditions that stand there.
    pub(super) old: &'a [Value],
    /// Types that stand there only as long as they are said.
    pub(super) passing: &'static [&'static str],
}

/// One condition.
pub(super) struct Said {
    pub(super) message: String,
    pub(super) reason: Reason,
}

impl Said {
    pub(super) fn new(reason: Reason, message: impl Into<String>) -> Self {
        Self { message: message.into(), reason }
    }
}

impl Conditions<'_> {
    /// All conditions: those of other types stay as they are.
    pub(super) fn with(&self, said: &[Said]) -> Value {
        let ours = |value: &&Value| {
            let is_one = |kind: &str| value["type"] == kind;
            said.iter().any(|said| is_one(said.reason.condition)) || self.passing.iter().any(|kind| is_one(kind))
        };
        let others = self.old.iter().filter(|value| !ours(value)).cloned();
        others.chain(said.iter().map(|said| self.one(said))).collect()
    }

    fn one(&self, said: &Said) -> Value {
        let Said { message, reason: Reason { condition: kind, is_true, text } } = said;
        let status = if *is_true { "True" } else { "False" };
        let old = self.old.iter().find(|value| value["type"] == *kind && value["status"] == status);
        let time = old.and_then(|value| value["lastTransitionTime"].as_str()).map(str::to_owned);
        let mut condition = json!({
            "type": kind,
            "status": status,
            "reason": text,
            "message": bounded(message),
            "lastTransitionTime": time.unwrap_or_else(|| rfc3339(self.now)),
        });
        if let Some(generation) = self.generation {
            condition["observedGeneration"] = generation.into();
        }
        condition
    }
}

/// Several messages as one.
pub(super) fn joined(messages: impl Iterator<Item = String>) -> String {
    bounded(&messages.take(SHOWN).collect::<Vec<_>>().join("; "))
}

fn bounded(text: &str) -> String {
    if text.chars().count() <= MAX_MESSAGE {
        return text.to_owned();
    }
    text.chars().take(MAX_MESSAGE - 3).chain("...".chars()).collect()
}

/// Times after the year 9999 are cut to 1970: no API server takes them.
fn rfc3339(seconds: u64) -> String {
    let seconds = i64::try_from(seconds).unwrap_or_default();
    jiff::Timestamp::from_second(seconds).unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string()
}

/// A condition may have 32768; its readers want fewer.
const MAX_MESSAGE: usize = 1024;
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kubernetes::status::reason::{POLICY_ACCEPTED, POLICY_INVALID};

    fn time_of(old: &Value, is_true: bool) -> Value {
        let reason = if is_true { POLICY_ACCEPTED } else { POLICY_INVALID };
        let said = Said::new(reason, "x".repeat(5000));
        let conditions =
            Conditions { generation: Some(4), now: 1_800_000_000, old: std::slice::from_ref(old), passing: &[] };
        let list = conditions.with(&[said]);
        let one = list.as_array().unwrap().iter().find(|one| one["type"] == "Accepted").unwrap();
        assert_eq!(one["message"].as_str().unwrap().len(), MAX_MESSAGE);
        assert_eq!(one["observedGeneration"], 4);
        one["lastTransitionTime"].clone()
    }

    #[test]
    fn a_time_changes_with_the_status_alone() {
        let old = json!({"type": "Accepted", "status": "True", "reason": "Old", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        assert_eq!(time_of(&old, true), "2026-01-01T00:00:00Z");
        assert_eq!(time_of(&old, false), "2027-01-15T08:00:00Z");
        // The time of another type is not ours.
        let other = json!({"type": "Other", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"});
        assert_eq!(time_of(&other, true), "2027-01-15T08:00:00Z");
    }

    #[test]
    fn conditions_of_other_types_stay() {
        let old = json!({"type": "Other", "status": "False", "x": 1});
        let passing = |passing| Conditions { generation: None, now: 0, old: std::slice::from_ref(&old), passing };
        let list = passing(&[]).with(&[Said::new(POLICY_ACCEPTED, "")]);
        assert_eq!(list[0], old);
        assert_eq!(list[1]["lastTransitionTime"], "1970-01-01T00:00:00Z");
        assert!(list[1].get("observedGeneration").is_none());
        // The twin: what is said no more.
        assert_eq!(passing(&["Other"]).with(&[Said::new(POLICY_ACCEPTED, "")]).as_array().map(Vec::len), Some(1));
    }
}
