//! `uptls.UpstreamTlsPolicy`, and verification in one call.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use uptls::danger::DangerPermission;
use uptls::{Prepared, Problems, Runtime};

use crate::arguments::Octets;
use crate::errors;
use crate::guard::detached;
use crate::report::PyReport;
use crate::runtime::{PyRuntime, or_new};

/// A policy with its material, checked and frozen. Usable from any thread.
///
/// Made by `from_document` and `from_file`.
#[pyclass(frozen, name = "UpstreamTlsPolicy", module = "uptls")]
pub(crate) struct PyPolicy(Arc<Prepared>);

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
        self.0.policy().name()
    }

    /// The digest of all that decides a verdict or a handshake, `sha256:...`.
    #[getter]
    fn fingerprint(&self, py: Python<'_>) -> PyResult<String> {
        let facts = detached(py, || self.0.blank_report(None).policy)?;
        Ok(facts.fingerprint.unwrap_or_default())
    }

    /// Judges a certificate chain (PEM, leaf first) offline, at the clock of the policy's runtime, exactly as a live
    /// handshake would. `host`, the backend host, counts where the policy's server name is `auto`.
    ///
    /// A refusal is a report too, not an exception.
    #[pyo3(signature = (chain_pem, host=None))]
    fn verify(&self, py: Python<'_>, chain_pem: Octets, host: Option<&str>) -> PyResult<PyReport> {
        detached(py, || PyReport::new(self.0.explain_pem(&chain_pem, host)))
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
        PyReport::new(report)
    })
}

fn load(
    py: Python<'_>,
    runtime: Option<&Bound<'_, PyRuntime>>,
    prepare: impl FnOnce(&Runtime) -> Result<Arc<Prepared>, Problems> + Send,
) -> PyResult<PyPolicy> {
    let runtime = or_new(runtime);
    let loaded = detached(py, || prepare(&runtime).map_err(|problems| (problems, runtime.now_text())))?;
    loaded.map(PyPolicy).map_err(|(problems, at)| errors::unusable(py, &problems, at))
}

fn permission(allow_danger: bool) -> DangerPermission {
    if allow_danger { DangerPermission::Allowed } else { DangerPermission::Forbidden }
}
