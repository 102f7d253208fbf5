//! One connection from the ClientHello to its end: the handshake first, and what it became afterwards.

use core::time::Duration;
use std::io::{self, Write};
use std::time::Instant;

use uptls::sans_io::{Established, Handshake, Incoming};
use uptls::{Category, Code, Error, Evidence, Misuse, Report};

/// A handshake, or the connection that it became.
pub(crate) struct Conversation {
    /// The peer's network address as text, if there is one: for reports alone.
    address: Option<String>,
    /// `None` after a panic.
    phase: Option<Phase>,
    /// The report of the handshake that failed.
    failure: Option<Report>,
    /// Whether its connection was told of as new.
    noted: bool,
    /// Whether its failure was told to the log and the hook.
    told: bool,
}

enum Phase {
    Established(Box<Established>),
    Handshake(Box<Handshake>),
}

impl Conversation {
    pub(crate) fn new(mut handshake: Handshake, address: Option<String>) -> Self {
        handshake.dialled(None, address.clone());
        Self { address, phase: Some(Phase::Handshake(Box::new(handshake))), failure: None, noted: false, told: false }
    }

    pub(crate) fn address(&self) -> Option<String> {
        self.address.clone()
    }

    /// The transport is connected to `address`, after so long, if that is known.
    pub(crate) fn reach(&mut self, address: String, dial: Option<Duration>) {
        if let Some(Phase::Handshake(handshake)) = &mut self.phase {
            handshake.dialled(dial, Some(address.clone()));
        }
        self.address = Some(address);
    }

    /// After a panic nothing of it can be relied on.
    pub(crate) fn lose(&mut self) {
        self.phase = None;
    }

    /// Takes bytes from the peer; those after the end of the handshake are the connection's.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let mut taken = 0;
        if let Some(Phase::Handshake(handshake)) = &mut self.phase {
            taken = handshake.feed(bytes)?;
            self.settle();
        }
        match (&mut self.phase, bytes.get(taken..)) {
            (Some(Phase::Established(established)), Some(rest @ [_, ..])) => {
                established.feed(rest).map(|count| taken + count)
            }
            (Some(_), _) => Ok(taken),
            (None, _) => Err(lost()),
        }
    }

    fn settle(&mut self) {
        let done = match self.phase.take() {
            Some(Phase::Handshake(handshake)) if handshake.is_done() => handshake.finish(),
            other => return self.phase = other,
        };
        self.phase = Some(match done {
            Ok(established) => Phase::Established(Box::new(established)),
            Err(handshake) => Phase::Handshake(handshake),
        });
    }

    pub(crate) fn feed_eof(&mut self) -> Result<(), Error> {
        match &mut self.phase {
            Some(Phase::Established(established)) => established.feed_eof(),
            Some(Phase::Handshake(handshake)) => handshake.feed_eof()?,
            None => return Err(lost()),
        }
        Ok(())
    }

    pub(crate) fn feed_error(&mut self, error: &io::Error) -> Error {
        match &mut self.phase {
            Some(Phase::Established(established)) => established.feed_error(error),
            Some(Phase::Handshake(handshake)) => handshake.feed_error(error),
            None => lost(),
        }
    }

    /// Up to `most` bytes for the peer.
    pub(crate) fn drain(&mut self, most: Option<usize>) -> Vec<u8> {
        let mut out = Part { left: most.map_or(usize::MAX, |most| most.min(LIMIT)), bytes: Vec::new() };
        match &mut self.phase {
            Some(Phase::Established(established)) => established.drain_with(&mut out),
            Some(Phase::Handshake(handshake)) => handshake.drain_with(&mut out),
            None => 0,
        };
        out.bytes
    }

    /// Up to `most` decrypted bytes; `None`: nothing yet, and none at all: the peer ended its data properly.
    pub(crate) fn read(&mut self, most: usize) -> Result<Option<Vec<u8>>, Error> {
        if most == 0 {
            return Ok(Some(Vec::new()));
        }
        let established = match &mut self.phase {
            Some(Phase::Established(established)) => established,
            Some(Phase::Handshake(handshake)) => return handshake.error().cloned().map_or(Ok(None), Err),
            None => return Err(lost()),
        };
        let left = most.min(LIMIT);
        let mut out = Part { left, bytes: Vec::with_capacity(left.min(established.unread())) };
        match established.read_with(&mut out)? {
            Incoming::Data(_) => Ok(Some(out.bytes)),
            Incoming::Closed => Ok(Some(Vec::new())),
            _ => Ok(None),
        }
    }

    /// How many bytes can be read without feeding more; after an error there may be more than it says, but 0 is none.
    pub(crate) fn pending(&mut self) -> usize {
        match &mut self.phase {
            Some(Phase::Established(established)) => established.unread(),
            _ => 0,
        }
    }

    pub(crate) fn write(&mut self, data: &[u8]) -> Result<usize, Error> {
        self.established("data was written")?.write(data)
    }

    pub(crate) fn close_notify(&mut self) -> Result<(), Error> {
        self.established("close_notify was called").map(Established::close_notify)
    }

    fn established(&mut self, what: &str) -> Result<&mut Established, Error> {
        match &mut self.phase {
            Some(Phase::Established(established)) => Ok(established),
            Some(Phase::Handshake(handshake)) => {
                let early = || Misuse::new(format!("{what} before the handshake was done")).into();
                Err(handshake.error().cloned().unwrap_or_else(early))
            }
            None => Err(lost()),
        }
    }

    /// Ends a handshake at its deadline; nothing if it is done.
    pub(crate) fn expire(&mut self) -> Option<Error> {
        match &mut self.phase {
            Some(Phase::Handshake(handshake)) => Some(handshake.expire()),
            _ => None,
        }
    }

    /// Seconds until the handshake must be done.
    pub(crate) fn deadline(&self) -> Option<f64> {
        match &self.phase {
            Some(Phase::Handshake(handshake)) if handshake.error().is_none() => {
                handshake.deadline().map(|at| at.saturating_duration_since(Instant::now()).as_secs_f64())
            }
            _ => None,
        }
    }

    pub(crate) fn wants_read(&self) -> bool {
        match &self.phase {
            Some(Phase::Established(established)) => established.wants_read(),
            Some(Phase::Handshake(handshake)) => handshake.wants_read(),
            None => false,
        }
    }

    pub(crate) fn wants_write(&self) -> bool {
        match &self.phase {
            Some(Phase::Established(established)) => established.wants_write(),
            Some(Phase::Handshake(handshake)) => handshake.wants_write(),
            None => false,
        }
    }

    pub(crate) fn evidence(&self) -> Option<&Evidence> {
        match &self.phase {
            Some(Phase::Established(established)) => Some(established.evidence()),
            _ => None,
        }
    }

    /// The connection, the first time that there is one.
    pub(crate) fn new_connection(&mut self) -> Option<Evidence> {
        let new = self.evidence().filter(|_| !self.noted).cloned();
        self.noted |= new.is_some();
        new
    }

    pub(crate) fn is_clean_eof(&self) -> bool {
        matches!(&self.phase, Some(Phase::Established(established)) if established.is_clean_eof())
    }

    /// The error that ended it.
    pub(crate) fn error(&self) -> Option<Error> {
        match &self.phase {
            Some(Phase::Established(established)) => established.error().cloned(),
            Some(Phase::Handshake(handshake)) => handshake.error().cloned(),
            None => Some(lost()),
        }
    }

    /// The report of a verification, once there is a verdict.
    pub(crate) fn report(&mut self) -> Option<Report> {
        match &self.phase {
            Some(Phase::Established(established)) => Some(self.placed(established.report())),
            Some(Phase::Handshake(_)) => self.failure_report(),
            None => None,
        }
    }

    /// The report with the address of the peer.
    fn placed(&self, mut report: Report) -> Report {
        report.address.clone_from(&self.address);
        report
    }

    /// The same for an exception: what ends a connection later has a report of its own.
    pub(crate) fn failure_report(&mut self) -> Option<Report> {
        // Judged once: at another time the verdict could be another.
        if self.failure.is_none() {
            self.failure = match &self.phase {
                Some(Phase::Handshake(handshake)) => handshake.report(),
                // I5: the peer judged our certificate after the handshake.
                Some(Phase::Established(established)) if established.error().is_some_and(is_about_us) => {
                    Some(established.report())
                }
                _ => None,
            };
        }
        self.failure.clone().map(|report| self.placed(report))
    }

    /// Whether it failed, it was not reported, and it is more than the loss of an existing connection.
    pub(crate) fn must_tell(&mut self) -> bool {
        let exists = matches!(self.phase, Some(Phase::Established(_)));
        let went_away = |error: &Error| exists && error.code().category() == Category::Connect;
        let must = !self.told && self.error().is_some_and(|error| !went_away(&error));
        self.told |= must;
        must
    }
}

fn is_about_us(error: &Error) -> bool {
    matches!(error.code(), Code::IdentityRejected | Code::IdentityRequired)
}

fn lost() -> Error {
    uptls::ConnectError::Internal { detail: "a panic ended the connection before".to_owned() }.into()
}

/// Bytes that are moved, no more than there is left.
struct Part {
    left: usize,
    bytes: Vec<u8>,
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.get(..self.left).unwrap_or(bytes);
        self.bytes.extend_from_slice(taken);
        self.left -= taken.len();
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How much is moved at a time.
const LIMIT: usize = 256 * 1024;
