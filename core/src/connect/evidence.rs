//! What is known of a connection that was made.

use std::sync::Arc;

use rustls::{ClientConnection, HandshakeKind, ProtocolVersion};

use super::PoolKey;
use crate::facts::TlsFacts;
use crate::generation::Generation;
use crate::handshake::IdentityUse;
use crate::policy::{TlsVersion, group_name, suite_name};
use crate::verify::VerifiedPeer;

/// The proof of a connection, and its negotiated parameters.
///
/// ```
/// fn log(stream: &uptls::VerifiedStream<std::net::TcpStream>) {
///     let evidence = stream.evidence();
///     let tls = evidence.tls();
///     println!("{} with {}, generation {}", tls.version, tls.cipher, evidence.generation.number());
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Evidence {
    /// The application protocol, if one was selected.
    pub alpn: Option<String>,
    /// The IANA name of the cipher suite.
    pub cipher_suite: String,
    /// The digest of all that decided.
    pub fingerprint: [u8; 32],
    /// Which publication of the connector this was (R1).
    pub generation: Generation,
    /// The IANA name of the key exchange group; `None` for a resumed TLS 1.2 session, which has no exchange.
    pub group: Option<String>,
    /// Whether the peer got our identity; for a resumed session, in the full handshake that it descends from.
    pub identity: IdentityUse,
    /// The policy has an identity and it was not sent (I5): the peer did not ask, or accepts none of its signatures.
    pub identity_unused: bool,
    /// The proof of the peer; for a resumed session, that of the full handshake that it descends from (H6).
    pub peer: Arc<VerifiedPeer>,
    /// By which key it was judged, and under which alone a pool may file it (L8): that of the
    /// [`BoundConnector`](crate::BoundConnector) that made it.
    pub pool_key: PoolKey,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// The server name (SNI) that was sent, if one was.
    pub server_name: Option<String>,
    /// The version.
    pub version: TlsVersion,
}

impl Evidence {
    /// I5: a TLS 1.3 peer judges our certificate, or the want of one, after the handshake.
    pub(super) fn verdict_is_due(&self) -> bool {
        let asked = !matches!(self.identity, IdentityUse::NotRequested);
        self.version == TlsVersion::V1_3 && asked && !self.resumed
    }

    /// What was negotiated, for a report.
    pub fn tls(&self) -> TlsFacts {
        let mut facts = TlsFacts::new(self.version.as_str(), &self.cipher_suite);
        facts.group.clone_from(&self.group);
        facts.alpn.clone_from(&self.alpn);
        facts.resumed = self.resumed;
        facts
    }
}

/// What rustls says of a handshake; all of it once that is complete.
pub(super) struct Negotiated {
    pub(super) alpn: Option<String>,
    pub(super) cipher_suite: String,
    pub(super) group: Option<String>,
    pub(super) version: TlsVersion,
}

impl Negotiated {
    /// As a report shows it.
    pub(super) fn facts(self, tls: &ClientConnection) -> TlsFacts {
        let mut facts = TlsFacts::new(self.version.as_str(), self.cipher_suite);
        facts.group = self.group;
        facts.alpn = self.alpn;
        facts.resumed = tls.handshake_kind() == Some(HandshakeKind::Resumed);
        facts
    }

    /// `None` before the ServerHello.
    pub(super) fn of(tls: &ClientConnection) -> Option<Self> {
        let version = match tls.protocol_version()? {
            ProtocolVersion::TLSv1_2 => TlsVersion::V1_2,
            ProtocolVersion::TLSv1_3 => TlsVersion::V1_3,
            _ => return None,
        };
        Some(Self {
            alpn: tls.alpn_protocol().map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
            cipher_suite: suite_name(tls.negotiated_cipher_suite()?.suite()),
            group: tls.negotiated_key_exchange_group().map(|group| group_name(group.name())),
            version,
        })
    }
}
