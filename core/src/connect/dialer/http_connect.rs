//! What a client says to an HTTP proxy that shall make a tunnel, and what it makes of the answer (RFC 9110 section 9.3.6, over
//! HTTP/1.1). No socket: the blocking and the tokio face move the bytes.

use std::net::SocketAddr;

use zeroize::Zeroizing;

use crate::connect::Address;
use crate::error::{ConnectError, Error, Misuse, Refusal};
use crate::identity::Secret;
use crate::name::BackendHost;

/// A value of `Proxy-Authorization`.
#[derive(Clone)]
pub(crate) struct Authorization(Secret);

impl Authorization {
    /// # Errors
    /// [`Misuse`] for a value that is not 1 to 4096 bytes of visible ASCII and spaces: a line end in it would be another header.
    pub(crate) fn new(value: Secret) -> Result<Self, Misuse> {
        let bytes = value.expose();
        let is_field_content = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
        if !(1..=MOST_AUTHORIZATION).contains(&bytes.len()) || !is_field_content {
            return Err(Misuse::new("a value of Proxy-Authorization must be 1 to 4096 bytes of visible ASCII"));
        }
        Ok(Self(value))
    }
}

/// The request for a tunnel to `authority`.
pub(crate) fn request(authority: &str, authorization: Option<&Authorization>) -> Zeroizing<Vec<u8>> {
    let mut request = Zeroizing::new(Vec::with_capacity(MOST_REQUEST));
    request.extend_from_slice(format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n").as_bytes());
    if let Some(Authorization(value)) = authorization {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(value.expose());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    request
}

/// What the proxy is asked for, one after the other.
///
/// # Errors
/// [`Misuse`] for a name that is none: it could hold a request of its own.
pub(crate) fn authorities(address: &Address) -> Result<Vec<String>, Error> {
    match address {
        Address::Sockets(sockets) => Ok(sockets.iter().map(SocketAddr::to_string).collect()),
        Address::Name { host, port } => match BackendHost::parse(host) {
            Ok(BackendHost::Dns(name)) => Ok(vec![format!("{name}:{port}")]),
            Ok(BackendHost::Ip(ip)) => Ok(vec![SocketAddr::new(ip, *port).to_string()]),
            Err(error) => Err(Misuse::new(format!("a proxy is asked for {host:?}, which is no host: {error}")).into()),
        },
    }
}

/// That the proxy made no tunnel to `authority`.
pub(crate) fn refused(proxy: &Address, authority: &str, reason: &str) -> Error {
    let (address, reason) = (authority.to_owned(), format!("the proxy {} {reason}", proxy.shown()));
    ConnectError::TcpRefused { address, reason, refusal: Refusal::ByProxy }.into()
}

/// The head of the proxy's answer, as far as it came.
pub(crate) struct Answer {
    filled: usize,
    head: [u8; MOST_ANSWER],
}

impl Answer {
    pub(crate) fn new() -> Self {
        Self { filled: 0, head: [0; MOST_ANSWER] }
    }

    /// Where the next bytes go.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        self.head.get_mut(self.filled..).unwrap_or_default()
    }

    /// What is known once `count` more bytes are in the room; 0 is the end. Nothing: more must come. `Err`: why there is no tunnel.
    pub(crate) fn received(&mut self, count: usize) -> Option<Result<(), String>> {
        if count == 0 {
            return Some(Err("closed the connection instead of an answer to CONNECT".to_owned()));
        }
        self.filled += count;
        let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(self.head.get(..self.filled).unwrap_or_default()) {
            Err(error) => Some(Err(format!("did not answer CONNECT by HTTP/1.1: {error}"))),
            Ok(httparse::Status::Partial) if self.filled < MOST_ANSWER => None,
            Ok(httparse::Status::Partial) => Some(Err(format!("sent {MOST_ANSWER} bytes and no end of its answer"))),
            Ok(httparse::Status::Complete(length)) => {
                let status = response.code.unwrap_or_default();
                Some(match (status, self.filled - length) {
                    (200..=299, 0) => Ok(()),
                    (200..=299, more) => Err(format!("sent {more} bytes after its answer, before TLS began")),
                    _ => Err(format!("answered {status} {}", response.reason.unwrap_or_default())),
                })
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
