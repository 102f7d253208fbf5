//! One scenario over every face: each tells observers the same (R12). C and Python replay it in their own tests.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::{Observed, steady};
use crate::support::world::HOST;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use uptls::hyper_client::{Pool, UpstreamService};
use uptls::sans_io::{Established, Incoming};
use uptls::{BackendHost, Code, ConnectOptions, Connector, Error};
use uptls_testkit::{Server, Versions};

const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nHost: backend.example\r\nConnection: close\r\n\r\n";

#[derive(Clone, Copy, Debug)]
enum Face {
    Blocking,
    Pool,
    SansIo,
    Tokio,
    TokioRustls,
}

/// One request to `host` at `address`, and the end of its connection.
async fn visit(face: Face, connector: &Connector, host: &BackendHost, address: SocketAddr) -> Result<(), Error> {
    let options = ConnectOptions::default();
    match face {
        Face::Blocking => {
            let mut stream = connector.connect_blocking(address, host, &options)?;
            stream.write_all(REQUEST).unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        }
        Face::Pool => {
            let service = UpstreamService::new(connector.clone()).with_address(address);
            let pool: Pool<Empty<Bytes>> = Pool::new(service);
            let request = Request::get(format!("https://{host}/")).header("connection", "close").body(Empty::new());
            let response =
                pool.request(request.unwrap()).await.map_err(|error| Error::find_in(&error).unwrap().clone())?;
            response.into_body().collect().await.unwrap();
        }
        Face::SansIo => {
            let mut handshake = connector.begin(host, &options)?;
            let begun = Instant::now();
            let mut socket = TcpStream::connect(address).map_err(|error| handshake.feed_error(&error))?;
            handshake.dialled(Some(begun.elapsed()), Some(address.to_string()));
            let mut bytes = [0; 4096];
            while !handshake.is_done() {
                let mut out = Vec::new();
                handshake.drain_to(&mut out);
                socket.write_all(&out).unwrap();
                if handshake.wants_read() {
                    let count = socket.read(&mut bytes).unwrap();
                    handshake.feed(&bytes[..count])?;
                }
            }
            converse(handshake.finish().unwrap(), socket);
        }
        Face::Tokio => ask(connector.connect_async(address, host, &options).await?).await,
        Face::TokioRustls => {
            let (stream, _) = connector.connect_async(address, host, &options).await?.into_tokio_rustls().await?;
            ask(stream).await;
        }
    }
    Ok(())
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    stream.write_all(REQUEST).await.unwrap();
    stream.read_to_end(&mut Vec::new()).await.unwrap();
}

fn converse(mut established: Established, mut socket: TcpStream) {
    established.write(REQUEST).unwrap();
    let mut bytes = [0; 4096];
    loop {
        let mut out = Vec::new();
        established.drain_to(&mut out);
        socket.write_all(&out).unwrap();
        match established.read(&mut bytes).unwrap() {
            Incoming::WantRead => {
                let count = socket.read(&mut bytes).unwrap();
                established.feed(&bytes[..count]).unwrap();
            }
            Incoming::Closed => return,
            _ => {}
        }
    }
}

/// What observers are told of a full and a resumed connection, of nothing that listens, of a peer with another name, and after a withdrawal.
async fn told_by(face: Face) -> Vec<String> {
    let observed = Observed::new("every face");
    let connector = observed.world.connector(observed.world.spec());
    let server = Server::start(&observed.world.server(Versions::Tls13));
    let host = BackendHost::parse(HOST).unwrap();
    let mut told = observed.told();
    for _ in 0..2 {
        visit(face, &connector, &host, server.addr()).await.unwrap();
        until_told(&observed, &mut told, "connection_closed").await;
        assert_eq!(observed.value("uptls_connections"), "0", "{face:?}");
    }
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let stranger = BackendHost::parse("stranger.example").unwrap();
    let refused = [
        (visit(face, &connector, &host, closed).await, Code::TcpRefused),
        (visit(face, &connector, &stranger, server.addr()).await, Code::NameMismatch),
        (
            {
                connector.withdraw();
                visit(face, &connector, &host, server.addr()).await
            },
            Code::PolicyWithdrawn,
        ),
    ];
    for (outcome, code) in refused {
        assert_eq!(outcome.unwrap_err().code(), code, "{face:?}");
        assert_eq!(observed.value(&format!("uptls_handshake_failures_total{{reason=\"{code}\"}}")), "1", "{face:?}");
    }
    told.extend(observed.told());
    assert_eq!(observed.value("uptls_active_handshakes"), "0", "{face:?}");
    let dialled = told.iter().filter(|json| json.contains("dial_seconds")).count();
    assert!(dialled >= 3, "{face:?}: {told:?}");
    let addressed = told.iter().filter(|json| json.contains(&format!("\"address\":\"{}\"", server.addr()))).count();
    assert_eq!(addressed, 8, "{face:?}: {told:#?}");
    told.iter().map(|json| steady(json)).collect()
}

/// The task of a pooled connection may end it a moment later.
async fn until_told(observed: &Observed, told: &mut Vec<String>, name: &str) {
    for _ in 0..2_000 {
        let new = observed.told();
        let found = new.iter().any(|json| json.contains(name));
        told.extend(new);
        if found {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("never told of {name}: {told:#?}");
}

#[tokio::test]
async fn every_face_tells_the_same() {
    let wanted = told_by(Face::Blocking).await;
    let names: Vec<_> = wanted.iter().map(|json| json.split("\"observation\":\"").nth(1).unwrap()).collect();
    let names: Vec<_> = names.iter().map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(
        names,
        [
            "generation_published",
            "handshake_started",
            "connection_opened",
            "connection_closed",
            "handshake_started",
            "connection_opened",
            "connection_closed",
            "connection_failed",
            "handshake_started",
            "connection_failed",
            "policy_withdrawn",
            "connection_failed",
        ]
    );
    assert!(wanted[2].contains(r#""resumed":false"#) && wanted[5].contains(r#""resumed":true"#), "{wanted:#?}");
    for face in [Face::Tokio, Face::TokioRustls, Face::SansIo, Face::Pool] {
        assert_eq!(told_by(face).await, wanted, "{face:?}");
    }
}
