//! `uptls.Event`: what happened to a connector.

use pyo3::prelude::*;
use uptls::{Event, EventKind, ExpiryMark, Problems, Report};

use crate::report::PyReport;

/// Something that happened to a connector, or a connection that it refused.
#[pyclass(frozen, get_all, name = "Event", module = "uptls")]
#[derive(Clone)]
pub(crate) struct PyEvent {
    /// `updated`, `recovered`, `degraded`, `not_ready`, `withdrawn`, `expiring`, `expired` or `refused`.
    kind: &'static str,
    /// When, RFC 3339.
    at: String,
    /// The generation after it.
    generation: u64,
    /// Whether a peer that an earlier connection accepted may be refused now: a pool should drain what is not current.
    trust_reduced: bool,
    /// One useful sentence.
    message: String,
    /// The code of what is wrong, if something is.
    code: Option<&'static str>,
    /// All of what is wrong, if something is.
    report: Option<PyReport>,
}

impl PyEvent {
    pub(crate) fn new(py: Python<'_>, event: &Event) -> PyResult<Self> {
        let time = py.import("time")?;
        let at: String =
            time.call_method1("strftime", (RFC_3339, time.call_method1("gmtime", (event.at,))?))?.extract()?;
        let (kind, message, problems): (_, String, Option<&Problems>) = match &event.kind {
            EventKind::Updated => ("updated", format!("generation {} was published", event.generation), None),
            EventKind::Recovered => ("recovered", "the last update is used again".to_owned(), None),
            EventKind::Expiring(certificate) if certificate.mark == ExpiryMark::Ended => {
                ("expired", certificate.to_string(), None)
            }
            EventKind::Expiring(certificate) => ("expiring", certificate.to_string(), None),
            EventKind::Degraded { reason, .. } => ("degraded", reason.to_string(), Some(reason)),
            EventKind::NotReady { reason, .. } => ("not_ready", reason.to_string(), Some(reason)),
            EventKind::Withdrawn { reason: Some(reason), .. } => ("withdrawn", reason.to_string(), Some(reason)),
            _ => ("withdrawn", "the policy was withdrawn".to_owned(), None),
        };
        Ok(Self {
            kind,
            generation: event.generation.number(),
            trust_reduced: event.trust_reduced,
            message,
            code: problems.map(|problems| problems.code().as_str()),
            report: problems.map(|problems| PyReport::new(&Report::unusable(problems, at.clone()))),
            at,
        })
    }

    /// A connection that was refused.
    pub(crate) fn refused(report: PyReport, generation: u64) -> Self {
        Self {
            kind: "refused",
            at: report.at().to_owned(),
            generation,
            trust_reduced: false,
            message: report.message().unwrap_or_default().to_owned(),
            code: report.code(),
            report: Some(report),
        }
    }
}

#[pymethods]
impl PyEvent {
    fn __repr__(&self) -> String {
        format!("<Event {} generation {}>", self.kind, self.generation)
    }
}

const RFC_3339: &str = "%Y-%m-%dT%H:%M:%SZ";
