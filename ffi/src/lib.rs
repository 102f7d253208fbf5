//! libuptls: the C ABI of uptls. The header `include/uptls.h` is generated from these files and holds the rules.
//!
//! ```text
//!  C pointers --handle--> Rust values --uptls_manifest, uptls--> Report --handle, error--> C pointers
//!                  every entry point runs inside boundary::call or boundary::value
//!
//!  builder, policy, manifests --> connector --> conn, stream --> evidence, reports
//!                      files --watch-->|            |
//!  what one thread of one process uses at a time: behind exclusive
//! ```
//!
//! Nothing here decides anything about TLS: convert, call, convert back.
#![allow(
    clippy::missing_safety_doc,
    reason = "the rules for all pointers stand once, at the top of the header; each function says what is its own"
)]

#[cfg(not(panic = "unwind"))]
compile_error!("libuptls turns panics into UPTLS_E_PANIC: build it with panic = \"unwind\"");

mod audit;
mod boundary;
mod builder;
mod codes;
mod conn;
mod connector;
mod context;
mod dialer;
#[cfg(unix)]
mod dialer_hook;
mod error;
mod evidence;
mod exclusive;
mod handle;
#[cfg(debug_assertions)]
mod hooks;
#[cfg(unix)]
mod key_log;
mod manifest_set;
mod manifest_store;
mod manifests;
mod open_connections;
mod options;
mod peer;
mod policy;
mod runtime;
mod status;
#[cfg(unix)]
mod stream;
mod strings;
mod target;
mod transfer;
mod uncancelled;
mod version;
#[cfg(unix)]
mod watch;

pub use audit::{uptls_connector_audit, uptls_connector_audit_report};
pub use builder::{
    Builder, Sign, SystemRoots, UPTLS_SYSTEM_ROOTS_MOZILLA, UPTLS_SYSTEM_ROOTS_NATIVE, UPTLS_SYSTEM_ROOTS_NONE,
    UPTLS_SYSTEM_ROOTS_PLATFORM, uptls_builder_add_alpn, uptls_builder_add_alpn_bytes, uptls_builder_add_ca_file,
    uptls_builder_add_ca_pem, uptls_builder_add_cipher_suite, uptls_builder_add_crl_file, uptls_builder_add_crl_pem,
    uptls_builder_add_group, uptls_builder_add_pinned_certificate, uptls_builder_add_pinned_key,
    uptls_builder_add_san_dns, uptls_builder_add_san_ip, uptls_builder_add_san_spiffe_path_prefix,
    uptls_builder_add_san_spiffe_trust_domain, uptls_builder_add_san_uri, uptls_builder_add_spiffe_ca_file,
    uptls_builder_add_spiffe_ca_pem, uptls_builder_add_spki_pin, uptls_builder_build, uptls_builder_disable_resumption,
    uptls_builder_free, uptls_builder_new, uptls_builder_set_alpn_required, uptls_builder_set_handshake_timeout,
    uptls_builder_set_identity_files, uptls_builder_set_identity_pem, uptls_builder_set_identity_signer,
    uptls_builder_set_max_version, uptls_builder_set_min_version, uptls_builder_set_name, uptls_builder_set_revocation,
    uptls_builder_set_server_name, uptls_builder_set_system_roots, uptls_builder_set_system_trust_domain,
};
pub use codes::{
    uptls_code_at, uptls_code_count, uptls_code_meaning, uptls_code_name, uptls_code_remedy, uptls_code_status,
};
pub use conn::{
    Conn, HandshakeState, UPTLS_HANDSHAKE_DONE, UPTLS_HANDSHAKE_FAILED, UPTLS_HANDSHAKE_RUNNING, UPTLS_WANTS_READ,
    UPTLS_WANTS_SIGNATURE, UPTLS_WANTS_WRITE, uptls_conn_channel_binding, uptls_conn_close_notify, uptls_conn_drain,
    uptls_conn_evidence, uptls_conn_expire, uptls_conn_export, uptls_conn_feed, uptls_conn_feed_eof,
    uptls_conn_feed_error, uptls_conn_free, uptls_conn_give_signature, uptls_conn_handshake_state, uptls_conn_new,
    uptls_conn_pending, uptls_conn_read, uptls_conn_report, uptls_conn_signature_wanted, uptls_conn_timeout_ms,
    uptls_conn_wants, uptls_conn_write,
};
pub use connector::{
    Connector, OnInvalidFiles, State, UPTLS_FAIL_CLOSED, UPTLS_KEEP_LAST_GOOD, UPTLS_STATE_DEGRADED, UPTLS_STATE_NONE,
    UPTLS_STATE_NOT_READY, UPTLS_STATE_READY, UPTLS_STATE_WITHDRAWN, uptls_connector_check,
    uptls_connector_check_expiry, uptls_connector_generation, uptls_connector_is_current, uptls_connector_lost_events,
    uptls_connector_new, uptls_connector_next_event, uptls_connector_policy, uptls_connector_ref,
    uptls_connector_refuse, uptls_connector_state, uptls_connector_unref, uptls_connector_update,
    uptls_connector_withdraw,
};
pub use dialer::{
    Dialer, uptls_dialer_free, uptls_dialer_new_tcp, uptls_dialer_new_unix, uptls_dialer_set_http_proxy,
    uptls_dialer_set_proxy_header,
};
#[cfg(unix)]
pub use dialer_hook::{Hook, uptls_dialer_set_hook};
pub use error::{
    Error, uptls_error_code, uptls_error_free, uptls_error_hint, uptls_error_json, uptls_error_message,
    uptls_error_number, uptls_error_status,
};
pub use evidence::{
    Evidence, Identity, UPTLS_IDENTITY_NOT_REQUESTED, UPTLS_IDENTITY_REQUESTED_NOT_SENT, UPTLS_IDENTITY_SENT,
    uptls_evidence_alpn, uptls_evidence_alpn_bytes, uptls_evidence_certificate_count, uptls_evidence_certificate_der,
    uptls_evidence_cipher_suite, uptls_evidence_fingerprint, uptls_evidence_generation, uptls_evidence_group,
    uptls_evidence_identity, uptls_evidence_identity_unused, uptls_evidence_matched_name, uptls_evidence_ref,
    uptls_evidence_resumed, uptls_evidence_server_name, uptls_evidence_trusted_until, uptls_evidence_unref,
    uptls_evidence_version,
};
#[cfg(debug_assertions)]
pub use hooks::{uptls_debug_panic_builder, uptls_debug_panic_conn, uptls_debug_panic_runtime};
#[cfg(unix)]
pub use key_log::{uptls_connector_log_keys, uptls_connector_logs_keys};
pub use manifest_set::{
    ManifestOptions, Manifests, UPTLS_MANIFESTS_CLUSTER_TRUST_BUNDLES, UPTLS_MANIFESTS_COMPLETE,
    UPTLS_MANIFESTS_RECURSIVE, uptls_manifest_set_backend, uptls_manifest_set_connector, uptls_manifest_set_count,
    uptls_manifest_set_gateway, uptls_manifest_set_load, uptls_manifest_set_parse, uptls_manifest_set_policy,
    uptls_manifest_set_publish, uptls_manifest_set_ref, uptls_manifest_set_report, uptls_manifest_set_unref,
};
pub use manifest_store::{
    Store, uptls_manifest_store_changed_backend, uptls_manifest_store_changed_gateway, uptls_manifest_store_connector,
    uptls_manifest_store_free, uptls_manifest_store_new, uptls_manifest_store_policy, uptls_manifest_store_publish,
    uptls_manifest_store_remove, uptls_manifest_store_report, uptls_manifest_store_resolve_changed,
    uptls_manifest_store_upsert,
};
pub use manifests::{
    ManifestMode, UPTLS_FAITHFUL, UPTLS_STRICT, uptls_connector_from_manifests, uptls_policy_from_manifest_text,
    uptls_policy_from_manifests,
};
pub use open_connections::{
    uptls_connector_closed, uptls_connector_next_refused, uptls_connector_opened, uptls_connector_reconsider,
};
pub use options::{ConnOptions, UPTLS_CONNECT_INTERRUPTIBLE};
pub use peer::{
    Certificate, UPTLS_CERTIFICATE_ANCHOR, UPTLS_CERTIFICATE_LEAF, uptls_evidence_issuer, uptls_evidence_not_after,
    uptls_evidence_not_before, uptls_evidence_path_count, uptls_evidence_path_der, uptls_evidence_serial,
    uptls_evidence_sha256, uptls_evidence_subject,
};
pub use policy::{
    Danger, Policy, UPTLS_DANGER_ALLOW, UPTLS_DANGER_FORBID, uptls_policy_describe, uptls_policy_fingerprint,
    uptls_policy_from_document, uptls_policy_from_file, uptls_policy_name, uptls_policy_ref, uptls_policy_unref,
    uptls_policy_verify,
};
pub use runtime::{
    Runtime, uptls_runtime_free, uptls_runtime_held_sessions, uptls_runtime_lost_observations,
    uptls_runtime_metrics_text, uptls_runtime_new, uptls_runtime_new_at, uptls_runtime_next_observation,
    uptls_runtime_observe,
};
pub use status::{
    Status, UPTLS_CLOSED, UPTLS_E_CANCELLED, UPTLS_E_CONFIG, UPTLS_E_INTERNAL, UPTLS_E_IO, UPTLS_E_LOCAL, UPTLS_E_NAME,
    UPTLS_E_PANIC, UPTLS_E_PEER_ALERT, UPTLS_E_PROTOCOL, UPTLS_E_REVOKED, UPTLS_E_TIMEOUT, UPTLS_E_TRUNCATED,
    UPTLS_E_UNTRUSTED, UPTLS_E_USAGE, UPTLS_E_VALIDITY, UPTLS_OK, UPTLS_WANT_READ, UPTLS_WANT_SIGN, UPTLS_WANT_WRITE,
    uptls_status_string,
};
#[cfg(unix)]
pub use stream::{
    Bytes, FdOwnership, Stream, UPTLS_FD_BORROW, UPTLS_FD_OWN, uptls_stream_adopt_fd, uptls_stream_cancel,
    uptls_stream_channel_binding, uptls_stream_connect, uptls_stream_evidence, uptls_stream_expire,
    uptls_stream_export, uptls_stream_fd, uptls_stream_flush, uptls_stream_free, uptls_stream_handshake,
    uptls_stream_handshake_state, uptls_stream_local_address, uptls_stream_peer_address, uptls_stream_pending,
    uptls_stream_poll_events, uptls_stream_read, uptls_stream_report, uptls_stream_shutdown, uptls_stream_timeout_ms,
    uptls_stream_write, uptls_stream_writev,
};
pub use strings::uptls_string_free;
pub use version::{uptls_abi_version, uptls_version_number, uptls_version_string};
#[cfg(unix)]
pub use watch::{
    UPTLS_WATCH_EVENTS, UPTLS_WATCH_NONE, UPTLS_WATCH_POLLING, Watch, WatchMode, uptls_watch_add, uptls_watch_dispatch,
    uptls_watch_fd, uptls_watch_free, uptls_watch_new, uptls_watch_reason, uptls_watch_remove, uptls_watch_state,
    uptls_watch_timeout_ms,
};
