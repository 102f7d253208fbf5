//! A tunnel through an HTTP proxy: CONNECT (RFC 9110 section 9.3.6) over HTTP/1.1, and nothing else of HTTP.

use core::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use zeroize::Zeroizing;

use super::{Destination, Dial, Tcp};
use crate::connect::Address;
use crate::error::{ConnectError, Error, Misuse, Refusal};
use crate::identity::Secret;
use crate::name::BackendHost;

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
    authorization: Option<Secret>,
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
        let bytes = value.expose();
        let is_field_content = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if !(1..=MOST_AUTHORIZATION).contains(&bytes.len()) || !is_field_content {
            return Err(Misuse::new("a value of Proxy-Authorization must be 1 to 4096 bytes of visible ASCII").into());
        }
        self.authorization = Some(value);
        Ok(self)
    }

    fn request(&self, authority: &str) -> Zeroizing<Vec<u8>> {
        let mut request = Zeroizing::new(Vec::with_capacity(MOST_REQUEST));
        request.extend_from_slice(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").as_bytes());
        if let Some(value) = &self.authorization {
            request.extend_from_slice(b"Proxy-Authorization: ");
            request.extend_from_slice(value.expose());
            request.extend_from_slice(b"\r\n");
        }
        request.extend_from_slice(b"\r\n");
        request
    }
}

impl<D: Dial> HttpConnect<D> {
    /// A tunnel to this authority, by a connection of its own.
    async fn tunnel(&self, authority: &str, destination: &Destination) -> io::Result<D::Transport> {
        let proxy = destination.clone().with_address(self.proxy.clone());
        let asked = async {
            let mut transport = self.inner.dial(proxy.clone()).await?;
            transport.write_all(&self.request(authority)).await?;
            transport.flush().await?;
            answer(&mut transport).await.map(|answer| answer.map(|()| transport))
        };
        asked.await.map_err(|error| proxy.failure(&error))?.map_err(|reason| {
            let (address, reason) = (authority.to_owned(), format!("the proxy {proxy} {reason}"));
            Error::from(ConnectError::TcpRefused { address, reason, refusal: Refusal::ByProxy }).into()
        })
    }
}

impl<D: Dial> Dial for HttpConnect<D> {
    type Transport = D::Transport;

    async fn dial(&self, destination: Destination) -> io::Result<D::Transport> {
        let mut outcome = Err(io::Error::other("no address was given"));
        for authority in authorities(&destination.address)? {
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

/// What the proxy is asked for. A name that is none could hold a request of its own.
fn authorities(address: &Address) -> Result<Vec<String>, Error> {
    match address {
        Address::Sockets(sockets) => Ok(sockets.iter().map(SocketAddr::to_string).collect()),
        Address::Name { host, port } => match BackendHost::parse(host) {
            Ok(BackendHost::Dns(name)) => Ok(vec![format!("{name}:{port}")]),
            Ok(BackendHost::Ip(ip)) => Ok(vec![SocketAddr::new(ip, *port).to_string()]),
            Err(error) => Err(Misuse::new(format!("a proxy is asked for {host:?}, which is no host: {error}")).into()),
        },
    }
}

/// Reads the head of the answer, and no more. Why it makes no tunnel, where it does not.
async fn answer(transport: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> io::Result<Result<(), String>> {
    let mut head = [0; MOST_ANSWER];
    let mut filled = 0;
    loop {
        let Some(room) = head.get_mut(filled..).filter(|room| !room.is_empty()) else {
            return Ok(Err(format!("sent more than {MOST_ANSWER} bytes and no end of its answer")));
        };
        match transport.read(room).await? {
            0 => return Ok(Err("closed the connection instead of an answer to CONNECT".to_owned())),
            count => filled += count,
        }
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(head.get(..filled).unwrap_or_default()) {
            Err(error) => return Ok(Err(format!("did not answer CONNECT by HTTP/1.1: {error}"))),
            Ok(httparse::Status::Partial) => {}
            Ok(httparse::Status::Complete(length)) => {
                let status = response.code.unwrap_or_default();
                return Ok(match (status, filled - length) {
                    (200..=299, 0) => Ok(()),
                    (200..=299, more) => Err(format!("sent {more} bytes after its answer, before TLS began")),
                    _ => Err(format!("answered {status} {}", response.reason.unwrap_or_default())),
                });
            }
        }
    }
}

/// Of the credentials.
const MOST_AUTHORIZATION: usize = 4096;
/// Of an answer's head.
const MOST_ANSWER: usize = 8 * 1024;
const MOST_FIELDS: usize = 64;
/// So large that no request grows, which would leave copies of its authorization.
const MOST_REQUEST: usize = 8 * 1024;
