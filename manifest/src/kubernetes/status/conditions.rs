//! One condition after the other: what changed gets a new time, what did not keeps its own.

use serde_json::{Value, json};

/// What is to be said of one object.
pub(super) struct Conditions<'a> {
    pub(super) generation: Option<i64>,
    /// Unix seconds.
    pub(super) now: u64,
    /// The conditions that stand there.
    pub(super) old: &'a [Value],
}

/// One condition.
pub(super) struct Said {
    pub(super) is_true: bool,
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) reason: &'static str,
}

impl Said {
    pub(super) fn new(kind: &'static str, is_true: bool, reason: &'static str, message: impl Into<String>) -> Self {
        Self { is_true, kind, message: message.into(), reason }
    }
}

impl Conditions<'_> {
    /// All conditions: those of other types stay as they are.
    pub(super) fn with(&self, said: &[Said]) -> Value {
        let ours = |value: &&Value| said.iter().any(|said| value["type"] == said.kind);
        let others = self.old.iter().filter(|value| !ours(value)).cloned();
        others.chain(said.iter().map(|said| self.one(said))).collect()
    }

    fn one(&self, said: &Said) -> Value {
        let Said { is_true, kind, message, reason } = said;
        let status = if *is_true { "True" } else { "False" };
        let old = self.old.iter().find(|value| value["type"] == *kind && value["status"] == status);
        let time = old.and_then(|value| value["lastTransitionTime"].as_str()).map(str::to_owned);
        let mut condition = json!({
            "type": kind,
            "status": status,
            "reason": reason,
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

/// A condition may have 32768; whoever reads it wants fewer.
const MAX_MESSAGE: usize = 1024;
const SHOWN: usize = 5;
