//! Where the socket goes, and getting there before the deadline.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6, TcpStream};
use std::time::Instant;

use super::fault;
use super::resolver::{self, Resolving};
use super::sans_io::Deadline;
use crate::error::{ConnectError, Error, Refusal, Shortage};
use crate::name::BackendHost;

/// The address for the socket. It is never an identity (N1): the policy and the backend host decide what the
/// certificate must hold.
///
/// ```
/// use uptls::Address;
///
/// // A name and its port, or addresses that the caller has found: neither says who the peer must be.
/// let by_name = Address::from(("localhost", 8443));
/// let found = Address::from(vec!["10.0.0.7:8443".parse()?, "10.0.0.8:8443".parse()?]);
/// assert_eq!(found.resolve_here()?.len(), 2);
/// # let _ = by_name;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Address {
    /// A name that the system resolves.
    #[non_exhaustive]
    Name {
        /// The name, or an IP address as text.
        host: String,
        /// The port.
        port: u16,
    },
    /// These, each in turn.
    Sockets(Vec<SocketAddr>),
}

impl From<SocketAddr> for Address {
    fn from(socket: SocketAddr) -> Self {
        Self::Sockets(vec![socket])
    }
}

impl From<Vec<SocketAddr>> for Address {
    fn from(sockets: Vec<SocketAddr>) -> Self {
        Self::Sockets(sockets)
    }
}

impl From<(&str, u16)> for Address {
    fn from((host, port): (&str, u16)) -> Self {
        Self::Name { host: host.to_owned(), port }
    }
}

impl From<(&BackendHost, u16)> for Address {
    fn from((host, port): (&BackendHost, u16)) -> Self {
        match host {
            BackendHost::Dns(name) => Self::Name { host: name.to_string(), port },
            BackendHost::Ip(ip) => SocketAddr::new(*ip, port).into(),
        }
    }
}

impl Address {
    /// A connected socket for [`Connector::handshake`](crate::Connector::handshake), with Nagle's algorithm off where
    /// the system permits. It resolves a name and tries each of its addresses, all within `timeout` (H4).
    ///
    /// A name costs a thread while the system looks it up: one for all callers of the process that want it, at most 16
    /// for all names. An IP address as text costs none.
    ///
    /// # Errors
    /// `dns_failed`, `tcp_refused`, `tcp_timeout`, and `local_resources` if this side could not try.
    pub fn dial(&self, timeout: Duration) -> Result<TcpStream, Error> {
        self.dial_until(Deadline::after(timeout))
    }

    /// The addresses behind it, found in this thread, for as long as the system's resolver takes: for callers that may
    /// not start another. [`Address::dial`] bounds the time instead.
    ///
    /// # Errors
    /// `dns_failed`, or `local_resources`.
    pub fn resolve_here(&self) -> Result<Vec<SocketAddr>, Error> {
        match self.known() {
            Ok(sockets) => Ok(sockets),
            Err((host, port)) => Ok(resolver::look_up(host, port)?),
        }
    }

    pub(super) fn dial_until(&self, deadline: Deadline) -> Result<TcpStream, Error> {
        let mut dial = Dial::until(self, deadline);
        while dial.resolve(deadline.remaining().unwrap_or(Duration::MAX))? == Resolution::Pending {}
        while let Some((socket, share)) = dial.next_address() {
            match connect_patiently(&socket, share, deadline) {
                Ok(stream) => return Ok(stream),
                Err(error) => dial.failed(&error),
            }
        }
        Err(dial.into_error())
    }

    /// The addresses that need no resolver; else the name.
    fn known(&self) -> Result<Vec<SocketAddr>, (&str, u16)> {
        match self {
            Self::Name { host, port } => literal(host, *port).map(|socket| vec![socket]).ok_or((host, *port)),
            Self::Sockets(sockets) => Ok(sockets.clone()),
        }
    }
}

/// An IP address as text; an IPv6 address may have a zone in digits.
fn literal(host: &str, port: u16) -> Option<SocketAddr> {
    match host.parse::<IpAddr>() {
        Ok(ip) => Some(SocketAddr::new(ip, port)),
        Err(_) => format!("[{host}]:{port}").parse::<SocketAddrV6>().ok().map(SocketAddr::V6),
    }
}

/// The steps to a connected socket, for event loops and languages with their own sockets: which address is next, how
/// long it may take, and what the failures mean. It opens no socket, and uses a thread while the system looks up a name
/// (see [`Address::dial`]).
///
/// ```
/// use core::time::Duration;
/// use std::net::TcpStream;
/// use uptls::sans_io::{Dial, Resolution};
///
/// fn dial(address: &uptls::Address) -> Result<TcpStream, uptls::Error> {
///     let mut dial = Dial::new(address, Duration::from_secs(5));
///     while dial.resolve(Duration::from_millis(50))? == Resolution::Pending {
///         // A loop looks after something else here.
///     }
///     while let Some((socket, share)) = dial.next_address() {
///         match TcpStream::connect_timeout(&socket, share.unwrap_or(Duration::MAX)) {
///             Ok(stream) => return Ok(stream),
///             Err(error) => dial.failed(&error),
///         }
///     }
///     Err(dial.into_error())
/// }
/// assert_eq!(dial(&Vec::new().into()).unwrap_err().code(), uptls::Code::TcpRefused);
/// ```
pub struct Dial {
    addresses: Vec<SocketAddr>,
    /// What is told, and how much it tells.
    failure: Option<(Telling, ConnectError)>,
    deadline: Deadline,
    /// How many addresses were given out.
    given: usize,
    resolving: Option<Resolving>,
    share: Duration,
}

/// Whether [`Dial::resolve`] has the addresses.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Resolution {
    /// They are known.
    Done,
    /// Ask again.
    Pending,
}

impl Dial {
    /// The steps to `address` within `timeout`, from now on.
    pub fn new(address: &Address, timeout: Duration) -> Self {
        Self::until(address, Deadline::after(timeout))
    }

    pub(crate) fn until(address: &Address, deadline: Deadline) -> Self {
        let (addresses, resolving) = match address.known() {
            Ok(addresses) => (addresses, None),
            Err((host, port)) => (Vec::new(), Some(Resolving::new(host, port))),
        };
        Self { addresses, failure: None, deadline, given: 0, resolving, share: deadline.after }
    }

    /// Waits for the addresses, for `at_most`.
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
    /// Those of [`Dial::resolve`], but for the time.
    pub fn poll_resolve(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let Some(resolving) = &mut self.resolving else { return Poll::Ready(Ok(())) };
        let answer = ready!(Pin::new(resolving).poll(context));
        Poll::Ready(self.found(answer))
    }

    /// The next address to connect to, and how long it may take; `None` for that: without a limit. Each address gets a
    /// share of the remaining time, so one that does not answer cannot use it all up. If there is none left, see
    /// [`Dial::into_error`].
    pub fn next_address(&mut self) -> Option<(SocketAddr, Option<Duration>)> {
        if self.given > 0 && self.deadline.has_passed() {
            return None;
        }
        let socket = *self.addresses.get(self.given)?;
        let parts = u32::try_from(self.addresses.len() - self.given).unwrap_or(u32::MAX).max(1);
        let share = self.deadline.remaining().map(|remaining| (remaining / parts).max(SHORTEST));
        self.share = share.unwrap_or(self.deadline.after);
        self.given += 1;
        Some((socket, share))
    }

    /// Reports that the last address could not be reached. `TimedOut` means that its share of the time is over.
    pub fn failed(&mut self, error: &io::Error) {
        let address = self.given.checked_sub(1).and_then(|index| self.addresses.get(index));
        let address = address.map_or_else(|| NOWHERE.to_owned(), SocketAddr::to_string);
        self.note(fault::undialled(error, &address, &format!("{:?}", self.share)));
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

    /// The error for `failures` of an event loop to reach `target`: as for [`Dial::failed`], each of another address.
    pub fn failed_elsewhere(target: &str, failures: &[io::Error]) -> Error {
        let mut dial = Self::until(&Address::Sockets(Vec::new()), Deadline::after(Duration::MAX));
        for failure in failures {
            dial.note(fault::undialled(failure, target, "the time that the caller waits"));
        }
        dial.into_error()
    }

    fn note(&mut self, failure: ConnectError) {
        let telling = Telling::of(&failure);
        if self.failure.as_ref().is_none_or(|(before, _)| telling >= *before) {
            self.failure = Some((telling, failure));
        }
    }

    fn found(&mut self, answer: Result<Vec<SocketAddr>, ConnectError>) -> Result<(), Error> {
        self.addresses = answer?;
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

/// A signal that comes meanwhile is no failure.
fn connect_patiently(socket: &SocketAddr, share: Option<Duration>, deadline: Deadline) -> io::Result<TcpStream> {
    loop {
        match connect(socket, share) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted && !deadline.has_passed() => {}
            outcome => return outcome,
        }
    }
}

fn connect(socket: &SocketAddr, share: Option<Duration>) -> io::Result<TcpStream> {
    let stream = match share {
        None => TcpStream::connect(socket)?,
        Some(share) => TcpStream::connect_timeout(socket, share)?,
    };
    // With Nagle's algorithm it is a connection all the same.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

const NOWHERE: &str = "nowhere";
/// Zero would be an error.
const SHORTEST: Duration = Duration::from_millis(1);

#[cfg(all(test, unix))]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::error::Code;

    fn told(failures: &[Errno]) -> Code {
        let sockets: Vec<SocketAddr> = failures.iter().map(|_| SocketAddr::from(([192, 0, 2, 1], 443))).collect();
        let mut dial = Dial::new(&sockets.into(), Duration::from_secs(60));
        for failure in failures {
            assert!(dial.next_address().is_some());
            dial.failed(&(*failure).into());
        }
        assert_eq!(dial.next_address(), None);
        let by_others: Vec<io::Error> = failures.iter().map(|failure| (*failure).into()).collect();
        let told = dial.into_error().code();
        assert_eq!(Dial::failed_elsewhere("192.0.2.1:443", &by_others).code(), told);
        told
    }

    #[test]
    fn the_failure_that_tells_most_is_told() {
        const NO_FAMILY: Errno = Errno::AFNOSUPPORT;
        let table: &[(&[Errno], Code)] = &[
            (&[Errno::CONNREFUSED], Code::TcpRefused),
            // IPv6 without an address of ours, beside a peer that refuses: in either order the peer refuses.
            (&[Errno::ADDRNOTAVAIL, Errno::CONNREFUSED], Code::TcpRefused),
            (&[Errno::CONNREFUSED, Errno::ADDRNOTAVAIL], Code::TcpRefused),
            (&[Errno::TIMEDOUT, Errno::NETUNREACH], Code::TcpTimeout),
            (&[NO_FAMILY, Errno::TIMEDOUT], Code::TcpTimeout),
            // The second address was not asked: nothing is said of the peer.
            (&[Errno::CONNREFUSED, Errno::MFILE], Code::LocalResources),
            (&[Errno::MFILE, Errno::CONNREFUSED], Code::LocalResources),
            (&[Errno::ADDRNOTAVAIL, Errno::NETUNREACH], Code::LocalResources),
            (&[NO_FAMILY], Code::LocalResources),
            (&[], Code::TcpRefused),
        ];
        for (failures, wanted) in table {
            assert_eq!(told(failures), *wanted, "{failures:?}");
        }
    }

    #[test]
    fn an_address_as_text_needs_no_resolver() {
        for text in ["127.0.0.1", "::1", "fe80::1%1"] {
            assert!(literal(text, 443).is_some(), "{text}");
        }
        for text in ["localhost", "127.1", "[::1]", "1.2.3.4.example", ""] {
            assert!(literal(text, 443).is_none(), "{text}");
        }
    }
}
