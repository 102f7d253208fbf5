//! Bodies, trailers and upgrades: what moves both ways.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr};

use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::header::HeaderMap;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::upstream::Upstream;
use super::{Client, to};
use crate::support::Folder;

async fn http2<B>(address: SocketAddr) -> http2::SendRequest<B>
where
    B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    http2_until_its_end(address).await.0
}

/// The same, and what waits for the end of the connection: whether it is an orderly one.
async fn http2_until_its_end<B>(
    address: SocketAddr,
) -> (http2::SendRequest<B>, tokio::task::JoinHandle<hyper::Result<()>>)
where
    B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(connection))
}

/// The statuses of all requests over one connection of HTTP/2 but for the first, which is left alone after `began`.
pub(super) fn statuses(address: SocketAddr, paths: &[&str], began: impl FnOnce()) -> Vec<u16> {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut sender = http2(address).await;
        let get = |path: &&str| Request::get(format!("http://a{path}")).body(Empty::<Bytes>::new()).unwrap();
        let first = tokio::spawn(sender.send_request(get(&paths[0])));
        tokio::task::block_in_place(began);
        let mut statuses = Vec::new();
        for path in &paths[1..] {
            statuses.push(sender.send_request(get(path)).await.unwrap().status().as_u16());
        }
        first.abort();
        statuses
    })
}

/// A request for `/held` over HTTP/2, on a thread of its own.
pub(super) struct Held(std::thread::JoinHandle<(u16, bool)>);

pub(super) fn held(address: SocketAddr, began: impl FnOnce()) -> Held {
    let thread = std::thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            let (mut sender, ending) = http2_until_its_end(address).await;
            let request = Request::get("http://a/held").body(Empty::<Bytes>::new()).unwrap();
            let response = sender.send_request(request).await.unwrap();
            let status = response.status().as_u16();
            response.into_body().collect().await.unwrap();
            // It ends by itself, since the other side has said GOAWAY: this one has the sender.
            let is_orderly = ending.await.unwrap().is_ok();
            drop(sender);
            (status, is_orderly)
        })
    });
    began();
    Held(thread)
}

impl Held {
    /// The status, and whether the connection ended in order.
    pub(super) fn end(self) -> (u16, bool) {
        self.0.join().unwrap()
    }
}

#[test]
fn grpc_keeps_its_trailers_in_both_directions() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &[]);
    let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), "0".parse().unwrap())]);
    let response = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut sender = http2(address).await;
        let body = Full::new(Bytes::from_static(b"message")).with_trailers(async { Some(Ok(trailers)) }).boxed_unsync();
        let request = Request::post("http://pay.example/echo").header("te", "trailers").body(body).unwrap();
        sender.send_request(request).await.unwrap().into_body().collect().await.unwrap()
    });
    assert_eq!(response.trailers().unwrap()["grpc-status"], "0");
    assert_eq!(response.to_bytes(), "message");
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["host"]), (&"closed".into(), &"pay.example".into()), "{entry}");
    assert_eq!((&entry["bytes_from_client"], &entry["bytes_from_upstream"]), (&7.into(), &7.into()));
}

#[test]
fn te_reaches_an_upstream_of_http2() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (_proxy, address) = to(&folder, upstream.address, &[]);
    let seen = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let request = Request::get("http://pay.example/seen").header("te", "trailers").body(Empty::<Bytes>::new());
        let response = http2(address).await.send_request(request.unwrap()).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    });
    assert_eq!(seen, "GET https://payments.internal/seen HTTP/2.0\nte: trailers\nvia: 2 uptls\n");
}

#[test]
fn large_bodies_go_both_ways_over_each_version() {
    let folder = Folder::new();
    for alpn in [&[b"h2".as_slice()][..], &[]] {
        let upstream = Upstream::offering(folder.options(), alpn);
        let (proxy, address) = to(&folder, upstream.address, &[]);
        let body: Bytes =
            (0..8_u32 << 20).map(|n| n.to_le_bytes()[usize::try_from(n % 3).unwrap()]).collect::<Vec<_>>().into();
        let length = body.len();
        let echoed = tokio::runtime::Runtime::new().unwrap().block_on(async {
            let request = Request::post("http://a/echo").body(Full::new(body.clone())).unwrap();
            let response: Response<_> = http2(address).await.send_request(request).await.unwrap();
            response.into_body().collect().await.unwrap().to_bytes()
        });
        assert!(echoed == body, "{alpn:?}");
        let entry = proxy.entry();
        assert_eq!((&entry["code"], &entry["bytes_from_client"]), (&"closed".into(), &length.into()));
        assert_eq!(entry["bytes_from_upstream"], length);
    }
}

#[test]
fn a_body_that_is_not_taken_is_not_read() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (_proxy, address) = to(&folder, upstream.address, &[]);
    let mut client = super::connect(address);
    client.write_all(b"POST /held HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n").unwrap();
    client.set_write_timeout(Some(std::time::Duration::from_millis(500))).unwrap();
    let piece = vec![7; 1 << 16];
    let mut taken = 0;
    while client.write_all(&piece).is_ok() {
        taken += piece.len();
        assert!(taken < 64 << 20, "the windows of the upstream and the buffers of sockets are bounds");
    }
}

#[test]
fn a_client_that_expects_100_gets_it_from_the_proxy() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (_proxy, address) = to(&folder, upstream.address, &[]);
    let mut client = Client::new(address);
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 100 "));
    client.send("body");
    assert!(client.head().starts_with("HTTP/1.1 200 "));
    // The upstream hears of it, and may refuse the request before its body.
    let mut client = Client::new(address);
    client.send("POST /seen HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody");
    let mut head = client.head();
    if head.starts_with("HTTP/1.1 100 ") {
        head = client.head();
    }
    let mut seen = String::new();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
    (&mut client.0).take(length).read_to_string(&mut seen).unwrap();
    assert!(seen.contains("expect: 100-continue\n"), "{seen}");
}

#[test]
fn an_interim_response_of_the_upstream_goes_no_further() {
    let folder = Folder::new();
    let answer = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let (upstream, _runtime) = super::upstream::saying(folder.options(), answer);
    let (proxy, address) = to(&folder, upstream, &[]);
    let answer = Client::new(address).get("a", "/");
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"), "{}", answer.head);
    assert!(!answer.head.contains("link"), "{}", answer.head);
    assert_eq!(proxy.entry()["code"], "closed");
}

#[test]
fn a_websocket_goes_on_after_101() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &[]);
    // Requests that came before went over HTTP/2, which has no upgrades.
    assert_eq!(Client::new(address).get("a", "/seen").status, 200);
    proxy.entry();
    let mut client = Client::new(address);
    client.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\nfirst ");
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("upgrade: websocket"), "{head}");
    client.send("second");
    let mut echoed = [0; 12];
    client.0.read_exact(&mut echoed).unwrap();
    assert_eq!(&echoed, b"first second");
    client.0.get_ref().shutdown(Shutdown::Write).unwrap();
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0);
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["status"]), (&"closed".into(), &101.into()), "{entry}");
    assert_eq!((&entry["bytes_from_client"], &entry["bytes_from_upstream"]), (&12.into(), &12.into()));
    // The twin: a request that does not ask for it.
    assert_eq!(Client::new(address).get("a", "/ws").status, 502);
    assert_eq!(proxy.entry()["code"], "upstream_http");
}
