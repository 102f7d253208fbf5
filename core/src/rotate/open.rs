//! Connections that are open, and which of them the policy of now would refuse: a verdict on what was accepted before.

use core::fmt;
use core::hash::{Hash, Hasher};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use rustls_pki_types::CertificateDer;

use super::{Connector, Snapshot};
use crate::error::Rejection;
use crate::generation::Generation;
use crate::name::BackendHost;
use crate::observe::ConnectionCondemned;
use crate::sync::{Mutex, lock};
use crate::verify::VerifiedPeer;

/// A connection that [`Connector::opened`] was told of. Drop it when the connection ends: until then
/// [`Connector::reconsider`] judges it again.
pub struct OpenConnection {
    id: u64,
    peer: Presented,
    open: Arc<Mutex<Open>>,
}

impl OpenConnection {
    /// Its number, by which [`Reconsidered::refused`] names it. Each connector counts for itself, from 1.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        open.condemned.remove(&self.id);
        if let Some(ids) = open.peers.get_mut(&self.peer) {
            ids.remove(&self.id);
            if ids.is_empty() {
                open.peers.remove(&self.peer);
            }
        }
    }
}

impl fmt::Debug for OpenConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenConnection").field("id", &self.id).field("host", &self.peer.host).finish_non_exhaustive()
    }
}

/// What came of [`Connector::reconsider`].
#[derive(Debug)]
#[non_exhaustive]
pub struct Reconsidered {
    /// By which generation it was judged.
    pub generation: Generation,
    /// How many chains that differ were judged, each once.
    pub judged: usize,
    /// How many connections are open.
    pub open: usize,
    /// The connections whose peers would be refused now, in the order of their numbers.
    pub refused: Vec<RefusedConnection>,
}

/// An open connection whose peer the policy of now refuses.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefusedConnection {
    /// The number of [`OpenConnection::id`].
    pub id: u64,
    /// Why; one object for all connections with that chain.
    pub rejection: Arc<Rejection>,
}

/// All that a connector was told of.
#[derive(Default)]
pub(super) struct Open {
    /// Those that observers were told of, and that were refused ever since.
    condemned: BTreeSet<u64>,
    last: u64,
    /// Connections with one chain to one host have one verdict.
    peers: HashMap<Presented, BTreeSet<u64>>,
}

/// What a verdict depends on beside the policy and the time.
#[derive(Clone)]
struct Presented {
    host: BackendHost,
    peer: Arc<VerifiedPeer>,
}

impl PartialEq for Presented {
    fn eq(&self, other: &Self) -> bool {
        let is_same = Arc::ptr_eq(&self.peer, &other.peer) || self.peer.chain_der() == other.peer.chain_der();
        is_same && self.host == other.host
    }
}

impl Eq for Presented {}

impl Hash for Presented {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.host.hash(state);
        self.peer.chain_der().hash(state);
    }
}

impl Connector {
    /// Notes that a connection to `peer` is open, so that [`Connector::reconsider`] knows of it. The connector keeps no
    /// connection, and tells none its end: a connection that is not noted is never judged again, whatever is revoked.
    ///
    /// Reconsider again if [`Connector::is_current`] says no of what you noted: a publication has overtaken its handshake, and what judged
    /// the open connections then did not know of this one.
    ///
    /// ```
    /// use uptls::{BackendHost, Connector, OpenConnection, VerifiedStream};
    ///
    /// fn note<T>(connector: &Connector, host: &BackendHost, stream: &VerifiedStream<T>) -> OpenConnection {
    ///     // Keep it beside the stream.
    ///     connector.opened(host, &stream.evidence().peer)
    /// }
    /// ```
    pub fn opened(&self, host: &BackendHost, peer: &Arc<VerifiedPeer>) -> OpenConnection {
        let open = Arc::clone(&self.on_demand().open);
        let peer = Presented { host: host.clone(), peer: Arc::clone(peer) };
        let mut all = lock(&open);
        all.last += 1;
        let id = all.last;
        all.peers.entry(peer.clone()).or_default().insert(id);
        drop(all);
        OpenConnection { id, peer, open }
    }

    /// Judges the peers of all open connections by the policy of now: after a CA, a list or a name is gone, their connections
    /// would otherwise live on until they end by themselves (R11). It judges each distinct chain once, by the clock of now, and
    /// holds no lock meanwhile. Observers are told of each connection that is refused and was not at the last call (R12). It closes nothing: close what it names, spread by a [`DrainPlan`](crate::DrainPlan).
    ///
    /// Only the peer's certificates are judged. An event with [`trust_reduced`](crate::Event::trust_reduced) also tells of a
    /// change of our own identity, which no open connection can be held against.
    ///
    /// `None`: there is no policy to judge by, since it was withdrawn or is not ready. That says nothing of a peer.
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// let connector = uptls::Connector::new(&runtime, &policy)?;
    /// let reconsidered = connector.reconsider().expect("there is a policy");
    /// assert_eq!((reconsidered.open, reconsidered.refused.len()), (0, 0));
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn reconsider(&self) -> Option<Reconsidered> {
        let snapshot = self.snapshot().ok()?;
        let peers: Vec<(Presented, Vec<u64>)> =
            self.0.on_demand.get().map(|on_demand| lock(&on_demand.open).listed()).unwrap_or_default();
        let mut refused = Vec::new();
        for (Presented { host, peer }, ids) in &peers {
            let chain: Vec<_> = peer.chain_der().iter().map(|der| CertificateDer::from_slice(der)).collect();
            if let Err(rejection) = snapshot.prepared.verify(&chain, Some(host)) {
                let rejection = Arc::from(rejection);
                let named = |id: &u64| RefusedConnection { id: *id, rejection: Arc::clone(&rejection) };
                refused.extend(ids.iter().map(named));
            }
        }
        refused.sort_by_key(|connection| connection.id);
        self.tell_condemned(&snapshot, &peers, &refused);
        let open = peers.iter().map(|(_, ids)| ids.len()).sum();
        Some(Reconsidered { generation: snapshot.generation, judged: peers.len(), open, refused })
    }
}

impl Connector {
    /// R12: tells observers of those that are refused and were not before.
    fn tell_condemned(&self, snapshot: &Snapshot, peers: &[(Presented, Vec<u64>)], refused: &[RefusedConnection]) {
        let Some(on_demand) = self.0.on_demand.get() else { return };
        let new = lock(&on_demand.open).condemn(refused);
        let observers = self.0.runtime.observers();
        if new.is_empty() || observers.is_empty() {
            return;
        }
        let hosts: HashMap<u64, &BackendHost> =
            peers.iter().flat_map(|(peer, ids)| ids.iter().map(|id| (*id, &peer.host))).collect();
        let (policy, generation) = (snapshot.prepared.policy().name(), snapshot.generation);
        for RefusedConnection { id, rejection } in refused.iter().filter(|refused| new.contains(&refused.id)) {
            let Some(host) = hosts.get(id).copied() else { continue };
            let condemned = ConnectionCondemned { policy, host, generation, id: *id, code: rejection.code() };
            observers.tell(|observer| observer.connection_condemned(&condemned));
        }
    }
}

impl Open {
    /// Those of `refused` that are open and were not refused before.
    fn condemn(&mut self, refused: &[RefusedConnection]) -> BTreeSet<u64> {
        let all: BTreeSet<u64> = refused.iter().map(|refused| refused.id).collect();
        let open: BTreeSet<u64> = self.peers.values().flatten().copied().filter(|id| all.contains(id)).collect();
        let new = open.difference(&self.condemned).copied().collect();
        self.condemned = open;
        new
    }

    fn listed(&self) -> Vec<(Presented, Vec<u64>)> {
        self.peers.iter().map(|(peer, ids)| (peer.clone(), ids.iter().copied().collect())).collect()
    }
}
