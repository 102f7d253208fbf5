//! A connection that is made by one key, or not at all.

use super::PoolKey;
use crate::error::{ConnectError, Error};
use crate::generation::Generation;
use crate::rotate::{Connector, Snapshot};

/// That a connection is made by one key, or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Bond {
    pub(super) connector: Connector,
    pub(super) generation: Generation,
    pub(super) key: PoolKey,
}

impl Bond {
    /// What is published, if it is what the key stands for.
    pub(crate) fn check(&self) -> Result<Snapshot, Error> {
        let snapshot = self.connector.snapshot()?;
        if snapshot.prepared.fingerprint() == self.key.fingerprint() {
            return Ok(snapshot);
        }
        Err(ConnectError::Superseded { bound: self.generation, current: snapshot.generation }.into())
    }
}
