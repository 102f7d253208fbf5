//! What errors and logs say.

mod error_docs;
mod library_errors;
#[cfg(unix)]
mod logs;
#[cfg(feature = "aws-lc-rs")]
mod secrets;
