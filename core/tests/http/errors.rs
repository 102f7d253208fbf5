//! The hyper face when there is no connection: nothing is sent in plaintext, and the reason survives the client's errors.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::http::{HttpServer, bound, client, get};
use crate::support::world::{HOST, World, identity, only, trusting};
use http_body_util::BodyExt;
use hyper::Uri;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use uptls::hyper::{BoundService, UpstreamService};
use uptls::{AlpnDraft, Code, Connector, Error, PolicySpec, Rejection};
use uptls_testkit::{HostileServer, Misbehaviour, Pki, San, ServerOptions, Sessions, Versions};

fn connector(world: &World, protocols: &[&str]) -> Connector {
    let protocols = protocols.iter().map(|&protocol| protocol.to_owned()).collect();
    world.connector(PolicySpec { alpn: AlpnDraft { protocols, required: false }, ..world.spec() })
}

/// The error of a GET: of what cannot even be bound, or as it is found behind that of hyper-util.
async fn refusal(service: UpstreamService, uri: Uri) -> Error {
    match service.bind(&uri) {
        Ok(service) => refusal_by(service, uri).await,
        Err(error) => error,
    }
}

async fn refusal_by(service: BoundService, uri: Uri) -> Error {
    let error = get(&bound(service), uri).await.err().expect("no answer");
    let found = Error::find_in(&error).unwrap_or_else(|| panic!("{error:?}")).clone();
    // The same through an `io::Error`, for those who wrap once more.
    let wrapped = io::Error::other(error);
    match &found {
        Error::Rejected(rejection) => assert_eq!(Rejection::from_io_error(&wrapped), Some(&**rejection)),
        _ => assert_eq!(Rejection::from_io_error(&wrapped), None),
    }
    found
}

#[tokio::test]
async fn plain_http_is_refused_before_anything_is_dialled() {
    let world = World::new("plain");
    let server = HttpServer::start(&world.server(Versions::Both)).await;
    let service = UpstreamService::new(connector(&world, &[])).with_address(server.address());
    let plain: Uri = "http://backend.example/".parse().unwrap();
    let bound = service.bind(&server.uri(HOST)).unwrap();
    for error in [service.bind(&plain).unwrap_err(), refusal_by(bound, plain).await] {
        assert_eq!(error.code(), Code::Misuse);
        assert!(error.to_string().contains("the scheme http;"), "{error}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn the_reason_is_found_behind_the_errors_of_the_client() {
    let world = World::new("reasons");
    let server = HttpServer::start(&world.server(Versions::Both)).await;
    let stranger = world.connector(trusting(&Pki::new("reasons, another CA")));
    let withdrawn = connector(&world, &[]);
    withdrawn.withdraw();
    let own = connector(&world, &[]);
    let cases = [
        (stranger, server.uri(HOST), Code::CertUnknownIssuer),
        (own.clone(), server.uri("other.example"), Code::NameMismatch),
        (own.clone(), server.uri("127.0.0.1"), Code::NameMismatch),
        (own, server.uri("under..dots"), Code::NameInvalid),
        (withdrawn, server.uri(HOST), Code::PolicyWithdrawn),
    ];
    for (connector, uri, wanted) in cases {
        let service = UpstreamService::new(connector).with_address(server.address());
        let error = refusal(service, uri.clone()).await;
        assert_eq!(error.code(), wanted, "{uri}: {error}");
    }
}

#[tokio::test]
async fn http2_is_spoken_only_where_it_was_negotiated() {
    let world = World::new("http2");
    let silent = HttpServer::start(&world.server(Versions::Both)).await;
    let options = ServerOptions { alpn: vec![b"http/1.1"], ..world.server(Versions::Both) };
    let refusing = HttpServer::start(&options).await;
    for server in [&silent, &refusing] {
        let willing = UpstreamService::new(connector(&world, &["h2", "http/1.1"])).with_address(server.address());
        let error = refusal(willing.http2_only(), server.uri(HOST)).await;
        assert_eq!(error.code(), Code::AlpnMismatch, "{error}");
    }
    // H3: a connection never widens the policy.
    let unwilling = UpstreamService::new(connector(&world, &["http/1.1"])).with_address(silent.address());
    let error = refusal(unwilling.http2_only(), silent.uri(HOST)).await;
    assert_eq!(error.code(), Code::Misuse, "{error}");
}

#[tokio::test]
async fn a_silent_peer_ends_at_the_deadline() {
    let world = World::new("silent");
    let server = HostileServer::start(Misbehaviour::Silent);
    let service = UpstreamService::new(connector(&world, &[]));
    let service = service.with_address(server.addr()).with_timeout(Duration::from_millis(200));
    let error = refusal(service, "https://backend.example/".parse().unwrap()).await;
    assert_eq!(error.to_string(), "no handshake within 200ms; nothing was received");
}

/// I5: TLS 1.3 tells after the handshake, when the request is on its way; h2 then keeps the text alone.
#[tokio::test]
async fn a_refused_identity_is_the_reason_of_the_request() {
    for (version, protocol) in [("1.2", "http/1.1"), ("1.3", "http/1.1"), ("1.2", "h2"), ("1.3", "h2")] {
        let world = World::new("mtls");
        let stranger = Pki::new("mtls, another CA");
        let identity = identity(&stranger, &stranger.client(&[San::dns("gateway.example")]));
        let options = world.server(Versions::Both).with_client_roots(&[&world.pki.root]);
        let server = HttpServer::start(&ServerOptions { alpn: vec![b"h2", b"http/1.1"], ..options }).await;
        let alpn = AlpnDraft { protocols: vec![protocol.to_owned()], required: true };
        let connector = world.connector(PolicySpec { alpn, identity, versions: only(version), ..world.spec() });
        let told = Arc::new(Mutex::new(Vec::new()));
        let telling = told.clone();
        let service = UpstreamService::new(connector)
            .with_address(server.address())
            .with_failures(move |host, error| telling.lock().unwrap().push((host.to_string(), error.code())));
        let error = get(&client(&service, &server.uri(HOST)), server.uri(HOST)).await.err().expect("no answer");
        if (version, protocol) == ("1.3", "h2") {
            assert!(format!("{error:?}").contains("the peer refused our client certificate"), "{error:?}");
        } else {
            let found = Error::find_in(&error).unwrap_or_else(|| panic!("{error:?}"));
            assert_eq!(found.code(), Code::IdentityRejected, "{version} {protocol}: {error}");
        }
        assert_eq!(*told.lock().unwrap(), [(HOST.to_owned(), Code::IdentityRejected)], "{version} {protocol}");
    }
}

/// H8: a body that ends with the connection ends with a close_notify, or is not whole.
#[tokio::test]
async fn a_body_that_was_cut_off_is_an_error() {
    let world = World::new("cut off");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(world.server(Versions::Both).config(&Sessions::new()));
    let serving = tokio::spawn(async move {
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        assert!(stream.read(&mut [0; 1024]).await.unwrap() > 0);
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf of").await.unwrap();
        stream.flush().await.unwrap();
        // TCP ends, TLS does not.
        stream.get_mut().0.shutdown().await.unwrap();
        drop(stream.read_to_end(&mut Vec::new()).await);
    });
    let uri: Uri = "https://backend.example/".parse().unwrap();
    let client = client(&UpstreamService::new(connector(&world, &[])).with_address(address), &uri);
    let response = client.get(uri).await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert_eq!(Error::find_in(&error).map(Error::code), Some(Code::Truncated), "{error:?}");
    drop(client);
    serving.await.unwrap();
}
