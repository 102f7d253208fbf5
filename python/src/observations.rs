//! What observers of Python are told. The core is never called back by an interpreter: it leaves observations in a queue, and a
//! thread of Python takes them (R12).

use core::time::Duration;
use std::sync::Arc;

use pyo3::prelude::*;
use uptls::{Observation, ObservationQueue};

use crate::guard::detached;

/// The observations of a runtime that were not delivered yet.
#[pyclass(frozen, name = "Observations", module = "uptls._native")]
pub(crate) struct PyObservations(Arc<ObservationQueue>);

#[pymethods]
impl PyObservations {
    /// The name and the JSON of the oldest one, waiting for one; None once the runtime is gone.
    fn wait(&self, py: Python<'_>) -> PyResult<Option<(&'static str, String)>> {
        detached(py, || {
            loop {
                if let Some(Observation { name, json, .. }) = self.0.wait(Duration::MAX) {
                    return Some((name, json));
                }
                if self.0.is_closed() {
                    return None;
                }
            }
        })
    }

    /// The same without waiting.
    fn next(&self, py: Python<'_>) -> PyResult<Option<(&'static str, String)>> {
        detached(py, || self.0.next().map(|Observation { name, json, .. }| (name, json)))
    }

    /// How many were dropped, because the observer was too slow.
    fn lost(&self, py: Python<'_>) -> PyResult<u64> {
        detached(py, || self.0.lost())
    }
}

/// Has a thread deliver to `observer`, and gives what the runtime is to tell.
pub(crate) fn deliver(observer: &Bound<'_, PyAny>) -> PyResult<Arc<ObservationQueue>> {
    let py = observer.py();
    let queue = Arc::new(ObservationQueue::new(MOST));
    py.import("uptls._observe")?.call_method1("deliver", (observer, PyObservations(Arc::clone(&queue))))?;
    Ok(queue)
}

/// So many wait for a slow observer.
const MOST: usize = 4096;
