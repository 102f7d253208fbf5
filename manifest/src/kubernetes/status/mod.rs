//! What a controller writes back: the `status` of BackendTLSPolicy, Gateway, XBackend and BackendConfigPolicy.
//!
//! Entries of other controllers survive, and so does the `lastTransitionTime` of a condition whose status is unchanged.

mod backend_config_policy;
mod backend_tls_policy;
mod conditions;
mod gateway;
mod patch;
mod x_backend;

use super::model::StatusPatch;
use super::resolve::compose::Resolved;
use super::resolve::imported::Imported;
use super::resolve::scope::Scope;

/// Those of all objects, in the order of kinds and names; none without a controller.
pub(super) fn of(imported: &Imported, scope: &Scope, resolved: &Resolved) -> Vec<StatusPatch> {
    let Some(controller) = &scope.controller_name else { return Vec::new() };
    let Resolved { ancestors, dependencies, policies } = resolved;
    let mut patches = backend_tls_policy::patches(imported, scope, controller, ancestors);
    patches.extend(backend_config_policy::patches(imported, scope, controller, policies));
    patches.extend(gateway::patches(imported, scope, dependencies));
    patches.extend(x_backend::patches(imported, scope, controller, ancestors, policies));
    patches
}
