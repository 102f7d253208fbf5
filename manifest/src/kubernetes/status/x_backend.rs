//! XBackend: `Accepted` and `ResolvedRefs` for each Gateway.

use std::collections::BTreeMap;

use uptls::{Code, Problem, Problems, UpstreamTlsPolicy};

use super::conditions::{Said, joined};
use super::patch::Entries;
use super::reason;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::model::status_patch::StatusPatch;
use crate::kubernetes::resolve::ancestors::Ancestors;
use crate::kubernetes::resolve::effective::EffectivePolicy;
use crate::kubernetes::resolve::find::of_backend;
use crate::kubernetes::resolve::gateway_identity::unusable;
use crate::kubernetes::resolve::imported::Imported;
use crate::kubernetes::resolve::room::{Room, existing, gateway};
use crate::kubernetes::resolve::scope::Scope;

/// Those of all XBackends that a Gateway uses.
pub(super) fn patches(
    imported: &Imported,
    scope: &Scope,
    controller: &str,
    ancestors: &Ancestors,
    policies: &[EffectivePolicy],
) -> Vec<StatusPatch> {
    let kind = BackendKind::XBackend;
    let mut patches = Vec::new();
    for (name, declared) in &imported.objects.xbackends {
        let meta = &declared.value.meta;
        let old = existing(scope, kind.as_str(), meta);
        let conditions = |of: &ObjectName| {
            let found = of_backend(policies, kind, name).iter().find(|policy| policy.gateway.as_ref() == Some(of));
            let plain = declared.value.problems.is_empty()
                && declared.value.tls.as_ref().is_none_or(|tls| tls.mode.value == "None");
            // A backend without TLS is in order; only that nothing here connects to it.
            said(found.filter(|_| !plain), scope)
        };
        let wanted: BTreeMap<_, _> = ancestors
            .of(kind, name, declared.value.port)
            .into_iter()
            .map(|of| (of.clone(), (gateway(&of), conditions(&of))))
            .collect();
        if wanted.is_empty() && old.is_null() {
            continue;
        }
        let (list, reference) = declared.value.edition.status_fields();
        let room =
            Room { controller, list, max: scope.room(MAX), meta, old: &old, only: scope.gateway.as_ref(), reference };
        let status = Entries { generation: meta.generation, now: scope.now, room, passing: &[] }.merge(&wanted);
        patches.push(StatusPatch::new(API_VERSION, kind.as_str(), name, &old, status));
    }
    patches
}

fn said(policy: Option<&EffectivePolicy>, scope: &Scope) -> Vec<Said> {
    let checked = policy.map(|policy| policy.draft.clone());
    let checked = checked.map(|draft| draft.and_then(|draft| UpstreamTlsPolicy::check(draft, scope.permission)));
    let refused = checked.and_then(Result::err);
    let identity = policy.and_then(|policy| identity(policy, scope));
    let problems: Vec<&Problem> = refused.iter().flat_map(Problems::iter).chain(&identity).collect();
    let notices = policy.into_iter().flat_map(|policy| &policy.notices);
    let is_reference = |problem: &&Problem| {
        matches!(
            problem.code(),
            Code::ReferenceUnresolved | Code::ReferenceNotPermitted | Code::IdentityIncomplete | Code::TrustBundleParse
        ) || identity.as_ref() == Some(*problem)
    };
    let unresolved: Vec<&Problem> = problems.iter().copied().filter(is_reference).chain(notices).collect();
    let is_certificate = |problem: &Problem| {
        problem.code() == Code::IdentityIncomplete
            || problem.path().ends_with("clientCertificateRef")
            || identity.as_ref() == Some(problem)
    };
    let reason = match unresolved.first() {
        None => reason::BACKEND_RESOLVED,
        Some(problem) if problem.code() == Code::ReferenceNotPermitted => reason::BACKEND_NOT_PERMITTED,
        Some(problem) if is_certificate(problem) => reason::BACKEND_INVALID_CLIENT,
        Some(_) => reason::BACKEND_INVALID_CA,
    };
    let text = |problems: &[&Problem], otherwise: &str| match problems {
        [] => otherwise.to_owned(),
        some => joined(some.iter().map(|problem| problem.message())),
    };
    let accepted = if problems.is_empty() { reason::BACKEND_ACCEPTED } else { reason::BACKEND_INVALID };
    vec![
        Said::new(accepted, text(&problems, "the backend is accepted")),
        Said::new(reason, text(&unresolved, "all references are resolved")),
    ]
}

fn identity(policy: &EffectivePolicy, scope: &Scope) -> Option<Problem> {
    let draft = policy.draft.as_ref().ok()?.spec.identity.as_ref()?;
    unusable(scope, &policy.provenance.get("spec.identity")?.field, draft).map(Problem::from)
}

const API_VERSION: &str = "gateway.networking.x-k8s.io/v1alpha1";
/// How many Gateways there is room for.
const MAX: usize = 32;
