//! An upstream of pingora whose TLS is uptls's: below pingora's HTTP by `custom_l4`.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora_core::connectors::l4::Connect;
use pingora_core::protocols::l4::socket::SocketAddr;
use pingora_core::protocols::l4::stream::Stream;
use pingora_core::protocols::l4::virt::{VirtualSockOpt, VirtualSocket, VirtualSocketStream};
use pingora_core::upstreams::peer::{HttpPeer, Peer, PeerOptions};
use pingora_core::{ErrorType, OkOrErr as _, OrErr as _, Result};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use uptls::tokio_client::AsyncStream;
use uptls::{BackendHost, BoundConnector, ConnectOptions, Connector};

/// The peer at `address`, verified as `host` by what `connector` publishes now. Ask for it anew for each request.
///
/// pingora keeps connections by the peer's hash. The pool key and the address stand in it, so that a connection serves only requests
/// that would be judged as it was. If another policy is published before there is a connection, the request fails with
/// `connector_superseded`, and nothing was sent: ask again.
pub fn verified_peer(
    connector: &Connector,
    host: &BackendHost,
    address: std::net::SocketAddr,
) -> std::result::Result<VerifiedPeer, uptls::Error> {
    // The protocol must be known before the connect: pingora's own TLS is not there to ask.
    let options = ConnectOptions::default().with_alpn(["http/1.1"]);
    let bound = connector.bind(host, &options)?;
    let mut peer = HttpPeer::new(address, false, String::new());
    let mut hasher = DefaultHasher::new();
    bound.pool_key().hash(&mut hasher);
    peer.group_key = hasher.finish();
    peer.options.custom_l4 = Some(Arc::new(Verified(bound)));
    Ok(VerifiedPeer(peer))
}

/// An `HttpPeer` whose connections pingora keeps. It asks the socket of a kept connection where it goes, and a stream of `custom_l4`
/// has no socket to ask: an `HttpPeer` alone would make a connection for each request.
#[derive(Clone)]
pub struct VerifiedPeer(HttpPeer);

impl Peer for VerifiedPeer {
    fn address(&self) -> &SocketAddr {
        self.0.address()
    }

    /// pingora's own TLS: there is none.
    fn tls(&self) -> bool {
        self.0.tls()
    }

    fn sni(&self) -> &str {
        self.0.sni()
    }

    fn reuse_hash(&self) -> u64 {
        self.0.reuse_hash()
    }

    fn get_peer_options(&self) -> Option<&PeerOptions> {
        self.0.get_peer_options()
    }

    fn get_mut_peer_options(&mut self) -> Option<&mut PeerOptions> {
        self.0.get_mut_peer_options()
    }

    /// The hash has the address.
    fn matches_fd<V: AsRawFd>(&self, _: V) -> bool {
        true
    }
}

impl fmt::Display for VerifiedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// uptls's error behind one of pingora, whose causes are not its sources.
pub fn reason(error: &pingora_core::Error) -> Option<&uptls::Error> {
    let cause = error.cause.as_deref()?;
    match cause.downcast_ref::<Box<pingora_core::Error>>() {
        Some(inner) => reason(inner),
        None => uptls::Error::find_in(cause),
    }
}

/// Makes the transport below pingora's HTTP.
#[derive(Debug)]
struct Verified(BoundConnector);

#[async_trait]
impl Connect for Verified {
    async fn connect(&self, address: &SocketAddr) -> Result<Stream> {
        let address = *address.as_inet().or_err(ErrorType::InternalError, "the upstream has no IP address")?;
        let stream = self.0.connect_async(address).await;
        // uptls's error stays the cause, where `reason` finds it.
        let stream = stream.or_err(ErrorType::TLSHandshakeFailure, "the upstream is not verified")?;
        Ok(VirtualSocketStream::new(Box::new(Socket(stream))).into())
    }
}

/// A verified stream as pingora wants it.
struct Socket(AsyncStream<TcpStream>);

impl VirtualSocket for Socket {
    fn set_socket_option(&self, option: VirtualSockOpt) -> io::Result<()> {
        match option {
            VirtualSockOpt::NoDelay => self.0.get_ref().set_nodelay(true),
            _ => Ok(()),
        }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Socket").field(self.0.get_ref()).finish()
    }
}
