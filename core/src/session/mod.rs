//! Resumption (H6): one store per Runtime, bounded in bytes, and a handle per connection that stages until it is proven.
//!
//! rustls 0.23 does not verify a resumed peer again, and a session value hides its chain, its lifetime and its size. So each
//! session is kept together with the [`Proof`] of the full handshake that it descends from, ends with it, and can be taken
//! only under the fingerprint and the server name that it was stored under. (rustls adds a fence of its own: a session
//! belongs to the `Arc`s of one verifier and one resolver. Neither fence is relied on alone.)

mod cache;
mod endpoints;
mod publication;
mod stored;

pub(crate) use publication::Publication;

use core::fmt;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls_pki_types::ServerName;

use crate::handshake::IdentityUse;
use crate::sync::{Mutex, MutexGuard, lock};
use crate::text::hex;
use crate::verify::VerifiedPeer;

use cache::{ServerEntry, SessionCache, TICKETS};
use endpoints::Lending;
use stored::Stored;

/// Where a connection goes, as far as it is known: an index among the sessions of one key, and no part of it.
pub(crate) type Endpoint = Option<SocketAddr>;

/// What a session may be resumed for: one fingerprint and one server name (H6).
#[derive(Clone, Eq, Hash, PartialEq)]
pub(crate) struct SessionKey {
    fingerprint: [u8; 32],
    /// With its kind, so that a DNS name never meets an address.
    server_name: Arc<str>,
}

impl SessionKey {
    pub(crate) fn new(fingerprint: [u8; 32], server_name: &ServerName<'_>) -> Self {
        let kind = if matches!(server_name, ServerName::DnsName(_)) { "dns" } else { "ip" };
        Self { fingerprint, server_name: format!("{kind}:{}", server_name.to_str()).into() }
    }

    pub(crate) fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.server_name, hex(&self.fingerprint))
    }
}

/// The sessions that a [`Runtime`](crate::Runtime) holds for resumption (H6), for metrics.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct HeldSessions {
    /// How many sessions: at most one of TLS 1.2 and eight of TLS 1.3 for each network address, and 64 of either for each
    /// server name under each fingerprint. Some may have ended; those are found out when they are next looked for.
    pub count: usize,
    /// The most bytes that they may take: what [`RuntimeBuilder::session_bytes`](crate::RuntimeBuilder::session_bytes) set.
    pub limit: usize,
    /// The bytes that are charged for them, an upper bound; never above `limit`.
    pub bytes: usize,
    /// For how many server names under fingerprints something is kept: sessions, or the group that was agreed on.
    pub servers: usize,
}

/// What a full handshake proved, and until when sessions that descend from it may rely on it.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) identity: IdentityUse,
    pub(crate) peer: Arc<VerifiedPeer>,
    /// The bytes of the chain that the peer sent.
    pub(crate) chain_bytes: usize,
    /// Unix seconds of the full handshake.
    pub(crate) proven_at: i64,
    /// Unix seconds: when the latest of what it rests on began. A clock that goes back ends its use.
    pub(crate) usable_from: i64,
    /// Unix seconds: min(notAfter of the path, nextUpdate of its CRLs, notAfter of our identity).
    pub(crate) usable_until: i64,
}

/// The sessions of all connectors of one runtime, bounded in bytes; the least recently used servers give way.
///
/// rustls hides the size of a session, so an upper bound is charged: the bytes that a ticket can have arrived in, twice
/// the bytes of the peer's chain (rustls keeps a copy with every session, the proof keeps one), and a constant.
pub(crate) struct SessionStore {
    limit: usize,
    cache: Mutex<SessionCache>,
}

impl SessionStore {
    /// An empty store that holds at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, cache: Mutex::default() }
    }

    /// What it holds, at one moment.
    pub(crate) fn held(&self) -> HeldSessions {
        let cache = self.lock();
        let count = cache.by_key.values().map(ServerEntry::sessions).sum();
        HeldSessions { count, limit: self.limit, bytes: cache.bytes, servers: cache.by_key.len() }
    }

    /// Changes what is kept under `key`, if a connector publishes its fingerprint: what a handshake proves that was under way
    /// when the last one withdrew or replaced it is not kept (L8).
    fn edit(&self, key: &SessionKey, change: impl FnOnce(&mut ServerEntry)) {
        let mut cache = self.lock();
        if cache.is_published(&key.fingerprint) {
            cache.edit(key, self.limit, change);
        }
    }

    /// [`SessionStore::edit`], if there is something to change; looking alone is no use of a server.
    fn edit_if<R>(
        &self,
        key: &SessionKey,
        wanted: impl FnOnce(&ServerEntry) -> bool,
        change: impl FnOnce(&mut ServerEntry) -> Option<R>,
    ) -> Option<R> {
        let mut cache = self.lock();
        match cache.by_key.get(key) {
            Some(entry) if wanted(entry) => cache.edit(key, self.limit, change),
            _ => None,
        }
    }

    fn lock(&self) -> MutexGuard<'_, SessionCache> {
        lock(&self.cache)
    }
}

impl fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionStore").field("held", &self.held()).finish_non_exhaustive()
    }
}

/// The store as one connection sees it: whatever name rustls asks for, only this connection's key is reached.
///
/// What rustls stores before [`SessionHandle::commit`] is staged, and lost if that never comes: a failed verification
/// leaves no session.
pub(crate) struct SessionHandle {
    endpoint: Endpoint,
    key: SessionKey,
    /// Unix seconds when the connection began.
    now: i64,
    progress: Mutex<Progress>,
    /// Held, so that a connector that is dropped meanwhile is none that withdrew.
    _publication: Arc<Publication>,
    store: Arc<SessionStore>,
}

#[derive(Default)]
struct Progress {
    offered: Option<Offered>,
    stage: Stage,
    /// An upper bound for the bytes of a ticket that arrives now.
    window: usize,
}

/// The session that was offered to the peer: what it rests on, and whose it was.
struct Offered {
    endpoint: Endpoint,
    proof: Arc<Proof>,
}

enum Stage {
    Committed(Arc<Proof>),
    Discarded,
    Staged(Staged),
}

impl Default for Stage {
    fn default() -> Self {
        Self::Staged(Staged::default())
    }
}

#[derive(Default)]
struct Staged {
    group: Option<NamedGroup>,
    tls12: Option<(Tls12ClientSessionValue, usize)>,
    tls13: VecDeque<(Tls13ClientSessionValue, usize)>,
}

impl SessionHandle {
    /// The handle of a connection to `endpoint` that begins at `now` (unix seconds), by what `publication` stands for.
    pub(crate) fn new(publication: &Arc<Publication>, key: SessionKey, endpoint: Endpoint, now: i64) -> Self {
        let store = Arc::clone(publication.store());
        Self { endpoint, key, now, progress: Mutex::default(), _publication: Arc::clone(publication), store }
    }

    /// Before each processing: how many bytes a ticket that completes in it can have at most.
    pub(crate) fn expect(&self, window: usize) {
        self.lock().window = window;
    }

    /// The proof behind the session that was offered; if the peer resumed, it is the proof of this connection.
    pub(crate) fn offered(&self) -> Option<Arc<Proof>> {
        self.lock().offered.as_ref().map(|offered| Arc::clone(&offered.proof))
    }

    /// The connection is verified: what was staged is stored, and later tickets go straight in, with the same proof; all of
    /// it as long as the fingerprint is published.
    pub(crate) fn commit(&self, proof: &Arc<Proof>) {
        let mut progress = self.lock();
        let Stage::Staged(staged) = &mut progress.stage else { return };
        let Staged { group, tls12, tls13 } = core::mem::take(staged);
        progress.stage = Stage::Committed(proof.clone());
        let lending = progress.offered.as_ref().and_then(|offered| self.lending(offered, proof));
        self.store.edit(&self.key, |entry| {
            entry.group = group.or(entry.group);
            entry.lending = lending.unwrap_or(entry.lending);
            if let Some((value, window)) = tls12 {
                entry.keep_tls12(self.endpoint, Stored::new_tls12(value, proof, window, self.now));
            }
            for (value, window) in tls13 {
                entry.keep_tls13(self.endpoint, Stored::new(value, proof, window, proof.usable_until, self.now));
            }
        });
    }

    /// What a session of another endpoint came to, now that `proof` is that of the connection.
    fn lending(&self, offered: &Offered, proof: &Arc<Proof>) -> Option<Lending> {
        let resumed = if Arc::ptr_eq(&offered.proof, proof) { Lending::Shared } else { Lending::Apart };
        (offered.endpoint != self.endpoint).then_some(resumed)
    }

    /// The connection ended with a fatal alert: its sessions are not used again (RFC 5246 section 7.2.2), and a peer that
    /// refuses a resumed identity is not asked to resume it once more.
    pub(crate) fn discard(&self) {
        self.lock().stage = Stage::Discarded;
        self.store.lock().remove(&self.key);
    }

    fn lock(&self) -> MutexGuard<'_, Progress> {
        lock(&self.progress)
    }

    fn take<T>(
        &self,
        wanted: impl FnOnce(&ServerEntry) -> bool,
        take: impl FnOnce(&mut ServerEntry) -> Option<(Endpoint, Stored<T>)>,
    ) -> Option<T> {
        let (endpoint, stored) = self.store.edit_if(&self.key, wanted, |entry| {
            entry.drop_unusable(self.now);
            take(entry)
        })?;
        self.lock().offered = Some(Offered { endpoint, proof: stored.proof });
        Some(stored.value)
    }
}

impl ClientSessionStore for SessionHandle {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        match &mut self.lock().stage {
            Stage::Committed(_) => self.store.edit(&self.key, |entry| entry.group = Some(group)),
            Stage::Discarded => {}
            Stage::Staged(staged) => staged.group = Some(group),
        }
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.store.lock().by_key.get(&self.key)?.group
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        let mut progress = self.lock();
        let window = progress.window;
        match &mut progress.stage {
            Stage::Committed(proof) => {
                let stored = Stored::new_tls12(value, proof, window, self.now);
                self.store.edit(&self.key, |entry| entry.keep_tls12(self.endpoint, stored));
            }
            Stage::Discarded => {}
            Stage::Staged(staged) => staged.tls12 = Some((value, window)),
        }
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        // Such a session may be used again: lending it costs its endpoint nothing.
        let take = |entry: &mut ServerEntry| {
            let place = entry.tls12.choose(self.endpoint, Lending::Untried)?;
            entry.tls12.get(place).cloned()
        };
        self.take(|entry| !entry.tls12.is_empty(), take)
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        let offered = self.lock().offered.as_ref().map_or(self.endpoint, |offered| offered.endpoint);
        let remove = |entry: &mut ServerEntry| -> Option<()> {
            entry.tls12.remove_of(offered);
            None
        };
        self.store.edit_if(&self.key, |entry| entry.tls12.of(offered) > 0, remove);
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        let mut progress = self.lock();
        let window = progress.window;
        match &mut progress.stage {
            Stage::Committed(proof) => {
                let stored = Stored::new(value, proof, window, proof.usable_until, self.now);
                self.store.edit(&self.key, |entry| entry.keep_tls13(self.endpoint, stored));
            }
            Stage::Discarded => {}
            Stage::Staged(staged) => {
                if staged.tls13.len() == TICKETS {
                    staged.tls13.pop_front();
                }
                staged.tls13.push_back((value, window));
            }
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let take = |entry: &mut ServerEntry| {
            // rustls asks for a ticket first: an own session of TLS 1.2 comes before a ticket of another.
            if entry.tls13.of(self.endpoint) == 0 && entry.tls12.of(self.endpoint) > 0 {
                return None;
            }
            let place = entry.tls13.choose(self.endpoint, entry.lending)?;
            entry.tls13.take(place)
        };
        self.take(|entry| !entry.tls13.is_empty(), take)
    }
}

impl fmt::Debug for SessionHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionHandle").field("key", &self.key).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
