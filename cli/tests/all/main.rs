//! The tests of the command: the binary itself, run as a user runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a failed expectation is what a test is for")]

mod check;
mod demo;
mod endpoints;
mod expiry;
mod explain;
mod export;
mod fix;
mod guide;
mod hybrid;
mod import;
mod inspect;
mod manifests;
mod offline;
mod openssl;
mod options;
mod outputs;
#[cfg(unix)]
mod outputs_shared;
mod pages;
#[cfg(unix)]
mod proxy;
mod review;
mod style;
mod support;
mod usage;
#[path = "../../../manifest/tests/all/validator.rs"]
mod validator;
