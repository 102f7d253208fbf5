//! From failures to the exceptions of `uptls._errors`.

use pyo3::prelude::*;
use uptls::{Category, Code, Envelope, Misuse, Problems, Report};

/// The exception for a policy that cannot be used; `at` is the clock's time.
pub(crate) fn unusable(py: Python<'_>, problems: &Problems, at: String) -> PyErr {
    of_report(py, Report::unusable(problems, at))
}

/// The exception for a call with an argument that has no meaning.
pub(crate) fn misuse(py: Python<'_>, misuse: &Misuse) -> PyErr {
    of_report(py, without_policy(Code::Misuse, misuse.to_string()))
}

/// The exception for a panic that was caught.
pub(crate) fn panic(py: Python<'_>, words: &str) -> PyErr {
    of_report(py, without_policy(Code::Panic, format!("a panic was caught: {words}")))
}

fn without_policy(code: Code, message: String) -> Report {
    Report::without_policy(code, message, uptls::Runtime::new(uptls::aws_lc_rs::provider()).now_text())
}

fn of_report(py: Python<'_>, report: Report) -> PyErr {
    let code = report.code.unwrap_or(Code::Internal);
    let class = match (code, code.category()) {
        (Code::Misuse, _) => "MisuseError",
        (_, Category::Identity | Category::Policy) => "PolicyError",
        _ => "UptlsError",
    };
    let message = report.message.clone().unwrap_or_default();
    let hint = report.hint.clone().unwrap_or_default();
    let json = Envelope::reports(vec![report]).to_json();
    let arguments = (message, code.as_str(), code.number(), hint, json);
    let made = py.import("uptls._errors").and_then(|module| module.getattr(class)?.call1(arguments));
    made.map_or_else(|error| error, PyErr::from_value)
}
