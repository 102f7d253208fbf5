//! What a controller would write to the status of each object.

use jiff::Timestamp;
use serde_json::Value;
use uptls::Runtime;

use super::{ImportOptions, NOBODY, ObjectMeta, Policy, Status};
use crate::kubernetes::{Scope, StatusPatch};

/// The scope of the controller that is named, or of one that is none: its patches say how objects stand.
pub(crate) fn scope(options: &ImportOptions, runtime: &Runtime) -> Scope {
    let mut scope = Scope::new(name(options)).with_mode(options.mode).with_now(now(runtime));
    scope = scope.with_permission(options.permission).with_runtime(runtime);
    scope.gateway.clone_from(&options.gateway);
    scope.is_placeholder = options.controller_name.is_none();
    scope.complete = options.complete;
    scope.files_root.clone_from(&options.files_root);
    scope
}

/// The time of a runtime, unix seconds.
pub(crate) fn now(runtime: &Runtime) -> u64 {
    let now = runtime.now_text().parse::<Timestamp>().map(Timestamp::as_second);
    now.ok().and_then(|now| u64::try_from(now).ok()).unwrap_or_default()
}

fn name(options: &ImportOptions) -> &str {
    options.controller_name.as_deref().unwrap_or(NOBODY)
}

/// How the object of a patch stands; `None` where that is only known of its Gateways.
pub(super) fn standing(patch: &StatusPatch, options: &ImportOptions) -> Option<Policy> {
    let list = |key: &str| patch.status[key].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_ours = |entry: &&Value| entry["controllerName"] == name(options);
    let entries = list("ancestors").iter().chain(list("parents")).filter(is_ours);
    let conditions: Vec<_> = entries.flat_map(|entry| entry["conditions"].as_array()).flatten().collect();
    let reason = |kind: &str| {
        let mut found: Vec<_> = conditions.iter().filter(|condition| condition["type"] == kind).collect();
        // What is wrong for one backend counts more than what is right for the others.
        found.sort_by_key(|condition| condition["status"] == "True");
        Some(found.first()?["reason"].as_str()?.to_owned())
    };
    Some(Policy {
        object: format!("{} {}", patch.kind, patch.name),
        accepted: reason("Accepted")?,
        attached: reason("Attached").unwrap_or_default(),
        resolved_refs: reason("ResolvedRefs").unwrap_or_default(),
    })
}

/// The patches, as objects that may be applied.
pub(crate) fn of(patches: &[StatusPatch]) -> Vec<Status> {
    let one = |patch: &StatusPatch| Status {
        api_version: patch.api_version.clone(),
        kind: patch.kind.clone(),
        metadata: ObjectMeta { name: patch.name.name.clone(), namespace: patch.name.namespace.clone() },
        status: patch.status.clone(),
    };
    patches.iter().map(one).collect()
}
