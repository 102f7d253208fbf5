//! The numbers of a pool, and why its connections were closed.

use std::collections::BTreeMap;

use crate::error::{Code, Error};
use crate::sync::{Mutex, lock};

/// The numbers of a [`Pool`](super::Pool) at one moment. `opened` is `alive` and all of `closed` together.
///
/// ```
/// use std::collections::BTreeMap;
/// use uptls::Code;
/// use uptls::hyper_client::{Pool, UpstreamService};
///
/// /// A line for a status page.
/// fn line(pool: &Pool<String>) -> String {
///     let counts = pool.counts();
///     let refused: u64 = counts.refused.values().sum();
///     format!("{} alive, {} idle, {} opened, {refused} refused", counts.alive, counts.idle, counts.opened)
/// }
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct PoolCounts {
    /// Connections that are open, upgraded ones (101) included.
    pub alive: u64,
    /// Connections that were closed, by the reason.
    pub closed: BTreeMap<CloseReason, u64>,
    /// Those of `alive` that serve no request.
    pub idle: u64,
    /// Connections that were made.
    pub opened: u64,
    /// Attempts that gave no connection, by the code of their error. Requests that wait for one attempt count once.
    pub refused: BTreeMap<Code, u64>,
    /// Those of `opened` that resumed a session (H6).
    pub resumed: u64,
    /// Requests that were sent over a connection which an earlier request had opened.
    pub reused: u64,
}

/// Why a connection of a pool was closed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum CloseReason {
    /// The caller dropped a request or a response before its end, and HTTP/1.1 has no other way to end it.
    Canceled,
    /// The peer or the network ended it.
    Ended,
    /// It served no request for [`PoolOptions::idle_timeout`](super::PoolOptions::idle_timeout).
    Idle,
    /// More were kept than [`PoolOptions`](super::PoolOptions) permits.
    Limit,
    /// The policy of now would refuse its peer (R11).
    Refused,
    /// What judged it is no longer published: another generation is, or nothing (R7).
    Superseded,
    /// What the peer proved has ended: `trusted_until` passed (L17).
    TrustEnded,
}

impl CloseReason {
    /// The stable name: `canceled`, `ended`, `idle`, `limit`, `refused`, `superseded` or `trust_ended`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Canceled => "canceled",
            Self::Ended => "ended",
            Self::Idle => "idle",
            Self::Limit => "limit",
            Self::Refused => "refused",
            Self::Superseded => "superseded",
            Self::TrustEnded => "trust_ended",
        }
    }
}

impl core::fmt::Display for CloseReason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Shared by a pool and its connections, which may outlive it.
#[derive(Default)]
pub(super) struct Counters(Mutex<Counted>);

#[derive(Default)]
struct Counted {
    /// Connections that are open and serve a request.
    busy: u64,
    counts: PoolCounts,
}

impl Counters {
    pub(super) fn snapshot(&self) -> PoolCounts {
        let counted = lock(&self.0);
        PoolCounts { idle: counted.counts.alive - counted.busy, ..counted.counts.clone() }
    }

    pub(super) fn opened(&self, resumed: bool) {
        let mut counted = lock(&self.0);
        counted.counts.opened += 1;
        counted.counts.alive += 1;
        counted.counts.resumed += u64::from(resumed);
    }

    pub(super) fn closed(&self, reason: CloseReason, was_busy: bool) {
        let mut counted = lock(&self.0);
        counted.counts.alive -= 1;
        counted.busy -= u64::from(was_busy);
        *counted.counts.closed.entry(reason).or_default() += 1;
    }

    pub(super) fn busy(&self) {
        lock(&self.0).busy += 1;
    }

    pub(super) fn idle(&self) {
        lock(&self.0).busy -= 1;
    }

    pub(super) fn reused(&self) {
        lock(&self.0).counts.reused += 1;
    }

    pub(super) fn refused(&self, error: &Error) {
        *lock(&self.0).counts.refused.entry(error.code()).or_default() += 1;
    }
}
