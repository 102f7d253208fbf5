//! `uptls.Report`.

use pyo3::prelude::*;
use uptls::{Code, Envelope, Report, Verdict};

/// One verification: the verdict, the reason, and what led to it.
///
/// True if and only if the peer is accepted.
#[pyclass(frozen, name = "Report", module = "uptls")]
pub(crate) struct PyReport {
    json: String,
    report: Report,
}

impl PyReport {
    pub(crate) fn new(report: Report) -> Self {
        Self { json: Envelope::reports(vec![report.clone()]).to_json(), report }
    }

    fn verdict_text(&self) -> &'static str {
        match self.report.verdict {
            Verdict::Accepted => "accepted",
            Verdict::Rejected => "rejected",
            _ => "error",
        }
    }
}

#[pymethods]
impl PyReport {
    /// `accepted`, `rejected` or `error`.
    #[getter]
    fn verdict(&self) -> &'static str {
        self.verdict_text()
    }

    /// Whether the peer is accepted.
    #[getter]
    fn accepted(&self) -> bool {
        self.report.accepted()
    }

    /// The stable code, `name_mismatch`; None if accepted.
    #[getter]
    fn code(&self) -> Option<&'static str> {
        self.report.code.map(Code::as_str)
    }

    /// The number of the code; None if accepted.
    #[getter]
    fn number(&self) -> Option<u16> {
        self.report.number
    }

    /// The category of the code, `name`; None if accepted.
    #[getter]
    fn category(&self) -> Option<&'static str> {
        self.report.category
    }

    /// One useful sentence; None if accepted.
    #[getter]
    fn message(&self) -> Option<&str> {
        self.report.message.as_deref()
    }

    /// The one thing to change; None if accepted.
    #[getter]
    fn hint(&self) -> Option<&str> {
        self.report.hint.as_deref()
    }

    /// The exit code of the command `uptls` for it.
    #[getter]
    fn exit_code(&self) -> u8 {
        self.report.exit_code()
    }

    /// The clock of the verification, RFC 3339.
    #[getter]
    fn at(&self) -> &str {
        &self.report.at
    }

    /// The reference names, `type:value`.
    #[getter]
    fn expected(&self) -> Vec<String> {
        self.report.expected.clone()
    }

    /// The presented names, `type:value`, at most ten.
    #[getter]
    fn presented(&self) -> Vec<String> {
        self.report.presented.clone()
    }

    /// The whole report (schema `uptls.report/v1`): octet for octet what Rust, C and the command give.
    fn to_json(&self) -> &str {
        &self.json
    }

    /// The whole report as dictionaries and lists: the one entry of `results`.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        py.import("json")?.call_method1("loads", (&self.json,))?.get_item("results")?.get_item(0)
    }

    fn __bool__(&self) -> bool {
        self.report.accepted()
    }

    fn __repr__(&self) -> String {
        let code = self.report.code.map(|code| format!(" {code}")).unwrap_or_default();
        format!("<Report {}{code}>", self.verdict_text())
    }
}
