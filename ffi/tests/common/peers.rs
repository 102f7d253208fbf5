//! Servers of the testkit behind one policy: an honest one, and others.
#![allow(dead_code, reason = "each test program uses a part of it")]

use uptls_testkit::{HostileServer, Misbehaviour, NOW, Pki, San, Server, ServerOptions};

use crate::fixture::Fixture;

/// Running servers, and a policy for them in a file.
pub(crate) struct Peers {
    pub(crate) closing: HostileServer,
    pub(crate) fixture: Fixture,
    pub(crate) honest: Server,
    pub(crate) other: Server,
    pub(crate) silent: HostileServer,
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
            honest: Server::start(&good),
            other: Server::start(&options("payments-v2.internal")),
            silent: HostileServer::start(Misbehaviour::Silent),
            truncating: HostileServer::start(Misbehaviour::TruncatesAfterResponse(Box::new(good))),
            fixture,
        }
    }

    /// The policy that all are judged by.
    pub(crate) fn policy(&self) -> String {
        self.fixture.text_path("policy.yaml")
    }
}
