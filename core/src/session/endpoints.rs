//! The sessions of one server by endpoint: an index that saves handshakes, and never a fence (H6).
//!
//! The pods behind one name often have ticket keys of their own: a ticket of one is worth nothing at another, and with one
//! list for all of them no connection resumes. Whether a session may be used at all is decided by the key that the entry
//! stands under, the fingerprint and the server name. A wrong address here costs a full handshake, and nothing else.

use std::collections::{HashMap, VecDeque};

use super::Endpoint;
use super::stored::Stored;

/// The sessions of one server, from the oldest to the newest.
pub(super) struct ByEndpoint<T>(VecDeque<(Endpoint, Stored<T>)>);

/// Whether endpoints take the tickets of each other.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Lending {
    /// No endpoint was offered a ticket of another.
    #[default]
    Untried,
    /// The last one that was offered was resumed.
    Shared,
    /// The last one that was offered was not resumed: a ticket is used once, so lending the last one costs its own endpoint
    /// a full handshake. With one ticket for each connection, and endpoints in turn, no connection would ever resume.
    Apart,
}

impl<T> Default for ByEndpoint<T> {
    fn default() -> Self {
        Self(VecDeque::new())
    }
}

impl<T> ByEndpoint<T> {
    /// Keeps `stored` as the newest, and at most `most` of its endpoint. `None`: only makes room, as for one that has ended.
    pub(super) fn keep(&mut self, endpoint: Endpoint, stored: Option<Stored<T>>, most: usize) {
        while self.of(endpoint) >= most && self.take_first(endpoint) {}
        while self.0.len() >= NAME_SESSIONS && self.give_way() {}
        self.0.extend(stored.map(|stored| (endpoint, stored)));
    }

    /// Where the session is that a connection to `endpoint` offers: the newest of its own, or else the newest that may be lent.
    pub(super) fn choose(&self, endpoint: Endpoint, lending: Lending) -> Option<usize> {
        let own = self.0.iter().rposition(|(owner, _)| *owner == endpoint);
        own.or_else(|| {
            let may_lend = |owner| lending != Lending::Apart || self.of(owner) > 1;
            self.0.iter().rposition(|(owner, _)| may_lend(*owner))
        })
    }

    /// Takes the session that stands there, with its endpoint.
    pub(super) fn take(&mut self, place: usize) -> Option<(Endpoint, Stored<T>)> {
        self.0.remove(place)
    }

    /// The session that stands there, which stays.
    pub(super) fn get(&self, place: usize) -> Option<&(Endpoint, Stored<T>)> {
        self.0.get(place)
    }

    /// How many there are of one endpoint.
    pub(super) fn of(&self, endpoint: Endpoint) -> usize {
        self.0.iter().filter(|(owner, _)| *owner == endpoint).count()
    }

    pub(super) fn remove_of(&mut self, endpoint: Endpoint) {
        self.0.retain(|(owner, _)| *owner != endpoint);
    }

    pub(super) fn drop_unusable(&mut self, now: i64) {
        self.0.retain(|(_, session)| session.is_usable(now));
    }

    /// Drops the oldest of the endpoint that has most: one that has a single session keeps it while another has two. `false`
    /// when there is none.
    pub(super) fn give_way(&mut self) -> bool {
        let mut counts: HashMap<Endpoint, usize> = HashMap::new();
        for (owner, _) in &self.0 {
            *counts.entry(*owner).or_default() += 1;
        }
        let Some(most) = counts.values().copied().max() else { return false };
        let oldest = self.0.iter().position(|(owner, _)| counts.get(owner) == Some(&most));
        oldest.and_then(|place| self.0.remove(place)).is_some()
    }

    fn take_first(&mut self, endpoint: Endpoint) -> bool {
        let oldest = self.0.iter().position(|(owner, _)| *owner == endpoint);
        oldest.and_then(|place| self.0.remove(place)).is_some()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// What they are charged for.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(_, session)| session.bytes()).fold(0, usize::saturating_add)
    }
}

/// The sessions of one kind under one server name, whatever the number of its endpoints.
pub(super) const NAME_SESSIONS: usize = 64;
