//! How each step of a verification ended: a rejection carries it, and a report shows it.

use std::collections::BTreeMap;

use serde::Serialize;

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
    /// Facts: text by name.
    pub detail: BTreeMap<&'static str, String>,
}

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
