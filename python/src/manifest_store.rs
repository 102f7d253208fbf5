//! `uptls.ManifestStore`: Kubernetes objects that change one by one, and connectors that follow them.

use std::path::PathBuf;
use std::sync::Mutex;

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString};
use uptls::danger::DangerPermission;
use uptls::{Problems, Runtime};
use uptls_manifest::ManifestStore;
use uptls_manifest::kubernetes::ChangedPolicy;

use crate::arguments::Bytes;
use crate::connector::PyConnector;
use crate::errors;
use crate::facts::Backend;
use crate::guard::detached;
use crate::manifest_set::{backend, follow, loads, options};
use crate::manifests::{Found, backend_of, gateway_of, mode_of};
use crate::policy::{PyPolicy, drafted, permission};
use crate::runtime::{PyRuntime, or_new};
use crate::source::Origin;

/// The objects of a cluster as an API server sends them, and the policy of each backend.
///
/// Give it every object with `upsert` and `remove`; `resolve_changed` then names the policies that may be others now, and
/// `publish` gives each connector its own. One change costs what it touches. Usable from any thread, one after the other.
///
/// >>> store = uptls.ManifestStore()
/// >>> store.upsert({
/// ...     "apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
/// ...     "metadata": {"name": "payments", "namespace": "shop"},
/// ...     "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "payments"}],
/// ...              "validation": {"hostname": "payments.internal", "wellKnownCACertificates": "System"}}})
/// >>> [(one.backend, one.gateway) for one in store.resolve_changed()]
/// [('Service/shop/payments', None)]
/// >>> store.backends[0].objects
/// ['BackendTLSPolicy shop/payments']
#[pyclass(frozen, name = "ManifestStore", module = "uptls")]
pub(crate) struct PyManifestStore {
    permission: DangerPermission,
    runtime: Runtime,
    store: Mutex<ManifestStore>,
}

impl PyManifestStore {
    /// Without the GIL, since another thread may be inside.
    fn with<T: Send>(&self, py: Python<'_>, body: impl FnOnce(&mut ManifestStore) -> T + Send) -> PyResult<T> {
        let done = detached(py, || self.store.lock().ok().map(|mut store| body(&mut store)))?;
        done.ok_or_else(|| errors::panic(py, "an earlier call panicked: make a new ManifestStore"))
    }

    fn change(
        &self,
        object: &Bound<'_, PyAny>,
        change: impl FnOnce(&mut ManifestStore, &[u8]) -> Result<(), Problems> + Send,
    ) -> PyResult<()> {
        let (py, text) = (object.py(), text_of(object)?);
        let changed = self.with(py, |store| change(store, &text))?;
        drafted(py, &self.runtime, || changed)
    }
}

#[pymethods]
#[allow(clippy::fn_params_excessive_bools, clippy::too_many_arguments, reason = "they are keywords in Python")]
impl PyManifestStore {
    /// Without objects. The keywords are those of `ManifestSet.load`. With `gateway`, every connection fails until that Gateway has
    /// been given; with `complete`, give all objects before you call `resolve_changed`.
    #[new]
    #[pyo3(signature = (*, gateway=None, mode="strict", allow_danger=false, complete=false, controller_name=None,
        cluster_trust_bundles=false, files_root=None, runtime=None))]
    fn new(
        py: Python<'_>,
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
        let store = Mutex::new(ManifestStore::new(&runtime, options));
        Ok(Self { permission: permission(allow_danger), runtime, store })
    }

    /// Adds an object, or replaces the one of its kind, namespace and name. `manifest` is a dict, or the JSON of one object.
    ///
    /// Raises PolicyError if it is not certain which object it is; nothing has changed then. What else is wrong with it is raised
    /// by `policy` for the backends that it concerns: connections to them fail.
    fn upsert(&self, manifest: &Bound<'_, PyAny>) -> PyResult<()> {
        self.change(manifest, |store, text| store.upsert_json(text).map(drop))
    }

    /// Removes an object, if it is there. Only `apiVersion`, `kind` and the name and namespace of its `metadata` count.
    ///
    /// Raises PolicyError as `upsert` does.
    fn remove(&self, manifest: &Bound<'_, PyAny>) -> PyResult<()> {
        self.change(manifest, |store, text| store.remove_json(text).map(drop))
    }

    /// Makes the policies anew that the changes since the last call may concern, and names them: those that may be others than
    /// before, that are new, and those that are gone, without `objects`. The first call resolves everything.
    fn resolve_changed(&self, py: Python<'_>) -> PyResult<Vec<Backend>> {
        self.with(py, |store| {
            let changed = store.resolve_changed();
            changed.iter().map(|one| store.told(one).map_or_else(|| gone(one), backend)).collect()
        })
    }

    /// Every backend that has a policy, usable or not, in the order of names, ports and Gateways.
    #[getter]
    fn backends(&self, py: Python<'_>) -> PyResult<Vec<Backend>> {
        self.with(py, |store| store.policies().iter().map(backend).collect())
    }

    /// The policy of a backend as of the last `resolve_changed`, `[[KIND/]NAMESPACE/]NAME[:PORT]`, where `gateway` uses it: a
    /// Gateway of which a route leads there, or the store's own. A connector of it fails closed.
    ///
    /// Raises PolicyError if there is none, if it cannot be used, or if the answer differs by port or Gateway and none is given.
    #[pyo3(signature = (backend, *, gateway=None))]
    fn policy(&self, py: Python<'_>, backend: &str, gateway: Option<&str>) -> PyResult<PyPolicy> {
        let (wanted, gateway) = (backend_of(py, backend)?, gateway_of(py, gateway)?);
        let whose = format!("{:?}", (&wanted, &gateway));
        let found = self.with(py, |store| Found::of(store.policy_of(&wanted, gateway.as_ref())?, whose))?;
        let origin = Origin::Memory("a policy of a ManifestStore", "UpstreamTlsPolicy.from_manifests");
        drafted(py, &self.runtime, || found)?.load(py, &self.runtime, self.permission, origin)
    }

    /// Gives a connector the policy that `backend` has now, and gives the generation.
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
        loads(py, &self.with(py, |store| serde_json::to_string(&store.statuses()).unwrap_or_default())?)
    }

    /// What the objects come to, as `ManifestSet.to_json` has it, without lines. It costs all objects, whatever has changed.
    fn to_json(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |store| store.report().to_json())
    }

    /// The same as dictionaries and lists: the one entry of `results`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        loads(py, &self.to_json(py)?)?.get_item("results")?.get_item(0)
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        self.with(py, |store| store.policies().len())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("<ManifestStore of {} backends>", self.__len__(py)?))
    }
}

fn gone(changed: &ChangedPolicy) -> Backend {
    Backend {
        backend: changed.backend.to_string(),
        gateway: changed.gateway.as_ref().map(ToString::to_string),
        objects: Vec::new(),
    }
}

/// The JSON of an object: a dict, or its text.
fn text_of(object: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    if object.is_instance_of::<PyDict>() {
        return ENCODE
            .get_or_try_init(object.py(), || encoder(object.py()))?
            .bind(object.py())
            .call1((object,))?
            .extract();
    }
    let is_text = object.is_instance_of::<PyString>() || object.extract::<Bytes>().is_ok();
    match is_text {
        true => object.extract(),
        false => {
            let what = object.get_type().name()?;
            Err(PyTypeError::new_err(format!("expected a dict, str, bytes or bytearray, not {what}")))
        }
    }
}

/// One for all objects: to make one takes as long as to use it.
fn encoder(py: Python<'_>) -> PyResult<Py<PyAny>> {
    let keywords = PyDict::new(py);
    keywords.set_item("allow_nan", false)?;
    keywords.set_item("ensure_ascii", false)?;
    Ok(py.import("json")?.getattr("JSONEncoder")?.call((), Some(&keywords))?.getattr("encode")?.unbind())
}

static ENCODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
