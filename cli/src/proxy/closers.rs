//! How open connections are told to end: those that the policy of now would refuse (R11).

use core::pin::Pin;
use core::task::{Context, Poll};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;
use uptls::{DrainPlan, Error, OpenConnection};

use super::route::Route;

/// The open connections of a route, by their numbers.
#[derive(Clone, Default)]
pub(super) struct Closers(Arc<Mutex<HashMap<u64, oneshot::Sender<Error>>>>);

/// A connection that can be told to end, until this is dropped.
pub(super) struct Closable {
    closers: Closers,
    open: OpenConnection,
    /// `None` once it can tell nothing more.
    told: Option<oneshot::Receiver<Error>>,
}

impl Closers {
    pub(super) fn add(&self, open: OpenConnection) -> Closable {
        let (tell, told) = oneshot::channel();
        self.lock().insert(open.id(), tell);
        Closable { closers: self.clone(), open, told: Some(told) }
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

impl Closable {
    /// Why the connection must end, once it must.
    pub(super) fn poll_refused(&mut self, cx: &mut Context<'_>) -> Poll<Error> {
        let Some(told) = &mut self.told else { return Poll::Pending };
        let Poll::Ready(why) = Pin::new(told).poll(cx) else { return Poll::Pending };
        self.told = None;
        why.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Closable {
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
