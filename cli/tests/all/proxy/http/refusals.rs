//! What gets no upstream, and what the client is told.

use std::io::Read;

use serde_json::Value;

use super::upstream::Upstream;
use super::{Client, to};
use crate::support::Folder;
use uptls_testkit::{San, Template};

#[test]
fn the_client_of_a_refused_upstream_is_told_why() {
    let folder = Folder::new();
    let other = folder.issue(Template::leaf("other").with_sans(&[San::dns("other.internal")]).lasting());
    let upstream = Upstream::start(folder.presenting(&[&other, &folder.intermediate]));
    let (proxy, address) = to(&folder, upstream.address, &[]);
    let mut client = Client::new(address);
    let answer = client.get("localhost", "/seen");
    assert_eq!(answer.status, 502);
    assert!(answer.body.starts_with("name_mismatch: "), "{}", answer.body);
    assert!(answer.head.contains("proxy-status: uptls; details=\"name_mismatch\""), "{}", answer.head);
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["status"]), (&"name_mismatch".into(), &502.into()));
    assert!(entry["hint"].is_string() && entry["generation"].is_null(), "{entry}");
    // The connection of the client goes on, and so do WebSockets meet the policy.
    client.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.answer().status, 502);
    assert_eq!(upstream.connections(), 0, "no handshake was completed, so no byte of a request was sent");
}

#[test]
fn the_status_says_whether_a_retry_may_help() {
    let folder = Folder::new();
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (proxy, address) = to(&folder, gone, &[]);
    let mut client = Client::new(address);
    let answer = client.get("localhost", "/");
    assert_eq!((answer.status, answer.body.starts_with("tcp_refused: ")), (503, true), "{}", answer.body);
    assert_eq!(proxy.entry()["code"], "tcp_refused");
    std::fs::remove_file(folder.path().join("ca.pem")).unwrap();
    proxy.told("\"kind\":\"withdrawn\"");
    let answer = client.get("localhost", "/");
    assert_eq!((answer.status, answer.body.starts_with("policy_withdrawn: ")), (503, true), "{}", answer.body);
    // An upstream that takes the connection, and says nothing.
    let folder = Folder::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    folder.policy("policy.yaml", "handshakeTimeout: 200ms");
    let proxy = super::Proxy::to(&folder, silent.local_addr().unwrap(), &["--http"]);
    let answer = Client::new(proxy.address("listens on")).get("localhost", "/");
    assert_eq!((answer.status, answer.body.starts_with("handshake_timeout: ")), (504, true), "{}", answer.body);
}

#[test]
fn requests_that_can_be_read_in_two_ways_go_nowhere() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &[]);
    for (request, status, code) in [
        ("GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "bad_request"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "bad_request"),
        ("GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", 400, "bad_request"),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501, "unsupported_method"),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "unsupported_method"),
    ] {
        let mut client = Client::new(address);
        client.send(request);
        let answer = client.answer();
        assert_eq!(answer.status, status, "{request}: {}", answer.body);
        let entry = proxy.entry();
        assert_eq!((&entry["code"], answer.body.split(':').next()), (&code.into(), Some(code)), "{request}");
    }
    assert_eq!(upstream.connections(), 0);
}

#[test]
fn a_head_that_is_no_http_has_a_line_too() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &[]);
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(70 << 10));
    for (request, status) in [
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        (&large, 431),
    ] {
        let mut client = Client::new(address);
        client.send(request);
        assert_eq!(client.answer().status, status);
        let entry = proxy.entry();
        assert_eq!((&entry["code"], &entry["status"]), (&"bad_request".into(), &status.into()), "{entry}");
        assert!(entry["message"].is_string() && entry["method"].is_null() && entry["route"].is_null(), "{entry}");
    }
    // The twin: a client that leaves without a request has none.
    drop(Client::new(address));
    let mut client = Client::new(address);
    assert_eq!(client.get("a", "/seen").status, 200);
    assert_eq!(proxy.entry()["code"], "closed");
    // The limit is the same for what comes behind another request.
    client.send(&large);
    assert_eq!(client.answer().status, 431);
    assert_eq!((&proxy.entry()["code"], upstream.connections()), (&"bad_request".into(), 1));
}

#[test]
fn options_go_as_far_as_max_forwards_lets_them() {
    let folder = Folder::new();
    let upstream = Upstream::offering(folder.options(), &[]);
    let (proxy, address) = to(&folder, upstream.address, &[]);
    let mut client = Client::new(address);
    let mut ask = |line: &str, field: &str| {
        client.send(&format!("{line} HTTP/1.1\r\nHost: a\r\nMax-Forwards: {field}\r\n\r\n"));
        let answer = client.answer();
        (answer.status, answer.body, proxy.entry()["code"].clone())
    };
    let (status, seen, code) = ask("OPTIONS *", "1");
    assert_eq!((status, code), (200, "closed".into()));
    assert_eq!(seen.lines().next(), Some("OPTIONS * HTTP/1.1"));
    assert!(seen.contains("max-forwards: 0\n"), "{seen}");
    let (status, own, code) = ask("OPTIONS *", "0");
    assert_eq!((status, code), (200, "max_forwards".into()), "{own}");
    assert!(own.starts_with("max_forwards: "), "{own}");
    assert_eq!(ask("OPTIONS /", "soon").2, "bad_request");
    // The twin: other methods may carry it, and it counts nothing.
    let (status, seen, _) = ask("GET /seen", "0");
    assert!(status == 200 && seen.contains("max-forwards: 0\n"), "{seen}");
}

#[test]
fn a_request_of_two_lengths_is_sent_with_one() {
    let folder = Folder::new();
    let upstream = Upstream::offering(folder.options(), &[]);
    let (_proxy, address) = to(&folder, upstream.address, &[]);
    let mut client = Client::new(address);
    // Transfer-Encoding wins (RFC 9112 section 6.3), and the upstream hears of no other length.
    client.send("POST /seen HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("content-length: 5"), "{}", answer.body);
}

#[test]
fn a_route_serves_so_many_requests() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &["--max-connections", "2"]);
    // The clients of the listener are as many; the third request comes over HTTP/2 beside one of them.
    let mut first = Client::new(address);
    first.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    super::super::eventually("the held request", || (upstream.held() == 1).then_some(()));
    let statuses = super::streams::statuses(address, &["/held", "/seen"], || {
        super::super::eventually("both", || (upstream.held() == 2).then_some(()));
    });
    assert_eq!(statuses, [503]);
    assert_eq!(proxy.entry()["code"], "too_many_requests");
    upstream.release();
    upstream.release();
    assert_eq!(first.answer().status, 200);
}

#[test]
fn an_upstream_that_does_not_answer_ends_with_the_idle_timeout() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &["--idle-timeout", "200ms"]);
    let answer = Client::new(address).get("a", "/held");
    assert_eq!((answer.status, answer.body.starts_with("idle_timeout: ")), (504, true), "{}", answer.body);
    assert_eq!(proxy.entry()["code"], "idle_timeout");
}

#[test]
fn half_of_a_response_is_not_given_as_the_whole() {
    use uptls_testkit::{HostileServer, Misbehaviour};
    let folder = Folder::new();
    let server = HostileServer::start(Misbehaviour::TruncatesAfterResponse(Box::new(folder.options())));
    let (proxy, address) = to(&folder, server.addr(), &[]);
    // Its response has a length, so all of it has come.
    assert_eq!(Client::new(address).get("a", "/").status, 200);
    assert_eq!(proxy.entry()["code"], "closed");
    // The twin: an answer that ends with its connection, and a client of HTTP/1.0, which takes an end for the end.
    let (upstream, _runtime) = super::upstream::saying(folder.options(), b"HTTP/1.1 200 OK\r\n\r\nhalf");
    let (proxy, address) = to(&folder, upstream, &[]);
    let mut client = Client::new(address);
    client.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    let mut answer = Vec::new();
    let read = client.0.read_to_end(&mut answer);
    assert_eq!(read.map_err(|error| error.kind()), Err(std::io::ErrorKind::ConnectionReset));
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["status"]), (&Value::from("truncated"), &200.into()));
}
