//! A connection whose ClientHello is not made yet: it waits to be told where the transport goes.
//!
//! rustls takes a session and makes its key shares when it is created. Faces that begin before they dial would take the
//! session before the peer's address is known (H6), and make key shares for peers that they never reach.

use core::mem;
use core::time::Duration;
use std::net::SocketAddr;

use tracing::Span;
use uptls_process::Process;

use super::driver::Driver;
use super::internal;
use super::setup::Setup;
use super::span;
use crate::error::{Error, Misuse};
use crate::generation::Generation;
use crate::name::BackendHost;
use crate::prepare::Prepared;

/// All that a [`Driver`] is made of.
pub(super) struct Waiting {
    /// Where the transport goes, as text, and how long its dial took (R12).
    dialled: Option<(Option<Duration>, Option<String>)>,
    endpoint: Option<SocketAddr>,
    /// Why rustls did not begin.
    error: Option<Error>,
    host: BackendHost,
    process: Process,
    setup: Setup,
    span: Span,
}

impl Waiting {
    pub(super) fn new(setup: Setup, host: &BackendHost) -> Result<Self, Error> {
        let process = Process::current().map_err(internal)?;
        let span = span::begin(&setup.prepared, host, setup.generation);
        Ok(Self { dialled: None, endpoint: None, error: None, host: host.clone(), process, setup, span })
    }

    /// The transport is there, after so long, and goes to that address.
    pub(super) fn dialled(&mut self, dial: Option<Duration>, address: Option<String>) {
        self.reaches(address.as_deref().and_then(|address| address.parse().ok()));
        self.dialled = Some((dial, address));
    }

    /// The transport goes to `endpoint`, unless the options say otherwise: behind a proxy they know better.
    pub(super) fn reaches(&mut self, endpoint: Option<SocketAddr>) {
        self.endpoint = endpoint;
    }

    /// Has rustls begin: it takes a session, and its ClientHello is ready.
    ///
    /// # Errors
    /// Misuse in another process than the one that began it (L10), and rustls's own, which stay.
    pub(super) fn start(&mut self) -> Result<Driver, Error> {
        self.check_process()?;
        if let Some(error) = &self.error {
            return Err(error.clone());
        }
        let span = mem::replace(&mut self.span, Span::none());
        let endpoint = self.setup.remote_address().or(self.endpoint);
        let begun = Driver::begin(&self.setup, &self.host, endpoint, self.process, span);
        let mut driver = begun.inspect_err(|error| self.error = Some(error.clone()))?;
        if let Some((dial, address)) = self.dialled.take() {
            driver.dialled(dial, || address);
        }
        Ok(driver)
    }

    fn check_process(&self) -> Result<(), Error> {
        match self.process.is_current() {
            true => Ok(()),
            false => Err(Misuse::in_another_process("the connection").into()),
        }
    }

    /// Whether its first bytes can be taken.
    pub(super) fn wants_write(&self) -> bool {
        self.error.is_none() && self.process.is_current()
    }

    pub(super) fn error(&self) -> Option<&Error> {
        self.error.as_ref()
    }

    pub(super) fn generation(&self) -> Generation {
        self.setup.generation
    }

    pub(super) fn judged(&self) -> (&Prepared, &BackendHost) {
        (&self.setup.prepared, &self.host)
    }
}
