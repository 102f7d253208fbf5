//! The PROXY protocol, version 2, as a reader of it sees it; TLS begins behind it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use proxy_header::{ParseConfig, ProxiedAddress, ProxyHeader as Read};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use uptls::Code;
use uptls::tokio::{Destination, ProxyHeader};

use super::support::{Peers, accepting, serve};

type Seen = Arc<Mutex<Vec<Option<ProxiedAddress>>>>;

/// Takes a header before TLS, as its length says, and keeps whom it names.
async fn server(peers: &Peers) -> (SocketAddr, Seen) {
    let (acceptor, seen) = (peers.acceptor.clone(), Seen::default());
    let kept = seen.clone();
    let address = accepting(move |mut socket| {
        let (acceptor, seen) = (acceptor.clone(), kept.clone());
        async move {
            let mut bytes = vec![0; 16];
            socket.read_exact(&mut bytes).await.unwrap();
            let length = usize::from(u16::from_be_bytes([bytes[14], bytes[15]]));
            bytes.resize(16 + length, 0);
            socket.read_exact(&mut bytes[16..]).await.unwrap();
            let (header, read) = Read::parse(&bytes, ParseConfig::default()).unwrap();
            assert_eq!(read, bytes.len());
            seen.lock().unwrap().push(header.proxied_address().cloned());
            serve(acceptor, socket).await;
        }
    })
    .await;
    (address, seen)
}

fn socket(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

#[tokio::test]
async fn the_header_names_client_and_frontend() {
    let peers = Peers::new();
    let (address, seen) = server(&peers).await;
    let table = [
        (["192.0.2.7:41000", "198.51.100.1:443"], ["192.0.2.7:41000", "198.51.100.1:443"]),
        (["[2001:db8::7]:41000", "[2001:db8::1]:443"], ["[2001:db8::7]:41000", "[2001:db8::1]:443"]),
        // A listener for both families sees IPv4 so.
        (["[::ffff:192.0.2.7]:41000", "[::ffff:198.51.100.1]:443"], ["192.0.2.7:41000", "198.51.100.1:443"]),
        (["192.0.2.7:41000", "[2001:db8::1]:443"], ["[::ffff:192.0.2.7]:41000", "[2001:db8::1]:443"]),
    ];
    for (given, wanted) in table {
        let [source, destination] = given.map(socket);
        peers.is_judged_over(&ProxyHeader::proxied(source, destination), address).await;
        let [source, destination] = wanted.map(socket);
        // Of both connections.
        let wanted = Some(ProxiedAddress::stream(source, destination));
        assert_eq!(seen.lock().unwrap().drain(..).collect::<Vec<_>>(), [wanted.clone(), wanted]);
    }
    peers.is_judged_over(&ProxyHeader::local(), address).await;
    assert_eq!(*seen.lock().unwrap(), [None, None]);
}

#[tokio::test]
async fn it_goes_over_any_dial() {
    let peers = Peers::new();
    let (address, seen) = server(&peers).await;
    let dial = ProxyHeader::local().over(move |_: Destination| TcpStream::connect(address));
    peers.is_judged_over(&dial, ("backend.example", 443)).await;
    assert_eq!(seen.lock().unwrap().len(), 2);
}

/// The twin: a backend that expects none takes it for broken TLS, and nothing falls back to a connection without it.
#[tokio::test]
async fn a_backend_that_expects_none_refuses() {
    let peers = Peers::new();
    let plain = peers.server().await;
    let error = peers.failure(&ProxyHeader::local(), plain).await;
    assert!(matches!(error.code(), Code::RemoteAlert | Code::PeerClosed | Code::PeerReset), "{error}");
}
