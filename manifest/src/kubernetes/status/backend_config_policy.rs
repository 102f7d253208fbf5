//! BackendConfigPolicy: `Accepted` and `ResolvedRefs` for each backend, which is how kgateway keeps them.

use std::collections::BTreeMap;

use serde_json::json;
use uptls::{Code, Problem, Problems};

use super::conditions::{Said, joined};
use super::patch::Entries;
use super::reason;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::model::status_patch::StatusPatch;
use crate::kubernetes::read::extension::{Extension, Vendor};
use crate::kubernetes::resolve::effective::EffectivePolicy;
use crate::kubernetes::resolve::find::of_backend;
use crate::kubernetes::resolve::imported::Imported;
use crate::kubernetes::resolve::index::targets;
use crate::kubernetes::resolve::room::{Room, existing};
use crate::kubernetes::resolve::scope::Scope;

/// Those of all BackendConfigPolicies.
pub(super) fn patches(
    imported: &Imported,
    scope: &Scope,
    controller: &str,
    policies: &[EffectivePolicy],
) -> Vec<StatusPatch> {
    let mut patches = Vec::new();
    let all = imported.objects.extensions.values();
    for extension in all.filter(|extension| extension.vendor == Vendor::KgatewayBackendConfigPolicy) {
        let meta = &extension.meta;
        let old = existing(scope, KIND, meta);
        let mut wanted = BTreeMap::new();
        for (kind, name, _) in targets(&imported.objects, extension) {
            let reference = json!({
                "group": kind.group(), "kind": kind.as_str(), "namespace": name.namespace, "name": name.name,
            });
            let said = said(extension, kind, &name, policies);
            wanted.insert((kind, name), (reference, said));
        }
        if wanted.is_empty() && old.is_null() {
            continue;
        }
        let (list, max, reference) = ("ancestors", scope.room(MAX), "ancestorRef");
        let room = Room { controller, list, max, meta, old: &old, only: None, reference };
        let status = Entries { generation: meta.generation, now: scope.now, room }.merge(&wanted);
        patches.push(StatusPatch::new(API_VERSION, KIND, &meta.name, &old, status));
    }
    patches
}

fn said(extension: &Extension, kind: BackendKind, name: &ObjectName, policies: &[EffectivePolicy]) -> Vec<Said> {
    let us = extension.object();
    let of = of_backend(policies, kind, name);
    let lost = || of.iter().flat_map(|policy| &policy.overridden).filter(|overridden| overridden.lost.object == us);
    let is_reference = |problem: &&Problem| {
        matches!(problem.code(), Code::ReferenceUnresolved | Code::IdentityIncomplete | Code::TrustBundleParse)
    };
    let problems = of.iter().filter_map(|policy| policy.draft.as_ref().err()).flat_map(Problems::iter);
    let mut unresolved: Vec<_> = problems
        .filter(is_reference)
        .filter(|problem| problem.path().starts_with("spec.tls"))
        .map(|problem| problem.message())
        .collect();
    unresolved.sort();
    unresolved.dedup();
    let winner = lost().find(|overridden| overridden.field == "spec").map(|overridden| &overridden.kept.object);
    let accepted = match (extension.problems.is_empty(), winner) {
        (false, _) => {
            let message = joined(extension.problems.iter().map(Problem::message));
            Said::new(reason::CONFIG_INVALID, message)
        }
        (true, Some(winner)) => Said::new(reason::CONFIG_CONFLICTED, format!("{winner} is older and counts")),
        (true, None) => {
            let mut parts: Vec<_> =
                lost().map(|o| format!("{} overridden by {}", o.lost.field, o.kept.object)).collect();
            parts.sort();
            parts.dedup();
            let message =
                if parts.is_empty() { "the policy is accepted".to_owned() } else { joined(parts.into_iter()) };
            Said::new(reason::CONFIG_VALID, message)
        }
    };
    let references = match unresolved.is_empty() {
        true => Said::new(reason::CONFIG_RESOLVED, "all references are resolved"),
        false => Said::new(reason::CONFIG_INVALID_REF, joined(unresolved.into_iter())),
    };
    vec![accepted, references]
}

const API_VERSION: &str = "gateway.kgateway.dev/v1alpha1";
const KIND: &str = "BackendConfigPolicy";
/// How many ancestors there is room for.
const MAX: usize = 16;
