//! What a connection begins with: all checks that need no peer, then rustls with the right sessions.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption as TlsResumption;
use rustls::{ClientConfig, ClientConnection};
use rustls_pki_types::ServerName;

use super::{ConnectOptions, PoolKey, internal};
use crate::error::{Error, Problem, Problems};
use crate::generation::Generation;
use crate::name::BackendHost;
use crate::policy::{Resumption, ServerNameRule, UpstreamTlsPolicy};
use crate::prepare::Prepared;
use crate::rotate::{Audit, KeyLog, Snapshot};
use crate::session::{Publication, SessionHandle};
use crate::time::seconds;

/// A connection that can be begun.
pub(super) struct Setup {
    pub(super) audit: Option<Arc<Audit>>,
    pub(super) generation: Generation,
    pub(super) key_log: Option<Arc<KeyLog>>,
    pub(super) pool_key: PoolKey,
    pub(super) prepared: Arc<Prepared>,
    name: ServerName<'static>,
    now: i64,
    publication: Arc<Publication>,
    remote_address: Option<SocketAddr>,
}

impl Setup {
    pub(super) fn new(snapshot: Snapshot, host: &BackendHost, options: &ConnectOptions) -> Result<Self, Error> {
        let Snapshot { audit, generation, key_log, prepared, publication } = snapshot;
        let now = seconds(prepared.runtime().now());
        check_identity(&prepared, now)?;
        let pool_key = pool_key(&prepared, host, options)?;
        let name = server_name(prepared.policy(), host)?;
        let remote_address = options.remote_address;
        Ok(Self { audit, generation, key_log, pool_key, prepared, name, now, publication, remote_address })
    }

    /// Where the options say that the transport goes.
    pub(super) fn remote_address(&self) -> Option<SocketAddr> {
        self.remote_address
    }

    /// rustls with its ClientHello ready, and the sessions it may use: those of `endpoint` first.
    pub(super) fn start(
        &self,
        endpoint: Option<SocketAddr>,
    ) -> Result<(ClientConnection, Option<Arc<SessionHandle>>), Error> {
        let session = match self.prepared.policy().resumption() {
            Resumption::Disabled => None,
            Resumption::Enabled => {
                let key = self.pool_key.session().clone();
                Some(Arc::new(SessionHandle::new(&self.publication, key, endpoint, self.now)))
            }
        };
        let config = connection_config(self.prepared.client_config(), session.clone(), self.key_log.clone());
        let protocols = self.pool_key.offer().protocols.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        let tls = ClientConnection::new_with_alpn(config, self.name.clone(), protocols).map_err(internal)?;
        Ok((tls, session))
    }
}

/// By what connections to `host` by these options may be pooled.
pub(super) fn pool_key(prepared: &Prepared, host: &BackendHost, options: &ConnectOptions) -> Result<PoolKey, Error> {
    let policy = prepared.policy();
    let offer = options.offer(policy.alpn())?;
    Ok(PoolKey::new(*prepared.fingerprint(), &server_name(policy, host)?, offer))
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

/// I4: an expired identity fails here, not with an opaque alert from the peer.
pub(crate) fn check_identity(prepared: &Prepared, now: i64) -> Result<(), Error> {
    let policy = prepared.policy();
    let (Some(identity), Some(spec)) = (prepared.identity(), policy.identity()) else { return Ok(()) };
    identity.check_validity(&spec.certificate.source(), now).map_err(|error| {
        let origin = policy.origin(&error.path);
        let problem = Problem::Material(error).with_origin(origin);
        Problems::new(policy.name().map(str::to_owned), problem, Vec::new()).into()
    })
}

/// The shared configuration with a session store of this connection's own; verifier and resolver stay the same `Arc`s,
/// without which rustls does not resume (H6). A key log is the connector's, and never the shared configuration's (H7).
fn connection_config(
    shared: &Arc<ClientConfig>,
    session: Option<Arc<SessionHandle>>,
    key_log: Option<Arc<KeyLog>>,
) -> Arc<ClientConfig> {
    if session.is_none() && key_log.is_none() {
        return shared.clone();
    }
    let mut config = ClientConfig::clone(shared);
    if let Some(session) = session {
        config.resumption = TlsResumption::store(session);
    }
    if let Some(key_log) = key_log {
        config.key_log = key_log;
    }
    Arc::new(config)
}
