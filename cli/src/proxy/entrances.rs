//! Where HTTP requests come in: listeners, each with the routes of its requests.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use super::http::{self, Shared, Table};
use super::listen::Listener;
use super::live::Stage;
use super::log::AccessLog;
use super::route::Route;

/// All of them, by what was to be listened on.
#[derive(Default)]
pub(super) struct Entrances(BTreeMap<String, Entrance>);

struct Entrance {
    accepting: AbortHandle,
    /// Without it the clients of the listener are told to leave.
    table: watch::Sender<Arc<Table>>,
}

/// What a new one needs.
pub(super) struct Means<'a> {
    pub(super) log: &'a Arc<AccessLog>,
    pub(super) max_connections: u32,
    pub(super) stage: &'a watch::Sender<Stage>,
    pub(super) tasks: &'a TaskTracker,
    pub(super) threads: &'a tokio::runtime::Handle,
}

impl Entrances {
    /// Lets requests come in for these routes, and for no others.
    pub(super) fn direct(&mut self, routes: Vec<(Arc<Listener>, Arc<Route>)>, means: &Means<'_>) {
        let mut directed: BTreeMap<String, (Arc<Listener>, Vec<Arc<Route>>)> = BTreeMap::new();
        for (listener, route) in routes {
            let place = route.spec.listen.to_string();
            directed.entry(place).or_insert_with(|| (listener, Vec::new())).1.push(route);
        }
        for (_, gone) in self.0.extract_if(.., |place, _| !directed.contains_key(place)) {
            gone.accepting.abort();
        }
        for (place, (listener, routes)) in directed {
            let table = Arc::new(Table::new(routes));
            match self.0.get(&place) {
                Some(entrance) => drop(entrance.table.send_replace(table)),
                None => drop(self.0.insert(place.clone(), means.open(listener, place, table))),
            }
        }
    }

    /// No more clients come in. Those that are there stay.
    pub(super) fn close(&self) {
        self.0.values().for_each(|entrance| entrance.accepting.abort());
    }
}

impl Means<'_> {
    fn open(&self, listener: Arc<Listener>, place: String, table: Arc<Table>) -> Entrance {
        let (table, current) = watch::channel(table);
        let most = usize::try_from(self.max_connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let shared = Shared {
            log: Arc::clone(self.log),
            permits: Arc::new(Semaphore::new(most)),
            stage: self.stage.subscribe(),
            table: current,
            tasks: self.tasks.clone(),
        };
        let accepting = self.threads.spawn(http::accept(listener, place, shared)).abort_handle();
        Entrance { accepting, table }
    }
}
