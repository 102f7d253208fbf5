//! BackendTLSPolicy: `Accepted` and `ResolvedRefs` for each Gateway.

use std::collections::{BTreeMap, BTreeSet};

use uptls::{Code, Problems, UpstreamTlsPolicy};

use super::conditions::{Said, joined};
use super::patch::{Entries, StatusPatch, existing, gateway};
use crate::kubernetes::backend_tls_policy::{API_VERSION, KIND};
use crate::kubernetes::draft;
use crate::kubernetes::imported::{Accepted, Effect, Imported, ImportedPolicy, ResolvedRefs, TargetState};
use crate::kubernetes::object::ObjectName;
use crate::kubernetes::resolve::{Ancestors, BackendKind, Scope, upstreams};

/// The patches, and where there was no room for one.
#[derive(Default)]
pub(in crate::kubernetes) struct Statuses {
    pub(in crate::kubernetes) full: BTreeSet<Full>,
    pub(in crate::kubernetes) patches: Vec<StatusPatch>,
}

/// A policy that must not be implemented for a Gateway, since its status has no room for it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::kubernetes) struct Full {
    pub(in crate::kubernetes) gateway: ObjectName,
    pub(in crate::kubernetes) policy: ObjectName,
}

/// Those of all BackendTLSPolicies.
pub(in crate::kubernetes) fn patches(imported: &Imported, scope: &Scope, ancestors: &Ancestors) -> Statuses {
    let mut statuses = Statuses::default();
    let Some(controller) = &scope.controller_name else { return statuses };
    let upstreams = upstreams(&imported.objects);
    for policy in &imported.policies {
        let Some(declared) = imported.objects.policies.get(&policy.name) else { continue };
        let meta = &declared.value.meta;
        let old = existing(scope, KIND, meta);
        let entries = Entries {
            controller,
            generation: meta.generation,
            list: "ancestors",
            max: MAX,
            meta,
            now: scope.now,
            old: &old,
            only: scope.gateway.as_ref(),
            reference: "ancestorRef",
        };
        let wanted: BTreeMap<_, _> = gateways(imported, policy, ancestors, &upstreams)
            .into_iter()
            .map(|name| (name.clone(), (gateway(&name), conditions(policy, scope))))
            .collect();
        if wanted.is_empty() && old.is_null() {
            continue;
        }
        let (status, full) = entries.merge(&wanted);
        let full = full.into_iter().map(|gateway| Full { gateway, policy: policy.name.clone() });
        statuses.full.extend(full);
        statuses.patches.push(StatusPatch::new(API_VERSION, KIND, &policy.name, &old, status));
    }
    statuses
}

/// The Gateways that use a target of the policy, by its own name or by that of an Upstream, whether it has won it or not.
fn gateways(
    imported: &Imported,
    policy: &ImportedPolicy,
    ancestors: &Ancestors,
    upstreams: &BTreeMap<&ObjectName, Vec<(u16, &ObjectName)>>,
) -> BTreeSet<ObjectName> {
    let mut gateways = BTreeSet::new();
    for target in policy.targets.iter().filter(|target| target.state != TargetState::Unsupported) {
        let Some(kind) = BackendKind::of(&target.group, &target.kind) else { continue };
        let service = imported.objects.services.get(&target.name).map(|declared| &declared.value);
        let ports = service.into_iter().flat_map(|service| &service.ports);
        let section = target.section_name.as_deref();
        let port = section.and_then(|section| ports.clone().find(|port| port.name.as_deref() == Some(section)));
        let number = port.map(|port| port.number);
        gateways.extend(ancestors.of(kind, &target.name, number));
        let to_it = upstreams.get(&target.name).into_iter().flatten().filter(|_| kind == BackendKind::Service);
        let of_port = to_it.filter(|(port, _)| number.is_none_or(|number| number == *port));
        gateways
            .extend(of_port.flat_map(|(port, upstream)| ancestors.of(BackendKind::Upstream, upstream, Some(*port))));
    }
    gateways
}

fn conditions(policy: &ImportedPolicy, scope: &Scope) -> Vec<Said> {
    let diagnostics = draft::diagnostics(policy);
    let of = |effects: &'static [Effect]| {
        joined(diagnostics.iter().filter(|d| effects.contains(&d.effect)).map(|d| d.problem.message()))
    };
    let is_refused = |problems: &Problems| problems.iter().any(|problem| problem.code() == Code::DangerForbidden);
    let checked = policy.draft.clone().and_then(|draft| UpstreamTlsPolicy::check(draft, scope.permission));
    let refused = checked.err().filter(|problems| policy.accepted == Accepted::Accepted && is_refused(problems));
    let accepted = policy.accepted == Accepted::Accepted && refused.is_none();
    let (reason, message) = match (&refused, accepted) {
        (Some(refused), _) => (Accepted::Invalid, joined(refused.iter().map(ToString::to_string))),
        (None, true) => (policy.accepted, "the policy is accepted".to_owned()),
        (None, false) => (policy.accepted, of(&[Effect::NotReady, Effect::NotAttached])),
    };
    let resolved = policy.resolved_refs == ResolvedRefs::ResolvedRefs;
    let references = match (resolved, policy.accepted == Accepted::Accepted) {
        (true, _) => "all references are resolved".to_owned(),
        (false, true) => of(&[Effect::Notice]),
        (false, false) => of(&[Effect::NotReady]),
    };
    vec![
        Said::new("Accepted", accepted, reason.as_str(), message),
        Said::new("ResolvedRefs", resolved, policy.resolved_refs.as_str(), references),
    ]
}

/// How many ancestors the standard has room for.
const MAX: usize = 16;
