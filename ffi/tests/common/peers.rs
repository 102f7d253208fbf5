//! Servers of the testkit behind one policy: an honest one, and others.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

#[path = "echo.rs"]
mod echo;

use std::net::SocketAddr;

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
    pub(crate) truncating: HostileServer,
}

impl Peers {
    /// Starts all of them.
    pub(crate) fn new() -> Self {
        let fixture = Fixture::new();
        let pki = Pki::new("ffi");
        let options = |name| ServerOptions::new(&[&pki.leaf(&[San::dns(name)]), &pki.intermediate]);
        let good = options("payments.internal");
        assert_eq!(good.time, Some(NOW));
        Self {
            closing: HostileServer::start(Misbehaviour::CloseAfterClientHello),
            echo: echo::start(good.clone()),
            honest: Server::start(&good),
            other: Server::start(&options("payments-v2.internal")),
            silent: HostileServer::start(Misbehaviour::Silent),
            strict: Server::start(&ServerOptions {
                alpn: vec![b"h2", b"http/1.1"],
                ..good.clone().with_client_roots(&[&pki.root])
            }),
            truncating: HostileServer::start(Misbehaviour::TruncatesAfterResponse(Box::new(good))),
            fixture,
        }
    }

    /// The policy that all are judged by.
    pub(crate) fn policy(&self) -> String {
        self.fixture.text_path("policy.yaml")
    }
}
