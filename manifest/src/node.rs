//! A document as a tree that remembers where each part was written, and how.

use zeroize::Zeroizing;

use crate::position::Place;

/// One part of a document.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// Its content.
#[derive(Clone)]
pub(crate) enum Value {
    List(Vec<Node>),
    Map(Vec<Entry>),
    Text(Scalar),
}

/// One field of a map. The same name may stand twice: whoever decodes the map says so.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) place: Place,
    pub(crate) value: Node,
}

/// A scalar as it was written. Whether it is a piece of a key is not known here, so all of them are zeroized.
#[derive(Clone)]
pub(crate) struct Scalar {
    pub(crate) style: Style,
    pub(crate) text: Zeroizing<String>,
}

/// Whether a scalar may be something else than text.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Style {
    /// Without quotes: the core schema of YAML 1.2 (section 10.3.2) says what it is.
    Plain,
    /// In quotes or as a block: always text.
    Quoted,
}

/// What a scalar is in the core schema of YAML 1.2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Resolved {
    Bool(bool),
    Float(f64),
    Integer(i64),
    Null,
    Text,
}

impl Node {
    /// The first field called `key`, if this is a map that has one.
    pub(crate) fn field(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            Value::List(_) | Value::Text(_) => None,
        }
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(scalar) => Some(&scalar.text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether nothing was written here.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Text(scalar) if scalar.resolve() == Resolved::Null)
    }

    /// That it is not `expected`: `a list`. The sentence says the kind of the value, never the value, which may be a key.
    pub(crate) fn mismatch(&self, expected: &str) -> String {
        format!("expected {expected}, found {}", self.describe())
    }

    /// What it is, for a sentence that must not say what it holds.
    pub(crate) fn describe(&self) -> &'static str {
        match &self.value {
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Text(scalar) => match scalar.resolve() {
                Resolved::Bool(_) => "a boolean",
                Resolved::Float(_) | Resolved::Integer(_) => "a number",
                Resolved::Null => "nothing",
                Resolved::Text => "a string",
            },
        }
    }
}

impl Scalar {
    /// What it is; hexadecimal, octal and infinite numbers are left as texts, since no field wants one.
    pub(crate) fn resolve(&self) -> Resolved {
        if self.style == Style::Quoted {
            return Resolved::Text;
        }
        match self.text.as_str() {
            "" | "~" | "null" | "Null" | "NULL" => return Resolved::Null,
            "true" | "True" | "TRUE" => return Resolved::Bool(true),
            "false" | "False" | "FALSE" => return Resolved::Bool(false),
            _ => {}
        }
        let unsigned = self.text.strip_prefix(['-', '+']).unwrap_or(&self.text);
        if !unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Resolved::Text;
        }
        if let Ok(integer) = self.text.parse() {
            return Resolved::Integer(integer);
        }
        match self.text.parse::<f64>() {
            Ok(float) if float.is_finite() => Resolved::Float(float),
            _ => Resolved::Text,
        }
    }
}
