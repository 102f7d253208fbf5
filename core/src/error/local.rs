//! What this side lacks, and who else refused: whose fault a connection is that was never made.

use core::fmt;

use crate::text::printable;

/// Who refused a TCP connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Refusal {
    /// The peer's host, or something on the way that speaks for it.
    ByPeer,
    /// An HTTP proxy that was asked for a tunnel to the address.
    ByProxy,
    /// The network: it has no way to the address.
    NoRoute,
}

impl Refusal {
    pub(super) fn verb(self) -> &'static str {
        match self {
            Self::ByPeer | Self::ByProxy => "connect to",
            Self::NoRoute => "reach",
        }
    }
}

/// What this side could not do.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum LocalStep {
    /// Continue an existing connection.
    GoOn,
    /// Prepare the socket to this address for TLS: the hook of a dialer failed.
    Prepare(String),
    /// Reach this address; the backend host where the address is not known.
    Reach(String),
    /// Resolve this name.
    Resolve(String),
    /// Start a thread for the named work.
    StartThread(&'static str),
}

impl fmt::Display for LocalStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GoOn => f.write_str("go on with the connection"),
            Self::Prepare(address) => write!(f, "prepare the socket to {} for TLS", printable(address)),
            Self::Reach(address) => write!(f, "reach {}", printable(address)),
            Self::Resolve(name) => write!(f, "resolve {}", printable(name)),
            Self::StartThread(work) => write!(f, "start a thread to {work}"),
        }
    }
}

/// The shortage of this side, from the system's error.
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
    pub(super) fn remedy(self) -> &'static str {
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
