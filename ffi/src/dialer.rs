//! Dialers for C: how `uptls_stream_connect` makes its socket.

use core::ffi::c_char;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uptls::{Misuse, Secret, TcpOptions};

use crate::boundary;
use crate::error::{Error, Failure};
use crate::handle::{self, Handle, Out, Owned};
use crate::status::Status;

/// How `uptls_stream_connect` makes its socket: TCP or a Unix socket, then a tunnel through an HTTP proxy if there is one, then a
/// header of the PROXY protocol if there is one, then a hook if there is one, then TLS. It goes into the field `dialer` of `uptls_connect_options`.
///
/// It is no identity: whatever it is, the same policy judges the peer for the same host under the same deadline. If it fails, the
/// library tries nothing without it. A way that is none of these is a socket of the program's own, for `uptls_stream_adopt_fd`.
pub struct Dialer(Mutex<uptls::Dialer>);

impl Handle for Dialer {
    type Ownership = Owned;
}

impl Dialer {
    fn new(core: uptls::Dialer) -> Self {
        Self(Mutex::new(core))
    }

    /// As it is now.
    pub(crate) fn core(&self) -> uptls::Dialer {
        self.hold().clone()
    }

    /// It does not poison: a change is one assignment.
    fn hold(&self) -> MutexGuard<'_, uptls::Dialer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a dialer for TCP. `sources` are addresses of this host to connect from, one for each family at most:
/// `192.0.2.7,2001:db8::7`; NULL: the system chooses. Once one family has a source, addresses of the other fail with
/// `local_resources`, and so does a source that this host does not have. `mark` (SO_MARK) marks the packets for rules of routing and
/// firewalls; 0: none. A process without CAP_NET_ADMIN or CAP_NET_RAW fails with `local_resources`.
///
/// `*out` is owned by the caller: `uptls_dialer_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_dialer_new_tcp(
    sources: *const c_char,
    mark: u32,
    out: *mut *mut Dialer,
    err: *mut *mut Error,
) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        let mut options = TcpOptions::default();
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        for source in unsafe { handle::optional_text(sources, "sources") }?.into_iter().flat_map(|all| all.split(',')) {
            options = options.with_source(ip("sources", source)?);
        }
        if mark != 0 {
            options = options.with_mark(mark);
        }
        out.set(handle::give(Dialer::new(uptls::Dialer::tcp(options))));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, make) }
}

/// Makes a dialer for the Unix socket at `path`, wherever the connection goes: a sidecar's, for example. `host` and `port` of the
/// connect are not dialled then; `host` is still the backend host that the policy judges.
///
/// `*out` is owned by the caller: `uptls_dialer_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_dialer_new_unix(
    path: *const c_char,
    out: *mut *mut Dialer,
    err: *mut *mut Error,
) -> Status {
    let make = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let path = unsafe { handle::text(path, "path") }?;
        out.set(handle::give(Dialer::new(unix(path)?)));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, make) }
}

/// Frees a dialer. Streams that were made by it stay open. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_dialer_free(dialer: *mut Dialer) {
    // SAFETY: by the contract of the header it is NULL or live, and not used again.
    boundary::value((), || unsafe { handle::release(dialer) });
}

/// Connects to the HTTP proxy at `host` and `port`, and asks it for a tunnel (CONNECT); TLS with the backend begins in it. The
/// proxy resolves the name that is connected to. `authorization` is the value of `Proxy-Authorization`, such as
/// `Basic dXNlcjpwYXNzd29yZA==`, or NULL: without TLS every host on the way to the proxy can read it. `UPTLS_E_USAGE` for a value
/// that is not 1 to 4096 bytes of visible ASCII. Replaces an earlier proxy.
///
/// A whole answer of 2xx, of 8 KiB and 64 fields at most, with nothing behind it, is a tunnel. Any other is `tcp_refused`.
/// `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_dialer_set_http_proxy(
    dialer: *mut Dialer,
    host: *const c_char,
    port: u16,
    authorization: *const c_char,
    err: *mut *mut Error,
) -> Status {
    let set = |dialer: uptls::Dialer| {
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let host = unsafe { handle::text(host, "host") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let authorization = unsafe { handle::optional_text(authorization, "authorization") }?;
        Ok(dialer.with_http_proxy((host, port), authorization.map(Secret::new))?)
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(dialer, err, set) }
}

/// Sends a header of the PROXY protocol, version 2, before TLS: for a client at the IP address `source`, which connected to
/// `destination`; NULL for both: a connection of this program's own (LOCAL). The backend must expect it. Replaces an earlier one.
///
/// Never reuse a connection of one client for another: no pool key knows of the header. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_dialer_set_proxy_header(
    dialer: *mut Dialer,
    source: *const c_char,
    source_port: u16,
    destination: *const c_char,
    destination_port: u16,
    err: *mut *mut Error,
) -> Status {
    let set = |dialer: uptls::Dialer| {
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let source = unsafe { handle::optional_text(source, "source") }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let destination = unsafe { handle::optional_text(destination, "destination") }?;
        match (source, destination) {
            (None, None) => Ok(dialer.with_local_proxy_header()),
            (Some(source), Some(destination)) => {
                let source = SocketAddr::new(ip("source", source)?, source_port);
                let destination = SocketAddr::new(ip("destination", destination)?, destination_port);
                Ok(dialer.with_proxy_header(source, destination))
            }
            _ => Err(Misuse::new("source and destination must both be addresses, or both be NULL").into()),
        }
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(dialer, err, set) }
}

/// Changes a dialer; it stays as it was if `change` fails.
///
/// # Safety
/// `dialer` is NULL or live; `err` is NULL or can be written to.
pub(crate) unsafe fn change(
    dialer: *const Dialer,
    err: *mut *mut Error,
    change: impl FnOnce(uptls::Dialer) -> Result<uptls::Dialer, Failure>,
) -> Status {
    let body = || {
        // SAFETY: the contract is the same.
        let mut dialer = unsafe { handle::borrow(dialer, "dialer") }?.hold();
        *dialer = change(dialer.clone())?;
        Ok(())
    };
    // SAFETY: the contract is the same.
    unsafe { boundary::call(err, body) }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "other systems have none")]
fn unix(path: &str) -> Result<uptls::Dialer, Misuse> {
    Ok(uptls::Dialer::unix(path))
}

#[cfg(not(unix))]
fn unix(path: &str) -> Result<uptls::Dialer, Misuse> {
    Err(Misuse::new(format!("path is {path}, and there are no Unix sockets on this system")))
}

fn ip(name: &str, text: &str) -> Result<IpAddr, Misuse> {
    text.parse().map_err(|_| Misuse::new(format!("{name} must be an IP address, it is {text:?}")))
}
