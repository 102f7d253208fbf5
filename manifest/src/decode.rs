//! From nodes to typed fields, by serde: unknown and duplicate fields are all noted, the first wrong value ends it.
//!
//! Nothing here quotes a value, and names of fields only where no secret can stand: what is noted may be logged.

use core::{fmt, mem};
use std::collections::BTreeMap;
use std::vec;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Error, Expected, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
};
use serde::de::{Deserializer, Visitor};
use uptls::PolicyErrorKind;

use crate::node::{Entry, Node, Resolved, Scalar, Value};
use crate::position::{Notes, Place};
use crate::suggest::closest;

/// A `T` of the document `node`, or `None` and a noted problem. With noted problems there may still be a value.
pub(crate) fn decode<T: DeserializeOwned>(node: Node, notes: &Notes<'_>) -> Option<T> {
    let place = node.place;
    decode_at(node, notes, "", place)
}

/// The same for a part of a document: the value of the field at `path`, which was written at `place`.
pub(crate) fn decode_at<T: DeserializeOwned>(node: Node, notes: &Notes<'_>, path: &str, place: Place) -> Option<T> {
    match T::deserialize(Decoder { node, notes, path: path.to_owned(), place }) {
        Ok(value) => Some(value),
        Err(Failure { at, is_missing, reason, wanted }) => {
            let (path, place) = at.unwrap_or_else(|| (path.to_owned(), place));
            match (is_missing, wanted) {
                (true, _) => notes.parse_problem(&path, place, reason),
                (false, Some(wanted)) => notes.problem(&path, place, PolicyErrorKind::unwanted(reason, wanted)),
                (false, None) => notes.problem(&path, place, PolicyErrorKind::value(reason)),
            }
            None
        }
    }
}

/// One node on its way.
struct Decoder<'a> {
    node: Node,
    notes: &'a Notes<'a>,
    path: String,
    /// Where the path was written: the name of a field, the begin of an entry.
    place: Place,
}

/// Why a value cannot be what is wanted; where, as soon as that is known.
#[derive(Debug)]
struct Failure {
    at: Option<(String, Place)>,
    /// Whether a field is not there, so that the document is not complete.
    is_missing: bool,
    reason: String,
    /// What the field holds.
    wanted: Option<String>,
}

impl<'a> Decoder<'a> {
    fn unwanted(&self, wanted: &str) -> Failure {
        match self.node.describe() {
            "nothing" => self.failure(format!("expected {wanted}, found no value; write one, or remove the field")),
            given => {
                Failure { wanted: Some(wanted.to_owned()), ..self.failure(format!("expected {wanted}, found {given}")) }
            }
        }
    }

    fn failure(&self, reason: String) -> Failure {
        Failure { at: Some((self.path.clone(), self.place)), is_missing: false, reason, wanted: None }
    }

    /// The text of a scalar: in quotes, or plain and neither a boolean nor nothing. A number is taken as it is spelled.
    fn into_text(self) -> Result<String, Failure> {
        let error = match &self.node.value {
            Value::Text(scalar) => match scalar.resolve() {
                Resolved::Text | Resolved::Float(_) | Resolved::Integer(_) => None,
                Resolved::Bool(_) => Some(self.unwanted("a string (in quotes)")),
                Resolved::Null => Some(self.unwanted("a string")),
            },
            Value::List(_) | Value::Map(_) => Some(self.unwanted("a string")),
        };
        match (error, self.node.value) {
            (None, Value::Text(Scalar { mut text, .. })) => Ok(mem::take(&mut *text)),
            (error, _) => Err(error.unwrap_or_else(|| Failure::custom("it is not a string"))),
        }
    }

    /// The entries of a map, as long as `known` permits them; without `known`, all.
    fn into_fields(self, wanted: &str, known: Option<&[&str]>) -> Result<Fields<'a>, Failure> {
        if !matches!(self.node.value, Value::Map(_)) {
            return Err(self.unwanted(wanted));
        }
        let Self { node, notes, path, place: _ } = self;
        let mut seen: BTreeMap<String, Place> = BTreeMap::new();
        let (mut kept, mut unknown) = (Vec::new(), Vec::new());
        let entries = if let Value::Map(entries) = node.value { entries } else { Vec::new() };
        for entry in entries {
            if let Some(first) = seen.get(&entry.key) {
                let reason = format!("{} appears twice, first in line {}", field_name(&path, &entry.key), first.line);
                notes.parse_problem(&path, entry.place, reason);
                continue;
            }
            seen.insert(entry.key.clone(), entry.place);
            match known.filter(|known| !known.contains(&entry.key.as_str())) {
                None => kept.push(entry),
                Some(known) => unknown.push((entry, known)),
            }
        }
        for (entry, known) in unknown.into_iter().take(MAX_UNKNOWN) {
            let is_taken = |name: &str| seen.contains_key(name);
            notes.problem(&path, entry.place, unknown_field(&path, &entry.key, known, &is_taken));
        }
        Ok(Fields { entries: kept.into_iter(), notes, path, value: None })
    }

    fn into_entries(self) -> Result<Entries<'a>, Failure> {
        if !matches!(self.node.value, Value::List(_)) {
            return Err(self.unwanted("a list"));
        }
        let Self { node, notes, path, place: _ } = self;
        let nodes = if let Value::List(nodes) = node.value { nodes } else { Vec::new() };
        Ok(Entries { nodes: nodes.into_iter().enumerate(), notes, path })
    }
}

impl<'de> Deserializer<'de> for Decoder<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let at = (self.path.clone(), self.place);
        let resolved = match &self.node.value {
            Value::List(_) => return self.deserialize_seq(visitor),
            Value::Map(_) => return self.deserialize_map(visitor),
            Value::Text(scalar) => scalar.resolve(),
        };
        match resolved {
            Resolved::Bool(value) => visitor.visit_bool(value),
            Resolved::Float(value) => visitor.visit_f64(value),
            Resolved::Integer(value) => visitor.visit_i64(value),
            Resolved::Null => visitor.visit_unit(),
            Resolved::Text => visitor.visit_string(self.into_text()?),
        }
        .map_err(|failure: Failure| failure.or_at(at))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match &self.node.value {
            Value::Text(scalar) => match scalar.resolve() {
                Resolved::Bool(value) => visitor.visit_bool(value),
                _ => Err(self.unwanted("true or false (without quotes)")),
            },
            Value::List(_) | Value::Map(_) => Err(self.unwanted("true or false")),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let at = (self.path.clone(), self.place);
        visitor.visit_string(self.into_text()?).map_err(|failure: Failure| failure.or_at(at))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_string(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_some(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let at = (self.path.clone(), self.place);
        let fields = self.into_fields(&format!("a map of {}", known.join(", ")), Some(known))?;
        visitor.visit_map(fields).map_err(|failure: Failure| failure.or_at(at))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let at = (self.path.clone(), self.place);
        visitor.visit_map(self.into_fields("a map", None)?).map_err(|failure: Failure| failure.or_at(at))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let at = (self.path.clone(), self.place);
        visitor.visit_seq(self.into_entries()?).map_err(|failure: Failure| failure.or_at(at))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        let at = (self.path.clone(), self.place);
        let variant: StringDeserializer<Failure> = self.into_text()?.into_deserializer();
        visitor.visit_enum(variant).map_err(|failure: Failure| failure.or_at(at))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

/// The fields of a map, one after the other.
struct Fields<'a> {
    entries: vec::IntoIter<Entry>,
    notes: &'a Notes<'a>,
    path: String,
    value: Option<Decoder<'a>>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let Some(Entry { key, place, value }) = self.entries.next() else { return Ok(None) };
        let path = if self.path.is_empty() { key.clone() } else { format!("{}.{key}", self.path) };
        self.notes.origin(&path, place);
        self.value = Some(Decoder { node: value, notes: self.notes, path, place });
        let key: StringDeserializer<Failure> = key.into_deserializer();
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        match self.value.take() {
            Some(decoder) => seed.deserialize(decoder),
            None => Err(Failure::custom("a value was asked for before its name")),
        }
    }
}

/// The entries of a list, one after the other.
struct Entries<'a> {
    nodes: core::iter::Enumerate<vec::IntoIter<Node>>,
    notes: &'a Notes<'a>,
    path: String,
}

impl<'de> SeqAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Failure> {
        let Some((index, node)) = self.nodes.next() else { return Ok(None) };
        let path = format!("{}[{index}]", self.path);
        let place = node.place;
        self.notes.origin(&path, place);
        seed.deserialize(Decoder { node, notes: self.notes, path, place }).map(Some)
    }
}

impl Failure {
    /// The failure, at this place unless it has a closer one.
    fn or_at(self, at: (String, Place)) -> Self {
        Self { at: self.at.or(Some(at)), ..self }
    }
}

impl Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { at: None, is_missing: false, reason: message.to_string(), wanted: None }
    }

    fn invalid_type(given: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let given = match given {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Float(_) | Unexpected::Signed(_) | Unexpected::Unsigned(_) => "a number",
            Unexpected::Map => "a map",
            Unexpected::Seq => "a list",
            Unexpected::Unit => "nothing",
            _ => "a string",
        };
        Self { wanted: Some(wanted.to_string()), ..Self::custom(format!("expected {wanted}, found {given}")) }
    }

    /// Serde's own text would quote the value.
    fn invalid_value(given: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        let failure = match given {
            Unexpected::Str(text) if is_word(text) => Self::custom(format!("{text:?} is not {wanted}")),
            Unexpected::Bool(value) => Self::custom(format!("{value} is not {wanted}")),
            _ => Self::custom(format!("the value is not {wanted}")),
        };
        Self { wanted: Some(wanted.to_string()), ..failure }
    }

    fn missing_field(field: &'static str) -> Self {
        Self { is_missing: true, ..Self::custom(format!("the field {field} is missing")) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Failure {}

/// The error for the unknown field `key` under `path`, with the one that was probably meant.
pub(crate) fn unknown_field(path: &str, key: &str, known: &[&str], is_taken: &dyn Fn(&str) -> bool) -> PolicyErrorKind {
    let name = is_quotable(path, key).then_some(key);
    let meant = name.and_then(|name| closest(name, known));
    PolicyErrorKind::unknown_field(name, known, meant, meant.is_some_and(is_taken))
}

/// How a field under `path` is called in a message.
fn field_name(path: &str, key: &str) -> String {
    if is_quotable(path, key) { format!("the field {key:?}") } else { "a field".to_owned() }
}

/// Whether the name of a field may be said. Under a key no names are known but ours: what else stands there may be a
/// piece of the key.
fn is_quotable(path: &str, key: &str) -> bool {
    is_word(key) && !SECRETS.iter().any(|prefix| path.starts_with(prefix))
}

/// Whether a text from a document is short and plain enough to be quoted. A line of base64 is longer.
pub(crate) fn is_word(text: &str) -> bool {
    text.len() <= MAX_WORD && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./*".contains(c))
}

/// The paths under which secrets stand.
const SECRETS: [&str; 2] = ["spec.identity.key", "spec.identity.passphrase"];
const MAX_WORD: usize = 40;
/// More are not noted of one map, as `Notes` has it for a document.
const MAX_UNKNOWN: usize = 64;
