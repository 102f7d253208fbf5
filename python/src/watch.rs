//! `uptls._native.Watch`: the thread that follows files.

use core::time::Duration;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use uptls::{Misuse, Watch, WatchState};

use crate::connector::PyConnector;
use crate::errors;
use crate::guard::detached;

/// Keeps a connector in step with the files of its policy, until it is closed. Use `uptls.Watch`.
#[pyclass(frozen, name = "Watch", module = "uptls._native")]
pub(crate) struct PyWatch {
    watch: Mutex<Option<Watch>>,
}

impl PyWatch {
    fn held(&self) -> MutexGuard<'_, Option<Watch>> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Watch> {
        self.held().take()
    }
}

#[pymethods]
impl PyWatch {
    #[new]
    fn new(py: Python<'_>, connector: &Bound<'_, PyConnector>, interval: f64) -> PyResult<Self> {
        let Ok(interval) = Duration::try_from_secs_f64(interval) else {
            return Err(errors::misuse(py, &Misuse::new(format!("interval must be seconds: it is {interval}"))));
        };
        let source = connector.get().file_source(py)?.with_interval(interval);
        let watch = detached(py, || uptls::watch::start([source]))?;
        Ok(Self { watch: Mutex::new(Some(watch?)) })
    }

    /// Ends the thread after the current step.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || drop(self.take()))
    }

    /// Reads every file now.
    fn refresh(&self, py: Python<'_>) -> PyResult<()> {
        detached(py, || self.held().as_ref().map_or((), Watch::refresh))
    }

    /// Reports that a path, or something in it, changed.
    fn changed(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        detached(py, || self.held().as_ref().map_or((), |watch| watch.changed(path)))
    }

    /// `events`, `polling` or `closed`.
    #[getter]
    fn state(&self, py: Python<'_>) -> PyResult<&'static str> {
        detached(py, || self.held().as_ref().map_or("closed", |watch| watch.state().as_str()))
    }

    /// Why it is `polling`, with the system's reason; otherwise None.
    #[getter]
    fn reason(&self, py: Python<'_>) -> PyResult<Option<String>> {
        detached(py, || match self.held().as_ref().map(Watch::state) {
            Some(WatchState::Polling { reason, .. }) => reason,
            _ => None,
        })
    }
}

impl Drop for PyWatch {
    fn drop(&mut self) {
        drop(self.take());
    }
}
