//! A tunnel through an HTTP proxy: what it is asked, which answers are a tunnel, and that the backend is judged through it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use uptls::tokio_client::{Destination, HttpConnect};
use uptls::{Address, Code, Secret};

use super::support::{Peers, accepting};

/// A proxy that gives these answers in turn, the last again and again, and leads to one backend behind those of 2xx.
struct Proxy {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start(backend: SocketAddr, answers: &[&str]) -> Self {
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let (kept, answers) = (requests.clone(), answers.iter().map(|&answer| answer.to_owned()).collect::<Vec<_>>());
        let address = accepting(move |mut socket| {
            let (requests, answers) = (kept.clone(), answers.clone());
            async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(socket.read_u8().await.unwrap());
                }
                let turn = {
                    let mut requests = requests.lock().unwrap();
                    requests.push(String::from_utf8(request).unwrap());
                    requests.len() - 1
                };
                let answer = &answers[turn.min(answers.len() - 1)];
                // A client that has read enough of it goes away.
                let _ = socket.write_all(answer.as_bytes()).await;
                if answer.contains(" 200 ") {
                    let mut backend = TcpStream::connect(backend).await.unwrap();
                    let _ = copy_bidirectional(&mut socket, &mut backend).await;
                }
            }
        })
        .await;
        Self { address, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().drain(..).collect()
    }
}

pub(super) const TUNNEL: &str = "HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n";

/// Answers that make no tunnel, and what is told of each.
pub(super) fn refusals(server: SocketAddr) -> Vec<(String, &'static str)> {
    let endless = format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(9000));
    let many = format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(65));
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: http://{server}/\r\n\r\n");
    let table = [
        (
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
            "answered 407 Proxy Authen",
        ),
        ("HTTP/1.1 403 Forbidden\r\n\r\n<html>", "answered 403 Forbidden"),
        ("HTTP/1.1 502\r\n\r\n", "answered 502"),
        ("HTTP/1.1 100 Continue\r\n\r\n", "answered 100 Continue"),
        (redirect.as_str(), "answered 302 Found"),
        ("HTTP/1.1 200 OK\r\n\r\nSSH-2.0", "sent 7 bytes after its answer"),
        (endless.as_str(), "no end of its answer"),
        (many.as_str(), "did not answer CONNECT by HTTP/1.1"),
        ("HTTP/2 200 OK\r\n\r\n", "did not answer CONNECT by HTTP/1.1"),
        ("220 smtp.example\r\n", "did not answer CONNECT by HTTP/1.1"),
        ("HTTP/1.1 200", "closed the connection"),
        ("", "closed the connection"),
    ];
    table.map(|(answer, reason)| (answer.to_owned(), reason)).to_vec()
}

#[tokio::test]
async fn the_backend_is_judged_through_the_tunnel() {
    let peers = Peers::new();
    let server = peers.server().await;
    for answer in [TUNNEL, "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 \r\nContent-Length: 5\r\n\r\n"] {
        let proxy = Proxy::start(server, &[answer]).await;
        // The name is for the proxy to resolve: this host could not.
        peers.is_judged_over(&HttpConnect::new(proxy.address), ("backend.invalid", 8443)).await;
        let request = "CONNECT backend.invalid:8443 HTTP/1.1\r\nHost: backend.invalid:8443\r\n\r\n";
        assert_eq!(proxy.requests(), [request, request]);
    }
}

#[tokio::test]
async fn an_address_and_credentials_are_sent_as_they_are() {
    let peers = Peers::new();
    let proxy = Proxy::start(peers.server().await, &[TUNNEL]).await;
    let secret = || Secret::new("Basic dXNlcjpwYXNzd29yZA==");
    let dial = HttpConnect::new(proxy.address).with_authorization(secret()).unwrap();
    let ipv6: SocketAddr = "[2001:db8::1]:443".parse().unwrap();
    peers.is_judged_over(&dial, ipv6).await;
    let request = "CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\
                   Proxy-Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n\r\n";
    assert_eq!(proxy.requests(), [request, request]);
    // I6: nothing shows them.
    assert!(!format!("{dial:?}").contains("dXNl"), "{dial:?}");
    // The twins: another header in the value, and no value.
    for value in ["Basic x\r\nX-Admin: 1", "Basic \u{e9}", "", &"x".repeat(4097)] {
        let error = HttpConnect::new(proxy.address).with_authorization(Secret::new(value)).err().unwrap();
        assert_eq!(error.code(), Code::Misuse, "{value:?}");
    }
}

/// V12: done as the hint says, the refusal is gone.
#[tokio::test]
async fn the_hint_of_a_refusal_is_followed() {
    let peers = Peers::new();
    let wants_credentials = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n";
    let proxy = Proxy::start(peers.server().await, &[wants_credentials, TUNNEL]).await;
    let dial = HttpConnect::new(proxy.address);
    let error = peers.failure(&dial, ("backend.invalid", 443)).await;
    assert!(error.hint().contains("accepts the credentials"), "{}", error.hint());
    let dial = dial.with_authorization(Secret::new("Basic dXNlcjpwYXNzd29yZA==")).unwrap();
    peers.is_judged_over(&dial, ("backend.invalid", 443)).await;
    assert!(proxy.requests()[1].contains("\r\nProxy-Authorization: Basic "));
}

/// No answer but a whole one of 2xx, with nothing behind it, is a tunnel; and no other is asked for.
#[tokio::test]
async fn whatever_else_a_proxy_answers_is_a_refusal() {
    let peers = Peers::new();
    let server = peers.server().await;
    for (answer, reason) in refusals(server) {
        let proxy = Proxy::start(server, &[&answer]).await;
        let error = peers.failure(&HttpConnect::new(proxy.address), ("backend.invalid", 443)).await;
        assert_eq!(error.code(), Code::TcpRefused, "{answer:?}: {error}");
        let text = error.to_string();
        assert!(text.contains("backend.invalid:443") && text.contains(&proxy.address.to_string()), "{text}");
        assert!(text.contains(reason), "{answer:?}: {text}");
        assert!(error.hint().contains("the proxy permits CONNECT"), "{}", error.hint());
        assert_eq!(proxy.requests().len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn each_of_several_sockets_is_asked_for_in_turn() {
    let peers = Peers::new();
    let proxy = Proxy::start(peers.server().await, &["HTTP/1.1 503 Service Unavailable\r\n\r\n", TUNNEL]).await;
    let sockets: Vec<SocketAddr> = vec![([192, 0, 2, 1], 443).into(), ([192, 0, 2, 2], 443).into()];
    peers.is_judged_over(&HttpConnect::new(proxy.address), sockets).await;
    let asked = proxy.requests();
    let to = |last| format!("CONNECT 192.0.2.{last}:443 HTTP/1.1\r\nHost: 192.0.2.{last}:443\r\n\r\n");
    assert_eq!(asked, [to(1), to(2), to(1)]);
    let nowhere = peers.failure(&HttpConnect::new(proxy.address), Vec::new()).await;
    assert_eq!(nowhere.code(), Code::TcpRefused, "{nowhere}");
}

/// A name that is none could hold a request of its own: the proxy is not even dialled.
#[tokio::test]
async fn a_name_that_is_none_is_not_asked_for() {
    let peers = Peers::new();
    let proxy = Proxy::start(peers.server().await, &[TUNNEL]).await;
    for name in ["backend.invalid:443 HTTP/1.1\r\nX: y", "a b", "", "evil/..", "a:1"] {
        let address = Address::from((name, 443));
        let error = peers.failure(&HttpConnect::new(proxy.address), address).await;
        assert_eq!(error.code(), Code::Misuse, "{name:?}: {error}");
    }
    assert_eq!(proxy.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_named() {
    let peers = Peers::new();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = peers.failure(&HttpConnect::new(closed), ("backend.invalid", 443)).await;
    assert_eq!(error.code(), Code::TcpRefused);
    assert!(error.to_string().contains(&closed.to_string()), "{error}");
    // Over another dial: what that says.
    let dial =
        HttpConnect::new(closed).over(|_: Destination| async { Err::<TcpStream, _>(std::io::Error::other("no")) });
    let error = peers.failure(&dial, ("backend.invalid", 443)).await;
    assert_eq!(error.code(), Code::TcpRefused);
}
