//! Moves bytes between a connection and its socket.

use core::time::Duration;
use std::io;
use std::time::Instant;

use crate::conn::{Connection, Reached};
use crate::error::Failure;
use crate::handle::Room;
use crate::status::Progress;

use super::socket::{Patience, Pause, Socket};

/// A connection over a socket.
pub(crate) struct Pump {
    connection: Connection,
    /// The handshake's, for our last flight too.
    deadline: Option<Instant>,
    /// The handshake is done, and our last flight sent.
    finished: bool,
    /// Bytes from the peer that the connection has not taken yet.
    incoming: Vec<u8>,
    /// Bytes for the peer that the socket has not taken yet.
    outgoing: Vec<u8>,
    socket: Socket,
}

/// Why a step goes no further.
enum Halt {
    Failed(Failure),
    Pending(Progress),
}

impl Pump {
    pub(crate) fn new(connection: Connection, socket: Socket) -> Self {
        let deadline = connection.deadline();
        Self { connection, deadline, finished: false, incoming: Vec::new(), outgoing: Vec::new(), socket }
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn wants_write(&self) -> bool {
        !self.outgoing.is_empty() || self.connection.wants_write()
    }

    /// Whether reading gives something without the socket.
    pub(crate) fn is_pending(&self) -> bool {
        self.connection.is_pending() || (!self.incoming.is_empty() && self.connection.reached() == Reached::Done)
    }

    /// Goes on with the handshake until it is done, and our last flight sent.
    pub(crate) fn handshake(&mut self) -> Result<Progress, Failure> {
        if self.finished {
            return Ok(Progress::Done);
        }
        match self.exchange() {
            Ok(()) => {
                self.finished = true;
                Ok(Progress::Done)
            }
            Err(Halt::Pending(progress)) => Ok(progress),
            Err(Halt::Failed(failure)) => {
                self.say_last_words();
                Err(failure)
            }
        }
    }

    fn exchange(&mut self) -> Result<(), Halt> {
        loop {
            self.check_deadline()?;
            let patience = Patience::Until(self.deadline);
            self.flush(patience)?;
            if let Some(failure) = self.connection.failed() {
                return Err(Halt::Failed(failure));
            }
            if self.connection.reached() == Reached::Done {
                return Ok(());
            }
            match self.receive(patience) {
                // The deadline: the next turn ends it.
                Ok(()) | Err(Pause::TimedOut) => {}
                Err(Pause::Blocked) => return Err(Halt::Pending(Progress::WantRead)),
                Err(Pause::Failed(error)) => return Err(Halt::Failed(self.connection.feed_error(&error))),
            }
        }
    }

    /// Reads once from the socket what the connection then takes. A failure of the connection is found in it afterwards.
    fn receive(&mut self, patience: Patience) -> Result<(), Pause> {
        if !self.hear(patience)? {
            // The connection keeps its error.
            let _ = self.connection.feed_eof();
        }
        Ok(())
    }

    /// The same, but for the end, which it only tells: false.
    fn hear(&mut self, patience: Patience) -> Result<bool, Pause> {
        if self.incoming.is_empty() {
            self.incoming = self.socket.receive(patience)?;
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

    /// H4: at the deadline. A socket that does not even have a connection by then failed before the handshake.
    fn check_deadline(&mut self) -> Result<(), Failure> {
        let now = Instant::now();
        let late = self.connection.deadline().is_some_and(|deadline| deadline <= now);
        if late && !self.socket.is_connected() {
            return Err(self.connection.feed_error(&io::ErrorKind::TimedOut.into()));
        }
        self.connection.expire(now)
    }

    /// Sends all that waits.
    fn flush(&mut self, patience: Patience) -> Result<(), Halt> {
        while self.wants_write() {
            if self.outgoing.is_empty() {
                self.connection.drain_to(&mut self.outgoing);
            }
            match self.socket.send(&self.outgoing, patience) {
                Ok(count) => drop(self.outgoing.drain(..count)),
                Err(Pause::Blocked) => return Err(Halt::Pending(Progress::WantWrite)),
                Err(Pause::TimedOut) => match patience {
                    Patience::Until(_) if self.connection.reached() == Reached::Done => {
                        return Err(Halt::Failed(self.connection.late()));
                    }
                    Patience::Until(_) => self.check_deadline()?,
                    _ => return Err(Halt::Failed(timed_out("sent to", "SO_SNDTIMEO"))),
                },
                Err(Pause::Failed(error)) => return Err(Halt::Failed(self.lost(&error))),
            }
        }
        Ok(())
    }

    /// A socket that cannot be written to. I5: a peer that refuses our certificate closes after its alert, so what can be
    /// read is read first. An end says less than the error.
    fn lost(&mut self, error: &io::Error) -> Failure {
        self.outgoing.clear();
        let patience = Patience::Until(Instant::now().checked_add(LAST_WORDS));
        while self.connection.wants_read() && self.hear(patience).is_ok_and(|more| more) {
            // Until the end, the error, or unread data.
        }
        self.connection.feed_error(error)
    }

    /// H5: the alert, as far as the peer takes it.
    fn say_last_words(&mut self) {
        self.connection.drain_to(&mut self.outgoing);
        let patience = Patience::Until(Instant::now().checked_add(LAST_WORDS));
        while !self.outgoing.is_empty() {
            match self.socket.send(&self.outgoing, patience) {
                Ok(count @ 1..) => drop(self.outgoing.drain(..count)),
                _ => break,
            }
        }
        self.outgoing.clear();
    }

    /// Reads decrypted data.
    pub(crate) fn read(&mut self, out: &mut Room<'_>) -> Result<(Progress, usize), Failure> {
        match self.handshake()? {
            Progress::Done => {}
            progress => return Ok((progress, 0)),
        }
        loop {
            let read = self.connection.read(out);
            match read {
                Ok((Progress::WantRead, _)) => {}
                Err(failure) => {
                    self.say_last_words();
                    return Err(failure);
                }
                Ok(done) => return Ok(done),
            }
            // What our side of TLS has to answer; it can wait.
            match self.flush(Patience::Never) {
                Ok(()) | Err(Halt::Pending(_)) => {}
                // The connection has the failure, behind what can still be read.
                Err(Halt::Failed(_)) => continue,
            }
            match self.receive(Patience::AsSocket) {
                Ok(()) => {}
                Err(Pause::Blocked) => return Ok((Progress::WantRead, 0)),
                Err(Pause::TimedOut) => return Err(timed_out("read from", "SO_RCVTIMEO")),
                Err(Pause::Failed(error)) => drop(self.connection.feed_error(&error)),
            }
        }
    }

    /// Takes data and sends what the socket takes.
    pub(crate) fn write(&mut self, data: &[u8]) -> Result<(Progress, usize), Failure> {
        match self.handshake()? {
            Progress::Done => {}
            progress => return Ok((progress, 0)),
        }
        match self.flush(Patience::AsSocket) {
            Ok(()) => {}
            Err(Halt::Pending(progress)) => return Ok((progress, 0)),
            Err(Halt::Failed(failure)) => return Err(failure),
        }
        let (progress, count) = self.connection.write(data)?;
        match self.flush(Patience::AsSocket) {
            // What was taken is sent with the next call, and a failure told then.
            Err(Halt::Pending(_) | Halt::Failed(_)) if count > 0 => Ok((Progress::Done, count)),
            Err(Halt::Pending(progress)) => Ok((progress, 0)),
            Err(Halt::Failed(failure)) => Err(failure),
            Ok(()) => Ok((progress, count)),
        }
    }

    /// Ends our data properly.
    pub(crate) fn shutdown(&mut self) -> Result<Progress, Failure> {
        self.connection.close_notify()?;
        match self.flush(Patience::AsSocket) {
            Ok(()) => Ok(Progress::Done),
            Err(Halt::Pending(progress)) => Ok(progress),
            Err(Halt::Failed(failure)) => Err(failure),
        }
    }

    /// Ends a handshake whose deadline has passed.
    pub(crate) fn expire(&mut self) -> Result<(), Failure> {
        let expired = self.check_deadline();
        if expired.is_err() {
            self.say_last_words();
        }
        expired
    }
}

impl From<Failure> for Halt {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// The connection is as it was.
fn timed_out(verb: &str, option: &str) -> Failure {
    let message = format!("the socket could not be {verb} within its own time limit ({option}); try again");
    Failure::without_policy(uptls::Code::TcpTimeout, message)
}

/// How long a peer that is given up may take for its last words, or ours.
const LAST_WORDS: Duration = Duration::from_millis(250);
