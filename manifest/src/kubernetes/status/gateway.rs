//! Gateway: `ResolvedRefs`, for the client certificate.

use serde_json::{Map, Value};
use uptls::{Code, Problem};

use super::conditions::{Conditions, Said, joined};
use super::reason::{GATEWAY_INVALID, GATEWAY_NOT_PERMITTED, GATEWAY_RESOLVED};
use crate::kubernetes::model::status_patch::StatusPatch;
use crate::kubernetes::read::gateway::{GATEWAY, GATEWAY_GROUP, Gateway};
use crate::kubernetes::resolve::ancestors::is_own;
use crate::kubernetes::resolve::depends::Dependencies;
use crate::kubernetes::resolve::gateway_identity::unusable;
use crate::kubernetes::resolve::imported::Imported;
use crate::kubernetes::resolve::link::Referrer;
use crate::kubernetes::resolve::merge::client_certificate;
use crate::kubernetes::resolve::room::existing;
use crate::kubernetes::resolve::scope::Scope;

/// Those of all Gateways with a client certificate, or of the one in `scope`.
pub(super) fn patches(imported: &Imported, scope: &Scope, dependencies: &Dependencies) -> Vec<StatusPatch> {
    let gateways = imported.objects.gateways.values().map(|declared| &*declared.value);
    let ours = gateways.filter(|gateway| scope.gateway.as_ref().is_none_or(|only| *only == gateway.meta.name));
    let ours = ours.filter(|gateway| is_own(&imported.objects, scope, &gateway.meta.name));
    let patch = |gateway: &Gateway| {
        let said = resolved_refs(imported, scope, gateway, dependencies)?;
        let old = existing(scope, GATEWAY, &gateway.meta);
        let conditions = old["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
        if said.reason.is_true && conditions.iter().any(is_of_others) {
            return None;
        }
        let list = Conditions { generation: gateway.meta.generation, now: scope.now, old: conditions, passing: &[] }
            .with(&[said]);
        let mut status = old.as_object().cloned().unwrap_or_else(Map::new);
        status.insert("conditions".to_owned(), list);
        Some(StatusPatch::new(API_VERSION, GATEWAY, &gateway.meta.name, &old, status.into()))
    };
    ours.filter_map(patch).collect()
}

fn resolved_refs(imported: &Imported, scope: &Scope, gateway: &Gateway, dependencies: &Dependencies) -> Option<Said> {
    if !gateway.problems.is_empty() {
        let message = joined(gateway.problems.iter().map(Problem::message));
        return Some(Said::new(GATEWAY_INVALID, message));
    }
    let written = gateway.client_certificate.as_ref()?;
    let referrer = Referrer { group: GATEWAY_GROUP, kind: GATEWAY, name: &gateway.meta.name };
    let found = client_certificate(&imported.objects, dependencies, referrer, &written.value);
    let problem = match &found {
        Ok(found) => unusable(scope, &written.field, &found.draft).map(Problem::from),
        Err(kind) => Some(uptls::PolicyError::new(&written.field, kind.clone()).into()),
    };
    let said = match problem {
        None => Said::new(GATEWAY_RESOLVED, "the client certificate is resolved"),
        Some(problem) => {
            let is_not_permitted = problem.code() == Code::ReferenceNotPermitted;
            Said::new(if is_not_permitted { GATEWAY_NOT_PERMITTED } else { GATEWAY_INVALID }, problem.message())
        }
    };
    Some(said)
}

/// What somebody else has to say against the same condition is not ours to withdraw.
fn is_of_others(condition: &Value) -> bool {
    let ours = [GATEWAY_INVALID, GATEWAY_NOT_PERMITTED].iter().any(|reason| condition["reason"] == reason.text);
    condition["type"] == GATEWAY_RESOLVED.condition && condition["status"] == "False" && !ours
}

const API_VERSION: &str = "gateway.networking.k8s.io/v1";
