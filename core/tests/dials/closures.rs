//! A closure is a dial: what it gives is judged, and what it says has a code.

use std::future::{pending, ready};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hyper::Uri;
use rustix::io::Errno;
use tokio::io::DuplexStream;
use tokio::net::TcpStream;
use tower_service::Service;
use uptls::hyper::UpstreamService;
use uptls::tokio::{Destination, Dial, Tcp};
use uptls::{Address, Code, ConnectOptions, Error, Misuse};

use super::support::{Peers, serve};
use crate::support::world::{HOST, host};

type Failure = fn() -> io::Error;

#[tokio::test]
async fn a_closure_gives_any_transport() {
    let peers = Peers::new();
    let acceptor = peers.acceptor.clone();
    let pipe = move |_: Destination| {
        let (ours, theirs) = tokio::io::duplex(1 << 14);
        tokio::spawn(serve(acceptor.clone(), theirs));
        ready(Ok(ours))
    };
    peers.is_judged_over(&pipe, ("backend.example", 443)).await;
}

#[tokio::test]
async fn what_a_closure_says_has_a_code() {
    let peers = Peers::new();
    let table: [(Failure, Code, &str); 5] = [
        (|| Error::from(Misuse::new("my own")).into(), Code::Misuse, "my own"),
        (|| io::Error::other("no mesh here"), Code::TcpRefused, "no mesh here"),
        (|| Errno::MFILE.into(), Code::LocalResources, "backend.example:443"),
        (|| Errno::CONNREFUSED.into(), Code::TcpRefused, "backend.example:443"),
        (|| Errno::TIMEDOUT.into(), Code::TcpTimeout, "backend.example:443"),
    ];
    for (failure, code, text) in table {
        let dial = move |_: Destination| ready(Err::<DuplexStream, _>(failure()));
        let error = peers.failure(&dial, ("backend.example", 443)).await;
        assert_eq!(error.code(), code, "{error}");
        assert!(error.to_string().contains(text), "{error}");
    }
}

/// H4: by a clock that stands still until all wait.
#[tokio::test(start_paused = true)]
async fn a_dial_that_does_not_end_ends_with_the_deadline() {
    let peers = Peers::new();
    let seen = Arc::new(Mutex::new(None));
    let note = seen.clone();
    let dial = move |destination: Destination| {
        *note.lock().unwrap() = Some(destination);
        pending::<io::Result<DuplexStream>>()
    };
    let options = ConnectOptions::default().with_timeout(Duration::from_secs(7));
    let error = peers.good.connect_over(&dial, ("backend.example", 443), &host(), &options).await.unwrap_err();
    assert_eq!(error.code(), Code::TcpTimeout, "{error}");
    assert!(error.to_string().contains("backend.example:443 within 7s"), "{error}");
    // The closure was told where to, and until when.
    let destination = seen.lock().unwrap().take().unwrap();
    assert_eq!(*destination.address(), Address::from(("backend.example", 443)));
    assert!(destination.deadline().is_some());
}

/// Nothing is dialled for a policy or options that cannot be used.
#[tokio::test]
async fn nothing_is_dialled_for_nothing() {
    let peers = Peers::new();
    let dialled = Arc::new(AtomicUsize::new(0));
    let count = dialled.clone();
    let dial = move |_: Destination| {
        count.fetch_add(1, Ordering::SeqCst);
        ready(Err::<DuplexStream, _>(io::Error::other("dialled")))
    };
    let wider = ConnectOptions::default().with_alpn(["h2"]);
    let error = peers.good.connect_over(&dial, ("backend.example", 443), &host(), &wider).await.unwrap_err();
    assert_eq!((error.code(), dialled.load(Ordering::SeqCst)), (Code::Misuse, 0));
    peers.failure(&dial, ("backend.example", 443)).await;
    assert_eq!(dialled.load(Ordering::SeqCst), 1);
}

/// The hyper face: the dial has the address of the URI, and the host stays the URI's.
#[tokio::test]
async fn a_service_connects_over_a_dial() {
    let peers = Peers::new();
    let server = peers.server().await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = seen.clone();
    let dial = move |destination: Destination| {
        note.lock().unwrap().push(destination.to_string());
        TcpStream::connect(server)
    };
    let uri: Uri = format!("https://{HOST}:8443/").parse().unwrap();
    let service = UpstreamService::new(peers.good.clone()).with_dial(dial);
    let stream = service.bind(&uri).unwrap().call(uri.clone()).await.unwrap();
    assert_eq!(stream.get_ref().get_ref().peer_addr().unwrap(), server);
    assert_eq!(*seen.lock().unwrap(), [format!("{HOST}:8443")]);
    // The twin: another policy over the same dial, of which clients and clones are made as over TCP.
    let stranger =
        UpstreamService::new(peers.stranger.clone()).with_dial(move |_: Destination| TcpStream::connect(server));
    let error = stranger.clone().bind(&uri).unwrap().clone().call(uri).await.unwrap_err();
    assert_eq!(error.code(), Code::CertUnknownIssuer);
}

#[tokio::test]
async fn the_default_is_tcp() {
    let peers = Peers::new();
    let server = peers.server().await;
    peers.is_judged_over(&Tcp::default(), server).await;
    let socket = Tcp::default().dial(Destination::new(server, Duration::from_hours(1))).await.unwrap();
    assert_eq!(Tcp::default().remote_address(&socket), Some(server));
    assert!(socket.nodelay().unwrap());
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(peers.failure(&Tcp::default(), closed).await.code(), Code::TcpRefused);
}
