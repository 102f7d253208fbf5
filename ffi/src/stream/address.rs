//! Where the socket of a stream begins and ends, for C.

use core::ffi::c_char;
use std::net::SocketAddr;

use uptls::Misuse;

use super::socket::Socket;
use super::{Stream, enter};
use crate::boundary;
use crate::error::{Error, Failure};
use crate::handle::Out;
use crate::status::Status;
use crate::strings;

/// The address of this host from which the socket is connected: `192.0.2.7:41000`, `[2001:db8::7]:41000`. `UPTLS_E_USAGE` for a Unix socket,
/// which has none. `*address` is owned by the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_local_address(
    stream: *const Stream,
    address: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `tell`.
    unsafe { tell(stream, address, err, Socket::local_address) }
}

/// The address to which the socket is connected; behind an HTTP proxy that is the proxy's. It is no identity: what was proven is in
/// `uptls_stream_evidence`. `UPTLS_E_USAGE` for a Unix socket, and for one that is still connecting. `*address` is owned by the caller:
/// `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_peer_address(
    stream: *const Stream,
    address: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of `tell`.
    unsafe { tell(stream, address, err, Socket::peer_address) }
}

/// # Safety
/// `stream` is NULL or live; `address` and `err` are NULL or can be written to.
unsafe fn tell(
    stream: *const Stream,
    address: *mut *mut c_char,
    err: *mut *mut Error,
    find: impl FnOnce(&Socket) -> Option<SocketAddr>,
) -> Status {
    let give = || -> Result<(), Failure> {
        // SAFETY: the contract is the same.
        let out = unsafe { Out::cleared(address, "address") }?;
        // SAFETY: the contract is the same.
        let found = find(unsafe { enter(stream) }?.socket()?);
        let found = found.ok_or_else(|| Misuse::new("the socket of the stream has no such network address"))?;
        out.set(strings::give(&found.to_string()));
        Ok(())
    };
    // SAFETY: the contract is the same.
    unsafe { boundary::call(err, give) }
}
