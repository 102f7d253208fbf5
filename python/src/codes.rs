//! `uptls.Code` and `uptls.codes`: the table of reasons.

use pyo3::prelude::*;
use uptls::Code;

/// A stable reason.
///
/// >>> code = next(code for code in uptls.codes() if code.name == "tcp_refused")
/// >>> code.number, code.severity, code.remedy
/// (302, 'transient', 'Check that the peer listens there.')
#[pyclass(frozen, eq, hash, name = "Code", module = "uptls")]
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct PyCode(Code);

#[pymethods]
impl PyCode {
    /// The permanent number.
    #[getter]
    fn number(&self) -> u16 {
        self.0.number()
    }

    /// The permanent name, `name_mismatch`.
    #[getter]
    fn name(&self) -> &'static str {
        self.0.as_str()
    }

    /// The block of numbers that it is in.
    #[getter]
    fn category(&self) -> &'static str {
        self.0.category().as_str()
    }

    /// `error`; `transient`: a retry may succeed; `local`: this side could not try, which says nothing of the peer;
    /// `bug`.
    #[getter]
    fn severity(&self) -> &'static str {
        self.0.severity().as_str()
    }

    /// One line: what happened.
    #[getter]
    fn meaning(&self) -> &'static str {
        self.0.meaning()
    }

    /// One line: what to do about it.
    #[getter]
    fn remedy(&self) -> &'static str {
        self.0.remedy()
    }

    /// The exit code of the command `uptls` for it.
    #[getter]
    fn exit_code(&self) -> u8 {
        self.0.exit_code()
    }

    fn __repr__(&self) -> String {
        format!("<Code {} {}>", self.0.number(), self.0)
    }
}

/// Every code, in the order of the numbers.
#[pyfunction]
pub(crate) fn codes() -> Vec<PyCode> {
    Code::ALL.iter().map(|code| PyCode(*code)).collect()
}
