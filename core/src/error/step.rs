//! How each step of a verification ended: a rejection carries it, and a report shows it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::Code;
use crate::text::printable;

/// One step of a verification.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Step {
    /// Which step.
    pub step: StepName,
    /// How it ended.
    pub outcome: Outcome,
    /// The code, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub code: Option<Code>,
    /// Facts: text by name, and in JSON a number for what is counted (`ms`, `intermediates`).
    #[serde(serialize_with = "facts")]
    #[cfg_attr(feature = "schema", schemars(with = "BTreeMap<String, Fact>"))]
    pub detail: BTreeMap<&'static str, String>,
}

/// How a fact stands in JSON.
#[derive(Serialize)]
#[serde(untagged)]
enum Fact<'a> {
    Count(u64),
    Text(&'a str),
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Fact<'_> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Fact".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": ["integer", "string"]})
    }
}

/// A reader compares a count as a number: the text "152" is more than any number to jq.
fn facts<S: Serializer>(detail: &BTreeMap<&'static str, String>, serializer: S) -> Result<S::Ok, S::Error> {
    let fact = |name: &str, text: &'_ String| COUNTS.contains(&name).then(|| text.parse().ok()).flatten();
    serializer
        .collect_map(detail.iter().map(|(name, text)| (name, fact(name, text).map_or(Fact::Text(text), Fact::Count))))
}

/// The facts that are counted.
const COUNTS: [&str; 2] = ["intermediates", "ms"];

impl Step {
    /// A step without details.
    pub fn new(step: StepName, outcome: Outcome) -> Self {
        Self { step, outcome, code: None, detail: BTreeMap::new() }
    }

    /// Adds a fact; its text is escaped and bounded.
    #[must_use]
    pub fn with(mut self, name: &'static str, text: impl AsRef<str>) -> Self {
        self.detail.insert(name, printable(text.as_ref()));
        self
    }

    /// A failed step.
    pub fn failed(step: StepName, code: Code) -> Self {
        Self { step, outcome: Outcome::Fail, code: Some(code), detail: BTreeMap::new() }
    }
}

/// The steps, in the order in which they happen.
///
/// ```
#[doc = include_str!("../../doc/policy.txt")]
/// use uptls::{Outcome, StepName};
///
/// let report = runtime.prepare(&policy)?.report_pem(&std::fs::read("../examples/refused/chain.pem")?, None);
/// let failed: Vec<_> = report.steps.iter().filter(|step| step.outcome == Outcome::Fail).collect();
/// assert_eq!(failed[0].step, StepName::Name);
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepName {
    /// The policy and its material.
    Policy,
    /// The transport.
    Tcp,
    /// Hello messages: version, suite, group.
    Hello,
    /// V1 and V2: the path to an anchor.
    Chain,
    /// V3.
    Revocation,
    /// V4.
    Usage,
    /// V5.
    Name,
    /// V6.
    Pin,
    /// Our own certificate.
    Client,
    /// The application protocol.
    Alpn,
}

impl StepName {
    /// Every step in its order.
    pub const ALL: [Self; 10] = [
        Self::Policy,
        Self::Tcp,
        Self::Hello,
        Self::Chain,
        Self::Revocation,
        Self::Usage,
        Self::Name,
        Self::Pin,
        Self::Client,
        Self::Alpn,
    ];
}

/// How a step ended (V10).
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It failed.
    Fail,
    /// It needs the result of an earlier step that failed.
    NotEvaluable,
    /// It passed.
    Pass,
    /// It does not apply, or was not reached.
    Skip,
}
