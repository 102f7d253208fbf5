//! The connections of a `uptls.Connector` that are open, by number, and which of them the policy of now would refuse.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uptls::{BackendHost, Connector, Error, OpenConnection, VerifiedPeer};

/// Those that a program noted.
#[derive(Default)]
pub(crate) struct OpenConnections(Mutex<HashMap<u64, (OpenConnection, BackendHost)>>);

/// A connection that would be refused, the host it was made for, and why.
pub(crate) type Refused = (u64, BackendHost, Error);

impl OpenConnections {
    /// The number of a connection that is open from now on.
    pub(crate) fn opened(&self, connector: &Connector, host: BackendHost, peer: &Arc<VerifiedPeer>) -> u64 {
        let open = connector.opened(&host, peer);
        let id = open.id();
        self.lock().insert(id, (open, host));
        id
    }

    /// It has ended.
    pub(crate) fn closed(&self, id: u64) {
        let ended = self.lock().remove(&id);
        drop(ended);
    }

    /// `None`: there is no policy to judge by.
    pub(crate) fn reconsider(&self, connector: &Connector) -> Option<Vec<Refused>> {
        let reconsidered = connector.reconsider()?;
        let open = self.lock();
        let refused = reconsidered.refused.into_iter().filter_map(|refused| {
            let (_, host) = open.get(&refused.id)?;
            let rejection = uptls::Rejection::clone(&refused.rejection);
            Some((refused.id, host.clone(), Error::Rejected(Box::new(rejection))))
        });
        Some(refused.collect())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, (OpenConnection, BackendHost)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
