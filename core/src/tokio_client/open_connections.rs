//! Open connections that end once the policy of now would refuse their peers (R11), spread over time.

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::connect::Evidence;
use crate::error::{Error, Rejection};
use crate::name::BackendHost;
use crate::rotate::{Connector, DrainPlan, OpenConnection, Reconsidered, RefusedConnection};
use crate::sync::{Mutex, lock};

/// The open connections of a connector, each of which can be told that it must end. A clone is cheap, and the same set.
///
/// ```no_run
/// use uptls::tokio_client::{AsyncStream, OpenConnections};
/// use uptls::{BackendHost, Connector};
///
/// async fn serve(open: OpenConnections, host: BackendHost, mut stream: AsyncStream<tokio::net::TcpStream>) {
///     let mut closable = open.add(&host, stream.evidence());
///     let mut nowhere = tokio::io::sink();
///     tokio::select! {
///         why = closable.refused() => eprintln!("closed: {why}"),
///         _ = tokio::io::copy(&mut stream, &mut nowhere) => {}
///     }
/// }
///
/// /// Call it after each change of the policy.
/// async fn changed(open: &OpenConnections) {
///     open.reconsider(OpenConnections::WINDOW).await;
/// }
/// ```
#[derive(Clone)]
pub struct OpenConnections(Arc<Shared>);

/// A connection of [`OpenConnections`]. Drop it when the connection ends.
pub struct Closable {
    of: Arc<Shared>,
    open: OpenConnection,
    refused: Option<Error>,
    told: oneshot::Receiver<Error>,
}

struct Shared {
    connector: Connector,
    /// Whether a task is about to judge what a publication overtook.
    is_judging: AtomicBool,
    tellers: Mutex<HashMap<u64, Teller>>,
}

struct Teller {
    /// Whether a task is about to tell it.
    is_due: bool,
    tell: oneshot::Sender<Error>,
}

/// Why each connection that would be refused would be.
type Refused = HashMap<u64, Arc<Rejection>>;

impl OpenConnections {
    /// Over how long connections end, unless there is a reason for another time: their successors do not come all at once.
    pub const WINDOW: Duration = Duration::from_secs(10);

    /// None yet.
    pub fn of(connector: &Connector) -> Self {
        let (connector, is_judging, tellers) = (connector.clone(), AtomicBool::default(), Mutex::default());
        Self(Arc::new(Shared { connector, is_judging, tellers }))
    }

    /// Notes a connection, as [`Connector::opened`] does. A publication may have overtaken its handshake (R1), and what judged open
    /// connections then did not know of this one: it is judged now.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer on, if it was overtaken.
    pub fn add(&self, host: &BackendHost, evidence: &Evidence) -> Closable {
        let open = self.0.connector.opened(host, &evidence.peer);
        let (tell, told) = oneshot::channel();
        lock(&self.0.tellers).insert(open.id(), Teller { is_due: false, tell });
        let closable = Closable { of: Arc::clone(&self.0), open, refused: None, told };
        // After it is noted: a publication from here on finds it.
        if !self.0.connector.is_current(evidence) {
            self.judge_overtaken();
        }
        closable
    }

    /// All that one publication overtakes is judged together.
    fn judge_overtaken(&self) {
        if self.0.is_judging.swap(true, Ordering::SeqCst) {
            return;
        }
        let open = self.clone();
        tokio::spawn(async move {
            // Before it looks: what is noted from here on begins another task.
            open.0.is_judging.store(false, Ordering::SeqCst);
            open.reconsider(Self::WINDOW).await;
        });
    }

    /// Judges the peers of all open connections by the policy of now ([`Connector::reconsider`]), and begins to tell those that fail,
    /// spread over `window`. If the policy changes meanwhile, they are judged once more, and those that are accepted again stay.
    /// It gives those of this set: a pool of the same connector tells its own.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer on.
    pub async fn reconsider(&self, window: Duration) -> Option<Reconsidered> {
        let mut reconsidered = judge(&self.0.connector).await?;
        let due: Vec<u64> = {
            let mut tellers = lock(&self.0.tellers);
            reconsidered.refused.retain(|refused| tellers.contains_key(&refused.id));
            let mut is_new =
                |id: u64| tellers.get_mut(&id).is_some_and(|teller| !core::mem::replace(&mut teller.is_due, true));
            reconsidered.refused.iter().map(|refused| refused.id).filter(|id| is_new(*id)).collect()
        };
        if !due.is_empty() {
            let shared = Arc::clone(&self.0);
            let (generation, refused) = (reconsidered.generation, refused(&reconsidered));
            tokio::spawn(async move { shared.tell(due, window, generation, refused).await });
        }
        Some(reconsidered)
    }
}

impl Shared {
    async fn tell(&self, due: Vec<u64>, window: Duration, mut judged: crate::Generation, mut refusals: Refused) {
        let plan = DrainPlan::new(u32::try_from(due.len()).unwrap_or(u32::MAX), window, u64::from(std::process::id()));
        let mut waited = Duration::ZERO;
        for (id, delay) in due.into_iter().zip(plan.delays()) {
            sleep(delay.saturating_sub(waited)).await;
            waited = waited.max(delay);
            // Without a policy there is no newer verdict.
            if self.connector.generation() != judged
                && let Some(again) = judge(&self.connector).await
            {
                (judged, refusals) = (again.generation, refused(&again));
            }
            self.tell_one(id, refusals.get(&id));
        }
    }

    fn tell_one(&self, id: u64, rejection: Option<&Arc<Rejection>>) {
        let mut tellers = lock(&self.tellers);
        match rejection {
            // It may have ended just now.
            Some(rejection) => {
                let teller = tellers.remove(&id);
                drop(tellers);
                let why = || Error::Rejected(Box::new(Rejection::clone(rejection)));
                drop(teller.map(|teller| teller.tell.send(why())));
            }
            None => {
                if let Some(teller) = tellers.get_mut(&id) {
                    teller.is_due = false;
                }
            }
        }
    }
}

impl Closable {
    /// The number of [`OpenConnection::id`].
    pub fn id(&self) -> u64 {
        self.open.id()
    }

    /// Why the connection must end, once it must: the rejection of its peer by the policy of now.
    pub async fn refused(&mut self) -> Error {
        poll_fn(|cx| self.poll_refused(cx)).await
    }

    /// The same for a `poll` method.
    pub fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        if let Some(why) = &self.refused {
            return Poll::Ready(why.clone());
        }
        match Pin::new(&mut self.told).poll(cx) {
            Poll::Ready(Ok(why)) => Poll::Ready(self.refused.insert(why).clone()),
            // Its teller lives as long as this, unless it has told.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    }

    /// The same at once, without a task to wake.
    #[cfg(feature = "hyper")]
    pub(crate) fn try_refused(&mut self) -> Option<Error> {
        if self.refused.is_none() {
            self.refused = self.told.try_recv().ok();
        }
        self.refused.clone()
    }
}

impl Drop for Closable {
    fn drop(&mut self) {
        lock(&self.of.tellers).remove(&self.open.id());
    }
}

impl core::fmt::Debug for OpenConnections {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OpenConnections").field("open", &lock(&self.0.tellers).len()).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for Closable {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Closable").field("open", &self.open).field("refused", &self.refused).finish_non_exhaustive()
    }
}

/// Thousands of chains take a while, and would hold up the tasks of this thread.
async fn judge(connector: &Connector) -> Option<Reconsidered> {
    let connector = connector.clone();
    tokio::task::spawn_blocking(move || connector.reconsider()).await.ok()?
}

fn refused(reconsidered: &Reconsidered) -> Refused {
    let entry = |RefusedConnection { id, rejection }: &RefusedConnection| (*id, Arc::clone(rejection));
    reconsidered.refused.iter().map(entry).collect()
}
