//! Servers on a loopback port that do not do what a TLS server should.

use crate::key::expand;
use crate::listen::Listener;
use crate::options::{ServerOptions, Sessions};
use crate::server::{self, Ending};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// What a [`HostileServer`] does with every connection.
#[derive(Clone, Debug)]
pub enum Misbehaviour {
    /// Reads the ClientHello, then closes the connection in the ordinary way.
    CloseAfterClientHello,
    /// Closes the connection without answering, in the ordinary way: the client reads the end of the stream.
    CloseAtOnce,
    /// Answers the ClientHello with octets that are no TLS records.
    Garbage,
    /// Answers like an HTTP server on its plain port.
    PlainHttp,
    /// Resets the connection after the first octets of the ClientHello.
    ResetAfterClientHello,
    /// Accepts, reads and never says anything.
    Silent,
    /// Greets like an SSH server before anything is read.
    SshBanner,
    /// Like an honest server, but the end of the data comes without `close_notify`.
    TruncatesAfterResponse(Box<ServerOptions>),
}

/// A running server; dropping it stops the accepting.
#[derive(Debug)]
pub struct HostileServer(Listener);

impl HostileServer {
    /// Starts on a free port of 127.0.0.1.
    pub fn start(misbehaviour: Misbehaviour) -> HostileServer {
        let sessions = Sessions::new();
        HostileServer(Listener::start(move |stream| {
            // The client may go away at any moment; nobody asks for the error.
            let _ = misbehave(&misbehaviour, stream, &sessions);
        }))
    }

    /// Where to connect to.
    pub fn addr(&self) -> SocketAddr {
        self.0.address()
    }

    /// How many TCP connections were accepted.
    pub fn connections(&self) -> usize {
        self.0.accepted()
    }
}

fn misbehave(misbehaviour: &Misbehaviour, mut stream: TcpStream, sessions: &Sessions) -> io::Result<()> {
    match misbehaviour {
        Misbehaviour::CloseAfterClientHello => {
            read_record(&mut stream)?;
            server::finish(stream)
        }
        Misbehaviour::CloseAtOnce => server::finish(stream),
        Misbehaviour::Garbage => {
            read_record(&mut stream)?;
            stream.write_all(&expand("uptls-testkit garbage", &[], 512))?;
            server::finish(stream)
        }
        Misbehaviour::PlainHttp => {
            stream.read_exact(&mut [0])?;
            stream.write_all(BAD_REQUEST)?;
            server::finish(stream)
        }
        // The kernel sends RST when a socket is closed that has unread octets.
        Misbehaviour::ResetAfterClientHello => stream.read_exact(&mut [0]),
        Misbehaviour::Silent => io::copy(&mut stream, &mut io::sink()).map(|_| ()),
        Misbehaviour::SshBanner => {
            stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n")?;
            server::finish(stream)
        }
        Misbehaviour::TruncatesAfterResponse(options) => {
            server::serve(options.config(sessions), stream, Ending::Truncation, |_| ())
        }
    }
}

/// One TLS record: five octets of header, the last two of them the length.
fn read_record(stream: &mut TcpStream) -> io::Result<()> {
    let mut header = [0; 5];
    stream.read_exact(&mut header)?;
    let length = u16::from_be_bytes([header[3], header[4]]);
    stream.read_exact(&mut vec![0; length.into()])
}

const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
