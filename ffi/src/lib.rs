//! libuptls: the C ABI of uptls. The header `include/uptls.h` is generated from these files and holds the rules.
//!
//! ```text
//!  C pointers --handle--> Rust values --uptls_manifest, uptls--> Report --handle, error--> C pointers
//!                  every entry point runs inside boundary::call or boundary::value
//! ```
//!
//! Nothing here decides anything about TLS: convert, call, convert back.
#![allow(
    clippy::missing_safety_doc,
    reason = "the rules for all pointers stand once, at the top of the header; each function says what is its own"
)]

#[cfg(not(panic = "unwind"))]
compile_error!("libuptls turns panics into UPTLS_E_PANIC: build it with panic = \"unwind\"");

mod boundary;
mod codes;
mod error;
mod handle;
mod policy;
mod runtime;
mod status;
mod strings;
mod version;

pub use codes::{
    uptls_code_at, uptls_code_count, uptls_code_meaning, uptls_code_name, uptls_code_remedy, uptls_code_status,
};
pub use error::{
    Error, uptls_error_code, uptls_error_free, uptls_error_hint, uptls_error_json, uptls_error_message,
    uptls_error_number, uptls_error_status,
};
pub use policy::{
    Danger, Policy, UPTLS_DANGER_ALLOW, UPTLS_DANGER_FORBID, uptls_policy_from_document, uptls_policy_from_file,
    uptls_policy_ref, uptls_policy_unref, uptls_policy_verify,
};
pub use runtime::{Runtime, uptls_runtime_free, uptls_runtime_new, uptls_runtime_new_at};
pub use status::{
    Status, UPTLS_E_CANCELLED, UPTLS_E_CONFIG, UPTLS_E_INTERNAL, UPTLS_E_IO, UPTLS_E_NAME, UPTLS_E_PANIC,
    UPTLS_E_PEER_ALERT, UPTLS_E_PROTOCOL, UPTLS_E_REVOKED, UPTLS_E_TIMEOUT, UPTLS_E_TRUNCATED, UPTLS_E_UNTRUSTED,
    UPTLS_E_USAGE, UPTLS_E_VALIDITY, UPTLS_OK, uptls_status_string,
};
pub use strings::uptls_string_free;
pub use version::{uptls_version_number, uptls_version_string};
