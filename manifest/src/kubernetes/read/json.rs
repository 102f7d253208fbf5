//! The text of one object in JSON, as an API server writes it: within limits, and no field twice.

use core::cell::{Cell, RefCell};
use core::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::typed::MAX_NODES;
use crate::head::Head;
use crate::position::{Fault, Place};
use crate::source::MAX_DOCUMENT;

/// What a text holds.
pub(in crate::kubernetes) enum Given {
    /// An object whose head says which it is, and the rest of which is too large or cannot be parsed (M11).
    Head(Head, Fault),
    Whole(Value),
}

/// Reads the text of one object.
///
/// # Errors
/// It is not certain which object it is.
pub(in crate::kubernetes) fn object(bytes: &[u8]) -> Result<Given, Fault> {
    let text = crate::source::manifests(bytes)?;
    if !text.trim_start().starts_with('{') {
        return Err(Fault::parse(Place::START, "expected the text of one object in JSON"));
    }
    let fault = match text.len() > MAX_TEXT {
        true => Fault::too_large(Place::NONE, "the limit of 1 MiB"),
        false => match whole(text) {
            Ok(value) => return Ok(Given::Whole(value)),
            Err(fault) => fault,
        },
    };
    match head(text) {
        Some(head) => Ok(Given::Head(head, fault)),
        None => Err(fault),
    }
}

fn whole(text: &str) -> Result<Value, Fault> {
    let nodes = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Unique { nodes: &nodes }.deserialize(&mut deserializer);
    read.and_then(|value| deserializer.end().map(|()| value)).map_err(|error| {
        if nodes.get() > MAX_NODES {
            return Fault::too_large(Place::NONE, "the limit of 200000 names and values");
        }
        let place = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        // Its text quotes nothing: only its syntax can be wrong, or be a field that appears twice.
        Fault::parse(Place { column: place(error.column()), line: place(error.line()) }, error.to_string())
    })
}

/// A value whose maps have each field once, and that is no larger than any object.
#[derive(Clone, Copy)]
struct Unique<'a> {
    nodes: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Unique<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.nodes.set(self.nodes.get().saturating_add(1));
        match self.nodes.get() > MAX_NODES {
            true => Err(D::Error::custom("it is too large")),
            false => deserializer.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Unique<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = values.next_element_seed(self)? {
            list.push(value);
        }
        Ok(list.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            // Which one counts, readers of JSON do not agree on.
            if map.insert(name, fields.next_value_seed(self)?).is_some() {
                return Err(A::Error::custom("a field appears twice"));
            }
        }
        Ok(map.into())
    }
}

/// The head of a text, as far as that can be parsed; `None`: it is not certain.
fn head(text: &str) -> Option<Head> {
    let seen = RefCell::default();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = deserializer.deserialize_map(Top { seen: &seen });
    if read.is_ok() && deserializer.end().is_err() {
        // There is more than one object.
        return None;
    }
    let Seen { api_version, kind, metadata, name, namespace } = seen.into_inner();
    let namespace = if namespace.is_empty() { None } else { once(namespace)? };
    let (is_certain, is_complete, place) = (true, true, Some(Place::NONE));
    let (api_version, kind, name) = (once(api_version)?, once(kind)?, Some(once(name)?));
    once(metadata)?;
    Some(Head { api_version, is_certain, is_complete, kind, name, namespace, place })
}

/// What stands once.
fn once<T>(found: Vec<T>) -> Option<T> {
    let [found] = <[T; 1]>::try_from(found).ok()?;
    Some(found)
}

/// What says which object it is, each as often as it stands.
#[derive(Default)]
struct Seen {
    api_version: Vec<String>,
    kind: Vec<String>,
    metadata: Vec<()>,
    name: Vec<String>,
    namespace: Vec<Option<String>>,
}

/// The fields of the object.
struct Top<'a> {
    seen: &'a RefCell<Seen>,
}

impl<'de> Visitor<'de> for Top<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            match name.as_str() {
                "apiVersion" => {
                    let text = fields.next_value()?;
                    self.seen.borrow_mut().api_version.push(text);
                }
                "kind" => {
                    let text = fields.next_value()?;
                    self.seen.borrow_mut().kind.push(text);
                }
                "metadata" => {
                    fields.next_value_seed(Metadata { seen: self.seen })?;
                    self.seen.borrow_mut().metadata.push(());
                }
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// The fields of its `metadata`.
struct Metadata<'a> {
    seen: &'a RefCell<Seen>,
}

impl<'de> DeserializeSeed<'de> for Metadata<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metadata<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            match name.as_str() {
                "name" => {
                    let text = fields.next_value()?;
                    self.seen.borrow_mut().name.push(text);
                }
                "namespace" => {
                    let text = fields.next_value()?;
                    self.seen.borrow_mut().namespace.push(text);
                }
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// JSON has up to six bytes for each byte of a text.
const MAX_TEXT: usize = 6 * MAX_DOCUMENT;
