//! A `status` with one list of entries, of which each belongs to one controller and one ancestor.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::conditions::{Conditions, Said};
use crate::kubernetes::object::ObjectName;
use crate::kubernetes::resolve::{GATEWAY, GATEWAY_GROUP, Scope};
use crate::kubernetes::standard::Meta;

/// The `status` that an object is to have.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatusPatch {
    /// `gateway.networking.k8s.io/v1`
    pub api_version: String,
    /// Whether it differs from what stands there.
    pub changed: bool,
    /// `BackendTLSPolicy`
    pub kind: String,
    /// Which object.
    pub name: ObjectName,
    /// All of its `status`.
    pub status: Value,
}

impl StatusPatch {
    pub(super) fn new(api_version: &str, kind: &str, name: &ObjectName, old: &Value, status: Value) -> Self {
        let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
        Self { api_version, changed: *old != status, kind, name: name.clone(), status }
    }
}

/// The list of a kind's `status`.
pub(super) struct Entries<'a> {
    pub(super) controller: &'a str,
    /// `ancestors` or `parents`.
    pub(super) generation: Option<i64>,
    pub(super) list: &'static str,
    /// How many entries it may have.
    pub(super) max: usize,
    pub(super) meta: &'a Meta,
    pub(super) now: u64,
    pub(super) old: &'a Value,
    /// The one Gateway that this is about; our entries for others stay.
    pub(super) only: Option<&'a ObjectName>,
    /// `ancestorRef` or `parentRef`.
    pub(super) reference: &'static str,
}

impl Entries<'_> {
    /// The `status` with our entries for the ancestors in `wanted`, and the ancestors that have no room.
    pub(super) fn merge<K: Clone + Ord>(&self, wanted: &BTreeMap<K, (Value, Vec<Said>)>) -> (Value, Vec<K>) {
        let mut left: BTreeMap<&K, &(Value, Vec<Said>)> = wanted.iter().collect();
        let mut entries = Vec::new();
        for old in self.old[self.list].as_array().map(Vec::as_slice).unwrap_or_default() {
            if old["controllerName"] != self.controller {
                entries.push(old.clone());
                continue;
            }
            let same = left.iter().find(|(_, (reference, _))| is_same(&old[self.reference], reference, self.meta));
            match same.map(|(key, _)| *key).and_then(|key| left.remove(key)) {
                Some(of) => entries.push(self.entry(of, old["conditions"].as_array())),
                None if self.only.is_some_and(|only| !is_same(&old[self.reference], &gateway(only), self.meta)) => {
                    entries.push(old.clone());
                }
                None => {}
            }
        }
        let mut full = Vec::new();
        for (key, of) in left {
            if entries.len() < self.max {
                entries.push(self.entry(of, None));
            } else {
                full.push(key.clone());
            }
        }
        let mut status = self.old.as_object().cloned().unwrap_or_else(Map::new);
        status.insert(self.list.to_owned(), entries.into());
        (status.into(), full)
    }

    fn entry(&self, (reference, said): &(Value, Vec<Said>), old: Option<&Vec<Value>>) -> Value {
        let old = old.map(Vec::as_slice).unwrap_or_default();
        let conditions = Conditions { generation: self.generation, now: self.now, old };
        json!({
            self.reference: reference,
            "controllerName": self.controller,
            "conditions": conditions.with(said),
        })
    }
}

/// A Gateway as an ancestor.
pub(super) fn gateway(name: &ObjectName) -> Value {
    json!({"group": GATEWAY_GROUP, "kind": GATEWAY, "namespace": name.namespace, "name": name.name})
}

/// The `status` that stands there: what the caller says, or else the object.
pub(super) fn existing(scope: &Scope, kind: &str, meta: &Meta) -> Value {
    let said = scope.existing_status.iter().find(|(of, name, _)| of == kind && *name == meta.name);
    said.map(|(.., status)| status.clone()).or_else(|| meta.status.clone()).unwrap_or(Value::Null)
}

/// Whether two references are to the same object: group, kind and namespace have defaults.
fn is_same(old: &Value, ours: &Value, meta: &Meta) -> bool {
    let text = |value: &Value, key: &str, default: &str| value[key].as_str().unwrap_or(default).to_owned();
    [
        ("group", GATEWAY_GROUP),
        ("kind", GATEWAY),
        ("namespace", &meta.name.namespace),
        ("name", ""),
        ("sectionName", ""),
    ]
    .into_iter()
    .all(|(key, default)| text(old, key, default) == text(ours, key, default))
}
