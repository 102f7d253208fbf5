//! Sockets that systemd opened before it started the proxy (sd_listen_fds).

use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::{LazyLock, Mutex, PoisonError};

use listenfd::ListenFd;

/// They belong to the process.
static SOCKETS: LazyLock<Mutex<Sockets>> =
    LazyLock::new(|| Mutex::new(Sockets { given: ListenFd::from_env(), taken: BTreeMap::new() }));

struct Sockets {
    given: ListenFd,
    /// Kept, so that a route that goes and comes again has its socket.
    taken: BTreeMap<usize, Socket>,
}

/// A listening socket of systemd.
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Socket {
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Self::Tcp(listener) => listener.try_clone().map(Self::Tcp),
            Self::Unix(listener) => listener.try_clone().map(Self::Unix),
        }
    }
}

/// Takes note of them. To be called before the first thread begins: it changes the environment.
pub(super) fn note() {
    LazyLock::force(&SOCKETS);
}

/// The socket with this number, in the order of the unit's, from 0.
///
/// # Errors
/// There is none, or it is of another kind.
pub(super) fn take(number: usize) -> io::Result<Socket> {
    let mut sockets = SOCKETS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(socket) = sockets.taken.get(&number) {
        return socket.try_clone();
    }
    let socket = match sockets.given.take_tcp_listener(number) {
        Ok(Some(socket)) => Socket::Tcp(socket),
        _ => match sockets.given.take_unix_listener(number)? {
            Some(socket) => Socket::Unix(socket),
            None => {
                let count = sockets.given.len();
                let reason =
                    format!("systemd gave {count} sockets to this process, and number {number} is none of them");
                return Err(io::Error::new(io::ErrorKind::NotFound, reason));
            }
        },
    };
    let given = socket.try_clone()?;
    sockets.taken.insert(number, socket);
    Ok(given)
}
