//! The PROXY protocol, version 2: who the client is, for a backend that sees a connection of ours.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncWriteExt as _;

use super::{Destination, Dial, Tcp};

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
        Self { header: header(Command::Local, &[]), inner: Tcp::default() }
    }

    /// For a client at `source`, which connected to `destination`. If one of them is IPv6, both are written so (RFC 4291 section
    /// 2.5.5.2).
    pub fn proxied(source: SocketAddr, destination: SocketAddr) -> Self {
        let (command, mut addresses) = match (source.ip().to_canonical(), destination.ip().to_canonical()) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                (Command::ProxyIpv4, [source.octets(), destination.octets()].concat())
            }
            (source, destination) => {
                (Command::ProxyIpv6, [as_ipv6(source).octets(), as_ipv6(destination).octets()].concat())
            }
        };
        addresses.extend_from_slice(&source.port().to_be_bytes());
        addresses.extend_from_slice(&destination.port().to_be_bytes());
        Self { header: header(command, &addresses), inner: Tcp::default() }
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

/// Version and command, then family and protocol (section 2.2 of the PROXY protocol).
#[derive(Clone, Copy)]
enum Command {
    Local,
    ProxyIpv4,
    ProxyIpv6,
}

fn header(command: Command, addresses: &[u8]) -> Vec<u8> {
    // Version 2 with LOCAL and UNSPEC; with PROXY, TCP over IPv4 and 12 bytes, or TCP over IPv6 and 36 bytes.
    let fixed: [u8; 4] = match command {
        Command::Local => [0x20, 0x00, 0, 0],
        Command::ProxyIpv4 => [0x21, 0x11, 0, 12],
        Command::ProxyIpv6 => [0x21, 0x21, 0, 36],
    };
    [SIGNATURE, &fixed, addresses].concat()
}

fn as_ipv6(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
