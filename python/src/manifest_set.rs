//! `uptls.ManifestSet`: Kubernetes objects that are read once, and asked for one backend after the other.

use std::path::PathBuf;

use pyo3::prelude::*;
use uptls::Runtime;
use uptls_manifest::ManifestSet;
use uptls_manifest::kubernetes::{Document, EffectivePolicy, Mode, ObjectName};
use uptls_manifest::report::ImportOptions;

use crate::arguments::Bytes;
use crate::connector::PyConnector;
use crate::errors;
use crate::facts::Backend;
use crate::guard::detached;
use crate::manifests::{Found, backend_of, gateway_of, mode_of, paths_of};
use crate::policy::{PyPolicy, drafted, permission};
use crate::runtime::{PyRuntime, or_new};
use crate::source::Origin;

/// Kubernetes objects, read and resolved once: backends, policies, statuses and the report of `uptls import`.
///
/// It never changes. Load the files again for a new one, and give each connector its new policy with `publish`. A ManifestStore
/// takes objects that change one by one. All its policies share one Runtime, so that equal CA bundles are held once. Usable from
/// any thread.
///
/// >>> manifests = uptls.ManifestSet.load("manifests")
/// >>> manifests.policy("Service/shop/payments").server_name
/// 'payments.internal'
#[pyclass(frozen, name = "ManifestSet", module = "uptls")]
pub(crate) struct PyManifestSet(ManifestSet);

impl PyManifestSet {
    fn read(
        py: Python<'_>,
        runtime: &Runtime,
        read: impl FnOnce() -> Result<ManifestSet, uptls::Problems> + Send,
    ) -> PyResult<Self> {
        drafted(py, runtime, read).map(Self)
    }
}

#[pymethods]
#[allow(clippy::fn_params_excessive_bools, clippy::too_many_arguments, reason = "they are keywords in Python")]
impl PyManifestSet {
    /// Reads files, and the `*.yaml`, `*.yml` and `*.json` files of folders; with `recursive` of their folders too.
    ///
    /// `gateway`, `NAMESPACE/NAME`: as this Gateway sees it. `mode`: `strict`, or `faithful` to what a vendor's implementation
    /// makes of its own objects. `allow_danger` permits its policies to weaken verification. `complete`: these are all objects
    /// of a cluster, so that a Service that is not among them does not exist. `controller_name`: whose `statuses` are wanted.
    /// `cluster_trust_bundles`: a ClusterTrustBundle may be a CA reference. `files_root`: the folder with the proxy's files that
    /// a vendor's objects name; without it such an object is not ready.
    ///
    /// Raises PolicyError if a path cannot be read, or the Gateway is not among the objects. What else is wrong is raised by
    /// `policy` for the backends that it concerns, and stands in the report.
    #[staticmethod]
    #[pyo3(signature = (paths, *, gateway=None, mode="strict", recursive=false, allow_danger=false, complete=false,
        controller_name=None, cluster_trust_bundles=false, files_root=None, runtime=None))]
    fn load(
        paths: &Bound<'_, PyAny>,
        gateway: Option<&str>,
        mode: &str,
        recursive: bool,
        allow_danger: bool,
        complete: bool,
        controller_name: Option<String>,
        cluster_trust_bundles: bool,
        files_root: Option<PathBuf>,
        runtime: Option<&Bound<'_, PyRuntime>>,
    ) -> PyResult<Self> {
        let py = paths.py();
        let paths = paths_of(paths)?;
        let mut options =
            options(gateway_of(py, gateway)?, mode_of(py, mode)?, allow_danger, complete, controller_name);
        (options.cluster_trust_bundles, options.files_root) = (cluster_trust_bundles, files_root);
        let runtime = or_new(runtime);
        Self::read(py, &runtime, || ManifestSet::load(&paths, recursive, &runtime, options))
    }

    /// The same of one text with any number of objects, YAML or JSON. `name` is what errors call the text.
    #[staticmethod]
    #[pyo3(signature = (text, *, name="", gateway=None, mode="strict", allow_danger=false, complete=false,
        controller_name=None, cluster_trust_bundles=false, files_root=None, runtime=None))]
    fn parse(
        py: Python<'_>,
        text: Bytes,
        name: &str,
        gateway: Option<&str>,
        mode: &str,
        allow_danger: bool,
        complete: bool,
        controller_name: Option<String>,
        cluster_trust_bundles: bool,
        files_root: Option<PathBuf>,
        runtime: Option<&Bound<'_, PyRuntime>>,
    ) -> PyResult<Self> {
        let mut options =
            options(gateway_of(py, gateway)?, mode_of(py, mode)?, allow_danger, complete, controller_name);
        (options.cluster_trust_bundles, options.files_root) = (cluster_trust_bundles, files_root);
        let runtime = or_new(runtime);
        Self::read(py, &runtime, || ManifestSet::new([Document::new(name, &text)], &runtime, options))
    }

    /// Every backend that has a policy, usable or not, in the order of names, ports and Gateways.
    #[getter]
    fn backends(&self) -> Vec<Backend> {
        self.0.policies().iter().map(backend).collect()
    }

    /// The policy of a backend, `[[KIND/]NAMESPACE/]NAME[:PORT]`, where `gateway` uses it. A connector of it fails closed.
    ///
    /// Raises PolicyError if there is none, if it cannot be used, or if the answer differs by port or Gateway and none is given.
    #[pyo3(signature = (backend, *, gateway=None))]
    fn policy(&self, py: Python<'_>, backend: &str, gateway: Option<&str>) -> PyResult<PyPolicy> {
        let (wanted, gateway) = (backend_of(py, backend)?, gateway_of(py, gateway)?);
        let find = || Found::of(self.0.policy_of(&wanted, gateway.as_ref())?, format!("{:?}", (&wanted, &gateway)));
        let found = drafted(py, self.0.runtime(), find)?;
        let origin = Origin::Memory("a policy of a ManifestSet", "UpstreamTlsPolicy.from_manifests");
        found.load(py, self.0.runtime(), self.0.permission(), origin)
    }

    /// Gives a connector the policy that `backend` has in this set, and gives the generation.
    ///
    /// Raises PolicyError if there is none that can be used: then every new connection of it fails with that reason, since an
    /// object that was deleted must not go on deciding who is trusted.
    #[pyo3(signature = (connector, backend, *, gateway=None))]
    fn publish(
        &self,
        py: Python<'_>,
        connector: &Bound<'_, PyConnector>,
        backend: &str,
        gateway: Option<&str>,
    ) -> PyResult<u64> {
        follow(py, connector, self.policy(py, backend, gateway))
    }

    /// The objects whose `status` the controller writes, as they may be applied: apiVersion, kind, metadata, status. Empty without
    /// `controller_name`.
    fn statuses<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        loads(py, &detached(py, || serde_json::to_string(&self.0.statuses()).unwrap_or_default())?)
    }

    /// What `uptls import --json` prints of the objects (schema `uptls.import/v1`). Every policy is prepared for it.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        detached(py, || self.0.report().to_json())
    }

    /// The same as dictionaries and lists: the one entry of `results`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        loads(py, &self.to_json(py)?)?.get_item("results")?.get_item(0)
    }

    fn __len__(&self) -> usize {
        self.0.policies().len()
    }

    fn __repr__(&self) -> String {
        format!("<ManifestSet of {} backends>", self.0.policies().len())
    }
}

/// The policy of a backend, as a fact.
pub(crate) fn backend(policy: &EffectivePolicy) -> Backend {
    Backend {
        backend: policy.backend_ref().to_string(),
        gateway: policy.gateway.as_ref().map(ToString::to_string),
        objects: policy.sources.iter().map(ToString::to_string).collect(),
    }
}

/// R2: gives a connector the policy that its backend has now, or stops it with the reason why it has none.
pub(crate) fn follow(py: Python<'_>, connector: &Bound<'_, PyConnector>, policy: PyResult<PyPolicy>) -> PyResult<u64> {
    match policy {
        Ok(policy) => connector.get().update(py, &Bound::new(py, policy)?),
        Err(error) => {
            // What is wrong with the call says nothing of the backend.
            if errors::problems_of(error.value(py)).is_ok() {
                connector.get().refuse(py, error.value(py))?;
            }
            Err(error)
        }
    }
}

/// The dictionaries and lists of a text.
pub(crate) fn loads<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import("json")?.call_method1("loads", (text,))
}

pub(crate) fn options(
    gateway: Option<ObjectName>,
    mode: Mode,
    allow_danger: bool,
    complete: bool,
    controller_name: Option<String>,
) -> ImportOptions {
    let mut options = ImportOptions::default();
    (options.gateway, options.mode, options.permission) = (gateway, mode, permission(allow_danger));
    (options.complete, options.controller_name) = (complete, controller_name);
    options
}
