//! The command `uptls` inside Python: `python -m uptls`.

use std::ffi::OsString;

use pyo3::prelude::*;

use crate::guard::detached;

/// Runs the command with these arguments (the name of the program is not among them), and returns its exit code.
#[pyfunction]
pub(crate) fn main(py: Python<'_>, arguments: Vec<OsString>) -> PyResult<u8> {
    detached(py, || uptls_cli::run(std::iter::once(OsString::from("uptls")).chain(arguments)))
}
