//! All policies of a set of objects, and what a controller needs beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use super::compose::{Resolved, compose};
use super::depends::Dependency;
use super::effective::EffectivePolicy;
use super::gateway_identity;
use super::imported::{Imported, ImportedPolicy, TargetState};
use super::scope::Scope;
use crate::kubernetes::model::object::quotable;
use crate::kubernetes::model::{BackendKind, Diagnostic, Effect, ObjectName, StatusPatch};
use crate::kubernetes::read::backend_tls_policy::KIND;
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
    /// For which backends there are policies, for a message.
    pub(super) candidates: BTreeSet<String>,
    /// For Gateways that no route leads through.
    pub(super) elsewhere: Elsewhere,
    /// Why a Service has no policy although one names it.
    pub(super) missing_ports: BTreeMap<ObjectName, String>,
    pub(super) objects: Arc<Objects>,
    /// Of the diagnostics those that close backends.
    pub(super) unread: Vec<Diagnostic>,
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
            candidates: candidates(&imported.policies, &policies),
            depends_on: dependencies.into_slice(),
            diagnostics,
            elsewhere: Elsewhere::new(imported, scope, &gateways),
            gateways,
            ignored: imported.ignored.clone(),
            missing_ports: missing_ports(&imported.policies),
            policies,
            objects: Arc::clone(objects),
            statuses,
            unread: imported.diagnostics.iter().filter(|of| of.effect == Effect::Unread).cloned().collect(),
        }
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

/// For which backends there are policies: as targets have it, and those of objects that have no BackendTLSPolicy.
fn candidates(standard: &[ImportedPolicy], policies: &[EffectivePolicy]) -> BTreeSet<String> {
    let targets = standard.iter().flat_map(|policy| &policy.targets);
    let attached = targets.filter(|target| target.state == TargetState::Attached);
    let mut found: BTreeSet<_> = attached
        .map(|target| match (&target.section_name, target.kind.as_str()) {
            (Some(section), _) => format!("{} ({})", target.name, quotable(section)),
            (None, "Service") => target.name.to_string(),
            (None, kind) => format!("{kind}/{}", target.name),
        })
        .collect();
    let of_standard = |policy: &&EffectivePolicy| policy.sources.iter().any(|source| source.kind == KIND);
    let has_no_target =
        |policy: &&EffectivePolicy| policy.backend_kind == BackendKind::Upstream || !of_standard(policy);
    found.extend(policies.iter().filter(has_no_target).map(|policy| match policy.backend_kind {
        BackendKind::Service => policy.backend.to_string(),
        kind => format!("{kind}/{}", policy.backend),
    }));
    found
}

/// What policies are for ports that a backend has not, as a reason.
fn missing_ports(policies: &[ImportedPolicy]) -> BTreeMap<ObjectName, String> {
    let mut missing = BTreeMap::new();
    for policy in policies {
        for target in &policy.targets {
            let port = quotable(target.section_name.as_deref().unwrap_or_default());
            let reason = match target.state {
                TargetState::SectionNotFound => format!("is for its port {port}, and it has none of that name"),
                TargetState::ProtocolNotSupported => "is for a port of it that is not for TCP".to_owned(),
                _ => continue,
            };
            let reason = format!("{KIND} {} {reason}", policy.name);
            missing.entry(target.name.clone()).or_insert(reason);
        }
    }
    missing
}
