//! M4: which policy has which target.

use std::collections::{BTreeMap, BTreeSet};

use super::imported::{Accepted, ImportedPolicy, Target, TargetState};
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::read::objects::Declared;
use crate::kubernetes::read::service::Service;

/// A backend, whichever of its ports.
pub(in crate::kubernetes) type BackendKey = (BackendKind, ObjectName);

/// Which policies name which backend, whether they have it or not; each list in the order of names.
#[derive(Default)]
pub(in crate::kubernetes) struct Contenders(BTreeMap<BackendKey, Vec<ObjectName>>);

impl Contenders {
    /// Settles who has which target, and says who wants it.
    pub(in crate::kubernetes) fn settle_all(policies: &mut [ImportedPolicy]) -> Self {
        let mut contenders = Self::default();
        policies.iter().for_each(|policy| contenders.add(policy));
        let contested = contenders.0.iter().filter(|(_, names)| matches!(names.as_slice(), [_, _, ..]));
        contested.for_each(|(backend, names)| settle(backend, names, policies));
        policies.iter_mut().for_each(accept);
        contenders
    }

    pub(in crate::kubernetes) fn add(&mut self, policy: &ImportedPolicy) {
        for backend in backends(policy) {
            let names = self.0.entry(backend).or_insert_with(|| Vec::with_capacity(1));
            if let Err(place) = names.binary_search(&policy.name) {
                names.insert(place, policy.name.clone());
            }
        }
    }

    pub(in crate::kubernetes) fn remove(&mut self, policy: &ImportedPolicy) {
        for backend in backends(policy) {
            let Some(names) = self.0.get_mut(&backend) else { continue };
            names.retain(|name| *name != policy.name);
            if names.is_empty() {
                self.0.remove(&backend);
            }
        }
    }

    /// Those of one backend.
    pub(in crate::kubernetes) fn of(&self, backend: &BackendKey) -> &[ObjectName] {
        self.0.get(backend).map(Vec::as_slice).unwrap_or_default()
    }

    /// Settles these backends anew, after the policies `changed` have been.
    pub(in crate::kubernetes) fn settle(
        &self,
        backends: &BTreeSet<BackendKey>,
        changed: &BTreeSet<ObjectName>,
        policies: &mut [ImportedPolicy],
    ) {
        let mut touched: BTreeSet<_> = changed.iter().collect();
        for backend in backends {
            let names = self.of(backend);
            settle(backend, names, policies);
            touched.extend(names);
        }
        for name in touched {
            find(policies, name).into_iter().for_each(accept);
        }
    }
}

/// The backends that a policy names.
pub(in crate::kubernetes) fn backends(policy: &ImportedPolicy) -> impl Iterator<Item = BackendKey> {
    policy.targets.iter().filter_map(backend)
}

fn backend(target: &Target) -> Option<BackendKey> {
    Some((BackendKind::of(&target.group, &target.kind)?, target.name.clone()))
}

/// Gives each target to the oldest policy for it, then to the first in the alphabet. Only the same target *and* the same
/// section are in conflict. A policy that cannot be used competes all the same: a backend must not fall to another
/// policy because an object that the first one refers to is missing, or because its age cannot be read.
fn settle(of: &BackendKey, names: &[ObjectName], policies: &mut [ImportedPolicy]) {
    let mut order: Vec<_> = names.iter().filter_map(|name| Some((find(policies, name)?.age, name))).collect();
    order.sort();
    let mut owners: BTreeMap<Option<String>, &ObjectName> = BTreeMap::new();
    for (_, name) in order {
        let Some(policy) = find(policies, name) else { continue };
        for target in policy.targets.iter_mut().filter(|target| backend(target).as_ref() == Some(of)) {
            if !matches!(target.state, TargetState::Attached | TargetState::Conflicted { .. }) {
                continue;
            }
            let owner = *owners.entry(target.section_name.clone()).or_insert(name);
            target.state = match owner == name {
                true => TargetState::Attached,
                false => TargetState::Conflicted { winner: owner.clone() },
            };
        }
    }
}

/// The policy of this name; they are in the order of names.
fn find<'a>(policies: &'a mut [ImportedPolicy], name: &ObjectName) -> Option<&'a mut ImportedPolicy> {
    let found = policies.binary_search_by(|policy| policy.name.cmp(name)).ok()?;
    policies.get_mut(found)
}

/// What is wrong with a policy itself stays its reason.
fn accept(policy: &mut ImportedPolicy) {
    if policy.draft.is_ok() {
        policy.accepted = accepted(policy.targets.iter().map(|target| &target.state));
    }
}

/// What a target comes to before any other policy is looked at. A Service that is not among the manifests may well exist; a port that it does not have, not.
pub(super) fn attachable(target: &Target, services: &BTreeMap<ObjectName, Declared<Service>>) -> TargetState {
    match BackendKind::of(&target.group, &target.kind) {
        Some(BackendKind::Service) => {}
        // Its ports have no names.
        Some(BackendKind::Backend) if target.section_name.is_some() => return TargetState::SectionNotFound,
        Some(BackendKind::Backend) => return TargetState::Attached,
        _ => return TargetState::Unsupported,
    }
    let service = services.get(&target.name).map(|declared| &declared.value);
    match (service, &target.section_name) {
        (Some(service), section) if service.is_other(section.as_deref()) => TargetState::ProtocolNotSupported,
        (Some(service), Some(section)) if !service.has_section(section) => TargetState::SectionNotFound,
        _ => TargetState::Attached,
    }
}

/// What a sound policy is for these targets together.
pub(in crate::kubernetes) fn accepted<'a>(states: impl IntoIterator<Item = &'a TargetState> + Clone) -> Accepted {
    let any = |is: fn(&TargetState) -> bool| states.clone().into_iter().any(is);
    if any(|state| *state == TargetState::Attached) {
        Accepted::Accepted
    } else if any(|state| matches!(state, TargetState::Conflicted { .. })) {
        Accepted::Conflicted
    } else if any(|state| *state == TargetState::ProtocolNotSupported) {
        Accepted::Invalid
    } else {
        Accepted::TargetNotFound
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::{BackendKind, Contenders};
    use crate::kubernetes::{Document, ObjectName, import};

    const POLICY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: a, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation: {wellKnownCACertificates: System, hostname: pay.shop}
";

    /// Who stays in the list after its end costs memory for ever, and each change of the backend time.
    #[test]
    fn a_policy_that_is_gone_contends_no_longer() {
        let second = POLICY.replace("name: a", "name: b");
        let texts = [POLICY, &second].map(|text| Document::new("in", text.as_bytes()));
        let policies = import(texts).policies.to_vec();
        let mut contenders = Contenders::default();
        policies.iter().for_each(|policy| contenders.add(policy));
        let backend = (BackendKind::Service, ObjectName::new("shop", "pay"));
        let [a, b] = ["a", "b"].map(|name| ObjectName::new("shop", name));
        assert_eq!(contenders.of(&backend), [a, b.clone()]);
        contenders.remove(policies.first().unwrap());
        assert_eq!(contenders.of(&backend), [b]);
        contenders.remove(policies.last().unwrap());
        assert!(contenders.0.is_empty());
    }
}
