//! One request and its response: what went through, what became of it, and its line in the log.

use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::error::Error as StdError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::{Method, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, watch};
use uptls::hyper_client::{ConnectionInfo, PoolBody};

use super::super::client::{Addresses, Origin, Resets};
use super::super::connection::milliseconds;
use super::super::live::Stage;
use super::super::log::{AccessLog, Entry, Outcome, Requested};
use super::super::relay::Moved;
use super::super::route::{Route, now};
use super::serve::{Activity, Gate};

/// Held by all that serves a request. The line of the log is written when the last of it is gone.
pub(super) struct Exchange {
    _active: Activity,
    at: String,
    began: Instant,
    from_client: AtomicU64,
    from_upstream: AtomicU64,
    /// When something last moved, in milliseconds since it began.
    last: AtomicU64,
    log: Arc<AccessLog>,
    method: Method,
    origin: Option<Addresses>,
    stage: watch::Receiver<Stage>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    host: Option<String>,
    info: Option<ConnectionInfo>,
    /// `None`: all that served it was dropped before its end.
    outcome: Option<Outcome>,
    route: Option<Arc<Route>>,
    status: Option<StatusCode>,
}

impl Exchange {
    pub(super) fn begin(method: Method, gate: &Gate) -> Arc<Self> {
        Arc::new(Self {
            _active: gate.begin(),
            at: now(),
            began: Instant::now(),
            from_client: AtomicU64::new(0),
            from_upstream: AtomicU64::new(0),
            last: AtomicU64::new(0),
            log: Arc::clone(&gate.shared.log),
            method,
            origin: gate.origin,
            stage: gate.shared.stage.clone(),
            state: Mutex::default(),
        })
    }

    pub(super) fn names(&self, host: &str) {
        self.state().host = Some(host.to_owned());
    }

    pub(super) fn routed(&self, route: &Arc<Route>) {
        self.state().route = Some(Arc::clone(route));
    }

    /// The upstream has answered, over this connection.
    pub(super) fn answered(&self, status: StatusCode, info: Option<ConnectionInfo>) {
        let mut state = self.state();
        (state.status, state.info) = (Some(status), info);
    }

    /// The proxy answers itself.
    pub(super) fn declined(&self, status: StatusCode, outcome: Outcome) {
        self.state().status = Some(status);
        self.ended(outcome);
    }

    /// What it came to. The first word counts: one side that breaks off takes the other with it.
    pub(super) fn ended(&self, outcome: Outcome) {
        self.state().outcome.get_or_insert(outcome);
    }

    /// What an upgraded connection moved.
    pub(super) fn moved(&self, moved: Moved) {
        self.from_client.fetch_add(moved.from_client, Ordering::Relaxed);
        self.from_upstream.fetch_add(moved.from_upstream, Ordering::Relaxed);
    }

    /// Waits until nothing has moved for `limit`; for ever without one.
    pub(super) async fn idle(&self, limit: Option<Duration>) {
        let Some(limit) = limit else { return core::future::pending().await };
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let quiet = self.began.elapsed().saturating_sub(last);
            match limit.checked_sub(quiet) {
                None | Some(Duration::ZERO) => return,
                Some(rest) => tokio::time::sleep(rest).await,
            }
        }
    }

    fn count(&self, bytes: &AtomicU64, frame: &Frame<Bytes>) {
        let length = frame.data_ref().map_or(0, Bytes::len);
        bytes.fetch_add(u64::try_from(length).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.last.store(milliseconds(self.began.elapsed()), Ordering::Relaxed);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let moved = Moved {
            from_client: self.from_client.load(Ordering::Relaxed),
            from_upstream: self.from_upstream.load(Ordering::Relaxed),
        };
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(route) = &state.route {
            route.counts.requested(moved);
        }
        let evidence = state.info.as_ref().map(|info| &info.evidence);
        let requested = Requested {
            method: Some(self.method.to_string()),
            host: state.host.take(),
            status: state.status.map(|s| s.as_u16()),
        };
        let dropped = || match *self.stage.borrow() {
            Stage::Ended => Outcome::Ended("drain_timeout"),
            _ => Outcome::BadClient("the client did not wait for the end of the response".to_owned()),
        };
        let entry = Entry {
            at: core::mem::take(&mut self.at),
            route: state.route.as_ref().map(|route| route.spec.name.clone()),
            client: Origin(self.origin).to_string(),
            upstream: state.route.as_ref().map(|route| route.spec.target.to_string()),
            address: state.info.as_ref().and_then(|info| info.remote_address).map(|address| address.to_string()),
            generation: evidence.map(|evidence| evidence.generation.number()),
            matched_name: evidence.and_then(|evidence| evidence.peer.matched_name().map(str::to_owned)),
            tls_version: evidence.map(|evidence| evidence.version.as_str()),
            resumed: evidence.map(|evidence| evidence.resumed),
            connect_ms: None,
            duration_ms: milliseconds(self.began.elapsed()),
            moved,
            requested: Some(requested),
            outcome: state.outcome.take().unwrap_or_else(dropped),
        };
        self.log.write(&entry);
    }
}

/// The body of a request, on its way to the upstream.
pub(in super::super) struct RequestBody {
    body: Incoming,
    exchange: Arc<Exchange>,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, exchange: Arc<Exchange>) -> Self {
        Self { body, exchange }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        match &frame {
            Poll::Ready(Some(Ok(frame))) => self.exchange.count(&self.exchange.from_client, frame),
            Poll::Ready(Some(Err(error))) => self.exchange.ended(Outcome::BadClient(error.to_string())),
            Poll::Ready(None) | Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a response, on its way to the client.
pub(super) struct UpstreamBody {
    body: PoolBody,
    exchange: Arc<Exchange>,
    idle: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _permit: OwnedSemaphorePermit,
    /// What is to come, if that is known.
    rest: Option<u64>,
    resets: Resets,
}

type Broken = Box<dyn StdError + Send + Sync>;

impl UpstreamBody {
    /// `limit`: how long nothing may move.
    pub(super) fn new(
        body: PoolBody,
        exchange: Arc<Exchange>,
        limit: Option<Duration>,
        permit: OwnedSemaphorePermit,
        resets: Resets,
    ) -> Self {
        let rest = body.size_hint().exact();
        if body.is_end_stream() || rest == Some(0) {
            exchange.ended(Outcome::Ended("closed"));
        }
        let idle = limit.map(|_| {
            let exchange = Arc::clone(&exchange);
            let idle: Pin<Box<dyn Future<Output = ()> + Send>> = Box::pin(async move { exchange.idle(limit).await });
            idle
        });
        Self { body, exchange, idle, _permit: permit, rest, resets }
    }

    /// Half of a response is no whole one: where its end is the end of the connection, that is a reset (P1).
    fn broken(&self, outcome: Outcome, error: Broken) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.resets.on_drop();
        self.exchange.ended(outcome);
        Poll::Ready(Some(Err(error)))
    }

    fn took(&mut self, frame: &Frame<Bytes>) {
        self.exchange.count(&self.exchange.from_upstream, frame);
        let length = frame.data_ref().map_or(0, Bytes::len);
        self.rest = self.rest.map(|rest| rest.saturating_sub(u64::try_from(length).unwrap_or(u64::MAX)));
        // The server of the client may not ask again.
        if self.body.is_end_stream() || self.rest == Some(0) {
            self.exchange.ended(Outcome::Ended("closed"));
        }
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.took(&frame);
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let outcome = match self.body.failure() {
                    Some(error) => Outcome::Refused(Box::new(error.clone())),
                    None => Outcome::Declined("upstream_http", error.to_string()),
                };
                self.broken(outcome, error.into())
            }
            Poll::Ready(None) => {
                self.exchange.ended(Outcome::Ended("closed"));
                Poll::Ready(None)
            }
            Poll::Pending => match self.idle.as_mut().map(|idle| idle.as_mut().poll(cx)) {
                Some(Poll::Ready(())) => {
                    self.idle = None;
                    self.broken(Outcome::Ended("idle_timeout"), "no byte moved for the idle time-out".into())
                }
                _ => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
