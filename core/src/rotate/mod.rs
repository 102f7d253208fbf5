//! Publishing: a connector holds the current generation of one policy, and replaces it whole.

mod audit;
mod drain;
mod event;
mod event_facts;
mod expiry;
mod files;
mod key_log;
mod news;
mod on_demand;
mod open;
mod published;
mod reduced;
mod registry;
mod source;
mod standing;
mod state;
mod step;
mod tell;
mod update;
pub(crate) mod watch;

pub(crate) use audit::{Audit, Presented, ShadowRefusal};
pub use audit::{AuditReport, AuditSample};
pub use drain::DrainPlan;
pub use event::{Event, EventKind};
pub use event_facts::{EventFacts, ExpiringFacts};
pub use expiry::{ExpiringCertificate, ExpiryMark};
pub use files::watched_directories;
pub(crate) use key_log::KeyLog;
pub use open::{OpenConnection, Reconsidered, RefusedConnection};
pub use registry::{Registry, Synced};
pub use source::{FileSource, PollOutcome, Polled};
pub use state::{ConnectorState, OnInvalid};
#[cfg(unix)]
pub use watch::{AskedWatch, DispatchedWatch};
pub use watch::{Watch, WatchState, WatchedFiles, WatchedSource};

use core::fmt;
use core::mem;
#[cfg(feature = "hyper")]
use core::task::Waker;
use std::sync::{Arc, OnceLock};

use crate::error::{Error, Misuse, PolicyError, PolicyErrorKind, Problem, Problems};
use crate::generation::Generation;
use crate::policy::UpstreamTlsPolicy;
use crate::prepare::{Files, Prepared};
use crate::runtime::Runtime;
use crate::session::Publication;
use crate::sync::{ArcSwap, Mutex, MutexGuard, lock};
use crate::time::seconds;
use event::EventQueue;
use news::Listener;
use on_demand::OnDemand;
use published::{Content, Published};
use standing::{Awaited, Documents, Standing, Word};

/// Makes verified connections by the current generation of one policy. A clone is cheap, and the same connector.
///
/// Each connection takes one snapshot and keeps it (R1): an update never changes a connection that exists (R7).
///
/// ```
#[doc = include_str!("../../doc/policy.txt")]
/// use std::net::TcpListener;
/// use uptls::{BackendHost, ConnectOptions, Connector};
///
/// let connector = Connector::new(&runtime, &policy)?;
/// assert_eq!((connector.generation().number(), connector.state().as_str()), (1, "ready"));
///
/// // A port that refuses: the error says so, and nothing was sent.
/// let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
/// let host = BackendHost::parse("payments.internal")?;
/// let error = connector.connect_blocking(address, &host, &ConnectOptions::default()).err().unwrap();
/// assert_eq!(error.code().as_str(), "tcp_refused");
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Connector(Arc<Shared>);

struct Shared {
    current: ArcSwap<Published>,
    /// Of the registry that it belongs to.
    listener: OnceLock<Listener>,
    /// A gateway has a hundred thousand connectors, and most of them never need it.
    on_demand: OnceLock<Box<OnDemand>>,
    on_invalid: OnInvalid,
    /// Held for the few instructions of publishing.
    publishing: Mutex<Publishing>,
    runtime: Runtime,
    /// Held while an update is validated, so that updates are published in the order in which they came.
    updating: Mutex<()>,
}

/// Its generation and the kind of its state.
pub(crate) type Mark = (Generation, mem::Discriminant<ConnectorState>);

#[derive(Default)]
struct Publishing {
    events: EventQueue,
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
        Ok(Self::of_prepared(prepared, on_invalid))
    }

    /// Publishes `prepared` as the first generation, without reading anything again: what was judged with offline is what
    /// connects. The connector's runtime is that of `prepared`, for good.
    pub fn of_prepared(prepared: Arc<Prepared>, on_invalid: OnInvalid) -> Self {
        let runtime = prepared.runtime().clone();
        let mut published = Published::empty();
        published.documents.publish(prepared.policy());
        published.show(prepared);
        Self::publish_first(&runtime, on_invalid, published)
    }

    /// A connector for a policy that cannot be used yet: connections fail with `policy_not_ready` until an update succeeds,
    /// or the files of the first [`FileSource`] are good.
    pub fn not_ready(runtime: &Runtime, reason: Problems, on_invalid: OnInvalid) -> Self {
        let mut published = Published::empty();
        published.documents.awaited = Awaited::Any;
        let at = seconds(runtime.now());
        published.change_standing(|standing| standing.caller.refuse(reason.clone(), at));
        // The beginning is no event, and yet a line of the log: the same refusal later is no news (R10).
        let kind = EventKind::NotReady { reason: reason.clone(), since: at };
        Event { at, generation: published.generation, kind, trust_reduced: false }.log(reason.policy());
        Self::publish_first(runtime, on_invalid, published)
    }

    fn publish_first(runtime: &Runtime, on_invalid: OnInvalid, mut published: Published) -> Self {
        published.settle(on_invalid);
        let connector = Self(Arc::new(Shared {
            current: ArcSwap::from_pointee(published),
            listener: OnceLock::new(),
            on_demand: OnceLock::new(),
            on_invalid,
            publishing: Mutex::default(),
            runtime: runtime.clone(),
            updating: Mutex::default(),
        }));
        connector.tell_first();
        connector
    }

    /// Validates `policy` and its material, then publishes it (R2). Equal content is no new generation (R5, R9). It ends what
    /// stopped the connector, a refusal or a withdrawal; sources of the policy before do nothing any more
    /// ([`PollOutcome::Superseded`]).
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// use uptls::{Connector, ServerNameRule};
    ///
    /// let connector = Connector::new(&runtime, &policy)?;
    /// assert_eq!(connector.update(&policy)?.number(), 1, "equal content is no new generation");
    /// let nameless = UpstreamTlsPolicy::builder().add_ca_file("../examples/refused/ca.pem").build()?;
    /// assert_eq!(connector.update(&nameless)?.number(), 2);
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Problems`] of the new policy: the last good generation then stays, in the state
    /// [`Degraded`](ConnectorState::Degraded), or with [`OnInvalid::FailClosed`] new connections fail, until an update
    /// succeeds or a [`FileSource`] of this policy finds its files good; `policy_withdrawn` if [`Connector::withdraw`] was
    /// called meanwhile. What was withdrawn stays so. Where a file could not be read for want of descriptors or memory, the
    /// connector goes on as it was: update it again, or [`Connector::refuse`] the update.
    pub fn update(&self, policy: &UpstreamTlsPolicy) -> Result<Generation, Problems> {
        self.update_of(policy, Files::AsNeeded)
    }

    /// The same, with the choice of where the content of files comes from.
    fn update_of(&self, policy: &UpstreamTlsPolicy, files: Files<'_>) -> Result<Generation, Problems> {
        let update = self.begin_update();
        let prepared = self.0.runtime.prepare_of(policy, files);
        update.document(policy, prepared)
    }

    /// As [`Connector::update`], with a policy that is already prepared.
    ///
    /// # Errors
    /// [`Error::Misuse`] for a policy that another [`Runtime`] prepared: until the next reading of a file, that
    /// runtime's clock and system roots would decide. Prepare the policy with [`Connector::runtime`].
    /// [`Error::Policy`], `policy_withdrawn`, if [`Connector::withdraw`] was called meanwhile.
    pub fn publish(&self, prepared: Arc<Prepared>) -> Result<Generation, Error> {
        check_runtime(&prepared, &self.0.runtime)?;
        let policy = prepared.policy().clone();
        Ok(self.begin_update().document(&policy, Ok(prepared))?)
    }

    /// Reports an update that the program could not even load: a document that does not parse, a resolution that is
    /// invalid. It counts as an invalid update (R2): the last good generation stays, or with [`OnInvalid::FailClosed`]
    /// new connections fail, with these problems as the reason. A withdrawn policy stays withdrawn. Only a successful
    /// update ends the refusal; no [`FileSource`] does.
    pub fn refuse(&self, problems: Problems) {
        self.begin_update().refuse(problems);
    }

    /// The runtime that it was made with.
    pub fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    /// Ends the policy: new connections fail at once with `policy_withdrawn` (R3), and existing ones stay open (R7).
    /// Only a later successful [`Connector::update`] or [`Connector::publish`] publishes again.
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// use uptls::{BackendHost, ConnectOptions, Connector};
    ///
    /// let connector = Connector::new(&runtime, &policy)?;
    /// connector.withdraw();
    /// let error = connector.begin(&BackendHost::parse("payments.internal")?, &ConnectOptions::default()).unwrap_err();
    /// assert_eq!(error.code().as_str(), "policy_withdrawn");
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn withdraw(&self) {
        let mut publishing = lock(&self.0.publishing);
        publishing.withdrawals += 1;
        let mut next = self.0.current.load().without_content();
        next.documents = Documents { count: next.documents.count, ..Documents::default() };
        let since = match next.standing().caller {
            Word::Withdrawn { since } => since,
            Word::Good | Word::Refused { .. } => self.now(),
        };
        next.change_standing(|standing| *standing = Standing { caller: Word::Withdrawn { since }, files: Word::Good });
        self.replace(publishing, next, None);
    }

    /// The one atomic store, its events, and the end of sessions that no connector publishes any more (R1, R7, L8).
    /// `gone` says what is, of a withdrawal. The log is told when the lock is free: a subscriber may be slow, or ask
    /// this connector.
    fn replace(
        &self,
        mut publishing: MutexGuard<'_, Publishing>,
        mut next: Published,
        gone: Option<Problems>,
    ) -> Arc<Published> {
        next.settle(self.0.on_invalid);
        let (current, next) = (self.0.current.load_full(), Arc::new(next));
        let at = self.now();
        let events = event::between(&current, &next, at, gone);
        publishing.events.extend(events.iter().cloned());
        let stays = next.content.as_ref().map(|content| Arc::clone(&content.publication));
        self.0.current.store(Arc::clone(&next));
        if let Some(Content { publication, .. }) = &current.content
            && !stays.is_some_and(|stays| Arc::ptr_eq(&stays, publication))
        {
            publication.end();
        }
        drop(publishing);
        if let Some(on_demand) = self.0.on_demand.get() {
            on_demand.waiting.wake();
        }
        events.iter().for_each(|event| event.log(next.name.as_deref()));
        if !events.is_empty() {
            self.tell();
        }
        self.tell_replaced(&current, &next, &events, at);
        next
    }

    /// Wakes the task after the next change of what is published. It takes no event from anybody.
    #[cfg(feature = "hyper")]
    pub(crate) fn wake_when_published(&self, waker: &Waker) {
        self.on_demand().waiting.wait(waker);
    }

    /// The oldest event that is waiting; `None` if there is none. Clones of a connector share its events, and each
    /// event is taken once. The first generation is no event.
    ///
    /// The connector keeps at most 32 events. It drops the oldest first, and counts them ([`Connector::lost_events`]).
    /// The next event takes over `trust_reduced` from a lost one.
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// # fn drain() {}
    /// let connector = uptls::Connector::new(&runtime, &policy)?;
    /// while let Some(event) = connector.next_event() {
    ///     println!("{}", event.to_json());
    ///     if event.trust_reduced {
    ///         drain();
    ///     }
    /// }
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn next_event(&self) -> Option<Event> {
        lock(&self.0.publishing).events.pop()
    }

    /// How many events were lost since the connector was made, because the program did not take them in time.
    pub fn lost_events(&self) -> u64 {
        lock(&self.0.publishing).events.lost()
    }

    /// R8: an event for each bundle entry and for the identity that comes near its end by the runtime's clock, each mark
    /// once. [`FileSource::poll`] does this, too; a program without files calls it now and then.
    pub fn check_expiry(&self) {
        let Ok(Snapshot { generation, prepared, .. }) = self.snapshot() else { return };
        let at = self.now();
        let is_silent = || self.0.on_demand.get().is_none_or(|on_demand| lock(&on_demand.expiry).is_silent());
        if at < expiry::first_mark(&prepared) && is_silent() {
            return;
        }
        let expiring = lock(&self.on_demand().expiry).check(&prepared, at);
        if expiring.is_empty() {
            return;
        }
        let event =
            |certificate| Event { at, generation, kind: EventKind::Expiring(certificate), trust_reduced: false };
        let events: Vec<_> = expiring.into_iter().map(event).collect();
        lock(&self.0.publishing).events.extend(events.iter().cloned());
        events.iter().for_each(|event| event.log(prepared.policy().name()));
        self.tell();
        tell::tell_events(self.0.runtime.observers(), prepared.policy().name(), &events);
    }

    fn on_demand(&self) -> &OnDemand {
        self.0.on_demand.get_or_init(Box::default)
    }

    fn is_withdrawn_by_caller(&self) -> bool {
        self.0.current.load().standing().caller.is_withdrawn()
    }

    fn now(&self) -> i64 {
        seconds(self.0.runtime.now())
    }

    /// What a change of is a change of the connector.
    pub(crate) fn mark(&self) -> Mark {
        let current = self.0.current.load();
        (current.generation, mem::discriminant(current.state()))
    }

    /// The number of the current generation: it grows with each publication of other content.
    pub fn generation(&self) -> Generation {
        self.0.current.load().generation
    }

    /// Whether it makes connections, and if not, why.
    ///
    /// ```
    #[doc = include_str!("../../doc/policy.txt")]
    /// let connector = uptls::Connector::new(&runtime, &policy)?;
    /// assert_eq!((connector.state().as_str(), connector.generation().number()), ("ready", 1));
    /// # }
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// ```
    pub fn state(&self) -> ConnectorState {
        self.0.current.load().state().clone()
    }

    /// The policy of new connections; `None` unless the state is ready or degraded.
    pub fn prepared(&self) -> Option<Arc<Prepared>> {
        self.snapshot().ok().map(|snapshot| snapshot.prepared)
    }

    /// What one connection is made with, from beginning to end (R1).
    pub(crate) fn snapshot(&self) -> Result<Snapshot, Error> {
        let current = self.0.current.load();
        let name = current.name.as_deref();
        let kind = match (current.state(), &current.content) {
            (ConnectorState::Degraded { .. } | ConnectorState::Ready, Some(content)) => {
                let Content { prepared, publication } = content.clone();
                let (audit, generation, key_log) = (self.auditing(), current.generation, self.key_log());
                return Ok(Snapshot { audit, generation, key_log, prepared, publication });
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
            .field("state", current.state())
            .finish_non_exhaustive()
    }
}

/// One generation, as a connection holds it.
pub(crate) struct Snapshot {
    pub(crate) audit: Option<Arc<Audit>>,
    pub(crate) generation: Generation,
    pub(crate) key_log: Option<Arc<KeyLog>>,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) publication: Arc<Publication>,
}

fn problem(policy: Option<&str>, kind: PolicyErrorKind) -> Problems {
    Problems::new(policy.map(str::to_owned), Problem::Policy(PolicyError::new("", kind)), Vec::new())
}

/// Refuses what another runtime prepared.
fn check_runtime(prepared: &Prepared, runtime: &Runtime) -> Result<(), Error> {
    if prepared.runtime().is(runtime) {
        return Ok(());
    }
    let what = "the policy was prepared by another Runtime than the connector's; prepare it with Connector::runtime()";
    Err(Misuse::new(what).into())
}
