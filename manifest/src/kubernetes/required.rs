//! What must be among the objects because a caller names it.

use uptls::{PolicyError, PolicyErrorKind, Problem, Problems};

use super::object::ObjectName;
use super::resolve::{Dependency, Presence, Resolution};

/// A Gateway that is asked for must be there: nobody would know its client certificate (M6).
///
/// # Errors
/// `reference_unresolved` if `gateway` is not among the objects of `resolution`.
pub fn require_gateway(resolution: &Resolution, gateway: &ObjectName) -> Result<(), Problems> {
    let missed = |dependency: &Dependency| {
        dependency.kind == "Gateway" && dependency.presence == Presence::Missed && dependency.name == *gateway
    };
    if !resolution.depends_on.iter().any(missed) {
        return Ok(());
    }
    let reason = "it is not among the manifests, so its client certificate is not known".to_owned();
    let kind = PolicyErrorKind::ReferenceUnresolved { object: format!("Gateway {gateway}"), reason };
    Err(Problem::from(PolicyError::new("gateway", kind)).into())
}
