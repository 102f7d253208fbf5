//! The handshake, without sockets.

mod alerts;
#[cfg(feature = "tokio")]
mod alerts_tokio;
mod bulk;
mod exporter;
mod facts;
mod floods;
mod identity;
mod outcomes;
mod providers;
mod transport;
