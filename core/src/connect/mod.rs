//! From a connector to a verified connection: the options and names that all faces share.

mod address;
mod asking;
pub(crate) mod blocking;
mod bond;
mod bound;
mod check;
mod closing_alert;
pub(crate) mod deadline;
mod dial;
pub(crate) mod dialer;
mod driver;
mod evidence;
mod exporter;
pub(crate) mod failure;
pub(crate) mod fault;
pub(crate) mod happy_eyeballs;
mod incoming;
pub(crate) mod intent;
mod observation;
mod pool_key;
#[cfg(any(unix, windows))]
mod race;
#[cfg(not(any(unix, windows)))]
mod race_absent;
pub(crate) mod report;
mod resolver;
pub mod sans_io;
pub(crate) mod setup;
mod span;
pub(crate) mod tcp_options;
pub(crate) mod tls_io;
mod transport;
mod waiting;

pub use crate::handshake::IdentityUse;
pub use address::Address;
pub use asking::{Fed, SignatureWanted};
pub use blocking::VerifiedStream;
pub use bound::BoundConnector;
pub use check::{CheckOptions, CheckThen};
pub use dialer::{Dialer, DialledSocket};
pub use evidence::Evidence;
pub use pool_key::PoolKey;
pub use tcp_options::TcpOptions;
pub use transport::Transport;

use core::time::Duration;
use std::net::SocketAddr;

use crate::error::{ConnectError, Error, Misuse};
use crate::policy::{Alpn, AlpnSelection};
use crate::rotate::Connector;
use pool_key::Offer;
#[cfg(not(any(unix, windows)))]
use race_absent as race;

impl Connector {
    /// Whether a new connection would use the same policy and material as this one (R7). A pool without keys asks this
    /// before it reuses a connection, and keeps connections to other hosts and with other offers apart itself
    /// ([`PoolKey`]).
    pub fn is_current(&self, evidence: &Evidence) -> bool {
        self.snapshot().is_ok_and(|snapshot| *snapshot.prepared.fingerprint() == evidence.fingerprint)
    }
}

/// The options of one connection that differ from its policy. None can weaken a check.
///
/// ```
/// use core::time::Duration;
/// use uptls::ConnectOptions;
///
/// // gRPC: h2 and nothing else, within two seconds.
/// let options = ConnectOptions::default().with_alpn(["h2"]).with_alpn_required().with_timeout(Duration::from_secs(2));
/// assert!(options.alpn_required);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The application protocols to offer: some of the policy's (H3). Default: all of them.
    pub alpn: Option<Vec<String>>,
    /// Whether a peer that selects none of the offered protocols is an `alpn_mismatch` (H3). Default: the policy's
    /// setting; `false` does not loosen a policy that requires one.
    pub alpn_required: bool,
    /// The network address that the transport goes to. It is never an identity, and decides nothing: of the sessions of one
    /// policy and one name, those of this address are resumed first (H6). Default: none. The calls that dial, or that are
    /// given a [`TcpStream`](std::net::TcpStream), find it out themselves.
    pub remote_address: Option<SocketAddr>,
    /// The deadline of the whole connect (H4). Default: the policy's `handshakeTimeout`.
    pub timeout: Option<Duration>,
}

impl ConnectOptions {
    /// Offers only these of the policy's application protocols, in this order: HTTP/1.1 for a WebSocket, h2 for gRPC.
    #[must_use]
    pub fn with_alpn<S: Into<String>>(mut self, protocols: impl IntoIterator<Item = S>) -> Self {
        self.alpn = Some(protocols.into_iter().map(Into::into).collect());
        self
    }

    /// Fails with `alpn_mismatch` if the peer selects none of the offered protocols, even if the policy requires none
    /// (H3).
    #[must_use]
    pub fn with_alpn_required(mut self) -> Self {
        self.alpn_required = true;
        self
    }

    /// Says where the transport goes, so that a connection resumes the sessions of this address first (H6). Without it the
    /// pods behind one name, which often have ticket keys of their own, are offered the tickets of each other.
    #[must_use]
    pub fn with_remote_address(mut self, address: SocketAddr) -> Self {
        self.remote_address = Some(address);
        self
    }

    /// Sets the deadline of the whole connect.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// What to offer. H3: a connection may narrow the policy's list, never widen it.
    fn offer(&self, policy: &Alpn) -> Result<Offer, Error> {
        let required = self.alpn_required || policy.selection == AlpnSelection::Required;
        let protocols = self.alpn.as_ref().unwrap_or(&policy.protocols);
        if let Some(other) = protocols.iter().find(|protocol| !policy.protocols.contains(protocol)) {
            let known = policy.protocols.join(", ");
            return Err(Misuse::new(format!("the option alpn has {other:?}; the policy permits: {known}")).into());
        }
        if protocols.is_empty() && required {
            return Err(Misuse::new("a protocol is required, but the option alpn or the policy offers none").into());
        }
        Ok(Offer { protocols: protocols.clone(), required })
    }
}

pub(crate) fn internal(detail: impl ToString) -> Error {
    ConnectError::Internal { detail: detail.to_string() }.into()
}

#[cfg(test)]
mod tests;
