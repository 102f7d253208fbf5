//! How open connections are told to end: those that the policy of now would refuse (R11).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;
use uptls::{DrainPlan, Error, OpenConnection};

use super::route::Route;

/// The open connections of a route, by their numbers.
#[derive(Default)]
pub(super) struct Closers(Mutex<HashMap<u64, oneshot::Sender<Error>>>);

/// A connection that can be told to end, until this is dropped.
pub(super) struct Closable<'a> {
    closers: &'a Closers,
    open: OpenConnection,
    told: oneshot::Receiver<Error>,
}

impl Closers {
    pub(super) fn add(&self, open: OpenConnection) -> Closable<'_> {
        let (tell, told) = oneshot::channel();
        self.lock().insert(open.id(), tell);
        Closable { closers: self, open, told }
    }

    fn close(&self, id: u64, why: Error) {
        if let Some(tell) = self.lock().remove(&id) {
            // It may have ended just now.
            let _ = tell.send(why);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Error>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Closable<'_> {
    /// Why the connection must end, once it must.
    pub(super) async fn refused(&mut self) -> Error {
        match (&mut self.told).await {
            Ok(why) => why,
            Err(_) => core::future::pending().await,
        }
    }
}

impl Drop for Closable<'_> {
    fn drop(&mut self) {
        self.closers.lock().remove(&self.open.id());
    }
}

/// Judges the open connections of a route once more, and ends those that fail, spread over [`WINDOW`]. Gives their number and
/// why the first of them fails.
pub(super) async fn reconsider(route: &Arc<Route>) -> Option<(usize, Error)> {
    let judging = Arc::clone(route);
    // Thousands of chains take a while.
    let reconsidered = tokio::task::spawn_blocking(move || judging.connector.reconsider()).await.ok()??;
    let why = |rejection: &uptls::Rejection| Error::Rejected(Box::new(rejection.clone()));
    let first = why(&reconsidered.refused.first()?.rejection);
    let count = reconsidered.refused.len();
    let plan = DrainPlan::new(u32::try_from(count).unwrap_or(u32::MAX), WINDOW, u64::from(std::process::id()));
    let route = Arc::clone(route);
    tokio::spawn(async move {
        let mut waited = Duration::ZERO;
        for (refused, delay) in reconsidered.refused.iter().zip(plan.delays()) {
            sleep(delay.saturating_sub(waited)).await;
            waited = waited.max(delay);
            route.closers.close(refused.id, why(&refused.rejection));
        }
    });
    Some((count, first))
}

/// Over how long they end, so that their successors do not come all at once.
const WINDOW: Duration = Duration::from_secs(10);
