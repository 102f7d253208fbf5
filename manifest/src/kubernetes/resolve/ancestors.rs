//! Which Gateways use which backends: what the caller says, or else the routes and the listeners.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::depends::Dependencies;
use super::link::{Referrer, is_granted};
use super::precedence::BackendKey;
use super::scope::Scope;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::{ObjectName, ObjectRef};
use crate::kubernetes::model::provenance::Provenance;
use crate::kubernetes::read::gateway::{GATEWAY, GATEWAY_GROUP, Gateway};
use crate::kubernetes::read::listener::{Listener, Namespace};
use crate::kubernetes::read::listener_set::{self, ListenerSet};
use crate::kubernetes::read::objects::{Declared, Objects};
use crate::kubernetes::read::route::{ParentRef, Route, RouteBackend, Spoken, TELEMETRY};

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

/// One reference of a route, or of a listener, to a backend.
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
        Self { only: scope.gateway.clone(), routes: of_objects(objects, dependencies, scope), said }
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

    /// Finds anew what `who` uses: routes, Gateways and ListenerSets. `left` are the backends that they may have used. Gives back
    /// those that they used or use.
    pub(in crate::kubernetes) fn find_again(
        &mut self,
        objects: &Objects,
        scope: &Scope,
        who: &BTreeSet<ObjectRef>,
        mut left: BTreeSet<ObjectName>,
    ) -> BTreeSet<BackendKey> {
        let dependencies = Dependencies::default();
        let mut found = Found { dependencies: &dependencies, objects, scope, uses: BTreeMap::new() };
        who.iter().for_each(|object| found.object(object));
        let mut found = found.uses;
        left.extend(found.keys().cloned());
        let mut used = BTreeSet::new();
        for name in left {
            let mut uses = self.routes.remove(&name).unwrap_or_default();
            let new = found.remove(&name).unwrap_or_default();
            let gone = uses.iter().filter(|used| who.contains(&used.from.object));
            used.extend(gone.chain(&new).map(|used| (used.kind, name.clone())));
            uses.retain(|used| !who.contains(&used.from.object));
            uses.extend(new);
            uses.sort_by(|a, b| place(&a.from.object).cmp(&place(&b.from.object)));
            if !uses.is_empty() {
                uses.shrink_to_fit();
                self.routes.insert(name, uses);
            }
        }
        used
    }

    /// The backends that the caller says `gateway` uses.
    pub(in crate::kubernetes) fn said_of(&self, gateway: &ObjectName) -> BTreeSet<BackendKey> {
        let said = self.said.iter().flatten().filter(|(_, uses)| uses.iter().any(|used| used.gateway == *gateway));
        said.flat_map(|(name, _)| BackendKind::all().map(|kind| (kind, name.clone()))).collect()
    }

    fn leading_to(&self, kind: BackendKind, name: &ObjectName, port: Option<u16>) -> impl Iterator<Item = &RouteUse> {
        let all = self.routes.get(name).into_iter().flatten();
        all.filter(move |route| route.kind == kind && may_be(route.port, port))
    }
}

/// The order in which all objects are gone through: routes, Gateways, ListenerSets.
fn place(object: &ObjectRef) -> (u8, &ObjectRef) {
    let rank = match &*object.kind {
        GATEWAY => 1,
        kind if listener_set::KINDS.iter().any(|(_, set)| *set == kind) => 2,
        _ => 0,
    };
    (rank, object)
}

fn may_be(a: Option<u16>, b: Option<u16>) -> bool {
    a.is_none() || b.is_none() || a == b
}

/// Who uses which backend: routes, and the listeners that ask a backend before they route.
fn of_objects(objects: &Objects, dependencies: &Dependencies, scope: &Scope) -> BTreeMap<ObjectName, Vec<RouteUse>> {
    let mut found = Found { dependencies, objects, scope, uses: BTreeMap::new() };
    objects.routes.values().filter_map(Declared::once).for_each(|route| found.route(route));
    objects.gateways.iter().for_each(|(name, declared)| found.gateway(name, &declared.value));
    for ((kind, name), set) in &objects.listener_sets {
        set.once().into_iter().for_each(|set| found.listener_set(kind, name, set));
    }
    found.uses
}

/// What has been found of who uses which backend.
struct Found<'a> {
    dependencies: &'a Dependencies,
    objects: &'a Objects,
    scope: &'a Scope,
    uses: BTreeMap<ObjectName, Vec<RouteUse>>,
}

impl Found<'_> {
    fn route(&mut self, route: &Route) {
        let gateway = |parent: &ParentRef| gateway_of(self.objects, self.dependencies, route, parent);
        let gateways = self.own(route.parents.iter().filter_map(gateway));
        let group = if route.kind == TELEMETRY { EXPERIMENTAL_GROUP } else { GATEWAY_GROUP };
        self.add(Referrer { group, kind: route.kind, name: &route.meta.name }, &route.backends, gateways);
    }

    fn gateway(&mut self, name: &ObjectName, gateway: &Gateway) {
        let gateways = self.own([name.clone()]);
        self.add(Referrer { group: GATEWAY_GROUP, kind: GATEWAY, name }, &gateway.backends, gateways);
    }

    fn listener_set(&mut self, kind: &'static str, name: &ObjectName, set: &ListenerSet) {
        if set.backends.is_empty() {
            return;
        }
        let group =
            listener_set::KINDS.into_iter().find(|known| known.1 == kind).map_or(GATEWAY_GROUP, |known| known.0);
        let gateways = self.own(gateway_of_set(self.objects, set));
        self.add(Referrer { group, kind, name }, &set.backends, gateways);
    }

    /// What one object uses, whichever of them it is.
    fn object(&mut self, object: &ObjectRef) {
        let (objects, name) = (self.objects, object.object_name());
        if object.kind == GATEWAY {
            objects.gateways.get(&name).into_iter().for_each(|declared| self.gateway(&name, &declared.value));
        } else if let Some((_, kind)) = listener_set::KINDS.into_iter().find(|(_, kind)| *kind == object.kind) {
            let set = objects.listener_sets.get(&(kind, name.clone())).and_then(Declared::once);
            set.into_iter().for_each(|set| self.listener_set(kind, &name, set));
        } else {
            objects.route_of(object).into_iter().for_each(|route| self.route(route));
        }
    }

    fn own(&self, gateways: impl IntoIterator<Item = ObjectName>) -> BTreeSet<ObjectName> {
        gateways.into_iter().filter(|gateway| is_own(self.objects, self.scope, gateway)).collect()
    }

    /// The backends of one object, which these Gateways use by it. Without a grant, what is in another namespace is not used.
    fn add(&mut self, referrer: Referrer<'_>, backends: &[RouteBackend], gateways: BTreeSet<ObjectName>) {
        let gateways: Arc<[_]> = gateways.into_iter().collect();
        for backend in backends {
            let Some(kind) = BackendKind::of(&backend.group, &backend.kind) else { continue };
            let to = (backend.group.as_str(), backend.kind.as_str());
            if !is_granted(self.objects, self.dependencies, referrer, to, &backend.name) {
                continue;
            }
            let object = referrer.object();
            self.dependencies.note(object.clone(), Some(()));
            let from = Provenance { field: backend.field.clone(), object, origin: backend.origin.clone() };
            let (gateways, port, spoken) = (Arc::clone(&gateways), backend.port, backend.spoken);
            let used = RouteUse { from, gateways, kind, port, spoken };
            self.uses.entry(backend.name.clone()).or_insert_with(|| Vec::with_capacity(1)).push(used);
        }
    }
}

/// The Gateway that a route attaches to, itself or by a ListenerSet, unless its listeners say that it does not.
fn gateway_of(objects: &Objects, dependencies: &Dependencies, route: &Route, parent: &ParentRef) -> Option<ObjectName> {
    if (parent.group.as_str(), parent.kind.as_str()) == (GATEWAY_GROUP, GATEWAY) {
        let gateway = objects.gateways.get(&parent.name).map(|declared| &declared.value);
        let listeners = gateway.map(|gateway| gateway.listeners.as_slice()).unwrap_or_default();
        let is_taken = route.kind == TELEMETRY || attaches(objects, listeners, route, parent);
        return is_taken.then(|| parent.name.clone());
    }
    let (_, kind) = listener_set::KINDS.into_iter().find(|known| *known == (&*parent.group, &*parent.kind))?;
    let found = objects.listener_sets.get(&(kind, parent.name.clone())).and_then(Declared::once);
    let set = dependencies.note(ObjectRef::of(kind, &parent.name), found)?;
    gateway_of_set(objects, set).filter(|_| attaches(objects, &set.listeners, route, parent))
}

/// The Gateway of a ListenerSet, unless it says that the set may not attach.
fn gateway_of_set(objects: &Objects, set: &ListenerSet) -> Option<ObjectName> {
    let name = set.gateway.clone()?;
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
        (Some(class), Some(controller)) => scope.is_placeholder || *class.value == *controller,
        _ => true,
    }
}

const EXPERIMENTAL_GROUP: &str = "gateway.networking.x-k8s.io";
