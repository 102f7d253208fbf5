//! The routes that work: they are made together, follow their documents, and end together.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use uptls::{FileSource, Metrics, OnInvalid, Problems, Registry, Runtime, UpstreamTlsPolicy, Watch, WatchedSource};

use super::args::ProxyArgs;
use super::connection;
use super::http::{self, Shared, Table};
use super::listen::Listener;
use super::log::{AccessLog, tell};
use super::route::{Route, RouteSpec};
use super::routes;
use crate::print::printable;

/// All routes.
pub(super) struct Proxy {
    args: ProxyArgs,
    stage: watch::Sender<Stage>,
    log: Arc<AccessLog>,
    /// Of all connections, whatever their route.
    metrics: Arc<Metrics>,
    registry: Registry,
    runtime: Runtime,
    state: Mutex<State>,
    tasks: TaskTracker,
    /// Where tasks run that a thread outside of the runtime begins.
    threads: tokio::runtime::Handle,
    watch: Watch,
}

/// How far the proxy has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Stage {
    Serving,
    /// It takes no more clients.
    Draining,
    /// What is still open ends now.
    Ended,
}

#[derive(Default)]
struct State {
    /// The document with routes, as it was last read: text, or why there is none.
    document: Option<Result<String, String>>,
    /// Where requests come in, by what was to be listened on.
    entrances: BTreeMap<String, Entrance>,
    routes: BTreeMap<String, Live>,
}

/// A listener for HTTP, and the routes of its requests.
struct Entrance {
    accepting: AbortHandle,
    /// With it go the idle connections of its clients.
    table: watch::Sender<Arc<Table>>,
}

/// One route, with what belongs to it.
struct Live {
    /// `None`: its clients come in by an [`Entrance`].
    accepting: Option<AbortHandle>,
    followed: WatchedSource,
    judged: Result<[u8; 32], Problems>,
    /// `None` once no more clients are taken.
    listener: Option<Arc<Listener>>,
    route: Arc<Route>,
}

/// Why routes are not taken.
pub(super) enum Refused {
    Policy { route: String, problems: Problems },
    Routes(String),
}

/// A route that is wanted and not yet live.
struct Wanted {
    listener: Arc<Listener>,
    policy: UpstreamTlsPolicy,
    spec: RouteSpec,
}

impl Proxy {
    /// Without routes, within the runtime of tokio that will serve them.
    pub(super) fn new(args: &ProxyArgs, on_invalid: OnInvalid, log: AccessLog) -> io::Result<Self> {
        let metrics = Arc::new(Metrics::default());
        let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).observer(Arc::clone(&metrics)).build();
        Ok(Self {
            args: args.clone(),
            stage: watch::Sender::new(Stage::Serving),
            log: Arc::new(log),
            metrics,
            registry: Registry::new(&runtime, on_invalid),
            runtime,
            state: Mutex::default(),
            tasks: TaskTracker::new(),
            threads: tokio::runtime::Handle::current(),
            watch: uptls::watch::start([])?,
        })
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The text of the library's metrics, without a label for a route.
    pub(super) fn library_metrics(&self) -> String {
        self.metrics.prometheus_text(&self.runtime)
    }

    /// In the order of their names.
    pub(super) fn routes(&self) -> Vec<Arc<Route>> {
        self.state().routes.values().map(|live| Arc::clone(&live.route)).collect()
    }

    pub(super) fn route(&self, name: &str) -> Option<Arc<Route>> {
        self.state().routes.get(name).map(|live| Arc::clone(&live.route))
    }

    /// Whether every route makes connections, and new clients are taken.
    pub(super) fn is_ready(&self) -> bool {
        let routes = self.routes();
        !self.is_draining() && !routes.is_empty() && routes.iter().all(|route| route.is_ready())
    }

    pub(super) fn is_draining(&self) -> bool {
        *self.stage.borrow() >= Stage::Draining
    }

    /// Why the document with routes, as it stands, does not count.
    pub(super) fn document_error(&self) -> Option<String> {
        let state = self.state();
        state.document.as_ref().and_then(|document| document.as_ref().err()).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the first routes.
    ///
    /// # Errors
    /// What is wrong with the routes or the policy of one; none of them works then.
    pub(super) fn begin(&self) -> Result<(), Refused> {
        let Some(path) = self.args.routes.clone() else {
            return self.take(routes::of_args(&self.args).map_err(Refused::Routes)?);
        };
        let text = read(&path).map_err(Refused::Routes)?;
        let specs = routes::parse(&text, &path, &self.args).map_err(Refused::Routes)?;
        self.take(specs)?;
        self.state().document = Some(Ok(text));
        Ok(())
    }

    /// Reads all documents again, and does what has changed.
    pub(super) fn follow(&self) {
        if let Some(path) = self.args.routes.clone() {
            self.follow_routes(&path);
        }
        self.follow_policies();
    }

    fn follow_routes(&self, path: &Path) {
        let document = read(path);
        if self.state().document.as_ref() == Some(&document) {
            return;
        }
        let taken = document.clone().and_then(|text| {
            let specs = routes::parse(&text, path, &self.args)?;
            self.take(specs).map_err(|refused| format!("{}: {refused}", shown(path)))
        });
        // A policy may come later than the document that names it: what is refused is tried again.
        let document = taken.and(document);
        let is_news = self.state().document.as_ref() != Some(&document);
        match &document {
            Err(reason) if is_news => tell(&format!("the routes stay as they are: {reason}")),
            Ok(_) => tell(&format!("the routes of {} count from now on", shown(path))),
            Err(_) => {}
        }
        self.state().document = Some(document);
    }

    fn follow_policies(&self) {
        let routes: Vec<_> =
            self.state().routes.values().map(|live| (Arc::clone(&live.route), live.judged.clone())).collect();
        for (route, before) in routes {
            let policy = route.spec.source.policy();
            let judged = judged(&policy);
            if judged == before {
                continue;
            }
            let name = route.spec.name.clone();
            if let Some(live) = self.state().routes.get_mut(&name) {
                live.judged = judged;
            }
            // The event says what came of it.
            let _ = self.registry.apply([(name, policy)]);
        }
    }

    /// Makes the routes what `specs` says: all of it, or nothing.
    fn take(&self, specs: Vec<RouteSpec>) -> Result<(), Refused> {
        let mut state = self.state();
        let is_known = |spec: &RouteSpec| state.routes.get(&spec.name).is_some_and(|live| live.route.spec == *spec);
        let (kept, new): (Vec<_>, Vec<_>) = specs.into_iter().partition(is_known);
        let mut wanted: Vec<Wanted> = Vec::new();
        for spec in new {
            let one = self.want(&state, &wanted, spec)?;
            wanted.push(one);
        }
        let stays = |name: &String| {
            kept.iter()
                .map(|spec| &spec.name)
                .chain(wanted.iter().map(|wanted| &wanted.spec.name))
                .any(|own| own == name)
        };
        let gone: Vec<String> = state.routes.keys().filter(|name| !stays(name)).cloned().collect();
        for name in gone {
            self.stop(&mut state, &name);
            self.registry.remove(&name);
        }
        for wanted in wanted {
            self.stop(&mut state, &wanted.spec.name);
            self.start(&mut state, wanted);
        }
        self.direct(&mut state);
        Ok(())
    }

    /// Lets requests come in for the routes of now.
    fn direct(&self, state: &mut State) {
        let State { entrances, routes, .. } = state;
        let mut directed: BTreeMap<String, (Arc<Listener>, Vec<Arc<Route>>)> = BTreeMap::new();
        for live in routes.values().filter(|live| live.route.http.is_some()) {
            if let Some(listener) = &live.listener {
                let place = live.route.spec.listen.to_string();
                directed
                    .entry(place)
                    .or_insert_with(|| (Arc::clone(listener), Vec::new()))
                    .1
                    .push(Arc::clone(&live.route));
            }
        }
        for (_, gone) in entrances.extract_if(.., |place, _| !directed.contains_key(place)) {
            gone.accepting.abort();
        }
        for (place, (listener, routes)) in directed {
            let table = Arc::new(Table::new(routes));
            match entrances.get(&place) {
                Some(entrance) => drop(entrance.table.send_replace(table)),
                None => drop(entrances.insert(place.clone(), self.open(listener, place, table))),
            }
        }
    }

    fn open(&self, listener: Arc<Listener>, place: String, table: Arc<Table>) -> Entrance {
        let (table, current) = watch::channel(table);
        let most = usize::try_from(self.args.max_connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let shared = Shared {
            log: Arc::clone(&self.log),
            permits: Arc::new(Semaphore::new(most)),
            stage: self.stage.subscribe(),
            table: current,
            tasks: self.tasks.clone(),
        };
        let accepting = self.threads.spawn(http::accept(listener, place, shared)).abort_handle();
        Entrance { accepting, table }
    }

    /// Everything that can fail.
    fn want(&self, state: &State, wanted: &[Wanted], spec: RouteSpec) -> Result<Wanted, Refused> {
        let refused = |problems| Refused::Policy { route: spec.name.clone(), problems };
        let policy = spec.source.policy().map_err(refused)?;
        self.runtime.prepare(&policy).map_err(refused)?;
        // Routes for requests share a listener. Of others only a port that the system chose is not the same for two of them.
        let same = |other: &RouteSpec| {
            let is_shared = spec.http.is_some() && other.http.is_some();
            let is_one = is_shared || !spec.listen.is_any_port() || other.name == spec.name;
            other.listen == spec.listen && is_one
        };
        let open = state.routes.values().find(|live| same(&live.route.spec)).and_then(|live| live.listener.clone());
        let bound = || wanted.iter().find(|wanted| same(&wanted.spec)).map(|wanted| Arc::clone(&wanted.listener));
        let listener = match open.or_else(bound) {
            Some(listener) => listener,
            None => {
                // The runtime's, which the thread of this call is none of.
                let _within = self.threads.enter();
                let failed = |error| Refused::Routes(format!("cannot listen on {}: {error}", spec.listen));
                let listener = spec.listen.bind().map_err(failed)?;
                // What systemd opened is known only now.
                let place = listener.place().map_err(failed)?;
                routes::local(&place, self.args.allow_remote_clients).map_err(Refused::Routes)?;
                Arc::new(listener)
            }
        };
        Ok(Wanted { listener, policy, spec })
    }

    fn start(&self, state: &mut State, wanted: Wanted) {
        let Wanted { listener, policy, spec } = wanted;
        let (name, policy) = (spec.name.clone(), Ok(policy));
        let judged = judged(&policy);
        let _ = self.registry.apply([(name.clone(), policy)]);
        // It was applied just now, and only this thread takes routes.
        let Some(connector) = self.registry.connector(&name) else { return };
        let source = FileSource::following(&connector);
        let route = {
            let _within = self.threads.enter();
            Arc::new(Route::new(spec, connector))
        };
        if let Ok(place) = listener.place() {
            tell(&format!("{} listens on {place}", printable(&name)));
        }
        let accepting = route.http.is_none().then(|| {
            let (listener, route) = (Arc::clone(&listener), Arc::clone(&route));
            let accepting = accept(listener, route, self.tasks.clone(), self.stage.subscribe(), Arc::clone(&self.log));
            self.threads.spawn(accepting).abort_handle()
        });
        let followed = self.watch.add(source);
        let live = Live { accepting, followed, judged, listener: Some(listener), route };
        state.routes.insert(name, live);
    }

    /// Takes no more clients for a route. Open connections go on.
    fn stop(&self, state: &mut State, name: &str) {
        if let Some(live) = state.routes.remove(name) {
            live.accepting.iter().for_each(AbortHandle::abort);
            self.watch.remove(live.followed);
        }
    }

    fn close(&self) {
        let mut state = self.state();
        state.entrances.values().for_each(|entrance| entrance.accepting.abort());
        for live in state.routes.values_mut() {
            live.accepting.iter().for_each(AbortHandle::abort);
            // With it goes the file of a Unix socket.
            live.listener = None;
        }
    }

    /// Takes no more clients, and waits for open connections; those that last longer are closed.
    pub(super) async fn end(&self, limit: Duration) {
        self.stage.send_replace(Stage::Draining);
        self.close();
        self.tasks.close();
        tell(&format!("ending: {} connections are open", self.tasks.len()));
        if timeout(limit, self.tasks.wait()).await.is_err() {
            self.stage.send_replace(Stage::Ended);
            // Each only closes its sockets by now.
            let _ = timeout(CLOSING, self.tasks.wait()).await;
        }
    }
}

async fn accept(
    listener: Arc<Listener>,
    route: Arc<Route>,
    tasks: TaskTracker,
    stage: watch::Receiver<Stage>,
    log: Arc<AccessLog>,
) {
    loop {
        // Clients beyond the limit wait in the system's queue.
        let Ok(permit) = Arc::clone(&route.permits).acquire_owned().await else { return };
        let client = listener.accept(&printable(&route.spec.name)).await;
        let (route, stage, log) = (Arc::clone(&route), stage.clone(), Arc::clone(&log));
        tasks.spawn(async move {
            let entry = connection::serve(client, route, stage).await;
            drop(permit);
            log.write(&entry);
        });
    }
}

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Policy { route, problems } => write!(f, "route {:?}: {problems}", printable(route)),
            Self::Routes(reason) => f.write_str(reason),
        }
    }
}

fn judged(policy: &Result<UpstreamTlsPolicy, Problems>) -> Result<[u8; 32], Problems> {
    policy.as_ref().map(UpstreamTlsPolicy::spec_digest).map_err(Clone::clone)
}

fn read(path: &Path) -> Result<String, String> {
    let failed = |reason: String| format!("cannot read {}: {reason}", shown(path));
    let bytes = uptls::input::read_file(path, MAX_DOCUMENT).map_err(|error| failed(error.to_string()))?;
    String::from_utf8(bytes.to_vec()).map_err(|_| failed("it is not UTF-8".to_owned()))
}

fn shown(path: &Path) -> String {
    printable(&path.display().to_string())
}

/// How long closing takes at most.
const CLOSING: Duration = Duration::from_secs(2);
const MAX_DOCUMENT: u64 = 1 << 20;
