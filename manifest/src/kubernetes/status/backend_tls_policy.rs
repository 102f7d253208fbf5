//! BackendTLSPolicy: `Accepted` and `ResolvedRefs` for each Gateway.

use core::iter;
use std::collections::BTreeMap;

use uptls::{Code, Problem, Problems, UpstreamTlsPolicy};

use super::conditions::{Said, joined};
use super::patch::Entries;
use super::reason::{self, Reason};
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::diagnostic::Effect;
use crate::kubernetes::model::status_patch::StatusPatch;
use crate::kubernetes::read::backend_tls_policy::{API_VERSION, KIND};
use crate::kubernetes::resolve::ancestors::Ancestors;
use crate::kubernetes::resolve::imported::{Accepted, Imported, ImportedPolicy, ResolvedRefs, Target, TargetState};
use crate::kubernetes::resolve::index::upstreams;
use crate::kubernetes::resolve::room::{Room, existing, gateway, gateways};
use crate::kubernetes::resolve::scope::Scope;
use crate::kubernetes::resolve::{draft, precedence};

/// Those of all BackendTLSPolicies.
pub(super) fn patches(imported: &Imported, scope: &Scope, controller: &str, ancestors: &Ancestors) -> Vec<StatusPatch> {
    let mut patches = Vec::new();
    let upstreams = upstreams(&imported.objects);
    for policy in imported.policies.iter() {
        let Some(declared) = imported.objects.policies.get(&policy.name) else { continue };
        let meta = &declared.value.meta;
        let old = existing(scope, KIND, meta);
        let room = Room::of_policy(controller, meta, &old, scope);
        let wanted: BTreeMap<_, _> = gateways(imported, policy, ancestors, &upstreams)
            .into_iter()
            .map(|(name, targets)| (name.clone(), (gateway(&name), conditions(imported, policy, scope, &targets))))
            .collect();
        if wanted.is_empty() && old.is_null() {
            continue;
        }
        let status = Entries { generation: meta.generation, now: scope.now, room, passing: &[] }.merge(&wanted);
        patches.push(StatusPatch::new(API_VERSION, KIND, &policy.name, &old, status));
    }
    patches
}

/// The conditions for one Gateway: what counts are the targets that it uses.
fn conditions(imported: &Imported, policy: &ImportedPolicy, scope: &Scope, targets: &[&Target]) -> Vec<Said> {
    let diagnostics = draft::diagnostics(policy);
    let of = |effects: &'static [Effect]| {
        diagnostics.iter().filter(|d| effects.contains(&d.effect)).map(|d| d.problem.message())
    };
    let is_refused = |problems: &Problems| problems.iter().any(|problem| problem.code() == Code::DangerForbidden);
    let checked = policy.draft.clone().and_then(|draft| UpstreamTlsPolicy::check(draft, scope.permission));
    let refused = checked.err().filter(|problems| policy.draft.is_ok() && is_refused(problems));
    let states: Vec<_> = targets.iter().map(|target| state(imported, scope, target)).collect();
    let reason = match (&refused, &policy.draft) {
        (Some(_), _) => Accepted::Invalid,
        (None, Err(_)) => policy.accepted,
        (None, Ok(_)) => precedence::accepted(&states),
    };
    // What no Gateway uses is said to all of them.
    let is_theirs = |target: &&Target| target.state == TargetState::Unsupported || targets.contains(target);
    let theirs = policy.targets.iter().filter(is_theirs);
    let lost = theirs.filter_map(|target| draft::not_attached(target, &state(imported, scope, target)));
    let lost: Vec<_> = lost.map(|problem| problem.message()).collect();
    let message = match (&refused, reason) {
        (Some(refused), _) => joined(refused.iter().map(Problem::message)),
        (None, Accepted::Accepted) => {
            let parts = lost.into_iter().map(|lost| format!("not for {lost}")).chain(ports_left_out(imported, targets));
            joined(iter::once("the policy is accepted".to_owned()).chain(parts))
        }
        (None, _) => joined(of(&[Effect::NotReady, Effect::Unread]).chain(lost)),
    };
    let resolved = policy.resolved_refs == ResolvedRefs::ResolvedRefs;
    let references = match (resolved, policy.draft.is_ok()) {
        (true, _) => "all references are resolved".to_owned(),
        (false, true) => joined(of(&[Effect::Notice])),
        (false, false) => joined(of(&[Effect::NotReady, Effect::Unread])),
    };
    vec![Said::new(accepted(reason), message), Said::new(resolved_refs(policy.resolved_refs), references)]
}

fn accepted(reason: Accepted) -> Reason {
    match reason {
        Accepted::Accepted => reason::POLICY_ACCEPTED,
        Accepted::Conflicted => reason::POLICY_CONFLICTED,
        Accepted::Invalid => reason::POLICY_INVALID,
        Accepted::NoValidCaCertificate => reason::NO_VALID_CA,
        Accepted::TargetNotFound => reason::POLICY_TARGET_NOT_FOUND,
    }
}

fn resolved_refs(reason: ResolvedRefs) -> Reason {
    match reason {
        ResolvedRefs::InvalidCaCertificateRef => reason::INVALID_CA,
        ResolvedRefs::InvalidKind => reason::INVALID_KIND,
        ResolvedRefs::ResolvedRefs => reason::POLICY_RESOLVED,
    }
}

/// What came of a target, where its absence counts too.
fn state(imported: &Imported, scope: &Scope, target: &Target) -> TargetState {
    let objects = &imported.objects;
    let is_there = match BackendKind::of(&target.group, &target.kind) {
        Some(BackendKind::Service) => objects.services.contains_key(&target.name),
        Some(BackendKind::Backend) => objects.backends.contains_key(&target.name),
        _ => true,
    };
    match is_there || !scope.complete || target.state != TargetState::Attached {
        true => target.state.clone(),
        false => TargetState::NotFound,
    }
}

/// A Service with ports for TCP and others is accepted for the former, and the standard wants that said.
fn ports_left_out(imported: &Imported, targets: &[&Target]) -> Vec<String> {
    let whole = targets.iter().filter(|target| target.section_name.is_none() && target.kind == "Service");
    let services = whole.filter_map(|target| imported.objects.services.get(&target.name));
    let mixed = services.filter(|declared| !declared.value.others.is_empty());
    mixed
        .map(|declared| format!("not for the ports of Service {} that are not for TCP", declared.value.meta.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A report says the same words as a status.
    #[test]
    fn reasons_are_spelled_alike() {
        for given in [
            Accepted::Accepted,
            Accepted::Conflicted,
            Accepted::Invalid,
            Accepted::NoValidCaCertificate,
            Accepted::TargetNotFound,
        ] {
            assert_eq!(accepted(given).text, given.as_str());
            assert_eq!(accepted(given).is_true, given == Accepted::Accepted);
        }
        for given in [ResolvedRefs::InvalidCaCertificateRef, ResolvedRefs::InvalidKind, ResolvedRefs::ResolvedRefs] {
            assert_eq!(resolved_refs(given).text, given.as_str());
            assert_eq!(resolved_refs(given).is_true, given == ResolvedRefs::ResolvedRefs);
        }
    }
}
