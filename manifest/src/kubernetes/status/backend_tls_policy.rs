//! BackendTLSPolicy: `Accepted` and `ResolvedRefs` for each Gateway.

use std::collections::BTreeMap;

use uptls::{Code, Problems, UpstreamTlsPolicy};

use super::conditions::{Said, joined};
use super::patch::Entries;
use crate::kubernetes::model::diagnostic::Effect;
use crate::kubernetes::model::status_patch::StatusPatch;
use crate::kubernetes::read::backend_tls_policy::{API_VERSION, KIND};
use crate::kubernetes::resolve::ancestors::Ancestors;
use crate::kubernetes::resolve::draft;
use crate::kubernetes::resolve::imported::{Accepted, Imported, ImportedPolicy, ResolvedRefs};
use crate::kubernetes::resolve::index::upstreams;
use crate::kubernetes::resolve::room::{Room, existing, gateway, gateways};
use crate::kubernetes::resolve::scope::Scope;

/// Those of all BackendTLSPolicies.
pub(super) fn patches(imported: &Imported, scope: &Scope, controller: &str, ancestors: &Ancestors) -> Vec<StatusPatch> {
    let mut patches = Vec::new();
    let upstreams = upstreams(&imported.objects);
    for policy in &imported.policies {
        let Some(declared) = imported.objects.policies.get(&policy.name) else { continue };
        let meta = &declared.value.meta;
        let old = existing(scope, KIND, meta);
        let room = Room::of_policy(controller, meta, &old, scope);
        let wanted: BTreeMap<_, _> = gateways(imported, policy, ancestors, &upstreams)
            .into_iter()
            .map(|name| (name.clone(), (gateway(&name), conditions(policy, scope))))
            .collect();
        if wanted.is_empty() && old.is_null() {
            continue;
        }
        let status = Entries { generation: meta.generation, now: scope.now, room }.merge(&wanted);
        patches.push(StatusPatch::new(API_VERSION, KIND, &policy.name, &old, status));
    }
    patches
}

fn conditions(policy: &ImportedPolicy, scope: &Scope) -> Vec<Said> {
    let diagnostics = draft::diagnostics(policy);
    let of = |effects: &'static [Effect]| {
        joined(diagnostics.iter().filter(|d| effects.contains(&d.effect)).map(|d| d.problem.to_string()))
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
