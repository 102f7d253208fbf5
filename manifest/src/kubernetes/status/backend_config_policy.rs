//! BackendConfigPolicy: `Accepted`, `Attached` and `Overridden` for each backend, in kgateway's own words.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use uptls::{Code, Problem, Problems};

use super::conditions::{Said, joined};
use super::patch::Entries;
use super::reason;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::model::status_patch::StatusPatch;
use crate::kubernetes::read::backend_tls_policy;
use crate::kubernetes::read::extension::{Extension, Vendor};
use crate::kubernetes::resolve::effective::{EffectivePolicy, Overridden};
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
        let status = Entries { generation: meta.generation, now: scope.now, passing: PASSING, room }.merge(&wanted);
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
    let wrong: Vec<_> = extension.problems.iter().map(Problem::message).chain(unresolved).collect();
    if !wrong.is_empty() {
        let pending = Said::new(reason::CONFIG_PENDING, "the policy is not accepted");
        return vec![Said::new(reason::CONFIG_INVALID, joined(wrong.into_iter())), pending];
    }
    let valid = Said::new(reason::CONFIG_VALID, "the policy is accepted");
    let winner = lost().find(|overridden| overridden.field == "spec").map(|overridden| &overridden.kept.object);
    if let Some(winner) = winner {
        return vec![valid, Said::new(reason::CONFIG_OVERRIDDEN, format!("{winner} is older and counts"))];
    }
    let (by_standard, others): (Vec<_>, Vec<_>) =
        lost().partition(|of| of.kept.object.kind == backend_tls_policy::KIND);
    let message = match others.as_slice() {
        [] => "the policy is attached".to_owned(),
        others => parts(others),
    };
    let mut said = vec![valid, Said::new(reason::CONFIG_ATTACHED, message)];
    if !by_standard.is_empty() {
        said.push(Said::new(reason::CONFIG_CONFLICTED, parts(&by_standard)));
    }
    said
}

/// What other objects decide in place of the policy.
fn parts(overridden: &[&Overridden]) -> String {
    let all: BTreeSet<_> =
        overridden.iter().map(|of| format!("{} overridden by {}", of.lost.field, of.kept.object)).collect();
    joined(all.into_iter())
}

const API_VERSION: &str = "gateway.kgateway.dev/v1alpha1";
const KIND: &str = "BackendConfigPolicy";
/// How many ancestors there is room for.
const MAX: usize = 16;
/// The condition is there only while a BackendTLSPolicy overrides a part.
const PASSING: &[&str] = &["Overridden"];
