//! A Unix socket as a transport.

use std::io;
use std::path::PathBuf;

use tokio::net::UnixStream;

use super::{Destination, Dial};
use crate::connect::fault;
use crate::error::{ConnectError, Error, Misuse, Refusal};

/// The Unix socket of this path, wherever the connection goes: a sidecar's, for example. TLS over it is as strict as over TCP.
#[derive(Clone, Debug)]
pub struct Unix {
    path: PathBuf,
}

impl Unix {
    /// The socket at `path`.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn failure(&self, error: &io::Error, destination: &Destination) -> Error {
        let address = self.path.display().to_string();
        match error.kind() {
            // No process listens: the socket was not made yet, or not any more.
            io::ErrorKind::NotFound => {
                ConnectError::TcpRefused { address, reason: error.to_string(), refusal: Refusal::ByPeer }.into()
            }
            // Longer than the system permits, or with a NUL inside.
            io::ErrorKind::InvalidInput => {
                Misuse::new(format!("no Unix socket can have the path {address:?}: {error}")).into()
            }
            _ => fault::undialled(error, &address, &format!("{:?}", destination.deadline.after)).into(),
        }
    }
}

impl Dial for Unix {
    type Transport = UnixStream;

    async fn dial(&self, destination: Destination) -> io::Result<UnixStream> {
        UnixStream::connect(&self.path).await.map_err(|error| self.failure(&error, &destination).into())
    }
}
