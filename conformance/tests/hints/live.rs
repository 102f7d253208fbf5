//! Hints about peers that answer, or do not: the peer is configured as the hint says, or the policy is.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{Acceptor, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use uptls::{Address, BackendHost, CheckOptions, Code, ConnectOptions, Connector, FixedClock, Report, Runtime};
use uptls_manifest::fix;
use uptls_testkit::{Certificate, NOW, Pki, San, SilentAddress, chain_pem};

/// Each code that a live peer is refused with, and what was done.
pub(crate) fn prove() -> Vec<(Code, &'static str)> {
    let world = World::new();
    let mut proven = world.transport();
    proven.extend(world.negotiation());
    proven.extend(world.identities());
    proven.extend(world.names());
    proven
}

/// A CA, a leaf and a client certificate.
struct World {
    client: Certificate,
    leaf: Certificate,
    pki: Pki,
    stranger: Pki,
}

impl World {
    fn new() -> Self {
        let pki = Pki::new("hints");
        let (leaf, client) = (pki.leaf(&[San::dns(HOST)]), pki.client(&[San::dns("client.test")]));
        Self { client, leaf, pki, stranger: Pki::new("hints of a stranger") }
    }

    /// The peer is not there, says nothing, speaks something else, or ends.
    fn transport(&self) -> Vec<(Code, &'static str)> {
        let tls = || self.tls(&Serving::default());
        let unheard = Peer::start(Arc::new(|stream: TcpStream| {
            // Bytes that are not read make a reset of the end.
            let _ = stream.peek(&mut [0; 1]);
        }));
        // Read to its end, it is an end.
        let closing = Peer::start(Arc::new(|mut stream: TcpStream| {
            let _ = stream.read(&mut [0; 4096]);
        }));
        let http = Peer::start(Arc::new(|mut stream: TcpStream| {
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }));
        let silent = Peer::start(Arc::new(|mut stream: TcpStream| {
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }));
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let spec = self.spec("");
        self.refused(&spec, closed, Code::TcpRefused, "check that the peer listens there");
        let listening = Peer::start_at(closed, tls());
        let mut proven = vec![self.accepted(&spec, listening.address, Code::TcpRefused, "peer started")];
        for (code, says, peer) in [
            (Code::PeerReset, "check that a TLS server listens on this port", unheard),
            (Code::PeerClosed, "check that a TLS server listens on this port", closing),
            (Code::PeerNotTls, "use the backend's TLS port", http),
            (Code::HandshakeTimeout, "check that a TLS server listens there", silent),
        ] {
            self.refused(&spec, peer.address, code, says);
            peer.set(tls());
            proven.push(self.accepted(&spec, peer.address, code, "TLS server at that port"));
        }
        self.refused_at(&spec, ("no-such-name.invalid", 443).into(), Code::DnsFailed, "or dial an address");
        let peer = Peer::start(tls());
        proven.push(self.accepted(&spec, peer.address, Code::DnsFailed, "address dialled"));
        self.refused(&spec, SilentAddress::new().addr(), Code::TcpTimeout, "check the address");
        proven.push(self.accepted(&spec, peer.address, Code::TcpTimeout, "address corrected"));
        proven
    }

    /// What is offered and what is taken have nothing in common.
    fn negotiation(&self) -> Vec<(Code, &'static str)> {
        let old = Serving { versions: OLD, ..Serving::default() };
        let mut one_suite = aws_lc_rs::default_provider();
        one_suite.cipher_suites = vec![aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256];
        let mut one_group = aws_lc_rs::default_provider();
        one_group.kx_groups = vec![aws_lc_rs::kx_group::X25519];
        let new_groups = Serving { provider: one_group.clone(), versions: NEW, ..Serving::default() };
        let groups = Serving { provider: one_group, ..Serving::default() };
        let suites = Serving { provider: one_suite, versions: NEW, ..Serving::default() };
        let h2 = Serving { alpn: vec![b"h2".to_vec()], ..Serving::default() };
        let rows = [
            (Code::NoCommonVersion, "enable TLS 1.2 or 1.3 on the upstream", "versions: {min: '1.3'}", old),
            (
                Code::NoCommonCipher,
                "enable one of the offered suites",
                "versions: {min: '1.3'}, cipherSuites: [TLS_AES_256_GCM_SHA384]",
                suites,
            ),
            (Code::NoCommonCipher, "enable one of the offered suites and groups", "groups: [secp384r1]", groups),
            (
                Code::NoCommonGroup,
                "enable one of the offered groups",
                "versions: {min: '1.3'}, groups: [secp384r1]",
                new_groups,
            ),
            (Code::AlpnMismatch, "enable one of them on the upstream", "alpn: {protocols: [http/1.1]}", h2),
        ];
        let mut proven = Vec::new();
        for (code, says, field, serving) in rows {
            let (spec, peer) = (self.spec(field), Peer::start(self.tls(&serving)));
            self.refused(&spec, peer.address, code, says);
            let both = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            peer.set(self.tls(&Serving {
                alpn: if code == Code::AlpnMismatch { both } else { Vec::new() },
                ..Serving::default()
            }));
            proven.push(self.accepted(&spec, peer.address, code, "peer configured as offered"));
        }
        proven
    }

    /// Our certificate is wanted, or another one.
    fn identities(&self) -> Vec<(Code, &'static str)> {
        let demanding =
            Peer::start(self.tls(&Serving { clients: Some(self.pki.root.der().to_vec()), ..Serving::default() }));
        self.refused(&self.spec(""), demanding.address, Code::IdentityRequired, "configure identity in the policy");
        let own = self.spec(&identity(&self.client, &self.pki));
        let mut proven = vec![self.accepted(&own, demanding.address, Code::IdentityRequired, "identity configured")];
        let foreign = self.stranger.client(&[San::dns("client.test")]);
        let foreign = self.spec(&identity(&foreign, &self.stranger));
        self.refused(&foreign, demanding.address, Code::IdentityRejected, "use a client certificate issued by one of");
        proven.push(self.accepted(
            &own,
            demanding.address,
            Code::IdentityRejected,
            "identity of an issuer that the peer lists",
        ));
        proven
    }

    /// A server name is wanted, or another one.
    fn names(&self) -> Vec<(Code, &'static str)> {
        let nameless = self.spec(&format!("serverName: none, subjectAltNames: [{{dns: {HOST}}}]"));
        let mut proven = Vec::new();
        for (code, alert) in [(Code::RemoteAlert, 80), (Code::ServerNameRejected, 112)] {
            let peer = Peer::start(self.by_name(alert));
            let report = self.refused(&nameless, peer.address, code, "set serverName in the policy");
            let fix = report.fix.expect("the hint is a patch");
            let patched = fix::apply(nameless.as_bytes(), &fix).expect("it is for this document");
            proven.push(self.accepted(&patched, peer.address, code, "JSON Patch of the policy"));
        }
        let other = self.spec("serverName: other.test");
        let peer = Peer::start(self.by_name(112));
        self.refused(&other, peer.address, Code::ServerNameRejected, "correct serverName");
        proven.push(self.accepted(&self.spec(""), peer.address, Code::ServerNameRejected, "serverName corrected"));
        proven
    }

    fn spec(&self, fields: &str) -> String {
        let ca = serde_json::Value::from(self.pki.root.pem());
        let separator = if fields.is_empty() { "" } else { ", " };
        format!(
            "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {{trust: {{bundles: [{{pem: {ca}}}]}}{separator}{fields}}}\n"
        )
    }

    fn check(&self, document: &str, address: Address) -> Report {
        let clock = FixedClock::at(u64::try_from(NOW).unwrap());
        let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build();
        let draft = uptls_manifest::parse(document.as_bytes(), "policy.yaml", None).unwrap();
        let policy = uptls::UpstreamTlsPolicy::check(draft, uptls::danger::DangerPermission::Forbidden).unwrap();
        let options = ConnectOptions::default().with_timeout(Duration::from_secs(2));
        let host = BackendHost::parse(HOST).unwrap();
        Connector::new(&runtime, &policy).unwrap().check(address, &host, &CheckOptions::new(options))
    }

    fn refused(&self, document: &str, address: SocketAddr, code: Code, says: &str) -> Report {
        self.refused_at(document, address.into(), code, says)
    }

    fn refused_at(&self, document: &str, address: Address, code: Code, says: &str) -> Report {
        let report = self.check(document, address);
        assert_eq!(report.code, Some(code), "{report:?}");
        assert!(report.hint.as_deref().is_some_and(|hint| hint.contains(says)), "{code}: {:?}", report.hint);
        report
    }

    fn accepted(&self, document: &str, address: SocketAddr, code: Code, kind: &'static str) -> (Code, &'static str) {
        let report = self.check(document, address.into());
        assert!(report.accepted(), "{code}, {kind}: {report:?}");
        (code, kind)
    }

    fn config(&self, serving: &Serving) -> Arc<ServerConfig> {
        let provider = Arc::new(serving.provider.clone());
        let builder =
            ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(serving.versions).unwrap();
        let builder = match &serving.clients {
            None => builder.with_no_client_auth(),
            Some(root) => {
                let mut roots = RootCertStore::empty();
                roots.add(CertificateDer::from(root.clone())).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                builder.with_client_cert_verifier(verifier.build().unwrap())
            }
        };
        let chain = vec![self.leaf.der().to_vec().into(), self.pki.intermediate.der().to_vec().into()];
        let key = PrivateKeyDer::try_from(self.leaf.key().pkcs8_der()).unwrap();
        let mut config = builder.with_single_cert(chain, key).unwrap();
        config.alpn_protocols.clone_from(&serving.alpn);
        Arc::new(config)
    }

    fn tls(&self, serving: &Serving) -> Behaviour {
        let config = self.config(serving);
        Arc::new(move |stream| serve(ServerConnection::new(config.clone()).unwrap(), stream))
    }

    /// Serves [`HOST`] and nothing else: other names, and none, are answered with this alert.
    fn by_name(&self, alert: u8) -> Behaviour {
        let config = self.config(&Serving::default());
        Arc::new(move |mut stream: TcpStream| {
            let mut acceptor = Acceptor::default();
            let accepted = loop {
                match acceptor.accept() {
                    Ok(Some(accepted)) => break accepted,
                    Ok(None) if acceptor.read_tls(&mut stream).is_ok_and(|read| read > 0) => {}
                    _ => return,
                }
            };
            if accepted.client_hello().server_name() != Some(HOST) {
                let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, alert]);
                return;
            }
            if let Ok(connection) = accepted.into_connection(config.clone()) {
                serve(connection, stream);
            }
        })
    }
}

fn identity(client: &Certificate, pki: &Pki) -> String {
    let chain = serde_json::Value::from(chain_pem(&[client, &pki.intermediate]));
    let key = serde_json::Value::from(client.key().pkcs8_pem());
    format!("identity: {{certificate: {{pem: {chain}}}, key: {{pem: {key}}}}}")
}

/// The handshake, and what comes until the client ends.
fn serve(mut connection: ServerConnection, mut stream: TcpStream) {
    while connection.complete_io(&mut stream).is_ok_and(|(read, _)| read > 0) {}
}

/// What a server is configured with.
struct Serving {
    alpn: Vec<Vec<u8>>,
    /// The root of client certificates, if they are demanded.
    clients: Option<Vec<u8>>,
    provider: CryptoProvider,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Default for Serving {
    fn default() -> Self {
        let versions = rustls::DEFAULT_VERSIONS;
        Self { alpn: Vec::new(), clients: None, provider: aws_lc_rs::default_provider(), versions }
    }
}

type Behaviour = Arc<dyn Fn(TcpStream) + Send + Sync>;

/// Someone at a loopback port, whose behaviour can be changed.
struct Peer {
    address: SocketAddr,
    behaviour: Arc<Mutex<Behaviour>>,
}

impl Peer {
    fn start(behaviour: Behaviour) -> Self {
        Self::start_at("127.0.0.1:0".parse().unwrap(), behaviour)
    }

    fn start_at(address: SocketAddr, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let peer = Self { address: listener.local_addr().unwrap(), behaviour: Arc::new(Mutex::new(behaviour)) };
        let behaviour = peer.behaviour.clone();
        // It ends with the test: a thread that accepts cannot be interrupted.
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let current = behaviour.lock().unwrap_or_else(PoisonError::into_inner).clone();
                thread::spawn(move || current(stream));
            }
        });
        peer
    }

    fn set(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }
}

const HOST: &str = "backend.test";
static NEW: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
static OLD: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
