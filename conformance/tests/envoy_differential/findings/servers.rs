//! One server with the right certificate, and those that differ from it in one property.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use uptls_testkit::{Certificate, Key, NOW, RESPONSE_BODY, San, Server, ServerOptions, Template, Versions, YEAR};

use crate::certificates::{World, leaf};

/// All of them, started.
pub(super) struct Servers {
    list: Vec<(&'static str, Server)>,
    plain: SocketAddr,
}

impl Servers {
    pub(super) fn start(world: &World) -> Self {
        let mut list = Vec::new();
        let mut add = |name, leaf: &Certificate, issuer: &Certificate| {
            let options = ServerOptions { time: None, ..ServerOptions::new(&[leaf, issuer]) };
            list.push((name, Server::start(&options)));
        };
        let named = |sans: &[San]| Template::leaf("leaf").with_sans(sans).lasting();
        let by = |template: &Template, issuer: &Certificate| template.issued_by(issuer, &World::leaf_key());
        let issuing = &world.issuing;
        add(RIGHT, &by(&named(&names()), issuing), issuing);
        add("other name", &by(&named(&[San::dns("other.test")]), issuing), issuing);
        add("other CA", &by(&named(&names()), &world.other_issuing), &world.other_issuing);
        add("expired", &by(&named(&names()).with_validity(NOW - 2 * YEAR, NOW - YEAR), issuing), issuing);
        add("name as URI", &by(&named(&["a.example.com", "localhost"].map(San::uri)), issuing), issuing);
        let longer = ["a.example.com.evil.test", "evilexample.com"].map(San::dns);
        let longer = [&longer[..], &[San::uri("spiffe://prod.evil/ns/a/sa/b")]].concat();
        add("longer name", &by(&named(&longer), issuing), issuing);
        add("wildcard address", &by(&named(&[San::dns("*.0.0.1")]), issuing), issuing);
        add("other trust domain", &by(&named(&[San::uri("spiffe://test/x")]), issuing), issuing);
        let signer = signer(world);
        add("by a leaf", &by(&named(&names()), &signer), &signer);
        let newest = ServerOptions::new(&[&by(&named(&names()), issuing), issuing]);
        let newest = ServerOptions { time: None, versions: Versions::Tls13, ..newest };
        list.push((NEWEST, Server::start(&newest)));
        Self { list, plain: plain() }
    }

    /// Each name and address, that without TLS among them.
    pub(super) fn all(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        self.list.iter().map(|(name, server)| (*name, server.addr())).chain([(PLAIN, self.plain)])
    }

    pub(super) fn right(&self) -> SocketAddr {
        self.list[0].1.addr()
    }
}

fn names() -> Vec<San> {
    vec![San::dns("a.example.com"), San::dns("localhost"), San::ip("127.0.0.1"), San::uri("spiffe://prod/ns/a/sa/b")]
}

/// A server's certificate that is no CA, has no key usage, and signs all the same.
pub(super) fn signer(world: &World) -> Certificate {
    let template = Template { key_usage: None, ..leaf() };
    template.issued_by(&world.other_root, &Key::p256("signer"))
}

/// One without TLS, which answers a client that speaks HTTP.
fn plain() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut first = [0; 3];
            if stream.read_exact(&mut first).is_ok() && first == *b"GET" {
                let head =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", RESPONSE_BODY.len());
                // Envoy's answer is what counts.
                let _ = stream.write_all(&[head.as_bytes(), RESPONSE_BODY.as_bytes()].concat());
            }
        }
    });
    address
}

/// The right certificate, by TLS 1.3 alone.
pub(super) const NEWEST: &str = "TLS 1.3 alone";
pub(super) const PLAIN: &str = "plain";
pub(super) const RIGHT: &str = "right";
/// Those whose certificates the CA has issued, and that are in their time.
pub(super) const OF_CA: &[&str] =
    &[RIGHT, "longer name", "name as URI", "other name", "other trust domain", "wildcard address"];
/// Those with any certificate.
pub(super) const ANY: &[&str] = &[
    RIGHT,
    "by a leaf",
    "expired",
    "longer name",
    "name as URI",
    "other CA",
    "other name",
    "other trust domain",
    "wildcard address",
];
