//! The error object: a failed call's report, its texts ready to be read from C.

use core::ffi::c_char;
use core::ptr;
use std::ffi::CString;

use uptls::{BackendHost, Code, Connector, Envelope, Misuse, Problems, Report};

use crate::boundary;
use crate::handle::{self, Handle, Owned};
use crate::status::{self, Status, UPTLS_E_USAGE};

/// Why a call failed. It owns all texts that its accessors return.
pub struct Error {
    code: CString,
    hint: CString,
    json: CString,
    message: CString,
    number: u16,
    /// What is wrong with a policy that cannot be used.
    problems: Option<Problems>,
    status: Status,
}

impl Handle for Error {
    type Ownership = Owned;
}

impl Error {
    pub(crate) fn new(failure: Failure) -> Self {
        let status = failure.status();
        let problems = match &failure {
            Failure::Unusable(problems, _) => Some(problems.clone()),
            _ => None,
        };
        let report = failure.into_report();
        let code = report.code.unwrap_or(Code::Internal);
        Self {
            code: handle::c_text(code.as_str()),
            hint: handle::c_text(report.hint.as_deref().unwrap_or_default()),
            message: handle::c_text(report.message.as_deref().unwrap_or_default()),
            number: code.number(),
            problems,
            status,
            json: handle::c_text(&Envelope::reports(vec![report]).to_json()),
        }
    }
}

impl Error {
    pub(crate) fn problems(&self) -> Option<&Problems> {
        self.problems.as_ref()
    }
}

/// Why a call fails, before it is put into words.
pub(crate) enum Failure {
    /// The caller's bug.
    Misuse(Misuse),
    /// Ours, and what it said.
    Panic(String),
    /// There is no connection, or the policy refuses the peer: the report says why.
    Report(Box<Report>),
    /// The policy cannot be used; the clock's time.
    Unusable(Problems, String),
}

impl Failure {
    /// What no policy is behind.
    pub(crate) fn without_policy(code: Code, message: String) -> Self {
        Report::without_policy(code, message, now()).into()
    }

    /// A connection to `host` that was not made, or ended.
    pub(crate) fn connection(connector: &Connector, host: &BackendHost, error: &uptls::Error) -> Self {
        match error {
            uptls::Error::Misuse(misuse) => Self::Misuse(misuse.clone()),
            error => connector.report_of(host, error).into(),
        }
    }

    /// Never `UPTLS_OK`.
    pub(crate) fn status(&self) -> Status {
        status::of_code(self.code())
    }

    fn code(&self) -> Code {
        match self {
            Self::Misuse(_) => Code::Misuse,
            Self::Panic(_) => Code::Panic,
            Self::Report(report) => report.code.unwrap_or(Code::Internal),
            Self::Unusable(problems, _) => problems.code(),
        }
    }

    fn into_report(self) -> Report {
        let code = self.code();
        let message = match self {
            Self::Misuse(misuse) => misuse.to_string(),
            Self::Panic(words) => format!("a panic was caught: {words}"),
            Self::Report(report) => return *report,
            Self::Unusable(problems, at) => return Report::unusable(&problems, at),
        };
        Report::without_policy(code, message, now())
    }
}

/// The system's time, for what happened without a runtime.
fn now() -> String {
    uptls::Runtime::new(uptls::aws_lc_rs::provider()).now_text()
}

impl From<Report> for Failure {
    fn from(report: Report) -> Self {
        Self::Report(Box::new(report))
    }
}

impl From<Misuse> for Failure {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

/// The stable name of the reason, `name_mismatch`. Owned by the error; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_error_code(error: *const Error) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(error, |error| &error.code) }
}

/// The stable number of the reason, `UPTLS_CODE_NAME_MISMATCH`; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_error_number(error: *const Error) -> u16 {
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(0, || unsafe { error.as_ref() }.map_or(0, |error| error.number))
}

/// One useful sentence, for logs: it may quote certificates, so do not show it to clients. Owned by the error; NULL for
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_error_message(error: *const Error) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(error, |error| &error.message) }
}

/// The one thing to change. Owned by the error; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_error_hint(error: *const Error) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(error, |error| &error.hint) }
}

/// The whole report (schema `uptls.report/v1`): every problem of a policy, every step of a verification. Byte for byte
/// what Rust, Python and the command give. Owned by the error; NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_error_json(error: *const Error) -> *const c_char {
    // SAFETY: the contract of the header is that of `text`.
    unsafe { text(error, |error| &error.json) }
}

/// The status that came with it; `UPTLS_E_USAGE` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_error_status(error: *const Error) -> Status {
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(UPTLS_E_USAGE, || unsafe { error.as_ref() }.map_or(UPTLS_E_USAGE, |error| error.status))
}

/// Frees an error and its texts. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_error_free(error: *mut Error) {
    // SAFETY: by the contract of the header it is NULL or live, and not used again.
    boundary::value((), || unsafe { handle::release(error) });
}

/// # Safety
/// `error` is NULL or live, and outlives the use of the result.
unsafe fn text(error: *const Error, field: impl FnOnce(&Error) -> &CString) -> *const c_char {
    // SAFETY: the contract is the same.
    boundary::value(ptr::null(), || unsafe { error.as_ref() }.map_or(ptr::null(), |error| field(error).as_ptr()))
}
