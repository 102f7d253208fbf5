//! The handshake, without sockets.

mod alerts;
#[cfg(feature = "tokio")]
mod alerts_tokio;
mod bulk;
mod exporter;
mod external_key;
mod facts;
mod floods;
mod identity;
mod key_log;
mod outcomes;
mod providers;
mod transport;
