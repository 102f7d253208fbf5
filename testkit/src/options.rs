//! How a TLS server of the testkit presents itself, and what it saw of a client.

use crate::certificate::Certificate;
use crate::clock::NOW;
use crate::weak::{renamed, signing_key};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, ProducesTickets, ServerSessionMemoryCache, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::version::{TLS12, TLS13};
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection, SignatureScheme};
use std::sync::Arc;
use std::time::Duration;

pub use rustls::ProtocolVersion;

/// What a server presents and demands. Start from [`ServerOptions::new`] and change fields by struct update.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The certificates that are sent, in this order, as DER. Nothing is checked.
    pub chain: Vec<Vec<u8>>,
    /// The private key as PKCS#8 DER. Nothing checks that it belongs to the chain.
    pub key: Vec<u8>,
    /// The one signature scheme (its number) under which handshakes are signed, whatever the key is; `None`: those of the key.
    pub signs_as: Option<u16>,
    /// The protocol versions.
    pub versions: Versions,
    /// The protocols for ALPN; empty: no ALPN.
    pub alpn: Vec<&'static [u8]>,
    /// The roots of client certificates as DER; `None`: no client certificate is asked for.
    pub client_roots: Option<Vec<Vec<u8>>>,
    /// With `client_roots`: a client may also come without a certificate.
    pub client_auth_optional: bool,
    /// Whether sessions can be resumed: by ticket, and in TLS 1.2 also by session id.
    pub tickets: bool,
    /// The time of the server in unix seconds; `None`: the real time.
    pub time: Option<i64>,
}

impl ServerOptions {
    /// Sends this chain and has the key of its first certificate; both versions, no client certificate, resumption.
    pub fn new(chain: &[&Certificate]) -> ServerOptions {
        let leaf = chain.first().expect("a chain has a leaf");
        ServerOptions {
            chain: chain.iter().map(|certificate| certificate.der().to_vec()).collect(),
            key: leaf.key().pkcs8_der(),
            signs_as: None,
            versions: Versions::Both,
            alpn: Vec::new(),
            client_roots: None,
            client_auth_optional: false,
            tickets: true,
            time: Some(NOW),
        }
    }

    /// The same, demanding a client certificate from one of these roots.
    pub fn with_client_roots(self, roots: &[&Certificate]) -> ServerOptions {
        let roots = roots.iter().map(|root| root.der().to_vec()).collect();
        ServerOptions { client_roots: Some(roots), ..self }
    }

    /// The configuration of `rustls`. Configurations over the same [`Sessions`] resume the sessions of each other.
    pub fn config(&self, sessions: &Sessions) -> Arc<ServerConfig> {
        let versions: &[_] = match self.versions {
            Versions::Both => &[&TLS12, &TLS13],
            Versions::Tls12 => &[&TLS12],
            Versions::Tls13 => &[&TLS13],
        };
        let chain = self.chain.iter().cloned().map(CertificateDer::from).collect();
        let key = signing_key(&self.key);
        let key = match self.signs_as {
            None => key,
            Some(scheme) => renamed(key, SignatureScheme::from(scheme)),
        };
        let certified = CertifiedKey::new(chain, key);
        let mut config = ServerConfig::builder_with_details(provider(), clock(self.time))
            .with_protocol_versions(versions)
            .expect("the provider has both versions")
            .with_client_cert_verifier(self.client_verifier())
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        // For [`crate::MemoryServer::into_alert`]; nothing is logged by it.
        config.enable_secret_extraction = true;
        config.alpn_protocols = self.alpn.iter().map(|protocol| protocol.to_vec()).collect();
        if self.tickets {
            config.session_storage = sessions.storage.clone();
            config.ticketer = sessions.ticketer.clone();
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Arc::new(config)
    }

    fn client_verifier(&self) -> Arc<dyn ClientCertVerifier> {
        let Some(ders) = &self.client_roots else {
            return WebPkiClientVerifier::no_client_auth();
        };
        let mut roots = RootCertStore::empty();
        for der in ders {
            roots.add(CertificateDer::from(der.as_slice())).expect("a valid client root");
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let builder = match self.client_auth_optional {
            true => builder.allow_unauthenticated(),
            false => builder,
        };
        builder.build().expect("at least one client root")
    }
}

/// The protocol versions of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// TLS 1.2 and TLS 1.3.
    Both,
    /// Only TLS 1.2.
    Tls12,
    /// Only TLS 1.3.
    Tls13,
}

/// The memory of a server for resumption: session storage and ticket keys.
#[derive(Clone, Debug)]
pub struct Sessions {
    storage: Arc<ServerSessionMemoryCache>,
    ticketer: Arc<dyn ProducesTickets>,
}

impl Sessions {
    /// An empty memory with fresh ticket keys.
    pub fn new() -> Sessions {
        let ticketer = aws_lc_rs::Ticketer::new().expect("randomness is available");
        Sessions { storage: ServerSessionMemoryCache::new(1024), ticketer }
    }
}

impl Default for Sessions {
    fn default() -> Sessions {
        Sessions::new()
    }
}

/// What the server saw of one completed handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The server name that the client sent.
    pub sni: Option<String>,
    /// Whether an earlier session was resumed.
    pub resumed: bool,
    /// The leaf of the client, as DER. A resumed session has that of its first handshake.
    pub client_certificate: Option<Vec<u8>>,
    /// The negotiated protocol.
    pub alpn: Option<Vec<u8>>,
    /// The negotiated version.
    pub version: ProtocolVersion,
}

impl Seen {
    /// The facts of this connection; `None` while the handshake goes on.
    pub(crate) fn of(connection: &ServerConnection) -> Option<Seen> {
        if connection.is_handshaking() {
            return None;
        }
        let client = connection.peer_certificates().and_then(<[_]>::first);
        Some(Seen {
            sni: connection.server_name().map(str::to_owned),
            resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
            client_certificate: client.map(|der| der.to_vec()),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            version: connection.protocol_version()?,
        })
    }
}

/// The provider of all servers, never installed for the process.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

#[derive(Debug)]
struct Fixed(UnixTime);

impl TimeProvider for Fixed {
    fn current_time(&self) -> Option<UnixTime> {
        Some(self.0)
    }
}

fn clock(time: Option<i64>) -> Arc<dyn TimeProvider> {
    let Some(seconds) = time else {
        return Arc::new(DefaultTimeProvider);
    };
    let seconds = u64::try_from(seconds).expect("not before 1970");
    Arc::new(Fixed(UnixTime::since_unix_epoch(Duration::from_secs(seconds))))
}
