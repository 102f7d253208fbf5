//! From failures to the exceptions of `uptls._errors`.

use std::io;

use pyo3::exceptions::{PyTimeoutError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use uptls::{Code, Error, Misuse, Problems, Report};

use crate::guard::attached;
use crate::report::PyReport;

/// The exception for a policy that cannot be used; `at` is the clock's time.
pub(crate) fn unusable(py: Python<'_>, problems: &Problems, at: String) -> PyErr {
    let error = exception(py, &Report::unusable(problems, at), &[]);
    // For `Connector.refuse`; without it the exception is still all that it says.
    let _ = error.value(py).setattr(PROBLEMS, PyProblems(problems.clone()));
    error
}

/// The problems behind a PolicyError.
pub(crate) fn problems_of(error: &Bound<'_, PyAny>) -> PyResult<Problems> {
    let held = error.getattr(PROBLEMS).ok();
    match held.as_ref().and_then(|held| held.cast::<PyProblems>().ok()) {
        Some(problems) => Ok(problems.get().0.clone()),
        None => {
            let text = format!("expected a PolicyError that this process raised, not {}", error.get_type().name()?);
            Err(PyTypeError::new_err(text))
        }
    }
}

/// What a PolicyError carries for `Connector.refuse`.
#[pyclass(frozen, name = "_Problems", module = "uptls")]
struct PyProblems(Problems);

/// The exception for a call with an argument that has no meaning.
pub(crate) fn misuse(py: Python<'_>, misuse: &Misuse) -> PyErr {
    exception(py, &without_policy(Code::Misuse, misuse.to_string()), &[])
}

/// The exception for a panic that was caught.
pub(crate) fn panic(py: Python<'_>, words: &str) -> PyErr {
    exception(py, &without_policy(Code::Panic, format!("a panic was caught: {words}")), &[])
}

/// The exception for a connection that failed, of its report.
pub(crate) fn failure(py: Python<'_>, error: &Error, report: &Report) -> PyErr {
    exception(py, report, error.chain())
}

/// The exception for a certificate of a verified peer of which a part is no text.
pub(crate) fn malformed(py: Python<'_>, reason: &str) -> PyErr {
    let message = format!("{reason}; getpeercert(True) gives it as it is, DER");
    exception(py, &without_policy(Code::CertMalformed, message), &[])
}

/// What an exception of Python's, or a text, says of a transport. The number of the system counts, where it is one: the
/// errors of the module ssl and of resolvers have numbers of their own.
pub(crate) fn io_error(error: &Bound<'_, PyAny>) -> PyResult<io::Error> {
    let py = error.py();
    let foreign = error.is_instance(&py.import("ssl")?.getattr("SSLError")?)?
        || error.is_instance(&py.import("socket")?.getattr("gaierror")?)?;
    let number = match cfg!(windows) {
        true => error.getattr("winerror").or_else(|_| error.getattr("errno")),
        false => error.getattr("errno"),
    };
    let number = number.ok().and_then(|number| number.extract::<i32>().ok());
    Ok(match number {
        Some(number @ 1..) if !foreign => io::Error::from_raw_os_error(number),
        _ if error.is_instance_of::<PyTimeoutError>() => io::ErrorKind::TimedOut.into(),
        _ => io::Error::other(error.str()?.to_string_lossy().into_owned()),
    })
}

/// The report of a text alone, for exceptions that Python's part makes. A name that is no code's stands for `internal`.
#[pyfunction]
pub(crate) fn text_report(py: Python<'_>, code: String, message: String) -> PyResult<PyReport> {
    let code = Code::ALL.iter().copied().find(|known| known.as_str() == code).unwrap_or(Code::Internal);
    crate::guard::detached(py, || PyReport::new(&without_policy(code, message)))
}

/// The time, for what happens without a policy.
pub(crate) fn now() -> String {
    uptls::Runtime::new(uptls::aws_lc_rs::provider()).now_text()
}

fn without_policy(code: Code, message: String) -> Report {
    Report::without_policy(code, message, now())
}

fn exception(py: Python<'_>, report: &Report, chain: &[Vec<u8>]) -> PyErr {
    let make = || {
        let chain = PyList::new(py, chain.iter().map(|der| PyBytes::new(py, der)))?;
        py.import("uptls._errors")?.getattr("exception_of")?.call1((PyReport::new(report), chain))
    };
    attached(make).map_or_else(|error| error, PyErr::from_value)
}

const PROBLEMS: &str = "_problems";
