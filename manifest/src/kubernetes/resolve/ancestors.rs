//! Which Gateways use which backends: what the caller says, or else the routes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::depends::Dependencies;
use super::link::{Referrer, is_granted};
use super::scope::Scope;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::{ObjectName, ObjectRef};
use crate::kubernetes::model::provenance::Provenance;
use crate::kubernetes::read::gateway::{GATEWAY, GATEWAY_GROUP};
use crate::kubernetes::read::listener::{Listener, Namespace};
use crate::kubernetes::read::listener_set;
use crate::kubernetes::read::objects::{Declared, Objects};
use crate::kubernetes::read::route::{ParentRef, Route, Spoken};

/// The Gateways of each backend, with the port that they use; `None`: all ports.
pub(in crate::kubernetes) struct Ancestors {
    only: Option<ObjectName>,
    routes: BTreeMap<ObjectName, Vec<RouteUse>>,
    /// In place of what the routes say.
    said: Option<BTreeMap<ObjectName, Vec<Use>>>,
}

struct Use {
    gateway: ObjectName,
    /// `None`: any kind with the name.
    kind: Option<BackendKind>,
    port: Option<u16>,
}

/// One reference of a route to a backend.
pub(super) struct RouteUse {
    pub(super) from: Provenance,
    gateways: Arc<[ObjectName]>,
    kind: BackendKind,
    port: Option<u16>,
    pub(super) spoken: Spoken,
}

impl Ancestors {
    pub(super) fn new(objects: &Objects, dependencies: &Dependencies, scope: &Scope) -> Self {
        let said = scope.ancestors.as_ref().map(|said| {
            let mut uses: BTreeMap<_, Vec<_>> = BTreeMap::new();
            for (backend, gateway) in said {
                let used = Use { gateway: gateway.clone(), kind: backend.kind, port: backend.port };
                uses.entry(backend.name.clone()).or_default().push(used);
            }
            uses
        });
        Self { only: scope.gateway.clone(), routes: of_routes(objects, dependencies, scope), said }
    }

    /// The Gateways of a backend, whatever its port if none is given; those of a policy for its status.
    pub(in crate::kubernetes) fn of(
        &self,
        kind: BackendKind,
        name: &ObjectName,
        port: Option<u16>,
    ) -> BTreeSet<ObjectName> {
        if let Some(only) = &self.only {
            return BTreeSet::from([only.clone()]);
        }
        let Some(said) = &self.said else {
            return self.leading_to(kind, name, port).flat_map(|route| route.gateways.iter().cloned()).collect();
        };
        let fits = |used: &&Use| used.kind.is_none_or(|of| of == kind) && may_be(used.port, port);
        said.get(name).into_iter().flatten().filter(fits).map(|used| used.gateway.clone()).collect()
    }

    /// What routes of `gateway` refer to the backend by; of any or none, where no Gateway is known to use it.
    pub(super) fn routes_of(
        &self,
        kind: BackendKind,
        name: &ObjectName,
        port: Option<u16>,
        gateway: Option<&ObjectName>,
    ) -> Vec<&RouteUse> {
        let is_its = |route: &&RouteUse| gateway.is_none_or(|gateway| route.gateways.contains(gateway));
        self.leading_to(kind, name, port).filter(is_its).collect()
    }

    fn leading_to(&self, kind: BackendKind, name: &ObjectName, port: Option<u16>) -> impl Iterator<Item = &RouteUse> {
        let all = self.routes.get(name).into_iter().flatten();
        all.filter(move |route| route.kind == kind && may_be(route.port, port))
    }
}

fn may_be(a: Option<u16>, b: Option<u16>) -> bool {
    a.is_none() || b.is_none() || a == b
}

/// A route that refers to another namespace without a grant does not use the backend.
fn of_routes(objects: &Objects, dependencies: &Dependencies, scope: &Scope) -> BTreeMap<ObjectName, Vec<RouteUse>> {
    let mut uses: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for route in objects.routes.values().filter_map(Declared::once) {
        let parents = route.parents.iter().filter_map(|parent| gateway_of(objects, dependencies, route, parent));
        let gateways: BTreeSet<_> = parents.filter(|gateway| is_own(objects, scope, gateway)).collect();
        let gateways: Arc<[_]> = gateways.into_iter().collect();
        let referrer = Referrer { group: GATEWAY_GROUP, kind: route.kind, name: &route.meta.name };
        for backend in &route.backends {
            let Some(kind) = BackendKind::of(&backend.group, &backend.kind) else { continue };
            if !is_granted(objects, dependencies, referrer, (&backend.group, &backend.kind), &backend.name) {
                continue;
            }
            let object = ObjectRef::of(route.kind, &route.meta.name);
            dependencies.note(object.clone(), Some(()));
            let from = Provenance { field: backend.field.clone(), object, origin: backend.origin.clone() };
            let (gateways, port, spoken) = (Arc::clone(&gateways), backend.port, backend.spoken);
            uses.entry(backend.name.clone()).or_insert_with(|| Vec::with_capacity(1)).push(RouteUse {
                from,
                gateways,
                kind,
                port,
                spoken,
            });
        }
    }
    uses
}

/// The Gateway that a route attaches to, itself or by a ListenerSet, unless its listeners say that it does not.
fn gateway_of(objects: &Objects, dependencies: &Dependencies, route: &Route, parent: &ParentRef) -> Option<ObjectName> {
    if (parent.group.as_str(), parent.kind.as_str()) == (GATEWAY_GROUP, GATEWAY) {
        let gateway = objects.gateways.get(&parent.name).map(|declared| &declared.value);
        let listeners = gateway.map(|gateway| gateway.listeners.as_slice()).unwrap_or_default();
        return attaches(objects, listeners, route, parent).then(|| parent.name.clone());
    }
    let (_, kind) = listener_set::KINDS.into_iter().find(|known| *known == (&*parent.group, &*parent.kind))?;
    let found = objects.listener_sets.get(&(kind, parent.name.clone())).and_then(Declared::once);
    let set = dependencies.note(ObjectRef::of(kind, &parent.name), found)?;
    let name = set.gateway.clone().filter(|_| attaches(objects, &set.listeners, route, parent))?;
    let gateway = objects.gateways.get(&name).map(|declared| &declared.value);
    let from = gateway.and_then(|gateway| gateway.listener_sets.as_ref());
    let namespace = namespace(objects, &set.meta.name, &name);
    Some(name).filter(|_| from.is_none_or(|from| from.permits(namespace) != Some(false)))
}

/// The namespace of `from`, which wants to attach to `to`.
pub(super) fn namespace<'a>(objects: &'a Objects, from: &'a ObjectName, to: &ObjectName) -> Namespace<'a> {
    let name = from.namespace.as_str();
    Namespace { is_same: name == to.namespace, labels: objects.labels_of(name), name }
}

/// Whether one of the listeners takes the route. Where that cannot be told, since there are no listeners or a selector asks for
/// labels that are not known, one does: no Gateway then goes to a backend without its policy.
fn attaches(objects: &Objects, listeners: &[Listener], route: &Route, parent: &ParentRef) -> bool {
    let namespace = namespace(objects, &route.meta.name, &parent.name);
    let takes = |listener: &Listener| {
        listener.is_meant(parent.section_name.as_deref(), parent.port)
            && listener.permits(route.kind, namespace) != Some(false)
    };
    listeners.is_empty() || listeners.iter().any(takes)
}

/// Whether the Gateway is the controller's: its class does not say that it is another one's, and it is not missing among
/// all objects.
pub(in crate::kubernetes) fn is_own(objects: &Objects, scope: &Scope, gateway: &ObjectName) -> bool {
    let Some(declared) = objects.gateways.get(gateway) else { return !scope.complete };
    let class = declared.value.class.as_ref().and_then(|class| objects.gateway_classes.get(class));
    match (class, &scope.controller_name) {
        (Some(class), Some(controller)) => scope.any_class || *class.value == *controller,
        _ => true,
    }
}
