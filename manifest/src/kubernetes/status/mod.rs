//! What a controller writes back: the `status` of BackendTLSPolicy, Gateway, XBackend and BackendConfigPolicy.
//!
//! Entries of other controllers survive, and so does the `lastTransitionTime` of a condition whose status is unchanged.

mod backend_config_policy;
mod backend_tls_policy;
mod conditions;
mod gateway;
mod patch;
mod reason;
mod x_backend;

use super::model::StatusPatch;
use super::resolve::ancestors::Ancestors;
use super::resolve::depends::Dependencies;
use super::resolve::effective::EffectivePolicy;
use super::resolve::imported::Imported;
use super::resolve::scope::Scope;

/// Those of all objects, in the order of kinds and names; none without a controller.
pub(super) fn of(
    imported: &Imported,
    scope: &Scope,
    ancestors: &Ancestors,
    dependencies: &Dependencies,
    policies: &[EffectivePolicy],
) -> Vec<StatusPatch> {
    let Some(controller) = &scope.controller_name else { return Vec::new() };
    let mut patches = backend_tls_policy::patches(imported, scope, controller, ancestors);
    patches.extend(backend_config_policy::patches(imported, scope, controller, policies));
    patches.extend(gateway::patches(imported, scope, dependencies));
    patches.extend(x_backend::patches(imported, scope, controller, ancestors, policies));
    patches
}
