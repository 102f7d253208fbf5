//! From texts to objects: one file for each kind, with its type and its reader, and one dispatch over all of them.

pub(super) mod backend_tls_policy;
pub(super) mod cluster_trust_bundle;
pub(super) mod config_map;
mod crd;
pub(super) mod dispatch;
pub(super) mod extension;
pub(super) mod gateway;
pub(super) mod json;
pub(super) mod listener;
pub(super) mod listener_set;
pub(super) mod meta;
pub(super) mod object;
pub(super) mod objects;
pub(super) mod reference_grant;
pub(super) mod route;
pub(super) mod secret;
pub(super) mod secret_ref;
pub(super) mod selector;
pub(super) mod service;
pub(in crate::kubernetes) mod stream;
pub(super) mod texts;
pub(super) mod typed;
mod unread;
pub(super) mod validation;
pub(super) mod xbackend;
