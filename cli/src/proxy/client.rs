//! The connection of a client, over TCP or a Unix socket.

use core::fmt;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

/// A client, which speaks without TLS.
pub(super) struct Client {
    addresses: Option<Addresses>,
    resets: Resets,
    /// Bytes that were read behind a PROXY header.
    unread: Vec<u8>,
    stream: Either<TcpStream, UnixStream>,
}

/// Says that a client's connection shall not end in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Resets(Arc<AtomicBool>);

impl Resets {
    /// The connection ends by a reset, once it is dropped.
    pub(super) fn on_drop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Where a connection comes from, and where it was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Addresses {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
}

impl Client {
    pub(super) fn tcp(stream: TcpStream, source: SocketAddr) -> io::Result<Self> {
        // Small requests and answers take turns on most connections.
        stream.set_nodelay(true)?;
        let addresses = Some(Addresses { source, destination: stream.local_addr()? });
        Ok(Self { addresses, resets: Resets::default(), unread: Vec::new(), stream: Either::Left(stream) })
    }

    pub(super) fn unix(stream: UnixStream) -> Self {
        Self { addresses: None, resets: Resets::default(), unread: Vec::new(), stream: Either::Right(stream) }
    }

    /// `None` for a Unix socket.
    pub(super) fn addresses(&self) -> Option<Addresses> {
        self.addresses
    }

    /// Gives bytes back: they are read again, before all others.
    pub(super) fn unread(&mut self, bytes: &[u8]) {
        self.unread = bytes.to_vec();
    }

    /// Closes it so that the client cannot take it for an orderly end: by a reset, where the transport has one.
    pub(super) fn abort(self) {
        self.resets.on_drop();
    }

    /// For those who have given the connection away, and learn later how it must end.
    pub(super) fn resets(&self) -> Resets {
        self.resets.clone()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if let (Either::Left(stream), true) = (&self.stream, self.resets.0.load(Ordering::Relaxed)) {
            // Without it the client sees an end like any other.
            let _ = socket2::SockRef::from(stream).set_linger(Some(core::time::Duration::ZERO));
        }
    }
}

/// Who a client is, for the log: its address, or `unix`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin(pub(super) Option<Addresses>);

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(Addresses { source, .. }) => source.fmt(f),
            None => f.write_str("unix"),
        }
    }
}

impl AsyncRead for Client {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { unread, stream, .. } = self.get_mut();
        if !unread.is_empty() && buf.remaining() > 0 {
            let given = buf.remaining().min(unread.len());
            buf.put_slice(&unread[..given]);
            unread.drain(..given);
            return Poll::Ready(Ok(()));
        }
        Pin::new(stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Client {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
