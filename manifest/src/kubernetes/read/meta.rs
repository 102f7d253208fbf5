//! What all objects have in `metadata` and `status`, as far as anybody asks for it.

use std::collections::BTreeMap;

use serde_json::{Map, Number};
use uptls::{FixedClock, Origin};

use super::object;
use super::object::{field, stands_twice};
use crate::kubernetes::model::object::ObjectName;
use crate::node::{Node, Resolved, Value};
use crate::position::Notes;

/// What all objects have.
#[derive(Clone, Debug)]
pub(in crate::kubernetes) struct Meta {
    pub(in crate::kubernetes) annotations: BTreeMap<String, String>,
    pub(in crate::kubernetes) generation: Option<i64>,
    pub(in crate::kubernetes) labels: BTreeMap<String, String>,
    pub(in crate::kubernetes) name: ObjectName,
    pub(in crate::kubernetes) origin: Origin,
    /// The object's own `status`, for what others wrote there.
    pub(in crate::kubernetes) status: Option<serde_json::Value>,
}

impl Meta {
    /// Those of an object of which nothing but the name is known.
    pub(super) fn bare(name: ObjectName, origin: Origin) -> Self {
        let (annotations, labels) = (BTreeMap::new(), BTreeMap::new());
        Self { annotations, generation: None, labels, name, origin, status: None }
    }

    /// Those of the object `node`; `None`, and noted problems, if it has no name.
    ///
    /// Nothing else of them is a problem (M2), but for a name that appears twice, which no API server takes.
    pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<Self> {
        let name = object::name(node, notes)?;
        let metadata = &node.field("metadata")?.value;
        Some(Self {
            annotations: texts(metadata, "annotations", notes),
            generation: metadata.field("generation").and_then(|entry| integer(&entry.value)),
            labels: texts(metadata, "labels", notes),
            name,
            origin: notes.at(node.place),
            status: node.field("status").and_then(|entry| json(&entry.value, &mut MAX_STATUS.clone())),
        })
    }
}

/// When an object was created, the oldest first. What is no time may be any, so it goes before all others: the object
/// that has it is not ready, and no other one takes its targets.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::kubernetes) enum Created {
    Unreadable,
    /// Unix seconds.
    At(u64),
    /// No API server has it yet.
    NotYet,
}

impl Created {
    /// Unix seconds, if they are known.
    pub(in crate::kubernetes) fn seconds(self) -> Option<u64> {
        match self {
            Self::At(seconds) => Some(seconds),
            Self::NotYet | Self::Unreadable => None,
        }
    }
}

/// When the object `node` was created; a noted problem if that is no time.
pub(in crate::kubernetes) fn created(node: &Node, notes: &Notes<'_>) -> Created {
    let Some(metadata) = node.field("metadata").map(|entry| &entry.value) else { return Created::NotYet };
    let entry = field(metadata, "metadata", TIMESTAMP, notes);
    if stands_twice(metadata, TIMESTAMP) {
        return Created::Unreadable;
    }
    let Some(entry) = entry.filter(|entry| !entry.value.is_null()) else { return Created::NotYet };
    match entry.value.text().and_then(|text| FixedClock::parse(text).ok()) {
        Some(clock) => Created::At(uptls::Clock::now(&clock).as_secs()),
        None => {
            let reason = "it is not a time as 2026-11-23T00:00:00Z";
            notes.parse_problem(&format!("metadata.{TIMESTAMP}"), entry.place, reason);
            Created::Unreadable
        }
    }
}

/// Notes whatever of the labels is no text: a selector may mean it.
pub(in crate::kubernetes) fn check_labels(node: &Node, notes: &Notes<'_>) {
    let Some(labels) = node.field("metadata").and_then(|metadata| metadata.value.field("labels")) else { return };
    let unwanted = |node: &Node, place, wanted: &str| {
        let reason = node.mismatch(wanted);
        notes.parse_problem("metadata.labels", place, reason);
    };
    match &labels.value.value {
        _ if labels.value.is_null() => {}
        Value::Map(entries) => {
            let is_text = |node: &Node| matches!(&node.value, Value::Text(text) if text.resolve() == Resolved::Text);
            let others = entries.iter().filter(|entry| !is_text(&entry.value));
            others.for_each(|entry| unwanted(&entry.value, entry.place, "a string (in quotes)"));
        }
        _ => unwanted(&labels.value, labels.place, "a map"),
    }
}

/// The integer that `node` is.
pub(in crate::kubernetes) fn integer(node: &Node) -> Option<i64> {
    let Value::Text(scalar) = &node.value else { return None };
    match scalar.resolve() {
        Resolved::Integer(integer) => Some(integer),
        _ => None,
    }
}

/// The texts of a map of them; what is no text is left out.
fn texts(metadata: &Node, key: &str, notes: &Notes<'_>) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    let Some(Value::Map(entries)) = field(metadata, "metadata", key, notes).map(|entry| &entry.value.value) else {
        return texts;
    };
    for entry in entries {
        let Value::Text(scalar) = &entry.value.value else { continue };
        if scalar.resolve() == Resolved::Text && texts.insert(entry.key.clone(), scalar.text.to_string()).is_some() {
            notes.parse_problem(&format!("metadata.{key}"), entry.place, "a field of it appears twice");
        }
    }
    texts
}

/// The same as JSON; `None` if it is larger than any status. How deep it is, is limited for the document.
fn json(node: &Node, left: &mut usize) -> Option<serde_json::Value> {
    *left = left.checked_sub(1)?;
    Some(match &node.value {
        Value::List(nodes) => {
            serde_json::Value::Array(nodes.iter().map(|node| json(node, left)).collect::<Option<_>>()?)
        }
        Value::Map(entries) => {
            let field = |entry: &crate::node::Entry| Some((entry.key.clone(), json(&entry.value, left)?));
            serde_json::Value::Object(entries.iter().map(field).collect::<Option<Map<_, _>>>()?)
        }
        Value::Text(scalar) => match scalar.resolve() {
            Resolved::Bool(value) => value.into(),
            Resolved::Float(value) => Number::from_f64(value).map_or(serde_json::Value::Null, Into::into),
            Resolved::Integer(value) => value.into(),
            Resolved::Null => serde_json::Value::Null,
            Resolved::Text => scalar.text.as_str().into(),
        },
    })
}

/// How many nodes a status may have: 16 ancestors with 8 conditions each have a tenth of them.
const MAX_STATUS: usize = 20_000;
const TIMESTAMP: &str = "creationTimestamp";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::yaml;

    fn meta(text: &str) -> (Option<Meta>, usize) {
        let notes = Notes::new("in");
        let node = yaml::documents(text).unwrap().remove(0);
        let meta = Meta::read(&node, &notes);
        (meta, notes.into_parts().0.len())
    }

    #[test]
    fn what_is_no_text_is_left_out() {
        let (meta, problems) = meta(
            "metadata:\n  {name: a, generation: 3, creationTimestamp: 1970-01-01T00:01:00Z,\n   \
             labels: {app: pay, n: 1, q: '1'}, annotations: {a: [b], c: d}}\n\
             status: {n: 1, f: 1.5, b: true, z: null, l: [x, '2']}\n",
        );
        let meta = meta.unwrap();
        assert_eq!((problems, meta.generation), (0, Some(3)));
        assert_eq!(meta.labels, BTreeMap::from([("app", "pay"), ("q", "1")].map(|(k, v)| (k.into(), v.into()))));
        assert_eq!(meta.annotations, BTreeMap::from([("c".to_owned(), "d".to_owned())]));
        assert_eq!(meta.status, Some(json!({"n": 1, "f": 1.5, "b": true, "z": null, "l": ["x", "2"]})));
    }

    #[test]
    fn only_a_name_is_needed() {
        for text in [
            "metadata: {name: a}",
            "{metadata: {name: a, labels: 1, annotations: [x], generation: x, creationTimestamp: never}, status: x}",
        ] {
            let (meta, problems) = meta(text);
            let meta = meta.unwrap();
            assert_eq!((problems, meta.generation), (0, None), "{text}");
            assert!(meta.labels.is_empty() && meta.annotations.is_empty(), "{text}");
        }
        for text in ["{}", "metadata: {}", "metadata: {name: A}", "metadata: {name: [a]}"] {
            let (meta, problems) = meta(text);
            assert!(meta.is_none() && problems > 0, "{text}");
        }
    }

    #[test]
    fn an_annotation_stands_once() {
        assert_eq!(meta("metadata: {name: a, annotations: {x: b, y: c}}").1, 0);
        assert_eq!(meta("metadata: {name: a, annotations: {x: b, x: c}}").1, 1);
    }

    #[test]
    fn a_status_is_limited() {
        let status = |count: usize| meta(&format!("{{metadata: {{name: a}}, status: [{}]}}", "x,".repeat(count)));
        assert!(status(MAX_STATUS - 1).0.unwrap().status.is_some());
        let (meta, problems) = status(MAX_STATUS);
        assert!(meta.unwrap().status.is_none() && problems == 0);
    }
}
