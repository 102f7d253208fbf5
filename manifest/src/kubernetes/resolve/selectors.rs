//! Selectors of listeners that cannot be evaluated, since the labels of a namespace are not known.

use std::collections::{BTreeMap, BTreeSet};

use uptls::{Origin, PolicyError, PolicyErrorKind, Problem};

use super::ancestors::namespace;
use crate::kubernetes::model::object::{ObjectName, quotable};
use crate::kubernetes::model::{Diagnostic, Effect, ObjectRef};
use crate::kubernetes::read::gateway::{GATEWAY, GATEWAY_GROUP};
use crate::kubernetes::read::listener::Listener;
use crate::kubernetes::read::listener_set;
use crate::kubernetes::read::objects::{Declared, Objects};
use crate::kubernetes::read::route::ParentRef;

/// A notice for each Gateway and ListenerSet whose selectors leave it open whether a route or a ListenerSet attaches.
pub(super) fn diagnostics(objects: &Objects) -> Vec<Diagnostic> {
    let mut unclear: BTreeMap<ObjectRef, (&Origin, BTreeSet<&str>)> = BTreeMap::new();
    for route in objects.routes.values().filter_map(Declared::once) {
        for parent in &route.parents {
            let Some((object, origin, listeners)) = listeners(objects, parent) else { continue };
            let from = namespace(objects, &route.meta.name, &parent.name);
            let meant = listeners.iter().filter(|of| of.is_meant(parent.section_name.as_deref(), parent.port));
            let verdicts: Vec<_> = meant.map(|listener| listener.permits(route.kind, from)).collect();
            if verdicts.contains(&None) && !verdicts.contains(&Some(true)) {
                unclear.entry(object).or_insert_with(|| (origin, BTreeSet::new())).1.insert(from.name);
            }
        }
    }
    for set in objects.listener_sets.values().filter_map(Declared::once) {
        let Some(gateway) = set.gateway.as_ref().and_then(|name| objects.gateways.get(name)) else { continue };
        let name = &gateway.value.meta.name;
        let from = namespace(objects, &set.meta.name, name);
        if gateway.value.listener_sets.as_ref().is_some_and(|sets| sets.permits(from).is_none()) {
            let object = ObjectRef::of(GATEWAY, name);
            unclear.entry(object).or_insert_with(|| (&gateway.origin, BTreeSet::new())).1.insert(from.name);
        }
    }
    unclear.into_iter().map(|(object, (origin, namespaces))| diagnostic(object, origin, &namespaces)).collect()
}

/// What a route wants to attach to.
fn listeners<'a>(objects: &'a Objects, parent: &ParentRef) -> Option<(ObjectRef, &'a Origin, &'a [Listener])> {
    let name: &ObjectName = &parent.name;
    if (parent.group.as_str(), parent.kind.as_str()) == (GATEWAY_GROUP, GATEWAY) {
        let gateway = objects.gateways.get(name)?;
        return Some((ObjectRef::of(GATEWAY, name), &gateway.origin, &gateway.value.listeners));
    }
    let (_, kind) = listener_set::KINDS.into_iter().find(|known| *known == (&*parent.group, &*parent.kind))?;
    let set = objects.listener_sets.get(&(kind, name.clone()))?;
    Some((ObjectRef::of(kind, name), &set.origin, &set.value.listeners))
}

fn diagnostic(object: ObjectRef, origin: &Origin, namespaces: &BTreeSet<&str>) -> Diagnostic {
    let mut shown: Vec<_> = namespaces.iter().take(SHOWN).map(|name| quotable(name)).collect();
    if namespaces.len() > SHOWN {
        shown.push("...");
    }
    let reason = "its labels are not known, and a selector of allowedRoutes or allowedListeners asks for them: what is in it \
                  counts as attached; add the Namespace to the manifests";
    let object_missed = format!("Namespace {}", shown.join(", "));
    let kind = PolicyErrorKind::ReferenceUnresolved { object: object_missed, reason: reason.to_owned() };
    let problem = Problem::from(PolicyError::new("spec.listeners", kind)).with_origin(Some(origin.clone()));
    Diagnostic::new(Some(object), Effect::Notice, problem)
}

const SHOWN: usize = 5;
