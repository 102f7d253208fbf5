//! Kubernetes objects that change one by one, and the policy of each backend: what C and Python hold of a cluster.

use std::sync::Arc;

use serde_json::Value;
use uptls::danger::DangerPermission;
use uptls::{Connector, Generation, Prepared, Problems, Runtime};

use crate::answer;
use crate::kubernetes::{BackendRef, ChangedPolicy, EffectivePolicy, ObjectName, ObjectRef, ReadOptions, Store};
use crate::report::backends::Outcome;
use crate::report::{Import, ImportOptions, Status, status};

/// A [`Store`] with one [`Runtime`] for all policies: the objects of a cluster as an informer delivers them, and connectors that
/// follow them. It answers as a [`crate::ManifestSet`] of the same objects does.
///
/// Answers are those of the last [`ManifestStore::resolve_changed`]. Call it first when all objects have been given: it
/// resolves all of them then, and later only what has changed.
///
/// ```
/// use serde_json::json;
/// use uptls::{ConnectorState, Runtime};
/// use uptls_manifest::ManifestStore;
/// use uptls_manifest::report::ImportOptions;
///
/// let runtime = Runtime::new(uptls::aws_lc_rs::provider());
/// let mut store = ManifestStore::new(&runtime, ImportOptions::default());
/// let policy = json!({
///     "apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
///     "metadata": {"name": "pay-tls", "namespace": "shop"},
///     "spec": {
///         "targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
///         "validation": {"wellKnownCACertificates": "System", "hostname": "pay.example"},
///     },
/// });
/// let reference = store.upsert(&policy)?;
/// let pay = store.resolve_changed().remove(0);
/// let connector = store.connector(&pay.backend, pay.gateway.as_ref());
/// assert_eq!(connector.state(), ConnectorState::Ready);
///
/// store.remove(&reference);
/// for changed in store.resolve_changed() {
///     // The policy is gone, so its connector must stop.
///     assert!(store.publish(&connector, &changed.backend, changed.gateway.as_ref()).is_err());
/// }
/// assert!(matches!(connector.state(), ConnectorState::NotReady { .. }));
/// # Ok::<(), uptls::Problems>(())
/// ```
pub struct ManifestStore {
    options: ImportOptions,
    runtime: Runtime,
    store: Store,
}

impl ManifestStore {
    /// No objects yet. If the options name a Gateway, no backend has a policy before that Gateway is there.
    pub fn new(runtime: &Runtime, options: ImportOptions) -> Self {
        let read = ReadOptions::default().with_cluster_trust_bundles(options.cluster_trust_bundles);
        let store = Store::new(status::scope(&options, runtime), read);
        Self { options, runtime: runtime.clone(), store }
    }

    /// Adds an object, or replaces it.
    ///
    /// # Errors
    /// Those of [`Store::upsert`].
    pub fn upsert(&mut self, object: &Value) -> Result<ObjectRef, Problems> {
        self.store.upsert(object)
    }

    /// The same of the text of one object in JSON.
    ///
    /// # Errors
    /// Those of [`Store::upsert_json`].
    pub fn upsert_json(&mut self, text: &[u8]) -> Result<ObjectRef, Problems> {
        self.store.upsert_json(text)
    }

    /// Removes an object, if it is there.
    pub fn remove(&mut self, object: &ObjectRef) {
        self.store.remove(object);
    }

    /// Removes the object that a text in JSON is of: only its kind and its name count.
    ///
    /// # Errors
    /// Those of [`Store::remove_json`].
    pub fn remove_json(&mut self, text: &[u8]) -> Result<ObjectRef, Problems> {
        self.store.remove_json(text)
    }

    /// Makes the policies anew that what has changed may concern, and says which these are, as [`Store::resolve_changed`] does.
    pub fn resolve_changed(&mut self) -> Vec<ChangedPolicy> {
        self.store.set_now(status::now(&self.runtime));
        self.store.resolve_changed()
    }

    /// The policy that was told; `None`: it is gone.
    pub fn told(&self, changed: &ChangedPolicy) -> Option<&EffectivePolicy> {
        self.store.told(changed)
    }

    /// Every policy, in the order of backends, ports and Gateways.
    pub fn policies(&self) -> &[EffectivePolicy] {
        self.store.policies()
    }

    /// The policy for `backend`, whether it can be used or not.
    ///
    /// # Errors
    /// Those of [`Store::policy_of`].
    pub fn policy_of(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Result<&EffectivePolicy, Problems> {
        self.store.policy_of(backend, gateway)
    }

    /// The policy for `backend`, ready to connect.
    ///
    /// # Errors
    /// Those of [`ManifestStore::policy_of`], and everything that is wrong with the policy (it fails closed).
    pub fn prepare(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Result<Arc<Prepared>, Problems> {
        self.policy_of(backend, gateway)?.prepare(&self.runtime, self.options.permission)
    }

    /// A connector for `backend`, which fails every connection with the reason while there is no policy that can be used.
    pub fn connector(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Connector {
        answer::connector(self.prepare(backend, gateway), &self.runtime)
    }

    /// Gives a connector the policy that `backend` has now. A policy that cannot be used, or that is not there any more, makes
    /// every new connection fail with the reason (R2).
    ///
    /// # Errors
    /// Those of [`ManifestStore::prepare`]; the connector says so too ([`Connector::state`]).
    pub fn publish(
        &self,
        connector: &Connector,
        backend: &BackendRef,
        gateway: Option<&ObjectName>,
    ) -> Result<Generation, Problems> {
        answer::publish(self.policy_of(backend, gateway), connector, self.options.permission)
    }

    /// The status of each object, as it may be applied; empty without [`ImportOptions::controller_name`].
    pub fn statuses(&self) -> Vec<Status> {
        match self.options.controller_name {
            Some(_) => status::of(&self.store.statuses()),
            None => Vec::new(),
        }
    }

    /// All of it as `uptls import` says it, `uptls.import/v1`, without lines: a value has none. Every policy is prepared for it.
    pub fn report(&self) -> Import {
        let (diagnostics, ignored, statuses) = (self.store.diagnostics(), self.store.ignored(), self.store.statuses());
        let outcome = Outcome {
            diagnostics: &diagnostics,
            ignored: &ignored,
            policies: self.store.policies(),
            standard: self.store.standard(),
            statuses: &statuses,
        };
        Import::of_objects(&outcome, &self.runtime, &self.options)
    }

    /// Whether its policies may weaken verification.
    pub fn permission(&self) -> DangerPermission {
        self.options.permission
    }

    /// What its policies share.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }
}
