//! Observations that wait to be taken: for faces without callbacks, and for observers that take their time.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::{
    CertificateExpiring, ConnectionAbandoned, ConnectionClosed, ConnectionCondemned, ConnectionFailed,
    ConnectionOpened, ConnectorChanged, GenerationPublished, HandshakeStarted, Observer, PolicyRecovered,
    PolicyWithdrawn, ShadowRefused, UpdateRefused,
};

/// An observer of one runtime that keeps what it is told, in JSON, until it is taken: at most so many; the oldest are dropped and
/// counted.
///
/// ```
#[doc = include_str!("../../doc/policy.txt")]
/// use std::sync::Arc;
/// use uptls::{Connector, ObservationQueue, Runtime};
///
/// let queue = Arc::new(ObservationQueue::new(1024));
/// let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).observer(Arc::clone(&queue)).build();
/// let connector = Connector::new(&runtime, &policy)?;
/// let published = queue.next().unwrap();
/// assert_eq!(published.name, "generation_published");
/// assert!(published.json.contains("\"generation\":1"));
/// # let _ = connector;
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ObservationQueue {
    kept: Mutex<Kept>,
    came: Condvar,
}

/// What one method of an [`Observer`] was told.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Observation {
    /// The name of the method: `connection_opened`.
    pub name: &'static str,
    /// One JSON object on one line: the fields of the structure, and its name as `observation`. Fields without a value
    /// are absent; durations are in seconds, times in unix seconds.
    pub json: String,
}

#[derive(Debug, Default)]
struct Kept {
    closed: bool,
    lost: u64,
    most: usize,
    observations: VecDeque<Observation>,
}

#[derive(Serialize)]
struct Document<'a, T> {
    observation: &'static str,
    #[serde(flatten)]
    facts: &'a T,
}

impl ObservationQueue {
    /// Keeps at most `most`; with 0 it keeps nothing, until [`ObservationQueue::keep`].
    pub fn new(most: usize) -> Self {
        Self { kept: Mutex::new(Kept { most, ..Kept::default() }), came: Condvar::new() }
    }

    /// Keeps at most `most` from now on.
    pub fn keep(&self, most: usize) {
        let mut kept = self.lock();
        kept.most = most;
        kept.trim();
    }

    /// The oldest one that waits.
    pub fn next(&self) -> Option<Observation> {
        self.lock().observations.pop_front()
    }

    /// The same; waits for one, so long at most. `None` at once if the runtime is gone and nothing waits.
    pub fn wait(&self, timeout: Duration) -> Option<Observation> {
        let nothing = |kept: &mut Kept| kept.observations.is_empty() && !kept.closed;
        let waited = self.came.wait_timeout_while(self.lock(), timeout, nothing);
        waited.unwrap_or_else(PoisonError::into_inner).0.observations.pop_front()
    }

    /// Whether the runtime is gone: what waits is all that there is.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many were dropped, because they were not taken in time.
    pub fn lost(&self) -> u64 {
        self.lock().lost
    }

    fn push(&self, name: &'static str, facts: &impl Serialize) {
        {
            let kept = self.lock();
            if kept.most == 0 || kept.closed {
                return;
            }
        }
        // A document of these fields has a text.
        let json = serde_json::to_string(&Document { observation: name, facts }).unwrap_or_default();
        let mut kept = self.lock();
        kept.observations.push_back(Observation { name, json });
        kept.trim();
        drop(kept);
        self.came.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn trim(&mut self) {
        while self.observations.len() > self.most {
            self.observations.pop_front();
            self.lost += 1;
        }
    }
}

impl Observer for ObservationQueue {
    fn handshake_started(&self, started: &HandshakeStarted<'_>) {
        self.push("handshake_started", started);
    }

    fn connection_opened(&self, opened: &ConnectionOpened<'_>) {
        self.push("connection_opened", opened);
    }

    fn connection_failed(&self, failed: &ConnectionFailed<'_>) {
        self.push("connection_failed", failed);
    }

    fn connection_abandoned(&self, abandoned: &ConnectionAbandoned<'_>) {
        self.push("connection_abandoned", abandoned);
    }

    fn shadow_refused(&self, refused: &ShadowRefused<'_>) {
        self.push("shadow_refused", refused);
    }

    fn connection_condemned(&self, condemned: &ConnectionCondemned<'_>) {
        self.push("connection_condemned", condemned);
    }

    fn connection_closed(&self, closed: &ConnectionClosed<'_>) {
        self.push("connection_closed", closed);
    }

    fn generation_published(&self, published: &GenerationPublished<'_>) {
        self.push("generation_published", published);
    }

    fn update_refused(&self, refused: &UpdateRefused<'_>) {
        self.push("update_refused", refused);
    }

    fn policy_recovered(&self, recovered: &PolicyRecovered<'_>) {
        self.push("policy_recovered", recovered);
    }

    fn policy_withdrawn(&self, withdrawn: &PolicyWithdrawn<'_>) {
        self.push("policy_withdrawn", withdrawn);
    }

    fn certificate_expiring(&self, expiring: &CertificateExpiring<'_>) {
        self.push("certificate_expiring", expiring);
    }

    fn connector_changed(&self, changed: &ConnectorChanged<'_>) {
        self.push("connector_changed", changed);
    }

    fn ended(&self) {
        self.lock().closed = true;
        self.came.notify_all();
    }
}
