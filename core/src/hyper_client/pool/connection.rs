//! One connection of a pool: what judged it, the requests on it, and why it ends.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::sync::Arc;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::http::uri::Authority;
use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::counts::{CloseReason, Counters};
use crate::connect::PoolKey;
use crate::error::Error;
use crate::hyper_client::{ConnectionInfo, UpstreamStream};
use crate::sync::{Mutex, lock};
use crate::tokio_client::{Closable, OpenConnections};

/// What a pool knows of a connection. It is open until its [`PooledStream`] is dropped.
pub(super) struct Connection {
    /// Where a pool looks for its client.
    pub(super) authority: Authority,
    counters: Arc<Counters>,
    pub(super) info: ConnectionInfo,
    state: Mutex<State>,
}

struct State {
    /// Why it is about to be closed, or was.
    ending: Option<CloseReason>,
    /// The first error of a read or a write. h2 keeps no more than its text.
    failure: Option<Error>,
    idle_since: Instant,
    is_open: bool,
    requests: usize,
}

impl Connection {
    /// Of a stream, and the stream as hyper shall have it.
    pub(super) fn open<T>(
        stream: UpstreamStream<T>,
        authority: Authority,
        counters: &Arc<Counters>,
        open: &OpenConnections,
    ) -> (Arc<Self>, PooledStream<T>) {
        let info = stream.info();
        let closable = open.add(stream.host(), &info.evidence);
        counters.opened(info.evidence.resumed);
        let state = State { ending: None, failure: None, idle_since: Instant::now(), is_open: true, requests: 0 };
        let connection = Arc::new(Self { authority, counters: Arc::clone(counters), info, state: Mutex::new(state) });
        (Arc::clone(&connection), PooledStream { closable, connection, stream })
    }

    pub(super) fn key(&self) -> &PoolKey {
        &self.info.evidence.pool_key
    }

    /// L17: whether what the peer proved still holds at `now` (unix seconds).
    pub(super) fn is_trusted(&self, now: i64) -> bool {
        now <= self.info.evidence.peer.trusted_until()
    }

    /// Since when it has served no request; `None`: it serves one.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = lock(&self.state);
        (state.requests == 0).then_some(state.idle_since)
    }

    /// A request begins on it.
    pub(super) fn begin(self: &Arc<Self>) -> ActiveRequest {
        let mut state = lock(&self.state);
        state.ending = None;
        state.requests += 1;
        if state.requests == 1 && state.is_open {
            self.counters.busy();
        }
        ActiveRequest(Arc::clone(self))
    }

    /// Says why it will be closed; the first reason counts.
    pub(super) fn end_for(&self, reason: CloseReason) {
        lock(&self.state).ending.get_or_insert(reason);
    }

    /// Why reading or writing failed.
    pub(super) fn failure(&self) -> Option<Error> {
        lock(&self.state).failure.clone()
    }

    fn note<R>(&self, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if let Poll::Ready(Err(error)) = &outcome
            && let Some(error) = Error::find_in(error)
        {
            lock(&self.state).failure.get_or_insert_with(|| error.clone());
        }
        outcome
    }

    fn closed(&self) {
        let mut state = lock(&self.state);
        state.is_open = false;
        self.counters.closed(state.ending.unwrap_or(CloseReason::Ended), state.requests > 0);
    }
}

/// A request on a connection, until its response is complete or dropped.
pub(super) struct ActiveRequest(Arc<Connection>);

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        let Self(connection) = self;
        let mut state = lock(&connection.state);
        state.requests -= 1;
        if state.requests == 0 {
            state.idle_since = Instant::now();
            if state.is_open {
                connection.counters.idle();
            }
        }
    }
}

/// The body of a response that came through a [`Pool`](super::Pool).
///
/// Its connection serves a request until the body is read to its end or dropped.
pub struct PoolBody {
    active: Option<ActiveRequest>,
    body: Incoming,
    /// HTTP/1.1: a body that is dropped before its end costs the connection.
    ends_connection: bool,
    failure: Option<Error>,
}

impl PoolBody {
    pub(super) fn new(active: ActiveRequest, body: Incoming, ends_connection: bool) -> Self {
        let active = (!body.is_end_stream()).then_some(active);
        Self { active, body, ends_connection, failure: None }
    }

    /// Why the connection failed under this body, once a frame has said that something did. The error of the frame may say less: h2
    /// keeps no more of a reason than its text. `None` if the connection held, and HTTP failed.
    pub fn failure(&self) -> Option<&Error> {
        self.failure.as_ref()
    }
}

impl Body for PoolBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Err(error))) = &frame {
            let of_connection = || self.active.as_ref().and_then(|ActiveRequest(connection)| connection.failure());
            self.failure = Error::find_in(error).cloned().or_else(of_connection);
        }
        if matches!(frame, Poll::Ready(None | Some(Err(_)))) || self.body.is_end_stream() {
            self.active = None;
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

impl Drop for PoolBody {
    fn drop(&mut self) {
        if let Some(ActiveRequest(connection)) = &self.active
            && self.ends_connection
        {
            // If all of it had arrived, hyper keeps the connection, and the next request clears this.
            connection.end_for(CloseReason::Canceled);
        }
    }
}

impl core::fmt::Debug for PoolBody {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("PoolBody").field(&self.body).finish()
    }
}

/// The stream below hyper. It is dropped when the connection is closed, or the upgraded connection that was made of it.
pub(super) struct PooledStream<T> {
    closable: Closable,
    connection: Arc<Connection>,
    stream: UpstreamStream<T>,
}

impl<T> PooledStream<T> {
    /// R11: what goes on it from now on fails with the reason, and hyper ends the connection.
    fn refuse(&mut self, why: Error) -> io::Error {
        self.stream.tell(&why);
        let mut state = lock(&self.connection.state);
        state.ending = Some(CloseReason::Refused);
        state.failure.get_or_insert_with(|| why.clone());
        why.into()
    }
}

impl<T> Drop for PooledStream<T> {
    fn drop(&mut self) {
        self.connection.closed();
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Read for PooledStream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if let Poll::Ready(why) = self.closable.poll_refused(cx) {
            return Poll::Ready(Err(self.refuse(why)));
        }
        let read = Pin::new(&mut self.stream).poll_read(cx, out);
        self.connection.note(read)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Write for PooledStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        // Reading has the one task that is woken.
        if let Some(why) = self.closable.try_refused() {
            return Poll::Ready(Err(self.refuse(why)));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, data);
        self.connection.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.connection.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
