//! Which backends a changed Service, route, Gateway or XBackend touches.

use std::collections::{BTreeMap, BTreeSet};

use super::Store;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::{ObjectName, ObjectRef};
use crate::kubernetes::read::gateway::{GATEWAY, GATEWAY_GROUP};
use crate::kubernetes::read::listener_set;
use crate::kubernetes::read::objects::{Declared, route_kind};
use crate::kubernetes::read::route::{ParentRef, RouteBackend};
use crate::kubernetes::resolve::compose::Links;
use crate::kubernetes::resolve::precedence::BackendKey;

/// Whether a change of an object of this kind touches backends that are found here.
pub(super) fn is_touching(kind: &str) -> bool {
    [SERVICE, GATEWAY, X_BACKEND].contains(&kind) || route_kind(kind).is_some()
}

impl Store {
    /// Notes which backends a route or a Gateway uses that is about to be replaced or removed.
    pub(super) fn leave(&mut self, object: &ObjectRef) {
        let objects = &self.imported.objects;
        let backends = match object.kind == GATEWAY {
            true => objects.gateways.get(&object.object_name()).map(|declared| &declared.value.backends),
            false => objects.route_of(object).map(|route| &route.backends),
        };
        self.left.extend(names(backends.into_iter().flatten()));
    }

    /// Finds anew who uses what and which extension is for what; the backends that this concerns. `None`: all of them.
    pub(super) fn touch(
        &mut self,
        links: &mut Links,
        changed: &BTreeMap<ObjectRef, bool>,
    ) -> Option<BTreeSet<BackendKey>> {
        let (mut touched, mut who) = (BTreeSet::new(), BTreeSet::new());
        let mut left = core::mem::take(&mut self.left);
        let mut gateways = BTreeSet::new();
        for object in changed.keys() {
            let name = object.object_name();
            match &*object.kind {
                SERVICE => {
                    links.index.extend_again(&self.imported.objects, &name);
                    touched.insert((BackendKind::Service, name));
                }
                X_BACKEND => drop(touched.insert((BackendKind::XBackend, name))),
                GATEWAY => {
                    who.insert(object.clone());
                    gateways.insert(name);
                }
                kind if route_kind(kind).is_some() => drop(who.insert(object.clone())),
                _ => {}
            }
        }
        if self.scope.gateway.as_ref().is_some_and(|only| gateways.contains(only)) {
            return None;
        }
        touched.extend(gateways.iter().flat_map(|gateway| links.ancestors.said_of(gateway)));
        self.attached_to(&gateways, &mut who, &mut left);
        touched.extend(links.ancestors.find_again(&self.imported.objects, &self.scope, &who, left));
        Some(touched)
    }

    /// Adds the routes and ListenerSets that want to attach to these Gateways, and the backends that they name.
    fn attached_to(
        &self,
        gateways: &BTreeSet<ObjectName>,
        who: &mut BTreeSet<ObjectRef>,
        left: &mut BTreeSet<ObjectName>,
    ) {
        if gateways.is_empty() {
            return;
        }
        let objects = &self.imported.objects;
        let of_set = |set: &ObjectName, kind: &str| {
            let kind = listener_set::KINDS.into_iter().map(|(_, known)| known).find(|known| *known == kind)?;
            objects.listener_sets.get(&(kind, set.clone()))?.value.gateway.as_ref()
        };
        let is_parent = |parent: &ParentRef| match (parent.group.as_str(), parent.kind.as_str()) {
            (GATEWAY_GROUP, GATEWAY) => gateways.contains(&parent.name),
            (_, kind) => of_set(&parent.name, kind).is_some_and(|gateway| gateways.contains(gateway)),
        };
        for route in objects.routes.values().filter_map(Declared::once) {
            if route.parents.iter().any(is_parent) {
                who.insert(ObjectRef::of(route.kind, &route.meta.name));
                left.extend(names(&route.backends));
            }
        }
        for ((kind, name), set) in &objects.listener_sets {
            if set.value.gateway.as_ref().is_some_and(|gateway| gateways.contains(gateway)) {
                who.insert(ObjectRef::of(*kind, name));
                left.extend(names(&set.value.backends));
            }
        }
    }

    /// The standard policies that may be for one of these backends.
    pub(super) fn contenders_of(&self, links: &Links, touched: &BTreeSet<BackendKey>) -> BTreeSet<ObjectName> {
        let mut names = BTreeSet::new();
        for key in touched {
            names.extend(self.contenders.of(key).iter().cloned());
            let behind = links.index.service_behind(&key.1).filter(|_| key.0 == BackendKind::Upstream);
            if let Some(service) = behind {
                names.extend(self.contenders.of(&(BackendKind::Service, service.clone())).iter().cloned());
            }
        }
        names
    }
}

fn names<'a>(backends: impl IntoIterator<Item = &'a RouteBackend>) -> impl Iterator<Item = ObjectName> {
    backends.into_iter().map(|backend| backend.name.clone())
}

const SERVICE: &str = "Service";
const X_BACKEND: &str = "XBackend";
