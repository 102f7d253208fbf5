//! The blocking face over TCP: honest servers, silent ones, dribbling ones, and ones that are not there.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::world::{BOTH, World, host, identity, trusting};
use uptls::{Address, Code, ConnectOptions, Connector, Error, PolicySpec, Rejection, VerifiedStream};
use uptls_testkit::{HostileServer, Misbehaviour, Pki, RESPONSE_BODY, San, Server, Versions};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: backend.example\r\n\r\n";

fn quick() -> ConnectOptions {
    ConnectOptions::default().with_timeout(Duration::from_millis(300))
}

fn patient() -> ConnectOptions {
    ConnectOptions::default().with_timeout(Duration::from_secs(20))
}

fn connect(connector: &Connector, address: SocketAddr) -> Result<VerifiedStream<TcpStream>, Error> {
    connector.connect_blocking(address, &host(), &patient())
}

fn fetch(connector: &Connector, address: SocketAddr) -> io::Result<(String, bool)> {
    let mut stream = connect(connector, address)?;
    stream.write_all(REQUEST)?;
    stream.flush()?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    assert!(stream.is_clean_eof());
    stream.shutdown()?;
    Ok((response, stream.evidence().resumed))
}

/// What an `io::Error` of a stream is about.
fn code(error: &io::Error) -> Code {
    error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()).expect("an error of this library").code()
}

#[test]
fn requests_are_answered_and_sessions_resumed() {
    for versions in BOTH {
        let world = World::new("blocking");
        let server = Server::start(&world.server(versions));
        let connector = world.connector(world.spec());
        for resumed in [false, true, true] {
            let (response, seen) = fetch(&connector, server.addr()).unwrap();
            assert!(response.ends_with(RESPONSE_BODY));
            assert_eq!(seen, resumed, "{versions:?}");
        }
        assert_eq!(server.handshakes().iter().filter(|seen| seen.resumed).count(), 2);
    }
}

#[test]
fn a_refused_peer_is_told_why_and_the_reason_is_found_again() {
    let world = World::new("blocking");
    let server = Server::start(&world.server(Versions::Both));
    let connector = world.connector(trusting(&Pki::new("blocking, another CA")));
    let error = connect(&connector, server.addr()).unwrap_err();
    let io_error = io::Error::from(error.clone());
    let wrapped = io::Error::other(io_error);
    let Error::Rejected(rejection) = &error else { panic!("{error:?}") };
    assert_eq!(Rejection::from_io_error(&wrapped), Some(&**rejection));
    // H5
    let failures = server.wait_for_failures(1);
    assert!(format!("{failures:?}").contains("UnknownCA"), "{failures:?}");
}

#[test]
fn a_silent_peer_ends_at_the_deadline() {
    let world = World::new("silent");
    let connector = world.connector(world.spec());
    let server = HostileServer::start(Misbehaviour::Silent);
    let begun = Instant::now();
    let error = connector.connect_blocking(server.addr(), &host(), &quick()).unwrap_err();
    assert_eq!(error.to_string(), "no handshake within 300ms; nothing was received");
    assert!((300..5000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
}

/// H4: every byte would restart a timeout of the socket.
#[test]
fn a_dribbling_peer_ends_at_the_deadline() {
    let world = World::new("dribbling");
    let connector = world.connector(world.spec());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let dribbling = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        for byte in b"\x16\x03\x03\x40\x00".iter().chain(&[0; 1000]) {
            if stream.write_all(&[*byte]).is_err() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    });
    let begun = Instant::now();
    let error = connector.connect_blocking(address, &host(), &quick()).unwrap_err();
    assert_eq!(error.code(), Code::HandshakeTimeout, "{error}");
    assert!((300..5000).contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    dribbling.join().unwrap();
}

#[test]
fn misbehaviour_has_its_code() {
    let world = World::new("hostile");
    let connector = world.connector(world.spec());
    let cases = [
        (Misbehaviour::CloseAfterClientHello, Code::PeerClosed),
        (Misbehaviour::CloseAtOnce, Code::PeerClosed),
        (Misbehaviour::Garbage, Code::PeerNotTls),
        (Misbehaviour::PlainHttp, Code::PeerNotTls),
        (Misbehaviour::ResetAfterClientHello, Code::PeerReset),
        (Misbehaviour::SshBanner, Code::PeerNotTls),
    ];
    for (misbehaviour, wanted) in cases {
        let server = HostileServer::start(misbehaviour.clone());
        let error = connect(&connector, server.addr()).unwrap_err();
        assert_eq!(error.code(), wanted, "{misbehaviour:?}: {error}");
        if matches!(misbehaviour, Misbehaviour::PlainHttp) {
            assert!(error.hint().contains("plain HTTP"), "{}", error.hint());
        }
    }
}

#[test]
fn truncation_is_an_unexpected_end() {
    let world = World::new("truncated");
    let connector = world.connector(world.spec());
    let options = world.server(Versions::Both);
    let server = HostileServer::start(Misbehaviour::TruncatesAfterResponse(Box::new(options)));
    let mut stream = connect(&connector, server.addr()).unwrap();
    stream.write_all(REQUEST).unwrap();
    let mut response = Vec::new();
    let error = stream.read_to_end(&mut response).unwrap_err();
    assert_eq!((error.kind(), code(&error)), (ErrorKind::UnexpectedEof, Code::Truncated));
    assert!(response.ends_with(RESPONSE_BODY.as_bytes()), "what came is given first");
}

/// I5: a client that writes meets a closed socket before it reads the alert.
#[test]
fn a_refused_identity_is_found_by_readers_and_writers() {
    for versions in BOTH {
        let world = World::new("blocking mtls");
        let stranger = Pki::new("blocking mtls, another CA");
        let client = stranger.client(&[San::dns("gateway.example")]);
        let server = Server::start(&world.server(versions).with_client_roots(&[&world.pki.root]));
        let unwelcome = world.connector(PolicySpec { identity: identity(&stranger, &client), ..world.spec() });
        let without = world.connector(world.spec());
        for (connector, wanted) in [(unwelcome, Code::IdentityRejected), (without, Code::IdentityRequired)] {
            let read = match connect(&connector, server.addr()) {
                Err(error) => error.code(),
                Ok(mut stream) => code(&stream.read(&mut [0; 16]).unwrap_err()),
            };
            assert_eq!(read, wanted, "reading, {versions:?}");
            let written = match connect(&connector, server.addr()) {
                Err(error) => error.code(),
                Ok(mut stream) => code(&write_until_it_fails(&mut stream)),
            };
            assert_eq!(written, wanted, "writing, {versions:?}");
        }
    }
}

fn write_until_it_fails(stream: &mut VerifiedStream<TcpStream>) -> io::Error {
    loop {
        if let Err(error) = stream.write_all(&[0; 4096]) {
            return error;
        }
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn addresses_are_tried_in_turn() {
    let world = World::new("addresses");
    let connector = world.connector(world.spec());
    let server = Server::start(&world.server(Versions::Both));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = connect(&connector, closed).unwrap_err();
    assert_eq!(error.code(), Code::TcpRefused, "{error}");
    let both = vec![closed, server.addr()];
    assert!(connector.connect_blocking(both, &host(), &patient()).is_ok());
    let none = connector.connect_blocking(Vec::new(), &host(), &patient()).unwrap_err();
    assert_eq!(none.code(), Code::TcpRefused);
    let named = ("127.0.0.1", server.addr().port());
    assert!(connector.connect_blocking(named, &host(), &patient()).is_ok());
    let ip = uptls::BackendHost::parse("127.0.0.1").unwrap();
    assert_eq!(Address::from((&ip, 443)), Address::from(SocketAddr::from(([127, 0, 0, 1], 443))));
}

#[test]
fn a_name_that_does_not_resolve_fails_in_time() {
    let world = World::new("dns");
    let connector = world.connector(world.spec());
    let begun = Instant::now();
    let options = ConnectOptions::default().with_timeout(Duration::from_secs(2));
    let error = connector.connect_blocking(("no-such-host.invalid", 443), &host(), &options).unwrap_err();
    assert_eq!(error.code(), Code::DnsFailed, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[test]
fn a_transport_that_does_not_block_is_misuse() {
    let world = World::new("nonblocking");
    let connector = world.connector(world.spec());
    let server = HostileServer::start(Misbehaviour::Silent);
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_nonblocking(true).unwrap();
    let error = connector.handshake(stream, &host(), &patient()).unwrap_err();
    assert_eq!(error.code(), Code::Misuse, "{error}");
}

#[test]
fn timeouts_of_the_caller_hold_after_the_handshake() {
    let world = World::new("timeouts");
    let connector = world.connector(world.spec());
    let server = Server::start(&world.server(Versions::Both));
    let stream = TcpStream::connect(server.addr()).unwrap();
    let mut stream = connector.handshake(stream, &host(), &patient()).unwrap();
    assert_eq!(stream.get_ref().read_timeout().unwrap(), None);
    stream.get_ref().set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let error = stream.read(&mut [0; 16]).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
    // That was not the end.
    stream.get_ref().set_read_timeout(None).unwrap();
    stream.write_all(REQUEST).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.ends_with(RESPONSE_BODY));
}

#[cfg(unix)]
#[test]
fn any_transport_with_a_deadline_will_do() {
    let world = World::new("unix");
    let connector = world.connector(world.spec());
    let options = world.server(Versions::Tls13);
    let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let serving = thread::spawn(move || {
        let mut server = uptls_testkit::MemoryServer::with_options(&options);
        let mut buffer = [0; 4096];
        while server.read() != b"ping" {
            let count = theirs.read(&mut buffer).unwrap();
            server.feed(&buffer[..count]).unwrap();
            theirs.write_all(&server.drain()).unwrap();
        }
        server.write(b"pong");
        server.close();
        theirs.write_all(&server.drain()).unwrap();
    });
    let mut stream = connector.handshake(ours, &host(), &patient()).unwrap();
    stream.write_all(b"ping").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"pong");
    serving.join().unwrap();
}
