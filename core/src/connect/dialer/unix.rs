//! Unix sockets: connecting to one within a deadline, and what its failures mean.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;

use socket2::{Domain, SockAddr, Socket, Type};

use super::late;
use crate::connect::deadline::Deadline;
use crate::connect::fault::{self, is_temporary};
use crate::error::{ConnectError, Error, Misuse, Refusal};

/// The socket at `path`. It blocks.
pub(super) fn connect(path: &Path, deadline: Deadline) -> Result<UnixStream, Error> {
    try_connect(path, deadline).map_err(|error| match is_temporary(&error) {
        // Its queue was full until then.
        true => late(path.display().to_string(), deadline),
        false => failure(path, &error, deadline),
    })
}

fn try_connect(path: &Path, deadline: Deadline) -> io::Result<UnixStream> {
    // The standard library refuses a path with a NUL inside, which the system would cut.
    SocketAddr::from_pathname(path)?;
    let (address, socket) = (SockAddr::unix(path)?, Socket::new(Domain::UNIX, Type::STREAM, None)?);
    loop {
        // It bounds connecting, too.
        socket.set_write_timeout(deadline.remaining())?;
        match socket.connect(&address) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            outcome => return outcome.map(|()| UnixStream::from(OwnedFd::from(socket))),
        }
    }
}

/// Why the socket at `path` could not be reached.
pub(crate) fn failure(path: &Path, error: &io::Error, deadline: Deadline) -> Error {
    let address = path.display().to_string();
    match error.kind() {
        // No process listens: the socket was not made yet, or not any more.
        io::ErrorKind::NotFound => {
            ConnectError::TcpRefused { address, reason: error.to_string(), refusal: Refusal::ByPeer }.into()
        }
        // Longer than the system permits, or with a NUL inside.
        io::ErrorKind::InvalidInput => {
            Misuse::new(format!("no Unix socket can have the path {address:?}: {error}")).into()
        }
        _ => fault::undialled(error, &address, &format!("{:?}", deadline.after)).into(),
    }
}
