//! What a controller would write to the status of each object.

use jiff::Timestamp;
use uptls::Runtime;
use uptls_manifest::kubernetes::{Scope, StatusPatch};

use super::report::{ObjectMeta, Status};
use crate::args::ImportArgs;

/// The scope of the controller that is named; without one there are no patches.
pub(super) fn of_controller(mut scope: Scope, args: &ImportArgs, runtime: &Runtime) -> Scope {
    scope.controller_name.clone_from(&args.status);
    let now = runtime.now_text().parse::<Timestamp>().map(Timestamp::as_second);
    scope.with_now(now.ok().and_then(|now| u64::try_from(now).ok()).unwrap_or_default())
}

/// The patches, as objects that may be applied.
pub(super) fn of(patches: &[StatusPatch]) -> Vec<Status> {
    let one = |patch: &StatusPatch| Status {
        api_version: patch.api_version.clone(),
        kind: patch.kind.clone(),
        metadata: ObjectMeta { name: patch.name.name.clone(), namespace: patch.name.namespace.clone() },
        status: patch.status.clone(),
    };
    patches.iter().map(one).collect()
}
