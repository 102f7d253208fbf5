//! H11: whatever a connection goes over, the same policy judges the same host under the same deadline.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

#[path = "../handshake_support/mod.rs"]
mod handshake_support;

mod closures;
mod http_connect;
mod proxy_header;
mod support;
#[cfg(target_os = "linux")]
mod tcp_options;
#[cfg(unix)]
mod unix;
