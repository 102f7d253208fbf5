//! Which ancestors have room in a status: a policy must not be implemented for a Gateway that has none.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::ancestors::Ancestors;
use super::imported::{Imported, ImportedPolicy, Target, TargetState};
use super::index::Upstreams;
use super::scope::Scope;
use crate::kubernetes::model::{BackendKind, ObjectName, ObjectRef};
use crate::kubernetes::read::backend_tls_policy::KIND;
use crate::kubernetes::read::gateway::{GATEWAY, GATEWAY_GROUP};
use crate::kubernetes::read::meta::Meta;

/// The list of entries of one status, each of one controller and one ancestor.
pub(in crate::kubernetes) struct Room<'a> {
    pub(in crate::kubernetes) controller: &'a str,
    /// `ancestors` or `parents`.
    pub(in crate::kubernetes) list: &'static str,
    /// How many entries it may have.
    pub(in crate::kubernetes) max: usize,
    pub(in crate::kubernetes) meta: &'a Meta,
    pub(in crate::kubernetes) old: &'a Value,
    /// The one Gateway that this is about; our entries for others stay.
    pub(in crate::kubernetes) only: Option<&'a ObjectName>,
    /// `ancestorRef` or `parentRef`.
    pub(in crate::kubernetes) reference: &'static str,
}

/// One entry of the list.
pub(in crate::kubernetes) enum Entry<'a, K> {
    /// It stays as it is.
    Kept(&'a Value),
    /// Ours, and what stands there for the same ancestor.
    Ours(K, Option<&'a Value>),
}

impl<'a> Room<'a> {
    /// That of a BackendTLSPolicy.
    pub(in crate::kubernetes) fn of_policy(
        controller: &'a str,
        meta: &'a Meta,
        old: &'a Value,
        scope: &'a Scope,
    ) -> Self {
        let only = scope.gateway.as_ref();
        Self { controller, list: "ancestors", max: scope.room(MAX), meta, old, only, reference: "ancestorRef" }
    }

    /// The entries with ours for the ancestors `wanted`, and the ancestors that have no room.
    pub(in crate::kubernetes) fn place<K: Clone + Ord>(
        &self,
        wanted: &BTreeMap<K, Value>,
    ) -> (Vec<Entry<'a, K>>, Vec<K>) {
        let mut left: BTreeMap<&K, &Value> = wanted.iter().collect();
        let mut entries = Vec::new();
        for old in self.old[self.list].as_array().map(Vec::as_slice).unwrap_or_default() {
            if old["controllerName"] != self.controller {
                entries.push(Entry::Kept(old));
                continue;
            }
            let same = left.iter().find(|(_, reference)| is_same(&old[self.reference], reference, self.meta));
            match same.map(|(key, _)| *key) {
                Some(key) => {
                    left.remove(key);
                    entries.push(Entry::Ours(key.clone(), Some(old)));
                }
                None if self.only.is_some_and(|only| !is_same(&old[self.reference], &gateway(only), self.meta)) => {
                    entries.push(Entry::Kept(old));
                }
                None => {}
            }
        }
        let room = self.max.saturating_sub(entries.len());
        let mut left = left.into_keys().cloned();
        entries.extend(left.by_ref().take(room).map(|key| Entry::Ours(key, None)));
        (entries, left.collect())
    }
}

/// A policy that must not be implemented for a Gateway, since its status has no room for it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::kubernetes) struct Full {
    pub(in crate::kubernetes) gateway: ObjectName,
    pub(in crate::kubernetes) policy: ObjectName,
}

/// The policies and Gateways without room. Without a controller nothing is written, and there is room for all.
pub(super) fn full(imported: &Imported, scope: &Scope, ancestors: &Ancestors, upstreams: &Upstreams) -> BTreeSet<Full> {
    let mut full = BTreeSet::new();
    let Some(controller) = &scope.controller_name else { return full };
    for policy in imported.policies.iter() {
        full.extend(full_of(imported, policy, scope, controller, ancestors, upstreams));
    }
    full
}

/// Those of one policy.
pub(super) fn full_of(
    imported: &Imported,
    policy: &ImportedPolicy,
    scope: &Scope,
    controller: &str,
    ancestors: &Ancestors,
    upstreams: &Upstreams,
) -> Vec<Full> {
    let Some(declared) = imported.objects.policies.get(&policy.name) else { return Vec::new() };
    let meta = &declared.value.meta;
    let old = existing(scope, KIND, meta);
    let wanted = gateways(imported, policy, ancestors, upstreams);
    let wanted = wanted.into_keys().map(|name| (name.clone(), gateway(&name))).collect();
    let (_, left) = Room::of_policy(controller, meta, &old, scope).place(&wanted);
    left.into_iter().map(|gateway| Full { gateway, policy: policy.name.clone() }).collect()
}

/// The Gateways that use a target of the policy, by its own name or by that of an Upstream, whether it has won it or not,
/// each with those targets.
pub(in crate::kubernetes) fn gateways<'a>(
    imported: &Imported,
    policy: &'a ImportedPolicy,
    ancestors: &Ancestors,
    upstreams: &Upstreams,
) -> BTreeMap<ObjectName, Vec<&'a Target>> {
    let mut gateways: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for target in policy.targets.iter().filter(|target| target.state != TargetState::Unsupported) {
        let Some(kind) = BackendKind::of(&target.group, &target.kind) else { continue };
        let service = imported.objects.services.get(&target.name).map(|declared| &declared.value);
        let ports = service.into_iter().flat_map(|service| &service.ports);
        let section = target.section_name.as_deref();
        let port = section.and_then(|section| ports.clone().find(|port| port.name.as_deref() == Some(section)));
        let number = port.map(|port| port.number);
        let mut found = ancestors.of(kind, &target.name, number);
        let to_it = upstreams.get(&target.name).into_iter().flatten().filter(|_| kind == BackendKind::Service);
        let of_port = to_it.filter(|(port, _)| number.is_none_or(|number| number == *port));
        found.extend(of_port.flat_map(|(port, upstream)| ancestors.of(BackendKind::Upstream, upstream, Some(*port))));
        found.into_iter().for_each(|gateway| gateways.entry(gateway).or_default().push(target));
    }
    gateways
}

/// A Gateway as an ancestor.
pub(in crate::kubernetes) fn gateway(name: &ObjectName) -> Value {
    json!({"group": GATEWAY_GROUP, "kind": GATEWAY, "namespace": name.namespace, "name": name.name})
}

/// The `status` that stands there: what the caller says, or else the object.
pub(in crate::kubernetes) fn existing(scope: &Scope, kind: &'static str, meta: &Meta) -> Value {
    let said = scope.existing_status.get(&ObjectRef::of(kind, &meta.name));
    said.or(meta.status.as_ref()).cloned().unwrap_or(Value::Null)
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

/// How many ancestors the standard has room for.
const MAX: usize = 16;
