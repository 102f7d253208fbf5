//! A connector bound to what it publishes at one moment: the key of a pool and the connections under it, from one hand (L8).

use std::net::TcpStream;

use super::address::Address;
use super::blocking::{self, Transport, VerifiedStream};
use super::sans_io::Handshake;
use super::setup::{Intent, pool_key};
use super::{ConnectOptions, PoolKey};
use crate::error::{ConnectError, Error};
use crate::name::BackendHost;
use crate::rotate::{Connector, Generation, Snapshot};

impl Connector {
    /// Binds connections to `host` to the generation that is published now: the [`PoolKey`] of the result is the key of every
    /// connection that it makes. Nothing is dialled.
    ///
    /// A pool asks for this key, and makes the connection that it does not have by the same [`BoundConnector`]. To ask the
    /// connector for a key and to connect by the connector itself would be two looks at what is published: what a newer policy
    /// accepted would be filed under the key of an older one, and used again once that is restored.
    ///
    /// ```
    /// # fn run(connector: &uptls::Connector, pool: &mut std::collections::HashMap<uptls::PoolKey, std::net::TcpStream>)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// let host = uptls::BackendHost::parse("payments.internal")?;
    /// let bound = connector.bind(&host, &uptls::ConnectOptions::default())?;
    /// if pool.get(bound.pool_key()).is_none() {
    ///     let stream = bound.connect_blocking((&host, 443))?;
    ///     assert_eq!(stream.evidence().pool_key, *bound.pool_key());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Policy`] with `policy_not_ready` or `policy_withdrawn`; [`Error::Misuse`] for options that widen the policy (H3).
    pub fn bind(&self, host: &BackendHost, options: &ConnectOptions) -> Result<BoundConnector, Error> {
        BoundConnector::new(self, &self.snapshot()?, host, options.clone())
    }
}

/// Makes verified connections to one backend host by one [`PoolKey`], or none ([`Connector::bind`]). A clone is cheap.
///
/// Every connect asks the connector what is published: before anything is dialled, before the handshake, and once more when the
/// handshake is done, before the stream is handed out. Where that is not what the key stands for, the connect fails with
/// `connector_superseded`, and the connection is closed: bind again, and look into the pool with the new key. Where nothing is
/// published, it fails with `policy_not_ready` or `policy_withdrawn`. If the content that the key stands for is published again
/// (a rollback), it connects again.
///
/// The key's fingerprint covers all that decides (R9), so the policy itself is not held: clients that a pool forgot to drop keep
/// no withdrawn key in memory (I6).
#[derive(Clone, Debug)]
pub struct BoundConnector {
    bond: Bond,
    host: BackendHost,
    options: ConnectOptions,
}

impl BoundConnector {
    pub(crate) fn new(
        connector: &Connector,
        snapshot: &Snapshot,
        host: &BackendHost,
        options: ConnectOptions,
    ) -> Result<Self, Error> {
        let key = pool_key(&snapshot.prepared, host, &options)?;
        let bond = Bond { connector: connector.clone(), generation: snapshot.generation, key };
        Ok(Self { bond, host: host.clone(), options })
    }

    /// Under which key the connections are filed: that of their evidence.
    pub fn pool_key(&self) -> &PoolKey {
        &self.bond.key
    }

    /// The backend host.
    pub fn host(&self) -> &BackendHost {
        &self.host
    }

    /// Whether connections are made by it now: what its key stands for is published.
    pub fn is_current(&self) -> bool {
        self.bond.check().is_ok()
    }

    /// As [`Connector::begin`]. [`Handshake::finish`] asks for the last time what is published: it gives the handshake back with
    /// `connector_superseded` (or what stopped the connector) as its [`error`](Handshake::error).
    ///
    /// # Errors
    /// Those of [`Connector::begin`], and `connector_superseded`.
    pub fn begin(&self) -> Result<Handshake, Error> {
        self.intent().begin()
    }

    /// As [`Connector::handshake`].
    ///
    /// # Errors
    /// Those of [`Connector::handshake`], and `connector_superseded`.
    pub fn handshake<T: Transport>(&self, transport: T) -> Result<VerifiedStream<T>, Error> {
        blocking::negotiate(self.begin()?, transport)
    }

    /// As [`Connector::connect_blocking`].
    ///
    /// # Errors
    /// Those of [`Connector::connect_blocking`], and `connector_superseded`.
    pub fn connect_blocking(&self, address: impl Into<Address>) -> Result<VerifiedStream<TcpStream>, Error> {
        blocking::connect(&self.intent(), &address.into())
    }

    pub(crate) fn intent(&self) -> Intent<'_> {
        Intent { bond: Some(&self.bond), connector: &self.bond.connector, host: &self.host, options: &self.options }
    }

    /// The same for another host of the same key; `None` if that has another.
    #[cfg(feature = "hyper")]
    pub(crate) fn with_host(&self, host: &BackendHost) -> Result<Option<Self>, Error> {
        let key = pool_key(&self.bond.check()?.prepared, host, &self.options)?;
        Ok((key == self.bond.key).then(|| Self { host: host.clone(), ..self.clone() }))
    }
}

/// That a connection is made by one key, or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Bond {
    connector: Connector,
    generation: Generation,
    key: PoolKey,
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
