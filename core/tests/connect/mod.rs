//! Connections over sockets, blocking and on tokio.

mod blocking_outcomes;
mod bound;
mod connect_reports;
#[cfg(unix)]
mod connection_faults;
mod hostile_peers;
#[cfg(feature = "tokio")]
mod hostile_peers_tokio;
#[cfg(feature = "tokio")]
mod tokio_addresses;
#[cfg(feature = "tokio")]
mod tokio_cancellation;
#[cfg(feature = "tokio")]
mod tokio_outcomes;
#[cfg(feature = "tokio")]
mod tokio_transports;
