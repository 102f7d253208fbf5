//! What a report says of a policy and of a problem.

use serde::Serialize;

use crate::error::{Code, Origin, Problem};
use crate::fix::Fix;

/// Which policy judged.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct PolicyFacts {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The digest of the policy as written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spec_digest: Option<String>,
    /// The digest of all that decides a verdict or a handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Which published fingerprint of its connector this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

/// One thing that is wrong with a policy or its material.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct ProblemFacts {
    /// The stable code.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub code: Code,
    /// Its number.
    pub number: u16,
    /// Its category.
    pub category: &'static str,
    /// One useful sentence.
    pub message: String,
    /// The one thing to change.
    pub hint: String,
    /// The hint as a change of the document or the object, if it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<Fix>,
    /// The field.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The 1-based line, if the policy was read from text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The 1-based column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
}

impl ProblemFacts {
    /// The facts of `problem`.
    pub fn new(problem: &Problem) -> Self {
        let code = problem.code();
        // What cannot be read has no lines.
        let place = problem.origin().filter(|_| code != Code::DocumentUnreadable);
        let origin = problem.origin();
        Self {
            code,
            number: code.number(),
            category: code.category().as_str(),
            message: problem.message(),
            hint: problem.hint(),
            fix: problem.fix(),
            path: problem.path().to_owned(),
            document: origin.map(|o: &Origin| o.document.to_string()).filter(|name| !name.is_empty()),
            line: place.map(|o| o.line).filter(|line| *line > 0),
            column: place.map(|o| o.column).filter(|column| *column > 0),
        }
    }

    /// A failure that no field of a policy has, with the hint of its code.
    pub fn failure(code: Code, message: String) -> Self {
        Self {
            code,
            number: code.number(),
            category: code.category().as_str(),
            message,
            hint: code.hint(),
            fix: None,
            path: String::new(),
            document: None,
            line: None,
            column: None,
        }
    }
}
