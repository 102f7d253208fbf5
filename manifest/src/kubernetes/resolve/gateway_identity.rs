//! Whether the client certificates of Gateways can be used, also where nothing else goes wrong with them.

use uptls::{IdentityDraft, MaterialError, PolicyError, Problem, check_identity};

use super::ancestors::is_own;
use super::depends::Dependencies;
use super::imported::Imported;
use super::link::Referrer;
use super::merge::client_certificate;
use super::scope::Scope;
use crate::kubernetes::model::{Diagnostic, Effect, ObjectRef};
use crate::kubernetes::read::gateway::{GATEWAY, GATEWAY_GROUP, Gateway};

/// What is wrong with the references of the Gateways of `scope`. A Gateway that cannot be read is said already.
pub(in crate::kubernetes) fn diagnostics(
    imported: &Imported,
    scope: &Scope,
    dependencies: &Dependencies,
) -> Vec<Diagnostic> {
    let gateways = imported.objects.gateways.values().map(|declared| &*declared.value);
    let ours = gateways.filter(|gateway| {
        let name = &gateway.meta.name;
        scope.gateway.as_ref().is_none_or(|only| only == name) && is_own(&imported.objects, scope, name)
    });
    let said = |gateway: &Gateway| {
        let problem = problem(imported, scope, gateway, dependencies).filter(|_| gateway.problems.is_empty())?;
        Some(Diagnostic::new(Some(ObjectRef::of(GATEWAY, &gateway.meta.name)), Effect::NotReady, problem))
    };
    ours.filter_map(said).collect()
}

fn problem(imported: &Imported, scope: &Scope, gateway: &Gateway, dependencies: &Dependencies) -> Option<Problem> {
    let written = gateway.client_certificate.as_ref()?;
    let referrer = Referrer { group: GATEWAY_GROUP, kind: GATEWAY, name: &gateway.meta.name };
    let problem = match client_certificate(&imported.objects, dependencies, referrer, &written.value) {
        Ok(found) => unusable(scope, &written.field, &found.draft)?.into(),
        Err(kind) => Problem::from(PolicyError::new(&written.field, kind)),
    };
    Some(problem.with_origin(Some(written.origin.clone())))
}

/// I2: why the texts of a Secret cannot be our identity, if the scope has a runtime, whose provider tells.
pub(in crate::kubernetes) fn unusable(scope: &Scope, path: &str, identity: &IdentityDraft) -> Option<MaterialError> {
    let IdentityDraft { certificate: Some(certificate), key: Some(key), .. } = identity else { return None };
    let (runtime, pem, key) = (scope.runtime.as_ref()?, certificate.pem.as_ref()?, key.pem.as_ref()?);
    let source = certificate.name.as_deref().unwrap_or_default();
    check_identity(path, source, pem.as_bytes(), key, runtime.provider()).err()
}
