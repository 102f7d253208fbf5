//! The blocking face: any transport that can be given a deadline, and `Read` and `Write` afterwards.

use core::fmt;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Instant;

use super::address::Address;
use super::dialer::{Dialer, DialledSocket};
use super::evidence::Evidence;
use super::failure::Answered;
use super::fault::{self, Stage, is_temporary};
use super::intent::Intent;
use super::race;
use super::sans_io::{Established, Handshake, Incoming};
use super::tcp_options::TcpOptions;
use super::tls_io::{Failure, ReadOutcome};
use super::transport::Transport;
use super::{ConnectOptions, internal};
use crate::error::{Code, Error, Misuse};
use crate::name::BackendHost;
use crate::rotate::Connector;

impl Connector {
    /// Makes a verified connection over `transport`, which is connected already.
    ///
    /// # Errors
    /// [`Error::Rejected`] for a peer that fails the policy, [`Error::Connect`] for transport, alerts and protocol with
    /// `handshake_timeout` for a silent or dribbling peer (H4), [`Error::Policy`] and [`Error::Misuse`] as
    /// [`Connector::begin`]. The transport is dropped, after an alert was sent (H5).
    pub fn handshake<T: Transport>(
        &self,
        transport: T,
        host: &BackendHost,
        options: &ConnectOptions,
    ) -> Result<VerifiedStream<T>, Error> {
        adopt(self.begin(host, options)?, transport)
    }

    /// Dials `address`, then [`Connector::handshake`]; one deadline covers resolving, dialling and the handshake (H4).
    ///
    /// ```no_run
    /// use std::io::{Read, Write};
    /// use uptls::{BackendHost, ConnectOptions, Connector};
    ///
    /// fn get(connector: &Connector) -> Result<String, Box<dyn std::error::Error>> {
    ///     let host = BackendHost::parse("payments.internal")?;
    ///     // The address of the socket says nothing of who the peer is.
    ///     let mut stream = connector.connect_blocking(("10.0.0.7", 8443), &host, &ConnectOptions::default())?;
    ///     stream.write_all(b"GET / HTTP/1.0\r\nHost: payments.internal\r\n\r\n")?;
    ///     let mut answer = String::new();
    ///     stream.read_to_string(&mut answer)?;
    ///     Ok(answer)
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`Address::dial`] and of [`Connector::handshake`].
    pub fn connect_blocking(
        &self,
        address: impl Into<Address>,
        host: &BackendHost,
        options: &ConnectOptions,
    ) -> Result<VerifiedStream<TcpStream>, Error> {
        connect(&Intent::new(self, host, options), &address.into())
    }

    /// As [`Connector::connect_blocking`] over the socket that `dialer` makes, be it a tunnel or a Unix socket. The deadline covers
    /// that, too (H11).
    ///
    /// ```no_run
    /// use uptls::{BackendHost, ConnectOptions, Connector, Dialer};
    ///
    /// fn connect(connector: &Connector, host: &BackendHost) -> Result<(), uptls::Error> {
    ///     let dialer = Dialer::default().with_http_proxy(("proxy.internal", 3128), None)?;
    ///     let stream = connector.connect_blocking_over(&dialer, (host, 443), host, &ConnectOptions::default())?;
    ///     println!("{:?}", stream.evidence().peer.matched_name());
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// Those of [`Dialer::dial`] and of [`Connector::handshake`].
    pub fn connect_blocking_over(
        &self,
        dialer: &Dialer,
        address: impl Into<Address>,
        host: &BackendHost,
        options: &ConnectOptions,
    ) -> Result<VerifiedStream<DialledSocket>, Error> {
        connect_over(&Intent::new(self, host, options), dialer, &address.into())
    }
}

pub(super) fn connect(intent: &Intent<'_>, address: &Address) -> Result<VerifiedStream<TcpStream>, Error> {
    let deadline = intent.deadline()?;
    let begun = intent.dial_begins();
    let dialled = race::dial(address, &TcpOptions::default(), deadline);
    let dial = begun.map(|begun| begun.elapsed());
    let transport = intent.told(dialled, dial)?;
    let mut handshake = intent.begin_until(deadline)?;
    handshake.dialled_in(dial, transport.peer_addr().ok());
    negotiate(handshake, transport)
}

pub(super) fn connect_over(
    intent: &Intent<'_>,
    dialer: &Dialer,
    address: &Address,
) -> Result<VerifiedStream<DialledSocket>, Error> {
    let deadline = intent.deadline()?;
    let transport = dialer.dial_until(address, deadline)?;
    adopt(intent.begin_until(deadline)?, transport)
}

/// A blocking stream to a verified peer.
///
/// Errors of `Read` and `Write` hold an [`Error`]; [`Rejection::from_io_error`](crate::Rejection::from_io_error) finds the
/// reason through any wrapping. Dropping it closes the transport without close_notify: call
/// [`shutdown`](VerifiedStream::shutdown) first. In a child of `fork` all of that is `misuse`, and the socket, which the child
/// shares, is left alone (L10).
///
/// ```
/// use std::io::{Read, Write};
///
/// fn get(stream: &mut uptls::VerifiedStream<std::net::TcpStream>) -> std::io::Result<Vec<u8>> {
///     stream.write_all(b"GET / HTTP/1.1\r\nHost: payments.internal\r\nConnection: close\r\n\r\n")?;
///     let mut answer = Vec::new();
///     // An end without close_notify is an error (H8), so this answer is complete.
///     stream.read_to_end(&mut answer)?;
///     Ok(answer)
/// }
/// ```
pub struct VerifiedStream<T> {
    established: Established,
    transport: T,
}

impl<T> VerifiedStream<T> {
    /// The proof and the negotiated parameters.
    pub fn evidence(&self) -> &Evidence {
        self.established.evidence()
    }

    /// The transport; for timeouts and addresses. Bytes that are read or written there break the connection.
    pub fn get_ref(&self) -> &T {
        &self.transport
    }

    /// Whether the peer ended its data with a close_notify (H8).
    pub fn is_clean_eof(&self) -> bool {
        self.established.is_clean_eof()
    }

    /// The connection and its transport, for another event loop. Bytes may wait to be drained.
    pub fn into_parts(self) -> (Established, T) {
        (self.established, self.transport)
    }
}

impl<T: Transport> VerifiedStream<T> {
    /// Sends close_notify, which ends our data properly, and flushes. Reading continues.
    ///
    /// # Errors
    /// Those of `Write`.
    pub fn shutdown(&mut self) -> io::Result<()> {
        self.established.close_notify();
        self.flush()
    }

    fn send(&mut self) -> io::Result<()> {
        self.established.check_process()?;
        while self.established.wants_write() {
            match self.established.send(&mut self.transport) {
                Ok(0) => return Err(self.lost(&io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if is_temporary(&error) => return Err(error),
                Err(error) => return Err(self.lost(&error)),
            }
        }
        Ok(())
    }

    /// A transport that cannot be written to. I5: a peer that refuses our certificate closes after its alert, so what can
    /// be read is read first.
    fn lost(&mut self, error: &io::Error) -> io::Error {
        if self.established.answered() == Answered::NotYet {
            let drain_until = Instant::now().checked_add(ALERT_DRAIN_TIMEOUT);
            while self.transport.set_deadline(drain_until).is_ok() {
                if !matches!(self.established.receive(&mut AlertDrain(&mut self.transport)), Ok(ReadOutcome::Bytes)) {
                    break;
                }
            }
        }
        self.established.fail(lost(error)).into()
    }
}

impl<T: Transport> Read for VerifiedStream<T> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        loop {
            match self.established.read(out)? {
                Incoming::Closed => return Ok(0),
                Incoming::Data(count) => return Ok(count),
                Incoming::WantRead => {}
            }
            match self.established.receive(&mut self.transport) {
                Ok(_) => {}
                // An alert of ours may wait; the next turn gives the error.
                Err(Failure::Tls(_)) => drop(self.established.send(&mut self.transport)),
                Err(Failure::Transport(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(Failure::Transport(error)) if is_temporary(&error) => return Err(error),
                Err(Failure::Transport(error)) => return Err(self.established.fail(lost(&error)).into()),
            }
        }
    }
}

impl<T: Transport> Write for VerifiedStream<T> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.send()?;
        let count = self.established.write(data)?;
        match self.send() {
            // What was taken is sent with the next call.
            Err(error) if is_temporary(&error) && count > 0 => Ok(count),
            sent => sent.map(|()| count),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()?;
        self.transport.flush()
    }
}

impl<T> fmt::Debug for VerifiedStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedStream").field("established", &self.established).finish_non_exhaustive()
    }
}

/// Over a transport that is connected already.
pub(super) fn adopt<T: Transport>(mut handshake: Handshake, transport: T) -> Result<VerifiedStream<T>, Error> {
    handshake.dialled_in(None, transport.remote_address());
    negotiate(handshake, transport)
}

fn negotiate<T: Transport>(mut handshake: Handshake, mut transport: T) -> Result<VerifiedStream<T>, Error> {
    let outcome = exchange(&mut handshake, &mut transport);
    if let Err(error) = outcome {
        drain_alert(&mut handshake, &mut transport);
        return Err(error);
    }
    let established = handshake.finish().map_err(|mut unfinished| {
        drain_alert(&mut unfinished, &mut transport);
        unfinished.error().cloned().unwrap_or_else(|| internal("the handshake ended before it was done"))
    })?;
    transport.set_deadline(None).map_err(|error| lost(&error))?;
    Ok(VerifiedStream { established, transport })
}

/// Moves bytes until the handshake is done and our last flight is sent.
fn exchange<T: Transport>(handshake: &mut Handshake, transport: &mut T) -> Result<(), Error> {
    let mut pause = SHORTEST_PAUSE;
    loop {
        while handshake.wants_write() {
            bound(handshake, transport)?;
            match handshake.send(transport) {
                Ok(_) => pause = SHORTEST_PAUSE,
                Err(error) => retry(handshake, transport, error, Direction::Write, &mut pause)?,
            }
        }
        if handshake.is_done() {
            return Ok(());
        }
        bound(handshake, transport)?;
        match handshake.receive(transport) {
            Ok(_) => pause = SHORTEST_PAUSE,
            Err(Failure::Tls(error)) => return Err(error),
            Err(Failure::Transport(error)) => retry(handshake, transport, error, Direction::Read, &mut pause)?,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Direction {
    Read,
    Write,
}

/// H4: what remains is set anew before every read and write.
fn bound<T: Transport>(handshake: &mut Handshake, transport: &mut T) -> Result<(), Error> {
    let deadline = handshake.deadline_of();
    if deadline.has_passed() {
        return Err(handshake.expire());
    }
    transport.set_deadline(deadline.at).map_err(|error| match is_temporary(&error) {
        // It passed meanwhile.
        true => handshake.expire(),
        false => handshake.feed_error(&error),
    })
}

/// Whether an error of the transport ends the handshake. One that passes before the deadline is waited out, longer each time.
fn retry<T: Transport>(
    handshake: &mut Handshake,
    transport: &mut T,
    error: io::Error,
    direction: Direction,
    pause: &mut Duration,
) -> Result<(), Error> {
    let deadline = handshake.deadline_of();
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        _ if is_temporary(&error) && deadline.has_passed() => Err(handshake.expire()),
        _ if is_temporary(&error) && !transport.blocks() => {
            Err(handshake.fail(Misuse::new("the blocking face was given a transport that does not block").into()))
        }
        _ if is_temporary(&error) => {
            thread::sleep(deadline.remaining().map_or(*pause, |remaining| remaining.min(*pause)));
            *pause = (*pause * 2).min(LONGEST_PAUSE);
            Ok(())
        }
        // I5: the peer may have said why before it closed.
        _ if direction == Direction::Write => {
            let drain_until = Instant::now().checked_add(ALERT_DRAIN_TIMEOUT);
            let drain_until = [drain_until, deadline.at].into_iter().flatten().min();
            while transport.set_deadline(drain_until).is_ok() {
                if !matches!(handshake.receive(&mut AlertDrain(&mut *transport)), Ok(ReadOutcome::Bytes)) {
                    break;
                }
            }
            Err(handshake.feed_error(&error))
        }
        _ => Err(handshake.feed_error(&error)),
    }
}

/// What can still be read after writing failed. Its end says less than the error of writing.
pub(crate) struct AlertDrain<R>(pub(crate) R);

impl<R: Read> Read for AlertDrain<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => Ok(count),
        }
    }
}

/// H5: the alert, as far as the peer still takes it.
fn drain_alert<T: Transport>(handshake: &mut Handshake, transport: &mut T) {
    let drain_until = Instant::now().checked_add(ALERT_DRAIN_TIMEOUT);
    while handshake.wants_write() && transport.set_deadline(drain_until).is_ok() {
        if !matches!(handshake.send(transport), Ok(1..)) {
            return;
        }
    }
    // What cannot be flushed cannot be said.
    let _ = transport.flush();
}

/// What an error means on a connection that exists.
pub(crate) fn lost(error: &io::Error) -> Error {
    fault::meaning(error, Stage::Reached).into()
}

impl From<Error> for io::Error {
    /// The kind is the nearest there is; the [`Error`] itself is inside.
    fn from(error: Error) -> Self {
        let kind = match error.code() {
            Code::ConnectionLost => io::ErrorKind::ConnectionAborted,
            Code::HandshakeTimeout | Code::TcpTimeout => io::ErrorKind::TimedOut,
            Code::Misuse => io::ErrorKind::InvalidInput,
            Code::PeerClosed | Code::Truncated => io::ErrorKind::UnexpectedEof,
            Code::PeerReset => io::ErrorKind::ConnectionReset,
            Code::TcpRefused => io::ErrorKind::ConnectionRefused,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// How long a peer that is given up may take for a last alert.
pub(crate) const ALERT_DRAIN_TIMEOUT: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);
