//! `uptls.Report`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde::Deserialize;
use uptls::{Code, Envelope, Report};

use crate::facts::{Certificate, Policy, Problem, Step, Tls, Warning};

/// One verification: the verdict, the reason, and what led to it.
///
/// True if and only if the peer is accepted.
///
/// >>> report = policy.verify(b"")
/// >>> bool(report), report.code, report.hint
/// (False, 'cert_none', 'configure a certificate on the upstream')
#[pyclass(frozen, name = "Report", module = "uptls")]
#[derive(Clone)]
pub(crate) struct PyReport {
    facts: Facts,
    json: String,
}

impl PyReport {
    pub(crate) fn new(report: &Report) -> Self {
        let json = Envelope::reports(vec![report.clone()]).to_json();
        // What was just written can be read.
        Self::parse(json).unwrap_or_else(|json| Self { facts: Facts::default(), json })
    }

    /// The text again if it is none of a report.
    fn parse(json: String) -> Result<Self, String> {
        match serde_json::from_str::<Document>(&json).ok().map(|document| (document.schema, document.results)) {
            Some((schema, [facts])) if schema == SCHEMA => Ok(Self { facts, json }),
            _ => Err(json),
        }
    }

    pub(crate) fn at(&self) -> &str {
        &self.facts.at
    }

    pub(crate) fn code(&self) -> Option<&'static str> {
        self.known_code().map(Code::as_str)
    }

    pub(crate) fn message(&self) -> Option<&str> {
        self.facts.message.as_deref()
    }

    fn known_code(&self) -> Option<Code> {
        self.facts.code.as_deref().and_then(Code::from_name)
    }
}

#[pymethods]
impl PyReport {
    /// Reads the text of `to_json`. Raises ValueError for anything else.
    #[staticmethod]
    fn from_json(text: String) -> PyResult<Self> {
        Self::parse(text).map_err(|_| PyValueError::new_err(format!("expected the JSON of one {SCHEMA}")))
    }

    /// `accepted`, `rejected` or `error`.
    #[getter]
    fn verdict(&self) -> &str {
        &self.facts.verdict
    }

    /// Whether the peer is accepted.
    #[getter]
    fn accepted(&self) -> bool {
        self.facts.verdict == "accepted"
    }

    /// The stable code, `name_mismatch`; None if accepted.
    #[getter(code)]
    fn code_text(&self) -> Option<&str> {
        self.facts.code.as_deref()
    }

    /// The number of the code; None if accepted.
    #[getter]
    fn number(&self) -> Option<u16> {
        self.facts.number
    }

    /// The category of the code, `name`; None if accepted.
    #[getter]
    fn category(&self) -> Option<&str> {
        self.facts.category.as_deref()
    }

    /// One useful sentence; None if accepted.
    #[getter(message)]
    fn message_text(&self) -> Option<&str> {
        self.message()
    }

    /// The one thing to change; None if accepted.
    #[getter]
    fn hint(&self) -> Option<&str> {
        self.facts.hint.as_deref()
    }

    /// The exit code of the command `uptls` for it.
    #[getter]
    fn exit_code(&self) -> u8 {
        match self.accepted() {
            true => 0,
            false => self.known_code().unwrap_or(Code::Internal).exit_code(),
        }
    }

    /// The clock of the verification, RFC 3339.
    #[getter(at)]
    fn at_text(&self) -> &str {
        self.at()
    }

    /// The policy that verified.
    #[getter]
    fn policy(&self) -> Policy {
        self.facts.policy.clone()
    }

    /// The logical name of the backend.
    #[getter]
    fn backend_host(&self) -> Option<&str> {
        self.facts.backend_host.as_deref()
    }

    /// The address that the socket connected to.
    #[getter]
    fn address(&self) -> Option<&str> {
        self.facts.address.as_deref()
    }

    /// The server name (SNI).
    #[getter]
    fn server_name(&self) -> Option<&str> {
        self.facts.server_name.as_deref()
    }

    /// Every step, in its order.
    #[getter]
    fn steps(&self) -> Vec<Step> {
        self.facts.steps.clone()
    }

    /// The reference names, `type:value`.
    #[getter]
    fn expected(&self) -> Vec<String> {
        self.facts.expected.clone()
    }

    /// The presented names, `type:value`, at most ten.
    #[getter]
    fn presented(&self) -> Vec<String> {
        self.facts.presented.clone()
    }

    /// The peer's certificates, leaf first, at most ten, and the anchor where a path was found.
    #[getter]
    fn chain(&self) -> Vec<Certificate> {
        self.facts.chain.clone()
    }

    /// The negotiated parameters; live only.
    #[getter]
    fn tls(&self) -> Option<Tls> {
        self.facts.tls.clone()
    }

    /// Every problem of an unusable policy.
    #[getter]
    fn errors(&self) -> Vec<Problem> {
        self.facts.errors.clone()
    }

    /// The warnings: no verdict, but worth knowing.
    #[getter]
    fn warnings(&self) -> Vec<Warning> {
        self.facts.warnings.clone()
    }

    /// The whole report (schema `uptls.report/v1`): the same bytes as in Rust, C and the command.
    fn to_json(&self) -> &str {
        &self.json
    }

    /// The whole report as dictionaries and lists: the one entry of `results`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (&self.json,))?.get_item("results")?.get_item(0)
    }

    fn __bool__(&self) -> bool {
        self.accepted()
    }

    fn __eq__(&self, other: &Bound<'_, PyAny>) -> bool {
        other.cast::<Self>().is_ok_and(|other| other.get().json == self.json)
    }

    fn __hash__(&self) -> u64 {
        use core::hash::{Hash as _, Hasher as _};
        let mut hasher = std::hash::DefaultHasher::new();
        self.json.hash(&mut hasher);
        hasher.finish()
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, (&str,))> {
        Ok((py.get_type::<Self>().getattr("from_json")?, (&self.json,)))
    }

    fn __repr__(&self) -> String {
        let code = self.facts.code.as_ref().map(|code| format!(" {code}")).unwrap_or_default();
        format!("<Report {}{code}>", self.facts.verdict)
    }
}

#[derive(Deserialize)]
struct Document {
    schema: String,
    results: [Facts; 1],
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Facts {
    verdict: String,
    code: Option<String>,
    number: Option<u16>,
    category: Option<String>,
    message: Option<String>,
    hint: Option<String>,
    policy: Policy,
    backend_host: Option<String>,
    address: Option<String>,
    server_name: Option<String>,
    at: String,
    steps: Vec<Step>,
    expected: Vec<String>,
    presented: Vec<String>,
    chain: Vec<Certificate>,
    tls: Option<Tls>,
    errors: Vec<Problem>,
    warnings: Vec<Warning>,
}

const SCHEMA: &str = "uptls.report/v1";
