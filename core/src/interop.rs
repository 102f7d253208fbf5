//! The escape hatch: a `rustls::ClientConfig` for libraries that want one. The only public place with rustls types.

use std::sync::Arc;

use crate::prepare::Prepared;

/// The policy as a `rustls::ClientConfig`, for libraries that take nothing else.
///
/// Its verifier is this library's: the peer is judged exactly as elsewhere, and refused with the right alert (H5).
///
/// What is lost, against [`Connector`](crate::Connector):
///
/// - **The deadline** (H4): set the library's own.
/// - **The ALPN requirement** (H3): where the policy requires a protocol and the peer selects none, the connection is made.
///   The protocols are offered as the policy lists them, never narrowed.
/// - **Resumption** (H6): such a config never resumes.
/// - **The server name** of the policy, where it is neither `auto` nor what the library passes as `ServerName`, which must be
///   the backend host: another SNI is sent. The verdict does not change.
/// - **The reason**: errors are rustls's, and [`Error::find_in`](crate::Error::find_in) finds nothing behind them.
///   [`Prepared::explain`] tells it of a chain.
/// - **I4, I5**: an expired identity is sent, and a peer that refuses it is an alert like any other.
/// - **Evidence**, and the [`PoolKey`](crate::PoolKey).
/// - **Rotation** (R1, R3): a config is one generation for ever. Make a new one, and a new client with a new pool, after
///   each change of [`Connector::generation`](crate::Connector::generation).
///
/// # reqwest
/// reqwest 0.13 takes the config by value, and must be built on the same rustls: another one is an error of `build`, not of
/// the compiler. With its feature `rustls-no-provider` it brings no provider of its own.
///
/// ```text
/// reqwest::Client::builder()
///     .tls_backend_preconfigured(rustls::ClientConfig::clone(&uptls::interop::client_config(&prepared)))
///     .https_only(true) // never plaintext, not by a redirect either
///     .no_proxy() // the environment names none
///     .connect_timeout(policy.handshake_timeout())
/// ```
///
/// A redirect leads to another host: its name is judged if the policy's names are `auto`, and the certificate of the
/// policy's own names is wanted of it otherwise. `examples/rust/reqwest_get.rs` is a whole program.
pub fn client_config(prepared: &Prepared) -> Arc<rustls::ClientConfig> {
    Arc::clone(prepared.client_config())
}
