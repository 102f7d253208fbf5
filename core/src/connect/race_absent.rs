//! Where the system has no sockets, as under WebAssembly: the verifier works, and each dial says that it cannot.

use std::io;
use std::net::TcpStream;

use super::address::Address;
use super::deadline::Deadline;
use super::happy_eyeballs::HappyEyeballs;
use super::tcp_options::TcpOptions;
use crate::error::Error;

pub(super) fn dial(address: &Address, _: &TcpOptions, _: Deadline) -> Result<TcpStream, Error> {
    Err(HappyEyeballs::failed_elsewhere(&address.shown(), &[io::ErrorKind::Unsupported.into()]))
}
