//! All policies of a set of objects, and what a controller needs beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use uptls::Problems;

use super::compose::{Resolved, compose};
use super::depends::Dependency;
use super::effective::EffectivePolicy;
use super::find::{Find, check_gateway};
use super::gateway_identity;
use super::hints::Hints;
use super::imported::{Imported, ImportedPolicy};
use super::scope::Scope;
use crate::kubernetes::model::{BackendRef, Diagnostic, Effect, ObjectName, StatusPatch};
use crate::kubernetes::read::objects::Objects;

/// All policies of a set of objects for a [`super::Scope`], with the problems and the statuses for a controller.
/// [`super::Imported::resolve`] makes it.
///
/// ```
/// use uptls_manifest::kubernetes::{Document, Scope, import};
///
/// let text = br#"{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {name: pay},
///   spec: {targetRefs: [{group: "", kind: Service, name: pay}],
///     validation: {wellKnownCACertificates: System, hostname: pay.example}}}"#;
/// let resolution = import([Document::new("pay.yaml", text)]).resolve(&Scope::default());
/// for policy in &resolution.policies {
///     println!("{}: {}", policy.backend_ref(), if policy.draft.is_ok() { "ready" } else { "not ready" });
/// }
/// # assert_eq!(resolution.policies.len(), 1);
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Resolution {
    /// Every object that was read or is missing: if one of them changes, the result may change.
    pub depends_on: Box<[Dependency]>,
    /// The problems: those of documents, then of objects, then of policies.
    pub diagnostics: Vec<Diagnostic>,
    /// The Gateways among the objects; [`Resolution::policy_of`] takes each of them.
    pub gateways: BTreeSet<ObjectName>,
    /// The number of objects of each kind that uptls does not read: `apps/v1 Deployment`.
    pub ignored: BTreeMap<String, usize>,
    /// The policies, in the order of backends, ports and Gateways.
    pub policies: Vec<EffectivePolicy>,
    /// The statuses to write, in the order of kinds and names; empty without [`super::Scope::controller_name`].
    pub statuses: Vec<StatusPatch>,
    /// For Gateways that no route leads through.
    elsewhere: Elsewhere,
    hints: OnceLock<Hints>,
    objects: Arc<Objects>,
    /// The standard policies.
    standard: Arc<Vec<ImportedPolicy>>,
    /// Of the diagnostics those that close backends.
    unread: Vec<Diagnostic>,
}

impl Resolution {
    /// What came of the objects for `scope`, with what is to be written back.
    pub(in crate::kubernetes) fn new(
        imported: &Imported,
        scope: &Scope,
        resolved: Resolved,
        statuses: Vec<StatusPatch>,
    ) -> Self {
        let Resolved { dependencies, policies, .. } = resolved;
        let mut diagnostics = imported.diagnostics.clone();
        diagnostics.extend(gateway_identity::diagnostics(imported, scope, &dependencies));
        let objects = &imported.objects;
        let gateways = objects.gateways.keys().cloned().collect();
        Self {
            depends_on: dependencies.into_slice(),
            diagnostics,
            elsewhere: Elsewhere::new(imported, scope, &gateways),
            gateways,
            ignored: imported.ignored.clone(),
            hints: OnceLock::new(),
            policies,
            objects: Arc::clone(objects),
            standard: Arc::clone(&imported.policies),
            statuses,
            unread: imported.diagnostics.iter().filter(|of| of.effect == Effect::Unread).cloned().collect(),
        }
    }
}

impl Resolution {
    /// The policy for `backend`, as `gateway` uses it, usable or not. A Gateway without a route to the backend has one,
    /// too, because its client certificate is its own. Without `gateway` it is that of the scope.
    ///
    /// # Errors
    /// - `reference_unresolved`: no policy targets the backend (the message lists the backends that have one), or the
    ///   Gateway does not exist.
    /// - `policy_invalid`: the Service has no such port, or the answer depends on a kind, port or Gateway that was not given.
    /// - The problems of everything unreadable: the policy of this backend may be in it.
    pub fn policy_of(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Result<&EffectivePolicy, Problems> {
        let find = Find {
            hints: &self.hints,
            objects: &self.objects,
            only: self.elsewhere.only.as_ref(),
            policies: &self.policies,
            standard: &self.standard,
            unread: &self.unread,
        };
        if let Some(found) = find.policy_of(backend, gateway)? {
            return Ok(found);
        }
        let elsewhere = gateway.map(|gateway| self.elsewhere.of(gateway)).unwrap_or_default();
        find.first(elsewhere, backend)
    }

    /// Whether `gateway` is among the manifests: without it uptls does not know its client certificate (M6).
    ///
    /// # Errors
    /// `reference_unresolved`.
    pub fn check_gateway(&self, gateway: &ObjectName) -> Result<(), Problems> {
        check_gateway(&self.objects, gateway)
    }
}

/// The policies of Gateways that no route leads to a backend, made when one is asked for.
#[derive(Clone)]
pub(super) struct Elsewhere {
    asked: Option<Arc<Asked>>,
    /// Every Gateway but this one is none of the scope's.
    pub(super) only: Option<ObjectName>,
}

/// The objects and the scope once more.
struct Asked {
    imported: Imported,
    made: BTreeMap<ObjectName, OnceLock<Vec<EffectivePolicy>>>,
    scope: Scope,
}

impl Elsewhere {
    pub(super) fn new(imported: &Imported, scope: &Scope, gateways: &BTreeSet<ObjectName>) -> Self {
        let only = scope.gateway.clone();
        if only.is_some() || gateways.is_empty() {
            return Self { asked: None, only };
        }
        let made = gateways.iter().map(|gateway| (gateway.clone(), OnceLock::new())).collect();
        // Statuses are those of the Gateways that use something.
        let scope = Scope { controller_name: None, ..scope.clone() };
        Self { asked: Some(Arc::new(Asked { imported: imported.clone(), made, scope })), only }
    }

    /// All policies as they are for `gateway`.
    pub(super) fn of(&self, gateway: &ObjectName) -> &[EffectivePolicy] {
        let Some((asked, slot)) = self.asked.as_ref().and_then(|asked| Some((asked, asked.made.get(gateway)?))) else {
            return &[];
        };
        slot.get_or_init(|| compose(&asked.imported, &asked.scope.clone().with_gateway(gateway.clone())).policies)
    }
}
