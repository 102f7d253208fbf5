//! Moves bytes between a connection and its socket, in steps that never wait.

use core::time::Duration;
use std::io;
use std::time::Instant;

use uptls::Misuse;

use crate::conn::{Connection, Reached};
use crate::error::Failure;
use crate::handle::Room;
use crate::status::Progress;

use super::cancel::Cancelled;
use super::outlook::Answers;
use super::socket::{Direction, Pause, Socket};

/// A connection over a socket.
pub(crate) struct Pump {
    connection: Connection,
    /// The handshake's, for our last flight too.
    deadline: Option<Instant>,
    /// The handshake is done, and our last flight sent.
    finished: bool,
    /// The last byte that was encrypted and not reported as used, since some of its record still waits in `outgoing`.
    held: Option<u8>,
    /// Bytes from the peer that the connection has not taken yet.
    incoming: Vec<u8>,
    /// Bytes for the peer that the socket has not taken yet.
    outgoing: Vec<u8>,
}

/// Why a step goes no further.
pub(crate) enum Halt {
    /// The socket moves nothing now: wait, and take the step again.
    Blocked(Direction),
    /// The socket cannot be written to.
    Broken(io::Error),
    Cancelled(Cancelled),
    Failed(Failure),
    /// The socket moves nothing now, and does not block.
    Pending(Direction),
    TimedOut(Direction),
}

impl Pump {
    pub(crate) fn new(connection: Connection) -> Self {
        let deadline = connection.deadline();
        Self { connection, deadline, finished: false, held: None, incoming: Vec::new(), outgoing: Vec::new() }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn connection_mut(&mut self) -> &mut Connection {
        &mut self.connection
    }

    pub(crate) fn answers(&self) -> Answers {
        let reached = self.connection.reached();
        Answers {
            finished: self.finished,
            pending: self.connection.is_pending() || (!self.incoming.is_empty() && reached == Reached::Done),
            reached,
            wants_read: self.connection.wants_read(),
            wants_write: self.wants_write(),
        }
    }

    fn wants_write(&self) -> bool {
        !self.outgoing.is_empty() || self.connection.wants_write()
    }

    /// Goes on with the handshake until it is done, and our last flight sent.
    pub(crate) fn exchange(&mut self, socket: &Socket) -> Result<(), Halt> {
        loop {
            self.check_deadline(socket)?;
            match self.flush(socket) {
                Err(Halt::Blocked(_)) if self.is_late_with_last_flight() => {
                    return Err(Halt::Failed(self.connection.late()));
                }
                flushed => flushed?,
            }
            if let Some(failure) = self.connection.failed() {
                return Err(Halt::Failed(failure));
            }
            if self.connection.reached() == Reached::Done {
                self.finished = true;
                return Ok(());
            }
            match self.receive(socket) {
                Err(Halt::Broken(error)) => return Err(Halt::Failed(self.connection.feed_error(&error))),
                received => received?,
            }
        }
    }

    fn is_late_with_last_flight(&self) -> bool {
        self.connection.reached() == Reached::Done && self.deadline.is_some_and(|deadline| deadline <= Instant::now())
    }

    /// Reads once from the socket what the connection then takes. A failure of the connection is found in it afterwards.
    fn receive(&mut self, socket: &Socket) -> Result<(), Halt> {
        if !self.hear(socket)? {
            // The connection keeps its error.
            let _ = self.connection.feed_eof();
        }
        Ok(())
    }

    /// The same, but for the end, which it only tells: false.
    fn hear(&mut self, socket: &Socket) -> Result<bool, Halt> {
        if self.incoming.is_empty() {
            self.incoming = socket.receive()?;
        }
        if self.incoming.is_empty() {
            return Ok(false);
        }
        match self.connection.feed(&self.incoming) {
            Ok(used) => drop(self.incoming.drain(..used)),
            Err(_) => self.incoming.clear(),
        }
        Ok(true)
    }

    /// I5: a peer that refuses our certificate closes after its alert, so what can be read is read before a socket that
    /// cannot be written to is given up: until the end, the error, or unread data.
    pub(crate) fn hear_out(&mut self, socket: &Socket) -> Result<(), Halt> {
        self.outgoing.clear();
        while self.connection.wants_read() && self.hear(socket)? {}
        Ok(())
    }

    /// H4: at the deadline. A socket that does not even have a connection by then failed before the handshake.
    pub(crate) fn check_deadline(&mut self, socket: &Socket) -> Result<(), Failure> {
        let now = Instant::now();
        let late = self.connection.deadline().is_some_and(|deadline| deadline <= now);
        if late && !socket.is_connected() {
            return Err(self.connection.feed_error(&io::ErrorKind::TimedOut.into()));
        }
        self.connection.expire(now)
    }

    /// Sends all that waits.
    pub(crate) fn flush(&mut self, socket: &Socket) -> Result<(), Halt> {
        while self.wants_write() {
            if self.outgoing.is_empty() {
                self.connection.drain_to(&mut self.outgoing);
            }
            let count = socket.send(&self.outgoing)?;
            self.outgoing.drain(..count);
        }
        Ok(())
    }

    /// Forgets what no peer takes any more.
    pub(crate) fn forget_outgoing(&mut self) {
        self.outgoing.clear();
    }

    /// Reads decrypted data.
    pub(crate) fn read(&mut self, socket: &Socket, out: &mut Room<'_>) -> Result<(Progress, usize), Halt> {
        loop {
            let read = self.connection.read(out)?;
            if read.0 != Progress::WantRead {
                return Ok(read);
            }
            // What our side of TLS has to answer; it can wait.
            match self.flush(socket) {
                Ok(()) | Err(Halt::Blocked(_)) => {}
                Err(halt) => return Err(halt),
            }
            match self.receive(socket) {
                // The connection has it, behind what can still be read.
                Err(Halt::Broken(error)) => drop(self.connection.feed_error(&error)),
                received => received?,
            }
        }
    }

    /// Encrypts data once nothing waits, and gives how much. The byte that was held comes first.
    pub(crate) fn take(&mut self, socket: &Socket, data: &[u8]) -> Result<usize, Halt> {
        self.flush(socket)?;
        let (held, rest) = match (self.held, data.split_first()) {
            (None, _) => (0, data),
            (Some(_), None) => (0, data),
            (Some(held), Some((first, rest))) if held == *first => (1, rest),
            (Some(_), Some(_)) => return Err(Failure::from(Misuse::new(OTHER_DATA)).into()),
        };
        let (_, count) = self.connection.write(rest)?;
        if held > 0 {
            self.held = None;
        }
        Ok(held + count)
    }

    /// `taken` does not fit on the wire: its last byte is not reported before it does.
    pub(crate) fn hold(&mut self, taken: &[u8]) {
        self.held = taken.last().copied();
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Pause> for Halt {
    fn from(pause: Pause) -> Self {
        match pause {
            Pause::Blocked(direction) => Self::Blocked(direction),
            Pause::Failed(error) => Self::Broken(error),
        }
    }
}

/// How long a peer that is given up may take for its last words, or ours.
pub(crate) const LAST_WORDS: Duration = Duration::from_millis(250);
const OTHER_DATA: &str = "data must begin with the bytes that the last write did not use: they are partly sent";
