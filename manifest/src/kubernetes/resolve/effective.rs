//! What comes out: the one policy of a Gateway, backend and port, and where each part of it comes from.

use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{
    ByPath, Connector, Generation, OnInvalid, PolicyDraft, Prepared, Problem, Problems, Runtime, UpstreamTlsPolicy,
    Warning,
};

use super::depends::Dependency;
use crate::kubernetes::model::backend::{BackendKind, BackendRef};
use crate::kubernetes::model::object::{ObjectName, ObjectRef};
use crate::kubernetes::model::provenance::Provenance;

/// The policy of one Gateway, backend and port (M6).
///
/// ```
/// use uptls::danger::DangerPermission;
/// use uptls_manifest::kubernetes::{BackendRef, Document, Scope, import};
///
/// let text = br#"{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {name: pay},
///   spec: {targetRefs: [{group: "", kind: Service, name: pay}],
///     validation: {wellKnownCACertificates: System, hostname: pay.example}}}"#;
/// let resolution = import([Document::new("pay.yaml", text)]).resolve(&Scope::default());
/// let effective = resolution.policy_of(&BackendRef::new("default", "pay", None), None)?;
/// assert_eq!(effective.sources[0].to_string(), "BackendTLSPolicy default/pay");
/// let runtime = uptls::Runtime::new(uptls::aws_lc_rs::provider());
/// let connector = effective.connector(&runtime, DangerPermission::Forbidden);
/// # let _ = connector;
/// # Ok::<(), uptls::Problems>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct EffectivePolicy {
    /// The kind of the backend.
    pub backend_kind: BackendKind,
    /// The backend.
    pub backend: ObjectName,
    /// Every object that the policy was made of, and every missing one: if one of them changes, the policy may change.
    pub depends_on: Box<[Dependency]>,
    /// The policy, or all of its problems.
    pub draft: Result<PolicyDraft, Problems>,
    /// The Gateway; `None`: no Gateway is known to use the backend.
    pub gateway: Option<ObjectName>,
    /// Problems that leave the policy usable: CA references that were left out of the trust (M3).
    pub notices: Vec<Problem>,
    /// The fields that another object overrides (M5, M6).
    pub overridden: Vec<Overridden>,
    /// The number of the port; `None`: every port.
    pub port: Option<u16>,
    /// The name of the port, if it has one.
    pub port_name: Option<String>,
    /// Where each field of the draft comes from, by its path (M7).
    pub provenance: ByPath<Provenance>,
    /// The objects that it was made of, in their order.
    pub sources: Box<[ObjectRef]>,
    /// `overridden` and `strengthened`, each with the objects concerned.
    pub warnings: Vec<Warning>,
}

/// A field of an object that another object overrides.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Overridden {
    /// The field of the policy: `spec.subjectAltNames`.
    pub field: String,
    /// The field that decides.
    pub kept: Provenance,
    /// The field that is overridden.
    pub lost: Provenance,
    /// The reason.
    pub reason: String,
}

impl EffectivePolicy {
    /// Its backend with the kind, by which [`super::Resolution::policy_of`] finds it: `Service/shop/pay:443`.
    pub fn backend_ref(&self) -> BackendRef {
        BackendRef { kind: Some(self.backend_kind), name: self.backend.clone(), port: self.port }
    }

    /// The policy with its material read, ready to connect.
    ///
    /// # Errors
    /// All of its problems: those of the objects, a weakening without `permission`, the material.
    pub fn prepare(&self, runtime: &Runtime, permission: DangerPermission) -> Result<Arc<Prepared>, Problems> {
        runtime.prepare(&UpstreamTlsPolicy::check(self.draft.clone()?, permission)?)
    }

    /// A connector for it. If the policy cannot be used, every connection fails with the reason.
    pub fn connector(&self, runtime: &Runtime, permission: DangerPermission) -> Connector {
        connector(runtime, self.draft.clone(), permission)
    }

    /// Publishes it to a connector that [`EffectivePolicy::connector`] of an earlier resolution made. It reads the material
    /// and replaces the policy as a whole. If the policy cannot be used, every new connection fails with the reason (R2).
    ///
    /// # Errors
    /// All problems of the policy; the connector has them too ([`Connector::state`]).
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
pub(in crate::kubernetes) fn connector(
    runtime: &Runtime,
    draft: Result<PolicyDraft, Problems>,
    permission: DangerPermission,
) -> Connector {
    let policy = draft.and_then(|draft| UpstreamTlsPolicy::check(draft, permission));
    let connector = policy.and_then(|policy| Connector::with_on_invalid(runtime, &policy, ON_INVALID));
    connector.unwrap_or_else(|reason| Connector::not_ready(runtime, reason, ON_INVALID))
}

/// What an unusable update does to a connector whose policy comes from Gateway API objects (R2): it fails closed.
pub const ON_INVALID: OnInvalid = OnInvalid::FailClosed;
