//! What is below TLS on tokio: a [`Dial`] makes the transport, and says nothing of who is on its other end (H11).

mod http_connect;
mod proxy_header;
mod tcp;
#[cfg(unix)]
mod unix;

pub use http_connect::HttpConnect;
pub use proxy_header::ProxyHeader;
pub use tcp::Tcp;
#[cfg(unix)]
pub use unix::Unix;

use core::fmt;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::within;
use crate::connect::Address;
use crate::connect::deadline::Deadline;
use crate::connect::fault;
use crate::error::{ConnectError, Error};

/// Makes the transport of a connection, over which TLS is spoken: [`Tcp`], [`Unix`](crate::tokio_client::Unix), [`HttpConnect`],
/// [`ProxyHeader`], or a closure.
///
/// A transport is never an identity (N1). Whatever it is, the same policy judges the peer's certificate for the same backend host
/// and under the same deadline (H11): a proxy that leads elsewhere is refused like any other wrong peer.
///
/// A closure takes the [`Destination`], and gives an `io::Result` of anything that is `AsyncRead + AsyncWrite`:
///
/// ```no_run
/// use tokio::net::TcpStream;
/// use uptls::tokio_client::Destination;
/// use uptls::{BackendHost, ConnectOptions, Connector};
///
/// async fn connect(connector: &Connector, host: &BackendHost) -> Result<(), uptls::Error> {
///     let dial = |_: Destination| TcpStream::connect("127.0.0.1:15001");
///     let stream = connector.connect_over(&dial, (host, 443), host, &ConnectOptions::default()).await?;
///     println!("{:?}", stream.evidence().peer.matched_name());
///     Ok(())
/// }
/// ```
///
/// # Errors
/// An [`Error`] inside the `io::Error` is the error of the connect. Any other has the meaning that dialling gives it (H4), and
/// one without a number of the system is `tcp_refused` with its text.
pub trait Dial: Send + Sync + 'static {
    /// What it makes.
    type Transport: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// A transport to `destination`, on which nothing was sent that the peer could take for TLS. It is dropped soon after
    /// [`Destination::deadline`], and the connect is `tcp_timeout` then; one that ends by itself may say more.
    fn dial(&self, destination: Destination) -> impl Future<Output = io::Result<Self::Transport>> + Send;

    /// Where the socket of `transport` goes, if it is known: for logs, and `ConnectionInfo::remote_address` of the hyper face.
    fn remote_address(&self, transport: &Self::Transport) -> Option<SocketAddr> {
        let _ = transport;
        None
    }
}

impl<F, T, C> Dial for F
where
    F: Fn(Destination) -> C + Send + Sync + 'static,
    C: Future<Output = io::Result<T>> + Send,
    T: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Transport = T;

    fn dial(&self, destination: Destination) -> impl Future<Output = io::Result<T>> + Send {
        self(destination)
    }
}

/// Where a connection goes, and until when.
#[derive(Clone, Debug)]
pub struct Destination {
    address: Address,
    deadline: Deadline,
}

impl Destination {
    /// `address`, within `timeout` from now on: for a [`Dial`] that is called by hand.
    pub fn new(address: impl Into<Address>, timeout: Duration) -> Self {
        Self::until(address.into(), Deadline::after(timeout))
    }

    pub(super) fn until(address: Address, deadline: Deadline) -> Self {
        Self { address, deadline }
    }

    /// Where the connection goes: what the caller gave, or the authority of the URI.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// When the whole connect ends (H4). `None`: beyond what the clock can say.
    pub fn deadline(&self) -> Option<std::time::Instant> {
        self.deadline.at
    }

    /// Another address until the same deadline: that of a proxy.
    #[must_use]
    pub fn with_address(self, address: impl Into<Address>) -> Self {
        Self { address: address.into(), ..self }
    }

    /// That what was dialled could not be reached.
    fn failure(&self, error: &io::Error) -> Error {
        match Error::find_in(error) {
            Some(error) => error.clone(),
            None => fault::undialled(error, &self.to_string(), &format!("{:?}", self.deadline.after)).into(),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address.shown())
    }
}

/// The transport that `dial` makes.
pub(super) async fn transport<D: Dial>(dial: &D, destination: Destination) -> Result<D::Transport, Error> {
    let until = destination.deadline.at.and_then(|at| at.checked_add(GRACE)).map(Instant::from_std);
    match within(until, dial.dial(destination.clone())).await {
        Some(Ok(transport)) => Ok(transport),
        Some(Err(error)) => Err(destination.failure(&error)),
        None => {
            let after = format!("{:?}", destination.deadline.after);
            Err(ConnectError::TcpTimeout { address: destination.to_string(), after }.into())
        }
    }
}

/// How much later than the deadline a dial is dropped, so that one that ends by itself says what it was waiting for.
const GRACE: Duration = Duration::from_millis(20);
