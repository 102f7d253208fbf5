//! What a connection begins with: all checks that need no peer, then rustls with the right sessions.

use std::sync::Arc;

use rustls::client::Resumption as TlsResumption;
use rustls::{ClientConfig, ClientConnection};
use rustls_pki_types::ServerName;

use super::{ConnectOptions, internal, server_name};
use crate::error::{Error, Problem, Problems};
use crate::name::BackendHost;
use crate::policy::Resumption;
use crate::prepare::Prepared;
use crate::rotate::{Generation, Snapshot};
use crate::session::{PoolKey, Publication, SessionHandle};
use crate::time::seconds;

/// A connection that can be begun.
pub(crate) struct Setup {
    /// The protocols to offer.
    pub(super) alpn: Vec<String>,
    pub(super) generation: Generation,
    pub(super) pool_key: PoolKey,
    pub(super) prepared: Arc<Prepared>,
    name: ServerName<'static>,
    now: i64,
    publication: Arc<Publication>,
}

impl Setup {
    pub(crate) fn new(snapshot: Snapshot, host: &BackendHost, options: &ConnectOptions) -> Result<Self, Error> {
        let Snapshot { generation, prepared, publication } = snapshot;
        let now = seconds(prepared.runtime().now());
        check_identity(&prepared, now)?;
        let alpn = options.protocols(prepared.policy().alpn())?;
        let name = server_name(prepared.policy(), host)?;
        let pool_key = PoolKey::new(*prepared.fingerprint(), &name);
        Ok(Self { alpn, generation, pool_key, prepared, name, now, publication })
    }

    /// rustls with its ClientHello ready, and the sessions it may use.
    pub(super) fn start(&self) -> Result<(ClientConnection, Option<Arc<SessionHandle>>), Error> {
        let session = match self.prepared.policy().resumption() {
            Resumption::Disabled => None,
            Resumption::Enabled => {
                Some(Arc::new(SessionHandle::new(&self.publication, self.pool_key.clone(), self.now)))
            }
        };
        let config = connection_config(self.prepared.client_config(), session.clone());
        let protocols = self.alpn.iter().map(|protocol| protocol.clone().into_bytes()).collect();
        let tls = ClientConnection::new_with_alpn(config, self.name.clone(), protocols).map_err(internal)?;
        Ok((tls, session))
    }
}

/// I4: an expired identity fails here, not with an opaque alert from the peer.
fn check_identity(prepared: &Prepared, now: i64) -> Result<(), Error> {
    let policy = prepared.policy();
    let (Some(identity), Some(spec)) = (prepared.identity(), policy.identity()) else { return Ok(()) };
    identity.check_validity(&spec.certificate.source(), now).map_err(|error| {
        let origin = policy.origin(&error.path);
        let problem = Problem::Material(error).with_origin(origin);
        Problems::new(policy.name().map(str::to_owned), problem, Vec::new()).into()
    })
}

/// The shared configuration with a session store of this connection's own; verifier and resolver stay the same `Arc`s,
/// without which rustls does not resume (H6).
fn connection_config(shared: &Arc<ClientConfig>, session: Option<Arc<SessionHandle>>) -> Arc<ClientConfig> {
    let Some(session) = session else { return shared.clone() };
    let mut config = ClientConfig::clone(shared);
    config.resumption = TlsResumption::store(session);
    Arc::new(config)
}
