//! One client: a connection for each request, or one that stays.

use core::fmt;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use uptls_testkit::RESPONSE_BODY;

/// How the proxy takes a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    /// It moves bytes, over one connection to the upstream for each of the client.
    Bytes,
    /// It sends requests, over connections of a pool.
    Http,
}

/// Where clients come in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) mode: Mode,
    pub(crate) route: &'static str,
    pub(crate) address: SocketAddr,
}

pub(crate) struct Client {
    address: SocketAddr,
    /// What stays of the last request.
    kept: Option<BufReader<TcpStream>>,
    mode: Mode,
    request: String,
}

/// What a client got in place of the response.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Failure {
    Io(String),
    /// The first line of the body, which says why.
    Other(String),
}

impl Client {
    /// For the route of this name, which is the host of its requests, too.
    pub(crate) fn new(Place { mode, route, address }: Place) -> Self {
        Self { address, kept: None, mode, request: format!("GET / HTTP/1.1\r\nHost: {route}\r\n\r\n") }
    }

    /// One request, and its whole response.
    pub(crate) fn request(&mut self) -> Result<(), Failure> {
        let mut stream = match self.kept.take() {
            Some(stream) => stream,
            None => BufReader::new(connect(self.address)?),
        };
        stream.get_mut().write_all(self.request.as_bytes())?;
        let body = match self.mode {
            Mode::Bytes => to_its_end(&mut stream)?,
            Mode::Http => response(&mut stream)?,
        };
        if body != RESPONSE_BODY {
            return Err(Failure::Other(body.lines().next().unwrap_or_default().to_owned()));
        }
        self.kept = (self.mode == Mode::Http).then_some(stream);
        Ok(())
    }
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The body of a response that ends with its connection.
fn to_its_end(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or(response))
}

/// The body of a response with a length.
fn response(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
    let (mut length, mut line) = (0, String::new());
    while line != "\r\n" {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim_end().parse().map_err(|_| ErrorKind::InvalidData)?;
        }
    }
    let mut body = String::new();
    stream.take(length).read_to_string(&mut body)?;
    Ok(body)
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(format!("{:?}", error.kind()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Io(reason) | Self::Other(reason)) = self;
        write!(f, "{reason:?}")
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "bytes",
            Self::Http => "http",
        })
    }
}
