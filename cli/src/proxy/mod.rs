//! `uptls proxy`: a verified upstream for programs that cannot embed anything.
//!
//! ```text
//!  args, routes   what is wanted              -> RouteSpec
//!    live         the routes that work, and how they follow their documents
//!      folders    folders of manifests, each read once
//!      listen     accepts                     -> Client
//!      connection PROXY header, verified upstream, relay -> Entry
//!      entrances, http  requests, verified upstreams by their hosts -> Entry
//!    log          a line for each connection
//!    admin        status, metrics, health, page
//! ```

mod admin;
mod args;
mod audit;
mod client;
mod connection;
mod entrances;
mod folders;
mod http;
mod inherited;
mod listen;
mod live;
mod log;
mod metrics;
mod page;
mod proxy_header;
mod relay;
mod route;
mod routes;
mod status;

pub(crate) use args::ProxyArgs;

use core::time::Duration;
use std::sync::Arc;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use uptls::{Event, OnInvalid, Report};

use crate::USAGE;
use crate::describe::runtime_at;
use crate::print::{self, CliError, report};
use live::{Proxy, Refused, Subject};
use log::{AccessLog, tell};
use route::Route;

/// Runs until a signal ends it.
pub(crate) fn run(args: &ProxyArgs) -> Result<u8, CliError> {
    inherited::note();
    if let Some(admin) = &args.admin {
        routes::local(admin, args.allow_remote_clients).map_err(|reason| CliError::new(USAGE, reason))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::internal(format!("cannot start threads: {error}")))?;
    let (log, writer) = AccessLog::start(args.json).map_err(|error| CliError::internal(error.to_string()))?;
    let ended = runtime.block_on(serve(args, log));
    // What blocks in a system call ends with the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    writer.join();
    ended
}

async fn serve(args: &ProxyArgs, log: AccessLog) -> Result<u8, CliError> {
    let mut signals =
        Signals::new().map_err(|error| CliError::internal(format!("cannot wait for signals: {error}")))?;
    let proxy = Proxy::new(args, OnInvalid::KeepLastGood, log);
    let proxy = Arc::new(proxy.map_err(|error| CliError::internal(format!("cannot watch files: {error}")))?);
    let begun = in_background(&proxy, Proxy::begin).await;
    begun.map_err(refused)?;
    let admin = match &args.admin {
        None => None,
        Some(place) => Some(
            admin::start(place, &proxy)
                .map_err(|error| CliError::new(USAGE, format!("cannot listen on {place} (--admin): {error}")))?,
        ),
    };
    tell_systemd(NotifyState::Ready);
    let events = tokio::spawn(tell_events(Arc::clone(&proxy), args.json));
    let following = tokio::spawn(follow(Arc::clone(&proxy)));
    loop {
        match signals.next().await {
            Asked::End => break,
            Asked::Reload => in_background(&proxy, Proxy::follow).await,
        }
    }
    tell_systemd(NotifyState::Stopping);
    following.abort();
    let end = proxy.end(args.drain_timeout);
    tokio::select! {
        () = end => {}
        // A second one: at once.
        Asked::End = signals.next() => {}
    }
    events.abort();
    drop(admin);
    Ok(0)
}

/// For units of the type `notify`; nothing elsewhere.
fn tell_systemd(state: NotifyState<'_>) {
    // It may have gone away: the proxy works without it.
    let _ = sd_notify::notify(&[state]);
}

/// Reads documents again and again; the watch sees to the files that they name.
async fn follow(proxy: Arc<Proxy>) {
    loop {
        tokio::time::sleep(INTERVAL).await;
        in_background(&proxy, Proxy::follow).await;
    }
}

/// Runs what reads files where it delays no connection.
async fn in_background<T: Send + 'static>(proxy: &Arc<Proxy>, work: impl FnOnce(&Proxy) -> T + Send + 'static) -> T {
    let proxy = Arc::clone(proxy);
    match tokio::task::spawn_blocking(move || work(&proxy)).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

fn refused(refused: Refused) -> CliError {
    match refused {
        Refused::Routes(reason) => CliError::new(USAGE, reason),
        Refused::Policy { route, problems } => {
            let report = Report::unusable(&problems, runtime_at(None).now_text());
            CliError::new(
                report.exit_code(),
                format!("route {}:\n{}", print::printable(&route), report::whole(&report)),
            )
        }
    }
}

async fn tell_events(proxy: Arc<Proxy>, is_json: bool) {
    let tell_one = |name: &str, event: &Event| match is_json {
        true => print::print_error(&serde_json::json!({"route": name, "event": event.facts()}).to_string()),
        false => tell(&line(name, event)),
    };
    loop {
        let (routes, event) = match proxy.next_event().await {
            (Subject::Routes(routes), event) => (routes, event),
            (Subject::Shadow(name), event) => {
                tell_one(&name, &event);
                continue;
            }
        };
        for route in routes {
            route.note(&event);
            tell_one(&route.spec.name, &event);
            if event.trust_reduced {
                reconsider(&route).await;
            }
        }
    }
}

async fn reconsider(route: &Arc<Route>) {
    let refused = route.reconsider().await;
    if let Some(first) = refused.first() {
        let (count, error) = (refused.len(), &first.rejection);
        let name = print::printable(&route.spec.name);
        tell(&format!("{name} ends {count} open connections, whose peers it would refuse now: {error}"));
    }
}

/// R10: the one line for a change.
fn line(route: &str, event: &Event) -> String {
    let (name, kind) = (print::printable(route), event.kind.as_str());
    let reduced = if event.trust_reduced { "; trust is reduced, and open connections were judged before" } else { "" };
    format!("{name} {kind}: {}{reduced}", event.message())
}

/// The signals of a service.
struct Signals {
    hang_up: Signal,
    interrupt: Signal,
    terminate: Signal,
}

enum Asked {
    End,
    Reload,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.hang_up.recv() => Asked::Reload,
            _ = self.interrupt.recv() => Asked::End,
            _ = self.terminate.recv() => Asked::End,
        }
    }
}

/// How often documents are read.
const INTERVAL: Duration = Duration::from_secs(1);
