//! The connections of a pool to one authority under one key.

use core::time::Duration;
use std::sync::Arc;

use hyper::client::conn::{http1, http2};
use tokio::sync::watch;
use tokio::time::Instant;

use super::connection::Connection;
use super::counts::CloseReason;
use crate::error::Error;
use crate::hyper_client::{BoundService, H2};
use crate::tokio_client::Dial;

/// All connections of it are interchangeable (R7).
pub(super) struct Client<B, D> {
    pub(super) bound: BoundService<D>,
    /// The connect that others wait for, where they may share what it gives.
    dialling: Option<watch::Receiver<Dialled>>,
    /// Those of HTTP/1.1, the one that was used last at the end.
    idle: Vec<(http1::SendRequest<B>, Arc<Connection>)>,
    /// That of HTTP/2.
    shared: Option<(http2::SendRequest<B>, Arc<Connection>)>,
    /// Whether the peer is expected to select h2.
    shares: bool,
    used: Instant,
}

/// What came of a connect: nothing yet, a connection, or the reason why there is none.
pub(super) type Dialled = Option<Result<(), Error>>;

/// How requests are given to a connection.
pub(super) enum Sender<B> {
    Http1(http1::SendRequest<B>),
    Http2(http2::SendRequest<B>),
}

impl<B, D: Dial> Client<B, D> {
    pub(super) fn new(bound: BoundService<D>) -> Self {
        let shares = bound.offers(H2);
        Self { bound, dialling: None, idle: Vec::new(), shared: None, shares, used: Instant::now() }
    }

    /// A connection for one request at `now` (unix seconds); what cannot be used any more is closed.
    pub(super) fn take(&mut self, now: i64) -> Option<(Sender<B>, Arc<Connection>)> {
        self.used = Instant::now();
        self.close_untrusted(now);
        if let Some((sender, connection)) = &self.shared {
            if !sender.is_closed() {
                return Some((Sender::Http2(sender.clone()), Arc::clone(connection)));
            }
            self.shared = None;
        }
        while let Some((sender, connection)) = self.idle.pop() {
            if sender.is_ready() {
                return Some((Sender::Http1(sender), connection));
            }
        }
        None
    }

    /// The connect to wait for, if what it gives can be shared.
    pub(super) fn dialling(&self) -> Option<watch::Receiver<Dialled>> {
        let dialling = self.dialling.as_ref().filter(|_| self.shares)?;
        // Closed: it has ended, or the request that dialled was dropped.
        dialling.has_changed().is_ok().then(|| dialling.clone())
    }

    /// A connect begins; the others are told by the result.
    pub(super) fn dial(&mut self) -> watch::Sender<Dialled> {
        let (told, dialling) = watch::channel(None);
        self.dialling = Some(dialling);
        told
    }

    /// Keeps a new connection if it can be shared, and remembers whether it can.
    pub(super) fn opened(&mut self, sender: &Sender<B>, connection: &Arc<Connection>) {
        self.shares = match sender {
            Sender::Http1(_) => false,
            Sender::Http2(sender) => {
                self.shared = Some((sender.clone(), Arc::clone(connection)));
                true
            }
        };
    }

    /// Keeps a connection that has served a request.
    pub(super) fn keep(&mut self, sender: http1::SendRequest<B>, connection: Arc<Connection>, most: usize) {
        if self.idle.len() < most {
            self.idle.push((sender, connection));
        } else {
            connection.end_for(CloseReason::Limit);
        }
    }

    /// L17: closes what was proved for too short a time.
    pub(super) fn close_untrusted(&mut self, now: i64) {
        self.close_where(CloseReason::TrustEnded, |connection| !connection.is_trusted(now));
    }

    pub(super) fn close_idle(&mut self, timeout: Duration) {
        let now = Instant::now();
        self.close_where(CloseReason::Idle, |connection| {
            connection.idle_since().is_some_and(|since| now.duration_since(since) >= timeout)
        });
    }

    /// Without a sender a connection is closed once its last response is complete: an idle one at once.
    pub(super) fn close(mut self, reason: CloseReason) {
        self.close_where(reason, |_| true);
    }

    fn close_where(&mut self, reason: CloseReason, closes: impl Fn(&Connection) -> bool) {
        let stays = |connection: &Connection| {
            let closes = closes(connection);
            if closes {
                connection.end_for(reason);
            }
            !closes
        };
        self.idle.retain(|(_, connection)| stays(connection));
        self.shared.take_if(|(_, connection)| !stays(connection));
    }

    /// Whether nothing is lost with it.
    pub(super) fn is_unused(&self, timeout: Duration) -> bool {
        self.idle.is_empty() && self.shared.is_none() && self.used.elapsed() >= timeout
    }

    pub(super) fn used(&self) -> Instant {
        self.used
    }
}
