//! A tunnel through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6) over HTTP/1.1, and nothing else of HTTP.

use core::fmt;
use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::{Destination, Dial, Tcp};
use crate::connect::Address;
use crate::connect::dialer::http_connect::{self, Answer, Authorization, request};
use crate::error::Error;
use crate::identity::Secret;

/// A tunnel through an HTTP proxy, over another dial to the proxy: [`Tcp`], unless [`HttpConnect::over`] says otherwise. TLS with
/// the backend begins in the tunnel: the proxy learns host, port and what a handshake shows to everybody on the way, and no
/// data. The policy judges the backend as without a proxy, so one that leads elsewhere is refused.
///
/// A name is given to the proxy as it is, which resolves it; of several sockets the proxy is asked for each in turn. An answer of
/// 2xx is a tunnel. Any other is `tcp_refused` with its status: no redirect is followed, and no second request is sent. An answer
/// may have 8 KiB, and nothing may follow it before TLS begins.
///
/// ```
/// use uptls::tokio_client::HttpConnect;
///
/// # fn run() -> Result<(), uptls::Error> {
/// let dial = HttpConnect::new(("proxy.internal", 3128));
/// // "user:password" in Base64 (RFC 7617).
/// let dial = dial.with_authorization(uptls::Secret::new("Basic dXNlcjpwYXNzd29yZA=="))?;
/// # let _ = dial;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct HttpConnect<D = Tcp> {
    authorization: Option<Authorization>,
    inner: D,
    proxy: Address,
}

impl HttpConnect {
    /// Through the proxy at this address.
    pub fn new(proxy: impl Into<Address>) -> Self {
        Self { authorization: None, inner: Tcp::default(), proxy: proxy.into() }
    }
}

impl<D> HttpConnect<D> {
    /// Reaches the proxy by what `inner` makes. For a proxy that is spoken to by TLS, a dial that makes verified streams
    /// ([`Connector::connect_over`](crate::Connector::connect_over)).
    #[must_use]
    pub fn over<E>(self, inner: E) -> HttpConnect<E> {
        HttpConnect { authorization: self.authorization, inner, proxy: self.proxy }
    }

    /// Sends this value of `Proxy-Authorization`. Over TCP every host between here and the proxy can read it.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a value that is not 1 to 4096 bytes of visible ASCII and spaces: a line end in it would be another
    /// header.
    pub fn with_authorization(mut self, value: Secret) -> Result<Self, Error> {
        self.authorization = Some(Authorization::new(value)?);
        Ok(self)
    }
}

impl<D: Dial> HttpConnect<D> {
    /// A tunnel to this authority, by a connection of its own.
    async fn tunnel(&self, authority: &str, destination: &Destination) -> io::Result<D::Transport> {
        let proxy = destination.clone().with_address(self.proxy.clone());
        let asked = async {
            let mut transport = self.inner.dial(proxy.clone()).await?;
            transport.write_all(&request(authority, self.authorization.as_ref())).await?;
            transport.flush().await?;
            answer(&mut transport).await.map(|answer| answer.map(|()| transport))
        };
        let answered = asked.await.map_err(|error| proxy.failure(&error))?;
        answered.map_err(|reason| http_connect::refused(&self.proxy, authority, &reason).into())
    }
}

impl<D: Dial> Dial for HttpConnect<D> {
    type Transport = D::Transport;

    async fn dial(&self, destination: Destination) -> io::Result<D::Transport> {
        let mut outcome = Err(io::Error::other("no address was given"));
        for authority in http_connect::authorities(&destination.address)? {
            outcome = self.tunnel(&authority, &destination).await;
            if outcome.is_ok() {
                break;
            }
        }
        outcome
    }
}

impl<D> fmt::Debug for HttpConnect<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpConnect").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

/// Reads the head of the answer, and no more. Why it makes no tunnel, where it does not.
async fn answer(transport: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<Result<(), String>> {
    let mut answer = Answer::new();
    loop {
        let count = transport.read(answer.room()).await?;
        if let Some(outcome) = answer.received(count) {
            return Ok(outcome);
        }
    }
}
