//! `uptls.Event`: what happened to a connector.

use pyo3::prelude::*;
use uptls::{Event, Report};

use crate::report::PyReport;

/// Something that happened to a connector, or a connection that it refused.
///
/// >>> connector = uptls.Connector(policy)
/// >>> connector.withdraw()
/// >>> [(event.kind, event.trust_reduced) for event in connector.events()]
/// [('withdrawn', True)]
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
    pub(crate) fn new(event: &Event) -> Self {
        let facts = event.facts();
        let reason = event.kind.reason();
        Self {
            kind: facts.kind,
            generation: facts.generation,
            trust_reduced: facts.trust_reduced,
            message: facts.message,
            code: reason.map(|problems| problems.code().as_str()),
            report: reason.map(|problems| PyReport::new(&Report::unusable(problems, facts.at.clone()))),
            at: facts.at,
        }
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
