//! The upstreams of the soak, one for each mode, and the certificates that they and the proxy have.

use std::net::SocketAddr;

use uptls_testkit::{CLIENT_AUTH, Certificate, Former, Key, San, Server, ServerOptions, Sessions, Template, chain_pem};

use crate::http_upstream::HttpUpstream;

/// Both present the same certificate, and verify the identity of a client that has one.
pub(crate) struct Upstreams {
    bytes: Server,
    clients: Certificate,
    http: HttpUpstream,
}

/// One of the CAs that take turns.
pub(crate) struct Authority {
    pub(crate) root: Certificate,
    leaf: Certificate,
}

impl Upstreams {
    pub(crate) fn start(authority: &Authority) -> Self {
        let clients = Template::ca("client root").lasting().self_signed(&Key::p256("client root"));
        let bytes = Server::start(&options(authority, &clients));
        let http = HttpUpstream::start(http(authority, &clients).config(&Sessions::new()));
        Self { bytes, clients, http }
    }

    pub(crate) fn bytes(&self) -> SocketAddr {
        self.bytes.addr()
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.http.address()
    }

    /// Both present the certificate of this authority from now on. Gives the connections that began with the one before; no
    /// session of theirs is resumed.
    pub(crate) fn present(&self, authority: &Authority) -> [Former; 2] {
        let http = http(authority, &self.clients).config(&Sessions::new());
        [self.bytes.restart(&options(authority, &self.clients)), self.http.replace(http)]
    }

    /// Chain and key of a client in one file, so that they change together.
    pub(crate) fn identity(&self, number: usize) -> String {
        let client = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf("gateway").lasting() };
        let client = client.issued_by(&self.clients, &Key::p256(&format!("client {number}")));
        chain_pem(&[&client]) + &client.key().pkcs8_pem()
    }
}

impl Authority {
    pub(crate) fn new(name: &str) -> Authority {
        let root = Template::ca(&format!("{name} root")).lasting().self_signed(&Key::p256(name));
        let leaf = Template::leaf("payments").with_sans(&[San::dns("payments.internal")]).lasting();
        let leaf = leaf.issued_by(&root, &Key::p256(&format!("{name} leaf")));
        Authority { root, leaf }
    }
}

fn options(authority: &Authority, clients: &Certificate) -> ServerOptions {
    let options = ServerOptions { time: None, ..ServerOptions::new(&[&authority.leaf]) };
    // Policies from manifests have no identity.
    ServerOptions { client_auth_optional: true, ..options.with_client_roots(&[clients]) }
}

fn http(authority: &Authority, clients: &Certificate) -> ServerOptions {
    ServerOptions { alpn: vec![b"h2", b"http/1.1"], ..options(authority, clients) }
}
