//! What is done on both sides: handshakes and data against the testkit's server in memory.

use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use uptls::danger::DangerPermission;
use uptls::{
    BackendHost, ConnectOptions, Connector, FixedClock, MaterialDraft, Metrics, PolicyDraft, PolicySpec, Runtime,
    TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{MemoryServer, NOW, Pki, San, ServerOptions, Sessions};

use crate::c::C;
use crate::client::{Client, Negotiated, Rustls, Side, Uptls};
use crate::meter::Meter;
use crate::openssl::{self, OpenSsl};

const HOST: &str = "backend.example";
const RECORD: usize = 16 * 1024;

/// What is measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scenario {
    /// Full handshakes: the server gives no sessions.
    Full,
    /// Records of 16 KiB to the client.
    Read,
    /// Resumed handshakes, with the tickets that the server gives in each.
    Resumed,
    /// Records of 16 KiB from the client.
    Write,
}

impl Scenario {
    pub(crate) const ALL: [Scenario; 4] = [Scenario::Full, Scenario::Resumed, Scenario::Read, Scenario::Write];

    /// As it is called on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scenario::Full => "full",
            Scenario::Read => "read",
            Scenario::Resumed => "resumed",
            Scenario::Write => "write",
        }
    }
}

/// Who does it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Who {
    /// The C library.
    C,
    /// The C library with the one group that OpenSSL 3 prefers.
    CX25519,
    /// The system's OpenSSL.
    OpenSsl,
    /// The crate rustls.
    Rustls,
    /// The crate uptls.
    Uptls,
    /// The same with a shadow that would refuse (R14), whose verdict is known.
    UptlsAudit,
    /// The same with [`Metrics`] as an observer.
    UptlsMetrics,
}

impl Who {
    pub(crate) const ALL: [Who; 7] =
        [Who::C, Who::CX25519, Who::OpenSsl, Who::Rustls, Who::Uptls, Who::UptlsAudit, Who::UptlsMetrics];

    /// As it is called on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Who::C => "c",
            Who::CX25519 => "c-x25519",
            Who::OpenSsl => "openssl",
            Who::Rustls => "rustls",
            Who::Uptls => "uptls",
            Who::UptlsAudit => "uptls-audit",
            Who::UptlsMetrics => "uptls-metrics",
        }
    }
}

/// A server, and all sides that trust it; ours are on one provider.
pub(crate) struct World {
    pub(crate) pki: Pki,
    pub(crate) runtime: Runtime,
    c: C,
    c_x25519: C,
    /// `None` where there is none.
    openssl: Option<OpenSsl>,
    rustls: Rustls,
    uptls: Uptls,
    uptls_audit: Uptls,
    uptls_metrics: Uptls,
    scenario: Scenario,
    server: Arc<ServerConfig>,
}

impl World {
    /// The world, after one connection of each side.
    pub(crate) fn new(scenario: Scenario) -> World {
        let provider = uptls::aws_lc_rs::provider();
        let pki = Pki::new("bench");
        let leaf = pki.leaf(&[San::dns(HOST)]);
        let tickets = scenario == Scenario::Resumed;
        let options = ServerOptions { tickets, ..ServerOptions::new(&[&leaf, &pki.intermediate]) };
        let now = u64::try_from(NOW).expect("not before 1970");
        let runtime = Runtime::builder(Arc::clone(&provider)).clock(FixedClock::at(now)).build();
        let connector = Connector::new(&runtime, &policy(&pki, None)).expect("the policy is good");
        let host = BackendHost::parse(HOST).expect("a name");
        let uptls = Uptls { connector, host: host.clone(), options: ConnectOptions::default() };
        let connector = Connector::new(&runtime, &policy(&pki, None)).expect("the policy is good");
        let shadow =
            Connector::new(&runtime, &policy(&pki, Some("other.example".to_owned()))).expect("the policy is good");
        connector.audit(&shadow).expect("another connector");
        let uptls_audit = Uptls { connector, host: host.clone(), options: ConnectOptions::default() };
        let counting = Runtime::builder(Arc::clone(&provider)).clock(FixedClock::at(now)).observer(Metrics::default());
        let connector = Connector::new(&counting.build(), &policy(&pki, None)).expect("the policy is good");
        let uptls_metrics = Uptls { connector, host, options: ConnectOptions::default() };
        let name = ServerName::try_from(HOST).expect("a name");
        let rustls = Rustls { config: client_config(&pki, provider), name };
        let root = pki.root.pem();
        let (c, c_x25519) = (C::new(&root, HOST, &[]), C::new(&root, HOST, &[c"X25519"]));
        let openssl = openssl::side(&root, HOST);
        let server = options.config(&Sessions::new());
        let world =
            World { pki, runtime, c, c_x25519, openssl, rustls, uptls, uptls_audit, uptls_metrics, scenario, server };
        // The first connections load what is loaded once, and leave the sessions that the next ones resume.
        let idle = &mut Meter::idle();
        drop(world.connect(&world.rustls, idle));
        drop(world.connect(&world.uptls, idle));
        drop(world.connect(&world.uptls_audit, idle));
        drop(world.connect(&world.uptls_metrics, idle));
        drop(world.connect(&world.c, idle));
        drop(world.connect(&world.c_x25519, idle));
        drop(world.openssl.as_ref().map(|openssl| world.connect(openssl, idle)));
        world
    }

    /// Does the scenario once per `rounds`, or moves so many records on one connection.
    pub(crate) fn run(&self, who: Who, rounds: u32, meter: &mut Meter) {
        match who {
            Who::C => self.run_side(&self.c, rounds, meter),
            Who::CX25519 => self.run_side(&self.c_x25519, rounds, meter),
            Who::OpenSsl => self.run_side(self.openssl.as_ref().expect("OpenSSL is there"), rounds, meter),
            Who::Rustls => self.run_side(&self.rustls, rounds, meter),
            Who::Uptls => self.run_side(&self.uptls, rounds, meter),
            Who::UptlsAudit => self.run_side(&self.uptls_audit, rounds, meter),
            Who::UptlsMetrics => self.run_side(&self.uptls_metrics, rounds, meter),
        }
    }

    /// What the C library and OpenSSL negotiate, where they can be compared: both the same. `None` without OpenSSL.
    pub(crate) fn same_work(&self) -> Option<[String; 3]> {
        let idle = &mut Meter::idle();
        let theirs = self.connect(self.openssl.as_ref()?, idle).0.negotiated();
        let ours = self.connect(&self.c_x25519, idle).0.negotiated();
        assert_eq!(ours, theirs, "they do not do the same work");
        Some(ours)
    }

    fn run_side<S: Side>(&self, side: &S, rounds: u32, meter: &mut Meter) {
        match self.scenario {
            Scenario::Full | Scenario::Resumed => (0..rounds).for_each(|_| self.handshake(side, meter)),
            Scenario::Read => self.read(side, rounds, meter),
            Scenario::Write => self.write(side, rounds, meter),
        }
    }

    fn handshake<S: Side>(&self, side: &S, meter: &mut Meter) {
        let (client, server) = self.connect(side, meter);
        let resumed = server.seen().expect("the handshake is done").resumed;
        assert_eq!(resumed, self.scenario == Scenario::Resumed);
        meter.scope(|| drop(client));
    }

    fn read<S: Side>(&self, side: &S, rounds: u32, meter: &mut Meter) {
        let (mut client, mut server) = self.connect(side, &mut Meter::idle());
        let (data, mut out) = (vec![7; RECORD], vec![0; RECORD]);
        for _ in 0..rounds {
            server.write(&data);
            let bytes = server.drain();
            let count = meter.scope(|| {
                client.feed(&bytes);
                client.read(&mut out)
            });
            assert_eq!(count, RECORD);
        }
    }

    fn write<S: Side>(&self, side: &S, rounds: u32, meter: &mut Meter) {
        let (mut client, mut server) = self.connect(side, &mut Meter::idle());
        let (data, mut bytes) = (vec![7; RECORD], Vec::new());
        for _ in 0..rounds {
            bytes.clear();
            meter.scope(|| {
                client.write(&data);
                client.drain(&mut bytes);
            });
            server.feed(&bytes).expect("the client is honest");
            assert_eq!(server.read().len(), RECORD);
        }
    }

    /// A handshake, with all that the server sends after it.
    fn connect<S: Side>(&self, side: &S, meter: &mut Meter) -> (S::Client, MemoryServer) {
        let mut server = MemoryServer::new(&self.server);
        let mut client = meter.scope(|| side.begin());
        let mut to_server = Vec::with_capacity(RECORD);
        loop {
            to_server.clear();
            meter.scope(|| client.drain(&mut to_server));
            server.feed(&to_server).expect("the client is honest");
            let to_client = server.drain();
            if to_server.is_empty() && to_client.is_empty() {
                assert!(client.is_done());
                return (client, server);
            }
            meter.scope(|| client.feed(&to_client));
        }
    }
}

/// Trusts the root, and nothing else is set; `server_name` makes another policy of it.
pub(crate) fn policy(pki: &Pki, server_name: Option<String>) -> UpstreamTlsPolicy {
    let bundles = vec![MaterialDraft::pem(pki.root.pem())];
    let trust = TrustDraft { bundles, ..TrustDraft::default() };
    let draft = PolicyDraft::new(PolicySpec { server_name, trust, ..PolicySpec::default() });
    UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).expect("the policy is good")
}

fn client_config(pki: &Pki, provider: Arc<CryptoProvider>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(pki.root.der())).expect("a valid root");
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let config = ClientConfig::builder_with_details(provider, Arc::new(Standing))
        .with_safe_default_protocol_versions()
        .expect("the provider has both versions")
        .with_webpki_verifier(verifier.build().expect("a root"))
        .with_no_client_auth();
    Arc::new(config)
}

/// The testkit's time, as uptls has it too.
#[derive(Debug)]
struct Standing;

impl TimeProvider for Standing {
    fn current_time(&self) -> Option<UnixTime> {
        u64::try_from(NOW).ok().map(|now| UnixTime::since_unix_epoch(Duration::from_secs(now)))
    }
}
