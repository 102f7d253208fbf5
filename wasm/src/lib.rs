//! The verifier and the importer as one WebAssembly module: what the Go face runs in the place of a C library.
//!
//! ```text
//!  host --alloc, bytes--> exports --calls--> uptls_manifest, uptls --provider--> imports --> the host's own cryptography
//!                           |  frame: a byte that says what it is, then JSON       signatures, keys, files
//!                           v
//!                     host reads it, and frees it
//! ```
//!
//! The module has no file, no clock, no network and no key material of its own. Each call says what time it is. Signatures are
//! verified by the host, which says yes or no; digests are computed inside. It makes no TLS connections: the cipher suites and
//! groups of its provider are names, by which a policy is checked and has the fingerprint that it has elsewhere.
//!
//! A panic ends the instance (`panic = "abort"`), and so does memory that cannot be had. Both are a trap to the host, which
//! takes a fresh instance and prepares its policies again.

mod bytes;
mod calls;
mod exports;
mod failure;
mod host;
mod manifests;
mod provider;
mod session;

pub use exports::{uptls_alloc, uptls_call, uptls_free, uptls_verify};
