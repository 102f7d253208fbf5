//! A connector bound to what it publishes at one moment: the key of a pool and the connections under it, from one hand (L8).

use std::net::TcpStream;

use super::address::Address;
use super::blocking::{self, VerifiedStream};
use super::bond::Bond;
use super::dialer::{Dialer, DialledSocket};
use super::intent::Intent;
use super::sans_io::Handshake;
use super::setup::pool_key;
use super::transport::Transport;
use super::{ConnectOptions, PoolKey};
use crate::error::Error;
use crate::name::BackendHost;
use crate::rotate::{Connector, Snapshot};

impl Connector {
    /// Binds connections to `host` to the published generation: the [`PoolKey`] of the result is the key of every
    /// connection that it makes. It dials nothing.
    ///
    /// A pool asks for this key, and makes a missing connection with the same [`BoundConnector`]. If it asked for the
    /// key first and connected with the [`Connector`] later, an update could come in between: the pool would file a
    /// connection that the newer policy accepted under the key of the older one, and reuse it after a rollback.
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
        let snapshot = self.snapshot().inspect_err(|error| self.tell_failed(host, error, None))?;
        BoundConnector::new(self, &snapshot, host, options.clone())
    }
}

/// Makes verified connections to one backend host under one [`PoolKey`] ([`Connector::bind`]), or fails. A clone is
/// cheap.
///
/// Every connect asks the connector what is published: before it dials, before the handshake, and after the handshake,
/// before it returns the stream. If that is not the content of the key, the connect fails with `connector_superseded`
/// and closes the connection: bind again, and look into the pool with the new key. If nothing is published, it fails
/// with `policy_not_ready` or `policy_withdrawn`. After a rollback publishes the content of the key again, it connects
/// again.
///
/// The key's fingerprint covers everything that decides (R9), so a bound connector does not hold the policy: a client
/// that a pool forgot to drop keeps no withdrawn private key in memory (I6).
///
/// ```
#[doc = include_str!("../../doc/policy.txt")]
/// use uptls::{BackendHost, ConnectOptions, Connector};
///
/// let connector = Connector::new(&runtime, &policy)?;
/// let bound = connector.bind(&BackendHost::parse("payments.internal")?, &ConnectOptions::default())?;
/// assert!(bound.is_current());
/// connector.withdraw();
/// assert!(!bound.is_current());
/// assert_eq!(bound.begin().err().unwrap().code().as_str(), "policy_withdrawn");
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
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

    /// The key to file the connections under: that of their evidence.
    pub fn pool_key(&self) -> &PoolKey {
        &self.bond.key
    }

    /// The backend host.
    pub fn host(&self) -> &BackendHost {
        &self.host
    }

    /// Whether it makes connections now: the content of its key is published.
    pub fn is_current(&self) -> bool {
        self.bond.check().is_ok()
    }

    /// As [`Connector::begin`]. [`Handshake::finish`] asks what is published for the last time: it returns the
    /// handshake with `connector_superseded` (or the reason that stopped the connector) as its
    /// [`error`](Handshake::error).
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
        blocking::adopt(self.begin()?, transport)
    }

    /// As [`Connector::connect_blocking`].
    ///
    /// # Errors
    /// Those of [`Connector::connect_blocking`], and `connector_superseded`.
    pub fn connect_blocking(&self, address: impl Into<Address>) -> Result<VerifiedStream<TcpStream>, Error> {
        blocking::connect(&self.intent(), &address.into())
    }

    /// As [`Connector::connect_blocking_over`].
    ///
    /// # Errors
    /// Those of [`Connector::connect_blocking_over`], and `connector_superseded`.
    pub fn connect_blocking_over(
        &self,
        dialer: &Dialer,
        address: impl Into<Address>,
    ) -> Result<VerifiedStream<DialledSocket>, Error> {
        blocking::connect_over(&self.intent(), dialer, &address.into())
    }

    pub(crate) fn intent(&self) -> Intent<'_> {
        Intent { bond: Some(&self.bond), connector: &self.bond.connector, host: &self.host, options: &self.options }
    }

    /// The same for another host of the same key; `None` if that has another.
    #[cfg(feature = "hyper")]
    pub(crate) fn with_host(&self, host: &BackendHost) -> Result<Option<Self>, Error> {
        let snapshot = self.bond.check().inspect_err(|error| self.bond.connector.tell_failed(host, error, None))?;
        let key = pool_key(&snapshot.prepared, host, &self.options)?;
        Ok((key == self.bond.key).then(|| Self { host: host.clone(), ..self.clone() }))
    }
}
