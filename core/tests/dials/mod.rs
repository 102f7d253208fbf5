//! H11: whatever a connection goes over, the same policy judges the same host under the same deadline.

mod blocking;
mod closures;
mod http_connect;
mod proxy_header;
mod support;
#[cfg(target_os = "linux")]
mod tcp_options;
#[cfg(unix)]
mod unix;
