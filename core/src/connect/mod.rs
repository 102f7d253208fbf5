//! From a connector to a verified connection: the options and names that all faces share.

pub(crate) mod blocking;
mod check;
pub(crate) mod dial;
mod driver;
mod evidence;
pub(crate) mod failure;
mod farewell;
pub(crate) mod fault;
pub(crate) mod intake;
mod report;
mod resolver;
pub mod sans_io;
pub(crate) mod setup;

pub use crate::handshake::IdentityUse;
pub use crate::session::PoolKey;
pub use blocking::{Transport, VerifiedStream};
pub use check::{CheckOptions, CheckThen};
pub use dial::Address;
pub use evidence::Evidence;

use core::time::Duration;

use rustls_pki_types::ServerName;

use crate::error::{ConnectError, Error, Misuse};
use crate::name::BackendHost;
use crate::policy::{Alpn, AlpnSelection, ServerNameRule, UpstreamTlsPolicy};
use crate::rotate::Connector;

impl Connector {
    /// Under which key a pool may keep connections to `host` made now, and find them again.
    ///
    /// # Errors
    /// [`Error::Policy`] with `policy_not_ready` or `policy_withdrawn`.
    pub fn pool_key(&self, host: &BackendHost) -> Result<PoolKey, Error> {
        let prepared = self.snapshot()?.prepared;
        let name = server_name(prepared.policy(), host)?;
        Ok(PoolKey::new(*prepared.fingerprint(), &name))
    }

    /// Whether a connection was made with what would be used for a new one (R7).
    pub fn is_current(&self, evidence: &Evidence) -> bool {
        self.snapshot().is_ok_and(|snapshot| *snapshot.prepared.fingerprint() == evidence.fingerprint)
    }
}

/// What one connection does otherwise than its policy says; nothing here can weaken a check.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// The application protocols to offer: some of the policy's (H3). Default: all of them.
    pub alpn: Option<Vec<String>>,
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

    /// Sets the deadline of the whole connect.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// The protocols to offer. H3: a connection may narrow the policy's list, never widen it.
    fn protocols(&self, policy: &Alpn) -> Result<Vec<String>, Error> {
        let Some(narrowed) = &self.alpn else { return Ok(policy.protocols.clone()) };
        if let Some(other) = narrowed.iter().find(|protocol| !policy.protocols.contains(protocol)) {
            let known = policy.protocols.join(", ");
            return Err(Misuse::new(format!("ConnectOptions::alpn has {other:?}; the policy permits: {known}")).into());
        }
        if narrowed.is_empty() && policy.selection == AlpnSelection::Required {
            return Err(Misuse::new("ConnectOptions::alpn is empty, but the policy requires a protocol").into());
        }
        Ok(narrowed.clone())
    }
}

/// The name that rustls works with. It is the server name where one is sent (N2); else it only separates sessions and tells
/// the verifier the backend host.
fn server_name(policy: &UpstreamTlsPolicy, host: &BackendHost) -> Result<ServerName<'static>, Error> {
    let name = match policy.server_name() {
        ServerNameRule::Auto | ServerNameRule::None => host.to_server_name(),
        ServerNameRule::Dns(name) => name.to_server_name(),
    };
    name.ok_or_else(|| internal("a checked name is not accepted by rustls"))
}

pub(crate) fn internal(detail: impl ToString) -> Error {
    ConnectError::Internal { detail: detail.to_string() }.into()
}

#[cfg(test)]
mod tests;
