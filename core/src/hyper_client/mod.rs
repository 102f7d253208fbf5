//! The hyper face: a [`Pool`] that sends requests, and a connector for hyper-util's client, tonic, and every other caller of a
//! `tower_service::Service<Uri>`.
//!
//! An [`UpstreamService`] says how to connect, and a [`Pool`] sends requests over the connections that it makes:
//!
//! ```
//! use http_body_util::Empty;
//! use hyper::body::Bytes;
//! use hyper::{Request, Response};
//! use uptls::Connector;
//! use uptls::hyper_client::{Pool, PoolBody, PoolError, UpstreamService};
//!
//! async fn get(connector: &Connector) -> Result<Response<PoolBody>, PoolError> {
//!     let pool = Pool::new(UpstreamService::new(connector.clone()));
//!     // Closes idle connections when the policy changes. The pool follows the connector without it, too.
//!     tokio::spawn(pool.maintain());
//!     let request = Request::get("https://payments.internal/").body(Empty::<Bytes>::new());
//!     pool.request(request.expect("a request")).await
//! }
//! ```
//!
//! A program with a client of its own asks [`UpstreamService::bind`] for a [`BoundService`]: a tower service, the
//! [`PoolKey`](crate::PoolKey) of all its connections, and one policy. It keeps one client for each authority and key.
//!
//! - **Never plaintext.** A URI with any other scheme than `https` is refused, see [`UpstreamService::also_for_http_uris`].
//! - **Clients of other libraries.** hyper-util keeps connections by scheme and authority, and knows nothing of policies: a client
//!   goes on with the connections that it has (R7). So a client is bound to one key. Once [`Connector::update`] has published
//!   another generation its new connections fail with `connector_superseded`, and never become connections by another policy that
//!   are kept under the old key (L8): take the client of the new key, and try again. A client that is dropped finishes what is
//!   under way.
//! - **Why.** [`Error::find_in`] finds the reason behind the errors of hyper and tonic, except those that h2 turns into text:
//!   see [`UpstreamService::with_failures`]. Responses of hyper-util's client have [`ConnectionInfo`] among their extensions.
//! - **Any transport.** [`UpstreamService::with_dial`] takes a [`Dial`]: a tunnel of a proxy, a Unix socket, TCP from a source
//!   address, a closure. No key knows of it: keep the clients of each apart, like those of each authority.
//! - **tonic** wants [`UpstreamService::http2_only`]. Its generated clients take a [`Pool`] in the place of a `Channel`. A `Channel`
//!   is a pool of one: make another when [`BoundService::is_current`] says that it is due. With one of its TLS features tonic keeps
//!   `https` URIs for itself, and fails after our handshake: write `http` into its `Endpoint`, set `Endpoint::origin` to the
//!   `https` URI, and use [`UpstreamService::also_for_http_uris`].

mod bound_service;
mod pool;
mod upstream_stream;

pub use bound_service::BoundService;
pub use pool::{CloseReason, Pool, PoolBody, PoolCounts, PoolError, PoolOptions};
pub use upstream_stream::{ConnectionInfo, UpstreamStream};

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use hyper::Uri;

use crate::connect::{Address, BoundConnector, ConnectOptions};
use crate::error::{Error, Misuse, PolicyError, PolicyErrorKind, Problem, Problems};
use crate::name::BackendHost;
use crate::policy::UpstreamTlsPolicy;
use crate::rotate::Connector;
use crate::tokio_client::{Dial, Tcp};

/// The settings of connections for URIs; [`UpstreamService::bind`] gives the service that makes them. A clone is cheap.
///
/// The backend host is the URI's host, and the address its authority, unless they are given here.
///
/// ```
/// use hyper_util::client::legacy::Client;
/// use hyper_util::rt::TokioExecutor;
/// use uptls::Connector;
/// use uptls::hyper_client::UpstreamService;
///
/// // For a client of hyper-util; a `Pool` needs none.
/// fn client(connector: Connector) -> Result<(), Box<dyn std::error::Error>> {
///     let bound = UpstreamService::new(connector).bind(&"https://payments.internal/".parse()?)?;
///     // Keep one client for each authority and key.
///     let key = bound.pool_key().clone();
///     let client = Client::builder(TokioExecutor::new()).build::<_, http_body_util::Empty<&[u8]>>(bound);
/// #   let _ = (key, client);
///     Ok(())
/// }
/// ```
///
/// `D` makes the transport: TCP, unless [`UpstreamService::with_dial`] says otherwise.
pub struct UpstreamService<D = Tcp> {
    /// `None`: the URI's authority.
    addresses: Arc<Addresses>,
    connector: Connector,
    dial: Arc<D>,
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
    /// Connections by the policy of `connector`.
    pub fn new(connector: Connector) -> Self {
        Self {
            addresses: Arc::new(|_| None),
            connector,
            dial: Arc::default(),
            failures: Arc::new(|_, _| {}),
            host: None,
            schemes: Schemes::Https,
            timeout: None,
            versions: HttpVersions::AsPolicy,
        }
    }
}

impl<D: Dial> UpstreamService<D> {
    /// Makes transports by `dial`: a tunnel through a proxy, a Unix socket, TCP from a source address. Nothing else changes (H11);
    /// the dial is given the address of the URI, or that of this service.
    #[must_use]
    pub fn with_dial<E: Dial>(self, dial: E) -> UpstreamService<E> {
        UpstreamService {
            addresses: self.addresses,
            connector: self.connector,
            dial: Arc::new(dial),
            failures: self.failures,
            host: self.host,
            schemes: self.schemes,
            timeout: self.timeout,
            versions: self.versions,
        }
    }

    /// Sets the address of all sockets, such as a pod's. It is never an identity (N1).
    #[must_use]
    pub fn with_address(self, address: impl Into<Address>) -> Self {
        let address = address.into();
        self.with_addresses(move |_| Some(address.clone()))
    }

    /// Asks `addresses` for the address of a URI's socket; `None`: the URI's authority.
    #[must_use]
    pub fn with_addresses(mut self, addresses: impl Fn(&Uri) -> Option<Address> + Send + Sync + 'static) -> Self {
        self.addresses = Arc::new(addresses);
        self
    }

    /// Sets the backend host of all connections (N1), for every URI.
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

    /// Makes TLS connections for `http` URIs too, to port 443 if they name none: for callers like tonic that keep
    /// `https` for their own TLS.
    #[must_use]
    pub fn also_for_http_uris(mut self) -> Self {
        self.schemes = Schemes::AlsoHttp;
        self
    }

    /// Calls `failures` once for each connection that fails, in the handshake or later. h2 keeps no more than the text
    /// of an error that comes after the handshake, and a TLS 1.3 peer refuses a client certificate only then (I5).
    #[must_use]
    pub fn with_failures(mut self, failures: impl Fn(&BackendHost, &Error) + Send + Sync + 'static) -> Self {
        self.failures = Arc::new(failures);
        self
    }

    /// Binds the connections for `uri` to the published generation. It dials nothing.
    ///
    /// # Errors
    /// Those of [`Connector::bind`]; [`Error::Misuse`] for a URI that the service does not connect to, and
    /// `name_invalid` for its host.
    pub fn bind(&self, uri: &Uri) -> Result<BoundService<D>, Error> {
        self.check_scheme(uri)?;
        let host = self.host_of(uri)?;
        let snapshot = self.connector.snapshot().inspect_err(|error| self.connector.tell_failed(&host, error, None))?;
        let options = self.options(snapshot.prepared.policy());
        let bound = BoundConnector::new(&self.connector, &snapshot, &host, options)?;
        Ok(BoundService::new(bound, self.clone()))
    }

    fn connector(&self) -> &Connector {
        &self.connector
    }

    fn check_scheme(&self, uri: &Uri) -> Result<(), Error> {
        match (uri.scheme_str(), self.schemes) {
            (Some("https"), _) | (Some("http"), Schemes::AlsoHttp) => Ok(()),
            (scheme, _) => {
                let scheme = scheme.map_or_else(|| "no scheme".to_owned(), |scheme| format!("the scheme {scheme}"));
                Err(Misuse::new(format!("a URI has {scheme}; connections are made for https")).into())
            }
        }
    }

    fn host_of(&self, uri: &Uri) -> Result<BackendHost, Error> {
        if let Some(host) = &self.host {
            return Ok(host.clone());
        }
        let given = uri.host().unwrap_or_default();
        BackendHost::parse(given).map_err(|reason| {
            let kind = PolicyErrorKind::NameInvalid { given: given.to_owned(), reason };
            Problems::from(Problem::from(PolicyError::new("backendHost", kind))).into()
        })
    }

    fn address_of(&self, uri: &Uri) -> Address {
        (self.addresses)(uri).unwrap_or_else(|| {
            let given = uri.host().unwrap_or_default();
            let port = uri.port_u16().unwrap_or(HTTPS_PORT);
            match BackendHost::parse(given) {
                Ok(host) => Address::from((&host, port)),
                Err(_) => Address::from((given, port)),
            }
        })
    }

    fn options(&self, policy: &UpstreamTlsPolicy) -> ConnectOptions {
        let options = ConnectOptions { timeout: self.timeout, ..ConnectOptions::default() };
        match self.versions {
            HttpVersions::Http1 if !policy.alpn().protocols.is_empty() => options.with_alpn([HTTP1]),
            HttpVersions::Http2 => options.with_alpn([H2]).with_alpn_required(),
            // Without ALPN it is HTTP/1.1 (RFC 9113 section 3.2).
            HttpVersions::AsPolicy | HttpVersions::Http1 => options,
        }
    }
}

/// A dial need not be one.
impl<D> Clone for UpstreamService<D> {
    fn clone(&self) -> Self {
        Self {
            addresses: self.addresses.clone(),
            connector: self.connector.clone(),
            dial: self.dial.clone(),
            failures: self.failures.clone(),
            host: self.host.clone(),
            schemes: self.schemes,
            timeout: self.timeout,
            versions: self.versions,
        }
    }
}

impl<D> fmt::Debug for UpstreamService<D> {
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
