//! The hyper face: a connector for hyper-util's client, tonic, and whoever else takes a `tower_service::Service<Uri>`.
//!
//! ```no_run
//! use hyper_util::client::legacy::{Builder, Client};
//! use uptls::hyper::UpstreamService;
//!
//! fn client(connector: uptls::Connector, builder: &Builder) -> Client<UpstreamService, String> {
//!     builder.build(UpstreamService::new(connector))
//! }
//! ```
//!
//! - **Never plaintext.** A URI with any other scheme than `https` is refused, see [`UpstreamService::also_for_http_uris`].
//! - **Pools.** hyper-util keeps connections by scheme and authority, and knows nothing of policies: after
//!   [`Connector::update`] it goes on with those it has (R7). Keep one client for each [`UpstreamService::pool_key`].
//! - **Why.** [`Error::find_in`] finds the reason behind the errors of hyper and tonic, except those that h2 turns into text:
//!   see [`UpstreamService::with_failures`]. Responses of hyper-util's client have [`ConnectionInfo`] among their extensions.
//! - **tonic** wants [`UpstreamService::http2_only`]. With one of its TLS features it keeps `https` URIs for itself, and fails
//!   after our handshake: write `http` into its `Endpoint`, set `Endpoint::origin` to the `https` URI, and use
//!   [`UpstreamService::also_for_http_uris`].

mod upstream_stream;

pub use upstream_stream::{ConnectionInfo, UpstreamStream};

use core::fmt;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use ::hyper::Uri;
use ::tokio::io::AsyncWrite as _;
use ::tokio::net::TcpStream;
use ::tokio::time::timeout;
use tower_service::Service;

use crate::connect::blocking::LAST_WORDS;
use crate::connect::{Address, ConnectOptions, PoolKey};
use crate::error::{ConnectError, Error, Misuse, PolicyError, PolicyErrorKind, Problem, Problems};
use crate::name::BackendHost;
use crate::rotate::Connector;
use crate::tokio::AsyncStream;
use upstream_stream::Watched;

/// Makes verified connections for URIs. A clone is cheap.
///
/// The backend host is the URI's host, and the address its authority, unless they are given here.
#[derive(Clone)]
pub struct UpstreamService {
    /// `None`: the URI's authority.
    addresses: Arc<Addresses>,
    connector: Connector,
    failures: Arc<Failures>,
    host: Option<BackendHost>,
    schemes: Schemes,
    timeout: Option<Duration>,
    versions: HttpVersions,
}

type Addresses = dyn Fn(&Uri) -> Option<Address> + Send + Sync;
type Failures = dyn Fn(&BackendHost, &Error) + Send + Sync;

/// The HTTP versions that are offered by ALPN.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum HttpVersions {
    /// Whatever the policy says.
    AsPolicy,
    Http1,
    Http2,
}

/// The URIs that connections are made for; it is TLS for all of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Schemes {
    AlsoHttp,
    Https,
}

impl UpstreamService {
    /// Connections by the current generation of `connector`, each by the one that is current when it is made (R1).
    pub fn new(connector: Connector) -> Self {
        Self {
            addresses: Arc::new(|_| None),
            connector,
            failures: Arc::new(|_, _| {}),
            host: None,
            schemes: Schemes::Https,
            timeout: None,
            versions: HttpVersions::AsPolicy,
        }
    }

    /// Sets where all sockets go: a pod's address. It is never an identity (N1).
    #[must_use]
    pub fn with_address(self, address: impl Into<Address>) -> Self {
        let address = address.into();
        self.with_addresses(move |_| Some(address.clone()))
    }

    /// Asks `addresses` where the socket for a URI goes; `None`: to the URI's authority.
    #[must_use]
    pub fn with_addresses(mut self, addresses: impl Fn(&Uri) -> Option<Address> + Send + Sync + 'static) -> Self {
        self.addresses = Arc::new(addresses);
        self
    }

    /// Sets the backend host of all connections (N1), whatever the URI says.
    #[must_use]
    pub fn with_host(mut self, host: BackendHost) -> Self {
        self.host = Some(host);
        self
    }

    /// Sets the deadline of each whole connect (H4). Default: the policy's `handshakeTimeout`.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Offers `http/1.1` alone: for WebSockets (H3). A policy that lists protocols must have it.
    #[must_use]
    pub fn http1_only(mut self) -> Self {
        self.versions = HttpVersions::Http1;
        self
    }

    /// Offers `h2` alone, and fails with `alpn_mismatch` unless the peer selects it: for gRPC (H3). The policy must have it.
    #[must_use]
    pub fn http2_only(mut self) -> Self {
        self.versions = HttpVersions::Http2;
        self
    }

    /// Makes TLS connections for `http` URIs too, to port 443 where they name none: for callers like tonic that keep
    /// `https` for a TLS of their own.
    #[must_use]
    pub fn also_for_http_uris(mut self) -> Self {
        self.schemes = Schemes::AlsoHttp;
        self
    }

    /// Tells `failures` of each connection that is not made, or that fails later, once. h2 keeps no more than the text of an
    /// error that comes after the handshake, and a TLS 1.3 peer refuses a client certificate only then (I5).
    #[must_use]
    pub fn with_failures(mut self, failures: impl Fn(&BackendHost, &Error) + Send + Sync + 'static) -> Self {
        self.failures = Arc::new(failures);
        self
    }

    /// Under which key a client may be kept that has connections for `uri` made now, and be found again.
    ///
    /// # Errors
    /// Those of [`Connector::pool_key`], and of a URI that is not connected to.
    pub fn pool_key(&self, uri: &Uri) -> Result<PoolKey, Error> {
        self.connector.pool_key(&self.target(uri)?.1)
    }

    async fn connect(&self, uri: &Uri) -> Result<UpstreamStream, Error> {
        let (address, host) = self.target(uri)?;
        match self.connect_to(address, &host).await {
            Ok(stream) => Ok(UpstreamStream::new(stream, Watched::new(host, self.failures.clone()))),
            Err(error) => {
                (self.failures)(&host, &error);
                Err(error)
            }
        }
    }

    async fn connect_to(&self, address: Address, host: &BackendHost) -> Result<AsyncStream<TcpStream>, Error> {
        let mut stream = self.connector.connect_async(address, host, &self.options()).await?;
        let selected = stream.evidence().alpn.clone();
        if self.versions == HttpVersions::Http2 && selected.as_deref() != Some(H2) {
            let goodbye = poll_fn(|cx| Pin::new(&mut stream).poll_shutdown(cx));
            let _ = timeout(LAST_WORDS, goodbye).await;
            return Err(ConnectError::AlpnMismatch { offered: vec![H2.to_owned()], selected }.into());
        }
        Ok(stream)
    }

    /// Where to, and to whom.
    fn target(&self, uri: &Uri) -> Result<(Address, BackendHost), Error> {
        match (uri.scheme_str(), self.schemes) {
            (Some("https"), _) | (Some("http"), Schemes::AlsoHttp) => {}
            (scheme, _) => {
                let scheme = scheme.map_or_else(|| "no scheme".to_owned(), |scheme| format!("the scheme {scheme}"));
                return Err(Misuse::new(format!("a URI has {scheme}; connections are made for https")).into());
            }
        }
        let given = uri.host().unwrap_or_default();
        let port = uri.port_u16().unwrap_or(HTTPS_PORT);
        let named = BackendHost::parse(given);
        let address = (self.addresses)(uri).unwrap_or_else(|| match &named {
            Ok(host) => Address::from((host, port)),
            Err(_) => Address::from((given, port)),
        });
        let invalid = |reason| {
            let kind = PolicyErrorKind::NameInvalid { given: given.to_owned(), reason };
            Problems::from(Problem::from(PolicyError::new("backendHost", kind)))
        };
        let host = self.host.clone().map_or(named.map_err(invalid), Ok)?;
        Ok((address, host))
    }

    fn options(&self) -> ConnectOptions {
        let options = ConnectOptions { timeout: self.timeout, ..ConnectOptions::default() };
        let prepared = self.connector.prepared();
        let offers = prepared.is_some_and(|prepared| !prepared.policy().alpn().protocols.is_empty());
        match self.versions {
            HttpVersions::Http1 if offers => options.with_alpn([HTTP1]),
            HttpVersions::Http2 => options.with_alpn([H2]),
            // Without ALPN it is HTTP/1.1 (RFC 9113 section 3.2).
            HttpVersions::AsPolicy | HttpVersions::Http1 => options,
        }
    }
}

impl Service<Uri> for UpstreamService {
    type Response = UpstreamStream;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<UpstreamStream, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { service.connect(&uri).await })
    }
}

impl fmt::Debug for UpstreamService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamService")
            .field("connector", &self.connector)
            .field("host", &self.host)
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}

const H2: &str = "h2";
const HTTP1: &str = "http/1.1";
const HTTPS_PORT: u16 = 443;
