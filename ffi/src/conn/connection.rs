//! One connection from its first byte to its last, over any transport: handshake, then data.

use core::mem;
use core::time::Duration;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use uptls::sans_io::{Established, Handshake, Incoming};
use uptls::{BackendHost, ConnectError, ConnectOptions, Connector, Evidence, Fed, Misuse, Report, SignatureWanted};

use crate::error::Failure;
use crate::handle::Room;
use crate::status::Progress;

/// A handshake, and what becomes of it.
pub(crate) struct Connection {
    connector: Connector,
    /// The peer closed the transport while a signature was awaited.
    has_ended: bool,
    /// From the peer, and not taken yet.
    held: Vec<u8>,
    host: BackendHost,
    phase: Phase,
}

enum Phase {
    /// Only inside [`Connection::settle`].
    Between,
    Established(Box<Established>),
    Handshaking(Box<Handshake>),
    /// A handshake that was lost with its thread.
    Lost(Box<uptls::Error>),
    /// A handshake that stands until it is given a signature.
    Signing(Box<SignatureWanted>),
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reached {
    Done,
    Failed,
    Handshaking,
}

impl Connection {
    /// Begins a connection to `host`; the ClientHello waits to be drained.
    pub(crate) fn begin(connector: &Connector, host: BackendHost, options: &ConnectOptions) -> Result<Self, Failure> {
        let handshake = connector.begin(&host, options);
        let handshake = handshake.map_err(|error| Failure::connection(connector, &host, &error))?;
        let phase = Phase::Handshaking(Box::new(handshake));
        Ok(Self { connector: connector.clone(), has_ended: false, held: Vec::new(), host, phase })
    }

    /// The transport is there, after so long, and goes to that address (R12).
    pub(crate) fn dialled(&mut self, dial: Duration, address: Option<SocketAddr>) {
        if let Phase::Handshaking(handshake) = &mut self.phase {
            handshake.dialled(Some(dial), address.map(|address| address.to_string()));
        }
    }

    /// The failure of a peer that was not reached (R12).
    pub(crate) fn undialled(&self, error: &uptls::Error) -> Failure {
        self.connector.note_undialled(&self.host, error);
        self.failure(error)
    }

    /// Takes bytes from the peer and gives how many.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let mut used = 0;
        if let Phase::Handshaking(handshake) = &mut self.phase {
            used = handshake.feed(bytes).map_err(|error| self.failure(&error))?;
            self.settle();
        }
        if let Phase::Established(established) = &mut self.phase {
            let rest = bytes.get(used..).unwrap_or_default();
            used += established.feed(rest).map_err(|error| self.failure(&error))?;
        }
        Ok(used)
    }

    /// The same, and a handshake may stop for a signature by a key that has no function (I7).
    pub(crate) fn feed_asking(&mut self, bytes: &[u8]) -> Result<(Progress, usize), Failure> {
        match mem::replace(&mut self.phase, Phase::Between) {
            Phase::Handshaking(handshake) => {
                let fed = handshake.feed_asking(bytes);
                let used = self.fed(fed)?;
                Ok(match &self.phase {
                    // What it took of them is known once it goes on: all of them are kept till then.
                    Phase::Signing(_) => {
                        self.held = bytes.to_vec();
                        (Progress::WantSign, bytes.len())
                    }
                    Phase::Established(_) => (Progress::Done, used + self.feed(bytes.get(used..).unwrap_or_default())?),
                    _ => (Progress::Done, used),
                })
            }
            phase @ Phase::Signing(_) => {
                self.phase = phase;
                Ok((Progress::WantSign, 0))
            }
            phase => {
                self.phase = phase;
                if let Phase::Lost(_) = self.phase {
                    return Err(self.failed().unwrap_or_else(between));
                }
                match self.held.is_empty() {
                    true => Ok((Progress::Done, self.feed(bytes)?)),
                    false => Ok((Progress::Done, 0)),
                }
            }
        }
    }

    /// What came of bytes, or of a signature.
    fn fed(&mut self, fed: Result<Fed, uptls::Error>) -> Result<usize, Failure> {
        match fed {
            Ok(Fed::WantsSignature(wanted)) => {
                self.phase = Phase::Signing(Box::new(wanted));
                Ok(0)
            }
            Ok(Fed::Processed { handshake, used, .. }) => {
                self.phase = Phase::Handshaking(handshake);
                self.settle();
                used.map_err(|error| self.failure(&error))
            }
            Ok(_) => Err(between()),
            Err(error) => {
                let failure = self.failure(&error);
                self.phase = Phase::Lost(Box::new(error));
                Err(failure)
            }
        }
    }

    /// # Errors
    /// Misuse if no signature was asked for.
    pub(crate) fn signature_wanted(&self) -> Result<&SignatureWanted, Failure> {
        match &self.phase {
            Phase::Signing(wanted) => Ok(wanted),
            _ => Err(self.failed().unwrap_or_else(|| Misuse::new("no signature was asked for").into())),
        }
    }

    pub(crate) fn give_signature(&mut self, given: Result<Vec<u8>, String>) -> Result<(), Failure> {
        self.signature_wanted()?;
        self.resume(|wanted| wanted.give(given))
    }

    /// Goes on with a handshake that stands.
    fn resume(&mut self, answer: impl FnOnce(SignatureWanted) -> Result<Fed, uptls::Error>) -> Result<(), Failure> {
        let Phase::Signing(wanted) = mem::replace(&mut self.phase, Phase::Between) else { return Err(between()) };
        let held = mem::take(&mut self.held);
        let used = self.fed(answer(*wanted))?;
        self.held = held.get(used..).unwrap_or_default().to_vec();
        self.feed_held()
    }

    /// What came with the bytes that asked for a signature, as far as the connection takes it.
    fn feed_held(&mut self) -> Result<(), Failure> {
        if !self.held.is_empty() {
            let held = mem::take(&mut self.held);
            let used = self.feed(&held)?;
            self.held = held.get(used..).unwrap_or_default().to_vec();
        }
        if self.held.is_empty() && mem::take(&mut self.has_ended) {
            self.feed_eof()?;
        }
        Ok(())
    }

    /// A handshake that is done becomes a connection.
    fn settle(&mut self) {
        self.phase = match mem::replace(&mut self.phase, Phase::Between) {
            Phase::Handshaking(handshake) => match handshake.finish() {
                Ok(established) => Phase::Established(Box::new(established)),
                Err(handshake) => Phase::Handshaking(handshake),
            },
            other => other,
        };
    }

    /// The peer closed the transport.
    pub(crate) fn feed_eof(&mut self) -> Result<(), Failure> {
        match &mut self.phase {
            Phase::Handshaking(handshake) => handshake.feed_eof().map_err(|error| self.failure(&error)),
            Phase::Established(established) => {
                established.feed_eof();
                Ok(())
            }
            Phase::Signing(_) => {
                self.has_ended = true;
                Ok(())
            }
            Phase::Lost(_) => Err(self.failed().unwrap_or_else(between)),
            Phase::Between => Err(between()),
        }
    }

    /// The transport failed.
    pub(crate) fn feed_error(&mut self, error: &io::Error) -> Failure {
        let error = match &mut self.phase {
            Phase::Handshaking(handshake) => handshake.feed_error(error),
            Phase::Established(established) => established.feed_error(error),
            Phase::Signing(_) => {
                return match self.resume(|wanted| wanted.feed_error(error)) {
                    Err(failure) => failure,
                    Ok(()) => between(),
                };
            }
            Phase::Lost(_) | Phase::Between => return self.failed().unwrap_or_else(between),
        };
        self.failure(&error)
    }

    /// Moves bytes for the peer to `out` and gives how many.
    pub(crate) fn drain(&mut self, out: &mut Room<'_>) -> usize {
        match &mut self.phase {
            Phase::Handshaking(handshake) => handshake.drain_with(out),
            Phase::Established(established) => established.drain_with(out),
            Phase::Between | Phase::Lost(_) | Phase::Signing(_) => 0,
        }
    }

    /// Appends all bytes for the peer to `out`.
    pub(crate) fn drain_to(&mut self, out: &mut Vec<u8>) {
        match &mut self.phase {
            Phase::Handshaking(handshake) => handshake.drain_to(out),
            Phase::Established(established) => established.drain_to(out),
            Phase::Between | Phase::Lost(_) | Phase::Signing(_) => {}
        }
    }

    /// Moves decrypted data to `out` and gives how much.
    pub(crate) fn read(&mut self, out: &mut Room<'_>) -> Result<(Progress, usize), Failure> {
        let Phase::Established(_) = self.phase else { return self.unfinished() };
        if out.is_empty() {
            return Ok((Progress::Done, 0));
        }
        // The connection keeps its error, behind what can still be read.
        let _ = self.feed_held();
        let Phase::Established(established) = &mut self.phase else { return self.unfinished() };
        match established.read_with(out) {
            Ok(Incoming::Closed) => Ok((Progress::Closed, 0)),
            Ok(Incoming::Data(count)) => Ok((Progress::Done, count)),
            Ok(Incoming::WantRead) => Ok((Progress::WantRead, 0)),
            Ok(_) => Err(between()),
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// Encrypts data and gives how much.
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(Progress, usize), Failure> {
        let Phase::Established(established) = &mut self.phase else { return self.unfinished() };
        match established.write(data) {
            Ok(0) if !data.is_empty() => Ok((Progress::WantWrite, 0)),
            Ok(count) => Ok((Progress::Done, count)),
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// What a handshake needs, for a caller that wants to read or write already.
    fn unfinished(&self) -> Result<(Progress, usize), Failure> {
        match (self.failed(), self.wants_write()) {
            (Some(failure), _) => Err(failure),
            (None, _) if self.wants_signature() => Ok((Progress::WantSign, 0)),
            (None, true) => Ok((Progress::WantWrite, 0)),
            (None, false) => Ok((Progress::WantRead, 0)),
        }
    }

    /// Ends our data properly.
    pub(crate) fn close_notify(&mut self) -> Result<(), Failure> {
        if let Some(failure) = self.failed() {
            return Err(failure);
        }
        match &mut self.phase {
            Phase::Established(established) => {
                established.close_notify();
                Ok(())
            }
            _ => Err(Misuse::new("close_notify came before the handshake was done").into()),
        }
    }

    pub(crate) fn wants_read(&self) -> bool {
        match &self.phase {
            Phase::Handshaking(handshake) => handshake.wants_read(),
            Phase::Established(established) => self.held.is_empty() && established.wants_read(),
            Phase::Between | Phase::Lost(_) | Phase::Signing(_) => false,
        }
    }

    pub(crate) fn wants_write(&self) -> bool {
        match &self.phase {
            Phase::Handshaking(handshake) => handshake.wants_write(),
            Phase::Established(established) => established.wants_write(),
            Phase::Between | Phase::Lost(_) | Phase::Signing(_) => false,
        }
    }

    pub(crate) fn wants_signature(&self) -> bool {
        matches!(self.phase, Phase::Signing(_))
    }

    /// Whether reading gives something at once: data, the end or the error.
    pub(crate) fn is_pending(&self) -> bool {
        // An established connection listens unless something waits to be read.
        matches!(&self.phase, Phase::Established(established) if !established.wants_read()) || self.error().is_some()
    }

    pub(crate) fn reached(&self) -> Reached {
        match &self.phase {
            Phase::Established(_) => Reached::Done,
            Phase::Handshaking(handshake) if handshake.error().is_none() => Reached::Handshaking,
            Phase::Signing(_) => Reached::Handshaking,
            _ => Reached::Failed,
        }
    }

    /// When the handshake must be done.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Handshaking(handshake) if handshake.error().is_none() => handshake.deadline(),
            Phase::Signing(wanted) => wanted.deadline(),
            _ => None,
        }
    }

    /// Ends a handshake whose deadline has passed; the error of one that failed before.
    pub(crate) fn expire(&mut self, now: Instant) -> Result<(), Failure> {
        if let Phase::Signing(wanted) = &self.phase {
            return match wanted.deadline().is_some_and(|deadline| deadline <= now) {
                true => self.resume(SignatureWanted::expire),
                false => Ok(()),
            };
        }
        let Phase::Handshaking(handshake) = &mut self.phase else { return Ok(()) };
        let has_passed = handshake.deadline().is_some_and(|deadline| deadline <= now);
        if handshake.error().is_some() || has_passed {
            let error = handshake.expire();
            return Err(self.failure(&error));
        }
        Ok(())
    }

    /// The failure of a last flight that the peer does not take.
    pub(crate) fn late(&self) -> Failure {
        let phase = "the peer does not take our last flight".to_owned();
        self.failure(&ConnectError::HandshakeTimeout { after: "the deadline".to_owned(), phase }.into())
    }

    /// Fills `out` with keying material (RFC 5705).
    pub(crate) fn export(&self, label: &str, context: &[u8], out: Room<'_>) -> Result<(), Failure> {
        let exported =
            self.established("keying material")?.export_keying_material(label.as_bytes(), context, out.zeroed());
        exported.map_err(|error| self.failure(&error))
    }

    /// The channel binding `tls-exporter` (RFC 9266).
    pub(crate) fn channel_binding(&self) -> Result<[u8; 32], Failure> {
        let binding = self.established("channel binding")?.channel_binding();
        binding.map_err(|error| self.failure(&error))
    }

    /// # Errors
    /// That there is no `what` before the handshake is done; its error after it failed.
    fn established(&self, what: &str) -> Result<&Established, Failure> {
        match &self.phase {
            Phase::Established(established) => Ok(established),
            _ => Err(self
                .failed()
                .unwrap_or_else(|| Misuse::new(format!("there is no {what} before the handshake is done")).into())),
        }
    }

    /// What was proven.
    pub(crate) fn evidence(&self) -> Result<&Evidence, Failure> {
        self.established("evidence").map(Established::evidence)
    }

    fn error(&self) -> Option<&uptls::Error> {
        match &self.phase {
            Phase::Handshaking(handshake) => handshake.error(),
            Phase::Established(established) => established.error(),
            Phase::Lost(error) => Some(error),
            Phase::Between | Phase::Signing(_) => None,
        }
    }

    /// The error that ended it.
    pub(crate) fn failed(&self) -> Option<Failure> {
        self.error().map(|error| self.failure(error))
    }

    /// What is told of `error`.
    pub(crate) fn failure(&self, error: &uptls::Error) -> Failure {
        match &self.phase {
            // Exact: by the policy that judged.
            Phase::Handshaking(handshake) if handshake.error() == Some(error) => match handshake.report() {
                Some(report) => report.into(),
                None => Failure::connection(&self.connector, &self.host, error),
            },
            _ => Failure::connection(&self.connector, &self.host, error),
        }
    }

    /// The report of the verification.
    pub(crate) fn report(&self) -> Result<Report, Failure> {
        match &self.phase {
            Phase::Established(established) => Ok(established.report()),
            Phase::Handshaking(handshake) => handshake
                .report()
                .ok_or_else(|| Misuse::new("there is no report before the handshake is done or failed").into()),
            Phase::Signing(_) => Err(Misuse::new("there is no report before the handshake is done or failed").into()),
            Phase::Lost(error) => Ok(self.connector.report_of(&self.host, error)),
            Phase::Between => Err(between()),
        }
    }
}

fn between() -> Failure {
    Failure::without_policy(uptls::Code::Internal, "the connection is in no state".to_owned())
}
