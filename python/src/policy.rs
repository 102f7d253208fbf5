//! `uptls.UpstreamTlsPolicy`, and verification in one call.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;
use uptls::danger::DangerPermission;
use uptls::{Prepared, Problems, Runtime, ServerNameRule};

use crate::arguments::Octets;
use crate::connector::PyConnector;
use crate::errors;
use crate::guard::detached;
use crate::report::PyReport;
use crate::runtime::{PyRuntime, or_new};

/// A policy with its material, checked and frozen. Usable from any thread.
///
/// Made by `from_document` and `from_file`.
#[pyclass(frozen, name = "UpstreamTlsPolicy", module = "uptls")]
pub(crate) struct PyPolicy {
    /// Its own, which never changes.
    connector: PyOnceLock<Py<PyConnector>>,
    prepared: Arc<Prepared>,
}

impl PyPolicy {
    pub(crate) fn new(prepared: Arc<Prepared>) -> Self {
        Self { connector: PyOnceLock::new(), prepared }
    }

    pub(crate) fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }
}

#[pymethods]
impl PyPolicy {
    /// Loads a policy from the text of a native document, YAML or JSON, with all files that it names.
    ///
    /// `name` is what errors call the document. Relative files are relative to `base`, or to the working directory.
    /// `allow_danger` permits a policy to weaken verification. Raises PolicyError.
    #[staticmethod]
    #[pyo3(signature = (text, *, name="", base=None, allow_danger=false, runtime=None))]
    fn from_document(
        py: Python<'_>,
        text: Octets,
        name: &str,
        base: Option<PathBuf>,
        allow_danger: bool,
        runtime: Option<&Bound<'_, PyRuntime>>,
    ) -> PyResult<Self> {
        let permission = permission(allow_danger);
        load(py, runtime, |runtime| uptls_manifest::prepare(runtime, &text, name, base.as_deref(), permission))
    }

    /// Loads a policy from a file. Relative files are relative to its folder. Raises PolicyError.
    #[staticmethod]
    #[pyo3(signature = (path, *, allow_danger=false, runtime=None))]
    fn from_file(
        py: Python<'_>,
        path: PathBuf,
        allow_danger: bool,
        runtime: Option<&Bound<'_, PyRuntime>>,
    ) -> PyResult<Self> {
        let permission = permission(allow_danger);
        load(py, runtime, |runtime| uptls_manifest::prepare_file(runtime, &path, permission))
    }

    /// The policy's name, if it has one.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.prepared.policy().name()
    }

    /// The digest of all that decides a verdict or a handshake, `sha256:...`.
    #[getter]
    fn fingerprint(&self, py: Python<'_>) -> PyResult<String> {
        let facts = detached(py, || self.prepared.blank_report(None).policy)?;
        Ok(facts.fingerprint.unwrap_or_default())
    }

    /// The server name: `auto` (the backend host), `none`, or a DNS name.
    #[getter]
    fn server_name(&self) -> String {
        match self.prepared.policy().server_name() {
            ServerNameRule::Auto => "auto".to_owned(),
            ServerNameRule::Dns(name) => name.to_string(),
            _ => "none".to_owned(),
        }
    }

    /// The application protocols that are offered, in order of preference.
    #[getter]
    fn alpn(&self) -> Vec<String> {
        self.prepared.policy().alpn().protocols.clone()
    }

    /// Judges a certificate chain (PEM, leaf first) offline, at the clock of the policy's runtime, exactly as a live
    /// handshake would. `host`, the backend host, counts where the policy's server name is `auto`.
    ///
    /// A refusal is a report too, not an exception.
    #[pyo3(signature = (chain_pem, host=None))]
    fn verify(&self, py: Python<'_>, chain_pem: Octets, host: Option<&str>) -> PyResult<PyReport> {
        detached(py, || PyReport::new(&self.prepared.explain_pem(&chain_pem, host)))
    }

    /// The connector of this policy alone, which never changes: for `buffer`, `check` and `connect` in one step.
    #[getter]
    fn connector(&self, py: Python<'_>) -> PyResult<Py<PyConnector>> {
        let make = || Py::new(py, PyConnector::of(Arc::clone(&self.prepared)));
        self.connector.get_or_try_init(py, make).map(|connector| connector.clone_ref(py))
    }

    /// `connector.buffer`.
    #[pyo3(signature = (host, **options))]
    fn buffer<'py>(
        &self,
        host: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = host.py();
        self.connector(py)?.bind(py).getattr("buffer")?.call((host,), options)
    }

    /// `connector.check`.
    #[pyo3(signature = (host, port, **options))]
    fn check<'py>(
        &self,
        host: &Bound<'py, PyAny>,
        port: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = host.py();
        self.connector(py)?.bind(py).getattr("check")?.call((host, port), options)
    }

    /// `connector.connect`.
    #[pyo3(signature = (host, port, **options))]
    fn connect<'py>(
        &self,
        host: &Bound<'py, PyAny>,
        port: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = host.py();
        self.connector(py)?.bind(py).getattr("connect")?.call((host, port), options)
    }

    /// `connector.open_connection`.
    #[pyo3(signature = (host, port, **options))]
    fn open_connection<'py>(
        &self,
        host: &Bound<'py, PyAny>,
        port: &Bound<'py, PyAny>,
        options: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = host.py();
        self.connector(py)?.bind(py).getattr("open_connection")?.call((host, port), options)
    }

    /// `connector.ssl_context`.
    #[pyo3(signature = (**options))]
    fn ssl_context<'py>(&self, py: Python<'py>, options: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        self.connector(py)?.bind(py).getattr("ssl_context")?.call((), options)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let name = self.name().map(|name| format!(" {name:?}")).unwrap_or_default();
        Ok(format!("<UpstreamTlsPolicy{name} {}>", self.fingerprint(py)?))
    }
}

/// Judges a certificate chain (PEM, leaf first) by the text of a policy document, offline.
///
/// Whatever is wrong with the document is in the report as well, with the verdict `error`. The arguments are those of
/// UpstreamTlsPolicy.from_document and .verify.
#[pyfunction]
#[pyo3(signature = (text, chain_pem, host=None, *, name="", base=None, allow_danger=false, runtime=None))]
#[allow(clippy::too_many_arguments, reason = "Python's keywords")]
pub(crate) fn verify_document(
    py: Python<'_>,
    text: Octets,
    chain_pem: Octets,
    host: Option<&str>,
    name: &str,
    base: Option<PathBuf>,
    allow_danger: bool,
    runtime: Option<&Bound<'_, PyRuntime>>,
) -> PyResult<PyReport> {
    let runtime = or_new(runtime);
    let permission = permission(allow_danger);
    detached(py, || {
        let base = base.as_deref();
        let report = uptls_manifest::verify_document(&runtime, &text, name, base, permission, &chain_pem, host);
        PyReport::new(&report)
    })
}

fn load(
    py: Python<'_>,
    runtime: Option<&Bound<'_, PyRuntime>>,
    prepare: impl FnOnce(&Runtime) -> Result<Arc<Prepared>, Problems> + Send,
) -> PyResult<PyPolicy> {
    let runtime = or_new(runtime);
    let loaded = detached(py, || prepare(&runtime).map_err(|problems| (problems, runtime.now_text())))?;
    loaded.map(PyPolicy::new).map_err(|(problems, at)| errors::unusable(py, &problems, at))
}

fn permission(allow_danger: bool) -> DangerPermission {
    if allow_danger { DangerPermission::Allowed } else { DangerPermission::Forbidden }
}
