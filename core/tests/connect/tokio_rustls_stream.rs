//! Verified connections as streams of tokio-rustls: verification and sessions are ours, the stream is theirs.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::world::{BOTH, HOST, World, host, policy, trusting};
use rustls::{AlertDescription, HandshakeKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use uptls::{Code, ConnectOptions, Connector, Error, Evidence, MaterialDraft};
use uptls_testkit::{Pki, RESPONSE_BODY, Server, Versions};

type Connected = (TlsStream<TcpStream>, Evidence);

async fn connect(connector: &Connector, address: SocketAddr) -> Result<Connected, Error> {
    let options = ConnectOptions::default().with_timeout(Duration::from_secs(60));
    connector.connect_async(address, &host(), &options).await?.into_tokio_rustls().await
}

async fn fetch((mut stream, evidence): Connected) -> (Evidence, HandshakeKind) {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: backend.example\r\n\r\n").await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.ends_with(RESPONSE_BODY));
    stream.shutdown().await.unwrap();
    (evidence, stream.get_ref().1.handshake_kind().unwrap())
}

#[tokio::test]
async fn the_stream_is_that_of_the_verified_handshake() {
    for versions in BOTH {
        let world = World::new("tokio-rustls");
        let server = Server::start(&world.server(versions));
        let connector = world.connector(world.spec());
        // Sessions resume as those of our own stream do, tickets after the handshake among them.
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
            let (evidence, seen) = fetch(connect(&connector, server.addr()).await.unwrap()).await;
            assert_eq!((evidence.server_name.as_deref(), seen), (Some(HOST), kind), "{versions:?}");
            assert_eq!(evidence.resumed, kind == HandshakeKind::Resumed);
        }
        assert!(world.runtime.held_sessions().count > 0);
        // The fence: what another policy verified is not resumed under this one.
        let mut other = world.spec();
        other.trust.bundles.push(MaterialDraft::pem(Pki::new("one more CA").root.pem()));
        connector.update(&policy(other)).unwrap();
        let (evidence, seen) = fetch(connect(&connector, server.addr()).await.unwrap()).await;
        assert_eq!((evidence.generation.number(), seen), (2, HandshakeKind::Full), "{versions:?}");
    }
}

#[tokio::test]
async fn a_refused_peer_and_a_silent_one_give_no_stream() {
    let world = World::new("tokio-rustls");
    let server = Server::start(&world.server(Versions::Both));
    let stranger = world.connector(trusting(&Pki::new("another CA")));
    assert_eq!(connect(&stranger, server.addr()).await.unwrap_err().code(), Code::CertUnknownIssuer);
    // It accepts, and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = ConnectOptions::default().with_timeout(Duration::from_millis(50));
    let connector = world.connector(world.spec());
    let outcome = connector.connect_async(silent.local_addr().unwrap(), &host(), &options).await;
    assert_eq!(outcome.err().unwrap().code(), Code::HandshakeTimeout);
}

#[tokio::test]
async fn a_bound_connector_gives_no_stream_of_another_generation() {
    let world = World::new("tokio-rustls");
    let server = Server::start(&world.server(Versions::Both));
    let connector = world.connector(world.spec());
    let bound = connector.bind(&host(), &ConnectOptions::default()).unwrap();
    let (evidence, _) =
        fetch(bound.connect_async(server.addr()).await.unwrap().into_tokio_rustls().await.unwrap()).await;
    assert_eq!(evidence.pool_key, *bound.pool_key());
    connector.withdraw();
    assert_eq!(bound.connect_async(server.addr()).await.err().unwrap().code(), Code::PolicyWithdrawn);
}

#[tokio::test]
async fn a_connection_that_was_closed_is_not_given_away() {
    let world = World::new("tokio-rustls");
    let server = Server::start(&world.server(Versions::Both));
    let connector = world.connector(world.spec());
    let mut stream = connector.connect_async(server.addr(), &host(), &ConnectOptions::default()).await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(stream.into_tokio_rustls().await.unwrap_err().code(), Code::Misuse);
}

/// What the documentation says is theirs: the alert is there, and no code of ours.
#[tokio::test]
async fn a_refusal_after_the_handshake_is_a_bare_alert() {
    let world = World::new("tokio-rustls");
    let server = Server::start(&world.server(Versions::Tls13).with_client_roots(&[&world.pki.root]));
    let (mut stream, _) = connect(&world.connector(world.spec()), server.addr()).await.unwrap();
    let error = stream.read_u8().await.unwrap_err();
    let alert = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    assert_eq!(alert, Some(&rustls::Error::AlertReceived(AlertDescription::CertificateRequired)));
    assert!(Error::find_in(&error).is_none());
}
