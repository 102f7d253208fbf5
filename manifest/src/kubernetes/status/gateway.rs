//! Gateway: `ResolvedRefs`, for the client certificate.

use serde_json::{Map, Value};
use uptls::PolicyErrorKind;

use super::conditions::{Conditions, Said, joined};
use super::patch::{StatusPatch, existing};
use crate::kubernetes::imported::Imported;
use crate::kubernetes::resolve::{Dependencies, GATEWAY, GATEWAY_GROUP, Referrer, Scope, client_certificate};
use crate::kubernetes::standard::Gateway;

/// Those of all Gateways with a client certificate, or of the one in `scope`.
pub(super) fn patches(imported: &Imported, scope: &Scope, dependencies: &Dependencies) -> Vec<StatusPatch> {
    let gateways = imported.objects.gateways.values().map(|declared| &declared.value);
    let ours = gateways.filter(|gateway| scope.gateway.as_ref().is_none_or(|only| *only == gateway.meta.name));
    let patch = |gateway: &Gateway| {
        let said = resolved_refs(imported, gateway, dependencies)?;
        let old = existing(scope, GATEWAY, &gateway.meta);
        let conditions = old["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        if said.is_true && conditions.iter().any(is_of_others) {
            return None;
        }
        let list = Conditions { generation: gateway.meta.generation, now: scope.now, old: conditions }.with(&[said]);
        let mut status = old.as_object().cloned().unwrap_or_else(Map::new);
        status.insert("conditions".to_owned(), list);
        Some(StatusPatch::new(API_VERSION, GATEWAY, &gateway.meta.name, &old, status.into()))
    };
    ours.filter_map(patch).collect()
}

fn resolved_refs(imported: &Imported, gateway: &Gateway, dependencies: &Dependencies) -> Option<Said> {
    if !gateway.problems.is_empty() {
        let message = joined(gateway.problems.iter().map(ToString::to_string));
        return Some(Said::new(RESOLVED_REFS, false, INVALID, message));
    }
    let written = gateway.client_certificate.as_ref()?;
    let referrer = Referrer { group: GATEWAY_GROUP, kind: GATEWAY, name: &gateway.meta.name };
    let said = match client_certificate(&imported.objects, dependencies, referrer, &written.value) {
        Ok(_) => Said::new(RESOLVED_REFS, true, RESOLVED_REFS, "the client certificate is resolved"),
        Err(kind) => {
            let reason = match kind {
                PolicyErrorKind::ReferenceNotPermitted { .. } => NOT_PERMITTED,
                _ => INVALID,
            };
            let message = uptls::PolicyError::new(&written.field, kind).to_string();
            Said::new(RESOLVED_REFS, false, reason, message)
        }
    };
    Some(said)
}

/// What somebody else has to say against the same condition is not ours to withdraw.
fn is_of_others(condition: &Value) -> bool {
    let ours = [INVALID, NOT_PERMITTED].iter().any(|reason| condition["reason"] == *reason);
    condition["type"] == RESOLVED_REFS && condition["status"] == "False" && !ours
}

const API_VERSION: &str = "gateway.networking.k8s.io/v1";
const INVALID: &str = "InvalidClientCertificateRef";
const NOT_PERMITTED: &str = "RefNotPermitted";
const RESOLVED_REFS: &str = "ResolvedRefs";
