//! The blocking face: any transport that can be given a deadline, and `Read` and `Write` afterwards.

use core::fmt;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use super::dial::Address;
use super::evidence::Evidence;
use super::failure::Answered;
use super::intake::{Failure, Intake};
use super::sans_io::{Deadline, Established, Handshake, Incoming};
use super::setup::Setup;
use super::{ConnectOptions, internal};
use crate::error::{Code, ConnectError, Error, Misuse};
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
        negotiate(self.begin(host, options)?, transport)
    }

    /// Dials `address`, then [`Connector::handshake`]; one deadline covers resolving, dialling and the handshake (H4).
    ///
    /// # Errors
    /// `dns_failed`, `tcp_refused`, `tcp_timeout`, and those of [`Connector::handshake`].
    pub fn connect_blocking(
        &self,
        address: impl Into<Address>,
        host: &BackendHost,
        options: &ConnectOptions,
    ) -> Result<VerifiedStream<TcpStream>, Error> {
        let snapshot = self.snapshot()?;
        let timeout = options.timeout.unwrap_or_else(|| snapshot.prepared.policy().handshake_timeout());
        let deadline = Deadline::after(timeout);
        // Nothing is dialled for a policy or options that cannot be used.
        Setup::new(snapshot, host, options)?;
        let transport = address.into().dial_until(deadline)?;
        negotiate(self.begin_until(host, options, deadline)?, transport)
    }
}

/// A blocking transport that can be given a deadline.
pub trait Transport: Read + Write {
    /// Bounds the reads and writes from now on: past `deadline` they fail with `WouldBlock` or `TimedOut`. `None`: no
    /// bound. Called before every read and write of a handshake, so that a peer that sends one octet at a time ends at the
    /// deadline too, and once with `None` after it: a bound of the caller's own is set on the finished stream.
    ///
    /// # Errors
    /// What the system says.
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()>;
}

impl Transport for TcpStream {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let remaining = remaining(deadline)?;
        self.set_read_timeout(remaining)?;
        self.set_write_timeout(remaining)
    }
}

#[cfg(unix)]
impl Transport for std::os::unix::net::UnixStream {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let remaining = remaining(deadline)?;
        self.set_read_timeout(remaining)?;
        self.set_write_timeout(remaining)
    }
}

impl<T: Transport + ?Sized> Transport for &mut T {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        (**self).set_deadline(deadline)
    }
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn set_deadline(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        (**self).set_deadline(deadline)
    }
}

/// A blocking stream to a verified peer.
///
/// Errors of `Read` and `Write` hold an [`Error`]; [`Rejection::from_io_error`](crate::Rejection::from_io_error) finds the
/// reason through any wrapping. Dropping it closes the transport without close_notify: call
/// [`shutdown`](VerifiedStream::shutdown) first. In a child of `fork` all of that is `misuse`, and the socket, which the child
/// shares, is left alone (L10).
pub struct VerifiedStream<T> {
    established: Established,
    transport: T,
}

impl<T> VerifiedStream<T> {
    /// What was proven and negotiated.
    pub fn evidence(&self) -> &Evidence {
        self.established.evidence()
    }

    /// The transport; for timeouts and addresses. Octets that are read or written there break the connection.
    pub fn get_ref(&self) -> &T {
        &self.transport
    }

    /// Whether the peer ended its data with a close_notify (H8).
    pub fn is_clean_eof(&self) -> bool {
        self.established.is_clean_eof()
    }

    /// The connection and its transport, for another event loop. Octets may wait to be drained.
    pub fn into_parts(self) -> (Established, T) {
        (self.established, self.transport)
    }
}

impl<T: Transport> VerifiedStream<T> {
    /// Sends close_notify, which ends our data properly, and flushes. Reading goes on.
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
            let patience = Instant::now().checked_add(LAST_WORDS);
            while self.transport.set_deadline(patience).is_ok() {
                if !matches!(self.established.receive(&mut self.transport), Ok(Intake::Octets)) {
                    break;
                }
            }
        }
        self.established.fail(transport_error(error)).into()
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
                Err(Failure::Transport(error)) => return Err(self.established.fail(transport_error(&error)).into()),
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

fn negotiate<T: Transport>(mut handshake: Handshake, mut transport: T) -> Result<VerifiedStream<T>, Error> {
    let outcome = exchange(&mut handshake, &mut transport);
    if let Err(error) = outcome {
        say_last_words(&mut handshake, &mut transport);
        return Err(error);
    }
    let done = handshake.finish();
    let established = done.map_err(|unfinished| {
        unfinished.error().cloned().unwrap_or_else(|| internal("the handshake ended before it was done"))
    })?;
    transport.set_deadline(None).map_err(|error| transport_error(&error))?;
    Ok(VerifiedStream { established, transport })
}

/// Moves octets until the handshake is done and our last flight is sent.
fn exchange<T: Transport>(handshake: &mut Handshake, transport: &mut T) -> Result<(), Error> {
    loop {
        while handshake.wants_write() {
            bound(handshake, transport)?;
            if let Err(error) = handshake.send(transport) {
                retry(handshake, transport, error, Direction::Write)?;
            }
        }
        if handshake.is_done() {
            return Ok(());
        }
        bound(handshake, transport)?;
        match handshake.receive(transport) {
            Ok(_) => {}
            Err(Failure::Tls(error)) => return Err(error),
            Err(Failure::Transport(error)) => retry(handshake, transport, error, Direction::Read)?,
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
    transport.set_deadline(deadline.at).map_err(|error| handshake.fail(transport_error(&error)))
}

/// Whether an error of the transport ends the handshake.
fn retry<T: Transport>(
    handshake: &mut Handshake,
    transport: &mut T,
    error: io::Error,
    direction: Direction,
) -> Result<(), Error> {
    let deadline = handshake.deadline_of();
    match error.kind() {
        io::ErrorKind::Interrupted => Ok(()),
        _ if is_temporary(&error) && deadline.has_passed() => Err(handshake.expire()),
        _ if is_temporary(&error) && is_far(deadline) => {
            Err(handshake.fail(Misuse::new("the blocking face was given a transport that does not block").into()))
        }
        _ if is_temporary(&error) => Ok(()),
        // I5: the peer may have said why before it closed.
        _ if direction == Direction::Write => {
            while let Ok(Intake::Octets) = handshake.receive(transport) {}
            Err(handshake.fail(transport_error(&error)))
        }
        _ => Err(handshake.fail(transport_error(&error))),
    }
}

/// H5: the alert, as far as the peer still takes it.
fn say_last_words<T: Transport>(handshake: &mut Handshake, transport: &mut T) {
    let patience = Instant::now().checked_add(LAST_WORDS);
    while handshake.wants_write() && transport.set_deadline(patience).is_ok() {
        if !matches!(handshake.send(transport), Ok(1..)) {
            return;
        }
    }
    // What cannot be flushed cannot be said.
    let _ = transport.flush();
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

/// Further away than any timer of a socket is early.
fn is_far(deadline: Deadline) -> bool {
    deadline.remaining().is_none_or(|remaining| remaining > EARLY)
}

pub(crate) fn transport_error(error: &io::Error) -> Error {
    ConnectError::PeerReset { reason: error.to_string() }.into()
}

fn remaining(deadline: Option<Instant>) -> io::Result<Option<Duration>> {
    let Some(deadline) = deadline else { return Ok(None) };
    match deadline.checked_duration_since(Instant::now()) {
        Some(remaining) if !remaining.is_zero() => Ok(Some(remaining)),
        _ => Err(io::ErrorKind::TimedOut.into()),
    }
}

impl From<Error> for io::Error {
    /// The kind is the nearest there is; the [`Error`] itself is inside.
    fn from(error: Error) -> Self {
        let kind = match error.code() {
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
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(250);
const EARLY: Duration = Duration::from_millis(100);
