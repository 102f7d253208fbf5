//! The configuration: a policy document, alone or beside what R2 leaves to the caller.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use uptls::{OnInvalid, PolicyError, PolicyErrorKind, Problem, Problems};

/// What a validator is made of.
#[derive(Debug)]
pub(crate) struct Config<'a> {
    /// The native document, as it was written: its own reader is stricter than that of JSON.
    pub(crate) document: &'a [u8],
    pub(crate) on_invalid: OnInvalid,
}

/// `{"policy": DOCUMENT, "onInvalid": "failClosed"}`
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Beside<'a> {
    #[serde(rename = "onInvalid")]
    on_invalid: Option<Value>,
    #[serde(borrow)]
    policy: &'a RawValue,
}

impl<'a> Config<'a> {
    /// A text that is no JSON object with one of the two fields is a document.
    ///
    /// # Errors
    /// `document_parse` for another field beside the two, or without a policy; `policy_invalid` for an unknown `onInvalid`.
    pub(crate) fn read(text: &'a [u8]) -> Result<Self, Problems> {
        let fields = serde_json::from_slice::<BTreeMap<String, &RawValue>>(text).unwrap_or_default();
        if !fields.contains_key("policy") && !fields.contains_key("onInvalid") {
            return Ok(Self { document: text, on_invalid: OnInvalid::KeepLastGood });
        }
        let beside: Beside<'a> = serde_json::from_slice(text).map_err(|error| {
            problems("", PolicyErrorKind::DocumentParse { reason: format!("{error}; wanted: {WANTED}") })
        })?;
        let on_invalid = match beside.on_invalid {
            None => OnInvalid::KeepLastGood,
            Some(Value::String(text)) if text == "failClosed" => OnInvalid::FailClosed,
            Some(Value::String(text)) if text == "keepLastGood" => OnInvalid::KeepLastGood,
            Some(other) => {
                let given = other.to_string().chars().take(SHOWN).collect();
                let wanted = "failClosed or keepLastGood (R2)".to_owned();
                return Err(problems("onInvalid", PolicyErrorKind::Invalid { given, wanted }));
            }
        };
        Ok(Self { document: beside.policy.get().as_bytes(), on_invalid })
    }
}

fn problems(path: &str, kind: PolicyErrorKind) -> Problems {
    Problem::from(PolicyError::new(path, kind)).into()
}

/// How much of a wrong word is shown.
const SHOWN: usize = 32;
const WANTED: &str = r#"a policy document, or {"policy": DOCUMENT, "onInvalid": "failClosed"}"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, OnInvalid), String> {
        let config = Config::read(text.as_bytes()).map_err(|problems| format!("{}: {problems}", problems.code()))?;
        Ok((String::from_utf8(config.document.to_vec()).unwrap(), config.on_invalid))
    }

    #[test]
    fn a_document_is_taken_as_it_is_written() {
        let keep = |text: &str| Ok((text.to_owned(), OnInvalid::KeepLastGood));
        // None of these is ours to judge.
        for text in
            ["", "{", "spec: {}", "policy: {}", r#"{"spec": {"a": 1, "a": 2}}"#, "[1]", r#"{"spec": {"policy": 1}}"#]
        {
            assert_eq!(read(text), keep(text));
        }
        let twice = r#"{"a":  1, "a": 2}"#;
        assert_eq!(read(&format!("{{\"policy\": {twice}}}")), keep(twice));
        assert_eq!(read(&format!("{{\"onInvalid\": \"keepLastGood\", \"policy\": {twice}}}")), keep(twice));
        let closed = Ok((twice.to_owned(), OnInvalid::FailClosed));
        assert_eq!(read(&format!("{{\"onInvalid\": \"failClosed\", \"policy\": {twice}}}")), closed);
    }

    #[test]
    fn what_is_not_understood_beside_a_policy_is_refused() {
        for (text, wanted) in [
            (r#"{"onInvalid": "failClosed"}"#, "document_parse: "),
            (r#"{"onInvalid": "failClosed", "apiVersion": "uptls/v1"}"#, "document_parse: "),
            (r#"{"policy": {}, "on_invalid": "failClosed"}"#, "document_parse: "),
            (r#"{"policy": {}, "policy": {}}"#, "document_parse: "),
            (r#"{"policy": {}, "onInvalid": "keepLastGood", "onInvalid": "failClosed"}"#, "document_parse: "),
            (
                r#"{"policy": {}, "onInvalid": "FailClosed"}"#,
                "policy_invalid: onInvalid: \"FailClosed\" is not failClosed or keepLastGood",
            ),
            (r#"{"policy": {}, "onInvalid": true}"#, "policy_invalid: "),
        ] {
            let refused = read(text).unwrap_err();
            assert!(refused.starts_with(wanted), "{text}: {refused}");
        }
    }
}
