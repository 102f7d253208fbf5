//! Publishing: a connector holds the current generation of one policy, and replaces it whole.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::error::{Error, PolicyError, PolicyErrorKind, Problem, Problems};
use crate::policy::UpstreamTlsPolicy;
use crate::prepare::Prepared;
use crate::runtime::Runtime;
use crate::time::seconds;

/// Makes verified connections by the current generation of one policy. A clone is cheap, and the same connector.
///
/// Each connection takes one snapshot and keeps it (R1): an update never changes a connection that exists (R7).
#[derive(Clone)]
pub struct Connector(Arc<Shared>);

struct Shared {
    current: ArcSwap<Published>,
    on_invalid: OnInvalid,
    /// Held for the few instructions of publishing.
    publishing: Mutex<Counters>,
    runtime: Runtime,
    /// Held while an update is validated, so that updates are published in the order in which they came.
    updating: Mutex<()>,
}

/// What is published by one atomic store (R1).
struct Published {
    generation: Generation,
    /// The policy's, for errors.
    name: Option<String>,
    /// The last good one; kept while `state` is not ready, so that equal content gets its `Arc`s back (R5).
    prepared: Option<Arc<Prepared>>,
    state: ConnectorState,
}

#[derive(Default)]
struct Counters {
    withdrawals: u64,
}

impl Connector {
    /// Prepares `policy` and publishes it as the first generation; invalid updates keep the last good one.
    ///
    /// # Errors
    /// [`Problems`]: everything that is wrong with the policy's material, at once.
    pub fn new(runtime: &Runtime, policy: &UpstreamTlsPolicy) -> Result<Self, Problems> {
        Self::with_on_invalid(runtime, policy, OnInvalid::default())
    }

    /// The same with a choice of what an invalid update does (R2).
    ///
    /// # Errors
    /// As [`Connector::new`].
    pub fn with_on_invalid(
        runtime: &Runtime,
        policy: &UpstreamTlsPolicy,
        on_invalid: OnInvalid,
    ) -> Result<Self, Problems> {
        let prepared = runtime.prepare(policy)?;
        let generation = Generation(1);
        Ok(Self::publish_first(runtime, on_invalid, Published::ready(prepared, generation)))
    }

    /// A connector for a policy that cannot be used yet: connections fail with `policy_not_ready` until an update succeeds.
    pub fn not_ready(runtime: &Runtime, reason: Problems, on_invalid: OnInvalid) -> Self {
        let state = ConnectorState::NotReady { reason, since: seconds(runtime.now()) };
        let published = Published { generation: Generation(0), name: None, prepared: None, state };
        Self::publish_first(runtime, on_invalid, published)
    }

    fn publish_first(runtime: &Runtime, on_invalid: OnInvalid, published: Published) -> Self {
        Self(Arc::new(Shared {
            current: ArcSwap::from_pointee(published),
            on_invalid,
            publishing: Mutex::default(),
            runtime: runtime.clone(),
            updating: Mutex::default(),
        }))
    }

    /// Validates `policy` and its material, then publishes it (R2). Equal content is no new generation (R5, R9).
    ///
    /// # Errors
    /// [`Problems`] of the new policy: the last good generation then stays, in the state
    /// [`Degraded`](ConnectorState::Degraded), or with [`OnInvalid::FailClosed`] new connections fail;
    /// `policy_withdrawn` if [`Connector::withdraw`] was called meanwhile.
    pub fn update(&self, policy: &UpstreamTlsPolicy) -> Result<Generation, Problems> {
        let _in_order = lock(&self.0.updating);
        let withdrawals = lock(&self.0.publishing).withdrawals;
        let prepared = self.0.runtime.prepare(policy);
        let counters = lock(&self.0.publishing);
        if counters.withdrawals != withdrawals {
            return Err(problem(policy.name(), PolicyErrorKind::Withdrawn));
        }
        let current = self.0.current.load();
        let next = match prepared {
            Ok(prepared) => current.followed_by(prepared),
            Err(reason) => {
                tracing::warn!(target: "uptls", code = reason.code().as_str(), "update refused: {reason}");
                let since = seconds(self.0.runtime.now());
                self.0.current.store(Arc::new(current.after_invalid(reason.clone(), since, self.0.on_invalid)));
                return Err(reason);
            }
        };
        let generation = next.generation;
        if generation != current.generation {
            self.forget_sessions(&current);
        }
        self.0.current.store(Arc::new(next));
        Ok(generation)
    }

    /// Ends the policy: new connections fail at once with `policy_withdrawn` (R3), connections that exist go on (R7).
    /// A later [`Connector::update`] publishes again.
    pub fn withdraw(&self) {
        let mut counters = lock(&self.0.publishing);
        counters.withdrawals += 1;
        let current = self.0.current.load();
        self.forget_sessions(&current);
        let state = ConnectorState::Withdrawn { since: seconds(self.0.runtime.now()) };
        let (generation, name) = (current.generation, current.name.clone());
        self.0.current.store(Arc::new(Published { generation, name, prepared: None, state }));
    }

    /// Sessions of a fingerprint that is no longer published are dead weight (H6).
    fn forget_sessions(&self, published: &Published) {
        if let Some(prepared) = &published.prepared {
            self.0.runtime.sessions().forget(prepared.fingerprint());
        }
    }

    /// The number of the current generation: it grows with each publication of other content.
    pub fn generation(&self) -> Generation {
        self.0.current.load().generation
    }

    /// Whether connections are made, and if not, why.
    pub fn state(&self) -> ConnectorState {
        self.0.current.load().state.clone()
    }

    /// What new connections are made with; `None` unless the state is ready or degraded.
    pub fn prepared(&self) -> Option<Arc<Prepared>> {
        self.snapshot().ok().map(|snapshot| snapshot.prepared)
    }

    /// What one connection is made with, from beginning to end (R1).
    pub(crate) fn snapshot(&self) -> Result<Snapshot, Error> {
        let current = self.0.current.load();
        let name = current.name.as_deref();
        let kind = match (&current.state, &current.prepared) {
            (ConnectorState::Degraded { .. } | ConnectorState::Ready, Some(prepared)) => {
                return Ok(Snapshot { generation: current.generation, prepared: prepared.clone() });
            }
            (ConnectorState::NotReady { reason, .. }, _) => {
                let name = reason.policy().or(name);
                return Err(problem(name, PolicyErrorKind::NotReady { reason: reason.to_string() }).into());
            }
            _ => PolicyErrorKind::Withdrawn,
        };
        Err(problem(name, kind).into())
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let current = self.0.current.load();
        f.debug_struct("Connector")
            .field("generation", &current.generation)
            .field("state", &current.state)
            .finish_non_exhaustive()
    }
}

/// One generation, as a connection holds it.
pub(crate) struct Snapshot {
    pub(crate) generation: Generation,
    pub(crate) prepared: Arc<Prepared>,
}

impl Published {
    fn ready(prepared: Arc<Prepared>, generation: Generation) -> Self {
        let name = prepared.policy().name().map(str::to_owned);
        Self { generation, name, prepared: Some(prepared), state: ConnectorState::Ready }
    }

    fn followed_by(&self, prepared: Arc<Prepared>) -> Self {
        match &self.prepared {
            // The same configuration in memory, too (R9): the runtime gives equal content equal `Arc`s while one is held.
            Some(own) if own.fingerprint() == prepared.fingerprint() => Self::ready(prepared, self.generation),
            _ => Self::ready(prepared, Generation(self.generation.0 + 1)),
        }
    }

    /// R2. What was not ready stays so, with the newer reason.
    fn after_invalid(&self, reason: Problems, since: i64, on_invalid: OnInvalid) -> Self {
        let state = match (on_invalid, &self.state) {
            (OnInvalid::KeepLast, ConnectorState::Degraded { since, .. }) => {
                ConnectorState::Degraded { reason, since: *since }
            }
            (OnInvalid::KeepLast, ConnectorState::Ready) => ConnectorState::Degraded { reason, since },
            (_, ConnectorState::NotReady { since, .. }) => ConnectorState::NotReady { reason, since: *since },
            _ => ConnectorState::NotReady { reason, since },
        };
        Self { generation: self.generation, name: self.name.clone(), prepared: self.prepared.clone(), state }
    }
}

/// The number of a publication within one connector.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Generation(u64);

impl Generation {
    /// 1 for the first; 0 before there was any.
    pub fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an update with an invalid policy or material does (R2).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum OnInvalid {
    /// New connections fail at once: the rule of the Gateway API.
    FailClosed,
    /// The last good generation stays: a broken file does not become an outage, but a revoked CA stays trusted until the
    /// update is repaired.
    #[default]
    KeepLast,
}

/// Whether a connector makes connections. Times are unix seconds.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum ConnectorState {
    /// The last good generation is used, because a later update was invalid.
    #[non_exhaustive]
    Degraded {
        /// What is wrong with the last update.
        reason: Problems,
        /// Since when updates fail.
        since: i64,
    },
    /// No connection is made, because the policy or its material cannot be used.
    #[non_exhaustive]
    NotReady {
        /// What is wrong with it.
        reason: Problems,
        /// Since when.
        since: i64,
    },
    /// The last update is used.
    Ready,
    /// No connection is made, because the policy was withdrawn (R3).
    #[non_exhaustive]
    Withdrawn {
        /// Since when.
        since: i64,
    },
}

fn problem(policy: Option<&str>, kind: PolicyErrorKind) -> Problems {
    Problems::new(policy.map(str::to_owned), Problem::Policy(PolicyError::new("", kind)), Vec::new())
}

/// Locks do not poison: one caught panic must not end rotation (T8).
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
