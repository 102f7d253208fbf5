//! `uptls.UpstreamTlsPolicy`, and verification in one call.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::{PyDeprecationWarning, PyTypeError};
use pyo3::prelude::*;
use pyo3::pyclass::{PyTraverseError, PyVisit};
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use uptls::danger::DangerPermission;
use uptls::{PolicyDraft, Prepared, Problems, Runtime, ServerNameRule};

use crate::arguments::Bytes;
use crate::buffer::PyTlsBuffer;
use crate::connector::PyConnector;
use crate::description::PyDescription;
use crate::dial::ConnectTo;
use crate::errors;
use crate::guard::detached;
use crate::keywords;
use crate::manifests::Wanted;
use crate::material::wrong;
use crate::peer::digest;
use crate::report::PyReport;
use crate::runtime::{PyRuntime, or_new};
use crate::source::{Origin, Source};

/// A policy with its material, checked and frozen. Usable from any thread.
///
/// `ca` is the trust. Everything else has a default: `server_name`, the name to send (SNI): a DNS name, `auto` for the
/// backend host, or `none`; `subject_alt_names`: the certificate must hold one of these names, instead of the server
/// name; `identity`, our own certificate and key; `alpn`, application protocols (`alpn_required` demands one of them);
/// `min_version` and `max_version`, `1.2` or `1.3`; `cipher_suites` and `groups` by their IANA names; `spki_pins`,
/// SHA-256 of leaf keys, base64; `revocation`; `resumption` of sessions; `handshake_timeout`, seconds or a str such as
/// `500ms`.
///
/// Raises PolicyError with every problem. Two policies are equal if their fingerprints are.
///
/// >>> ca = uptls.TrustBundle.from_file("ca.pem")
/// >>> policy = uptls.UpstreamTlsPolicy(ca=ca, server_name="payments.internal")
/// >>> policy.server_name, policy.replace(server_name="auto").server_name
/// ('payments.internal', 'auto')
#[pyclass(frozen, name = "UpstreamTlsPolicy", module = "uptls")]
pub(crate) struct PyPolicy {
    /// Its own, which never changes.
    connector: PyOnceLock<Py<PyConnector>>,
    prepared: Arc<Prepared>,
    source: Arc<Source>,
}

impl PyPolicy {
    pub(crate) fn new(prepared: Arc<Prepared>, source: Arc<Source>) -> Self {
        Self { connector: PyOnceLock::new(), prepared, source }
    }

    pub(crate) fn prepared(&self) -> &Arc<Prepared> {
        &self.prepared
    }

    pub(crate) fn source(&self) -> &Arc<Source> {
        &self.source
    }

    pub(crate) fn load(py: Python<'_>, runtime: &Runtime, source: Source) -> PyResult<Self> {
        let prepared = detached(py, || source.prepare(runtime).map_err(|problems| (problems, runtime.now_text())))?;
        let prepared = prepared.map_err(|(problems, at)| errors::unusable(py, &problems, at))?;
        Ok(Self::new(prepared, Arc::new(source)))
    }
}

#[pymethods]
impl PyPolicy {
    #[new]
    #[pyo3(signature = (**keywords), text_signature = "(*, ca, server_name=None, subject_alt_names=None, identity=None, \
        alpn=None, alpn_required=None, min_version=None, max_version=None, cipher_suites=None, groups=None, \
        spki_pins=None, revocation=None, resumption=None, handshake_timeout=None, name=None, runtime=None)")]
    fn new_of(py: Python<'_>, keywords: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let keywords = keywords::frozen(py, keywords)?;
        let runtime = runtime_of(&keywords)?;
        if !keywords.contains("ca")? {
            return Err(PyTypeError::new_err("UpstreamTlsPolicy needs the keyword ca: what is trusted"));
        }
        let mut draft = PolicyDraft::default();
        keywords::apply(&mut draft, &keywords)?;
        let origin = match &runtime {
            None => Origin::Call(None, PyTuple::empty(py).unbind(), keywords.unbind()),
            Some(_) => OWN_RUNTIME,
        };
        Self::load(py, &or_new(runtime.as_ref()), Source::new(draft, DangerPermission::Forbidden, origin))
    }

    /// The same policy with other fields: the keywords of the class. None sets the default.
    #[pyo3(signature = (**changes), text_signature = "($self, /, **changes)")]
    fn replace(slf: &Bound<'_, Self>, changes: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let (py, this) = (slf.py(), slf.get());
        let changes = keywords::frozen(py, changes)?;
        let mut draft = this.source.draft.clone();
        keywords::apply(&mut draft, &changes)?;
        let source = Source {
            draft,
            on_invalid: this.source.on_invalid,
            origin: Origin::Replaced(slf.clone().unbind(), changes.unbind()),
            permission: this.source.permission,
            warnings: this.source.warnings.clone(),
        };
        Self::load(py, this.prepared.runtime(), source)
    }

    /// Loads a policy from the text of a native document, YAML or JSON, with all files that it names.
    ///
    /// `name` is the document's name in errors. Relative files are relative to `base`, or to the working directory.
    /// `allow_danger` permits a policy to weaken verification. Raises PolicyError.
    #[staticmethod]
    #[pyo3(signature = (text, *, name="", base=None, allow_danger=false, runtime=None))]
    fn from_document(
        py: Python<'_>,
        text: Bytes,
        name: &str,
        base: Option<PathBuf>,
        allow_danger: bool,
        runtime: Option<&Bound<'_, PyRuntime>>,
    ) -> PyResult<Self> {
        let runtime = or_new(runtime);
        let draft = drafted(py, &runtime, || uptls_manifest::parse(&text, name, base.as_deref()))?;
        let origin = Origin::Memory("a policy of a document in memory", "UpstreamTlsPolicy.from_file");
        Self::load(py, &runtime, Source::new(draft, permission(allow_danger), origin))
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
        let origin = match runtime {
            None => call(
                py,
                "from_file",
                (&path,),
                &[("allow_danger", allow_danger.into_pyobject(py)?.to_owned().into_any())],
            )?,
            Some(_) => OWN_RUNTIME,
        };
        let runtime = or_new(runtime);
        let draft = drafted(py, &runtime, || uptls_manifest::load(&path))?;
        Self::load(py, &runtime, Source::new(draft, permission(allow_danger), origin))
    }

    /// The policy of a backend from Kubernetes objects. `paths` is a file or folder, or a sequence of them; `backend`
    /// is `NAMESPACE/NAME:PORT`, `gateway`, `NAMESPACE/NAME`, the Gateway that connects. `mode`: `strict`, or
    /// `faithful` to the vendor's own implementation. A connector of the policy fails closed. Raises PolicyError.
    #[staticmethod]
    #[pyo3(signature = (paths, backend, *, gateway=None, mode="strict", allow_danger=false, runtime=None))]
    fn from_manifests(
        paths: &Bound<'_, PyAny>,
        backend: &str,
        gateway: Option<&str>,
        mode: &str,
        allow_danger: bool,
        runtime: Option<&Bound<'_, PyRuntime>>,
    ) -> PyResult<Self> {
        let py = paths.py();
        let wanted = Wanted::new(paths, backend, gateway, mode)?;
        let origin = match runtime {
            None => {
                let keywords = [
                    ("gateway", gateway.into_pyobject(py)?),
                    ("mode", mode.into_pyobject(py)?.into_any()),
                    ("allow_danger", allow_danger.into_pyobject(py)?.to_owned().into_any()),
                ];
                call(py, "from_manifests", (wanted.paths(), backend), &keywords)?
            }
            Some(_) => OWN_RUNTIME,
        };
        let runtime = or_new(runtime);
        let found = drafted(py, &runtime, || wanted.find(&runtime))?;
        found.load(py, &runtime, permission(allow_danger), origin)
    }

    /// The policy's name, if it has one.
    #[getter]
    fn name(&self) -> Option<&str> {
        self.prepared.policy().name()
    }

    /// The digest of everything that decides a verdict or a handshake, `sha256:...`.
    #[getter]
    fn fingerprint(&self) -> String {
        digest(self.prepared.fingerprint())
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

    /// The application protocols to offer, in order of preference.
    #[getter]
    fn alpn(&self) -> Vec<String> {
        self.prepared.policy().alpn().protocols.clone()
    }

    /// The lowest and the highest TLS version that it permits: ``("1.2", "1.3")``.
    #[getter]
    fn versions(&self) -> (&'static str, &'static str) {
        let versions = self.prepared.policy().versions();
        (versions.min.as_str(), versions.max.as_str())
    }

    /// Verifies a certificate chain (PEM, leaf first) offline, at the time of the runtime's clock, exactly as a live
    /// handshake would. `host`, the backend host, counts if the policy's server name is `auto`.
    ///
    /// A refusal is a report too, not an exception.
    #[pyo3(signature = (chain_pem, host=None))]
    fn verify(&self, py: Python<'_>, chain_pem: Bytes, host: Option<&str>) -> PyResult<PyReport> {
        detached(py, || {
            let mut report = self.prepared.report_pem(&chain_pem, host);
            report.warnings.extend_from_slice(&self.source.warnings);
            PyReport::new(&report)
        })
    }

    /// What it trusts, sends and accepts, offline.
    fn describe(&self, py: Python<'_>) -> PyResult<PyDescription> {
        detached(py, || {
            let mut description = self.prepared.describe();
            description.warnings.extend_from_slice(&self.source.warnings);
            PyDescription::new(description)
        })
    }

    /// The former name of `describe`.
    fn explain(&self, py: Python<'_>) -> PyResult<PyDescription> {
        let category = py.get_type::<PyDeprecationWarning>();
        PyErr::warn(py, &category, c"use UpstreamTlsPolicy.describe", 1)?;
        self.describe(py)
    }

    /// The connector of this policy alone, which never changes: for `buffer`, `check` and `connect` in one step.
    #[getter]
    fn connector(&self, py: Python<'_>) -> PyResult<Py<PyConnector>> {
        let make = || Py::new(py, PyConnector::of(Arc::clone(&self.prepared), Arc::clone(&self.source)));
        self.connector.get_or_try_init(py, make).map(|connector| connector.clone_ref(py))
    }

    /// `connector.buffer`.
    #[pyo3(signature = (host, *, alpn=None, timeout=None, address=None))]
    fn buffer(
        &self,
        py: Python<'_>,
        host: &str,
        alpn: Option<Vec<String>>,
        timeout: Option<f64>,
        address: Option<String>,
    ) -> PyResult<PyTlsBuffer> {
        PyConnector::buffer(self.connector(py)?.bind(py), host, alpn, timeout, address)
    }

    /// `connector.check`.
    #[pyo3(signature = (host, port, *, connect_to=None, timeout=None))]
    fn check(
        &self,
        py: Python<'_>,
        host: &str,
        port: u16,
        connect_to: Option<ConnectTo>,
        timeout: Option<f64>,
    ) -> PyResult<PyReport> {
        self.connector(py)?.get().check(py, host, port, connect_to, timeout)
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().prepared.fingerprint() == self.prepared.fingerprint())
    }

    fn __hash__(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = *self.prepared.fingerprint();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        self.source.origin.reduce(py)
    }

    fn __repr__(&self) -> String {
        let name = self.name().map(|name| format!(" {name:?}")).unwrap_or_default();
        format!("<UpstreamTlsPolicy{name} {}>", digest(self.prepared.fingerprint()))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.source.origin {
            Origin::Call(_, arguments, keywords) => {
                visit.call(arguments)?;
                visit.call(keywords)
            }
            Origin::Replaced(original, changes) => {
                visit.call(original)?;
                visit.call(changes)
            }
            Origin::Memory(..) => Ok(()),
        }
    }
}

/// Verifies a certificate chain (PEM, leaf first) with the text of a policy document, offline.
///
/// The report also holds every problem of the document, with the verdict `error`. The arguments are as in
/// UpstreamTlsPolicy.from_document and .verify.
#[pyfunction]
#[pyo3(signature = (text, chain_pem, host=None, *, name="", base=None, allow_danger=false, runtime=None))]
#[allow(clippy::too_many_arguments, reason = "Python's keywords")]
pub(crate) fn verify_document(
    py: Python<'_>,
    text: Bytes,
    chain_pem: Bytes,
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

/// Runs what reads a document, and gives the exception for what is wrong with it.
pub(crate) fn drafted<T: Send>(
    py: Python<'_>,
    runtime: &Runtime,
    read: impl FnOnce() -> Result<T, Problems> + Send,
) -> PyResult<T> {
    let read = detached(py, || read().map_err(|problems| (problems, runtime.now_text())))?;
    read.map_err(|(problems, at)| errors::unusable(py, &problems, at))
}

/// Takes the keyword `runtime` out.
fn runtime_of<'py>(keywords: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyRuntime>>> {
    let Some(runtime) = keywords.get_item("runtime")? else { return Ok(None) };
    keywords.del_item("runtime")?;
    if runtime.is_none() {
        return Ok(None);
    }
    runtime.cast_into().map(Some).map_err(|error| wrong("runtime", "a Runtime", &error.into_inner()))
}

fn call<'py>(
    py: Python<'py>,
    maker: &'static str,
    arguments: impl IntoPyObject<'py, Target = PyTuple, Output = Bound<'py, PyTuple>, Error = PyErr>,
    keywords: &[(&str, Bound<'py, PyAny>)],
) -> PyResult<Origin> {
    let dictionary = PyDict::new(py);
    for (name, value) in keywords {
        dictionary.set_item(name, value)?;
    }
    Ok(Origin::Call(Some(maker), arguments.into_pyobject(py)?.unbind(), dictionary.unbind()))
}

pub(crate) fn permission(allow_danger: bool) -> DangerPermission {
    if allow_danger { DangerPermission::Allowed } else { DangerPermission::Forbidden }
}

const OWN_RUNTIME: Origin = Origin::Memory("a policy with a Runtime of its own", "one without");
