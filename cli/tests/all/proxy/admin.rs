//! What the admin socket tells.

use std::io::{Read, Write};
use std::net::SocketAddr;

use serde_json::Value;

use super::{Proxy, connect, get};
use crate::support::Folder;
use uptls_testkit::Server;

/// Status and body.
pub(super) fn admin(address: SocketAddr, method: &str, path: &str) -> (u16, String) {
    let mut stream = connect(address);
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn the_admin_socket_tells_the_state_and_changes_nothing() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &["--admin", "127.0.0.1:0"]);
    let address = proxy.address("payments.internal:443 listens on");
    let at = proxy.address("admin socket listens on");
    get(address).unwrap();
    proxy.entry();
    assert_eq!(admin(at, "GET", "/healthz").0, 200);
    assert_eq!(admin(at, "GET", "/readyz"), (200, "ready\n".to_owned()));
    let status: Value = serde_json::from_str(&admin(at, "GET", "/status").1).unwrap();
    assert_eq!((&status["schema"], &status["ready"]), (&"uptls.proxy/v1".into(), &true.into()));
    let one = &status["routes"][0];
    assert_eq!((&one["state"], &one["connections"]["opened"]), (&"ready".into(), &1.into()));
    assert!(one["expires"][0]["subject"].as_str().unwrap().contains("Test Root"), "{one}");
    let metrics = admin(at, "GET", "/metrics").1;
    assert!(metrics.contains("uptls_proxy_connections_total{route=\"payments.internal:443\"} 1\n"), "{metrics}");
    assert!(metrics.contains("uptls_handshakes_total{kind=\"full\",version=\"1.3\"} 1\n"), "{metrics}");
    let page = admin(at, "GET", "/").1;
    assert!(page.contains("uptls proxy is <span class=\"state good\">ready</span>"), "{page}");
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("<script"), "no outside resource");
    assert_eq!(admin(at, "GET", "/absent").0, 404);
    assert_eq!(admin(at, "POST", "/status").0, 405);
    // The CA is withdrawn: no connection, and no readiness.
    std::fs::remove_file(folder.path().join("ca.pem")).unwrap();
    proxy.told("\"kind\":\"withdrawn\"");
    let (code, text) = admin(at, "GET", "/readyz");
    assert_eq!((code, text.contains("withdrawn")), (503, true), "{text}");
    assert!(get(address).is_err());
    let status: Value = serde_json::from_str(&admin(at, "GET", "/status").1).unwrap();
    let one = &status["routes"][0];
    assert_eq!((&one["state"], &one["connections"]["failed"]), (&"withdrawn".into(), &1.into()));
    assert_eq!(one["refusals"][0]["code"], "policy_withdrawn");
    assert!(one["reason"].as_str().unwrap().contains("ca.pem"), "{one}");
}

#[test]
fn the_admin_socket_tells_of_requests() {
    let folder = Folder::new();
    let server = Server::start(&folder.options());
    let proxy = Proxy::to(&folder, server.addr(), &["--http", "--admin", "127.0.0.1:0"]);
    let address = proxy.address("payments.internal:443 listens on");
    let at = proxy.address("admin socket listens on");
    for _ in 0..2 {
        assert_eq!(admin(address, "GET", "/").0, 200);
        assert_eq!(proxy.entry()["status"], 200);
    }
    let status: Value = serde_json::from_str(&admin(at, "GET", "/status").1).unwrap();
    let one = &status["routes"][0];
    assert_eq!((&one["hosts"], &one["connections"]["requests"]), (&"*".into(), &2.into()), "{one}");
    assert_eq!(one["connections"]["opened"], 2, "the upstream closes each after its answer");
    let metrics = admin(at, "GET", "/metrics").1;
    assert!(metrics.contains("uptls_proxy_requests_total{route=\"payments.internal:443\"} 2\n"), "{metrics}");
    assert!(metrics.contains("uptls_proxy_connections_total{route=\"payments.internal:443\"} 2\n"), "{metrics}");
    let page = admin(at, "GET", "/").1;
    assert!(page.contains("<dt>Hosts</dt><dd>*</dd>") && page.contains("<dt>Requests</dt><dd>2</dd>"), "{page}");
}
