//! Suites and cross-language vectors: the answers that this library must give. Other authors decided those of the
//! suites.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::exhaustive_enums, clippy::exhaustive_structs, reason = "never published")]

pub mod committed;
pub mod gateway;
pub mod suites;
pub mod vectors;
