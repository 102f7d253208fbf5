//! `uptls.Runtime`.

use pyo3::prelude::*;
use uptls::{FixedClock, Misuse, Runtime};

use crate::errors;
use crate::guard::detached;

/// What policies share: cryptography, the clock, material that is equal.
///
/// A program needs one; a policy that is given none makes its own. With `at`, an RFC 3339 time, the clock stands there:
/// every verification of its policies happens then. Usable from any thread.
#[pyclass(frozen, name = "Runtime", module = "uptls")]
pub(crate) struct PyRuntime(Runtime);

#[pymethods]
impl PyRuntime {
    #[new]
    #[pyo3(signature = (at=None))]
    fn new(py: Python<'_>, at: Option<&str>) -> PyResult<Self> {
        let builder = detached(py, || Runtime::builder(uptls::aws_lc_rs::provider()))?;
        let Some(at) = at else { return Ok(Self(builder.build())) };
        let clock = FixedClock::parse(at).map_err(|reason| {
            errors::misuse(py, &Misuse::new(format!("at must be a time like 2026-11-23T00:00:00Z: {reason}")))
        })?;
        Ok(Self(builder.clock(clock).build()))
    }

    /// The clock's time, RFC 3339.
    fn now(&self, py: Python<'_>) -> PyResult<String> {
        detached(py, || self.0.now_text())
    }
}

/// The given runtime, or a new one.
pub(crate) fn or_new(runtime: Option<&Bound<'_, PyRuntime>>) -> Runtime {
    match runtime {
        Some(runtime) => runtime.get().0.clone(),
        None => Runtime::new(uptls::aws_lc_rs::provider()),
    }
}
