//! The fields of one map, each with the place where it was written.

use std::collections::BTreeMap;

use uptls::PolicyErrorKind;

use super::StaticHost;
use crate::decode::{is_word, unknown_field};
use crate::kubernetes::model::provenance::Written;
use crate::kubernetes::read::meta::integer;
use crate::kubernetes::read::object::field;
use crate::node::{Entry, Node, Resolved, Value};
use crate::position::Notes;

/// A map at a path.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    pub(super) node: &'a Node,
    pub(super) notes: &'a Notes<'a>,
    pub(super) path: String,
}

impl<'a> Fields<'a> {
    /// The object as a whole.
    pub(super) fn root(node: &'a Node, notes: &'a Notes<'a>) -> Self {
        Self { node, notes, path: String::new() }
    }

    /// Notes every field that is none of `known` (M2).
    pub(super) fn permit(&self, known: &[&str]) {
        let Value::Map(entries) = &self.node.value else { return };
        for entry in entries.iter().filter(|entry| !known.contains(&entry.key.as_str())) {
            let is_taken = |name: &str| self.node.field(name).is_some();
            self.notes.problem(&self.path, entry.place, unknown_field(&self.path, &entry.key, known, &is_taken));
        }
    }

    /// The path of the field `key`.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The field `key`, unless nothing stands there.
    pub(super) fn entry(&self, key: &str) -> Option<&'a Entry> {
        field(self.node, &self.path, key, self.notes).filter(|entry| !entry.value.is_null())
    }

    pub(super) fn map(&self, key: &str) -> Option<Self> {
        let entry = self.entry(key)?;
        if !matches!(entry.value.value, Value::Map(_)) {
            self.unwanted(key, entry, "a map");
            return None;
        }
        Some(Self { node: &entry.value, notes: self.notes, path: self.at(key) })
    }

    pub(super) fn list(&self, key: &str) -> Option<&'a [Node]> {
        let entry = self.entry(key)?;
        let Value::List(nodes) = &entry.value.value else {
            self.unwanted(key, entry, "a list");
            return None;
        };
        Some(nodes)
    }

    pub(super) fn text(&self, key: &str) -> Option<Written<String>> {
        let entry = self.entry(key)?;
        let text = scalar(&entry.value);
        if text.is_none() {
            self.unwanted(key, entry, "a string");
        }
        Some(Written { field: self.at(key), origin: self.notes.at(entry.place), value: text? })
    }

    pub(super) fn flag(&self, key: &str) -> Option<Written<bool>> {
        let entry = self.entry(key)?;
        let Some(Resolved::Bool(value)) = resolved(&entry.value) else {
            self.unwanted(key, entry, "true or false (without quotes)");
            return None;
        };
        Some(Written { field: self.at(key), origin: self.notes.at(entry.place), value })
    }

    /// The flag `key`, if it is set.
    pub(super) fn is_set(&self, key: &str) -> Option<Written<()>> {
        let Written { field, origin, value } = self.flag(key)?;
        value.then_some(Written { field, origin, value: () })
    }

    /// The texts of a list; an empty list is none.
    pub(super) fn texts(&self, key: &str) -> Option<Written<Vec<Written<String>>>> {
        let entry = self.entry(key)?;
        let mut value = Vec::new();
        for (index, node) in self.list(key)?.iter().enumerate() {
            let field = format!("{}[{index}]", self.at(key));
            self.notes.origin(&field, node.place);
            match scalar(node) {
                Some(text) => value.push(Written { field, origin: self.notes.at(node.place), value: text }),
                None => {
                    let reason = node.mismatch("a string");
                    self.notes.problem(&field, node.place, PolicyErrorKind::value(reason));
                }
            }
        }
        let written = Written { field: self.at(key), origin: self.notes.at(entry.place), value };
        (!written.value.is_empty()).then_some(written)
    }

    /// A map of texts, as the labels of a selector are: whole or, with noted problems, not at all. With one label less it
    /// would select more.
    pub(super) fn labels(&self, key: &str) -> Option<BTreeMap<String, String>> {
        let map = self.map(key)?;
        let Value::Map(entries) = &map.node.value else { return None };
        let texts = entries.iter().map(|entry| Some((entry.key.clone(), map.text(&entry.key)?)));
        let labels: BTreeMap<_, _> = texts.collect::<Option<_>>()?;
        let is_whole = labels.len() == entries.len();
        is_whole.then(|| labels.into_iter().map(|(key, text)| (key, text.value)).collect())
    }

    pub(super) fn port(&self, key: &str) -> Option<u16> {
        let entry = self.entry(key)?;
        let number = integer(&entry.value);
        let port = number.and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
        match (port, number) {
            (None, None) => self.unwanted(key, entry, "a port of 1 to 65535"),
            (None, Some(number)) => {
                let reason = format!("expected a port of 1 to 65535, found {number}");
                self.notes.problem(&self.at(key), entry.place, PolicyErrorKind::value(reason));
            }
            (Some(_), _) => {}
        }
        port
    }

    /// The hosts of a list `hosts` of maps, whose name stands in `key`.
    pub(super) fn hosts(&self, key: &str) -> Vec<StaticHost> {
        let mut hosts = Vec::new();
        for (index, node) in self.list("hosts").unwrap_or_default().iter().enumerate() {
            let host = Self { node, notes: self.notes, path: format!("{}.hosts[{index}]", self.path) };
            self.notes.origin(&host.path, node.place);
            match host.text(key) {
                Some(name) => hosts.push(StaticHost { host: name.value, port: host.port("port") }),
                None => self.notes.parse_problem(&host.path, node.place, format!("the field {key} is missing")),
            }
        }
        hosts
    }

    /// Notes that the field `key` cannot be expressed.
    pub(super) fn unsupported(&self, key: &str, given: &str, supported: &[&str]) {
        self.notes.near(&self.at(key), unsupported(given, supported));
    }

    fn unwanted(&self, key: &str, entry: &Entry, wanted: &str) {
        let reason = entry.value.mismatch(wanted);
        self.notes.problem(&self.at(key), entry.place, PolicyErrorKind::value(reason));
    }
}

/// What was given and is understood, but not supported.
pub(super) fn unsupported(given: &str, supported: &[&str]) -> PolicyErrorKind {
    let supported = supported.iter().map(|&text| text.to_owned()).collect();
    PolicyErrorKind::UnsupportedOption { given: given.to_owned(), supported }
}

/// `text`, if it may stand in a message.
pub(super) fn word(text: &str) -> &str {
    if !text.is_empty() && is_word(text) { text } else { "the value" }
}

fn scalar(node: &Node) -> Option<String> {
    let text = node.text()?;
    matches!(resolved(node)?, Resolved::Text | Resolved::Float(_) | Resolved::Integer(_)).then(|| text.to_owned())
}

fn resolved(node: &Node) -> Option<Resolved> {
    match &node.value {
        Value::Text(scalar) => Some(scalar.resolve()),
        Value::List(_) | Value::Map(_) => None,
    }
}
