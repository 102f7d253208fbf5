//! What goes wrong on the way to a verified peer that is not the peer's certificate: transport, remote alerts, protocol.

use core::fmt;
use std::sync::Arc;

use super::Code;
use crate::report::TlsFacts;
use crate::text::{listed, printable};
use crate::verify::VerifiedPeer;

/// A connection that failed for another reason than the peer's certificate.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// Protocols were required and none was selected (H3).
    #[error("the peer selected {}, wanted one of {}", selected.as_deref().map_or("no protocol".to_owned(), printable), listed(offered))]
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
    #[error("the peer refused our client certificate with the alert {alert}")]
    IdentityRejected {
        /// The alert's name.
        alert: String,
    },
    /// The peer wants a client certificate.
    #[error("the peer wants a client certificate and none was sent (alert {alert})")]
    IdentityRequired {
        /// The alert's name.
        alert: String,
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
    /// A message over the limit.
    #[error("the peer sent a message over the limit: {}", printable(detail))]
    MessageTooLarge {
        /// Which limit.
        detail: String,
    },
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
    /// The peer closed the transport during the handshake.
    #[error("the peer closed the connection during the handshake, {}", printable(phase))]
    PeerClosed {
        /// How far it had come.
        phase: String,
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
        /// The first octets, escaped.
        first_bytes: String,
        /// What they look like, if that is known: `HTTP`, `SSH`.
        looks_like: Option<&'static str>,
    },
    /// The transport was reset.
    #[error("the connection was reset: {}", printable(reason))]
    PeerReset {
        /// What the system says.
        reason: String,
    },
    /// Any other alert.
    #[error("the peer sent the alert {alert}")]
    RemoteAlert {
        /// The alert's name.
        alert: String,
    },
    /// The peer does not serve this name.
    #[error("the peer does not serve {}", server_name.as_deref().map_or("a connection without a server name".to_owned(), printable))]
    ServerNameRejected {
        /// The name that was sent, if any.
        server_name: Option<String>,
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
            Self::Internal { .. } => Code::Internal,
            Self::LocalResources { .. } => Code::LocalResources,
            Self::MessageTooLarge { .. } => Code::MessageTooLarge,
            Self::NoCommonCipher { .. } => Code::NoCommonCipher,
            Self::NoCommonGroup { .. } => Code::NoCommonGroup,
            Self::NoCommonVersion { .. } => Code::NoCommonVersion,
            Self::PeerClosed { .. } => Code::PeerClosed,
            Self::PeerMisbehaved { .. } => Code::PeerMisbehaved,
            Self::PeerNotTls { .. } => Code::PeerNotTls,
            Self::PeerReset { .. } => Code::PeerReset,
            Self::RemoteAlert { .. } => Code::RemoteAlert,
            Self::ServerNameRejected { .. } => Code::ServerNameRejected,
            Self::TcpRefused { .. } => Code::TcpRefused,
            Self::TcpTimeout { .. } => Code::TcpTimeout,
            Self::Truncated => Code::Truncated,
        }
    }

    /// The one thing to change.
    pub fn hint(&self) -> String {
        match self {
            Self::LocalResources { lacks, .. } => lacks.remedy().to_owned(),
            Self::PeerNotTls { looks_like: Some("HTTP"), .. } => {
                "this port speaks plain HTTP: use the backend's TLS port".to_owned()
            }
            Self::PeerReset { .. } => {
                "look into the peer's log; a peer that wants a client certificate may reset like this".to_owned()
            }
            Self::TcpRefused { refusal: Refusal::NoRoute, .. } => {
                "the network has no route to this address from here: check the address, its family and the routes of this host"
                    .to_owned()
            }
            _ => self.code().hint(),
        }
    }
}

/// Who refused a TCP connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// The peer's host, or something on the way that speaks for it.
    ByPeer,
    /// The network: it has no way to the address.
    NoRoute,
}

impl Refusal {
    fn verb(self) -> &'static str {
        match self {
            Self::ByPeer => "connect to",
            Self::NoRoute => "reach",
        }
    }
}

/// What this side could not do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LocalStep {
    /// Go on with a connection that exists.
    GoOn,
    /// Reach this address; the backend host where the address is not known.
    Reach(String),
    /// Resolve this name.
    Resolve(String),
    /// Start a thread of its own for the work that is named.
    StartThread(&'static str),
}

impl fmt::Display for LocalStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GoOn => f.write_str("go on with the connection"),
            Self::Reach(address) => write!(f, "reach {}", printable(address)),
            Self::Resolve(name) => write!(f, "resolve {}", printable(name)),
            Self::StartThread(work) => write!(f, "start a thread to {work}"),
        }
    }
}

/// What this side lacks, by what the system says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Shortage {
    /// This process has as many open files as it may have (EMFILE).
    Descriptors,
    /// The system does not know this family of addresses (EAFNOSUPPORT).
    Family,
    /// Memory, or the buffers of the network (ENOMEM, ENOBUFS).
    Memory,
    /// Something else that failed on this side (EIO, EINVAL).
    Other,
    /// A profile, a firewall or a right of this host (EACCES, EPERM).
    Permission,
    /// No local port or address is free (EADDRNOTAVAIL).
    Ports,
    /// The whole system has as many open files as it may have (ENFILE).
    SystemDescriptors,
    /// No thread can be started (EAGAIN).
    Threads,
}

impl Shortage {
    /// The one thing to change.
    fn remedy(self) -> &'static str {
        match self {
            Self::Descriptors => "this process has no descriptor left: raise its limit of open files (ulimit -n)",
            Self::Family => "this host has no addresses of that family: give an address of another",
            Self::Memory => {
                "this host has no memory left for the network: free some, or raise the limit of the process"
            }
            Self::Other => "a call of this host's own failed, not the peer: look into its system log",
            Self::Permission => {
                "this host does not permit it: look into seccomp, SELinux and the firewall for outgoing connections"
            }
            Self::Ports => {
                "no local port or address is free: reuse connections, or widen the ports (net.ipv4.ip_local_port_range)"
            }
            Self::SystemDescriptors => "this system has no descriptor left: raise fs.file-max",
            Self::Threads => "no thread can be started: raise the limit of pids (pids.max, ulimit -u)",
        }
    }
}

/// What is known of a peer to which the connection failed after its ServerHello, though not for its certificate.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct KnownPeer {
    /// Its certificates as they were verified: DER, leaf first. Empty if it did not come so far.
    pub chain: Vec<Vec<u8>>,
    peer: Proven,
    /// What was negotiated so far; the group and the application protocol may be missing.
    pub tls: TlsFacts,
}

impl KnownPeer {
    pub(crate) fn new(peer: Option<Arc<VerifiedPeer>>, tls: TlsFacts) -> Self {
        let chain = peer.as_ref().map(|peer| peer.chain_der().to_vec()).unwrap_or_default();
        Self { chain, peer: Proven(peer), tls }
    }

    /// The proof, for reports.
    pub(crate) fn peer(&self) -> Option<&VerifiedPeer> {
        self.peer.0.as_deref()
    }
}

/// Two are equal: what they prove is the chain beside them.
#[derive(Clone)]
struct Proven(Option<Arc<VerifiedPeer>>);

impl PartialEq for Proven {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Octets of certificates say nothing in a log.
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
}
