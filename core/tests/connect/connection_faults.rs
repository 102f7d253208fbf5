//! What the system says of a transport, by its number: ours, the network's or the peer's, and never the caller's bug (H4).

use core::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::support::world::{World, host};
use rustix::io::Errno;
use uptls::{Code, ConnectOptions, Connector, Error, LocalStep, Transport, VerifiedStream};
use uptls_testkit::{HostileServer, Misbehaviour, Server, Versions};

/// A socket whose next calls fail as the lists say; `None` lets one pass.
struct Faulty {
    calls: usize,
    reads: VecDeque<Option<Errno>>,
    /// What every read is once its list is empty.
    then: Rc<Cell<Option<Errno>>>,
    socket: TcpStream,
    writes: VecDeque<Option<Errno>>,
}

impl Faulty {
    fn new(socket: TcpStream) -> Self {
        Self { calls: 0, reads: VecDeque::new(), then: Rc::default(), socket, writes: VecDeque::new() }
    }

    fn reading(mut self, faults: &[Option<Errno>]) -> Self {
        self.reads = faults.iter().copied().collect();
        self
    }

    fn writing(mut self, faults: &[Option<Errno>]) -> Self {
        self.writes = faults.iter().copied().collect();
        self
    }
}

impl Read for Faulty {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.calls += 1;
        match self.reads.pop_front().unwrap_or(self.then.get()) {
            Some(errno) => Err(errno.into()),
            None => self.socket.read(out),
        }
    }
}

impl Write for Faulty {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self.writes.pop_front().flatten() {
            Some(errno) => Err(errno.into()),
            None => self.socket.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.flush()
    }
}

impl Transport for Faulty {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.socket.set_deadline(deadline)
    }
}

fn shake(connector: &Connector, transport: Faulty) -> Result<VerifiedStream<Faulty>, Error> {
    connector.handshake(transport, &host(), &ConnectOptions::default().with_timeout(Duration::from_secs(20)))
}

/// The code where the first read fails, and where the second does.
fn reads(errno: Errno) -> (Code, Code) {
    let world = World::new("faults");
    let connector = world.connector(world.spec());
    let server = Server::start(&world.server(Versions::Tls13));
    let code = |faults: &[Option<Errno>]| {
        let transport = Faulty::new(TcpStream::connect(server.addr()).unwrap()).reading(faults);
        shake(&connector, transport).unwrap_err().code()
    };
    // A part of the flight, so that the second read is within the handshake.
    let first = code(&[Some(errno)]);
    let mut small = Faulty::new(TcpStream::connect(server.addr()).unwrap());
    small.then.set(Some(errno));
    small.reads = VecDeque::from([None]);
    let begun = connector.handshake(Trickle(small), &host(), &ConnectOptions::default());
    (first, begun.unwrap_err().code())
}

/// Gives a few bytes at a time.
struct Trickle(Faulty);

impl Read for Trickle {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let room = out.len().min(7);
        self.0.read(&mut out[..room])
    }
}

impl Write for Trickle {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Transport for Trickle {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.0.set_deadline(deadline)
    }
}

#[test]
fn an_errno_in_the_handshake_has_one_meaning() {
    for (errno, wanted) in [
        (Errno::TIMEDOUT, (Code::TcpTimeout, Code::ConnectionLost)),
        (Errno::HOSTUNREACH, (Code::TcpRefused, Code::ConnectionLost)),
        (Errno::CONNREFUSED, (Code::TcpRefused, Code::ConnectionLost)),
        (Errno::NOMEM, (Code::LocalResources, Code::LocalResources)),
        (Errno::NOBUFS, (Code::LocalResources, Code::LocalResources)),
        (Errno::IO, (Code::LocalResources, Code::LocalResources)),
        (Errno::CONNRESET, (Code::PeerReset, Code::PeerReset)),
    ] {
        assert_eq!(reads(errno), wanted, "{errno}");
    }
}

#[test]
fn what_passes_is_waited_out() {
    let world = World::new("faults");
    let connector = world.connector(world.spec());
    let server = Server::start(&world.server(Versions::Both));
    let socket = TcpStream::connect(server.addr()).unwrap();
    let passing = [Some(Errno::AGAIN), None, Some(Errno::INTR), Some(Errno::AGAIN)];
    let transport = Faulty::new(socket).reading(&passing).writing(&passing);
    assert!(shake(&connector, transport).is_ok());
}

/// The twin: where it does not pass, the deadline ends it, and nothing spins meanwhile.
#[test]
fn what_does_not_pass_ends_at_the_deadline() {
    let world = World::new("faults");
    let connector = world.connector(world.spec());
    let server = HostileServer::start(Misbehaviour::Silent);
    let mut transport = Faulty::new(TcpStream::connect(server.addr()).unwrap());
    transport.then.set(Some(Errno::AGAIN));
    let options = ConnectOptions::default().with_timeout(Duration::from_millis(500));
    let error = connector.handshake(&mut transport, &host(), &options).unwrap_err();
    assert_eq!(error.code(), Code::HandshakeTimeout, "{error}");
    assert!((2..40).contains(&transport.calls), "{} calls", transport.calls);
}

#[test]
fn a_send_that_this_side_cannot_do_is_no_reset() {
    let world = World::new("faults");
    let connector = world.connector(world.spec());
    let server = Server::start(&world.server(Versions::Both));
    let transport = Faulty::new(TcpStream::connect(server.addr()).unwrap()).writing(&[Some(Errno::NOBUFS)]);
    let begun = Instant::now();
    let error = shake(&connector, transport).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10), "a peer that got nothing has no last words");
    assert_eq!(error.code(), Code::LocalResources, "{error}");
    assert!(error.hint().contains("memory"), "{}", error.hint());
    let report = connector.report_of(&host(), &error);
    assert_eq!(report.code, Some(Code::LocalResources));
}

#[test]
fn what_ends_a_connection_is_told_after_it_too() {
    for (errno, code, kind) in [
        (Errno::TIMEDOUT, Code::ConnectionLost, ErrorKind::ConnectionAborted),
        (Errno::NOMEM, Code::LocalResources, ErrorKind::Other),
        (Errno::CONNRESET, Code::PeerReset, ErrorKind::ConnectionReset),
    ] {
        let world = World::new("faults");
        let connector = world.connector(world.spec());
        let server = Server::start(&world.server(Versions::Tls12));
        let transport = Faulty::new(TcpStream::connect(server.addr()).unwrap());
        let then = Rc::clone(&transport.then);
        let mut stream = shake(&connector, transport).unwrap();
        then.set(Some(errno));
        let error = stream.read(&mut [0; 64]).unwrap_err();
        assert_eq!((Error::find_in(&error).unwrap().code(), error.kind()), (code, kind), "{errno}");
    }
}

#[test]
fn what_cannot_be_reached_names_the_step() {
    let world = World::new("faults");
    let connector = world.connector(world.spec());
    let error = uptls::sans_io::HappyEyeballs::failed_elsewhere("10.0.0.7:443", &[Errno::MFILE.into()]);
    let Error::Connect { error: uptls::ConnectError::LocalResources { step, .. }, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*step, LocalStep::Reach("10.0.0.7:443".to_owned()));
    assert_eq!(error.to_string(), "this host could not reach 10.0.0.7:443: Too many open files (os error 24)");
    let report = connector.report_of(&host(), &error);
    assert!(report.hint.unwrap().contains("ulimit -n"));
    assert_eq!(error.code().severity(), uptls::Severity::Local);
}
