//! Which backends there are, and which objects are for each of them.

use std::collections::{BTreeMap, BTreeSet};

use uptls::{PolicyError, PolicyErrorKind, Problem};

use super::imported::{Imported, ImportedPolicy, Target, TargetState};
use super::precedence::BackendKey;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::{ObjectName, quotable};
use crate::kubernetes::read::extension::{Extension, ExtensionTarget, TargetOf, Vendor};
use crate::kubernetes::read::objects::Objects;
use crate::kubernetes::read::xbackend::XBackend;

/// One backend and port that something may be for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::kubernetes) struct Slot {
    pub(super) kind: BackendKind,
    pub(super) name: ObjectName,
    /// `None`: every port.
    pub(super) port: Option<u16>,
    pub(super) port_name: Option<String>,
}

/// An extension, and the port that it is for.
struct OfPort((Vendor, ObjectName), Option<u16>);

/// A policy, and the section that it is for.
struct OfSection(ObjectName, Option<String>);

/// What is for which backend.
pub(in crate::kubernetes) struct Index {
    /// The ports of Services that Gloo's Upstreams lead to.
    behind: BTreeMap<ObjectName, (ObjectName, u16)>,
    extensions: BTreeMap<(BackendKind, ObjectName), Vec<OfPort>>,
    policies: BTreeMap<BackendKey, Vec<OfSection>>,
    pub(in crate::kubernetes) upstreams: Upstreams,
}

impl Index {
    pub(super) fn new(objects: &Objects, imported: &[ImportedPolicy]) -> Self {
        let targets_of = objects.extensions.values().flat_map(|extension| &extension.targets);
        let behind = targets_of.filter_map(behind).map(|(name, behind)| (name.clone(), behind.clone())).collect();
        let upstreams = upstreams(objects);
        let mut index = Self { behind, extensions: BTreeMap::new(), policies: BTreeMap::new(), upstreams };
        for policy in imported {
            for target in policy.targets.iter().filter(|target| target.state == TargetState::Attached) {
                let Some(kind) = BackendKind::of(&target.group, &target.kind) else { continue };
                index.add_policy((kind, target.name.clone()), policy, target);
            }
        }
        for (key, extension) in &objects.extensions {
            for (kind, name, port) in targets(objects, extension) {
                index.extensions.entry((kind, name)).or_default().push(OfPort(key.clone(), port));
            }
        }
        index
    }

    fn add_policy(&mut self, backend: BackendKey, policy: &ImportedPolicy, target: &Target) {
        let one = OfSection(policy.name.clone(), target.section_name.clone());
        self.policies.entry(backend).or_insert_with(|| Vec::with_capacity(1)).push(one);
    }

    /// Finds anew which of the policies `contenders` have the backend.
    pub(in crate::kubernetes) fn settled<'a>(
        &mut self,
        backend: &BackendKey,
        contenders: impl Iterator<Item = &'a ImportedPolicy>,
    ) {
        self.policies.remove(backend);
        for policy in contenders {
            let is_it = |target: &&Target| {
                target.state == TargetState::Attached
                    && target.name == backend.1
                    && BackendKind::of(&target.group, &target.kind) == Some(backend.0)
            };
            policy.targets.iter().filter(is_it).for_each(|target| self.add_policy(backend.clone(), policy, target));
        }
    }

    /// Finds anew which extensions are for a Service, after it has changed: by its name, its labels or its annotations.
    pub(in crate::kubernetes) fn extend_again(&mut self, objects: &Objects, service: &ObjectName) {
        let mut found = Vec::new();
        for vendor in Vendor::all() {
            let first = (vendor, ObjectName::new(&service.namespace, ""));
            let here = objects.extensions.range(first..);
            let here = here.take_while(|((of, name), _)| (*of, &name.namespace) == (vendor, &service.namespace));
            for (key, extension) in here {
                let ports = extension.targets.iter().filter_map(|target| port_of(objects, &target.what, service));
                found.extend(ports.map(|port| OfPort(key.clone(), port)));
            }
        }
        let backend = (BackendKind::Service, service.clone());
        self.extensions.remove(&backend);
        if !found.is_empty() {
            self.extensions.insert(backend, found);
        }
    }

    /// The Service behind an Upstream.
    pub(in crate::kubernetes) fn service_behind(&self, upstream: &ObjectName) -> Option<&ObjectName> {
        self.behind.get(upstream).map(|(service, _)| service)
    }

    /// The slots of one backend.
    pub(in crate::kubernetes) fn slots_of(
        &self,
        objects: &Objects,
        kind: BackendKind,
        name: &ObjectName,
    ) -> BTreeSet<Slot> {
        let mut slots = BTreeSet::new();
        let key = (kind, name.clone());
        if self.policies.contains_key(&key) || self.extensions.contains_key(&key) {
            self.add_slots(objects, &key, &mut slots);
        }
        if let (BackendKind::XBackend, Some(declared)) = (kind, objects.xbackends.get(name)) {
            slots.insert(Slot::of_xbackend(name, &declared.value));
        }
        slots
    }

    /// Every backend and port that an object is for, and every XBackend.
    pub(in crate::kubernetes) fn slots(&self, objects: &Objects) -> BTreeSet<Slot> {
        let mut slots = BTreeSet::new();
        self.policies.keys().chain(self.extensions.keys()).for_each(|key| self.add_slots(objects, key, &mut slots));
        slots.extend(objects.xbackends.iter().map(|(name, declared)| Slot::of_xbackend(name, &declared.value)));
        slots
    }

    fn add_slots(&self, objects: &Objects, key: &(BackendKind, ObjectName), slots: &mut BTreeSet<Slot>) {
        let (kind, name) = key;
        let slot =
            |port: Option<u16>, port_name: Option<String>| Slot { kind: *kind, name: name.clone(), port, port_name };
        match objects.services.get(name).filter(|_| *kind == BackendKind::Service) {
            // Of an ExternalName, or a headless one: whichever port is asked for.
            Some(service) if service.value.ports.is_empty() && service.value.others.is_empty() => {
                slots.insert(slot(None, None));
            }
            Some(service) => {
                slots.extend(service.value.ports.iter().map(|port| slot(Some(port.number), port.name.clone())));
            }
            None => {
                let own = self.extensions.get(key);
                let ports: BTreeSet<_> = own.into_iter().flatten().map(|OfPort(_, port)| *port).collect();
                // An Upstream is for the port that it names, or for every one: its own extension says so.
                if *kind != BackendKind::Upstream {
                    slots.insert(slot(None, None));
                }
                slots.extend(ports.into_iter().map(|port| slot(port, None)));
            }
        }
    }

    /// The backend that a standard policy can be for: the port of the Service behind an Upstream, or the backend itself.
    pub(super) fn behind(&self, objects: &Objects, slot: &Slot) -> Slot {
        let found = self.behind.get(&slot.name).filter(|_| slot.kind == BackendKind::Upstream);
        let Some((name, number)) = found else { return slot.clone() };
        let port = objects.services.get(name).and_then(|declared| declared.value.port(*number));
        let port_name = port.and_then(|port| port.name.clone());
        Slot { kind: BackendKind::Service, name: name.clone(), port: Some(*number), port_name }
    }

    /// The policy of the port's own section, or else the one for all ports (M4).
    ///
    /// # Errors
    /// Which section has the port, only the Service says, and it is not there.
    pub(super) fn standard<'a>(
        &self,
        imported: &'a Imported,
        slot: &Slot,
    ) -> Result<Option<&'a ImportedPolicy>, UnknownService> {
        let slot = self.behind(&imported.objects, slot);
        let Some(found) = self.policies.get(&(slot.kind, slot.name.clone())) else { return Ok(None) };
        let known = slot.kind != BackendKind::Service || imported.objects.services.contains_key(&slot.name);
        if !known && found.iter().any(|OfSection(_, section)| section.is_some()) {
            return Err(UnknownService);
        }
        let own = found.iter().find(|OfSection(_, section)| section.is_some() && *section == slot.port_name);
        let any = || found.iter().find(|OfSection(_, section)| section.is_none());
        Ok(own.or_else(any).and_then(|OfSection(policy, _)| imported.policy(policy)))
    }

    /// The extensions for a backend, the one that counts first: for the port alone, then the oldest, then by name.
    pub(super) fn extensions<'a>(&self, objects: &'a Objects, slot: &Slot) -> Vec<&'a Extension> {
        let all = self.extensions.get(&(slot.kind, slot.name.clone())).map(Vec::as_slice).unwrap_or_default();
        let fits = |OfPort(_, port): &&OfPort| port.is_none() || *port == slot.port;
        let found = |OfPort(key, port): &OfPort| Some((objects.extensions.get(key)?, *port));
        let speaks = |extension: &Extension| extension.speaks() || !extension.wire.is_empty();
        let mut found: Vec<_> = all.iter().filter(fits).filter_map(found).filter(|(of, _)| speaks(of)).collect();
        found.sort_by_key(|(extension, port)| {
            (port.is_none(), extension.created, extension.meta.name.clone(), extension.vendor)
        });
        let mut seen = BTreeSet::new();
        found.retain(|(extension, port)| seen.insert((extension.vendor, extension.meta.name.clone(), port.is_some())));
        found.into_iter().map(|(extension, _)| extension).collect()
    }
}

impl Slot {
    fn of_xbackend(name: &ObjectName, backend: &XBackend) -> Self {
        let (port, port_name) = (backend.port, backend.port_name.clone());
        Self { kind: BackendKind::XBackend, name: name.clone(), port, port_name }
    }
}

/// A policy names a port of a Service that is not among the manifests.
pub(super) struct UnknownService;

/// The backends that an extension is for, with the port if it names one.
pub(in crate::kubernetes) fn targets(
    objects: &Objects,
    extension: &Extension,
) -> Vec<(BackendKind, ObjectName, Option<u16>)> {
    let mut found = Vec::new();
    for target in &extension.targets {
        match &target.what {
            TargetOf::Backend(name) => found.push((BackendKind::Backend, name.clone(), None)),
            TargetOf::Labels { kind, labels } => found.extend(labelled(objects, extension, kind, labels)),
            TargetOf::Service { name, port } => found.push((BackendKind::Service, name.clone(), *port)),
            TargetOf::Unknown | TargetOf::Unsupported { .. } => {}
            TargetOf::Upstream { name, behind } => {
                found.push((BackendKind::Upstream, name.clone(), behind.as_ref().map(|(_, port)| *port)));
            }
        }
    }
    found
}

/// For which port a target is of the Service, which is in the namespace of the extension; `None`: it is for something else.
fn port_of(objects: &Objects, target: &TargetOf, service: &ObjectName) -> Option<Option<u16>> {
    match target {
        TargetOf::Service { name, port } if name == service => Some(*port),
        TargetOf::Labels { kind, labels } if kind != BackendKind::Backend.as_str() => {
            let declared = objects.services.get(service)?;
            has(&declared.value.meta.labels, labels).then_some(None)
        }
        _ => None,
    }
}

/// Whether all `labels` are among those of an object.
fn has(of: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> bool {
    labels.iter().all(|(key, value)| of.get(key) == Some(value))
}

/// Gloo's Upstreams by the Service behind them, each with the port.
pub(in crate::kubernetes) fn upstreams(objects: &Objects) -> Upstreams {
    let mut found = Upstreams::new();
    let targets = objects.extensions.values().flat_map(|extension| &extension.targets);
    for (upstream, (service, port)) in targets.filter_map(behind) {
        found.entry(service.clone()).or_default().push((*port, upstream.clone()));
    }
    found
}

/// The Upstreams that lead to a Service, each with the port.
pub(in crate::kubernetes) type Upstreams = BTreeMap<ObjectName, Vec<(u16, ObjectName)>>;

fn behind(target: &ExtensionTarget) -> Option<(&ObjectName, &(ObjectName, u16))> {
    let TargetOf::Upstream { name, behind } = &target.what else { return None };
    Some((name, behind.as_ref()?))
}

/// What an extension is for, and cannot be.
pub(in crate::kubernetes) fn unsupported_targets(extension: &Extension) -> Vec<Problem> {
    let problem = |target: &ExtensionTarget| {
        let TargetOf::Unsupported { group, kind, name } = &target.what else { return None };
        let given = format!("{} {} of the group {:?}", quotable(kind), quotable(name), quotable(group));
        let supported =
            vec!["Service of the group \"\"".to_owned(), "Backend of the group \"gateway.kgateway.dev\"".to_owned()];
        let error = PolicyError::new(&target.path, PolicyErrorKind::UnsupportedOption { given, supported });
        Some(Problem::from(error).with_origin(Some(target.origin.clone())))
    };
    extension.targets.iter().filter_map(problem).collect()
}

/// What in the extension's namespace has the labels.
fn labelled<'a>(
    objects: &'a Objects,
    extension: &'a Extension,
    kind: &str,
    labels: &'a BTreeMap<String, String>,
) -> Vec<(BackendKind, ObjectName, Option<u16>)> {
    let namespace = &extension.meta.name.namespace;
    let first = ObjectName::new(namespace, "");
    let is_here = |name: &ObjectName| name.namespace == *namespace;
    let kind = if kind == "Backend" { BackendKind::Backend } else { BackendKind::Service };
    let names: Vec<_> = match kind {
        BackendKind::Backend => {
            let here = objects.backends.range(first..).take_while(|(name, _)| is_here(name));
            here.filter(|(_, declared)| has(&declared.value.labels, labels)).map(|(name, _)| name.clone()).collect()
        }
        _ => {
            let here = objects.services.range(first..).take_while(|(name, _)| is_here(name));
            here.filter(|(_, declared)| has(&declared.value.meta.labels, labels))
                .map(|(name, _)| name.clone())
                .collect()
        }
    };
    names.into_iter().map(|name| (kind, name, None)).collect()
}
