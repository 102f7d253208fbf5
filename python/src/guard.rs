//! The border: every call into the library happens without the GIL, and no panic leaves it.

use core::mem;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::prelude::*;

use crate::errors;

/// Runs `body` while other Python threads go on.
///
/// # Errors
/// `UptlsError` with the code `panic`, for a panic.
pub(crate) fn detached<T: Send>(py: Python<'_>, body: impl FnOnce() -> T + Send) -> PyResult<T> {
    let outcome = py.detach(|| catch_unwind(AssertUnwindSafe(body)).map_err(words));
    outcome.map_err(|words| errors::panic(py, &words))
}

fn words(payload: Box<dyn Any + Send>) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text").to_owned();
    // Its destructor may panic too, and here nobody would catch that.
    mem::forget(payload);
    text
}

/// Panics inside the border; only in debug builds, for the tests.
#[cfg(debug_assertions)]
#[pyfunction]
pub(crate) fn _panic(py: Python<'_>, words: &str) -> PyResult<()> {
    detached(py, || panic!("{words}"))
}
