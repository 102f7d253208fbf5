//! Servers on a loopback port that do not do what a TLS server should.

use crate::key::expand;
use crate::listen::Listener;
use crate::options::{ServerOptions, Sessions};
use crate::server::{self, Ending, RESPONSE_BODY};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// What a [`HostileServer`] does with every connection.
#[derive(Clone, Debug)]
pub enum Misbehaviour {
    /// Reads the ClientHello, then closes the connection in the ordinary way.
    CloseAfterClientHello,
    /// Answers with the first record of an honest flight, which holds the ServerHello, then closes.
    CloseAfterServerHello(Box<ServerOptions>),
    /// Closes the connection without answering, in the ordinary way: the client reads the end of the stream.
    CloseAtOnce,
    /// Like an honest server, but the data ends in the middle of the record that holds the response.
    CutsTheResponse(Box<ServerOptions>),
    /// Begins the largest record and sends one byte of it in every interval.
    Dribble(Duration),
    /// Answers the ClientHello with bytes that are no TLS records.
    Garbage,
    /// Sends a plain HTTP response after an honest handshake, past the encryption.
    HttpAfterHandshake(Box<ServerOptions>),
    /// Sends a plain HTTP response before anything is read, then is an honest server on the same connection.
    HttpBeforeHandshake(Box<ServerOptions>),
    /// Changes its keys without end after an honest handshake, and never sends data.
    KeyUpdateFlood(Box<ServerOptions>),
    /// Begins a handshake message of so many bytes (24 bits count) and sends zeros, up to 16 MiB of them.
    LyingHandshakeLength(u32),
    /// Begins a record of so many bytes, sends sixteen of them, then closes.
    LyingRecordLength(u16),
    /// Answers like an HTTP server on its plain port.
    PlainHttp,
    /// Resets the connection after the first bytes of the ClientHello.
    ResetAfterClientHello,
    /// Accepts, reads and never says anything.
    Silent,
    /// Greets like an SSH server before anything is read.
    SshBanner,
    /// An honest server that gives so many TLS 1.3 tickets at once.
    TicketFlood(Box<ServerOptions>, usize),
    /// Like an honest server, but the end of the data comes without `close_notify`.
    TruncatesAfterResponse(Box<ServerOptions>),
}

/// The same server with so many certificates: the last one of the chain is repeated.
pub fn huge_chain(options: ServerOptions, certificates: usize) -> ServerOptions {
    let mut chain = options.chain;
    let last = chain.last().expect("a chain has a leaf").clone();
    chain.resize(certificates, last);
    ServerOptions { chain, ..options }
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
        Misbehaviour::CloseAfterServerHello(options) => say_hello_only(options.config(sessions), stream),
        Misbehaviour::CloseAtOnce => server::finish(stream),
        Misbehaviour::CutsTheResponse(options) => cut_the_response(options.config(sessions), stream),
        Misbehaviour::Dribble(interval) => dribble(stream, *interval),
        Misbehaviour::Garbage => {
            read_record(&mut stream)?;
            stream.write_all(&expand("uptls-testkit garbage", &[], 512))?;
            server::finish(stream)
        }
        Misbehaviour::HttpAfterHandshake(options) => {
            let mut tls = shake(options.config(sessions), stream)?;
            tls.sock.write_all(BAD_REQUEST)?;
            server::finish(tls.sock)
        }
        Misbehaviour::HttpBeforeHandshake(options) => {
            stream.write_all(BAD_REQUEST)?;
            server::serve(options.config(sessions), stream, Ending::CloseNotify, |_| ())
        }
        Misbehaviour::KeyUpdateFlood(options) => flood_with_key_updates(options.config(sessions), stream),
        Misbehaviour::LyingHandshakeLength(length) => promise_a_message(stream, *length),
        Misbehaviour::LyingRecordLength(length) => {
            read_record(&mut stream)?;
            stream.write_all(&[0x16, 3, 3])?;
            stream.write_all(&length.to_be_bytes())?;
            stream.write_all(&[0; 16])?;
            server::finish(stream)
        }
        Misbehaviour::PlainHttp => {
            stream.read_exact(&mut [0])?;
            stream.write_all(BAD_REQUEST)?;
            server::finish(stream)
        }
        // The kernel sends RST when a socket is closed that has unread bytes.
        Misbehaviour::ResetAfterClientHello => stream.read_exact(&mut [0]),
        Misbehaviour::Silent => io::copy(&mut stream, &mut io::sink()).map(|_| ()),
        Misbehaviour::SshBanner => {
            stream.write_all(b"SSH-2.0-OpenSSH_9.6\r\n")?;
            server::finish(stream)
        }
        Misbehaviour::TicketFlood(options, tickets) => {
            let mut config = ServerConfig::clone(&options.config(sessions));
            config.send_tls13_tickets = *tickets;
            server::serve(Arc::new(config), stream, Ending::CloseNotify, |_| ())
        }
        Misbehaviour::TruncatesAfterResponse(options) => {
            server::serve(options.config(sessions), stream, Ending::Truncation, |_| ())
        }
    }
}

fn dribble(mut stream: TcpStream, interval: Duration) -> io::Result<()> {
    for byte in LARGEST_RECORD.iter().chain(&[0; 1 << 14]) {
        stream.write_all(&[*byte])?;
        thread::sleep(interval);
    }
    server::finish(stream)
}

fn say_hello_only(config: Arc<ServerConfig>, mut stream: TcpStream) -> io::Result<()> {
    let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
    while !connection.wants_write() {
        if connection.read_tls(&mut stream)? == 0 {
            return Ok(());
        }
        connection.process_new_packets().map_err(io::Error::other)?;
    }
    let mut flight = Vec::new();
    connection.write_tls(&mut flight)?;
    let length = u16::from_be_bytes([flight[3], flight[4]]);
    flight.truncate(5 + usize::from(length));
    stream.write_all(&flight)?;
    server::finish(stream)
}

fn cut_the_response(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    let mut tls = shake(config, stream)?;
    tls.read_exact(&mut [0])?;
    tls.conn.writer().write_all(RESPONSE_BODY.as_bytes())?;
    let mut record = Vec::new();
    tls.conn.write_tls(&mut record)?;
    record.truncate(record.len() / 2);
    tls.sock.write_all(&record)?;
    server::finish(tls.sock)
}

fn flood_with_key_updates(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
    let mut tls = shake(config, stream)?;
    for _ in 0..FLOOD {
        tls.conn.refresh_traffic_keys().map_err(io::Error::other)?;
        tls.conn.complete_io(&mut tls.sock)?;
    }
    server::finish(tls.sock)
}

fn promise_a_message(mut stream: TcpStream, length: u32) -> io::Result<()> {
    read_record(&mut stream)?;
    let [_, length @ ..] = length.to_be_bytes();
    let mut record = LARGEST_RECORD.to_vec();
    record.push(SERVER_HELLO);
    record.extend(length);
    record.resize(LARGEST_RECORD.len() + (1 << 14), 0);
    stream.write_all(&record)?;
    record[LARGEST_RECORD.len()..].fill(0);
    for _ in 1..FLOOD {
        stream.write_all(&record)?;
    }
    server::finish(stream)
}

/// An honest handshake.
fn shake(config: Arc<ServerConfig>, stream: TcpStream) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut tls = StreamOwned::new(connection, stream);
    while tls.conn.is_handshaking() {
        tls.conn.complete_io(&mut tls.sock)?;
    }
    tls.flush()?;
    Ok(tls)
}

/// One TLS record: five bytes of header, the last two of them the length.
fn read_record(stream: &mut TcpStream) -> io::Result<()> {
    let mut header = [0; 5];
    stream.read_exact(&mut header)?;
    let length = u16::from_be_bytes([header[3], header[4]]);
    stream.read_exact(&mut vec![0; length.into()])
}

const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
/// The header of a handshake record of 16384 bytes.
const LARGEST_RECORD: [u8; 5] = [0x16, 3, 3, 0x40, 0];
const SERVER_HELLO: u8 = 2;
/// Of one thing so many are no accident.
const FLOOD: usize = 1024;
