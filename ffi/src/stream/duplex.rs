//! One connection over a socket for two threads, one that reads and one that writes. Each step takes the state of TLS for a
//! moment and never waits with it; waiting happens outside.

use std::io;
use std::sync::{Mutex, MutexGuard};
use std::thread;
use std::time::Instant;

use uptls::Misuse;
use uptls_process::Process;

use crate::conn::Connection;
use crate::error::Failure;
use crate::exclusive::{self, Exclusive};
use crate::handle::Room;
use crate::status::Progress;

use super::cancel::Cancel;
use super::outlook::{Answers, Outlook};
use super::pump::{Halt, LAST_WORDS, Pump};
use super::socket::{Direction, Patience, Socket, Unready};

/// A connection over a socket.
pub(crate) struct Duplex {
    cancel: Cancel,
    deadline: Option<Instant>,
    outlook: Outlook,
    process: Process,
    pump: Mutex<Pump>,
    reading: Exclusive<()>,
    socket: Socket,
    writing: Exclusive<()>,
}

/// The state of TLS, for one step. What can be asked without it is renewed afterwards.
struct Inside<'a> {
    outlook: &'a Outlook,
    pump: MutexGuard<'a, Pump>,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        // A panic left it half changed: it can only be freed.
        self.outlook.set(if thread::panicking() { Answers::NONE } else { self.pump.answers() });
    }
}

impl Duplex {
    /// # Errors
    /// `internal` where a process cannot be told from its children.
    pub(crate) fn new(connection: Connection, socket: Socket, cancel: Cancel) -> Result<Self, Failure> {
        let pump = Pump::new(connection);
        Ok(Self {
            cancel,
            deadline: pump.connection().deadline(),
            outlook: Outlook::new(pump.answers()),
            process: exclusive::this_process()?,
            pump: Mutex::new(pump),
            reading: Exclusive::new(()),
            socket,
            writing: Exclusive::new(()),
        })
    }

    pub(crate) fn cancel(&self) {
        if self.process.is_current() {
            self.cancel.ask();
        }
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// What the last step left; [`Answers::NONE`] in another process.
    pub(crate) fn answers(&self) -> Answers {
        if self.process.is_current() { self.outlook.get() } else { Answers::NONE }
    }

    /// `None` in another process.
    pub(crate) fn fd(&self) -> Option<i32> {
        self.process.is_current().then(|| self.socket.fd())
    }

    /// # Errors
    /// Misuse in another process.
    pub(crate) fn socket(&self) -> Result<&Socket, Failure> {
        self.check_process().map(|()| &self.socket)
    }

    /// What is known of the connection; it waits for no peer.
    pub(crate) fn ask<T>(&self, question: impl FnOnce(&Connection) -> Result<T, Failure>) -> Result<T, Failure> {
        self.check_process()?;
        question(self.inside()?.pump.connection())
    }

    /// Before any lock, which a thread of the parent may have held at the fork.
    fn check_process(&self) -> Result<(), Failure> {
        match self.process.is_current() {
            true => Ok(()),
            false => Err(Misuse::in_another_process("stream").into()),
        }
    }

    fn reader(&self) -> Result<MutexGuard<'_, ()>, Failure> {
        self.check_process()?;
        self.reading.enter("the reading side of stream")
    }

    fn writer(&self) -> Result<MutexGuard<'_, ()>, Failure> {
        self.check_process()?;
        self.writing.enter("the writing side of stream")
    }

    fn inside(&self) -> Result<Inside<'_>, Failure> {
        let pump = self.pump.lock().map_err(|_| exclusive::poisoned("stream"))?;
        Ok(Inside { outlook: &self.outlook, pump })
    }

    /// Takes a step again and again, and waits between them as long as `patience` permits.
    fn drive<T>(
        &self,
        patience: Patience,
        mut step: impl FnMut(&mut Pump, &Socket) -> Result<T, Halt>,
    ) -> Result<T, Halt> {
        loop {
            let direction = match step(&mut self.inside()?.pump, &self.socket) {
                Err(Halt::Blocked(direction)) => direction,
                outcome => return outcome,
            };
            match self.socket.wait(direction, patience, &self.cancel) {
                Ok(()) => {}
                Err(Unready::Cancelled(cancelled)) => return Err(Halt::Cancelled(cancelled)),
                Err(Unready::DoesNotBlock) => return Err(Halt::Pending(direction)),
                Err(Unready::Failed(error)) => return Err(Halt::Broken(error)),
                Err(Unready::TimedOut) => return Err(Halt::TimedOut(direction)),
            }
        }
    }

    /// Goes on with the handshake until it is done, and our last flight sent.
    pub(crate) fn handshake(&self) -> Result<Progress, Failure> {
        self.check_process()?;
        self.cancel.check()?;
        if self.outlook.get().finished {
            // Any call sends what waits. Whether that fails is for reading and writing to say.
            let _ = self.inside()?.pump.flush(&self.socket);
            return Ok(Progress::Done);
        }
        let (_reading, _writing) = (self.reader()?, self.writer()?);
        self.establish()
    }

    fn establish(&self) -> Result<Progress, Failure> {
        let failure = loop {
            match self.drive(Patience::Until(self.deadline), Pump::exchange) {
                Ok(()) => return Ok(Progress::Done),
                Err(Halt::Blocked(direction) | Halt::Pending(direction)) => return Ok(direction.into()),
                Err(Halt::Broken(error)) => break self.lose(&error),
                Err(Halt::Cancelled(cancelled)) => return Err(cancelled.into()),
                Err(Halt::Failed(failure)) => break failure,
                // The next step finds that the deadline has passed.
                Err(Halt::TimedOut(_)) => {}
            }
        };
        self.say_last_words();
        Err(failure)
    }

    /// A socket that cannot be written to. An end says less than the error.
    fn lose(&self, error: &io::Error) -> Failure {
        let patience = Patience::Until(Instant::now().checked_add(LAST_WORDS));
        let _ = self.drive(patience, Pump::hear_out);
        match self.inside() {
            Ok(mut inside) => inside.pump.connection_mut().feed_error(error),
            Err(failure) => failure,
        }
    }

    /// H5: the alert, as far as the peer takes it.
    fn say_last_words(&self) {
        let patience = Patience::Until(Instant::now().checked_add(LAST_WORDS));
        let _ = self.drive(patience, Pump::flush);
        if let Ok(mut inside) = self.inside() {
            inside.pump.forget_outgoing();
        }
    }

    /// Reads decrypted data.
    pub(crate) fn read(&self, out: &mut Room<'_>) -> Result<(Progress, usize), Failure> {
        let _reading = self.reader()?;
        self.cancel.check()?;
        if !self.outlook.get().finished {
            let _writing = self.writer()?;
            match self.establish()? {
                Progress::Done => {}
                progress => return Ok((progress, 0)),
            }
        }
        loop {
            match self.drive(Patience::AsSocket, |pump, socket| pump.read(socket, out)) {
                Ok(done) => return Ok(done),
                // The connection has the failure, behind what can still be read.
                Err(Halt::Broken(error)) => drop(self.lose(&error)),
                Err(Halt::Failed(failure)) => {
                    self.say_last_words();
                    return Err(failure);
                }
                Err(Halt::Blocked(direction) | Halt::Pending(direction)) => return Ok((direction.into(), 0)),
                Err(Halt::Cancelled(cancelled)) => return Err(cancelled.into()),
                Err(Halt::TimedOut(direction)) => return Err(timed_out(direction)),
            }
        }
    }

    /// Takes data and sends it. Where the socket does not take all of it, the last byte is not reported as used: it is taken
    /// for sent when it comes again, after all that is before it has gone out.
    pub(crate) fn write(&self, data: &[u8]) -> Result<(Progress, usize), Failure> {
        let _writing = self.writer()?;
        self.cancel.check()?;
        if !self.outlook.get().finished {
            let _reading = self.reader()?;
            match self.establish()? {
                Progress::Done => {}
                progress => return Ok((progress, 0)),
            }
        }
        let mut taken: Option<usize> = None;
        let sent = self.drive(Patience::AsSocket, |pump, socket| {
            if taken.is_none() {
                taken = Some(pump.take(socket, data)?);
            }
            pump.flush(socket)
        });
        let taken = data.get(..taken.unwrap_or_default()).unwrap_or_default();
        match sent {
            Ok(()) => return Ok((Progress::Done, taken.len())),
            Err(Halt::Broken(error)) => return Err(self.lose(&error)),
            Err(Halt::Failed(failure)) => return Err(failure),
            Err(_) if !taken.is_empty() => self.inside()?.pump.hold(taken),
            Err(_) => {}
        }
        match (sent, taken.len()) {
            (_, count @ 2..) => Ok((Progress::Done, count - 1)),
            (Err(Halt::Cancelled(cancelled)), _) => Err(cancelled.into()),
            (Err(Halt::TimedOut(direction)), _) => Err(timed_out(direction)),
            _ => Ok((Progress::WantWrite, 0)),
        }
    }

    /// Ends our data properly.
    pub(crate) fn shutdown(&self) -> Result<Progress, Failure> {
        let _writing = self.writer()?;
        self.inside()?.pump.connection_mut().close_notify()?;
        match self.drive(Patience::AsSocket, Pump::flush) {
            Ok(()) => Ok(Progress::Done),
            Err(Halt::Blocked(direction) | Halt::Pending(direction)) => Ok(direction.into()),
            Err(Halt::Broken(error)) => Err(self.lose(&error)),
            Err(Halt::Cancelled(cancelled)) => Err(cancelled.into()),
            Err(Halt::Failed(failure)) => Err(failure),
            Err(Halt::TimedOut(direction)) => Err(timed_out(direction)),
        }
    }

    /// Ends a handshake whose deadline has passed.
    pub(crate) fn expire(&self) -> Result<(), Failure> {
        self.check_process()?;
        let expired = self.inside()?.pump.check_deadline(&self.socket);
        if expired.is_err() {
            self.say_last_words();
        }
        expired
    }
}

impl From<Direction> for Progress {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::In => Self::WantRead,
            Direction::Out => Self::WantWrite,
        }
    }
}

/// The connection is as it was.
fn timed_out(direction: Direction) -> Failure {
    let (verb, option) = match direction {
        Direction::In => ("read from", "SO_RCVTIMEO"),
        Direction::Out => ("sent to", "SO_SNDTIMEO"),
    };
    let message = format!("the socket could not be {verb} within its own time limit ({option}); try again");
    Failure::without_policy(uptls::Code::TcpTimeout, message)
}
