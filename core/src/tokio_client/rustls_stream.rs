//! A verified connection as a stream of tokio-rustls, for hosts that are built on its types.

use core::mem::swap;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::AsyncStream;
use crate::connect::{Evidence, internal};
use crate::error::Error;

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncStream<T> {
    /// Gives the connection to tokio-rustls: its own client stream, and the evidence of the handshake. Everything up to here is
    /// uptls's: the verification, the typed refusal, the deadline, the fence around sessions, and with a
    /// [`BoundConnector`](crate::BoundConnector) the key. So a host that takes `tokio_rustls::client::TlsStream` changes none of its types.
    ///
    /// What follows is tokio-rustls's, and differs:
    ///
    /// - An error of the peer is an `io::Error` with a `rustls::Error`, and [`Error::find_in`] finds none of ours. A TLS 1.3 peer that
    ///   refuses the client certificate does so after the handshake, as a bare alert (I5).
    /// - An end without close_notify is `UnexpectedEof` (H8).
    /// - In a child of fork the stream goes on (L10): do not use it there.
    /// - A session ticket that comes later is charged with the largest size that it can have, so the runtime's store holds
    ///   fewer of them ([`RuntimeBuilder::session_bytes`](crate::RuntimeBuilder::session_bytes)).
    ///
    /// ```
    /// use tokio::net::TcpStream;
    /// use tokio_rustls::client::TlsStream;
    /// use uptls::{BackendHost, ConnectOptions, Connector, Error, Evidence};
    ///
    /// async fn connect(connector: &Connector, host: &BackendHost) -> Result<(TlsStream<TcpStream>, Evidence), Error> {
    ///     let options = ConnectOptions::default();
    ///     connector.connect_async((host, 443), host, &options).await?.into_tokio_rustls().await
    /// }
    /// ```
    ///
    /// # Errors
    /// The error that ended the connection; [`Error::Misuse`] after `poll_shutdown`, and in a child of fork.
    pub async fn into_tokio_rustls(self) -> Result<(TlsStream<T>, Evidence), Error> {
        let evidence = self.evidence().clone();
        let (established, transport) = self.into_parts();
        let provider = Arc::clone(established.provider());
        let mut verified = established.into_tls()?;
        // tokio-rustls makes a stream of a connection that it has begun alone, and this one is done.
        let begun = TlsConnector::from(Arc::new(placeholder(provider)?));
        let name = ServerName::from(core::net::IpAddr::from([0, 0, 0, 0]));
        let stream = begun.connect_with(name, transport, |placeholder: &mut ClientConnection| {
            swap(placeholder, &mut verified);
        });
        Ok((stream.await.map_err(internal)?, evidence))
    }
}

/// The configuration of a connection that sends nothing and trusts no peer: of TLS 1.2, whose ClientHello costs no key.
fn placeholder(provider: Arc<CryptoProvider>) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder
        .with_protocol_versions(&[&rustls::version::TLS12])
        .or_else(|_| ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions())
        .map_err(internal)?;
    let mut config = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(config)
}
