//! The routes that work: they are made together, follow their documents, and end together.

use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use uptls::{FileSource, Metrics, OnInvalid, Problems, Registry, Runtime, UpstreamTlsPolicy, Watch, WatchedSource};

use super::args::ProxyArgs;
use super::audit::Shadow;
use super::connection;
use super::listen::Listener;
use super::log::{AccessLog, tell};
use super::route::{Route, RouteSpec};
use super::routes;
use crate::print::printable;

/// All routes.
pub(super) struct Proxy {
    args: ProxyArgs,
    ending: watch::Sender<bool>,
    is_draining: AtomicBool,
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

#[derive(Default)]
struct State {
    /// The document with routes, as it was last read: text, or why there is none.
    document: Option<Result<String, String>>,
    routes: BTreeMap<String, Live>,
}

/// One route, with what belongs to it.
struct Live {
    accepting: AbortHandle,
    followed: WatchedSource,
    judged: Result<[u8; 32], Problems>,
    /// `None` once no more clients are taken.
    listener: Option<Arc<Listener>>,
    route: Arc<Route>,
    shadow: Option<Shadow>,
}

/// Why routes are not taken.
pub(super) enum Refused {
    Policy { route: String, problems: Problems },
    Routes(String),
}

/// A route that is wanted and not yet live.
struct Wanted {
    audit: Option<UpstreamTlsPolicy>,
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
            ending: watch::Sender::new(false),
            is_draining: AtomicBool::new(false),
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
        self.is_draining.load(Ordering::SeqCst)
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
        let specs = self.parse(&text, &path).map_err(Refused::Routes)?;
        self.take(specs)?;
        self.state().document = Some(Ok(text));
        Ok(())
    }

    fn parse(&self, text: &str, path: &Path) -> Result<Vec<RouteSpec>, String> {
        routes::parse(text, path, &self.args).map_err(|reason| format!("{}: {reason}", shown(path)))
    }

    /// Reads all documents again, and does what has changed.
    pub(super) fn follow(&self) {
        if let Some(path) = self.args.routes.clone() {
            self.follow_routes(&path);
        }
        self.follow_policies();
        self.follow_shadows();
    }

    fn follow_routes(&self, path: &Path) {
        let document = read(path);
        if self.state().document.as_ref() == Some(&document) {
            return;
        }
        let taken = document.clone().and_then(|text| {
            let specs = self.parse(&text, path)?;
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

    fn follow_shadows(&self) {
        for route in self.routes() {
            let Some(policy) = route.spec.audit_policy() else { continue };
            let judged = judged(&policy);
            let name = route.spec.name.as_str();
            let is_news = match self.state().routes.get_mut(name).and_then(|live| live.shadow.as_mut()) {
                Some(shadow) => std::mem::replace(&mut shadow.judged, judged.clone()) != judged,
                None => false,
            };
            if is_news {
                // The event says what came of it.
                let _ = self.registry.apply([(Shadow::name_of(name), policy)]);
            }
        }
    }

    /// Makes the routes what `specs` says: all of it, or nothing.
    fn take(&self, specs: Vec<RouteSpec>) -> Result<(), Refused> {
        let mut state = self.state();
        let is_known = |spec: &RouteSpec| state.routes.get(&spec.name).is_some_and(|live| live.route.spec == *spec);
        let (kept, new): (Vec<_>, Vec<_>) = specs.into_iter().partition(is_known);
        let wanted: Vec<Wanted> = new.into_iter().map(|spec| self.want(&state, spec)).collect::<Result<_, _>>()?;
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
        Ok(())
    }

    /// Everything that can fail.
    fn want(&self, state: &State, spec: RouteSpec) -> Result<Wanted, Refused> {
        let refused = |problems| Refused::Policy { route: spec.name.clone(), problems };
        let policy = spec.source.policy().map_err(refused)?;
        self.runtime.prepare(&policy).map_err(refused)?;
        let refused = |problems| Refused::Policy { route: Shadow::name_of(&spec.name), problems };
        let audit = spec.audit_policy().transpose().map_err(refused)?;
        audit.iter().try_for_each(|audit| self.runtime.prepare(audit).map(drop)).map_err(refused)?;
        let own = |live: &Live| !spec.listen.is_any_port() || live.route.spec.name == spec.name;
        let same = |live: &&Live| live.route.spec.listen == spec.listen && own(live);
        let listener = match state.routes.values().find(same).and_then(|live| live.listener.clone()) {
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

    fn start(&self, state: &mut State, wanted: Wanted) {
        let Wanted { audit, listener, policy, spec } = wanted;
        let (name, policy) = (spec.name.clone(), Ok(policy));
        let judged = judged(&policy);
        let _ = self.registry.apply([(name.clone(), policy)]);
        // It was applied just now, and only this thread takes routes.
        let Some(connector) = self.registry.connector(&name) else { return };
        let source = FileSource::following(&connector);
        let shadow = audit.and_then(|policy| Shadow::begin(&spec, policy, &connector, &self.registry, &self.watch));
        let route = Arc::new(Route::new(spec, connector));
        if let Ok(place) = listener.place() {
            tell(&format!("{} listens on {place}", printable(&name)));
        }
        let accepting = self.threads.spawn(accept(
            Arc::clone(&listener),
            Arc::clone(&route),
            self.tasks.clone(),
            self.ending.subscribe(),
            Arc::clone(&self.log),
        ));
        let followed = self.watch.add(source);
        let live =
            Live { accepting: accepting.abort_handle(), followed, judged, listener: Some(listener), route, shadow };
        state.routes.insert(name, live);
    }

    /// Takes no more clients for a route. Open connections go on.
    fn stop(&self, state: &mut State, name: &str) {
        if let Some(live) = state.routes.remove(name) {
            live.accepting.abort();
            self.watch.remove(live.followed);
            live.route.connector.end_audit();
            if let Some(shadow) = live.shadow {
                shadow.end(&self.registry, &self.watch);
            }
        }
    }

    /// Takes no more clients, and waits for open connections; those that last longer are closed.
    pub(super) async fn end(&self, limit: Duration) {
        self.is_draining.store(true, Ordering::SeqCst);
        for live in self.state().routes.values_mut() {
            live.accepting.abort();
            // With it goes the file of a Unix socket.
            live.listener = None;
        }
        self.tasks.close();
        tell(&format!("ending: {} connections are open", self.tasks.len()));
        if timeout(limit, self.tasks.wait()).await.is_err() {
            self.ending.send_replace(true);
            // Each only closes its sockets by now.
            let _ = timeout(CLOSING, self.tasks.wait()).await;
        }
    }
}

async fn accept(
    listener: Arc<Listener>,
    route: Arc<Route>,
    tasks: TaskTracker,
    ending: watch::Receiver<bool>,
    log: Arc<AccessLog>,
) {
    loop {
        // Clients beyond the limit wait in the system's queue.
        let Ok(permit) = Arc::clone(&route.permits).acquire_owned().await else { return };
        let client = listener.accept(&printable(&route.spec.name)).await;
        let (route, ending, log) = (Arc::clone(&route), ending.clone(), Arc::clone(&log));
        tasks.spawn(async move {
            let entry = connection::serve(client, route, ending).await;
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
