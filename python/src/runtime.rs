//! `uptls.Runtime`.

use std::sync::Arc;

use pyo3::prelude::*;
use uptls::{FixedClock, Metrics, Misuse, NativeRoots, Runtime};

use crate::errors;
use crate::guard::detached;
use crate::material::{members, path_of};
use crate::observations;

/// The state that policies share: cryptography, the clock, equal material.
///
/// A program needs one; a policy without one makes its own. With `at`, an RFC 3339 time, the clock stands there: every
/// verification of its policies uses that time. `native_roots` are files, and folders of files, of PEM certificates
/// that replace the platform's if a policy trusts `native`: this setting decides which CAs every such policy trusts.
/// `session_bytes` limits the memory for the sessions of all policies. The methods of `observer`, an object with some
/// of those of `Observer`, are called with what happens, one after the other in a thread of their own. Usable from any
/// thread.
///
/// >>> uptls.Runtime(at="2026-11-23T00:00:00Z").now()
/// '2026-11-23T00:00:00Z'
#[pyclass(frozen, name = "Runtime", module = "uptls")]
pub(crate) struct PyRuntime {
    core: Runtime,
    metrics: Arc<Metrics>,
}

#[pymethods]
impl PyRuntime {
    #[new]
    #[pyo3(signature = (at=None, *, native_roots=None, session_bytes=None, observer=None))]
    fn new(
        py: Python<'_>,
        at: Option<&str>,
        native_roots: Option<&Bound<'_, PyAny>>,
        session_bytes: Option<usize>,
        observer: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let roots = native_roots.map_or_else(|| Ok(NativeRoots::default()), roots)?;
        let builder = detached(py, || Runtime::builder(uptls::aws_lc_rs::provider()).native_roots(roots))?;
        let builder = match session_bytes {
            Some(limit) => builder.session_bytes(limit),
            None => builder,
        };
        let builder = match at {
            None => builder,
            Some(at) => builder.clock(FixedClock::parse(at).map_err(|reason| {
                errors::misuse(py, &Misuse::new(format!("at must be a time like 2026-11-23T00:00:00Z: {reason}")))
            })?),
        };
        let metrics = Arc::new(Metrics::default());
        let builder = builder.observer(Arc::clone(&metrics));
        let builder = match observer {
            None => builder,
            Some(observer) => builder.observer(observations::deliver(observer)?),
        };
        Ok(Self { core: builder.build(), metrics })
    }

    /// The clock's time, RFC 3339.
    fn now(&self, py: Python<'_>) -> PyResult<String> {
        detached(py, || self.core.now_text())
    }

    /// The counters of its connections and policies, and its sessions, in the text format of Prometheus (0.0.4): what an
    /// endpoint `/metrics` answers as `text/plain; version=0.0.4`.
    ///
    /// >>> "uptls_connections 0" in uptls.Runtime().metrics_text()
    /// True
    fn metrics_text(&self, py: Python<'_>) -> PyResult<String> {
        detached(py, || self.metrics.prometheus_text(&self.core))
    }
}

/// Files and folders apart.
fn roots(paths: &Bound<'_, PyAny>) -> PyResult<NativeRoots> {
    let mut roots = NativeRoots::default();
    for path in members("native_roots", "a sequence of paths", paths)? {
        let path = path_of("native_roots", &path)?;
        let list = if path.is_dir() { &mut roots.folders } else { &mut roots.files };
        list.push(path);
    }
    match roots == NativeRoots::default() {
        false => Ok(roots),
        true => Err(errors::misuse(paths.py(), &Misuse::new("native_roots names no file and no folder"))),
    }
}

/// The given runtime, or a new one.
pub(crate) fn or_new(runtime: Option<&Bound<'_, PyRuntime>>) -> Runtime {
    match runtime {
        Some(runtime) => runtime.get().core.clone(),
        None => Runtime::new(uptls::aws_lc_rs::provider()),
    }
}
