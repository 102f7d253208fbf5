//! One connection of a client: its upstream, the bytes between them, and its line in the log.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use uptls::tokio_client::{AsyncStream, Closable, ProxyHeader};
use uptls::{Code, ConnectError, ConnectOptions, Error, Evidence};

use super::client::{Addresses, Client, Origin};
use super::live::Stage;
use super::log::{Entry, Outcome};
use super::proxy_header;
use super::relay::{End, Moved, Relay};
use super::route::{Route, now};

/// Serves a client to its end, and gives the line of the log. It closes both sides when the stage is the last.
pub(super) async fn serve(client: Client, route: Arc<Route>, stage: watch::Receiver<Stage>) -> Entry {
    let (at, began, direct) = (now(), Instant::now(), client.addresses());
    let mut told = Told { origin: direct, connect: None, evidence: None, moved: Moved::default(), remote: None };
    let outcome = told.serve(client, &route, stage).await;
    told.entry(at, began.elapsed(), &route, outcome)
}

/// What is known of the connection so far.
struct Told {
    origin: Option<Addresses>,
    /// How long it took to have the upstream.
    connect: Option<Duration>,
    evidence: Option<Box<Evidence>>,
    moved: Moved,
    remote: Option<std::net::SocketAddr>,
}

impl Told {
    async fn serve(&mut self, mut client: Client, route: &Route, mut stage: watch::Receiver<Stage>) -> Outcome {
        if route.spec.accept_proxy_header {
            match Box::pin(proxy_header::read(&mut client)).await {
                Ok(behind) => self.origin = behind.or(self.origin),
                Err(error) => {
                    client.abort();
                    return Outcome::BadClient(error.to_string());
                }
            }
        }
        let began = Instant::now();
        let connected = tokio::select! {
            // A connection is mostly idle, and would keep the room of all that led to it.
            connected = Box::pin(connect(route, self.origin)) => connected,
            () = is_at(&mut stage, Stage::Ended) => {
                client.abort();
                return Outcome::Ended("drain_timeout");
            }
        };
        match connected {
            Err(error) => {
                route.refused(&error);
                client.abort();
                Outcome::Refused(Box::new(error))
            }
            Ok(upstream) => {
                self.connect = Some(began.elapsed());
                self.remote = upstream.get_ref().peer_addr().ok();
                self.evidence = Some(Box::new(upstream.evidence().clone()));
                route.counts.opened();
                let outcome = self.relay(client, upstream, route, stage).await;
                route.counts.ended(self.moved);
                outcome
            }
        }
    }

    async fn relay(
        &mut self,
        client: Client,
        upstream: Box<AsyncStream<TcpStream>>,
        route: &Route,
        stage: watch::Receiver<Stage>,
    ) -> Outcome {
        let closable = route.open.add(&route.spec.target.host, upstream.evidence());
        let mut relay = Relay::new(client, upstream);
        let outcome = relay_to_end(&mut relay, route.spec.idle_timeout, Some(closable), stage).await;
        self.moved = relay.moved();
        let (client, _) = relay.into_parts();
        if matches!(outcome, Outcome::Ended("closed")) {
            return outcome;
        }
        // A client must not take half of an answer for the whole.
        client.abort();
        outcome
    }

    fn entry(self, at: String, duration: Duration, route: &Route, outcome: Outcome) -> Entry {
        let evidence = self.evidence;
        Entry {
            at,
            route: Some(route.spec.name.clone()),
            client: Origin(self.origin).to_string(),
            upstream: Some(route.spec.target.to_string()),
            address: self.remote.map(|remote| remote.to_string()),
            generation: evidence.as_ref().map(|evidence| evidence.generation.number()),
            matched_name: evidence.as_ref().and_then(|evidence| evidence.peer.matched_name().map(str::to_owned)),
            tls_version: evidence.as_ref().map(|evidence| evidence.version.as_str()),
            resumed: evidence.as_ref().map(|evidence| evidence.resumed),
            connect_ms: self.connect.map(milliseconds),
            duration_ms: milliseconds(duration),
            moved: self.moved,
            requested: None,
            outcome,
        }
    }
}

/// Moves bytes until both sides have ended, one of them broke off or must, or the proxy ends.
pub(super) async fn relay_to_end<C, U>(
    relay: &mut Relay<C, U>,
    idle: Option<Duration>,
    mut closable: Option<Closable>,
    mut stage: watch::Receiver<Stage>,
) -> Outcome
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    let refused = poll_fn(|cx| closable.as_mut().map_or(Poll::Pending, |closable| closable.poll_refused(cx)));
    let outcome = tokio::select! {
        end = relay.run(idle) => match end {
            End::Both => Outcome::Ended("closed"),
            End::Client(error) => Outcome::BadClient(error.to_string()),
            End::Idle => Outcome::Ended("idle_timeout"),
            End::Upstream(error) => lost(&error),
        },
        error = refused => Outcome::Refused(Box::new(error)),
        () = is_at(&mut stage, Stage::Ended) => Outcome::Ended("drain_timeout"),
    };
    match outcome {
        // Many servers forget their close_notify once the client has left. No answer is cut.
        Outcome::Refused(error) if relay.is_left() && error.code() == Code::Truncated => Outcome::Ended("left"),
        outcome => outcome,
    }
}

fn lost(error: &io::Error) -> Outcome {
    match Error::find_in(error) {
        Some(error) => Outcome::Refused(Box::new(error.clone())),
        // Every error of the stream holds one of ours.
        None => Outcome::Refused(Box::new(ConnectError::ConnectionLost { reason: error.to_string() }.into())),
    }
}

/// The verified upstream, by what is published. A publication may overtake a handshake (R1), and then a policy that counts no more has
/// refused a peer: it has got no byte of the client, and is asked once more.
async fn connect(route: &Route, client: Option<Addresses>) -> Result<Box<AsyncStream<TcpStream>>, Error> {
    for _ in 1..ATTEMPTS {
        let generation = route.connector.generation();
        match connect_once(route, client).await {
            Err(_) if route.connector.generation() != generation => {}
            outcome => return outcome,
        }
    }
    connect_once(route, client).await
}

/// A header for the upstream, if one is wanted, goes before TLS (H11).
async fn connect_once(route: &Route, client: Option<Addresses>) -> Result<Box<AsyncStream<TcpStream>>, Error> {
    let (connector, host, options) = (&route.connector, &route.spec.target.host, ConnectOptions::default());
    if !route.spec.send_proxy_header {
        return connector.connect_async(route.spec.address(), host, &options).await.map(Box::new);
    }
    let header = match client {
        Some(Addresses { source, destination }) => ProxyHeader::proxied(source, destination),
        None => ProxyHeader::local(),
    };
    connector.connect_over(&header, route.spec.address(), host, &options).await.map(Box::new)
}

/// Waits until the proxy is at this stage, or beyond.
pub(super) async fn is_at(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    // The sender lives as long as the proxy; without it there is an end, too.
    let _ = stage.wait_for(|stage| *stage >= wanted).await;
}

pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How often one publication after the other may overtake the handshakes of one client. The pool has the same number.
const ATTEMPTS: usize = 3;
