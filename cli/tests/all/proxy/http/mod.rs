//! HTTP: requests go to the route of their host, each by its own policy (P7 to P11).

mod ends;
mod refusals;
mod streams;
mod upstream;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::{Proxy, connect};
use crate::support::Folder;
use upstream::Upstream;
use uptls_testkit::{San, Template};

/// A proxy for requests of any host to `upstream`, which is offered h2.
fn to(folder: &Folder, upstream: SocketAddr, more: &[&str]) -> (Proxy, SocketAddr) {
    folder.policy("policy.yaml", "alpn: {protocols: [h2, http/1.1]}");
    let proxy = Proxy::to(folder, upstream, &[&["--http"], more].concat());
    let address = proxy.address("listens on");
    (proxy, address)
}

/// A connection that is used again.
struct Client(BufReader<TcpStream>);

/// Status, head and body.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Client {
    fn new(address: SocketAddr) -> Client {
        Client(BufReader::new(connect(address)))
    }

    fn send(&mut self, request: &str) {
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
    }

    fn get(&mut self, host: &str, path: &str) -> Answer {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        self.answer()
    }

    /// A response with a known length.
    fn answer(&mut self) -> Answer {
        let head = self.head();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head, body: String::from_utf8(body).unwrap() }
    }

    fn head(&mut self) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).unwrap(), 0, "the connection ended after {head:?}");
        }
        head
    }
}

#[test]
fn requests_share_a_verified_connection_to_the_upstream() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (proxy, address) = to(&folder, upstream.address, &[]);
    let mut client = Client::new(address);
    for _ in 0..3 {
        let answer = client.get("localhost:8080", "/seen?a=1");
        assert_eq!(answer.status, 200);
        // The upstream is asked for its own name, over HTTP/2.
        assert_eq!(answer.body, "GET https://payments.internal/seen?a=1 HTTP/2.0\nvia: 1.1 uptls\n");
        assert!(!answer.head.contains("keep-alive") && answer.head.contains("x-own: 1"), "{}", answer.head);
        let entry = proxy.entry();
        assert_eq!((&entry["code"], &entry["status"]), (&"closed".into(), &200.into()), "{entry}");
        assert_eq!((&entry["method"], &entry["host"]), (&"GET".into(), &"localhost".into()));
        assert_eq!((&entry["matched_name"], &entry["generation"]), (&"dns:payments.internal".into(), &1.into()));
        assert_eq!((&entry["address"], &entry["tls_version"]), (&upstream.address.to_string().into(), &"1.3".into()));
        assert!(!entry.to_string().contains("seen"), "paths may hold secrets");
    }
    Client::new(address).get("localhost", "/seen");
    assert_eq!(upstream.connections(), 1);
}

#[test]
fn an_upstream_with_http1_alone_gets_http1() {
    let folder = Folder::new();
    let upstream = Upstream::offering(folder.options(), &[]);
    let (_proxy, address) = to(&folder, upstream.address, &[]);
    let mut client = Client::new(address);
    client.send("GET http://a.example:81/seen HTTP/1.1\r\nHost: a.example\r\nTE: trailers\r\nConnection: close, TE, X-Mine\r\nX-Mine: 1\r\n\r\n");
    let answer = client.answer();
    assert_eq!(
        answer.body,
        "GET /seen HTTP/1.1\nconnection: te\nhost: payments.internal\nte: trailers\nvia: 1.1 uptls\n"
    );
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    assert_eq!(client.0.read(&mut [0]).unwrap(), 0, "as the client asked");
}

#[test]
fn a_host_can_be_preserved() {
    let folder = Folder::new();
    let upstream = Upstream::start(folder.options());
    let (_proxy, address) = to(&folder, upstream.address, &["--preserve-host"]);
    let answer = Client::new(address).get("shop.example:8080", "/seen");
    assert_eq!(answer.body, "GET https://shop.example:8080/seen HTTP/2.0\nvia: 1.1 uptls\n");
}

/// Two upstreams with names of their own, and routes that are for requests at one listener.
fn two_routes(folder: &Folder, more: &str) -> (Upstream, Upstream) {
    let other = folder.issue(Template::leaf("orders").with_sans(&[San::dns("orders.internal")]).lasting());
    let pay = Upstream::start(folder.options());
    let orders = Upstream::start(folder.presenting(&[&other, &folder.intermediate]));
    let policy = std::fs::read_to_string(folder.path().join("policy.yaml")).unwrap();
    folder.write("orders.yaml", &policy.replace("payments.internal", "orders.internal"));
    let route = |name: &str, host: &str, upstream: &Upstream, policy: &str| {
        let to = upstream.address;
        format!(
            "- {{name: {name}, listen: '127.0.0.1:0', hosts: [{host}], upstream: '{name}.internal:443', connectTo: '{to}', \
             policy: {policy}}}\n"
        )
    };
    let routes = [
        route("payments", "pay.example, '*.pay.example'", &pay, "policy.yaml"),
        route("orders", "orders.example", &orders, "orders.yaml"),
    ];
    let text = format!("apiVersion: uptls/v1\nkind: Proxy\nroutes:\n{}{more}", routes.concat());
    folder.write("routes.yaml", &text);
    (pay, orders)
}

#[test]
fn the_host_picks_the_route_and_its_policy() {
    let folder = Folder::new();
    let (pay, orders) = two_routes(&folder, "");
    let proxy = Proxy::start(&folder, &["--routes", "routes.yaml"]);
    let address = proxy.address("listens on");
    assert_eq!(proxy.address("listens on"), address, "one listener");
    let mut client = Client::new(address);
    for (host, route, matched) in [
        ("pay.example", "payments", "dns:payments.internal"),
        ("a.b.PAY.example:80", "payments", "dns:payments.internal"),
        ("orders.example", "orders", "dns:orders.internal"),
    ] {
        assert_eq!(client.get(host, "/seen").status, 200, "{host}");
        let entry = proxy.entry();
        assert_eq!((&entry["route"], &entry["matched_name"]), (&route.into(), &matched.into()), "{entry}");
    }
    assert_eq!((pay.connections(), orders.connections()), (1, 1));
    // The twin: no route, so nothing is dialled.
    for host in ["example", "other.example", "xpay.example"] {
        let answer = client.get(host, "/seen");
        assert_eq!(answer.status, 421, "{host}");
        assert_eq!(answer.body, format!("no_route: no route is for the host {host}\n"));
        let entry = proxy.entry();
        assert_eq!((&entry["route"], &entry["code"]), (&serde_json::Value::Null, &"no_route".into()));
    }
    assert_eq!((pay.connections(), orders.connections()), (1, 1));
}

#[test]
fn routes_of_a_listener_change_under_an_open_client() {
    let folder = Folder::new();
    let (_pay, orders) = two_routes(&folder, "");
    let proxy = Proxy::start(&folder, &["--routes", "routes.yaml"]);
    let mut client = Client::new(proxy.address("listens on"));
    assert_eq!(client.get("pay.example", "/seen").status, 200);
    let to = orders.address;
    let text = std::fs::read_to_string(folder.path().join("routes.yaml")).unwrap();
    let kept: String =
        text.lines().filter(|line| !line.contains("name: payments")).map(|line| format!("{line}\n")).collect();
    let new = format!(
        "- {{name: new, listen: '127.0.0.1:0', hosts: ['*'], upstream: 'orders.internal:443', connectTo: '{to}', \
         policy: orders.yaml}}\n"
    );
    folder.write("routes.yaml", &(kept + &new));
    proxy.told("count from now on");
    // What named the gone route goes to the one for every host.
    assert_eq!(client.get("pay.example", "/seen").body.lines().next(), Some("GET /seen HTTP/1.1"));
}
