//! Which Gateways use which backends: what the caller says, or else the routes.

use std::collections::{BTreeMap, BTreeSet};

use super::depends::Dependencies;
use super::link::{Referrer, is_granted};
use super::scope::Scope;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::{ObjectName, ObjectRef};
use crate::kubernetes::model::provenance::Provenance;
use crate::kubernetes::read::gateway::{GATEWAY, GATEWAY_GROUP};
use crate::kubernetes::read::objects::{Declared, Objects};
use crate::kubernetes::read::route::{ParentRef, Spoken};

/// The Gateways of each backend, with the port that they use; `None`: all ports.
pub(in crate::kubernetes) struct Ancestors {
    only: Option<ObjectName>,
    routes: BTreeMap<ObjectName, Vec<RouteUse>>,
    /// In place of what the routes say.
    said: Option<BTreeMap<ObjectName, Vec<Use>>>,
}

struct Use {
    gateway: ObjectName,
    /// `None`: whichever kind has the name.
    kind: Option<BackendKind>,
    port: Option<u16>,
}

/// One reference of a route to a backend.
pub(super) struct RouteUse {
    pub(super) from: Provenance,
    gateways: BTreeSet<ObjectName>,
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
        Self { only: scope.gateway.clone(), routes: of_routes(objects, dependencies), said }
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
fn of_routes(objects: &Objects, dependencies: &Dependencies) -> BTreeMap<ObjectName, Vec<RouteUse>> {
    let mut uses: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for route in objects.routes.values().filter_map(Declared::once) {
        let is_gateway =
            |parent: &&ParentRef| (parent.group.as_str(), parent.kind.as_str()) == (GATEWAY_GROUP, GATEWAY);
        let gateways: BTreeSet<_> = route.parents.iter().filter(is_gateway).map(|parent| parent.name.clone()).collect();
        let referrer = Referrer { group: GATEWAY_GROUP, kind: route.kind, name: &route.meta.name };
        for backend in &route.backends {
            let Some(kind) = BackendKind::of(&backend.group, &backend.kind) else { continue };
            if !is_granted(objects, dependencies, referrer, (&backend.group, &backend.kind), &backend.name) {
                continue;
            }
            dependencies.note(ObjectRef::of(route.kind, &route.meta.name), Some(()));
            let object = ObjectRef::of(route.kind, &route.meta.name);
            let from = Provenance { field: backend.field.clone(), object, origin: backend.origin.clone() };
            let (gateways, port, spoken) = (gateways.clone(), backend.port, backend.spoken);
            uses.entry(backend.name.clone()).or_default().push(RouteUse { from, gateways, kind, port, spoken });
        }
    }
    uses
}
