//! A Unix socket as a transport.

use std::io;
use std::path::PathBuf;

use tokio::net::UnixStream;

use super::{Destination, Dial};
use crate::connect::dialer::unix;

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
}

impl Dial for Unix {
    type Transport = UnixStream;

    async fn dial(&self, destination: Destination) -> io::Result<UnixStream> {
        let connected = UnixStream::connect(&self.path).await;
        connected.map_err(|error| unix::failure(&self.path, &error, destination.deadline).into())
    }
}
