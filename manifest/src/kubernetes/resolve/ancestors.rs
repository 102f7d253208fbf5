//! Which Gateways use which backends: what the caller says, or else the routes.

use std::collections::{BTreeMap, BTreeSet};

use super::backend::BackendKind;
use super::depends::Dependencies;
use super::link::{Referrer, is_granted};
use super::merge::{GATEWAY, GATEWAY_GROUP};
use super::scope::Scope;
use crate::kubernetes::documents::Objects;
use crate::kubernetes::object::ObjectName;

/// The Gateways of each backend, with the port that they use; `None`: all ports.
pub(in crate::kubernetes) struct Ancestors {
    only: Option<ObjectName>,
    used: BTreeMap<ObjectName, Vec<Use>>,
}

struct Use {
    gateway: ObjectName,
    /// `None`: whichever kind has the name.
    kind: Option<BackendKind>,
    port: Option<u16>,
}

impl Ancestors {
    pub(super) fn new(objects: &Objects, dependencies: &Dependencies, scope: &Scope) -> Self {
        let mut ancestors = Self { only: scope.gateway.clone(), used: BTreeMap::new() };
        match &scope.ancestors {
            Some(said) => {
                for (backend, gateway) in said {
                    let used = Use { gateway: gateway.clone(), kind: backend.kind, port: backend.port };
                    ancestors.used.entry(backend.name.clone()).or_default().push(used);
                }
            }
            None => ancestors.of_routes(objects, dependencies),
        }
        ancestors
    }

    /// A route that refers to another namespace without a grant does not use the backend.
    fn of_routes(&mut self, objects: &Objects, dependencies: &Dependencies) {
        for route in objects.routes.values().map(|declared| &declared.value) {
            let is_gateway = |parent: &&crate::kubernetes::standard::ParentRef| {
                (parent.group.as_str(), parent.kind.as_str()) == (GATEWAY_GROUP, GATEWAY)
            };
            let parents: BTreeSet<_> = route.parents.iter().filter(is_gateway).map(|parent| &parent.name).collect();
            let referrer = Referrer { group: GATEWAY_GROUP, kind: route.kind, name: &route.meta.name };
            for backend in &route.backends {
                let Some(kind) = BackendKind::of(&backend.group, &backend.kind) else { continue };
                if !is_granted(objects, dependencies, referrer, (&backend.group, &backend.kind), &backend.name) {
                    continue;
                }
                dependencies.note(route.kind, &route.meta.name, Some(()));
                let uses = self.used.entry(backend.name.clone()).or_default();
                uses.extend(parents.iter().map(|gateway| Use {
                    gateway: (*gateway).clone(),
                    kind: Some(kind),
                    port: backend.port,
                }));
            }
        }
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
        let fits = |used: &&Use| {
            used.kind.is_none_or(|of| of == kind) && (used.port.is_none() || port.is_none() || used.port == port)
        };
        self.used.get(name).into_iter().flatten().filter(fits).map(|used| used.gateway.clone()).collect()
    }
}
