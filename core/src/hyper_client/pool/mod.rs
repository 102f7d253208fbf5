//! A pool of HTTP connections that follows the policy: it never uses again what the current policy would refuse (L8).

mod client;
mod connection;
mod counts;
mod exchange;
mod maintain;
mod request_form;

pub use connection::PoolBody;
pub use counts::{CloseReason, PoolCounts};

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;

use hyper::body::Body;
use hyper::http::uri::Authority;
use hyper::{Request, Response};
use tower_service::Service;

use super::UpstreamService;
use crate::error::Error;
use crate::sync::{Mutex, Waiting, lock};
use crate::tokio_client::{Dial, OpenConnections, Tcp};
use client::Client;
use counts::Counters;

/// Sends HTTP requests over verified connections, HTTP/1.1 and HTTP/2, and keeps the connections for later requests. A clone is
/// cheap, and the same pool.
///
/// It keeps one set of connections for each authority and [`PoolKey`](crate::PoolKey). For each request it asks the connector what
/// is published:
///
/// - **Another generation**: the connections of the one before serve no further request. An idle one is closed, and one that
///   serves requests after its last response (R7). This holds for every publication, so that there is nothing to do when an
///   [`Event`](crate::Event) says `trust_reduced`.
/// - **Nothing** (`policy_withdrawn`, `policy_not_ready`): the request fails with this code, and connections end in the same way.
/// - **A rollback**: what the mistaken policy accepted is under another key, and is not found.
/// - **A publication during a connect**: the connect ends with `connector_superseded`, or was refused by the policy before, and the
///   pool connects again by the new policy. It sends a request a second time only if no byte of it was written.
/// - **A peer that the new policy refuses** (R11): a connection that serves requests for long, such as a stream of gRPC or a WebSocket, is
///   ended within 10 s, and its requests fail with the rejection. [`Pool::maintain`] or [`Pool::reconsider`] does that.
/// - **The end of a proof**: a connection past the [`trusted_until`](crate::VerifiedPeer::trusted_until) of its peer is closed in the
///   same way, by the runtime's clock (L17).
///
/// **What closes idle connections.** The pool starts no thread and no timer of its own. Each request closes what is due at its
/// authority. For all others spawn [`Pool::maintain`] once: it closes them at once when something is published, and within a
/// second when time ends them. A program with an event loop of its own calls [`Pool::close_due`] instead. Connections are tasks
/// of the tokio runtime in which the request is polled.
///
/// `B` is the type of request bodies, such as `http_body_util::Full<Bytes>` or a boxed one. Responses have [`PoolBody`], and
/// [`ConnectionInfo`](super::ConnectionInfo) among their extensions. The pool sets the version of a request by what was negotiated,
/// and `Host` and `Connection: te` if HTTP/1.1 wants them. It removes no other field: a proxy takes the hop-by-hop fields out itself (RFC 9110 section 7.6.1).
///
/// It is a `tower_service::Service<Request<B>>`, so tonic's clients take it as it is; for gRPC make the service
/// [`http2_only`](UpstreamService::http2_only).
///
/// ```no_run
/// use http_body_util::{BodyExt, Empty};
/// use hyper::Request;
/// use hyper::body::Bytes;
/// use uptls::hyper_client::{ConnectionInfo, Pool, UpstreamService};
///
/// async fn get(connector: uptls::Connector) -> Result<(), Box<dyn std::error::Error>> {
///     let pool = Pool::new(UpstreamService::new(connector));
///     tokio::spawn(pool.maintain());
///     let request = Request::get("https://payments.internal/balance").body(Empty::<Bytes>::new())?;
///     let response = pool.request(request).await?;
///     let info = response.extensions().get::<ConnectionInfo>().cloned();
///     println!("{:?}: {} bytes", info, response.into_body().collect().await?.to_bytes().len());
///     Ok(())
/// }
/// ```
pub struct Pool<B, D = Tcp>(Arc<Shared<B, D>>);

/// The bounds of a [`Pool`].
///
/// ```
/// use std::time::Duration;
/// use uptls::hyper_client::PoolOptions;
///
/// let options = PoolOptions::default().idle_timeout(Duration::from_secs(10)).max_clients(100_000);
/// # let _ = options;
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PoolOptions {
    idle_timeout: Duration,
    max_clients: usize,
    max_idle: usize,
}

/// Why a [`Pool`] has no response.
///
/// [`Error::find_in`] finds the [`Error`] of the first two.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// There is no connection, and nothing was sent.
    #[error("{0}")]
    Connect(#[from] Error),
    /// There was one, and it failed under the request, which the peer may have got. A TLS 1.3 peer refuses a client certificate only
    /// after the handshake (I5).
    #[error("{0}")]
    Connection(#[source] Error),
    /// The connection held, and HTTP failed. The peer may have got the request.
    #[error("{0}")]
    Http(#[source] hyper::Error),
}

struct Shared<B, D> {
    clients: Mutex<HashMap<Authority, Client<B, D>>>,
    counters: Arc<Counters>,
    /// The task of [`Pool::maintain`], which ends with the pool.
    maintaining: Waiting,
    open: OpenConnections,
    options: PoolOptions,
    service: UpstreamService<D>,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self { idle_timeout: Duration::from_secs(60), max_clients: 1024, max_idle: 32 }
    }
}

impl PoolOptions {
    /// How long a connection without a request is kept. Keep it below that of the upstream: the upstream closes without asking, and a
    /// request that it crosses is lost. Default: 60 s.
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = timeout;
        self
    }

    /// For how many authorities connections are kept; the one that was used longest ago goes first. Default: 1024.
    #[must_use]
    pub fn max_clients(mut self, most: usize) -> Self {
        self.max_clients = most.max(1);
        self
    }

    /// How many idle connections of HTTP/1.1 are kept for each authority. Default: 32. HTTP/2 has one for all requests.
    #[must_use]
    pub fn max_idle(mut self, most: usize) -> Self {
        self.max_idle = most;
        self
    }
}

impl<B, D> Pool<B, D>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
    D: Dial,
{
    /// A pool with the default bounds, whose connections `service` makes. It is empty, and dials nothing.
    pub fn new(service: UpstreamService<D>) -> Self {
        Self::with_options(service, PoolOptions::default())
    }

    /// The same with bounds.
    pub fn with_options(service: UpstreamService<D>, options: PoolOptions) -> Self {
        let (clients, counters, maintaining) = (Mutex::default(), Arc::default(), Waiting::default());
        let open = OpenConnections::of(service.connector());
        Self(Arc::new(Shared { clients, counters, maintaining, open, options, service }))
    }

    /// Sends `request` to the authority of its URI, and gives the response once its header is there.
    ///
    /// Dropping the future ends the request: HTTP/2 resets its stream, HTTP/1.1 closes the connection.
    ///
    /// # Errors
    /// [`PoolError::Connect`]: those of [`UpstreamService::bind`], and of [`BoundConnector::connect_async`](crate::BoundConnector::connect_async).
    /// `connector_superseded` only if one publication follows the other for three connects. [`PoolError::Connection`]: those of a
    /// read or a write. [`PoolError::Http`]: those of hyper.
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and timer on.
    pub async fn request(&self, request: Request<B>) -> Result<Response<PoolBody>, PoolError> {
        self.0.request(request).await
    }

    /// The numbers of now.
    pub fn counts(&self) -> PoolCounts {
        self.0.counters.snapshot()
    }
}

impl<B, D> Service<Request<B>> for Pool<B, D>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
    D: Dial,
{
    type Response = Response<PoolBody>;
    type Error = PoolError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<PoolBody>, PoolError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), PoolError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let pool = self.clone();
        Box::pin(async move { pool.request(request).await })
    }
}

/// A body and a dial need not be one.
impl<B, D> Clone for Pool<B, D> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<B, D> fmt::Debug for Pool<B, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("service", &self.0.service)
            .field("clients", &lock(&self.0.clients).len())
            .field("counts", &self.0.counters.snapshot())
            .finish()
    }
}
