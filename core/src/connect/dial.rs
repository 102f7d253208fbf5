//! Dialling an address, where the system has sockets.

use core::time::Duration;
use std::net::{SocketAddr, TcpStream};

use super::address::Address;
use super::deadline::Deadline;
use super::tcp_options::TcpOptions;
use super::{race, resolver};
use crate::error::Error;

impl Address {
    /// A connected socket for [`Connector::handshake`](crate::Connector::handshake), with Nagle's algorithm off where the
    /// system permits. A name is resolved, and its addresses tried by Happy Eyeballs (RFC 8305), within `timeout` together
    /// (H4): an address that does not answer costs 250 ms where there is another.
    ///
    /// A name costs a thread while the system looks it up: one for all callers of the process who want it, at most 16 for
    /// all names. An IP address as text costs none.
    ///
    /// # Errors
    /// `dns_failed`, `tcp_refused`, `tcp_timeout`, and `local_resources` where this side could not try.
    pub fn dial(&self, timeout: Duration) -> Result<TcpStream, Error> {
        self.dial_with(&TcpOptions::default(), timeout)
    }

    /// The addresses behind it, found in this thread, for as long as the system's resolver takes: for callers who may
    /// not start another. [`Address::dial`] bounds the time instead.
    ///
    /// # Errors
    /// `dns_failed`, or `local_resources`.
    pub fn resolve_here(&self) -> Result<Vec<SocketAddr>, Error> {
        match self.known() {
            Ok(sockets) => Ok(sockets),
            Err((host, port)) => Ok(resolver::look_up(host, port)?),
        }
    }

    /// As [`Address::dial`], from the source address and with the mark of `options`.
    ///
    /// # Errors
    /// Those of [`Address::dial`]. What `options` want and the system refuses is `local_resources`.
    pub fn dial_with(&self, options: &TcpOptions, timeout: Duration) -> Result<TcpStream, Error> {
        race::dial(self, options, Deadline::after(timeout))
    }
}
