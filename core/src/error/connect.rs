//! What goes wrong on the way to a verified peer that is not the peer's certificate: transport, remote alerts, protocol.

use core::any::Any;
use core::fmt;
use std::sync::Arc;

use super::Code;
use super::alert::{AlertMoment, UnusableIdentity, alpn_text, issuers};
use super::local::{LocalStep, Refusal, Shortage};
use super::oversized::Oversized;
use crate::facts::TlsFacts;
use crate::generation::Generation;
use crate::text::{listed, printable};

/// A connection that failed for another reason than the peer's certificate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Protocols were required and none was selected (H3).
    #[error("{}", alpn_text(offered, selected.as_deref()))]
    AlpnMismatch {
        /// The protocols that were offered.
        offered: Vec<String>,
        /// What the peer selected, if anything.
        selected: Option<String>,
    },
    /// The caller gave up.
    #[error("cancelled by the caller")]
    Cancelled,
    /// The network, or the peer's host, stopped answering on a connection that existed.
    #[error("the connection was lost: {}", printable(reason))]
    ConnectionLost {
        /// What the system says.
        reason: String,
    },
    /// Name resolution failed.
    #[error("cannot resolve {}: {}", printable(host), printable(reason))]
    DnsFailed {
        /// The name.
        host: String,
        /// What the resolver says.
        reason: String,
    },
    /// The deadline passed during the handshake (H4).
    #[error("no handshake within {after}; {}", printable(phase))]
    HandshakeTimeout {
        /// How long was waited.
        after: String,
        /// How far it had come.
        phase: String,
    },
    /// The peer refused our client certificate (I5).
    #[error("the peer refused our client certificate with the alert {alert}{}", issuers(issuer.as_deref(), acceptable))]
    IdentityRejected {
        /// The issuers that the peer listed, at most ten.
        acceptable: Vec<String>,
        /// The alert's name.
        alert: String,
        /// The issuer of our certificate.
        issuer: Option<String>,
    },
    /// The peer wants a client certificate.
    #[error("the peer wants a client certificate and none was sent (alert {alert}){}", unusable.as_ref().map(ToString::to_string).unwrap_or_default())]
    IdentityRequired {
        /// The alert's name.
        alert: String,
        /// Our identity, if there is one that the peer cannot use.
        unusable: Option<UnusableIdentity>,
    },
    /// The external key of our identity gave no signature, or one that is not by the certificate's key (I7). The peer got none.
    #[error("our client certificate's key did not sign: {}", printable(reason))]
    IdentitySignFailed {
        /// What the signer says, or what is wrong with what it gave.
        reason: String,
    },
    /// A bug on our side.
    #[error("internal: {}", printable(detail))]
    Internal {
        /// What was met.
        detail: String,
    },
    /// This side lacks what a connection needs. Nothing is known of the peer.
    #[error("this host could not {step}: {}", printable(reason))]
    LocalResources {
        /// What is short.
        lacks: Shortage,
        /// What the system says.
        reason: String,
        /// What could not be done.
        step: LocalStep,
    },
    /// More in one record or handshake message than is held for a peer.
    #[error("the peer sent {0}")]
    MessageTooLarge(Oversized),
    /// No common cipher suite.
    #[error("no common cipher suite; offered: {}", listed(offered))]
    NoCommonCipher {
        /// What was offered.
        offered: Vec<String>,
    },
    /// No common group.
    #[error("no common key exchange group; offered: {}", listed(offered))]
    NoCommonGroup {
        /// What was offered.
        offered: Vec<String>,
    },
    /// No common version.
    #[error("no common TLS version; offered: {}", listed(offered))]
    NoCommonVersion {
        /// What was offered.
        offered: Vec<String>,
    },
    /// The peer's first answer was that it accepts nothing of what was offered.
    #[error(
        "the peer accepts none of the offered cipher suites, groups or signature algorithms (alert {alert}); offered: {}; {}; {}",
        listed(versions),
        listed(suites),
        listed(groups)
    )]
    NothingInCommon {
        /// The alert's name.
        alert: String,
        /// The groups that were offered.
        groups: Vec<String>,
        /// The cipher suites that were offered.
        suites: Vec<String>,
        /// The versions that were offered.
        versions: Vec<String>,
    },
    /// The peer closed the transport during the handshake.
    #[error("the peer closed the connection during the handshake, {}", printable(phase))]
    PeerClosed {
        /// Whether the peer had said anything.
        heard: bool,
        /// How far it had come.
        phase: String,
    },
    /// The peer asked for a client certificate, and closed the transport without an alert before it sent any data (I5).
    #[error(
        "the peer closed the connection before it sent any data; it had asked for a client certificate, and {}",
        if *sent { "got ours" } else { "none was sent" }
    )]
    PeerClosedAfterRequest {
        /// Whether our certificate was sent.
        sent: bool,
    },
    /// A protocol violation.
    #[error("the peer violated the protocol: {}", printable(detail))]
    PeerMisbehaved {
        /// Which rule.
        detail: String,
    },
    /// What came is not TLS.
    #[error("the peer does not speak TLS; it sent \"{first_bytes}\"")]
    PeerNotTls {
        /// The first bytes, escaped.
        first_bytes: String,
        /// What they look like, if that is known: `HTTP`, `SSH`.
        looks_like: Option<&'static str>,
    },
    /// The transport was reset.
    #[error("the connection was reset{}: {}", if *heard { "" } else { " before the peer said anything" }, printable(reason))]
    PeerReset {
        /// Whether the peer had said anything.
        heard: bool,
        /// What the system says.
        reason: String,
    },
    /// Any other alert.
    #[error("the peer sent the alert {alert}{}", moment.text())]
    RemoteAlert {
        /// The alert's name.
        alert: String,
        /// How far the handshake had come.
        moment: AlertMoment,
    },
    /// The peer does not serve this name.
    #[error("the peer does not serve {}", server_name.as_deref().map_or("a connection without a server name".to_owned(), printable))]
    ServerNameRejected {
        /// The name that was sent, if any.
        server_name: Option<String>,
    },
    /// What the connection is bound to is not published any more (L8).
    #[error("bound to generation {bound}, but the connector has published generation {current}")]
    Superseded {
        /// What was published when it was bound.
        bound: Generation,
        /// What is published now.
        current: Generation,
    },
    /// No TCP connection.
    #[error("cannot {} {}: {}", refusal.verb(), printable(address), printable(reason))]
    TcpRefused {
        /// Where to; the backend host where a socket was still connecting in the handshake.
        address: String,
        /// What the system says.
        reason: String,
        /// Who refused.
        refusal: Refusal,
    },
    /// No TCP connection before the deadline.
    #[error("no TCP connection to {} within {after}", printable(address))]
    TcpTimeout {
        /// Where to; the backend host where a socket was still connecting in the handshake.
        address: String,
        /// How long was waited.
        after: String,
    },
    /// The stream ended without close_notify (H8).
    #[error("the connection ended without a close_notify: what was read may be incomplete")]
    Truncated,
}

impl ConnectError {
    /// A thread that could not be started for `work`, by a binding that needs one: `local_resources`.
    pub fn threadless(error: &std::io::Error, work: &'static str) -> Self {
        let lacks = match error.kind() {
            std::io::ErrorKind::OutOfMemory => Shortage::Memory,
            _ => Shortage::Threads,
        };
        Self::LocalResources { lacks, reason: error.to_string(), step: LocalStep::StartThread(work) }
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        match self {
            Self::AlpnMismatch { .. } => Code::AlpnMismatch,
            Self::Cancelled => Code::Cancelled,
            Self::ConnectionLost { .. } => Code::ConnectionLost,
            Self::DnsFailed { .. } => Code::DnsFailed,
            Self::HandshakeTimeout { .. } => Code::HandshakeTimeout,
            Self::IdentityRejected { .. } => Code::IdentityRejected,
            Self::IdentityRequired { .. } => Code::IdentityRequired,
            Self::IdentitySignFailed { .. } => Code::IdentitySignFailed,
            Self::Internal { .. } => Code::Internal,
            Self::LocalResources { .. } => Code::LocalResources,
            Self::MessageTooLarge(_) => Code::MessageTooLarge,
            Self::NoCommonCipher { .. } | Self::NothingInCommon { .. } => Code::NoCommonCipher,
            Self::NoCommonGroup { .. } => Code::NoCommonGroup,
            Self::NoCommonVersion { .. } => Code::NoCommonVersion,
            Self::PeerClosed { .. } | Self::PeerClosedAfterRequest { .. } => Code::PeerClosed,
            Self::PeerMisbehaved { .. } => Code::PeerMisbehaved,
            Self::PeerNotTls { .. } => Code::PeerNotTls,
            Self::PeerReset { .. } => Code::PeerReset,
            Self::RemoteAlert { .. } => Code::RemoteAlert,
            Self::ServerNameRejected { .. } => Code::ServerNameRejected,
            Self::Superseded { .. } => Code::ConnectorSuperseded,
            Self::TcpRefused { .. } => Code::TcpRefused,
            Self::TcpTimeout { .. } => Code::TcpTimeout,
            Self::Truncated => Code::Truncated,
        }
    }

    /// Whether the peer refused a connection without a server name, as far as that can be told.
    pub(crate) fn is_for_want_of_a_server_name(&self) -> bool {
        matches!(
            self,
            Self::RemoteAlert { moment: AlertMoment::FirstAnswer { server_name: None }, .. }
                | Self::ServerNameRejected { server_name: None }
        )
    }

    /// The one thing to change.
    pub fn hint(&self) -> String {
        match self {
            Self::AlpnMismatch { offered, .. } if offered.is_empty() => {
                "add alpn.protocols to the policy: [h2] for gRPC, [h2, http/1.1] for HTTP".to_owned()
            }
            Self::IdentityRejected { acceptable, .. } if !acceptable.is_empty() => format!(
                "use a client certificate issued by one of {}, or have the peer trust the issuer of this one",
                listed(acceptable)
            ),
            Self::IdentityRequired { unusable: Some(unusable), .. } => format!(
                "use an identity with another key than {}, such as ECDSA on P-256 or RSA, or have the peer accept its signatures",
                printable(&unusable.key)
            ),
            Self::NothingInCommon { suites, .. } => format!(
                "enable one of the offered suites and groups on the upstream, such as {}; some peers answer so to a server name \
                 that they do not serve",
                suites.first().map(String::as_str).unwrap_or_default()
            ),
            _ if self.is_for_want_of_a_server_name() => {
                "no server name was sent, and many peers need one: set serverName in the policy".to_owned()
            }
            Self::LocalResources { lacks, .. } => lacks.remedy().to_owned(),
            Self::RemoteAlert { moment: AlertMoment::Renegotiation, .. } => {
                "have the upstream ask for a client certificate in the first handshake, for all paths; renegotiation is refused"
                    .to_owned()
            }
            Self::MessageTooLarge(oversized) => oversized.remedy().to_owned(),
            Self::PeerNotTls { looks_like: Some("HTTP"), .. } => {
                "this port speaks plain HTTP: use the backend's TLS port".to_owned()
            }
            Self::PeerClosed { heard: false, .. } | Self::PeerReset { heard: false, .. } => {
                "nothing came back to our first message: check that a TLS server listens on this port, whether it expects the \
                 PROXY protocol first, and whether a filter on the way drops the message"
                    .to_owned()
            }
            Self::PeerClosedAfterRequest { sent: false } => {
                "if the peer demands a client certificate, configure identity in the policy; else look into the peer's log"
                    .to_owned()
            }
            Self::PeerClosedAfterRequest { sent: true } => {
                "look into the peer's log: it may have refused our client certificate".to_owned()
            }
            Self::PeerReset { heard: true, .. } => {
                "look into the peer's log; a peer that wants a client certificate may reset like this".to_owned()
            }
            Self::TcpRefused { refusal: Refusal::ByProxy, .. } => {
                "check that the proxy permits CONNECT to this host and port, that it accepts the credentials, and that it reaches \
                 the backend"
                    .to_owned()
            }
            Self::TcpRefused { refusal: Refusal::NoRoute, .. } => {
                "the network has no route to this address from here: check the address, its family and the routes of this host"
                    .to_owned()
            }
            _ => self.code().hint(),
        }
    }
}

/// The facts of a peer after a connection failed later than its ServerHello, for another reason than its certificate.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct KnownPeer {
    /// Its verified certificates: DER, leaf first. Empty if the connection failed before them.
    pub chain: Vec<Vec<u8>>,
    proof: Proof,
    /// What was negotiated so far; the group and the application protocol may be missing.
    pub tls: TlsFacts,
}

impl KnownPeer {
    /// `proof` is what the verifier made of the chain, which `connect` alone takes out again.
    pub(crate) fn new(chain: Vec<Vec<u8>>, proof: Option<Arc<dyn Any + Send + Sync>>, tls: TlsFacts) -> Self {
        Self { chain, proof: Proof(proof), tls }
    }

    /// The proof, for reports.
    pub(crate) fn proof<T: 'static>(&self) -> Option<&T> {
        self.proof.0.as_deref()?.downcast_ref()
    }
}

/// Two are equal: what they prove is the chain beside them.
#[derive(Clone)]
struct Proof(Option<Arc<dyn Any + Send + Sync>>);

impl PartialEq for Proof {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Bytes of certificates say nothing in a log.
impl fmt::Debug for KnownPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KnownPeer").field("certificates", &self.chain.len()).field("tls", &self.tls).finish()
    }
}

/// A call that the library's own rules forbid: the caller's bug, never caused by a peer or a document.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("misuse: {what}")]
#[non_exhaustive]
pub struct Misuse {
    /// What was called wrongly, and what is right.
    pub what: String,
}

impl Misuse {
    /// `what` names the call and what would be right.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into() }
    }

    /// That `name`, a connection or a watch, was used in another process than the one that made it (L10).
    pub fn in_another_process(name: &str) -> Self {
        Self::new(format!("{name} was made before fork, by another process: make one after it"))
    }
}
