//! The hostile peers, what each must end in, and the table of what it ended in.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    unreachable_pub,
    reason = "test code, shared by several test binaries that each use a part of it"
)]

use std::any::Any;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::handshake_support::{World, host, identity};
use uptls::{Code, ConnectOptions, Connector, Error, PolicySpec, Transport};
use uptls_testkit::hostile::huge_chain;
use uptls_testkit::{HostileServer, Misbehaviour, Pki, RESPONSE_BODY, San, Server, ServerOptions, Versions};

pub const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: backend.example\r\n\r\n";

/// One peer, whoever meets it.
pub struct Case {
    pub name: &'static str,
    /// `None`: a peer that is odd, but does nothing wrong.
    pub code: Option<Code>,
    pub delivered: Delivered,
    /// The most octets that may be taken from the peer.
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
    pub octets: Octets,
}

/// What a client took from its transport, and gave to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Octets {
    pub read: usize,
    pub sent: usize,
}

/// A transport that counts.
pub struct Counted<T> {
    pub octets: Octets,
    pub transport: T,
}

impl<T> Counted<T> {
    pub fn new(transport: T) -> Self {
        Self { octets: Octets::default(), transport }
    }
}

impl<T: Read> Read for Counted<T> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.transport.read(out).inspect(|count| self.octets.read += count)
    }
}

impl<T: Write> Write for Counted<T> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.transport.write(data).inspect(|count| self.octets.sent += count)
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
    const fn new(name: &'static str, code: Code, stage: fn(&World) -> Stage) -> Case {
        Case { name, code: Some(code), delivered: Delivered::Nothing, most_in: FLIGHT, timeout: PATIENT, stage }
    }

    /// Does nothing that must be refused.
    const fn odd(name: &'static str, stage: fn(&World) -> Stage) -> Case {
        let case = Case::new(name, Code::Internal, stage);
        Case { code: None, delivered: Delivered::TheResponse, ..case }
    }

    /// Meets the peer of this case.
    pub fn begin(&self) -> (Stage, ConnectOptions) {
        let world = World::new("hostile peers");
        ((self.stage)(&world), ConnectOptions::default().with_timeout(self.timeout))
    }

    /// Prints the row, and gives what is not as it must be.
    pub fn judge(&self, face: &str, wanted: Option<Code>, outcome: &Outcome) -> Vec<String> {
        let Octets { read, sent } = outcome.octets;
        let said = outcome.code.map_or("-", Code::as_str);
        println!("{:<42} | {face:<8} | {said:<19} | {read:>10} | {sent:>10}", self.name);
        let delivered = match self.delivered {
            Delivered::Nothing => outcome.data.is_empty(),
            Delivered::TheResponse => outcome.data.ends_with(RESPONSE_BODY.as_bytes()),
        };
        let timely = wanted != Some(Code::HandshakeTimeout) || outcome.elapsed >= self.timeout;
        let claims = [
            (outcome.code == wanted, format!("{said} instead of {wanted:?}")),
            (delivered, format!("delivered {:?}", String::from_utf8_lossy(&outcome.data))),
            (timely, format!("ended {:?} after the beginning, before the deadline", outcome.elapsed)),
            (read <= self.most_in, format!("{read} octets were read")),
            (sent <= MOST_OUT, format!("{sent} octets were sent")),
        ];
        let complaints = claims.into_iter().filter(|(holds, _)| !holds);
        complaints.map(|(_, complaint)| format!("{}, {face}: {complaint}", self.name)).collect()
    }
}

pub fn print_heading() {
    println!("{:<42} | {:<8} | {:<19} | {:>10} | {:>10}", "peer", "face", "code", "octets in", "octets out");
}

/// All of them.
pub fn cases() -> Vec<Case> {
    let mut cases = in_the_clear();
    cases.extend(behind_tls());
    cases.extend(behind_tls_12());
    cases
}

/// Those that never come to a handshake.
fn in_the_clear() -> Vec<Case> {
    vec![
        Case {
            timeout: QUICK,
            ..Case::new("silent", Code::HandshakeTimeout, |w| Stage::hostile(w, Misbehaviour::Silent))
        },
        Case {
            timeout: QUICK,
            most_in: 200,
            ..Case::new("dribbles, an octet every 20 ms", Code::HandshakeTimeout, |w| {
                Stage::hostile(w, Misbehaviour::Dribble(Duration::from_millis(20)))
            })
        },
        Case::new("closes at once", Code::PeerClosed, |w| Stage::hostile(w, Misbehaviour::CloseAtOnce)),
        Case::new("closes after the ClientHello", Code::PeerClosed, |w| {
            Stage::hostile(w, Misbehaviour::CloseAfterClientHello)
        }),
        Case::new("resets after the ClientHello", Code::PeerReset, |w| {
            Stage::hostile(w, Misbehaviour::ResetAfterClientHello)
        }),
        Case::new("garbage", Code::PeerNotTls, |w| Stage::hostile(w, Misbehaviour::Garbage)),
        Case::new("plain HTTP", Code::PeerNotTls, |w| Stage::hostile(w, Misbehaviour::PlainHttp)),
        Case::new("SSH", Code::PeerNotTls, |w| Stage::hostile(w, Misbehaviour::SshBanner)),
        Case::new("record of 65535 octets", Code::MessageTooLarge, |w| {
            Stage::hostile(w, Misbehaviour::LyingRecordLength(0xffff))
        }),
        Case::new("record of 16384 octets, 16 come", Code::PeerClosed, |w| {
            Stage::hostile(w, Misbehaviour::LyingRecordLength(0x4000))
        }),
        Case::new("ServerHello of 16777215 octets", Code::MessageTooLarge, |w| {
            Stage::hostile(w, Misbehaviour::LyingHandshakeLength(0x00ff_ffff))
        }),
        Case {
            most_in: 2 * MESSAGE,
            ..Case::new("ServerHello of 40000 octets, all zeros", Code::PeerMisbehaved, |w| {
                Stage::hostile(w, Misbehaviour::LyingHandshakeLength(40_000))
            })
        },
    ]
}

/// Those that can speak TLS.
fn behind_tls() -> Vec<Case> {
    vec![
        Case::new("plain HTTP, then an honest handshake", Code::PeerNotTls, |w| {
            Stage::hostile(w, Misbehaviour::HttpBeforeHandshake(server(w)))
        }),
        Case::new("an honest handshake, then plain HTTP", Code::PeerMisbehaved, |w| {
            Stage::hostile(w, Misbehaviour::HttpAfterHandshake(server(w)))
        }),
        Case::new("closes after the ServerHello", Code::PeerClosed, |w| {
            Stage::hostile(w, Misbehaviour::CloseAfterServerHello(server(w)))
        }),
        Case { most_in: MESSAGE, ..Case::odd("100 certificates", |w| Stage::honest(w, &huge_chain(*server(w), 100))) },
        Case {
            most_in: 2 * MESSAGE,
            ..Case::new("400 certificates, over 64 KiB", Code::MessageTooLarge, |w| {
                Stage::honest(w, &huge_chain(*server(w), 400))
            })
        },
        Case::new("refuses our certificate after TLS 1.3", Code::IdentityRejected, refuses_us),
        Case::new("another certificate for a known session", Code::CertUnknownIssuer, changes_its_certificate),
        Case::new("ends inside of the response", Code::Truncated, |w| {
            Stage::hostile(w, Misbehaviour::CutsTheResponse(server(w)))
        }),
        Case {
            delivered: Delivered::TheResponse,
            ..Case::new("ends after the response, no close_notify", Code::Truncated, |w| {
                Stage::hostile(w, Misbehaviour::TruncatesAfterResponse(server(w)))
            })
        },
        Case {
            most_in: MESSAGE,
            ..Case::new("1024 KeyUpdates", Code::PeerMisbehaved, |w| {
                Stage::hostile(w, Misbehaviour::KeyUpdateFlood(server(w)))
            })
        },
        Case {
            most_in: 2 * MESSAGE,
            ..Case::new("1000 tickets in one flight", Code::MessageTooLarge, |w| {
                Stage::hostile(w, Misbehaviour::TicketFlood(server(w), 1000))
            })
        },
    ]
}

/// What TLS 1.2 does differently.
fn behind_tls_12() -> Vec<Case> {
    fn server(world: &World) -> Box<ServerOptions> {
        Box::new(world.server(Versions::Tls12))
    }
    vec![
        Case::new("TLS 1.2: plain HTTP, then a handshake", Code::PeerNotTls, |w| {
            Stage::hostile(w, Misbehaviour::HttpBeforeHandshake(server(w)))
        }),
        Case::new("TLS 1.2: a handshake, then plain HTTP", Code::PeerMisbehaved, |w| {
            Stage::hostile(w, Misbehaviour::HttpAfterHandshake(server(w)))
        }),
        Case::new("TLS 1.2: closes after its first record", Code::PeerClosed, |w| {
            Stage::hostile(w, Misbehaviour::CloseAfterServerHello(server(w)))
        }),
        Case {
            most_in: 2 * MESSAGE,
            ..Case::new("TLS 1.2: 400 certificates, over 64 KiB", Code::MessageTooLarge, |w| {
                Stage::honest(w, &huge_chain(*server(w), 400))
            })
        },
        Case::new("TLS 1.2: ends inside of the response", Code::Truncated, |w| {
            Stage::hostile(w, Misbehaviour::CutsTheResponse(server(w)))
        }),
    ]
}

fn server(world: &World) -> Box<ServerOptions> {
    Box::new(world.server(Versions::Tls13))
}

/// Wants clients of another CA, and says so when we have our handshake.
fn refuses_us(world: &World) -> Stage {
    let client = world.pki.client(&[San::dns("gateway.example")]);
    let spec = PolicySpec { identity: identity(&world.pki, &client), ..world.spec() };
    let stranger = Pki::new("hostile peers, another CA");
    let stage = Stage::honest(world, &server(world).with_client_roots(&[&stranger.root]));
    Stage { connector: world.connector(spec), ..stage }
}

/// Gives us a session, then shows a certificate of another CA to whoever offers it.
fn changes_its_certificate(world: &World) -> Stage {
    let peer = Server::start(&server(world));
    let connector = world.connector(world.spec());
    let mut stream = connector.connect_blocking(peer.addr(), &host(), &ConnectOptions::default()).unwrap();
    stream.write_all(REQUEST).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
    let stranger = Pki::new("hostile peers, another CA");
    let leaf = stranger.leaf(&[San::dns("backend.example")]);
    let options = ServerOptions::new(&[&leaf, &stranger.intermediate]);
    peer.set_options(&ServerOptions { tickets: false, versions: Versions::Tls13, ..options });
    Stage { address: peer.addr(), connector, peer: Box::new(peer) }
}

/// A socket to the peer that counts.
pub fn dial(stage: &Stage) -> Counted<TcpStream> {
    let socket = TcpStream::connect(stage.address).unwrap();
    socket.set_nodelay(true).unwrap();
    Counted::new(socket)
}

const PATIENT: Duration = Duration::from_secs(20);
const QUICK: Duration = Duration::from_millis(300);
/// What an honest server sends, with room.
const FLIGHT: usize = 1 << 15;
/// What rustls gathers of one message.
const MESSAGE: usize = 1 << 16;
const MOST_OUT: usize = 1 << 13;
