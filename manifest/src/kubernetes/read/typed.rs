//! Objects that come as values and not as text: the same readers and limits, and no lines to point at.

use core::fmt;
use std::borrow::Cow;

use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::dispatch::What;
use super::object;
use super::objects::Objects;
use crate::head::Head;
use crate::kubernetes::model::diagnostic::Effect;
use crate::kubernetes::model::object::ObjectRef;
use crate::node::{Entry, Node, Scalar, Style, Value};
use crate::position::{Fault, Notes, Place};
use crate::source::MAX_DOCUMENT;

/// Which object a value is, and whether its kind is read.
pub(in crate::kubernetes) struct Identity {
    pub(in crate::kubernetes) is_read: bool,
    pub(in crate::kubernetes) object: ObjectRef,
}

/// Which object `value` is; `None`, and noted problems, if that is not certain.
pub(in crate::kubernetes) fn identity(value: &Json, notes: &Notes<'_>) -> Option<Identity> {
    let text = |key: &str| value.get(key).and_then(Json::as_str).unwrap_or_default();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if kind.is_empty() || api_version.is_empty() {
        notes.parse_problem("", Place::NONE, "apiVersion and kind must say what the object is");
        return None;
    }
    if let What::List(_) = What::of(api_version, kind) {
        notes.parse_problem("", Place::NONE, "a list is no object: give each of its items");
        return None;
    }
    let head = Json::Object([("metadata".to_owned(), names(value.get("metadata")))].into_iter().collect());
    let name = object::name(&Reading::default().node(&head, 0).ok()?, notes)?;
    let group = api_version.split_once('/').map(|(group, _)| group);
    let (is_read, kind): (bool, Cow<'static, str>) = match What::of(api_version, kind) {
        // Another group may have the same kind.
        What::Foreign | What::List(_) => (false, format!("{kind}.{}", group.unwrap_or_default()).into()),
        What::Read((_, kind, _)) | What::Unsupported((_, kind)) => (true, (*kind).into()),
    };
    // Some are of the cluster.
    let namespace = if CLUSTER.contains(&&*kind) { String::new() } else { name.namespace };
    Some(Identity { is_read, object: ObjectRef { kind, namespace, name: name.name } })
}

/// Name and namespace. In a value a number is no text, as it is in YAML.
fn names(metadata: Option<&Json>) -> Json {
    let text =
        |value: &Json| if value.is_string() || value.is_null() { value.clone() } else { Json::Array(Vec::new()) };
    let kept = ["name", "namespace"].into_iter().filter_map(|key| Some((key.to_owned(), text(metadata?.get(key)?))));
    Json::Object(kept.collect())
}

impl Objects {
    /// Reads one object; what is too large is known by its head alone (M11).
    pub(in crate::kubernetes) fn read_value(&mut self, object: &ObjectRef, value: &Json) {
        let document = object.to_string();
        match Reading::default().node(value, 0) {
            Ok(node) => self.object(&document, &node),
            Err(fault) => {
                let text = |key: &str| value.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
                let head = Head {
                    api_version: text("apiVersion"),
                    is_certain: true,
                    is_complete: true,
                    kind: text("kind"),
                    name: Some(object.name.clone()),
                    namespace: Some(object.namespace.clone()),
                    place: Some(Place::NONE),
                };
                self.headed(&document, &head, fault, Effect::Notice);
            }
        }
    }
}

/// What has been read of one object.
#[derive(Default)]
struct Reading {
    nodes: usize,
    bytes: usize,
}

impl Reading {
    fn node(&mut self, value: &Json, depth: usize) -> Result<Node, Fault> {
        self.charge(0, depth)?;
        let value = match value {
            Json::Null => self.scalar(Style::Plain, "null", depth)?,
            Json::Bool(value) => self.scalar(Style::Plain, value, depth)?,
            Json::Number(value) => self.scalar(Style::Plain, value, depth)?,
            Json::String(value) => self.scalar(Style::Quoted, value, depth)?,
            Json::Array(values) => Value::List(
                values.iter().map(|value| self.node(value, depth.saturating_add(1))).collect::<Result<_, _>>()?,
            ),
            Json::Object(fields) => {
                let mut entries = Vec::with_capacity(fields.len());
                for (key, value) in fields {
                    self.charge(key.len(), depth)?;
                    let value = self.node(value, depth.saturating_add(1))?;
                    entries.push(Entry { key: key.clone(), place: Place::NONE, value });
                }
                Value::Map(entries)
            }
        };
        Ok(Node { place: Place::NONE, value })
    }

    fn scalar(&mut self, style: Style, text: impl fmt::Display, depth: usize) -> Result<Value, Fault> {
        let text = Zeroizing::new(text.to_string());
        self.charge(text.len(), depth)?;
        Ok(Value::Text(Scalar { style, text }))
    }

    fn charge(&mut self, bytes: usize, depth: usize) -> Result<(), Fault> {
        self.nodes = self.nodes.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        let limit = match () {
            () if self.bytes > MAX_DOCUMENT => "the limit of 1 MiB",
            () if self.nodes > MAX_NODES => "the limit of 200000 names and values",
            () if depth > MAX_DEPTH => "the limit of 64 levels of nesting",
            () => return Ok(()),
        };
        Err(Fault::too_large(Place::NONE, limit))
    }
}

/// Kinds without a namespace.
const CLUSTER: [&str; 3] = ["ClusterTrustBundle", "GatewayClass", "Namespace"];
const MAX_DEPTH: usize = 64;
/// How many names and values an object may have.
pub(super) const MAX_NODES: usize = 200_000;
