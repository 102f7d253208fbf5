//! What a controller writes back: the `status` of BackendTLSPolicy, Gateway, XBackend and BackendConfigPolicy.
//!
//! Entries of other controllers survive, and so does the `lastTransitionTime` of a condition whose status is unchanged.

mod backend_config_policy;
mod backend_tls_policy;
mod conditions;
mod gateway;
mod patch;
mod x_backend;

pub use patch::StatusPatch;

pub(super) use backend_tls_policy::{Full, Statuses, patches};

use super::imported::Imported;
use super::resolve::{Ancestors, Dependencies, EffectivePolicy, Scope};

/// Those that follow from the finished policies.
pub(super) fn of_policies(
    imported: &Imported,
    scope: &Scope,
    ancestors: &Ancestors,
    dependencies: &Dependencies,
    policies: &[EffectivePolicy],
) -> Vec<StatusPatch> {
    let Some(controller) = &scope.controller_name else { return Vec::new() };
    let mut patches = backend_config_policy::patches(imported, scope, controller, policies);
    patches.extend(gateway::patches(imported, scope, dependencies));
    patches.extend(x_backend::patches(imported, scope, controller, ancestors, policies));
    patches
}
