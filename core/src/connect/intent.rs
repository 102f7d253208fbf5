//! Beginning a connection: by whatever is published, or with a bond by one key alone (L8).

use core::time::Duration;
use std::time::Instant;

use super::ConnectOptions;
use super::bond::Bond;
use super::deadline::Deadline;
use super::sans_io::Handshake;
use super::setup::Setup;
use crate::error::Error;
use crate::name::BackendHost;
use crate::rotate::Connector;

impl Connector {
    /// Begins a connection to `host` by the current generation; the ClientHello waits to be drained.
    ///
    /// # Errors
    /// [`Error::Policy`] with `policy_not_ready`, `policy_withdrawn`, or `identity_expired` (I4); [`Error::Misuse`] for
    /// options that widen the policy (H3).
    pub fn begin(&self, host: &BackendHost, options: &ConnectOptions) -> Result<Handshake, Error> {
        Intent::new(self, host, options).begin()
    }
}

/// What every face connects by: whatever is published when it asks, or with a bond one key alone (L8).
pub(crate) struct Intent<'a> {
    pub(super) bond: Option<&'a Bond>,
    pub(super) connector: &'a Connector,
    pub(super) host: &'a BackendHost,
    pub(super) options: &'a ConnectOptions,
}

impl<'a> Intent<'a> {
    pub(crate) fn new(connector: &'a Connector, host: &'a BackendHost, options: &'a ConnectOptions) -> Self {
        Self { bond: None, connector, host, options }
    }

    /// The deadline of a connect that begins now (H4). Nothing is dialled for a policy or options that cannot be used.
    pub(crate) fn deadline(&self) -> Result<Deadline, Error> {
        self.setup().map(|setup| self.deadline_of(&setup))
    }

    /// Without dialling.
    pub(crate) fn begin(&self) -> Result<Handshake, Error> {
        let setup = self.setup()?;
        let deadline = self.deadline_of(&setup);
        self.told(Handshake::begin(setup, self.host, deadline, self.bond), None)
    }

    /// After dialling: what was withdrawn or replaced meanwhile is not connected by. The deadline alone is as it was.
    pub(crate) fn begin_until(&self, deadline: Deadline) -> Result<Handshake, Error> {
        self.told(Handshake::begin(self.setup()?, self.host, deadline, self.bond), None)
    }

    fn setup(&self) -> Result<Setup, Error> {
        let snapshot = match self.bond {
            None => self.connector.snapshot(),
            Some(bond) => bond.check(),
        };
        self.told(snapshot.and_then(|snapshot| Setup::new(snapshot, self.host, self.options)), None)
    }

    /// When a dial begins; `None` without observers, who want to know how long it takes (R12).
    pub(crate) fn dial_begins(&self) -> Option<Instant> {
        (!self.connector.runtime().observers().is_empty()).then(Instant::now)
    }

    /// What failed without a handshake is told to observers.
    pub(crate) fn told<T>(&self, outcome: Result<T, Error>, dial: Option<Duration>) -> Result<T, Error> {
        outcome.inspect_err(|error| self.connector.tell_failed(self.host, error, dial))
    }

    fn deadline_of(&self, setup: &Setup) -> Deadline {
        Deadline::after(self.options.timeout.unwrap_or_else(|| setup.prepared.policy().handshake_timeout()))
    }
}
