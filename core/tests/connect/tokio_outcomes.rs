//! The tokio face: honest servers, silent ones, dribbling ones, refusing ones, and ones that are not there.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::support::transports::{Counted, accept, code, echo, read_all};
use crate::support::world::{BOTH, HOST, World, host, identity, trusting};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;
use uptls::tokio::AsyncStream;
use uptls::{Code, ConnectOptions, Connector, Error, PolicySpec, Rejection};
use uptls_testkit::{HostileServer, Misbehaviour, Pki, RESPONSE_BODY, San, Server, Versions};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: backend.example\r\n\r\n";

fn patient() -> ConnectOptions {
    ConnectOptions::default().with_timeout(Duration::from_secs(20))
}

async fn connect(connector: &Connector, address: SocketAddr) -> Result<AsyncStream<TcpStream>, Error> {
    connector.connect_async(address, &host(), &patient()).await
}

async fn fetch(connector: &Connector, address: SocketAddr) -> io::Result<(String, bool)> {
    let mut stream = connect(connector, address).await?;
    stream.write_all(REQUEST).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    assert!(stream.is_clean_eof());
    stream.shutdown().await?;
    Ok((response, stream.evidence().resumed))
}

#[tokio::test]
async fn requests_are_answered_and_sessions_resumed() {
    for versions in BOTH {
        let world = World::new("tokio");
        let server = Server::start(&world.server(versions));
        let connector = world.connector(world.spec());
        for resumed in [false, true, true] {
            let (response, seen) = fetch(&connector, server.addr()).await.unwrap();
            assert!(response.ends_with(RESPONSE_BODY));
            assert_eq!(seen, resumed, "{versions:?}");
        }
        assert_eq!(server.handshakes().iter().filter(|seen| seen.resumed).count(), 2);
    }
}

#[tokio::test]
async fn a_refused_peer_is_told_why_and_the_reason_is_found_again() {
    let world = World::new("tokio");
    let server = Server::start(&world.server(Versions::Both));
    let connector = world.connector(trusting(&Pki::new("tokio, another CA")));
    let error = connect(&connector, server.addr()).await.unwrap_err();
    let wrapped = io::Error::other(io::Error::from(error.clone()));
    let Error::Rejected(rejection) = &error else { panic!("{error:?}") };
    assert_eq!(Rejection::from_io_error(&wrapped), Some(&**rejection));
    assert_eq!(Error::find_in(&wrapped), Some(&error));
    // H5
    let failures = server.wait_for_failures(1);
    assert!(format!("{failures:?}").contains("UnknownCA"), "{failures:?}");
}

/// Tokio's clock, which runs ahead when nothing else can, beside the real one. A deadline is a time of the real one, and
/// tokio's stands while the test itself computes: by so much a deadline may seem late on it.
struct Clocks {
    real: std::time::Instant,
    tokio: Instant,
}

impl Clocks {
    /// The first thing in a test.
    fn start() -> Clocks {
        Clocks { real: std::time::Instant::now(), tokio: Instant::now() }
    }

    /// That as many seconds went by on tokio's clock, and hardly more.
    fn assert_waited(&self, seconds: u64) {
        let (waited, lag) = (self.tokio.elapsed(), self.real.elapsed());
        let wanted = Duration::from_secs(seconds);
        assert!(waited >= wanted && waited < wanted + Duration::from_secs(1) + lag, "{waited:?}, {lag:?}");
    }
}

/// H4
#[tokio::test(start_paused = true)]
async fn a_silent_peer_ends_at_the_deadline_without_being_polled_meanwhile() {
    let clocks = Clocks::start();
    let world = World::new("silent");
    let connector = world.connector(world.spec());
    let (ours, _theirs) = tokio::io::duplex(1 << 16);
    let (host, options) = (host(), ConnectOptions::default());
    let handshake = Counted::new(connector.handshake_async(ours, &host, &options));
    let polls = handshake.polls.clone();
    let error = handshake.await.unwrap_err();
    assert_eq!(error.to_string(), "no handshake within 10s; nothing was received");
    clocks.assert_waited(10);
    assert!(polls.load(Ordering::SeqCst) <= 3, "{polls:?}");
}

/// H4: every byte would restart a timeout of its own.
#[tokio::test(start_paused = true)]
async fn a_dribbling_peer_ends_at_the_deadline() {
    let clocks = Clocks::start();
    let world = World::new("dribbling");
    let connector = world.connector(world.spec());
    let (ours, mut theirs) = tokio::io::duplex(1 << 16);
    let dribbling = tokio::spawn(async move {
        let mut sent = 0_u64;
        for byte in b"\x16\x03\x03\x40\x00".iter().chain(&[0; 1000]) {
            if theirs.write_all(&[*byte]).await.is_err() {
                break;
            }
            sent += 1;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        sent
    });
    let error = connector.handshake_async(ours, &host(), &ConnectOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::HandshakeTimeout, "{error}");
    clocks.assert_waited(10);
    let most = 13 + clocks.real.elapsed().as_secs();
    assert!((10..most).contains(&dribbling.await.unwrap()), "the transport is closed then");
}

/// A peer that takes nothing either cannot hold the alert against us.
#[tokio::test(start_paused = true)]
async fn a_peer_that_reads_nothing_ends_at_the_deadline() {
    let clocks = Clocks::start();
    let world = World::new("deaf");
    let connector = world.connector(world.spec());
    let (ours, _theirs) = tokio::io::duplex(16);
    let error = connector.handshake_async(ours, &host(), &ConnectOptions::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::HandshakeTimeout, "{error}");
    clocks.assert_waited(10);
}

#[tokio::test]
async fn misbehaviour_has_its_code() {
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
        let error = connect(&connector, server.addr()).await.unwrap_err();
        assert_eq!(error.code(), wanted, "{misbehaviour:?}: {error}");
    }
}

#[tokio::test]
async fn truncation_is_an_unexpected_end() {
    let world = World::new("truncated");
    let connector = world.connector(world.spec());
    let options = world.server(Versions::Both);
    let server = HostileServer::start(Misbehaviour::TruncatesAfterResponse(Box::new(options)));
    let mut stream = connect(&connector, server.addr()).await.unwrap();
    stream.write_all(REQUEST).await.unwrap();
    let mut response = Vec::new();
    let error = stream.read_to_end(&mut response).await.unwrap_err();
    assert_eq!((error.kind(), code(&error)), (ErrorKind::UnexpectedEof, Code::Truncated));
    assert!(response.ends_with(RESPONSE_BODY.as_bytes()), "what came is given first");
    assert!(!stream.is_clean_eof());
}

/// I5: a client that writes meets a closed socket before it reads the alert.
#[tokio::test]
async fn a_refused_identity_is_found_by_readers_and_writers() {
    for versions in BOTH {
        let world = World::new("tokio mtls");
        let stranger = Pki::new("tokio mtls, another CA");
        let client = stranger.client(&[San::dns("gateway.example")]);
        let server = Server::start(&world.server(versions).with_client_roots(&[&world.pki.root]));
        let unwelcome = world.connector(PolicySpec { identity: identity(&stranger, &client), ..world.spec() });
        let without = world.connector(world.spec());
        for (connector, wanted) in [(unwelcome, Code::IdentityRejected), (without, Code::IdentityRequired)] {
            let read = match connect(&connector, server.addr()).await {
                Err(error) => error.code(),
                Ok(mut stream) => code(&stream.read(&mut [0; 16]).await.unwrap_err()),
            };
            assert_eq!(read, wanted, "reading, {versions:?}");
            let written = match connect(&connector, server.addr()).await {
                Err(error) => error.code(),
                Ok(mut stream) => code(&write_until_it_fails(&mut stream).await),
            };
            assert_eq!(written, wanted, "writing, {versions:?}");
        }
    }
}

async fn write_until_it_fails(stream: &mut AsyncStream<TcpStream>) -> io::Error {
    loop {
        if let Err(error) = stream.write_all(&[0; 4096]).await {
            return error;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn addresses_are_tried_in_turn() {
    let world = World::new("addresses");
    let connector = world.connector(world.spec());
    let server = Server::start(&world.server(Versions::Both));
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = connect(&connector, closed).await.unwrap_err();
    assert_eq!(error.code(), Code::TcpRefused, "{error}");
    assert!(connector.connect_async(vec![closed, server.addr()], &host(), &patient()).await.is_ok());
    let none = connector.connect_async(Vec::new(), &host(), &patient()).await.unwrap_err();
    assert_eq!(none.code(), Code::TcpRefused);
    assert!(connector.connect_async(("127.0.0.1", server.addr().port()), &host(), &patient()).await.is_ok());
    let options = ConnectOptions::default().with_timeout(Duration::from_secs(2));
    let unknown = connector.connect_async(("no-such-host.invalid", 443), &host(), &options).await.unwrap_err();
    assert_eq!(unknown.code(), Code::DnsFailed, "{unknown}");
}

#[tokio::test]
async fn nothing_is_dialled_for_a_policy_that_cannot_be_used() {
    let world = World::new("withdrawn");
    let connector = world.connector(world.spec());
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let widened = ConnectOptions::default().with_alpn(["spdy/3"]);
    let misuse = connector.connect_async(closed, &host(), &widened).await.unwrap_err();
    connector.withdraw();
    let withdrawn = connect(&connector, closed).await.unwrap_err();
    assert_eq!((misuse.code(), withdrawn.code()), (Code::Misuse, Code::PolicyWithdrawn));
}

/// A megabyte each way through a narrow pipe, read and written by two tasks: every waker is needed.
#[tokio::test]
async fn both_directions_flow_at_once() {
    for versions in BOTH {
        let world = World::new("both ways");
        let connector = world.connector(world.spec());
        let (ours, accepted) = accept(&world.server(versions), 777);
        let serving = tokio::spawn(async move { echo(accepted.await.unwrap()).await });
        let stream = connector.handshake_async(ours, &host(), &patient()).await.unwrap();
        assert_eq!(stream.evidence().server_name.as_deref(), Some(HOST));
        let (reader, mut writer) = tokio::io::split(stream);
        let data: Vec<u8> = (0..1_u32 << 20).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let sent = data.clone();
        let writing = tokio::spawn(async move {
            writer.write_all(&sent).await.unwrap();
            writer.shutdown().await.unwrap();
        });
        assert!(read_all(reader).await.unwrap() == data, "{versions:?}");
        writing.await.unwrap();
        serving.await.unwrap();
    }
}

#[tokio::test]
async fn shutdown_is_a_close_notify_and_reading_goes_on() {
    let world = World::new("half closed");
    let connector = world.connector(world.spec());
    let (ours, accepted) = accept(&world.server(Versions::Tls13), 1 << 16);
    let serving = tokio::spawn(async move {
        let mut stream = accepted.await.unwrap();
        // tokio-rustls gives UnexpectedEof for an end without close_notify.
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0);
        stream.write_all(b"goodbye").await.unwrap();
        stream.shutdown().await.unwrap();
    });
    let mut stream = connector.handshake_async(ours, &host(), &patient()).await.unwrap();
    stream.shutdown().await.unwrap();
    let late = stream.write(b"more").await.unwrap_err();
    assert_eq!(code(&late), Code::Misuse);
    assert_eq!(read_all(&mut stream).await.unwrap(), b"goodbye");
    assert!(stream.is_clean_eof());
    stream.shutdown().await.unwrap();
    serving.await.unwrap();
}

#[test]
fn futures_and_streams_move_between_threads() {
    fn movable<T: Send>(_: &T) {}
    fn stream<T: Send + Sync + Unpin + 'static>() {}
    stream::<AsyncStream<TcpStream>>();
    let world = World::new("movable");
    let connector = world.connector(world.spec());
    let (host, options) = (host(), patient());
    movable(&connector.connect_async(("localhost", 443), &host, &options));
    movable(&connector.handshake_async(tokio::io::duplex(1).0, &host, &options));
}
