//! What the connection tests share: one fixed world, a clock that can be moved, and a driver for servers in memory.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use rustls::pki_types::UnixTime;
use uptls::danger::DangerPermission;
use uptls::sans_io::{Established, Handshake, Incoming};
use uptls::{
    BackendHost, Clock, ConnectOptions, Connector, Error, IdentityDraft, MaterialDraft, PolicyDraft, PolicySpec,
    Runtime, RuntimeBuilder, Secret, SecretDraft, TrustDraft, UpstreamTlsPolicy, VersionsDraft,
};
use uptls_testkit::{Certificate, MemoryServer, NOW, Pki, San, ServerOptions, Sessions, Versions, chain_pem, pem};

pub const HOST: &str = "backend.example";
pub const BOTH: [Versions; 2] = [Versions::Tls12, Versions::Tls13];

/// A clock that stands at [`NOW`] until it is moved.
#[derive(Clone)]
pub struct MovableClock(Arc<AtomicI64>);

impl Default for MovableClock {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(NOW)))
    }
}

impl MovableClock {
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for MovableClock {
    fn now(&self) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(self.0.load(Ordering::SeqCst).try_into().unwrap()))
    }
}

/// A PKI, a leaf for [`HOST`], and a runtime.
pub struct World {
    pub clock: MovableClock,
    pub leaf: Certificate,
    pub pki: Pki,
    pub runtime: Runtime,
}

impl World {
    pub fn new(seed: &str) -> World {
        World::with_session_bytes(seed, 1 << 20)
    }

    pub fn with_session_bytes(seed: &str, limit: usize) -> World {
        let clock = MovableClock::default();
        let runtime = builder(&clock).session_bytes(limit).build();
        World::of(seed, clock, runtime)
    }

    /// `before_reading` is asked before each file is read.
    pub fn with_reading(seed: &str, before_reading: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static) -> World {
        let clock = MovableClock::default();
        let runtime = builder(&clock).session_bytes(1 << 20).before_reading(before_reading).build();
        World::of(seed, clock, runtime)
    }

    fn of(seed: &str, clock: MovableClock, runtime: Runtime) -> World {
        let pki = Pki::new(seed);
        let leaf = pki.leaf(&[San::dns(HOST)]);
        World { clock, leaf, pki, runtime }
    }

    /// Trusts the root; nothing else is set.
    pub fn spec(&self) -> PolicySpec {
        trusting(&self.pki)
    }

    pub fn connector(&self, spec: PolicySpec) -> Connector {
        Connector::new(&self.runtime, &policy(spec)).unwrap()
    }

    pub fn server(&self, versions: Versions) -> ServerOptions {
        ServerOptions { versions, ..ServerOptions::new(&[&self.leaf, &self.pki.intermediate]) }
    }
}

pub fn builder(clock: &MovableClock) -> RuntimeBuilder {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Runtime::builder(provider).clock(clock.clone())
}

pub fn trusting(pki: &Pki) -> PolicySpec {
    PolicySpec {
        trust: TrustDraft { bundles: vec![MaterialDraft::pem(pki.root.pem())], ..TrustDraft::default() },
        ..PolicySpec::default()
    }
}

pub fn policy(spec: PolicySpec) -> UpstreamTlsPolicy {
    UpstreamTlsPolicy::check(PolicyDraft::new(spec).with_name("test"), DangerPermission::Forbidden).unwrap()
}

pub fn identity(pki: &Pki, client: &Certificate) -> Option<IdentityDraft> {
    let key = pem("PRIVATE KEY", &client.key().pkcs8_der());
    Some(IdentityDraft {
        certificate: Some(MaterialDraft::pem(chain_pem(&[client, &pki.intermediate]))),
        key: Some(SecretDraft::pem(Secret::new(key))),
        passphrase: None,
    })
}

pub fn only(version: &str) -> VersionsDraft {
    VersionsDraft { max: Some(version.to_owned()), min: Some(version.to_owned()) }
}

pub fn host() -> BackendHost {
    BackendHost::parse(HOST).unwrap()
}

/// A server in memory with a session memory of its own, for many connections.
pub struct Backend {
    pub options: ServerOptions,
    sessions: Sessions,
}

impl Backend {
    pub fn new(options: ServerOptions) -> Backend {
        Backend::with_sessions(options, Sessions::new())
    }

    /// With the ticket keys of others, if `sessions` is theirs.
    pub fn with_sessions(options: ServerOptions, sessions: Sessions) -> Backend {
        Backend { options, sessions }
    }

    pub fn accept(&self) -> MemoryServer {
        MemoryServer::new(&self.options.config(&self.sessions))
    }

    /// One connection to [`HOST`]: handshake, question, answer, proper end.
    pub fn visit(&self, connector: &Connector) -> Result<Visit, Error> {
        self.visit_as(connector, &host(), &ConnectOptions::default())
    }

    pub fn visit_as(
        &self,
        connector: &Connector,
        host: &BackendHost,
        options: &ConnectOptions,
    ) -> Result<Visit, Error> {
        self.finish(connector.begin(host, options)?)
    }

    /// The rest of a connection that was begun.
    pub fn finish(&self, handshake: Handshake) -> Result<Visit, Error> {
        let mut server = self.accept();
        let mut established = complete(handshake, &mut server)?;
        established.write(b"ping").unwrap();
        exchange(&mut established, &mut server)?;
        server.write(b"pong");
        server.close();
        exchange(&mut established, &mut server)?;
        assert_eq!(server.read(), b"ping");
        assert_eq!(read_all(&mut established)?, b"pong");
        Ok(Visit { established, server })
    }
}

/// A connection that was made.
pub struct Visit {
    pub established: Established,
    pub server: MemoryServer,
}

impl Visit {
    pub fn resumed(&self) -> bool {
        let seen = self.server.seen().unwrap();
        assert_eq!(seen.resumed, self.established.evidence().resumed, "both sides agree");
        seen.resumed
    }
}

/// Moves bytes until neither side has any, or the client fails; then the alert still reaches the server.
pub fn converse(handshake: &mut Handshake, server: &mut MemoryServer) -> Result<(), Error> {
    loop {
        let mut out = Vec::new();
        handshake.drain_to(&mut out);
        let moved = !out.is_empty();
        // The server's errors show in its alerts.
        let _ = server.feed(&out);
        let back = server.drain();
        if !moved && back.is_empty() {
            return Ok(());
        }
        if let Err(error) = handshake.feed(&back) {
            let mut last = Vec::new();
            handshake.drain_to(&mut last);
            let _ = server.feed(&last);
            return Err(error);
        }
    }
}

/// The same once the peer is verified.
pub fn exchange(established: &mut Established, server: &mut MemoryServer) -> Result<(), Error> {
    loop {
        let mut out = Vec::new();
        established.drain_to(&mut out);
        let moved = !out.is_empty();
        let _ = server.feed(&out);
        let back = server.drain();
        if !moved && back.is_empty() {
            return Ok(());
        }
        established.feed(&back)?;
    }
}

pub fn establish(
    connector: &Connector,
    host: &BackendHost,
    options: &ConnectOptions,
    server: &mut MemoryServer,
) -> Result<Established, Error> {
    complete(connector.begin(host, options)?, server)
}

fn complete(mut handshake: Handshake, server: &mut MemoryServer) -> Result<Established, Error> {
    while !handshake.is_done() {
        step(&mut handshake, server)?;
    }
    Ok(handshake.finish().unwrap())
}

/// One flight each way, so that what follows the handshake is met after it.
fn step(handshake: &mut Handshake, server: &mut MemoryServer) -> Result<(), Error> {
    let mut out = Vec::new();
    handshake.drain_to(&mut out);
    let fed = server.feed(&out);
    let back = server.drain();
    assert!(!out.is_empty() || !back.is_empty(), "nobody moves: {fed:?}");
    handshake.feed(&back).map(|_| ()).inspect_err(|_| {
        let mut last = Vec::new();
        handshake.drain_to(&mut last);
        let _ = server.feed(&last);
    })
}

pub fn read_all(established: &mut Established) -> Result<Vec<u8>, Error> {
    let mut all = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        match established.read(&mut buffer)? {
            Incoming::Data(count) => all.extend_from_slice(&buffer[..count]),
            _ => return Ok(all),
        }
    }
}
