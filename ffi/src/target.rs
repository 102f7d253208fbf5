//! Whom a connection is to, and where its socket goes.

use core::ffi::c_char;
use std::net::SocketAddr;

use uptls::{Address, BackendHost, Misuse};

use crate::error::Failure;
use crate::handle;

/// The backend, and the address to dial.
pub(crate) struct Target {
    pub(crate) address: Address,
    pub(crate) host: BackendHost,
}

impl Target {
    /// # Errors
    /// [`Misuse`] for what is no host, no text or no port.
    ///
    /// # Safety
    /// `host` and `connect_to` are NULL or NUL-terminated.
    pub(crate) unsafe fn parse(host: *const c_char, port: u16, connect_to: *const c_char) -> Result<Self, Failure> {
        // SAFETY: the contract is the same.
        let host = parse_host(unsafe { handle::text(host, "host") }?)?;
        // SAFETY: the contract is the same.
        let connect_to = unsafe { handle::optional_text(connect_to, "connect_to") }?;
        if port == 0 {
            return Err(Misuse::new("port must be 1 to 65535, it is 0").into());
        }
        let address = match connect_to {
            None => Address::from((&host, port)),
            Some(name) => match BackendHost::parse(name) {
                Ok(BackendHost::Ip(ip)) => SocketAddr::new(ip, port).into(),
                _ => Address::from((name, port)),
            },
        };
        Ok(Self { address, host })
    }
}

/// The backend host.
pub(crate) fn parse_host(text: &str) -> Result<BackendHost, Misuse> {
    BackendHost::parse(text)
        .map_err(|reason| Misuse::new(format!("host must be a DNS name or an IP address, it is {text:?}: {reason}")))
}
