//! One request through a pool: find or make a connection, send, and keep the connection.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::sync::Arc;

use hyper::body::{Body, Incoming};
use hyper::client::conn::{TrySendError, http1, http2};
use hyper::http::uri::Authority;
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::watch;

use super::client::{Client, Dialled, Sender};
use super::connection::{ActiveRequest, Connection};
use super::counts::CloseReason;
use super::request_form;
use super::{PoolBody, PoolError, Shared};
use crate::error::{Code, Error, Misuse};
use crate::hyper_client::BoundService;
use crate::sync::lock;
use crate::tokio_client::Dial;

/// A connection for one request.
struct Lease<B> {
    active: ActiveRequest,
    connection: Arc<Connection>,
    /// Whether it served requests before: the peer may have closed it meanwhile.
    reused: bool,
    sender: Sender<B>,
}

/// How a request comes to a connection.
enum Step<B, D> {
    Dial(Box<BoundService<D>>, watch::Sender<Dialled>),
    Use(Lease<B>),
    Wait(watch::Receiver<Dialled>),
}

/// A request without a response. hyper gives it back if no byte of it was written.
struct Unanswered<B> {
    error: hyper::Error,
    request: Option<Box<Request<B>>>,
}

impl<B> From<TrySendError<Request<B>>> for Unanswered<B> {
    fn from(mut failed: TrySendError<Request<B>>) -> Self {
        let request = failed.take_message().map(Box::new);
        Self { error: failed.into_error(), request }
    }
}

impl<B, D> Shared<B, D>
where
    B: Body + Send + Unpin + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
    D: Dial,
{
    pub(super) async fn request(self: &Arc<Self>, mut request: Request<B>) -> Result<Response<PoolBody>, PoolError> {
        let uri = request.uri().clone();
        let mut attempts = 0;
        loop {
            attempts += 1;
            let lease = self.lease(&uri, attempts > ATTEMPTS).await?;
            let (connection, reused) = (Arc::clone(&lease.connection), lease.reused);
            match self.exchange(lease, request).await {
                Ok(response) => return Ok(response),
                // The peer closed what was kept before it read any of this. A new connection has no such excuse.
                Err(Unanswered { request: Some(unsent), .. }) if reused => request = *unsent,
                Err(Unanswered { error, .. }) => return Err(failed(error, &connection)),
            }
            *request.uri_mut() = uri.clone();
        }
    }

    /// A connection by what is published now; `anew`: not one that was kept.
    async fn lease(self: &Arc<Self>, uri: &Uri, anew: bool) -> Result<Lease<B>, PoolError> {
        let (mut superseded, connector) = (0, self.service.connector());
        loop {
            let generation = connector.generation();
            let outcome = match self.step(uri, anew).inspect_err(|error| self.counters.refused(error))? {
                Step::Use(lease) => return Ok(lease),
                Step::Dial(bound, told) => self.dial(uri, *bound, told).await.map(Some),
                Step::Wait(mut dialling) => match dialling.changed().await {
                    Ok(()) => dialling.borrow().clone().transpose().map(|_| None).map_err(PoolError::Connect),
                    // The request that dialled was dropped.
                    Err(_) => Ok(None),
                },
            };
            match outcome {
                Ok(Some(lease)) => return Ok(lease),
                Ok(None) => {}
                // Another generation was published meanwhile, and nothing was sent. The one before may have refused what this one accepts.
                Err(PoolError::Connect(error))
                    if (is_superseded(&error) || connector.generation() != generation) && superseded < ATTEMPTS =>
                {
                    superseded += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The key and the connections under it from one hand (L8).
    fn step(&self, uri: &Uri, anew: bool) -> Result<Step<B, D>, Error> {
        let authority = authority(uri)?;
        let bound = match self.service.bind(uri) {
            Ok(bound) => bound,
            Err(error) => {
                // R3: nothing is published, so the connections serve no request.
                self.close_stale(authority);
                return Err(error);
            }
        };
        let mut clients = lock(&self.clients);
        if clients.get(authority).is_some_and(|client| client.bound.pool_key() != bound.pool_key()) {
            clients.remove(authority).into_iter().for_each(|client| client.close(CloseReason::Superseded));
        }
        if !clients.contains_key(authority) && clients.len() >= self.options.max_clients {
            forget_one(&mut clients);
        }
        let client = clients.entry(authority.clone()).or_insert_with(|| Client::new(bound.clone()));
        let kept = if anew { None } else { client.take(self.now()) };
        if let Some((sender, connection)) = kept {
            self.counters.reused();
            return Ok(Step::Use(Lease { active: connection.begin(), connection, reused: true, sender }));
        }
        Ok(client.dialling().map_or_else(|| Step::Dial(Box::new(bound), client.dial()), Step::Wait))
    }

    /// Makes a connection, and tells those that wait for it.
    async fn dial(
        self: &Arc<Self>,
        uri: &Uri,
        bound: BoundService<D>,
        told: watch::Sender<Dialled>,
    ) -> Result<Lease<B>, PoolError> {
        let outcome = self.connect(uri, bound).await;
        // Nobody may wait.
        let _ = told.send(match &outcome {
            Err(PoolError::Connect(error)) => Some(Err(error.clone())),
            // One that fails in HTTP fails alone.
            Ok(_) | Err(_) => Some(Ok(())),
        });
        outcome
    }

    async fn connect(self: &Arc<Self>, uri: &Uri, bound: BoundService<D>) -> Result<Lease<B>, PoolError> {
        let stream = bound.connect(uri).await.inspect_err(|error| self.counters.refused(error))?;
        let is_http2 = stream.is_http2();
        let (connection, io) = Connection::open(stream, authority(uri)?.clone(), &self.counters, &self.open);
        let active = connection.begin();
        // The connection's own errors are those of its requests.
        let sender = if is_http2 {
            let mut builder = http2::Builder::new(TokioExecutor::new());
            let (sender, driver) =
                builder.timer(TokioTimer::new()).handshake(io).await.map_err(|error| failed(error, &connection))?;
            tokio::spawn(async { drop(driver.await) });
            Sender::Http2(sender)
        } else {
            let (sender, driver) =
                http1::Builder::new().handshake(io).await.map_err(|error| failed(error, &connection))?;
            tokio::spawn(async { drop(driver.with_upgrades().await) });
            Sender::Http1(sender)
        };
        if let Some(client) = lock(&self.clients).get_mut(&connection.authority)
            && client.bound.pool_key() == connection.key()
        {
            client.opened(&sender, &connection);
        }
        Ok(Lease { active, connection, reused: false, sender })
    }

    async fn exchange(
        self: &Arc<Self>,
        lease: Lease<B>,
        mut request: Request<B>,
    ) -> Result<Response<PoolBody>, Unanswered<B>> {
        let Lease { active, connection, sender, .. } = lease;
        let is_http1 = matches!(sender, Sender::Http1(_));
        let response = match sender {
            Sender::Http1(sender) => self.exchange_http1(&connection, sender, request).await?,
            Sender::Http2(mut sender) => {
                request_form::http2(&mut request);
                sender.try_send_request(request).await?
            }
        };
        let (mut parts, body) = response.into_parts();
        parts.extensions.insert(connection.info.clone());
        Ok(Response::from_parts(parts, PoolBody::new(active, body, is_http1)))
    }

    async fn exchange_http1(
        self: &Arc<Self>,
        connection: &Arc<Connection>,
        mut sender: http1::SendRequest<B>,
        mut request: Request<B>,
    ) -> Result<Response<Incoming>, Unanswered<B>> {
        if let Some(authority) = request.uri().authority().cloned() {
            request_form::http1(&mut request, &authority);
        }
        let canceled = Canceled(Some(connection));
        let response = sender.try_send_request(request).await;
        canceled.not();
        let response = response?;
        if sender.is_ready() {
            self.keep(sender, Arc::clone(connection));
        } else {
            // Ready once the response has been read to its end.
            let (pool, connection) = (Arc::downgrade(self), Arc::clone(connection));
            tokio::spawn(async move {
                if sender.ready().await.is_ok()
                    && let Some(pool) = pool.upgrade()
                {
                    pool.keep(sender, connection);
                }
            });
        }
        Ok(response)
    }

    /// Takes a connection back after a request, if a new one would be judged as it was.
    fn keep(&self, sender: http1::SendRequest<B>, connection: Arc<Connection>) {
        let mut clients = lock(&self.clients);
        let client = clients.get_mut(&connection.authority);
        match client.filter(|client| client.bound.pool_key() == connection.key() && client.bound.is_current()) {
            None => connection.end_for(CloseReason::Superseded),
            Some(_) if !connection.is_trusted(self.now()) => connection.end_for(CloseReason::TrustEnded),
            Some(client) => client.keep(sender, connection, self.options.max_idle),
        }
    }
}

/// Gives up the connections to the authority that was used longest ago.
fn forget_one<B, D: Dial>(clients: &mut HashMap<Authority, Client<B, D>>) {
    let longest = clients.iter().min_by_key(|(_, client)| client.used()).map(|(authority, _)| authority.clone());
    if let Some(client) = longest.and_then(|longest| clients.remove(&longest)) {
        client.close(CloseReason::Limit);
    }
}

/// A request of HTTP/1.1 that is dropped closes its connection.
struct Canceled<'a>(Option<&'a Connection>);

impl Canceled<'_> {
    fn not(mut self) {
        self.0 = None;
    }
}

impl Drop for Canceled<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.0 {
            connection.end_for(CloseReason::Canceled);
        }
    }
}

/// Why the connection failed, or what hyper says. h2 keeps no more of an error than its text.
fn failed(error: hyper::Error, connection: &Connection) -> PoolError {
    let reason = Error::find_in(&error).cloned().or_else(|| connection.failure());
    reason.map_or(PoolError::Http(error), PoolError::Connection)
}

fn authority(uri: &Uri) -> Result<&Authority, Error> {
    uri.authority().ok_or_else(|| Misuse::new("the URI of a request has no authority").into())
}

fn is_superseded(error: &Error) -> bool {
    error.code() == Code::ConnectorSuperseded
}

/// How often a request meets a connection that just ended, or a generation that just was replaced, before it takes no more chances.
const ATTEMPTS: usize = 3;
