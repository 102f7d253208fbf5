//! A `status` with one list of entries, of which each belongs to one controller and one ancestor.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::conditions::{Conditions, Said};
use crate::kubernetes::resolve::room::{Entry, Room};

/// The list of a kind's `status`, in the making.
pub(super) struct Entries<'a> {
    pub(super) generation: Option<i64>,
    pub(super) now: u64,
    /// Types of conditions that stand there only as long as they are said.
    pub(super) passing: &'static [&'static str],
    pub(super) room: Room<'a>,
}

impl Entries<'_> {
    /// The `status` with our entries for the ancestors in `wanted`, as far as there is room.
    pub(super) fn merge<K: Clone + Ord>(&self, wanted: &BTreeMap<K, (Value, Vec<Said>)>) -> Value {
        let references = wanted.iter().map(|(key, (reference, _))| (key.clone(), reference.clone())).collect();
        let (placed, _) = self.room.place(&references);
        let entry = |entry| match entry {
            Entry::Kept(old) => Some(old.clone()),
            Entry::Ours(key, old) => Some(self.entry(wanted.get(&key)?, old)),
        };
        let entries: Vec<Value> = placed.into_iter().filter_map(entry).collect();
        let mut status = self.room.old.as_object().cloned().unwrap_or_else(Map::new);
        status.insert(self.room.list.to_owned(), entries.into());
        status.into()
    }

    fn entry(&self, (reference, said): &(Value, Vec<Said>), old: Option<&Value>) -> Value {
        let old = old.and_then(|old| old["conditions"].as_array()).map(Vec::as_slice).unwrap_or_default();
        let conditions = Conditions { generation: self.generation, now: self.now, old, passing: self.passing };
        json!({
            self.room.reference: reference,
            "controllerName": self.room.controller,
            "conditions": conditions.with(said),
        })
    }
}
