//! Connections of HTTP clients: both versions in the clear, within bounds, until they or the proxy end.

use core::convert::Infallible;
use core::pin::pin;
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep};
use tokio_util::task::TaskTracker;

use super::super::client::{Addresses, Client, Origin, Resets};
use super::super::connection::is_at;
use super::super::listen::Listener;
use super::super::live::Stage;
use super::super::log::{AccessLog, Entry, Outcome, Requested};
use super::super::proxy_header;
use super::super::relay::Moved;
use super::super::route::now;
use super::forward;
use super::table::Table;

/// What all connections of a listener share.
#[derive(Clone)]
pub(in super::super) struct Shared {
    pub(in super::super) log: Arc<AccessLog>,
    pub(in super::super) permits: Arc<Semaphore>,
    pub(in super::super) stage: watch::Receiver<Stage>,
    pub(in super::super) table: watch::Receiver<Arc<Table>>,
    pub(in super::super) tasks: TaskTracker,
}

/// What the requests of one connection have in common.
#[derive(Clone)]
pub(super) struct Gate {
    activity: Arc<Mutex<Active>>,
    pub(super) origin: Option<Addresses>,
    pub(super) resets: Resets,
    pub(super) shared: Shared,
}

/// Takes clients, for as long as the listener has routes.
pub(in super::super) async fn accept(listener: Arc<Listener>, place: String, shared: Shared) {
    loop {
        // Clients beyond the limit wait in the system's queue.
        let Ok(permit) = Arc::clone(&shared.permits).acquire_owned().await else { return };
        let client = listener.accept(&place).await;
        let (tasks, shared) = (shared.tasks.clone(), shared.clone());
        tasks.spawn(async move {
            serve(client, shared).await;
            drop(permit);
        });
    }
}

async fn serve(mut client: Client, shared: Shared) {
    let mut origin = client.addresses();
    let expects_header = shared.table.borrow().expects_proxy_header();
    if expects_header {
        match proxy_header::read(&mut client).await {
            Ok(behind) => origin = behind.or(origin),
            Err(error) => {
                shared.log.write(&unread(origin, None, Outcome::BadClient(error.to_string())));
                return client.abort();
            }
        }
    }
    let gate = Gate { activity: Arc::default(), origin, resets: client.resets(), shared };
    let (answering, idle) = (gate.clone(), gate.clone());
    let service = service_fn(move |request: Request<Incoming>| {
        let gate = answering.clone();
        async move { Ok::<_, Infallible>(forward::answer(request, gate).await) }
    });
    let http = builder();
    let mut connection = pin!(http.serve_connection_with_upgrades(TokioIo::new(client), service));
    let (mut stage, mut draining, mut table) =
        (gate.shared.stage.clone(), gate.shared.stage.clone(), gate.shared.table.clone());
    let mut is_leaving = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                // What a client breaks is its own, and requests have lines of their own: all whose head can be read.
                if let Some(entry) = ended.err().and_then(|error| unreadable(origin, &*error)) {
                    gate.shared.log.write(&entry);
                }
                return;
            }
            () = is_at(&mut stage, Stage::Ended) => return gate.resets.on_drop(),
            () = leaving(&mut draining, &mut table), if !is_leaving => {}
            () = idle.idle(IDLE), if !is_leaving => {}
            // It had its time to end by itself.
            () = idle.idle(IDLE + LEAVING), if is_leaving => return,
        }
        // `Connection: close`, or GOAWAY: requests that are under way end.
        is_leaving = true;
        connection.as_mut().graceful_shutdown();
    }
}

/// Once the proxy takes no more clients, or the listener has no routes any more.
async fn leaving(stage: &mut watch::Receiver<Stage>, table: &mut watch::Receiver<Arc<Table>>) {
    let gone = async { while table.changed().await.is_ok() {} };
    tokio::select! {
        () = is_at(stage, Stage::Draining) => {}
        () = gone => {}
    }
}

/// P10: no head is endless, and none takes for ever.
fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(MAX_HEAD);
    let mut http2 = builder.http2();
    http2.timer(TokioTimer::new()).keep_alive_interval(PATIENCE).keep_alive_timeout(PATIENCE);
    http2.max_concurrent_streams(MOST_STREAMS).max_header_list_size(MAX_HEADER_LIST);
    builder
}

impl Gate {
    /// A request begins.
    pub(super) fn begin(&self) -> Activity {
        lock(&self.activity).requests += 1;
        Activity(Arc::clone(&self.activity))
    }

    /// Waits until there was no request for `limit`.
    async fn idle(&self, limit: Duration) {
        loop {
            let quiet = lock(&self.activity).quiet();
            match limit.checked_sub(quiet) {
                None | Some(Duration::ZERO) => return,
                Some(rest) => sleep(rest).await,
            }
        }
    }
}

/// The requests of a connection.
struct Active {
    requests: usize,
    since: Instant,
}

impl Default for Active {
    fn default() -> Self {
        Self { requests: 0, since: Instant::now() }
    }
}

impl Active {
    fn quiet(&self) -> Duration {
        if self.requests == 0 { self.since.elapsed() } else { Duration::ZERO }
    }
}

/// A request that is under way, until this is dropped.
pub(super) struct Activity(Arc<Mutex<Active>>);

impl Drop for Activity {
    fn drop(&mut self) {
        let mut active = lock(&self.0);
        active.requests -= 1;
        active.since = Instant::now();
    }
}

fn lock(active: &Mutex<Active>) -> std::sync::MutexGuard<'_, Active> {
    active.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request whose head is no HTTP or too large. hyper has answered it.
fn unreadable(origin: Option<Addresses>, error: &(dyn std::error::Error + 'static)) -> Option<Entry> {
    let error = error.downcast_ref::<hyper::Error>().filter(|error| error.is_parse())?;
    let status = match error.is_parse_too_large() {
        true => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        false => StatusCode::BAD_REQUEST,
    };
    let requested = Requested { method: None, host: None, status: Some(status.as_u16()) };
    Some(unread(origin, Some(requested), Outcome::Declined("bad_request", error.to_string())))
}

/// For a client that did not come to a request.
fn unread(origin: Option<Addresses>, requested: Option<Requested>, outcome: Outcome) -> Entry {
    Entry {
        at: now(),
        route: None,
        client: Origin(origin).to_string(),
        upstream: None,
        address: None,
        generation: None,
        matched_name: None,
        tls_version: None,
        resumed: None,
        connect_ms: None,
        duration_ms: 0,
        moved: Moved::default(),
        requested,
        outcome,
    }
}

/// How long a head may take, and how long a client of HTTP/2 may owe the answer to a ping.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a client is kept that asks for nothing.
const IDLE: Duration = Duration::from_secs(60);
/// How long it then has to say its end.
const LEAVING: Duration = Duration::from_secs(5);
pub(super) const MAX_HEAD: usize = 64 << 10;
const MAX_HEADER_LIST: u32 = 64 << 10;
const MOST_STREAMS: u32 = 100;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    /// How long a client is kept that sends this and then nothing, by a clock that goes on when nothing else does.
    fn kept(sent: &'static [u8]) -> Duration {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (_stage, stage) = watch::channel(Stage::Serving);
            let (_table, table) = watch::channel(Arc::default());
            let (log, _writer) = AccessLog::start(true).unwrap();
            let (permits, tasks) = (Arc::new(Semaphore::new(1)), TaskTracker::new());
            let shared = Shared { log: Arc::new(log), permits, stage, table, tasks };
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            client.write_all(sent).await.unwrap();
            let (stream, address) = listener.accept().await.unwrap();
            let began = Instant::now();
            serve(Client::tcp(stream, address).unwrap(), shared).await;
            let kept = began.elapsed();
            let mut answer = Vec::new();
            client.read_to_end(&mut answer).await.unwrap();
            kept
        })
    }

    #[test]
    fn no_client_is_kept_for_ever() {
        assert!(kept(b"GET / HTTP/1.1\r\nHost: a\r\n") <= PATIENCE * 2, "a head that does not end");
        assert!(kept(b"") <= IDLE + LEAVING, "nothing");
        assert!(kept(b"PRI * HTTP/2.0\r\n") <= IDLE + LEAVING, "a preface that does not end");
        let settings = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        assert!(kept(settings) <= IDLE + LEAVING, "HTTP/2 without a request, and without an answer to a ping");
    }
}
