//! Servers of the testkit behind one policy: an honest one, and others.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

#[path = "echo.rs"]
mod echo;
#[path = "token.rs"]
mod token;

use std::net::SocketAddr;

use uptls_testkit::relay::{HttpProxy, Prefixed, unix_socket};
use uptls_testkit::{HostileServer, Misbehaviour, NOW, Pki, San, Server, ServerOptions};

use crate::fixture::Fixture;

/// Running servers, and a policy for them in a file.
pub(crate) struct Peers {
    pub(crate) closing: HostileServer,
    /// Where one listens that echoes.
    pub(crate) echo: SocketAddr,
    pub(crate) fixture: Fixture,
    pub(crate) honest: Server,
    pub(crate) other: Server,
    pub(crate) silent: HostileServer,
    /// Wants a client certificate, and speaks two protocols.
    pub(crate) strict: Server,
    /// Where the key of `client.pem` signs.
    pub(crate) token: SocketAddr,
    pub(crate) truncating: HostileServer,
    /// To `honest`.
    pub(crate) ways: Ways,
}

/// Ways to one server that are not TCP alone (H11).
pub(crate) struct Ways {
    header: Prefixed,
    proxies: [HttpProxy; 3],
    unix: String,
}

impl Ways {
    fn to(backend: SocketAddr, fixture: &Fixture) -> Self {
        let unix = fixture.text_path("backend.sock");
        unix_socket(unix.as_ref(), backend);
        let answers = [
            "HTTP/1.1 200 Connection established\r\n\r\n",
            "HTTP/1.1 407 Proxy Authentication Required\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nSSH-2.0",
        ];
        let proxies = answers.map(|answer| HttpProxy::start(backend, answer));
        Self { header: Prefixed::start(backend, HEADER), proxies, unix }
    }

    /// `first`, then the ports, and the path of the socket.
    pub(crate) fn arguments(&self, first: &[String]) -> Vec<String> {
        let ports = self.proxies.iter().map(HttpProxy::addr).chain([self.header.addr()]);
        let ports = ports.map(|address| address.port().to_string());
        first.iter().cloned().chain(ports).chain([self.unix.clone()]).collect()
    }
}

impl Peers {
    /// Starts all of them.
    pub(crate) fn new() -> Self {
        let fixture = Fixture::new();
        let pki = Pki::new("ffi");
        let options = |name| ServerOptions::new(&[&pki.leaf(&[San::dns(name)]), &pki.intermediate]);
        let good = options("payments.internal");
        assert_eq!(good.time, Some(NOW));
        let honest = Server::start(&good);
        Self {
            ways: Ways::to(honest.addr(), &fixture),
            closing: HostileServer::start(Misbehaviour::CloseAfterClientHello),
            echo: echo::start(good.clone()),
            honest,
            other: Server::start(&options("payments-v2.internal")),
            silent: HostileServer::start(Misbehaviour::Silent),
            strict: Server::start(&ServerOptions {
                alpn: vec![b"h2", b"http/1.1"],
                ..good.clone().with_client_roots(&[&pki.root])
            }),
            token: token::start(&fixture.read("client.key")),
            truncating: HostileServer::start(Misbehaviour::TruncatesAfterResponse(Box::new(good))),
            fixture,
        }
    }

    /// The policy that all are judged by.
    pub(crate) fn policy(&self) -> String {
        self.fixture.text_path("policy.yaml")
    }
}

/// Version 2 with PROXY and TCP over IPv4: 192.0.2.7:41000 to 198.51.100.1:443.
const HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\xc6\x33\x64\x01\xa0\x28\x01\xbb";
