//! The tests of `uptls-manifest`, in one program.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod bad_documents;
mod bad_extensions;
mod bad_manifests;
mod budgets;
mod client_certificates;
mod common;
mod dispatch;
mod envoy_clusters;
mod envoy_export;
mod envoy_module;
mod envoy_read;
mod envoy_round_trip;
mod envoy_schemes;
mod files;
mod fixes;
mod fuzz_seeds;
mod gateways;
mod kinds;
mod kubernetes;
mod manifest_folder;
mod manifest_store;
#[cfg(target_os = "linux")]
mod memory;
mod merge;
mod modes;
mod module_graph;
mod origins;
mod other_document;
mod properties;
mod protocols;
mod radius;
mod report;
mod rotation;
mod scalars;
mod schemas;
mod secrets;
mod selectors;
mod statuses;
mod store;
mod store_places;
mod store_uses;
mod subset;
mod universe;
mod unread;
mod validator;
