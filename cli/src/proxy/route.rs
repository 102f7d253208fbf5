//! One route: where clients come in, where they go, and what became of them.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use uptls::tokio_client::OpenConnections;
use uptls::{Address, Code, Connector, Event, Problems, RefusedConnection, UpstreamTlsPolicy};

use super::audit::Shadow;
use super::http::{Hosts, Upstream};
use super::listen::Listen;
use super::relay::Moved;
use crate::args::Source;
use crate::target::{ConnectTo, Target, address};

/// What a route should be.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RouteSpec {
    pub(super) name: String,
    pub(super) listen: Listen,
    pub(super) target: Target,
    pub(super) source: Source,
    /// The policy that shadows that of `source`.
    pub(super) audit: Option<PathBuf>,
    pub(super) connect_to: Option<ConnectTo>,
    pub(super) max_connections: u32,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) accept_proxy_header: bool,
    pub(super) send_proxy_header: bool,
    /// `None`: bytes of any protocol are moved.
    pub(super) http: Option<HttpSpec>,
}

/// What a route does with requests.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HttpSpec {
    pub(super) hosts: Hosts,
    /// Whether the upstream is asked for what the client asked for, and not for its own name.
    pub(super) preserves_host: bool,
}

impl RouteSpec {
    /// Where the socket to the upstream goes.
    pub(super) fn address(&self) -> Address {
        address(&self.target, self.connect_to.as_ref())
    }

    /// The names of its events: its own, and that of its shadow.
    pub(super) fn names(&self) -> impl Iterator<Item = String> {
        let shadow = self.audit.as_ref().map(|_| Shadow::name_of(&self.name));
        [self.name.clone()].into_iter().chain(shadow)
    }

    /// The shadow's policy (R14), if there is one.
    pub(super) fn audit_policy(&self) -> Option<Result<UpstreamTlsPolicy, Problems>> {
        let policy = self.audit.clone()?;
        let source =
            Source { policy: Some(policy), manifests: None, backend: None, gateway: None, ..self.source.clone() };
        Some(source.policy())
    }

    /// The file or folder that the policy comes from.
    pub(super) fn origin(&self) -> Option<&PathBuf> {
        self.source.policy.as_ref().or(self.source.manifests.as_ref())
    }
}

/// A route that works.
pub(super) struct Route {
    pub(super) spec: RouteSpec,
    pub(super) connector: Connector,
    pub(super) permits: Arc<Semaphore>,
    /// Those of clients that are no HTTP clients: the pools know their own.
    pub(super) open: OpenConnections,
    pub(super) counts: Counts,
    /// For requests.
    pub(super) http: Option<Upstream>,
    /// The last event, in one sentence.
    event: Mutex<Option<String>>,
    refusals: Mutex<VecDeque<Refusal>>,
}

/// What became of the connections of a route.
#[derive(Default)]
pub(super) struct Counts {
    opened: AtomicU64,
    ended: AtomicU64,
    failed: AtomicU64,
    requests: AtomicU64,
    from_client: AtomicU64,
    from_upstream: AtomicU64,
}

/// The counts of one moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub(super) struct Snapshot {
    /// Connections to the upstream that are open now.
    pub(super) open: u64,
    /// Connections to the upstream that were made.
    pub(super) opened: u64,
    /// Clients or requests that got none.
    pub(super) failed: u64,
    /// Requests that ended; 0 for a route without hosts.
    pub(super) requests: u64,
    pub(super) bytes_from_client: u64,
    pub(super) bytes_from_upstream: u64,
}

/// Why clients got no connection.
#[derive(Clone, Debug, serde::Serialize)]
pub(super) struct Refusal {
    /// When it was last met, RFC 3339.
    pub(super) at: String,
    /// How often in succession.
    pub(super) times: u64,
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) hint: String,
}

impl Route {
    /// Within the runtime of tokio.
    pub(super) fn new(spec: RouteSpec, connector: Connector) -> Self {
        let permits = usize::try_from(spec.max_connections).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS);
        let permits = Arc::new(Semaphore::new(permits));
        let upstream = |http: &HttpSpec| {
            let (address, permits) = (spec.address(), Arc::clone(&permits));
            Upstream::new(&connector, &spec.target, address, http.preserves_host, permits)
        };
        let http = spec.http.as_ref().map(upstream);
        let open = OpenConnections::of(&connector);
        Self {
            http,
            spec,
            connector,
            permits,
            open,
            counts: Counts::default(),
            event: Mutex::default(),
            refusals: Mutex::default(),
        }
    }

    /// The counts of now.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut now = self.counts.snapshot();
        for pool in self.http.iter().flat_map(Upstream::counts) {
            (now.open, now.opened) = (now.open + pool.alive, now.opened + pool.opened);
        }
        now
    }

    /// Whether new connections are made: by the current policy, or by the last good one.
    pub(super) fn is_ready(&self) -> bool {
        self.connector.prepared().is_some()
    }

    /// R11: ends open connections whose peers the policy of now refuses, spread over some seconds, and says which.
    pub(super) async fn reconsider(&self) -> Vec<RefusedConnection> {
        match &self.http {
            Some(upstream) => upstream.reconsider().await,
            None => self.open.reconsider(OpenConnections::WINDOW).await.map_or_else(Vec::new, |now| now.refused),
        }
    }

    pub(super) fn note(&self, event: &Event) {
        *self.event.lock().unwrap_or_else(PoisonError::into_inner) = Some(event.message());
    }

    pub(super) fn last_event(&self) -> Option<String> {
        self.event.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn refused(&self, error: &uptls::Error) {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        let (code, message, at) = (error.code(), error.to_string(), now());
        let mut refusals = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = refusals.back_mut().filter(|last| last.code == code && last.message == message) {
            (last.times, last.at) = (last.times + 1, at);
            return;
        }
        if refusals.len() == MOST_REFUSALS {
            refusals.pop_front();
        }
        refusals.push_back(Refusal { at, times: 1, code, message, hint: error.hint() });
    }

    /// The last refusals, the newest first.
    pub(super) fn refusals(&self) -> Vec<Refusal> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }
}

impl Counts {
    pub(super) fn opened(&self) {
        self.opened.fetch_add(1, Ordering::Relaxed);
    }

    /// A request ended.
    pub(super) fn requested(&self, moved: Moved) {
        self.moved(moved);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    fn moved(&self, moved: Moved) {
        self.from_client.fetch_add(moved.from_client, Ordering::Relaxed);
        self.from_upstream.fetch_add(moved.from_upstream, Ordering::Relaxed);
    }

    pub(super) fn ended(&self, moved: Moved) {
        self.moved(moved);
        self.ended.fetch_add(1, Ordering::Release);
    }

    fn snapshot(&self) -> Snapshot {
        // In this order: no connection has ended that is not opened.
        let ended = self.ended.load(Ordering::Acquire);
        let opened = self.opened.load(Ordering::Relaxed);
        Snapshot {
            open: opened.saturating_sub(ended),
            opened,
            failed: self.failed.load(Ordering::Relaxed),
            requests: self.requests.load(Ordering::Relaxed),
            bytes_from_client: self.from_client.load(Ordering::Relaxed),
            bytes_from_upstream: self.from_upstream.load(Ordering::Relaxed),
        }
    }
}

/// The time for people and logs, to the millisecond.
pub(super) fn now() -> String {
    format!("{:.3}", Timestamp::now())
}

/// How many different refusals of a route the status shows.
const MOST_REFUSALS: usize = 8;
