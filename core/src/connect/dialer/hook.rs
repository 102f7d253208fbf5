//! What a program does to a connected socket before TLS.

use std::io;
use std::sync::Arc;

use super::socket::DialledSocket;
use crate::connect::fault;
use crate::error::{ConnectError, LocalStep, Shortage};
use crate::panic;

/// A function of the program's.
pub(super) type Hook = Arc<dyn Fn(&DialledSocket) -> io::Result<()> + Send + Sync>;

/// Calls it; a panic is its failure.
pub(super) fn call(hook: &Hook, socket: &DialledSocket) -> io::Result<()> {
    panic::catch(|| hook(socket)).unwrap_or_else(|words| Err(io::Error::other(format!("the hook panicked: {words}"))))
}

/// What its failure means. An error without a number of the system is the program's own.
pub(super) fn failed(error: &io::Error, address: String, waited: &str) -> ConnectError {
    let step = LocalStep::Prepare(address.clone());
    if error.raw_os_error().is_none() {
        return ConnectError::LocalResources { lacks: Shortage::Other, reason: error.to_string(), step };
    }
    match fault::undialled(error, &address, waited) {
        ConnectError::LocalResources { lacks, reason, .. } => ConnectError::LocalResources { lacks, reason, step },
        other => other,
    }
}
