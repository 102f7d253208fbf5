//! The hostile peers, what each must end in, and the table of what it ended in.
#![allow(clippy::print_stdout, reason = "a test prints the table")]

mod cases;
pub mod faces;

pub use crate::support::memory::Watch;
pub use cases::cases;

use std::any::Any;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::support::world::World;
use uptls::{Code, ConnectOptions, Connector, Error, Transport};
use uptls_testkit::{HostileServer, Misbehaviour, RESPONSE_BODY, Server, ServerOptions};

pub const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: backend.example\r\n\r\n";

/// One peer, for every face.
pub struct Case {
    pub name: &'static str,
    /// `None`: a peer that is odd, but does nothing wrong.
    pub code: Option<Code>,
    pub delivered: Delivered,
    /// The most bytes that may be taken from the peer.
    pub most_in: usize,
    pub timeout: Duration,
    pub stage: fn(&World) -> Stage,
}

/// What reaches the caller as data of the peer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Delivered {
    Nothing,
    TheResponse,
}

/// A peer that runs, and who meets it.
pub struct Stage {
    pub address: SocketAddr,
    pub connector: Connector,
    /// Ends with the stage.
    peer: Box<dyn Any>,
}

impl Stage {
    fn hostile(world: &World, misbehaviour: Misbehaviour) -> Stage {
        let peer = HostileServer::start(misbehaviour);
        Stage { address: peer.addr(), connector: world.connector(world.spec()), peer: Box::new(peer) }
    }

    fn honest(world: &World, options: &ServerOptions) -> Stage {
        let peer = Server::start(options);
        Stage { address: peer.addr(), connector: world.connector(world.spec()), peer: Box::new(peer) }
    }
}

/// How one connection went.
pub struct Outcome {
    pub code: Option<Code>,
    pub data: Vec<u8>,
    pub elapsed: Duration,
    pub bytes: Bytes,
    /// The most bytes that the client held at once, its buffers and the data that it read included.
    pub peak: usize,
}

/// What a client took from its transport, and gave to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bytes {
    pub read: usize,
    pub sent: usize,
}

/// A transport that counts.
pub struct Counted<T> {
    pub bytes: Bytes,
    pub transport: T,
}

impl<T> Counted<T> {
    pub fn new(transport: T) -> Self {
        Self { bytes: Bytes::default(), transport }
    }
}

impl<T: Read> Read for Counted<T> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.transport.read(out).inspect(|count| self.bytes.read += count)
    }
}

impl<T: Write> Write for Counted<T> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.transport.write(data).inspect(|count| self.bytes.sent += count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.transport.flush()
    }
}

impl<T: Transport> Transport for Counted<T> {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.transport.set_deadline(deadline)
    }
}

/// What an `io::Error` of a stream is about.
pub fn code(error: &io::Error) -> Code {
    Error::find_in(error).expect("an error of this library").code()
}

impl Case {
    /// Meets the peer of this case.
    pub fn begin(&self) -> (Stage, ConnectOptions) {
        let world = World::new("hostile peers");
        ((self.stage)(&world), ConnectOptions::default().with_timeout(self.timeout))
    }

    /// Prints the row, and gives what is not as it must be. Time is shown, and judged only where the deadline must end it.
    pub fn judge(&self, face: &str, outcome: &Outcome) -> Vec<String> {
        let Outcome { code, data, elapsed, bytes: Bytes { read, sent }, peak } = outcome;
        let said = code.map_or("-", Code::as_str);
        let time = format!("{:.1} ms", elapsed.as_secs_f64() * 1e3);
        println!("{:<42} | {face:<8} | {said:<19} | {time:>10} | {read:>9} | {sent:>10} | {peak:>11}", self.name);
        let delivered = match self.delivered {
            Delivered::Nothing => data.is_empty(),
            Delivered::TheResponse => data.ends_with(RESPONSE_BODY.as_bytes()),
        };
        let timely = *code != Some(Code::HandshakeTimeout) || *elapsed >= self.timeout;
        let claims = [
            (*code == self.code, format!("{said} instead of {:?}", self.code)),
            (delivered, format!("delivered {:?}", String::from_utf8_lossy(data))),
            (timely, format!("ended by the deadline {elapsed:?} after the beginning")),
            (*read <= self.most_in, format!("{read} bytes were read")),
            (*sent <= MOST_OUT, format!("{sent} bytes were sent")),
            (*peak <= MOST_HELD, format!("{peak} bytes were held")),
        ];
        let complaints = claims.into_iter().filter(|(holds, _)| !holds);
        complaints.map(|(_, complaint)| format!("{}, {face}: {complaint}", self.name)).collect()
    }
}

pub fn print_heading() {
    let (peer, face, code) = ("peer", "face", "code");
    println!(
        "{peer:<42} | {face:<8} | {code:<19} | {:>10} | {:>9} | {:>10} | {:>11}",
        "time", "bytes in", "bytes out", "peak memory"
    );
}

/// A socket to the peer that counts.
pub fn dial(stage: &Stage) -> Counted<TcpStream> {
    let socket = TcpStream::connect(stage.address).unwrap();
    socket.set_nodelay(true).unwrap();
    Counted::new(socket)
}

const MOST_OUT: usize = 1 << 13;
/// Both of rustls's buffers, the chain, and what is said of it.
const MOST_HELD: usize = 1 << 19;
