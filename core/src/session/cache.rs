//! What a store holds of each server: sessions, charged in bytes, in the order of use.

use std::collections::{BTreeMap, HashMap, HashSet};

use rustls::NamedGroup;
use rustls::client::{Tls12ClientSessionValue, Tls13ClientSessionValue};

use super::endpoints::{ByEndpoint, Lending};
use super::stored::Stored;
use super::{Endpoint, SessionKey};

/// What is known of one server under one fingerprint.
#[derive(Default)]
pub(super) struct ServerEntry {
    pub(super) group: Option<NamedGroup>,
    last_use: u64,
    bytes: usize,
    pub(super) lending: Lending,
    pub(super) tls12: ByEndpoint<Tls12ClientSessionValue>,
    pub(super) tls13: ByEndpoint<Tls13ClientSessionValue>,
}

impl ServerEntry {
    pub(super) fn keep_tls12(&mut self, endpoint: Endpoint, stored: Option<Stored<Tls12ClientSessionValue>>) {
        self.tls12.keep(endpoint, stored, 1);
    }

    pub(super) fn keep_tls13(&mut self, endpoint: Endpoint, stored: Option<Stored<Tls13ClientSessionValue>>) {
        self.tls13.keep(endpoint, stored, TICKETS);
    }

    pub(super) fn drop_unusable(&mut self, now: i64) {
        self.tls12.drop_unusable(now);
        self.tls13.drop_unusable(now);
    }

    pub(super) fn sessions(&self) -> usize {
        self.tls13.len() + self.tls12.len()
    }

    fn is_empty(&self) -> bool {
        self.group.is_none() && self.sessions() == 0
    }

    fn charge(&self, key: &SessionKey) -> usize {
        let sessions = self.tls12.bytes().saturating_add(self.tls13.bytes());
        sessions.saturating_add(ENTRY_BYTES + 2 * key.server_name.len())
    }

    /// One name never takes all of the store, whatever its peers send: its sessions give way one by one.
    fn bound(&mut self, key: &SessionKey, limit: usize) {
        while self.charge(key) > limit && (self.tls13.give_way() || self.tls12.give_way()) {}
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
                entry.bound(key, limit / 2);
                self.settle(key);
                result
            }
            None => {
                let mut entry = ServerEntry::default();
                let result = change(&mut entry);
                entry.bound(key, limit / 2);
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

/// TLS 1.3 tickets of one endpoint; the oldest gives way.
pub(super) const TICKETS: usize = 8;
/// What a server takes without sessions: its entries in the maps.
const ENTRY_BYTES: usize = 512;
