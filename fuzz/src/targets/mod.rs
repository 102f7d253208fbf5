//! The targets by their names. Each takes bytes, and panics where an oracle disagrees.

mod chain;
mod costly_chain;
mod envoy_document;
mod envoy_module;
mod ffi;
mod handshake;
mod honest;
mod manifests;
mod material;
mod merge;
mod native_document;
mod policy_document;
mod rotation;
mod san_match;
mod session;
mod tunnel;
mod verify_chain;

/// A target.
pub type Target = fn(&[u8]);

/// Every target.
pub const ALL: &[(&str, Target)] = &[
    ("chain", chain::run),
    ("costly_chain", costly_chain::run),
    ("envoy_document", envoy_document::run),
    ("envoy_module", envoy_module::run),
    ("ffi", ffi::run),
    ("handshake", handshake::run),
    ("honest", honest::run),
    ("manifests", manifests::run),
    ("material", material::run),
    ("merge", merge::run),
    ("native_document", native_document::run),
    ("policy_document", policy_document::run),
    ("rotation", rotation::run),
    ("san_match", san_match::run),
    ("session", session::run),
    ("tunnel", tunnel::run),
    ("verify_chain", verify_chain::run),
];
