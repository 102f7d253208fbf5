//! Bytes in, bytes out: what other event loops and languages drive. No socket, no thread.
//!
//! ```text
//! Connector::begin -> Handshake --feed, drain--> finish -> Established --feed, drain, read, write--> close_notify
//! ```
//!
//! A [`Handshake`] cannot carry data, and only a handshake with a verified peer becomes an [`Established`]: a stream without
//! a verified peer does not exist as a type. After any error, drain once more: an alert for the peer may wait (H5).
//!
//! A connection belongs to the process that made it (L10). In a child of `fork`, which has a copy of its keys, each call is
//! [`Error::Misuse`]: nothing is encrypted, decrypted, drained or wanted there, and the parent's goes on. Make one after it.
//!
//! ```no_run
//! use std::io::{Read, Write};
//! use std::net::TcpStream;
//! use uptls::sans_io::Established;
//! use uptls::{BackendHost, ConnectOptions, Connector, Error};
//!
//! fn establish(connector: &Connector, host: &BackendHost, socket: &mut TcpStream) -> std::io::Result<Established> {
//!     let mut handshake = connector.begin(host, &ConnectOptions::default())?;
//!     let mut buffer = [0; 16 * 1024];
//!     let mut outcome = Ok(0);
//!     loop {
//!         let mut out = Vec::new();
//!         handshake.drain_to(&mut out);
//!         socket.write_all(&out)?;
//!         outcome?;
//!         if handshake.is_done() {
//!             // `finish` gives the handshake back while it is not done.
//!             return handshake.finish().map_err(|_| std::io::ErrorKind::Other.into());
//!         }
//!         let count = socket.read(&mut buffer).map_err(|error| handshake.feed_error(&error))?;
//!         outcome = match count {
//!             0 => handshake.feed_eof().map(|()| 0),
//!             // With a peer that speaks first, what is not taken must be fed to `Established`.
//!             _ => handshake.feed(&buffer[..count]),
//!         };
//!     }
//! }
//! ```

use core::fmt;
use core::time::Duration;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::time::Instant;

pub use super::happy_eyeballs::{DialStep, HappyEyeballs, Resolution};
pub use super::incoming::Incoming;

use super::bond::Bond;
use super::deadline::Deadline;
use super::driver::{Driver, End};
use super::evidence::Evidence;
use super::failure::Answered;
use super::fault::{self, Stage};
use super::internal;
use super::report;
use super::setup::Setup;
use super::tls_io::{Failure, ReadOutcome};
use super::waiting::Waiting;
use crate::error::{Code, ConnectError, Error};
use crate::generation::Generation;
use crate::name::BackendHost;
use crate::prepare::Prepared;
use crate::report::Report;

/// A connection with a peer that is not verified yet. It carries no data.
///
/// ```
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use uptls::{BackendHost, ConnectOptions, Connector};
///
/// fn connect(connector: &Connector, mut socket: TcpStream) -> Result<(), Box<dyn std::error::Error>> {
///     let host = BackendHost::parse("payments.internal")?;
///     let mut handshake = connector.begin(&host, &ConnectOptions::default())?;
///     let mut bytes = [0; 4096];
///     while !handshake.is_done() {
///         let count = handshake.drain(&mut bytes);
///         socket.write_all(&bytes[..count])?;
///         if handshake.wants_read() {
///             let count = socket.read(&mut bytes)?;
///             handshake.feed(&bytes[..count])?;
///         }
///     }
///     let mut established = handshake.finish().map_err(|_| "it is done")?;
///     established.write(b"GET / HTTP/1.1\r\n")?;
///     Ok(())
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Handshake {
    bond: Option<Bond>,
    deadline: Deadline,
    tls: Tls,
}

#[allow(clippy::large_enum_variant, reason = "it is driven for nearly all of its life")]
enum Tls {
    Driven(Driver),
    /// Until the first call that moves bytes.
    Waiting(Box<Waiting>),
}

impl Handshake {
    /// Of what was taken from the connector once: one generation decides it all (R1).
    pub(super) fn begin(
        setup: Setup,
        host: &BackendHost,
        deadline: Deadline,
        bond: Option<&Bond>,
    ) -> Result<Self, Error> {
        let tls = Tls::Waiting(Box::new(Waiting::new(setup, host)?));
        Ok(Self { bond: bond.cloned(), deadline, tls })
    }

    /// rustls, which begins with the first call.
    fn driver(&mut self) -> Result<&mut Driver, Error> {
        if let Tls::Waiting(waiting) = &mut self.tls {
            self.tls = Tls::Driven(waiting.start()?);
        }
        match &mut self.tls {
            Tls::Driven(driver) => Ok(driver),
            Tls::Waiting(_) => Err(internal("a handshake that has begun waits")),
        }
    }

    fn evidence(&self) -> Option<&Evidence> {
        match &self.tls {
            Tls::Driven(driver) => driver.evidence().map(AsRef::as_ref),
            Tls::Waiting(_) => None,
        }
    }

    /// Takes bytes from the peer. Gives how many were taken: fewer than given only when the handshake is done and the
    /// peer's data waits; then [`finish`](Self::finish), and feed the rest to [`Established::feed`].
    ///
    /// # Errors
    /// Why there is no connection: [`Error::Rejected`] for a peer that fails the policy, [`Error::Connect`] for the rest,
    /// with `handshake_timeout` after the deadline (H4). Every later call gives the same error.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        if self.evidence().is_none() && self.deadline.has_passed() {
            return Err(self.expire());
        }
        self.driver()?.feed(bytes)
    }

    /// Tells that the peer closed the transport. For a transport that failed, [`feed_error`](Self::feed_error).
    ///
    /// # Errors
    /// `peer_closed`, unless the handshake is done.
    pub fn feed_eof(&mut self) -> Result<(), Error> {
        self.driver()?.feed_eof()
    }

    /// Reports that the transport failed: a reset, a broken pipe; not a passing error such as `WouldBlock`. Returns the
    /// error for it, or the error that ended the handshake before. The handshake is over, even if it was complete.
    ///
    /// The number of the system decides (`io::Error::from_raw_os_error`): `local_resources` for a shortage of this side.
    /// While nothing was received the socket may still have been connecting, and it is `tcp_refused` or `tcp_timeout` as
    /// in dialling; later `connection_lost`. `peer_reset` for a reset, a broken pipe, and for an error without a number.
    ///
    /// I5: a peer that refuses our certificate closes after its alert. Where writing failed, feed the bytes that can
    /// still be read before this (not their end), and the reason comes out instead.
    pub fn feed_error(&mut self, error: &io::Error) -> Error {
        let waited = match self.deadline.has_passed() {
            true => format!("{:?}", self.deadline.after),
            false => "the time that the system waits".to_owned(),
        };
        match self.driver() {
            Ok(driver) => driver.lose(error, &waited),
            Err(error) => error,
        }
    }

    /// Moves bytes for the peer to `out` and gives how many; 0 when there are none.
    pub fn drain(&mut self, out: &mut [u8]) -> usize {
        self.drain_with(&mut &mut *out)
    }

    /// Appends all bytes for the peer to `out`.
    pub fn drain_to(&mut self, out: &mut Vec<u8>) {
        self.drain_with(out);
    }

    /// Writes bytes for the peer to `sink` until it takes no more, and gives how many. A failure of `sink` is an end of that.
    pub fn drain_with(&mut self, sink: &mut dyn io::Write) -> usize {
        self.driver().map_or(0, |driver| driver.drain(sink))
    }

    /// Whether bytes from the peer are needed.
    pub fn wants_read(&self) -> bool {
        match &self.tls {
            Tls::Driven(driver) => driver.wants_read(),
            Tls::Waiting(_) => false,
        }
    }

    /// Whether there are bytes for the peer.
    pub fn wants_write(&self) -> bool {
        match &self.tls {
            Tls::Driven(driver) => driver.wants_write(),
            Tls::Waiting(waiting) => waiting.wants_write(),
        }
    }

    /// Whether the peer is verified and the handshake complete.
    pub fn is_done(&self) -> bool {
        self.evidence().is_some() && self.error().is_none()
    }

    /// The error that ended it.
    pub fn error(&self) -> Option<&Error> {
        match &self.tls {
            Tls::Driven(driver) => driver.error(),
            Tls::Waiting(waiting) => waiting.error(),
        }
    }

    /// When it must be done (H4). [`feed`](Self::feed) enforces it; a timer of the event loop that calls
    /// [`expire`](Self::expire) then ends a silent peer too.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.at
    }

    /// Ends it with `handshake_timeout`, or gives the error that ended it before. For a socket that does not even have a
    /// connection by then, [`feed_error`](Self::feed_error) with `TimedOut` says so: `tcp_timeout`.
    pub fn expire(&mut self) -> Error {
        let after = format!("{:?}", self.deadline.after);
        match self.driver() {
            Ok(driver) => {
                let phase = driver.phase();
                driver.fail(ConnectError::HandshakeTimeout { after, phase }.into())
            }
            Err(error) => error,
        }
    }

    /// The connection, once [`is_done`](Self::is_done). Bytes for the peer may still wait in it.
    ///
    /// # Errors
    /// The handshake itself while it is not done; [`error`](Self::error) tells whether it can still be. One that was begun by
    /// a [`BoundConnector`](crate::BoundConnector) also comes back if what it is bound to is not published any more (L8): then
    /// the error says so, and a close_notify waits to be drained.
    pub fn finish(mut self) -> Result<Established, Box<Self>> {
        let Tls::Driven(mut driver) = self.tls else { return Err(Box::new(self)) };
        if driver.is_done()
            && let Some(Err(error)) = self.bond.as_ref().map(Bond::check)
        {
            driver.fail(error);
        }
        match driver.evidence().cloned() {
            Some(evidence) if driver.is_done() => {
                driver.open();
                Ok(Established { evidence: Evidence::clone(&evidence), driver })
            }
            _ => {
                self.tls = Tls::Driven(driver);
                Err(Box::new(self))
            }
        }
    }

    /// The report of the verification, once there is a verdict: the handshake is done, or failed.
    pub fn report(&self) -> Option<Report> {
        let ((prepared, host), generation) = self.judged();
        let mut report = match (self.error(), self.evidence()) {
            (Some(error), _) => {
                let mut report = report::failed(prepared, host, error);
                report.policy.generation = Some(generation.number());
                report
            }
            (None, Some(evidence)) => report::accepted(prepared, host, evidence),
            (None, None) => return None,
        };
        let logs_keys = matches!(&self.tls, Tls::Driven(driver) if driver.logs_keys());
        report::warn_of_key_log(&mut report, logs_keys);
        Some(report)
    }

    /// By what policy, for which host.
    fn judged(&self) -> ((&Prepared, &BackendHost), Generation) {
        match &self.tls {
            Tls::Driven(driver) => (driver.judged(), driver.generation()),
            Tls::Waiting(waiting) => (waiting.judged(), waiting.generation()),
        }
    }

    /// Tells that the transport is there: how long its dial took, if this caller knows, and its network address,
    /// `10.0.0.7:8443`. Observers are told of it (R12), and the sessions of that address are resumed first (H6), if it is
    /// called before the first bytes are drained. It decides nothing.
    pub fn dialled(&mut self, dial: Option<Duration>, address: Option<String>) {
        match &mut self.tls {
            Tls::Driven(driver) => driver.dialled(dial, || address),
            Tls::Waiting(waiting) => waiting.dialled(dial, address),
        }
    }

    /// The same for the faces that dial. Without observers, who want to know how long that took, nothing is formatted.
    pub(crate) fn dialled_in(&mut self, dial: Option<Duration>, address: Option<SocketAddr>) {
        match (&mut self.tls, dial) {
            (_, Some(_)) => self.dialled(dial, address.map(|address| address.to_string())),
            (Tls::Waiting(waiting), None) => waiting.reaches(address),
            (Tls::Driven(_), None) => {}
        }
    }

    pub(crate) fn receive(&mut self, source: &mut dyn Read) -> Result<ReadOutcome, Failure> {
        self.driver().map_err(Failure::Tls)?.receive(source)
    }

    pub(crate) fn send(&mut self, sink: &mut dyn io::Write) -> io::Result<usize> {
        self.driver()?.send(sink)
    }

    pub(crate) fn fail(&mut self, error: Error) -> Error {
        match self.driver() {
            Ok(driver) => driver.fail(error),
            Err(error) => error,
        }
    }

    /// Whether our identity's key may ask for a signature (I7).
    pub(crate) fn asks(&self) -> bool {
        let ((prepared, _), _) = self.judged();
        self.evidence().is_none() && prepared.identity().is_some_and(|identity| identity.is_asking())
    }

    pub(crate) fn deadline_of(&self) -> Deadline {
        self.deadline
    }
}

impl fmt::Debug for Handshake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handshake").field("done", &self.is_done()).field("error", &self.error()).finish_non_exhaustive()
    }
}

/// A connection to a verified peer.
///
/// ```no_run
/// use std::io::{Read, Write};
/// use std::net::TcpStream;
/// use uptls::sans_io::{Established, Incoming};
///
/// fn ask(mut connection: Established, mut socket: TcpStream) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
///     connection.write(b"GET / HTTP/1.0\r\n\r\n")?;
///     let (mut data, mut wire) = (vec![0; 4096], [0; 16 * 1024]);
///     loop {
///         let mut out = Vec::new();
///         connection.drain_to(&mut out);
///         socket.write_all(&out)?;
///         match connection.read(&mut data)? {
///             Incoming::Data(count) => return Ok(data[..count].to_vec()),
///             Incoming::Closed => return Ok(Vec::new()),
///             _ => {}
///         }
///         match socket.read(&mut wire)? {
///             0 => connection.feed_eof(),
///             count => drop(connection.feed(&wire[..count])?),
///         }
///     }
/// }
/// ```
pub struct Established {
    driver: Driver,
    evidence: Evidence,
}

impl Established {
    /// Takes bytes from the peer. Gives how many were taken: fewer than given only while decrypted data waits to be read;
    /// read it, and feed the rest again.
    ///
    /// # Errors
    /// [`Error::Connect`]: a fatal alert (`identity_rejected` or `identity_required` while the peer has not sent data, I5),
    /// or a protocol violation. Data that came before it can still be read.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        self.driver.feed(bytes)
    }

    /// Tells that the peer closed the transport. Without a close_notify before it, reading ends with `truncated` (H8), or with
    /// `peer_closed` if the peer had asked for a client certificate and sent no data (I5). For a transport that failed,
    /// [`feed_error`](Self::feed_error).
    pub fn feed_eof(&mut self) {
        // Reading gives the error.
        let _ = self.driver.feed_eof();
    }

    /// Reports that the transport failed: a reset, a broken pipe; not a passing error such as `WouldBlock`. After the
    /// data that came before it, reading ends with `peer_reset`, or with the error that ended the connection before; an
    /// end that the peer declared with close_notify stays one (H8). Gives the error for writers.
    ///
    /// The number of the system decides: `local_resources` for a shortage of this side, `connection_lost` where the network
    /// or the kernel gave up.
    ///
    /// I5: a peer of TLS 1.3 refuses our certificate after the handshake, and closes. Where writing failed, feed what can
    /// still be read before this, and `identity_rejected` or `identity_required` comes out instead.
    pub fn feed_error(&mut self, error: &io::Error) -> Error {
        let error = Error::from(fault::meaning(error, Stage::Reached));
        match self.is_clean_eof() {
            true => error,
            false => self.driver.fail(error),
        }
    }

    /// Moves bytes for the peer to `out` and gives how many; 0 when there are none.
    pub fn drain(&mut self, out: &mut [u8]) -> usize {
        self.driver.drain(&mut &mut *out)
    }

    /// Appends all bytes for the peer to `out`.
    pub fn drain_to(&mut self, out: &mut Vec<u8>) {
        self.driver.drain(out);
    }

    /// Writes bytes for the peer to `sink` until it takes no more, and gives how many. A failure of `sink` is an end of that.
    pub fn drain_with(&mut self, sink: &mut dyn io::Write) -> usize {
        self.driver.drain(sink)
    }

    /// Moves decrypted data to `out`.
    ///
    /// # Errors
    /// After all data: `truncated` for an end without close_notify (H8), or the error that ended the connection.
    pub fn read(&mut self, out: &mut [u8]) -> Result<Incoming, Error> {
        match out {
            [] => Ok(Incoming::Data(0)),
            mut out => self.driver.read(&mut out),
        }
    }

    /// Writes decrypted data to `sink` until it takes no more; for room that is not initialised.
    ///
    /// # Errors
    /// Those of [`Established::read`].
    pub fn read_with(&mut self, sink: &mut dyn io::Write) -> Result<Incoming, Error> {
        self.driver.read(sink)
    }

    /// How many decrypted bytes can be read now. After an error there may be more than it says, but 0 is none.
    pub fn unread(&mut self) -> usize {
        self.driver.unread()
    }

    /// Encrypts data for the peer and gives how much was taken: less than given while about 64 KiB wait to be drained.
    ///
    /// # Errors
    /// The error that ended the connection; [`Error::Misuse`] after [`close_notify`](Self::close_notify).
    pub fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.driver.write(data)
    }

    /// Ends our data properly; drain afterwards. Reading continues.
    pub fn close_notify(&mut self) {
        self.driver.close_notify();
    }

    /// Whether bytes from the peer can be of use.
    pub fn wants_read(&self) -> bool {
        self.driver.wants_read()
    }

    /// Whether there are bytes for the peer.
    pub fn wants_write(&self) -> bool {
        self.driver.wants_write()
    }

    /// The proof and the negotiated parameters.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// Whether the peer ended its data with a close_notify (H8).
    pub fn is_clean_eof(&self) -> bool {
        self.driver.end() == End::Clean
    }

    /// The report of the verification. The peer is accepted; only a refusal of our certificate that came afterwards makes it
    /// another (I5). How the connection ended is no part of it.
    pub fn report(&self) -> Report {
        let mut report = self.report_without_end();
        match self.driver.error() {
            Some(error) if matches!(error.code(), Code::IdentityRejected | Code::IdentityRequired) => {
                report::refused_afterwards(&mut report, error);
            }
            _ => {}
        }
        report
    }

    pub(super) fn export(&self, label: &[u8], context: &[u8], out: &mut [u8]) -> Result<(), Error> {
        self.driver.export(label, context, out)
    }

    pub(super) fn report_without_end(&self) -> Report {
        let (prepared, host) = self.driver.judged();
        let mut report = report::accepted(prepared, host, &self.evidence);
        report::warn_of_key_log(&mut report, self.driver.logs_keys());
        report
    }

    /// The error that ended the connection.
    pub fn error(&self) -> Option<&Error> {
        self.driver.error()
    }

    pub(crate) fn receive(&mut self, source: &mut dyn Read) -> Result<ReadOutcome, Failure> {
        self.driver.receive(source)
    }

    pub(crate) fn send(&mut self, sink: &mut dyn io::Write) -> io::Result<usize> {
        self.driver.send(sink)
    }

    pub(crate) fn fail(&mut self, error: Error) -> Error {
        self.driver.fail(error)
    }

    pub(crate) fn check_process(&self) -> Result<(), Error> {
        self.driver.check_process()
    }

    pub(crate) fn answered(&self) -> Answered {
        self.driver.answered()
    }

    #[cfg(feature = "tokio-rustls")]
    pub(crate) fn provider(&self) -> &std::sync::Arc<rustls::crypto::CryptoProvider> {
        self.driver.judged().0.runtime().provider()
    }

    #[cfg(feature = "tokio-rustls")]
    pub(crate) fn into_tls(self) -> Result<rustls::ClientConnection, Error> {
        self.driver.into_tls()
    }
}

impl fmt::Debug for Established {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Established")
            .field("evidence", &self.evidence)
            .field("error", &self.driver.error())
            .finish_non_exhaustive()
    }
}
