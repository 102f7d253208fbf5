//! Which backends there are, and which objects are for each of them.

use std::collections::{BTreeMap, BTreeSet};

use uptls::{PolicyError, PolicyErrorKind, Problem};

use super::imported::{ImportedPolicy, TargetState};
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::{ObjectName, quotable};
use crate::kubernetes::read::extension::{Extension, ExtensionTarget, TargetOf};
use crate::kubernetes::read::objects::Objects;

/// One backend and port that something may be for.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Slot {
    pub(super) kind: BackendKind,
    pub(super) name: ObjectName,
    /// `None`: every port.
    pub(super) port: Option<u16>,
    pub(super) port_name: Option<String>,
}

/// An extension, and the port that it is for.
#[derive(Clone, Copy)]
struct OfPort<'a>(&'a Extension, Option<u16>);

/// A policy, and the section that it is for.
struct OfSection<'a>(&'a ImportedPolicy, Option<&'a str>);

/// What is for which backend.
pub(super) struct Index<'a> {
    /// The ports of Services that Gloo's Upstreams lead to.
    behind: BTreeMap<&'a ObjectName, &'a (ObjectName, u16)>,
    extensions: BTreeMap<(BackendKind, ObjectName), Vec<OfPort<'a>>>,
    objects: &'a Objects,
    policies: BTreeMap<(BackendKind, ObjectName), Vec<OfSection<'a>>>,
}

impl<'a> Index<'a> {
    pub(super) fn new(objects: &'a Objects, imported: &'a [ImportedPolicy]) -> Self {
        let behind = objects.extensions.values().flat_map(|extension| &extension.targets).filter_map(behind).collect();
        let mut index = Self { behind, extensions: BTreeMap::new(), objects, policies: BTreeMap::new() };
        for policy in imported {
            for target in policy.targets.iter().filter(|target| target.state == TargetState::Attached) {
                let Some(kind) = BackendKind::of(&target.group, &target.kind) else { continue };
                let section = target.section_name.as_deref();
                index.policies.entry((kind, target.name.clone())).or_default().push(OfSection(policy, section));
            }
        }
        for extension in objects.extensions.values() {
            for (kind, name, port) in targets(objects, extension) {
                index.extensions.entry((kind, name)).or_default().push(OfPort(extension, port));
            }
        }
        index
    }

    /// Every backend and port that an object is for, and every XBackend.
    pub(super) fn slots(&self) -> BTreeSet<Slot> {
        let mut slots = BTreeSet::new();
        for (kind, name) in self.policies.keys().chain(self.extensions.keys()) {
            let service = self.objects.services.get(name).filter(|_| *kind == BackendKind::Service);
            let slot = |port: Option<u16>, port_name: Option<String>| Slot {
                kind: *kind,
                name: name.clone(),
                port,
                port_name,
            };
            match service {
                // Of an ExternalName, or a headless one: whichever port is asked for.
                Some(service) if service.value.ports.is_empty() && service.value.others.is_empty() => {
                    slots.insert(slot(None, None));
                }
                Some(service) => {
                    slots.extend(service.value.ports.iter().map(|port| slot(Some(port.number), port.name.clone())));
                }
                None => {
                    let own = self.extensions.get(&(*kind, name.clone()));
                    let ports: BTreeSet<_> = own.into_iter().flatten().map(|OfPort(_, port)| *port).collect();
                    if *kind != BackendKind::Upstream || ports.is_empty() {
                        slots.insert(slot(None, None));
                    }
                    slots.extend(ports.into_iter().map(|port| slot(port, None)));
                }
            }
        }
        slots.extend(self.objects.xbackends.iter().map(|(name, declared)| Slot {
            kind: BackendKind::XBackend,
            name: name.clone(),
            port: declared.value.port,
            port_name: declared.value.port_name.clone(),
        }));
        slots
    }

    /// The backend that a standard policy can be for: the port of the Service behind an Upstream, or the backend itself.
    pub(super) fn behind(&self, slot: &Slot) -> Slot {
        let found = self.behind.get(&slot.name).filter(|_| slot.kind == BackendKind::Upstream);
        let Some((name, number)) = found else { return slot.clone() };
        let port = self.objects.services.get(name).and_then(|declared| declared.value.port(*number));
        let port_name = port.and_then(|port| port.name.clone());
        Slot { kind: BackendKind::Service, name: name.clone(), port: Some(*number), port_name }
    }

    /// The policy of the port's own section, or else the one for all ports (M4).
    ///
    /// # Errors
    /// Which section has the port, only the Service says, and it is not there.
    pub(super) fn standard(&self, slot: &Slot) -> Result<Option<&'a ImportedPolicy>, UnknownService> {
        let slot = self.behind(slot);
        let Some(found) = self.policies.get(&(slot.kind, slot.name.clone())) else { return Ok(None) };
        let known = slot.kind != BackendKind::Service || self.objects.services.contains_key(&slot.name);
        if !known && found.iter().any(|OfSection(_, section)| section.is_some()) {
            return Err(UnknownService);
        }
        let own = found.iter().find(|OfSection(_, section)| section.is_some() && *section == slot.port_name.as_deref());
        let any = || found.iter().find(|OfSection(_, section)| section.is_none());
        Ok(own.or_else(any).map(|OfSection(policy, _)| *policy))
    }

    /// The extensions for a backend, the one that counts first: for the port alone, then the oldest, then by name.
    pub(super) fn extensions(&self, slot: &Slot) -> Vec<&'a Extension> {
        let all = self.extensions.get(&(slot.kind, slot.name.clone())).map(Vec::as_slice).unwrap_or_default();
        let fits = |OfPort(_, port): &&OfPort<'_>| port.is_none() || *port == slot.port;
        let speaks = |OfPort(extension, _): &&OfPort<'_>| extension.tls.is_some() || !extension.problems.is_empty();
        let mut found: Vec<_> = all.iter().filter(fits).filter(speaks).copied().collect();
        found.sort_by_key(|OfPort(extension, port)| {
            (port.is_none(), extension.created, extension.meta.name.clone(), extension.vendor)
        });
        let mut seen = BTreeSet::new();
        found.retain(|OfPort(extension, port)| {
            seen.insert((extension.vendor, extension.meta.name.clone(), port.is_some()))
        });
        found.into_iter().map(|OfPort(extension, _)| extension).collect()
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

/// Gloo's Upstreams by the Service behind them, each with the port.
pub(in crate::kubernetes) fn upstreams(objects: &Objects) -> BTreeMap<&ObjectName, Vec<(u16, &ObjectName)>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let targets = objects.extensions.values().flat_map(|extension| &extension.targets);
    for (upstream, (service, port)) in targets.filter_map(behind) {
        found.entry(service).or_default().push((*port, upstream));
    }
    found
}

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
    let has = |of: &BTreeMap<String, String>| labels.iter().all(|(key, value)| of.get(key) == Some(value));
    let here = |name: &&ObjectName| name.namespace == extension.meta.name.namespace;
    let kind = if kind == "Backend" { BackendKind::Backend } else { BackendKind::Service };
    let names: Vec<_> = match kind {
        BackendKind::Backend => {
            let all = objects.backends.iter().filter(|(_, declared)| has(&declared.value.labels));
            all.map(|(name, _)| name).filter(here).cloned().collect()
        }
        _ => {
            let all = objects.services.iter().filter(|(_, declared)| has(&declared.value.meta.labels));
            all.map(|(name, _)| name).filter(here).cloned().collect()
        }
    };
    names.into_iter().map(|name| (kind, name, None)).collect()
}
