//! The tokio face: any `AsyncRead + AsyncWrite`, and an [`AsyncStream`] of the same traits afterwards.
//!
//! It starts no runtime and no task but that of [`OpenConnections::reconsider`], and no thread but that which looks up a name (H4). Timers are tokio's, so that its clock and no other decides (H4).

mod async_stream;
mod dial;
mod open_connections;
mod polled;
#[cfg(feature = "tokio-rustls")]
mod rustls_stream;

pub use async_stream::AsyncStream;
#[cfg(unix)]
pub use dial::Unix;
pub use dial::{Destination, Dial, HttpConnect, ProxyHeader, Tcp};
pub use open_connections::{Closable, OpenConnections};

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::io;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connect::blocking::{ALERT_DRAIN_TIMEOUT, AlertDrain};
use crate::connect::intent::Intent;
use crate::connect::sans_io::Handshake;
use crate::connect::tls_io::{Failure, ReadOutcome};
use crate::connect::{Address, BoundConnector, ConnectOptions, internal};
use crate::error::Error;
use crate::name::BackendHost;
use crate::rotate::Connector;
use polled::{poll_receive, poll_send};

impl Connector {
    /// Makes a verified connection over `transport`, which is connected already.
    ///
    /// Dropping the future drops the transport, and nothing else happens.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a peer that fails the policy, [`Error::Connect`] for transport, alerts and protocol with
    /// `handshake_timeout` for a silent or dribbling peer (H4), [`Error::Policy`] and [`Error::Misuse`] as
    /// [`Connector::begin`]. The transport is dropped, after an alert was sent (H5).
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer on, as all of tokio's timers.
    pub async fn handshake_async<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        transport: T,
        host: &BackendHost,
        options: &ConnectOptions,
    ) -> Result<AsyncStream<T>, Error> {
        negotiate(self.begin(host, options)?, transport).await
    }

    /// Dials `address`, then [`Connector::handshake_async`]; one deadline covers resolving, dialling and the handshake (H4).
    ///
    /// A name is resolved by a thread of the process, as in [`Address::dial`]; give addresses, and there is none. Where tokio's
    /// clock is paused, give addresses too: it does not wait for that thread.
    ///
    /// # Errors
    /// Those of [`Address::dial`] and of [`Connector::handshake_async`].
    ///
    /// # Panics
    /// Outside a tokio runtime with I/O and timer on.
    pub async fn connect_async(
        &self,
        address: impl Into<Address>,
        host: &BackendHost,
        options: &ConnectOptions,
    ) -> Result<AsyncStream<TcpStream>, Error> {
        self.connect_over(&Tcp::default(), address, host, options).await
    }

    /// As [`Connector::connect_async`] over what `dial` makes, be it a tunnel or a Unix socket. The deadline covers that, too (H11).
    ///
    /// # Errors
    /// Those of `dial` and of [`Connector::handshake_async`]; `tcp_timeout` for a dial that does not end.
    ///
    /// # Panics
    /// As [`Connector::connect_async`].
    pub async fn connect_over<D: Dial>(
        &self,
        dial: &D,
        address: impl Into<Address>,
        host: &BackendHost,
        options: &ConnectOptions,
    ) -> Result<AsyncStream<D::Transport>, Error> {
        connect(&Intent::new(self, host, options), dial, address.into()).await
    }
}

impl BoundConnector {
    /// As [`Connector::handshake_async`].
    ///
    /// # Errors
    /// Those of [`Connector::handshake_async`], and `connector_superseded`.
    ///
    /// # Panics
    /// As [`Connector::handshake_async`].
    pub async fn handshake_async<T: AsyncRead + AsyncWrite + Unpin>(
        &self,
        transport: T,
    ) -> Result<AsyncStream<T>, Error> {
        negotiate(self.begin()?, transport).await
    }

    /// As [`Connector::connect_async`].
    ///
    /// # Errors
    /// Those of [`Connector::connect_async`], and `connector_superseded`.
    ///
    /// # Panics
    /// As [`Connector::connect_async`].
    pub async fn connect_async(&self, address: impl Into<Address>) -> Result<AsyncStream<TcpStream>, Error> {
        self.connect_over(&Tcp::default(), address).await
    }

    /// As [`Connector::connect_over`].
    ///
    /// # Errors
    /// Those of [`Connector::connect_over`], and `connector_superseded`.
    ///
    /// # Panics
    /// As [`Connector::connect_async`].
    pub async fn connect_over<D: Dial>(
        &self,
        dial: &D,
        address: impl Into<Address>,
    ) -> Result<AsyncStream<D::Transport>, Error> {
        connect(&self.intent(), dial, address.into()).await
    }
}

async fn connect<D: Dial>(intent: &Intent<'_>, dial: &D, address: Address) -> Result<AsyncStream<D::Transport>, Error> {
    let deadline = intent.deadline()?;
    let begun = intent.dial_begins();
    let dialled = dial::transport(dial, Destination::until(address, deadline)).await;
    let took = begun.map(|begun| begun.elapsed());
    let transport = intent.told(dialled, took)?;
    let mut handshake = intent.begin_until(deadline)?;
    handshake.dialled_in(took, dial.remote_address(&transport));
    negotiate(handshake, transport).await
}

async fn negotiate<T: AsyncRead + AsyncWrite + Unpin>(
    mut handshake: Handshake,
    mut transport: T,
) -> Result<AsyncStream<T>, Error> {
    let until = handshake.deadline().map(Instant::from_std);
    let outcome = within(until, exchange(&mut handshake, &mut transport)).await;
    if let Err(error) = outcome.unwrap_or_else(|| Err(handshake.expire())) {
        drain_alert(&mut handshake, &mut transport).await;
        return Err(error);
    }
    match handshake.finish() {
        Ok(established) => Ok(AsyncStream::new(established, transport)),
        Err(mut unfinished) => {
            drain_alert(&mut unfinished, &mut transport).await;
            Err(unfinished.error().cloned().unwrap_or_else(|| internal("the handshake is not done")))
        }
    }
}

/// H5: the alert. What the peer does not take cannot be said.
async fn drain_alert<T: AsyncWrite + Unpin>(handshake: &mut Handshake, transport: &mut T) {
    let alert = poll_fn(|cx| poll_flight(handshake, transport, &mut Flight::Sent, cx));
    let _ = timeout(ALERT_DRAIN_TIMEOUT, alert).await;
}

/// Moves bytes until the handshake is done and our last flight is sent.
async fn exchange<T: AsyncRead + AsyncWrite + Unpin>(
    handshake: &mut Handshake,
    transport: &mut T,
) -> Result<(), Error> {
    let mut flight = Flight::Flushed;
    match poll_fn(|cx| poll_exchange(handshake, transport, &mut flight, cx)).await {
        Ok(()) => Ok(()),
        Err(Failure::Tls(error)) => Err(error),
        Err(Failure::Transport(error)) => {
            // I5: the peer may have said why before it closed.
            let drain = async { while let Ok(ReadOutcome::Bytes) = receive_once(handshake, transport).await {} };
            let _ = timeout(ALERT_DRAIN_TIMEOUT, drain).await;
            Err(handshake.feed_error(&error))
        }
    }
}

/// Reads also while it cannot write: both sides may have much to say. A `Failure::Transport` is one of writing.
fn poll_exchange<T: AsyncRead + AsyncWrite + Unpin>(
    handshake: &mut Handshake,
    transport: &mut T,
    flight: &mut Flight,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Failure>> {
    loop {
        let sent = poll_flight(handshake, transport, flight, cx).map_err(Failure::Transport)?;
        if sent.is_ready() && handshake.is_done() {
            return Poll::Ready(Ok(()));
        }
        // H4: a transport that is always ready would never come to the timer.
        if !handshake.is_done() && handshake.deadline_of().has_passed() {
            return Poll::Ready(Err(Failure::Tls(handshake.expire())));
        }
        match ready!(poll_receive(|source| handshake.receive(source), transport, cx)) {
            Ok(ReadOutcome::Bytes) => {}
            // There is nothing to wait for but our own flight, and the deadline.
            Ok(ReadOutcome::End | ReadOutcome::Full) => return Poll::Pending,
            Err(Failure::Tls(error)) => return Poll::Ready(Err(Failure::Tls(error))),
            Err(Failure::Transport(error)) => {
                return Poll::Ready(Err(Failure::Tls(handshake.feed_error(&error))));
            }
        }
    }
}

/// What waits to be sent is sent and flushed.
fn poll_flight<T: AsyncWrite + Unpin>(
    handshake: &mut Handshake,
    transport: &mut T,
    flight: &mut Flight,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while handshake.wants_write() {
        if ready!(poll_send(|sink| handshake.send(sink), transport, cx))? == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        *flight = Flight::Sent;
    }
    if *flight == Flight::Sent {
        ready!(Pin::new(transport).poll_flush(cx))?;
        *flight = Flight::Flushed;
    }
    Poll::Ready(Ok(()))
}

/// How far our bytes are.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Flight {
    Flushed,
    Sent,
}

async fn receive_once<T: AsyncRead + Unpin>(
    handshake: &mut Handshake,
    transport: &mut T,
) -> Result<ReadOutcome, Failure> {
    poll_fn(|cx| poll_receive(|source| handshake.receive(&mut AlertDrain(source)), transport, cx)).await
}

/// `None` when the time was over first.
async fn within<F: Future>(until: Option<Instant>, future: F) -> Option<F::Output> {
    match until {
        None => Some(future.await),
        Some(until) => timeout_at(until, future).await.ok(),
    }
}
