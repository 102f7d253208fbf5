//! What a store holds of each server: sessions, charged in bytes, in the order of use.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use rustls::NamedGroup;
use rustls::client::{Tls12ClientSessionValue, Tls13ClientSessionValue};

use super::{Proof, SessionKey};

/// A session that may be resumed until `usable_until`.
#[derive(Clone)]
pub(super) struct Stored<T> {
    bytes: usize,
    pub(super) proof: Arc<Proof>,
    usable_until: i64,
    pub(super) value: T,
}

impl<T> Stored<T> {
    /// `None` for a session that could not be resumed even now.
    pub(super) fn new(value: T, proof: &Arc<Proof>, window: usize, usable_until: i64, now: i64) -> Option<Self> {
        let chain = proof.chain_bytes.saturating_mul(2);
        let bytes = window.min(LARGEST_TICKET).saturating_add(chain).saturating_add(SESSION_BYTES);
        let stored = Self { bytes, proof: proof.clone(), usable_until, value };
        stored.is_usable(now).then_some(stored)
    }

    /// From the proof's beginning to the session's end.
    fn is_usable(&self, now: i64) -> bool {
        (self.proof.usable_from..self.usable_until).contains(&now)
    }
}

impl Stored<Tls12ClientSessionValue> {
    /// rustls stores a lifetime of 0, "for ever", where the peer gives no hint, and stores anew after each resumption: the
    /// day counts from the full handshake (RFC 5246 section F.1.4).
    pub(super) fn new_tls12(
        value: Tls12ClientSessionValue,
        proof: &Arc<Proof>,
        window: usize,
        now: i64,
    ) -> Option<Self> {
        let usable_until = proof.usable_until.min(proof.proven_at.saturating_add(TLS12_LIFETIME));
        Self::new(value, proof, window, usable_until, now)
    }
}

/// What is known of one server under one fingerprint.
#[derive(Default)]
pub(super) struct ServerEntry {
    pub(super) group: Option<NamedGroup>,
    last_use: u64,
    bytes: usize,
    pub(super) tls12: Option<Stored<Tls12ClientSessionValue>>,
    pub(super) tls13: VecDeque<Stored<Tls13ClientSessionValue>>,
}

impl ServerEntry {
    pub(super) fn push(&mut self, stored: Option<Stored<Tls13ClientSessionValue>>) {
        if self.tls13.len() == TICKETS {
            self.tls13.pop_front();
        }
        self.tls13.extend(stored);
    }

    pub(super) fn drop_unusable(&mut self, now: i64) {
        self.tls12 = self.tls12.take().filter(|session| session.is_usable(now));
        self.tls13.retain(|session| session.is_usable(now));
    }

    pub(super) fn sessions(&self) -> usize {
        self.tls13.len() + usize::from(self.tls12.is_some())
    }

    fn is_empty(&self) -> bool {
        self.group.is_none() && self.sessions() == 0
    }

    fn charge(&self, key: &SessionKey) -> usize {
        let sessions = self.tls12.iter().map(|session| session.bytes).chain(self.tls13.iter().map(|s| s.bytes));
        sessions.fold(ENTRY_BYTES + 2 * key.server_name.len(), usize::saturating_add)
    }
}

#[derive(Default)]
pub(super) struct SessionCache {
    pub(super) by_key: HashMap<SessionKey, ServerEntry>,
    by_use: BTreeMap<u64, SessionKey>,
    pub(super) bytes: usize,
    /// How many connectors publish a fingerprint. A gateway has a hundred thousand, most of them without sessions.
    publications: HashMap<[u8; 32], u32>,
    /// What is stored under a fingerprint.
    stored: HashMap<[u8; 32], HashSet<SessionKey>>,
    uses: u64,
    /// How many cache were looked at to forget some.
    #[cfg(test)]
    pub(super) visits: usize,
}

impl SessionCache {
    /// One more connector publishes `fingerprint`.
    pub(super) fn publish(&mut self, fingerprint: [u8; 32]) {
        *self.publications.entry(fingerprint).or_default() += 1;
    }

    pub(super) fn is_published(&self, fingerprint: &[u8; 32]) -> bool {
        self.publications.contains_key(fingerprint)
    }

    /// One connector less publishes `fingerprint`. With the last, what was stored under it is dropped, by what is stored
    /// under it alone: updates of many connectors never walk the sessions of all servers.
    pub(super) fn retire(&mut self, fingerprint: &[u8; 32]) {
        self.release(fingerprint);
        if self.is_published(fingerprint) {
            return;
        }
        for key in self.stored.remove(fingerprint).unwrap_or_default() {
            #[cfg(test)]
            {
                self.visits += 1;
            }
            self.remove(&key);
        }
    }

    /// A connector was dropped without a withdrawal: stored sessions stay, for later connectors.
    pub(super) fn release(&mut self, fingerprint: &[u8; 32]) {
        let Some(publications) = self.publications.get_mut(fingerprint) else { return };
        *publications -= 1;
        if *publications == 0 {
            self.publications.remove(fingerprint);
        }
    }

    /// What is neither published nor stored under takes no room.
    #[cfg(test)]
    pub(super) fn fingerprints(&self) -> usize {
        self.publications.keys().chain(self.stored.keys()).collect::<HashSet<_>>().len()
    }

    pub(super) fn edit<R>(&mut self, key: &SessionKey, limit: usize, change: impl FnOnce(&mut ServerEntry) -> R) -> R {
        let result = match self.by_key.get_mut(key) {
            Some(entry) => {
                let result = change(entry);
                self.settle(key);
                result
            }
            None => {
                let mut entry = ServerEntry::default();
                let result = change(&mut entry);
                if !entry.is_empty() {
                    self.put(key.clone(), entry);
                }
                result
            }
        };
        while self.bytes > limit {
            let Some((_, oldest)) = self.by_use.pop_first() else { break };
            self.remove(&oldest);
        }
        result
    }

    /// After a change: charges anew, and counts as a use.
    fn settle(&mut self, key: &SessionKey) {
        let Some(entry) = self.by_key.get_mut(key) else { return };
        if entry.is_empty() {
            self.remove(key);
            return;
        }
        let bytes = entry.charge(key);
        self.bytes = self.bytes.saturating_sub(entry.bytes).saturating_add(bytes);
        entry.bytes = bytes;
        self.uses += 1;
        let owned = self.by_use.remove(&entry.last_use);
        entry.last_use = self.uses;
        self.by_use.insert(self.uses, owned.unwrap_or_else(|| key.clone()));
    }

    fn put(&mut self, key: SessionKey, mut entry: ServerEntry) {
        self.uses += 1;
        entry.last_use = self.uses;
        entry.bytes = entry.charge(&key);
        self.bytes = self.bytes.saturating_add(entry.bytes);
        self.by_use.insert(entry.last_use, key.clone());
        self.stored.entry(key.fingerprint).or_default().insert(key.clone());
        self.by_key.insert(key, entry);
    }

    pub(super) fn remove(&mut self, key: &SessionKey) -> Option<ServerEntry> {
        let entry = self.by_key.remove(key)?;
        self.by_use.remove(&entry.last_use);
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        if let Some(stored) = self.stored.get_mut(&key.fingerprint) {
            stored.remove(key);
            if stored.is_empty() {
                self.stored.remove(&key.fingerprint);
            }
        }
        Some(entry)
    }
}

/// TLS 1.3 tickets per server; the oldest gives way.
pub(super) const TICKETS: usize = 8;
/// A ticket's length has two bytes (RFC 8446 section 4.6.1).
const LARGEST_TICKET: usize = 65_535;
/// What a session takes besides ticket and chain: rustls's value, its secret and the allocations around them.
const SESSION_BYTES: usize = 768;
/// What a server takes without sessions: its entries in the maps.
const ENTRY_BYTES: usize = 512;
/// 24 hours.
const TLS12_LIFETIME: i64 = 86_400;
