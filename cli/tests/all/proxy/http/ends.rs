//! Rotation, and the end of the proxy, under requests.

use std::io::{ErrorKind, Read};
use std::sync::atomic::{AtomicBool, Ordering};

use super::upstream::Upstream;
use super::{Client, streams, to};
use crate::proxy::admin::admin;
use crate::proxy::eventually;
use crate::support::Folder;
use uptls_testkit::{Key, Template};

#[test]
fn no_request_fails_while_the_policy_rotates() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &[]);
    let (begun, ends) = (AtomicBool::new(false), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let (mut client, mut asked) = (Client::new(address), 0);
                    while !ends.load(Ordering::SeqCst) {
                        let answer = client.get("a", "/seen");
                        assert_eq!(answer.status, 200, "{}", answer.body);
                        asked += 1;
                        begun.store(true, Ordering::SeqCst);
                    }
                    asked
                })
            })
            .collect();
        eventually("a request", || begun.load(Ordering::SeqCst).then_some(()));
        for n in 0..6 {
            let other = Template::ca("Other Root").lasting().self_signed(&Key::p256(&format!("other {n}")));
            folder.write("new.pem", &(folder.root.pem() + &other.pem()));
            std::fs::rename(folder.path().join("new.pem"), folder.path().join("ca.pem")).unwrap();
            proxy.told("\"kind\":\"updated\"");
        }
        let last = Client::new(address).get("a", "/seen");
        ends.store(true, Ordering::SeqCst);
        let asked: usize = asking.into_iter().map(|thread| thread.join().unwrap()).sum();
        assert!(last.status == 200 && asked > 6, "{asked}");
        let entries: Vec<_> = (0..=asked).map(|_| proxy.entry()).collect();
        assert!(entries.iter().all(|entry| entry["code"] == "closed"));
        assert!(entries.iter().any(|entry| entry["generation"] == 7), "each publication has connections of its own");
    });
    // One for each generation that was asked by, if not two that were made at the same time.
    assert!(upstream.connections() > 1);
}

#[test]
fn a_stream_ends_if_its_peer_would_be_refused_now() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &[]);
    let mut client = Client::new(address);
    client.send("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
    client.head();
    let other = Template::ca("Other Root").lasting().self_signed(&Key::p256("other root"));
    // The twin: a CA more changes nothing for it.
    folder.write("ca.pem", &(folder.root.pem() + &other.pem()));
    proxy.told("\"kind\":\"updated\"");
    client.send("x");
    client.0.read_exact(&mut [0]).unwrap();
    folder.write("ca.pem", &other.pem());
    proxy.told("ends 1 open connections");
    assert_eq!(client.0.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["status"]), (&"cert_unknown_issuer".into(), &101.into()), "{entry}");
}

#[test]
fn a_request_without_a_response_ends_if_its_peer_would_be_refused_now() {
    let folder = Folder::new();
    for alpn in [&[b"h2".as_slice()][..], &[]] {
        let upstream = Upstream::offering(folder.options(), alpn);
        folder.write("ca.pem", &folder.root.pem());
        let (proxy, address) = to(&folder, upstream.address, &["--admin", "127.0.0.1:0"]);
        let at = proxy.address("admin socket listens on");
        let mut client = Client::new(address);
        client.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
        eventually("the held request", || (upstream.held() == 1).then_some(()));
        let other = Template::ca("Other Root").lasting().self_signed(&Key::p256("other root"));
        folder.write("ca.pem", &other.pem());
        proxy.told("ends 1 open connections");
        let answer = client.answer();
        assert_eq!((answer.status, answer.body.split(':').next()), (502, Some("cert_unknown_issuer")), "{alpn:?}");
        let entry = proxy.entry();
        assert_eq!((&entry["code"], &entry["status"]), (&"cert_unknown_issuer".into(), &502.into()), "{entry}");
        // One connection, and its pool alone has noted it.
        let metrics = admin(at, "GET", "/metrics").1;
        let condemned = "uptls_connections_condemned_total{reason=\"cert_unknown_issuer\"} 1\n";
        assert!(metrics.contains(condemned), "{metrics}");
    }
}

/// A request whose response has begun, and waits for the rest of the request.
fn half_done(address: std::net::SocketAddr) -> Client {
    let mut client = Client::new(address);
    client.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf");
    assert!(client.head().starts_with("HTTP/1.1 200 "));
    client
}

#[test]
fn a_response_ends_if_its_peer_would_be_refused_now() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &[]);
    let mut client = half_done(address);
    let other = Template::ca("Other Root").lasting().self_signed(&Key::p256("other root"));
    folder.write("ca.pem", &other.pem());
    proxy.told("ends 1 open connections");
    let mut rest = Vec::new();
    let read = client.0.read_to_end(&mut rest);
    assert_eq!(read.map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["status"]), (&"cert_unknown_issuer".into(), &200.into()), "{entry}");
}

#[test]
fn a_client_that_leaves_is_no_fault_of_the_upstream() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &[]);
    drop(half_done(address));
    let entry = proxy.entry();
    assert_eq!((&entry["code"], &entry["bytes_from_client"]), (&"client_lost".into(), &4.into()), "{entry}");
    // The twin: the upstream's connection serves the next one.
    assert_eq!(Client::new(address).get("a", "/seen").status, 200);
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn requests_that_are_under_way_end_after_sigterm() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &[]);
    let (mut idle, mut busy) = (Client::new(address), Client::new(address));
    assert_eq!(idle.get("a", "/seen").status, 200);
    busy.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("the held request", || (upstream.held() == 1).then_some(()));
    let over_http2 = streams::held(address, || eventually("both", || (upstream.held() == 2).then_some(())));
    proxy.signal("TERM");
    proxy.told("ending: ");
    assert_eq!(idle.0.read(&mut [0]).unwrap(), 0, "a client without a request");
    upstream.release();
    upstream.release();
    let answer = busy.answer();
    assert!(answer.status == 200 && answer.head.contains("connection: close"), "{}", answer.head);
    assert_eq!(busy.0.read(&mut [0]).unwrap(), 0);
    assert_eq!(over_http2.end(), (200, true), "the response, and GOAWAY");
    let codes = [proxy.entry(), proxy.entry(), proxy.entry()].map(|entry| entry["code"].clone());
    assert_eq!(codes, ["closed", "closed", "closed"]);
    assert_eq!(proxy.exit_code(), Some(0));
}

#[test]
fn requests_that_outlast_the_drain_are_reset() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &["--drain-timeout", "100ms"]);
    let mut busy = Client::new(address);
    busy.send("GET /held HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("the held request", || (upstream.held() == 1).then_some(()));
    proxy.signal("TERM");
    assert_eq!(busy.0.read(&mut [0]).map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    assert_eq!(proxy.entry()["code"], "drain_timeout");
    assert_eq!(proxy.exit_code(), Some(0));
}
