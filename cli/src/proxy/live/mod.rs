//! The routes that work: they are made together, follow their documents, and end together.

mod events;
mod follow;

pub(super) use events::Subject;
pub(super) use follow::Judged;

use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use uptls::{
    Connector, FileSource, Metrics, OnInvalid, Prepared, Problems, Registry, Runtime, UpstreamTlsPolicy, Watch,
    WatchedSource,
};

use super::args::ProxyArgs;
use super::audit::Shadow;
use super::connection;
use super::entrances::{Entrances, Means};
use super::folders::{FolderKey, Folders, Place};
use super::listen::Listener;
use super::log::{AccessLog, tell};
use super::route::{Route, RouteSpec};
use super::routes;
use crate::print::printable;

/// All routes.
pub(super) struct Proxy {
    args: ProxyArgs,
    /// Told when routes have changed.
    changed: Notify,
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
    entrances: Entrances,
    folders: Folders,
    routes: BTreeMap<String, Live>,
}

/// One route, with what belongs to it.
struct Live {
    /// `None`: its clients come in by [`Entrances`].
    accepting: Option<AbortHandle>,
    followed: WatchedSource,
    origin: Origin,
    /// `None` once no more clients are taken.
    listener: Option<Arc<Listener>>,
    route: Arc<Route>,
    shadow: Option<Shadow>,
}

/// Where the policy of a route comes from.
enum Origin {
    Folder(Place),
    /// A document or a file of its own, and what it last came to.
    Own(Judged),
}

/// Why routes are not taken.
pub(super) enum Refused {
    Policy { route: String, problems: Problems },
    Routes(String),
}

/// A route that is wanted and not yet live.
struct Wanted {
    audit: Option<Result<Arc<Prepared>, Problems>>,
    listener: Arc<Listener>,
    policy: Policy,
    spec: RouteSpec,
}

/// The policy of a route that is wanted.
enum Policy {
    Folder(Place, Connector),
    Own(Arc<Prepared>),
}

impl State {
    fn routes_of(&self, is_of: impl Fn(&Live) -> bool) -> Vec<Arc<Route>> {
        self.routes.values().filter(|live| is_of(live)).map(|live| Arc::clone(&live.route)).collect()
    }
}

impl Proxy {
    /// Without routes, within the runtime of tokio that will serve them.
    pub(super) fn new(args: &ProxyArgs, on_invalid: OnInvalid, log: AccessLog) -> io::Result<Self> {
        let metrics = Arc::new(Metrics::default());
        let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).observer(Arc::clone(&metrics)).build();
        Ok(Self {
            args: args.clone(),
            changed: Notify::new(),
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

    /// The text of the library's metrics, without a label for a route.
    pub(super) fn library_metrics(&self) -> String {
        self.metrics.prometheus_text(&self.runtime)
    }

    /// In the order of their names.
    pub(super) fn routes(&self) -> Vec<Arc<Route>> {
        self.state().routes.values().map(|live| Arc::clone(&live.route)).collect()
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

    /// Makes the routes what `specs` says: all of it, or nothing.
    fn take(&self, specs: Vec<RouteSpec>) -> Result<(), Refused> {
        let mut state = self.state();
        let is_known = |spec: &RouteSpec| state.routes.get(&spec.name).is_some_and(|live| live.route.spec == *spec);
        let (kept, new): (Vec<_>, Vec<_>) = specs.into_iter().partition(is_known);
        let mut wanted: Vec<Wanted> = Vec::new();
        for spec in new {
            match self.want(&mut state, &wanted, spec) {
                Ok(one) => wanted.push(one),
                Err(refused) => {
                    self.forget_folders(&mut state);
                    return Err(refused);
                }
            }
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
        self.forget_folders(&mut state);
        self.changed.notify_one();
        Ok(())
    }

    fn forget_folders(&self, state: &mut State) {
        let State { folders, routes, .. } = state;
        let of = |live: &Live, key: &FolderKey| matches!(&live.origin, Origin::Folder(place) if place.key == *key);
        folders.keep(|key| routes.values().any(|live| of(live, key)), &self.watch);
    }

    /// Lets requests come in for the routes of now.
    fn direct(&self, state: &mut State) {
        let of_http = state.routes.values().filter(|live| live.route.http.is_some());
        let routes = of_http.filter_map(|live| Some((live.listener.clone()?, Arc::clone(&live.route)))).collect();
        let means = Means {
            log: &self.log,
            max_connections: self.args.max_connections,
            stage: &self.stage,
            tasks: &self.tasks,
            threads: &self.threads,
        };
        state.entrances.direct(routes, &means);
    }

    /// Everything that can fail.
    fn want(&self, state: &mut State, wanted: &[Wanted], spec: RouteSpec) -> Result<Wanted, Refused> {
        let refused = |problems| Refused::Policy { route: spec.name.clone(), problems };
        let policy = self.policy(&mut state.folders, &spec).map_err(refused)?;
        let refused = |problems| Refused::Policy { route: Shadow::name_of(&spec.name), problems };
        // It must be usable at first, as every policy of a document.
        let audit = self.audit(&spec).transpose().map_err(refused)?.map(Ok);
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
        Ok(Wanted { audit, listener, policy, spec })
    }

    /// The policy of a route's shadow, if it has one, prepared once as that of the route is.
    fn audit(&self, spec: &RouteSpec) -> Option<Result<Arc<Prepared>, Problems>> {
        let prepared = |policy: UpstreamTlsPolicy| self.runtime.prepare(&policy);
        spec.audit_policy().map(|policy| policy.and_then(prepared))
    }

    /// The policy of a route, prepared once: it is published as it is.
    fn policy(&self, folders: &mut Folders, spec: &RouteSpec) -> Result<Policy, Problems> {
        if let Some(key) = FolderKey::of(&spec.source)
            && let Some((place, connector)) = folders.take(&key, &spec.source, &self.runtime, &self.watch)?
        {
            return Ok(Policy::Folder(place, connector));
        }
        // Of a folder without this policy it says why.
        Ok(Policy::Own(self.runtime.prepare(&spec.source.policy()?)?))
    }

    fn start(&self, state: &mut State, wanted: Wanted) {
        let Wanted { audit, listener, policy, spec } = wanted;
        let name = spec.name.clone();
        let (connector, origin) = match policy {
            Policy::Folder(place, connector) => {
                // It may have had a policy of its own before.
                self.registry.remove(&name);
                (connector, Origin::Folder(place))
            }
            Policy::Own(prepared) => {
                let judged = Ok(prepared.policy().spec_digest());
                // Of this runtime, and only this thread takes routes.
                let Ok(connector) = self.registry.publish(&name, prepared) else { return };
                (connector, Origin::Own(judged))
            }
        };
        let source = FileSource::following(&connector);
        let shadow = audit.and_then(|prepared| Shadow::begin(&spec, prepared, &connector, &self.registry, &self.watch));
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
        let live = Live { accepting, followed, listener: Some(listener), origin, route, shadow };
        state.routes.insert(name, live);
    }

    /// Takes no more clients for a route. Open connections go on.
    fn stop(&self, state: &mut State, name: &str) {
        if let Some(live) = state.routes.remove(name) {
            live.accepting.iter().for_each(AbortHandle::abort);
            self.watch.remove(live.followed);
            live.route.connector.end_audit();
            if let Some(shadow) = live.shadow {
                shadow.end(&self.registry, &self.watch);
            }
        }
    }

    fn close(&self) {
        let mut state = self.state();
        state.entrances.close();
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
