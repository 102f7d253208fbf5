//! Kubernetes objects that are read once, and asked for one backend after the other: what C and Python hold.

use std::path::Path;
use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{Connector, Generation, Prepared, Problems, Runtime};

use crate::answer;
use crate::kubernetes::{self, BackendRef, Document, EffectivePolicy, Imported, ObjectName, ReadOptions, Resolution};
use crate::report::backends::Outcome;
use crate::report::{Import, ImportOptions, Status, status};

/// The objects of some documents, read and resolved once (M5 to M9). It never changes: read the documents again for a new
/// one, and give each connector its new policy with [`ManifestSet::publish`]. A [`crate::ManifestStore`] takes objects that
/// change one by one.
///
/// To find one policy takes a look-up, however many backends there are. All policies share one [`Runtime`], so that equal CA
/// bundles are held once.
///
/// ```
/// use uptls::Runtime;
/// use uptls_manifest::ManifestSet;
/// use uptls_manifest::kubernetes::{BackendRef, Document};
/// use uptls_manifest::report::ImportOptions;
///
/// let text = br#"
/// apiVersion: gateway.networking.k8s.io/v1
/// kind: BackendTLSPolicy
/// metadata: {name: pay-tls, namespace: shop}
/// spec:
///   targetRefs: [{group: "", kind: Service, name: pay}]
///   validation: {wellKnownCACertificates: System, hostname: pay.example}
/// "#;
/// let runtime = Runtime::new(uptls::aws_lc_rs::provider());
/// let set = ManifestSet::new([Document::new("pay.yaml", text)], &runtime, ImportOptions::default())?;
/// assert_eq!(set.policies()[0].backend_ref().to_string(), "Service/shop/pay");
/// let pay = BackendRef::new("shop", "pay", Some(443));
/// assert_eq!(set.prepare(&pay, None)?.policy().name(), Some("shop/pay-tls"));
/// # Ok::<(), uptls::Problems>(())
/// ```
pub struct ManifestSet {
    imported: Imported,
    options: ImportOptions,
    resolution: Resolution,
    runtime: Runtime,
}

impl ManifestSet {
    /// Reads and resolves `documents`. What is wrong with one of them is in the answers of the backends that it may concern
    /// (M11), and in [`ManifestSet::report`].
    ///
    /// # Errors
    /// `reference_unresolved` if the Gateway of the options is not among the objects.
    pub fn new<'a>(
        documents: impl IntoIterator<Item = Document<'a>>,
        runtime: &Runtime,
        options: ImportOptions,
    ) -> Result<Self, Problems> {
        let set = Self::read(documents, runtime, options);
        set.options.gateway.iter().try_for_each(|gateway| set.resolution.check_gateway(gateway))?;
        Ok(set)
    }

    fn read<'a>(documents: impl IntoIterator<Item = Document<'a>>, runtime: &Runtime, options: ImportOptions) -> Self {
        let read = ReadOptions::default().with_cluster_trust_bundles(options.cluster_trust_bundles);
        let imported = kubernetes::import_with(documents, read);
        let resolution = imported.resolve(&status::scope(&options, runtime));
        Self { imported, options, resolution, runtime: runtime.clone() }
    }

    /// The policy of one backend in documents that are read for it alone, as a set of them would have it.
    ///
    /// # Errors
    /// Those of [`ManifestSet::policy_of`] for the Gateway of the options, if they name one.
    pub fn policy_from<'a>(
        documents: impl IntoIterator<Item = Document<'a>>,
        backend: &BackendRef,
        runtime: &Runtime,
        options: ImportOptions,
    ) -> Result<EffectivePolicy, Problems> {
        Self::read(documents, runtime, options).policy_of(backend, None).cloned()
    }

    /// Reads the files at `paths`, and the `*.yaml`, `*.yml` and `*.json` files of each folder among them; with `recursively` of
    /// their folders too.
    ///
    /// # Errors
    /// Those of [`kubernetes::load`] and of [`ManifestSet::new`].
    pub fn load<P: AsRef<Path>>(
        paths: &[P],
        recursively: bool,
        runtime: &Runtime,
        options: ImportOptions,
    ) -> Result<Self, Problems> {
        let load = if recursively { kubernetes::load_recursively } else { kubernetes::load };
        Self::new(load(paths)?.documents(), runtime, options)
    }

    /// Every policy, in the order of backends, ports and Gateways.
    pub fn policies(&self) -> &[EffectivePolicy] {
        &self.resolution.policies
    }

    /// The policy for `backend`, whether it can be used or not.
    ///
    /// # Errors
    /// Those of [`Resolution::policy_of`].
    pub fn policy_of(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Result<&EffectivePolicy, Problems> {
        self.resolution.policy_of(backend, gateway)
    }

    /// The policy for `backend`, ready to connect.
    ///
    /// # Errors
    /// Those of [`ManifestSet::policy_of`], and everything that is wrong with the policy (it fails closed).
    pub fn prepare(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Result<Arc<Prepared>, Problems> {
        self.policy_of(backend, gateway)?.prepare(&self.runtime, self.options.permission)
    }

    /// A connector for `backend`, which fails every connection with the reason while there is no policy that can be used.
    pub fn connector(&self, backend: &BackendRef, gateway: Option<&ObjectName>) -> Connector {
        answer::connector(self.prepare(backend, gateway), &self.runtime)
    }

    /// Gives a connector of an earlier set the policy that `backend` has now. A policy that cannot be used, or that is not there
    /// any more, makes every new connection fail with the reason (R2): an object that was deleted must not go on deciding whom
    /// the gateway trusts.
    ///
    /// # Errors
    /// Those of [`ManifestSet::prepare`]; the connector says so too ([`Connector::state`]).
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
            Some(_) => status::of(&self.resolution.statuses),
            None => Vec::new(),
        }
    }

    /// All of it as `uptls import` says it, `uptls.import/v1`: each backend with the place of each field, and what is wrong. Every
    /// policy is prepared for it.
    pub fn report(&self) -> Import {
        Import::of_objects(&Outcome::of(&self.imported, &self.resolution), &self.runtime, &self.options)
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
