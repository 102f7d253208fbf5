//! M4: which policy has which target.

use std::collections::BTreeMap;

use super::imported::{Accepted, ImportedPolicy, Target, TargetState};
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::read::objects::Declared;
use crate::kubernetes::read::service::Service;

/// Gives each target to the oldest policy for it, then to the first in the alphabet. Only the same target *and* the same
/// section are in conflict. A policy that cannot be used competes all the same: a backend must not fall to another
/// policy because an object that the first one refers to is missing, or because its age cannot be read.
pub(in crate::kubernetes) fn settle(
    policies: &mut [ImportedPolicy],
    services: &BTreeMap<ObjectName, Declared<Service>>,
) {
    let mut order: Vec<_> = policies.iter_mut().collect();
    order.sort_by_key(|policy| (policy.age, policy.name.clone()));
    let mut owners: BTreeMap<(String, ObjectName, Option<String>), ObjectName> = BTreeMap::new();
    for policy in order {
        for target in &mut policy.targets {
            target.state = attachable(target, services);
            if target.state == TargetState::Attached {
                let key = (target.kind.clone(), target.name.clone(), target.section_name.clone());
                let owner = owners.entry(key).or_insert_with(|| policy.name.clone());
                if *owner != policy.name {
                    target.state = TargetState::Conflicted { winner: owner.clone() };
                }
            }
        }
        if policy.accepted == Accepted::Accepted {
            policy.accepted = accepted(policy.targets.iter().map(|target| &target.state));
        }
    }
}

/// A Service that is not among the manifests may well exist; a port that it does not have, not.
fn attachable(target: &Target, services: &BTreeMap<ObjectName, Declared<Service>>) -> TargetState {
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
