//! The socket that a dialer made.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
#[cfg(unix)]
use std::os::fd::OwnedFd;
#[cfg(unix)]
use std::os::unix::net::UnixStream;
#[cfg(windows)]
use std::os::windows::io::OwnedSocket;
use std::time::Instant;

use crate::connect::transport::Transport;

/// A connected socket that blocks, made by a [`Dialer`](crate::Dialer).
///
/// ```no_run
/// use std::time::Duration;
/// use uptls::{BackendHost, ConnectOptions, Connector, DialledSocket, Dialer};
///
/// fn connect(connector: &Connector, host: &BackendHost) -> Result<(), uptls::Error> {
///     let socket = Dialer::default().dial((host, 443), Duration::from_secs(5))?;
///     if let DialledSocket::Tcp(tcp) = &socket {
///         println!("{:?}", tcp.local_addr());
///     }
///     connector.handshake(socket, host, &ConnectOptions::default()).map(drop)
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum DialledSocket {
    /// TCP, with Nagle's algorithm off where the system permits.
    Tcp(TcpStream),
    /// A Unix socket.
    #[cfg(unix)]
    Unix(UnixStream),
}

impl DialledSocket {
    /// As it was made, whatever was done to it since.
    pub(super) fn set_blocking(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_nonblocking(false),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_nonblocking(false),
        }
    }

    /// The address of this host that it is connected from; `None` for a Unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.local_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }

    /// Where it is connected to; `None` for a Unix socket. Behind a proxy it is the proxy's address.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok(),
            #[cfg(unix)]
            Self::Unix(_) => None,
        }
    }
}

impl Read for DialledSocket {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(out),
            #[cfg(unix)]
            Self::Unix(stream) => stream.read(out),
        }
    }
}

impl Write for DialledSocket {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(data),
            #[cfg(unix)]
            Self::Unix(stream) => stream.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.flush(),
            #[cfg(unix)]
            Self::Unix(stream) => stream.flush(),
        }
    }
}

impl Transport for DialledSocket {
    fn remote_address(&self) -> Option<SocketAddr> {
        self.peer_addr()
    }

    fn blocks(&self) -> bool {
        match self {
            Self::Tcp(stream) => Transport::blocks(stream),
            #[cfg(unix)]
            Self::Unix(stream) => Transport::blocks(stream),
        }
    }

    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.set_deadline(deadline),
            #[cfg(unix)]
            Self::Unix(stream) => stream.set_deadline(deadline),
        }
    }
}

#[cfg(unix)]
impl From<DialledSocket> for OwnedFd {
    fn from(socket: DialledSocket) -> Self {
        match socket {
            DialledSocket::Tcp(stream) => stream.into(),
            DialledSocket::Unix(stream) => stream.into(),
        }
    }
}

#[cfg(windows)]
impl From<DialledSocket> for OwnedSocket {
    fn from(socket: DialledSocket) -> Self {
        match socket {
            DialledSocket::Tcp(stream) => stream.into(),
        }
    }
}
