//! The stream of the hyper face.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::{Failures, H2};
use crate::connect::Evidence;
use crate::error::Error;
use crate::name::BackendHost;
use crate::tokio_client::AsyncStream;

/// A stream to a verified peer as hyper wants it.
pub struct UpstreamStream<T = TcpStream> {
    io: TokioIo<AsyncStream<T>>,
    remote_address: Option<SocketAddr>,
    watched: Watched,
}

impl<T> UpstreamStream<T> {
    pub(super) fn new(stream: AsyncStream<T>, remote_address: Option<SocketAddr>, watched: Watched) -> Self {
        Self { io: TokioIo::new(stream), remote_address, watched }
    }

    /// The stream of the tokio face, for its evidence and addresses.
    pub fn get_ref(&self) -> &AsyncStream<T> {
        self.io.inner()
    }

    pub(super) fn info(&self) -> ConnectionInfo {
        let evidence = Arc::new(self.get_ref().evidence().clone());
        ConnectionInfo { evidence, remote_address: self.remote_address }
    }

    /// Tells of an error that the pool has found.
    pub(super) fn tell(&mut self, error: &Error) {
        self.watched.tell(error);
    }

    pub(super) fn host(&self) -> &BackendHost {
        &self.watched.host
    }

    /// Without ALPN it is HTTP/1.1 (RFC 9113 section 3.2).
    pub(super) fn is_http2(&self) -> bool {
        self.get_ref().evidence().alpn.as_deref() == Some(H2)
    }

    /// The stream of the tokio face.
    pub fn into_inner(self) -> AsyncStream<T> {
        self.io.into_inner()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Connection for UpstreamStream<T> {
    fn connected(&self) -> Connected {
        let connected = Connected::new().extra(self.info());
        if self.is_http2() { connected.negotiated_h2() } else { connected }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Read for UpstreamStream<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.io).poll_read(cx, out);
        self.watched.note(read)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Write for UpstreamStream<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, data);
        self.watched.note(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        self.watched.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.io).poll_shutdown(cx);
        self.watched.note(shut)
    }
}

impl<T> fmt::Debug for UpstreamStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UpstreamStream").field("stream", self.get_ref()).finish_non_exhaustive()
    }
}

/// Who is told of a connection's first error.
pub(super) struct Watched {
    failures: Option<Arc<Failures>>,
    host: BackendHost,
}

impl Watched {
    pub(super) fn new(host: BackendHost, failures: Arc<Failures>) -> Self {
        Self { failures: Some(failures), host }
    }

    fn note<R>(&mut self, outcome: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if let Poll::Ready(Err(error)) = &outcome
            && let Some(error) = Error::find_in(error)
        {
            self.tell(error);
        }
        outcome
    }

    fn tell(&mut self, error: &Error) {
        if let Some(failures) = self.failures.take() {
            failures(&self.host, error);
        }
    }
}

/// Over which connection a response of hyper-util's client came: `response.extensions().get::<ConnectionInfo>()`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// The proof and the negotiated parameters, with the [`PoolKey`](crate::PoolKey).
    pub evidence: Arc<Evidence>,
    /// Where the socket went, if the dial says so: that of TCP does, a closure does not.
    pub remote_address: Option<SocketAddr>,
}
