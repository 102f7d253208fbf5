//! Publishing: a connector holds the current generation of one policy, and replaces it whole.

mod event;
mod expiry;
mod files;
mod reduced;
mod registry;
mod source;
mod state;
pub(crate) mod watch;

pub use event::{Event, EventKind, ExpiringCertificate};
pub use expiry::ExpiryMark;
pub use registry::Registry;
pub use source::{FileSource, PollOutcome, Polled};
pub use state::{ConnectorState, Generation, OnInvalid};
pub use watch::{Watch, WatchState};

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::error::{Error, PolicyError, PolicyErrorKind, Problem, Problems};
use crate::policy::UpstreamTlsPolicy;
use crate::prepare::Prepared;
use crate::runtime::Runtime;
use crate::time::seconds;
use event::EventQueue;
use expiry::ExpiryLog;

/// Makes verified connections by the current generation of one policy. A clone is cheap, and the same connector.
///
/// Each connection takes one snapshot and keeps it (R1): an update never changes a connection that exists (R7).
#[derive(Clone)]
pub struct Connector(Arc<Shared>);

struct Shared {
    current: ArcSwap<Published>,
    expiry: Mutex<ExpiryLog>,
    on_invalid: OnInvalid,
    /// Held for the few instructions of publishing.
    publishing: Mutex<Publishing>,
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
struct Publishing {
    events: EventQueue,
    withdrawals: u64,
}

/// An update that is being validated: no other is, meanwhile.
struct Update<'a> {
    connector: &'a Connector,
    _in_order: MutexGuard<'a, ()>,
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

    /// Publishes `prepared` as the first generation, without reading anything again: what was judged with offline is what
    /// connects. The connector's clock is that of its runtime.
    pub fn of_prepared(prepared: Arc<Prepared>, on_invalid: OnInvalid) -> Self {
        let runtime = prepared.runtime().clone();
        Self::publish_first(&runtime, on_invalid, Published::ready(prepared, Generation(1)))
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
            expiry: Mutex::default(),
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
        let update = self.begin_update();
        let prepared = self.0.runtime.prepare(policy);
        update.finish(policy.name(), prepared)
    }

    /// As [`Connector::update`], with a policy whose material was read and judged before.
    ///
    /// # Errors
    /// `policy_withdrawn` if [`Connector::withdraw`] was called meanwhile.
    pub fn publish(&self, prepared: Arc<Prepared>) -> Result<Generation, Problems> {
        let name = prepared.policy().name().map(str::to_owned);
        self.begin_update().finish(name.as_deref(), Ok(prepared))
    }

    /// Takes an update that could not even be made: a document that does not parse, a resolution that is invalid. It counts
    /// as any invalid update (R2): the last good generation stays, or with [`OnInvalid::FailClosed`] new connections fail,
    /// with these problems as the reason. An update that succeeds ends it.
    pub fn refuse(&self, problems: Problems) {
        let update = self.begin_update();
        let name = problems.policy().map(str::to_owned);
        // What it gives back are the problems.
        let _ = update.finish(name.as_deref(), Err(problems));
    }

    /// What it was made with.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// Withdrawals are counted before anything is read, so that none is undone by what was read before it.
    fn begin_update(&self) -> Update<'_> {
        let in_order = lock(&self.0.updating);
        Update { connector: self, _in_order: in_order, withdrawals: self.withdrawals() }
    }

    fn withdrawals(&self) -> u64 {
        lock(&self.0.publishing).withdrawals
    }

    /// Ends the policy: new connections fail at once with `policy_withdrawn` (R3), connections that exist go on (R7).
    /// A later [`Connector::update`] publishes again.
    pub fn withdraw(&self) {
        self.withdraw_locked(&mut lock(&self.0.publishing), None);
    }

    fn withdraw_locked(&self, publishing: &mut Publishing, reason: Option<Problems>) {
        publishing.withdrawals += 1;
        let current = self.0.current.load();
        self.forget_sessions(&current);
        let since = self.now();
        let state = ConnectorState::Withdrawn { since };
        let (generation, name) = (current.generation, current.name.clone());
        if !matches!(current.state, ConnectorState::Withdrawn { .. }) {
            let kind = EventKind::Withdrawn { reason };
            publishing.events.push(Event { at: since, generation, kind, trust_reduced: true });
        }
        self.0.current.store(Arc::new(Published { generation, name, prepared: None, state }));
    }

    /// The oldest event that was not taken yet; `None`: nothing happened since. Clones of a connector share its events, and
    /// each is taken once. The first generation is no event.
    ///
    /// At most 32 events are kept. What nobody takes is lost, the oldest first, and counted
    /// ([`Connector::lost_events`]); `trust_reduced` of a lost event goes over to the next one that is kept.
    pub fn next_event(&self) -> Option<Event> {
        lock(&self.0.publishing).events.pop()
    }

    /// How many events nobody took in time, since the connector was made.
    pub fn lost_events(&self) -> u64 {
        lock(&self.0.publishing).events.lost()
    }

    /// R8: an event for each bundle entry and for the identity that comes near its end by the runtime's clock, each mark
    /// once. [`FileSource::poll`] does this, too; whoever has no files calls it now and then.
    pub fn check_expiry(&self) {
        let Ok(Snapshot { generation, prepared }) = self.snapshot() else { return };
        let at = self.now();
        let expiring = lock(&self.0.expiry).check(&prepared, at);
        if expiring.is_empty() {
            return;
        }
        let mut publishing = lock(&self.0.publishing);
        for certificate in expiring {
            tracing::warn!(target: "uptls", "{certificate}");
            let kind = EventKind::Expiring(certificate);
            publishing.events.push(Event { at, generation, kind, trust_reduced: false });
        }
    }

    fn now(&self) -> i64 {
        seconds(self.0.runtime.now())
    }

    /// Sessions of a fingerprint that is no longer published are dead weight (H6).
    fn forget_sessions(&self, published: &Published) {
        if let Some(prepared) = &published.prepared {
            prepared.runtime().sessions().forget(prepared.fingerprint());
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

impl Update<'_> {
    /// Publishes what was made of the policy called `name`, unless it was withdrawn meanwhile.
    fn finish(self, name: Option<&str>, prepared: Result<Arc<Prepared>, Problems>) -> Result<Generation, Problems> {
        let shared = &self.connector.0;
        let mut publishing = lock(&shared.publishing);
        if publishing.withdrawals != self.withdrawals {
            return Err(problem(name, PolicyErrorKind::Withdrawn));
        }
        let (at, current) = (self.connector.now(), shared.current.load());
        let (next, result) = match prepared {
            Ok(prepared) => {
                let next = current.followed_by(prepared);
                let generation = next.generation;
                (next, Ok(generation))
            }
            Err(reason) => {
                tracing::warn!(target: "uptls", code = reason.code().as_str(), "update refused: {reason}");
                (current.after_invalid(reason.clone(), at, shared.on_invalid), Err(reason))
            }
        };
        if next.generation != current.generation {
            self.connector.forget_sessions(&current);
        }
        publishing.events.extend(event::between(&current, &next, at));
        shared.current.store(Arc::new(next));
        result
    }

    /// R3: the material is gone. Nothing if somebody else withdrew the policy meanwhile.
    fn withdraw(self, reason: Problems) -> Option<u64> {
        let mut publishing = lock(&self.connector.0.publishing);
        if publishing.withdrawals != self.withdrawals {
            return None;
        }
        tracing::warn!(target: "uptls", code = reason.code().as_str(), "withdrawn: {reason}");
        self.connector.withdraw_locked(&mut publishing, Some(reason));
        Some(publishing.withdrawals)
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

fn problem(policy: Option<&str>, kind: PolicyErrorKind) -> Problems {
    Problems::new(policy.map(str::to_owned), Problem::Policy(PolicyError::new("", kind)), Vec::new())
}

/// Locks do not poison: one caught panic must not end rotation (T8).
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
