//! The tower service of the hyper face, and the key of the pool that it may serve.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};

use hyper::Uri;
use tower_service::Service;

use super::UpstreamService;
use super::upstream_stream::{UpstreamStream, Watched};
use crate::connect::{BoundConnector, PoolKey};
use crate::error::{Error, Misuse};
use crate::name::BackendHost;
use crate::tokio_client::{Dial, Tcp};

/// Makes verified connections for URIs, all under one [`PoolKey`] ([`UpstreamService::bind`]). Build a client with it,
/// and keep the client under this key. A clone is cheap.
///
/// Its errors are those of [`BoundConnector::connect_async`]: `connector_superseded` once another generation is published. A
/// URI whose host has another key is [`Error::Misuse`]; with a `serverName` in the policy all hosts have the same.
pub struct BoundService<D = Tcp> {
    bound: BoundConnector,
    service: UpstreamService<D>,
}

impl<D: Dial> BoundService<D> {
    pub(super) fn new(bound: BoundConnector, service: UpstreamService<D>) -> Self {
        Self { bound, service }
    }

    /// The key to keep the client under: that of all its connections.
    pub fn pool_key(&self) -> &PoolKey {
        self.bound.pool_key()
    }

    /// Whether it makes new connections; as [`BoundConnector::is_current`].
    pub fn is_current(&self) -> bool {
        self.bound.is_current()
    }

    /// Whether this application protocol is offered (H3).
    pub(super) fn offers(&self, protocol: &str) -> bool {
        self.pool_key().offer().protocols.iter().any(|offered| offered == protocol)
    }

    pub(super) async fn connect(&self, uri: &Uri) -> Result<UpstreamStream<D::Transport>, Error> {
        self.service.check_scheme(uri)?;
        let host = self.service.host_of(uri)?;
        match self.connect_to(uri, &host).await {
            Ok(stream) => Ok(stream),
            Err(error) => {
                (self.service.failures)(&host, &error);
                Err(error)
            }
        }
    }

    async fn connect_to(&self, uri: &Uri, host: &BackendHost) -> Result<UpstreamStream<D::Transport>, Error> {
        let bound = self.bound_to(host)?;
        let stream = bound.connect_over(&*self.service.dial, self.service.address_of(uri)).await?;
        let remote_address = self.service.dial.remote_address(stream.get_ref());
        Ok(UpstreamStream::new(stream, remote_address, Watched::new(host.clone(), self.service.failures.clone())))
    }

    fn bound_to(&self, host: &BackendHost) -> Result<BoundConnector, Error> {
        if host == self.bound.host() {
            return Ok(self.bound.clone());
        }
        self.bound.with_host(host)?.ok_or_else(|| {
            let (key, bound) = (self.pool_key(), self.bound.host());
            Misuse::new(format!("the service is bound to {bound} by {key:?}; call UpstreamService::bind for {host}"))
                .into()
        })
    }
}

impl<D: Dial> Service<Uri> for BoundService<D> {
    type Response = UpstreamStream<D::Transport>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<UpstreamStream<D::Transport>, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { service.connect(&uri).await })
    }
}

/// A dial need not be one.
impl<D> Clone for BoundService<D> {
    fn clone(&self) -> Self {
        Self { bound: self.bound.clone(), service: self.service.clone() }
    }
}

impl<D> fmt::Debug for BoundService<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundService").field("key", self.bound.pool_key()).field("service", &self.service).finish()
    }
}
