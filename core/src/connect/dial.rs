//! Where the socket goes, and getting there before the deadline.

use core::time::Duration;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;

use super::sans_io::Deadline;
use crate::error::{ConnectError, Error};
use crate::name::BackendHost;

/// Where the socket goes. It is never an identity (N1): what the certificate must hold comes from the policy and the
/// backend host.
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
    /// A connected socket, with Nagle's algorithm off, for [`Connector::handshake`](crate::Connector::handshake). A name is
    /// resolved, and each of its addresses tried, within `timeout` together (H4).
    ///
    /// # Errors
    /// `dns_failed`, `tcp_refused` and `tcp_timeout`.
    pub fn dial(&self, timeout: Duration) -> Result<TcpStream, Error> {
        self.dial_until(Deadline::after(timeout))
    }

    /// The addresses behind it, found in this thread, for as long as the system's resolver takes: for callers who may
    /// not start another. [`Address::dial`] bounds the time instead.
    ///
    /// # Errors
    /// `dns_failed`.
    pub fn resolve_here(&self) -> Result<Vec<SocketAddr>, Error> {
        match self {
            Self::Name { host, port } => found(host, look_up(host, *port)),
            Self::Sockets(sockets) => Ok(sockets.clone()),
        }
    }

    pub(super) fn dial_until(&self, deadline: Deadline) -> Result<TcpStream, Error> {
        let sockets = match self {
            Self::Name { host, port } => resolve(host, *port, deadline)?,
            Self::Sockets(sockets) => sockets.clone(),
        };
        let mut last = None;
        for (index, socket) in sockets.iter().enumerate() {
            let share = share(deadline, sockets.len() - index);
            match connect(socket, share) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(refused(socket, &error, share.unwrap_or(deadline.after))),
            }
            if deadline.has_passed() {
                break;
            }
        }
        Err(last.unwrap_or_else(nowhere).into())
    }
}

/// The system's resolver cannot be bounded, so it gets a thread, which is left alone when the time is over.
fn resolve(host: &str, port: u16, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    let (sender, receiver) = mpsc::channel();
    let asked = host.to_owned();
    let ask = move || {
        // Nobody waits any more: that is all right.
        let _ = sender.send(look_up(&asked, port));
    };
    let thread = thread::Builder::new().name("uptls-resolve".to_owned()).spawn(ask);
    let answer = match (thread, deadline.remaining()) {
        (Err(error), _) => Err(error.to_string()),
        (Ok(_), None) => receiver.recv().unwrap_or_else(|error| Err(error.to_string())),
        (Ok(_), Some(remaining)) => {
            receiver.recv_timeout(remaining).unwrap_or_else(|_| Err(format!("no answer within {:?}", deadline.after)))
        }
    };
    found(host, answer)
}

fn look_up(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    (host, port).to_socket_addrs().map(Iterator::collect).map_err(|error| error.to_string())
}

fn found(host: &str, answer: Result<Vec<SocketAddr>, String>) -> Result<Vec<SocketAddr>, Error> {
    let failed = |reason: String| ConnectError::DnsFailed { host: host.to_owned(), reason };
    match answer {
        Ok(sockets) if sockets.is_empty() => Err(failed("the name has no address".to_owned()).into()),
        Ok(sockets) => Ok(sockets),
        Err(reason) => Err(failed(reason).into()),
    }
}

/// Each address gets its share of what remains, so that one that does not answer cannot use it all up.
pub(crate) fn share(deadline: Deadline, left: usize) -> Option<Duration> {
    let parts = u32::try_from(left).unwrap_or(u32::MAX).max(1);
    deadline.remaining().map(|remaining| (remaining / parts).max(SHORTEST))
}

fn connect(socket: &SocketAddr, share: Option<Duration>) -> io::Result<TcpStream> {
    let stream = match share {
        None => TcpStream::connect(socket)?,
        Some(share) => TcpStream::connect_timeout(socket, share)?,
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

pub(crate) fn refused(socket: &SocketAddr, error: &io::Error, waited: Duration) -> ConnectError {
    let address = socket.to_string();
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
            ConnectError::TcpTimeout { address, after: format!("{waited:?}") }
        }
        _ => ConnectError::TcpRefused { address, reason: error.to_string() },
    }
}

pub(crate) fn nowhere() -> ConnectError {
    ConnectError::TcpRefused { address: "nowhere".to_owned(), reason: "no address was given".to_owned() }
}

/// Zero would be an error.
const SHORTEST: Duration = Duration::from_millis(1);
