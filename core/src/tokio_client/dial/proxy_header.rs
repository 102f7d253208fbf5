//! The PROXY protocol, version 2: who the client is, for a backend that sees a connection of ours.

use std::io;
use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;

use super::{Destination, Dial, Tcp};
use crate::connect::dialer::proxy_header;

/// Sends a header of the PROXY protocol (version 2) before TLS, over another dial: [`Tcp`], unless [`ProxyHeader::over`] says
/// otherwise. The backend must expect it, or it takes the header for broken TLS.
///
/// The header stands outside of TLS: what is between here and the backend can read and change it, so a backend must not take its
/// addresses for proven.
///
/// **Do not pool connections of different clients.** A header is for a whole connection, and no [`PoolKey`](crate::PoolKey) knows
/// of it: a pool that gives a connection of one client to a request of another has the backend act for the wrong address. Use one
/// service and one client for each pair of addresses, or [`ProxyHeader::local`].
///
/// ```
/// use uptls::tokio_client::ProxyHeader;
///
/// let client = ([192, 0, 2, 7], 41_000).into();
/// let frontend = ([198, 51, 100, 1], 443).into();
/// let dial = ProxyHeader::proxied(client, frontend);
/// # let _ = dial;
/// ```
#[derive(Clone, Debug)]
pub struct ProxyHeader<D = Tcp> {
    header: Vec<u8>,
    inner: D,
}

impl ProxyHeader {
    /// For a connection of this program's own, such as a health check: the command LOCAL, without addresses.
    pub fn local() -> Self {
        Self { header: proxy_header::local(), inner: Tcp::default() }
    }

    /// For a client at `source`, which connected to `destination`. If one of them is IPv6, both are written so (RFC 4291 section
    /// 2.5.5.2).
    pub fn proxied(source: SocketAddr, destination: SocketAddr) -> Self {
        Self { header: proxy_header::proxied(source, destination), inner: Tcp::default() }
    }
}

impl<D> ProxyHeader<D> {
    /// The same header over what `inner` makes.
    #[must_use]
    pub fn over<E>(self, inner: E) -> ProxyHeader<E> {
        ProxyHeader { header: self.header, inner }
    }
}

impl<D: Dial> Dial for ProxyHeader<D> {
    type Transport = D::Transport;

    async fn dial(&self, destination: Destination) -> io::Result<D::Transport> {
        let mut transport = self.inner.dial(destination).await?;
        transport.write_all(&self.header).await?;
        transport.flush().await?;
        Ok(transport)
    }

    fn remote_address(&self, transport: &D::Transport) -> Option<SocketAddr> {
        self.inner.remote_address(transport)
    }
}
