//! What comes out: the one policy of a Gateway, backend and port, and where each part of it comes from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use uptls::danger::DangerPermission;
use uptls::{Connector, Generation, PolicyDraft, Problem, Problems, Runtime, UpstreamTlsPolicy, Warning};

use super::ON_INVALID;
use super::backend::BackendKind;
use super::depends::Dependency;
use super::scope::Scope;
use crate::kubernetes::imported::{Diagnostic, Imported, Provenance};
use crate::kubernetes::object::ObjectName;
use crate::kubernetes::service::Service;
use crate::kubernetes::status::StatusPatch;

/// All policies of a set of objects for a [`super::Scope`], and what a controller needs beside them.
#[derive(Clone)]
#[non_exhaustive]
pub struct Resolution {
    /// Every object that was read or missed: when one of them changes, the result may.
    pub depends_on: BTreeSet<Dependency>,
    /// What is to be said: about documents, then about objects, then about policies.
    pub diagnostics: Vec<Diagnostic>,
    /// The Gateways among the objects: those that [`Resolution::policy_of`] can be asked for.
    pub gateways: BTreeSet<ObjectName>,
    /// How many objects of kinds that are not read there are: `apps/v1 Deployment`.
    pub ignored: BTreeMap<String, usize>,
    /// The policies, in the order of backends, ports and Gateways.
    pub policies: Vec<EffectivePolicy>,
    /// What to write back, in the order of kinds and names; empty without [`super::Scope::controller_name`].
    pub statuses: Vec<StatusPatch>,
    /// For which backends there are policies, for a message.
    pub(super) candidates: BTreeSet<String>,
    /// For Gateways that no route leads through.
    pub(super) elsewhere: Elsewhere,
    /// Why a Service has no policy although one names it.
    pub(super) missing_ports: BTreeMap<ObjectName, String>,
    pub(super) services: BTreeMap<ObjectName, Service>,
}

/// The policies of Gateways that nobody says to use a backend, made when somebody asks for one.
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
        slot.get_or_init(|| asked.imported.resolve(&asked.scope.clone().with_gateway(gateway.clone())).policies)
    }
}

/// M6: the policy of one Gateway, backend and port.
#[derive(Clone)]
#[non_exhaustive]
pub struct EffectivePolicy {
    /// The kind of the backend.
    pub backend_kind: BackendKind,
    /// The backend.
    pub backend: ObjectName,
    /// The policy, or everything that is wrong with it.
    pub draft: Result<PolicyDraft, Problems>,
    /// The Gateway; `None`: no Gateway is known to use the backend.
    pub gateway: Option<ObjectName>,
    /// What is wrong without keeping the policy from being used: references that are left out of the trust (M3).
    pub notices: Vec<Problem>,
    /// What was written and does not count, since another object says it (M5, M6).
    pub overridden: Vec<Overridden>,
    /// The number of the port; `None`: every port.
    pub port: Option<u16>,
    /// The name of the port, if it has one.
    pub port_name: Option<String>,
    /// Where each field of the draft comes from, by its path (M7).
    pub provenance: BTreeMap<String, Provenance>,
    /// The objects that made it: `BackendTLSPolicy shop/pay-tls`.
    pub sources: BTreeSet<String>,
    /// `overridden` and `strengthened`, each with the objects concerned.
    pub warnings: Vec<Warning>,
}

/// One field that was written and does not count.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Overridden {
    /// Our path of it: `spec.subjectAltNames`.
    pub field: String,
    /// What counts.
    pub kept: Provenance,
    /// What does not.
    pub lost: Provenance,
    /// Why.
    pub reason: String,
}

impl EffectivePolicy {
    /// A connector by it, that always fails with the reason if it cannot be used.
    pub fn connector(&self, runtime: &Runtime, permission: DangerPermission) -> Connector {
        connector(runtime, self.draft.clone(), permission)
    }

    /// Publishes it to a connector that was made by [`EffectivePolicy::connector`] of an earlier resolution: the material is
    /// read and the policy replaced whole, or, if it cannot be used, every new connection fails with the reason (R2).
    ///
    /// # Errors
    /// Everything that is wrong with the policy; the connector says so too ([`Connector::state`]).
    pub fn publish(&self, connector: &Connector, permission: DangerPermission) -> Result<Generation, Problems> {
        let checked = self.draft.clone().and_then(|draft| UpstreamTlsPolicy::check(draft, permission));
        checked.and_then(|policy| connector.update(&policy)).inspect_err(|problems| connector.refuse(problems.clone()))
    }

    /// Whether it says the same as `other`, from the same objects, whatever they are for.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let protocols = |policy: &Self| policy.draft.as_ref().ok().map(|draft| draft.spec.alpn.protocols.clone());
        self.but_protocols().eq(other.but_protocols())
            && protocols(self) == protocols(other)
            && self.sources == other.sources
            && self.draft.as_ref().err() == other.draft.as_ref().err()
    }

    /// Protocols that another route or port says are the same protocols.
    fn but_protocols(&self) -> impl Iterator<Item = (&String, &Provenance)> {
        self.provenance.iter().filter(|(path, _)| !path.starts_with("spec.alpn"))
    }
}

/// A connector by `draft`, that always fails with the reason if there is none or it cannot be prepared.
pub(super) fn connector(
    runtime: &Runtime,
    draft: Result<PolicyDraft, Problems>,
    permission: DangerPermission,
) -> Connector {
    let policy = draft.and_then(|draft| UpstreamTlsPolicy::check(draft, permission));
    let connector = policy.and_then(|policy| Connector::with_on_invalid(runtime, &policy, ON_INVALID));
    connector.unwrap_or_else(|reason| Connector::not_ready(runtime, reason, ON_INVALID))
}
