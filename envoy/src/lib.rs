//! libuptls_envoy: the verifier of uptls inside unmodified Envoy (X4), as a dynamic module of Envoy 1.40 or later.
//!
//! ```text
//!  Envoy --entry--> Validator --Connector--> uptls::Prepared::verify
//!          abi      one for each TLS context, one uptls::Runtime for all
//!  Envoy <--host--  log, error detail, filter state
//! ```
//!
//! Nothing here decides anything about certificates. The configuration is the native policy document; `docs/envoy.md` tells
//! how it is written and what is left to Envoy's own fields.
#![cfg(unix)]
#![deny(unsafe_op_in_unsafe_fn)]

#[cfg(not(panic = "unwind"))]
compile_error!("a panic must not end Envoy: build the module with panic = \"unwind\"");

mod abi;
mod boundary;
mod config;
mod entry;
mod host;
mod validator;
