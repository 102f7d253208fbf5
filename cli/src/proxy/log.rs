//! The log: a line for each connection or request on stdout, and for each event of a policy on stderr.

use core::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use serde::Serialize;
use serde::ser::SerializeMap as _;
use uptls::Error;

use super::relay::Moved;
use super::route::now;
use crate::print::{print_error, printable};

/// A connection that has ended, or a request.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) at: String,
    /// `None`: the client named no route.
    pub(super) route: Option<String>,
    pub(super) client: String,
    pub(super) upstream: Option<String>,
    /// Where the socket went.
    pub(super) address: Option<String>,
    pub(super) generation: Option<u64>,
    pub(super) matched_name: Option<String>,
    pub(super) tls_version: Option<&'static str>,
    pub(super) resumed: Option<bool>,
    pub(super) connect_ms: Option<u64>,
    pub(super) duration_ms: u64,
    pub(super) moved: Moved,
    /// For HTTP.
    pub(super) requested: Option<Requested>,
    pub(super) outcome: Outcome,
}

/// What was asked for and answered. Without the path, which may hold a secret.
#[derive(Debug)]
pub(super) struct Requested {
    /// `None`: its head could not be read.
    pub(super) method: Option<String>,
    pub(super) host: Option<String>,
    pub(super) status: Option<u16>,
}

/// How a connection ended.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The client broke off, or did not say what it should.
    BadClient(String),
    /// The proxy answered itself: the code, and why.
    Declined(&'static str, String),
    /// In order: `closed`, `left`, `idle_timeout` or `drain_timeout`.
    Ended(&'static str),
    /// There was no upstream, or it was lost.
    Refused(Box<Error>),
}

impl Outcome {
    /// `closed`, `left`, `idle_timeout`, `drain_timeout`, `client_lost`, what the proxy declined, or the code of the error.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::BadClient(_) => "client_lost",
            Self::Declined(code, _) | Self::Ended(code) => code,
            Self::Refused(error) => error.code().as_str(),
        }
    }

    fn message(&self) -> Option<String> {
        match self {
            Self::BadClient(reason) | Self::Declined(_, reason) => Some(printable(reason)),
            Self::Ended(_) => None,
            Self::Refused(error) => Some(error.to_string()),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, client, outcome, .. } = self;
        let [route, upstream] = [&self.route, &self.upstream].map(|name| printable(name.as_deref().unwrap_or("-")));
        write!(f, "{at} {route} {client} -> {upstream}")?;
        if let Some(address) = &self.address {
            write!(f, " ({address})")?;
        }
        if let Some(Requested { method, host, status }) = &self.requested {
            let [method, host] = [method, host].map(|name| printable(name.as_deref().unwrap_or("-")));
            let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
            write!(f, " {method} {host} {status}")?;
        }
        write!(f, " {}", outcome.code())?;
        if let Some(generation) = self.generation {
            write!(f, " generation={generation}")?;
        }
        if let Some(name) = &self.matched_name {
            write!(f, " matched={}", printable(name))?;
        }
        if let Some(version) = self.tls_version {
            write!(f, " tls={version}{}", if self.resumed == Some(true) { " resumed" } else { "" })?;
        }
        if let Some(connect) = self.connect_ms {
            write!(f, " connect={connect}ms")?;
        }
        write!(f, " in={} out={} {}ms", self.moved.from_client, self.moved.from_upstream, self.duration_ms)?;
        self.outcome.message().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schema", "uptls.access/v1")?;
        map.serialize_entry("at", &self.at)?;
        map.serialize_entry("route", &self.route)?;
        map.serialize_entry("client", &self.client)?;
        map.serialize_entry("upstream", &self.upstream)?;
        map.serialize_entry("address", &self.address)?;
        if let Some(Requested { method, host, status }) = &self.requested {
            map.serialize_entry("method", method)?;
            map.serialize_entry("host", host)?;
            map.serialize_entry("status", status)?;
        }
        map.serialize_entry("code", self.outcome.code())?;
        map.serialize_entry("message", &self.outcome.message())?;
        if let Outcome::Refused(error) = &self.outcome {
            map.serialize_entry("hint", &error.hint())?;
        }
        map.serialize_entry("generation", &self.generation)?;
        map.serialize_entry("matched_name", &self.matched_name)?;
        map.serialize_entry("tls_version", &self.tls_version)?;
        map.serialize_entry("resumed", &self.resumed)?;
        map.serialize_entry("connect_ms", &self.connect_ms)?;
        map.serialize_entry("duration_ms", &self.duration_ms)?;
        map.serialize_entry("bytes_from_client", &self.moved.from_client)?;
        map.serialize_entry("bytes_from_upstream", &self.moved.from_upstream)?;
        map.end()
    }
}

/// A line on stderr, with the time: for what is no connection.
pub(super) fn tell(text: &str) {
    print_error(&format!("{} {text}", now()));
}

/// Writes lines on a thread of its own: a reader that does not read delays no connection.
pub(super) struct AccessLog {
    is_json: bool,
    lines: SyncSender<String>,
    lost: Arc<AtomicU64>,
}

/// The end of the log: waits until all lines are written.
pub(super) struct Writer(JoinHandle<()>);

impl AccessLog {
    pub(super) fn start(is_json: bool) -> std::io::Result<(Self, Writer)> {
        let (lines, queue) = sync_channel::<String>(MOST_WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let missing = Arc::clone(&lost);
        let thread = std::thread::Builder::new().name("uptls-log".to_owned()).spawn(move || {
            while let Ok(mut line) = queue.recv() {
                // What waits is written together.
                while let Ok(more) = queue.try_recv() {
                    line.push_str(&more);
                    if line.len() > PIECE {
                        break;
                    }
                }
                match missing.swap(0, Ordering::Relaxed) {
                    0 => {}
                    // It is no connection, so it is no line of theirs.
                    lost => print_error(&format!("{lost} lines of the log were lost: its reader is too slow")),
                }
                let mut stdout = std::io::stdout().lock();
                // A log without a reader is no reason to end.
                let _ = stdout.write_all(line.as_bytes()).and_then(|()| stdout.flush());
            }
        })?;
        Ok((Self { is_json, lines, lost }, Writer(thread)))
    }

    pub(super) fn write(&self, entry: &Entry) {
        let mut line = String::new();
        let written = match self.is_json {
            true => serde_json::to_string(entry).map_err(|_| fmt::Error).and_then(|text| writeln!(line, "{text}")),
            false => writeln!(line, "{entry}"),
        };
        if written.is_err() {
            return;
        }
        if let Err(TrySendError::Full(_)) = self.lines.try_send(line) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Writer {
    /// Once every [`AccessLog`] is gone.
    pub(super) fn join(self) {
        let _ = self.0.join();
    }
}

/// How many lines wait for the reader of stdout.
const MOST_WAITING: usize = 8192;
/// How many bytes are written at once.
const PIECE: usize = 64 << 10;
