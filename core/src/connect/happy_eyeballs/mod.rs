//! Happy Eyeballs (RFC 8305): which address is tried when, and what the failures come to. No socket, and no clock of its own.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use super::address::Address;
use super::deadline::Deadline;
use super::fault;
use super::resolver::Resolving;
use crate::error::{ConnectError, Error, Refusal, Shortage};

/// The race to a connected socket by Happy Eyeballs (RFC 8305), for event loops and languages that have sockets of their own:
/// which address is tried when, and what the failures come to (H4). No socket; a thread while the system looks up a name (see
/// [`Address::dial`]).
///
/// Families alternate, beginning with that of the first address; each family keeps its order. An attempt begins as soon as
/// another fails, and 250 ms after the one before in any case: an address that answers nothing costs 250 ms, not the deadline.
/// Take the first socket that is connected, and close the others.
///
/// ```
/// use core::time::Duration;
/// use std::net::TcpStream;
/// use uptls::sans_io::{DialStep, HappyEyeballs, Resolution};
///
/// fn dial(address: &uptls::Address) -> Result<TcpStream, uptls::Error> {
///     let mut race = HappyEyeballs::new(address, Duration::from_secs(5));
///     while race.resolve(Duration::from_millis(50))? == Resolution::Pending {
///         // A loop looks after something else here.
///     }
///     loop {
///         match race.next_step() {
///             // A loop begins to connect, and goes on; what fails later is told by `failed`, too.
///             DialStep::Connect(socket) => match TcpStream::connect(socket) {
///                 Ok(stream) => return Ok(stream),
///                 Err(error) => race.failed(socket, &error),
///             },
///             // A loop waits for its attempts here, so long at most.
///             DialStep::Wait(at_most) => std::thread::sleep(at_most.unwrap_or(Duration::MAX)),
///             _ => return Err(race.into_error()),
///         }
///     }
/// }
/// assert_eq!(dial(&Vec::new().into()).unwrap_err().code(), uptls::Code::TcpRefused);
/// ```
pub struct HappyEyeballs {
    /// Those that were not tried, in the order of RFC 8305.
    addresses: VecDeque<SocketAddr>,
    deadline: Deadline,
    /// What is told, and how much it tells.
    failure: Option<(Telling, ConnectError)>,
    /// When the next attempt begins.
    next: NextAttempt,
    resolving: Option<Resolving>,
    /// Those that were begun and have not failed, in that order.
    under_way: Vec<SocketAddr>,
}

/// What an event loop does next for a connected socket ([`HappyEyeballs::next_step`]).
///
/// ```
/// use std::time::Duration;
/// use uptls::sans_io::{DialStep, HappyEyeballs};
///
/// let mut race = HappyEyeballs::new(&("127.0.0.1", 8443).into(), Duration::from_secs(5));
/// let DialStep::Connect(first) = race.next_step() else { panic!("there is an address") };
/// assert_eq!(first.to_string(), "127.0.0.1:8443");
/// // No second address: wait for the first, five seconds at most.
/// assert!(matches!(race.next_step(), DialStep::Wait(_)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DialStep {
    /// Begin to connect to this address, beside the attempts that are under way. Then ask again.
    Connect(SocketAddr),
    /// Nothing is left: every address failed, or the deadline has passed. Close what is under way;
    /// [`HappyEyeballs::into_error`] says why.
    GiveUp,
    /// Wait until an attempt ends, so long at most; `None`: without limit. Then ask again.
    Wait(Option<Duration>),
}

/// When an attempt begins beside those that are under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum NextAttempt {
    /// At once: it is the first, or the one before has failed.
    AtOnce,
    /// Then, unless one fails before.
    At(Instant),
}

/// Whether [`HappyEyeballs::resolve`] has the addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Resolution {
    /// They are known.
    Done,
    /// Ask again.
    Pending,
}

impl HappyEyeballs {
    /// The way to `address` within `timeout`, from now on.
    pub fn new(address: &Address, timeout: Duration) -> Self {
        Self::until(address, Deadline::after(timeout))
    }

    pub(crate) fn until(address: &Address, deadline: Deadline) -> Self {
        let (addresses, resolving) = match address.known() {
            Ok(addresses) => (addresses, None),
            Err((host, port)) => (Vec::new(), Some(Resolving::new(host, port))),
        };
        let addresses = interleaved(addresses);
        Self { addresses, deadline, failure: None, next: NextAttempt::AtOnce, resolving, under_way: Vec::new() }
    }

    /// Waits for the addresses, `at_most` so long.
    ///
    /// # Errors
    /// `dns_failed`, also when the time is over or 16 other names have no answer; `local_resources`.
    pub fn resolve(&mut self, at_most: Duration) -> Result<Resolution, Error> {
        let Some(resolving) = &mut self.resolving else { return Ok(Resolution::Done) };
        let soon = Instant::now().checked_add(at_most);
        let until = [soon, self.deadline.at].into_iter().flatten().min();
        match resolving.wait(until) {
            Some(answer) => self.found(answer).map(|()| Resolution::Done),
            None if self.deadline.has_passed() => Err(self.late()),
            None => Ok(Resolution::Pending),
        }
    }

    /// The same for a task, which has the deadline from elsewhere.
    ///
    /// # Errors
    /// Those of [`HappyEyeballs::resolve`], but for the time.
    pub fn poll_resolve(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(resolving) = &mut self.resolving else { return Poll::Ready(Ok(())) };
        let answer = ready!(Pin::new(resolving).poll(context));
        Poll::Ready(self.found(answer))
    }

    /// What to do next. Ask after each attempt that was begun, that failed, and that was waited for.
    pub fn next_step(&mut self) -> DialStep {
        self.step_at(Instant::now())
    }

    /// The attempt to reach `socket` failed, for which [`DialStep::Connect`] asked.
    pub fn failed(&mut self, socket: SocketAddr, error: &io::Error) {
        self.under_way.retain(|other| *other != socket);
        self.next = NextAttempt::AtOnce;
        self.note_failed(socket, error);
    }

    pub(crate) fn step_at(&mut self, now: Instant) -> DialStep {
        // One is tried, however short the time.
        let has_begun = self.failure.is_some() || !self.under_way.is_empty();
        if has_begun && self.deadline.at.is_some_and(|at| now >= at) {
            return self.give_up();
        }
        let due = match self.next {
            NextAttempt::AtOnce => None,
            NextAttempt::At(at) => Some(at).filter(|at| now < *at),
        };
        if due.is_none()
            && let Some(socket) = self.addresses.pop_front()
        {
            self.next = self.after_an_attempt(now);
            self.under_way.push(socket);
            return DialStep::Connect(socket);
        }
        if self.under_way.is_empty() && self.addresses.is_empty() {
            return DialStep::GiveUp;
        }
        let due = due.filter(|_| !self.addresses.is_empty());
        let until = [due, self.deadline.at].into_iter().flatten().min();
        DialStep::Wait(until.map(|until| until.saturating_duration_since(now).max(SHORTEST_WAIT)))
    }

    /// RFC 8305 section 5: the Connection Attempt Delay. Where the deadline is nearer, each address has its share of the time.
    fn after_an_attempt(&self, now: Instant) -> NextAttempt {
        let parts = u32::try_from(self.addresses.len()).unwrap_or(u32::MAX).saturating_add(1);
        let share = self.deadline.at.map(|at| at.saturating_duration_since(now) / parts);
        let delay = share.map_or(ATTEMPT_DELAY, |share| share.clamp(SHORTEST_DELAY, ATTEMPT_DELAY));
        now.checked_add(delay).map_or(NextAttempt::AtOnce, NextAttempt::At)
    }

    /// The deadline has passed: what is under way is given up, and said to be silent.
    fn give_up(&mut self) -> DialStep {
        self.addresses.clear();
        for socket in core::mem::take(&mut self.under_way) {
            self.note_failed(socket, &io::ErrorKind::TimedOut.into());
        }
        DialStep::GiveUp
    }

    fn note_failed(&mut self, socket: SocketAddr, error: &io::Error) {
        self.note(fault::undialled(error, &socket.to_string(), &format!("{:?}", self.deadline.after)));
    }

    /// Why there is no socket: the failure that tells most, the last of several.
    pub fn into_error(self) -> Error {
        let nowhere = || ConnectError::TcpRefused {
            address: NOWHERE.to_owned(),
            reason: "no address was given".to_owned(),
            refusal: Refusal::ByPeer,
        };
        self.failure.map_or_else(nowhere, |(_, failure)| failure).into()
    }

    /// What `failures` mean, of an attempt of an event loop to reach `target`: as for [`HappyEyeballs::failed`],
    /// each of another address.
    pub fn failed_elsewhere(target: &str, failures: &[io::Error]) -> Error {
        let mut race = Self::until(&Address::Sockets(Vec::new()), Deadline::after(Duration::MAX));
        for failure in failures {
            race.note(fault::undialled(failure, target, "the time that the caller waits"));
        }
        race.into_error()
    }

    fn note(&mut self, failure: ConnectError) {
        let telling = Telling::of(&failure);
        if self.failure.as_ref().is_none_or(|(before, _)| telling >= *before) {
            self.failure = Some((telling, failure));
        }
    }

    fn found(&mut self, answer: Result<Vec<SocketAddr>, ConnectError>) -> Result<(), Error> {
        self.addresses = interleaved(answer?);
        self.resolving = None;
        Ok(())
    }

    pub(crate) fn late(&self) -> Error {
        let after = format!("{:?}", self.deadline.after);
        match &self.resolving {
            Some(resolving) => resolving.late(&after).into(),
            None => super::internal("a name was waited for that is known"),
        }
    }
}

/// Of several addresses, which failure is told: that of a way which may not exist from here says least, and a shortage
/// says that the peer was not asked.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Telling {
    NoWay,
    NoPort,
    Silence,
    Refusal,
    Shortage,
}

impl Telling {
    fn of(failure: &ConnectError) -> Self {
        match failure {
            ConnectError::LocalResources { lacks: Shortage::Family, .. }
            | ConnectError::TcpRefused { refusal: Refusal::NoRoute, .. } => Self::NoWay,
            // Also of an address family that this host has no address of.
            ConnectError::LocalResources { lacks: Shortage::Ports, .. } => Self::NoPort,
            ConnectError::LocalResources { .. } => Self::Shortage,
            ConnectError::TcpTimeout { .. } => Self::Silence,
            _ => Self::Refusal,
        }
    }
}

/// RFC 8305 section 4: families alternate, beginning with that of the first address; each keeps its order.
/// None is tried twice.
fn interleaved(mut addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let mut seen = HashSet::new();
    addresses.retain(|socket| seen.insert(*socket));
    let first_is_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|socket| socket.is_ipv4() == first_is_ipv4);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = VecDeque::new();
    loop {
        match (first.next(), second.next()) {
            (None, None) => return all,
            (one, other) => all.extend(one.into_iter().chain(other)),
        }
    }
}

/// The Connection Attempt Delay that RFC 8305 section 5 recommends.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
const NOWHERE: &str = "nowhere";
/// RFC 8305 section 5: never less.
const SHORTEST_DELAY: Duration = Duration::from_millis(10);
/// Zero would be a busy loop where a timer counts milliseconds.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

#[cfg(all(test, unix))]
mod tests;
