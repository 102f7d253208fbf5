//! Streams for C: a connection over a socket, which blocks or does not.

mod address;
mod cancel;
mod data;
mod duplex;
mod exporter;
mod outlook;
mod pump;
mod socket;

pub use address::{uptls_stream_local_address, uptls_stream_peer_address};
pub use data::{
    Bytes, uptls_stream_cancel, uptls_stream_flush, uptls_stream_read, uptls_stream_shutdown, uptls_stream_write,
    uptls_stream_writev,
};
pub use exporter::{uptls_stream_channel_binding, uptls_stream_export};

use core::ffi::{c_char, c_int, c_short};
use core::time::Duration;
use std::os::fd::{FromRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::PollFlags;
use uptls::{Address, Dialer, Envelope, Misuse};

use crate::boundary;
use crate::conn::{Connection, HandshakeState, Reached, UPTLS_HANDSHAKE_FAILED, milliseconds_until, state_of};
use crate::connector::Connector;
use crate::error::{Error, Failure};
use crate::evidence::Evidence;
use crate::handle::{self, Handle, Out, Owned};
use crate::options::{self, ConnOptions, Wanted};
use crate::status::{Progress, Status};
use crate::strings;
use crate::target::{Target, parse_host};
use cancel::Cancel;
use duplex::Duplex;
use outlook::Answers;
use socket::Socket;

/// A TLS connection over a socket. The library changes nothing on the socket: the caller decides whether it blocks, and
/// for how long (SO_RCVTIMEO, SO_SNDTIMEO). The library never raises SIGPIPE. Signals end no call unless the program wants it
/// (`UPTLS_CONNECT_INTERRUPTIBLE`); `uptls_stream_cancel` ends them from any thread. One thread may read while another writes. A
/// stream that had to wait on a socket that blocks has a second descriptor, for being cancelled.
pub struct Stream(Duplex);

impl Handle for Stream {
    type Ownership = Owned;
}

/// Who owns a file descriptor: `UPTLS_FD_BORROW` or `UPTLS_FD_OWN`.
pub type FdOwnership = i32;

/// The caller. It keeps the descriptor open as long as the stream lives, and closes it.
pub const UPTLS_FD_BORROW: FdOwnership = 0;
/// The stream: `uptls_stream_free` closes the descriptor. If `uptls_stream_adopt_fd` fails, the caller still owns it.
pub const UPTLS_FD_OWN: FdOwnership = 1;

/// Connects to `host` on `port` and makes the handshake, blocking, within one deadline: over TCP, or over the socket that the
/// `dialer` of `options` makes. `host` is the backend
/// host: the identity of the peer if the policy names none. `connect_to` is the address for the socket instead of
/// `host`, a name or an IP address, and may be NULL. `options` may be NULL.
///
/// The deadline bounds all of it. The system's resolver cannot be ended, so a name costs a thread of the library while it is looked
/// up, also if the deadline comes first: one for each name, 16 at most in a process. An IP address as text costs none. It races
/// several addresses (RFC 8305), so one that does not answer costs 250 ms. The socket blocks, and the stream closes it. `*out` is owned by the caller: `uptls_stream_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_connect(
    connector: *const Connector,
    host: *const c_char,
    port: u16,
    connect_to: *const c_char,
    options: *const ConnOptions,
    out: *mut *mut Stream,
    err: *mut *mut Error,
) -> Status {
    let connect = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?.core();
        // SAFETY: by the contract of the header they are NULL or NUL-terminated.
        let Target { address, host } = unsafe { Target::parse(host, port, connect_to) }?;
        // SAFETY: by the contract of the header it is NULL, or as large as it says.
        let Wanted { connect, dialer, is_interruptible } = unsafe { options::parse_with_dialer(options) }?;
        // Nothing is dialled for a policy or options that cannot be used; and the deadline runs from here on.
        let mut connection = Connection::begin(connector, host, &connect)?;
        let socket = dial(&mut connection, &dialer.unwrap_or_default(), address)?;
        let duplex = Duplex::new(connection, Socket::Owned(socket), Cancel::new(is_interruptible))?;
        match duplex.handshake()? {
            Progress::Done => out.set(handle::give(Stream(duplex))),
            _ => return Err(Failure::without_policy(uptls::Code::Internal, "a new socket does not block".to_owned())),
        }
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, connect) }
}

/// Makes a stream over `fd`, a stream socket of any family that is connected, or does not block and is still
/// connecting. If it fails to connect, the error is that of `uptls_stream_connect`. Call `uptls_stream_handshake` next.
/// `own` says who closes `fd`. `host` is the backend host; `options` may be NULL. The deadline runs from now on.
///
/// This is the call for a program that dials in a way of its own. What it sent on `fd` before is no part of TLS, and what it
/// received must be all that the peer sent: a byte that was read too far is lost, and the handshake fails.
///
/// `*out` is owned by the caller: `uptls_stream_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_adopt_fd(
    connector: *const Connector,
    fd: c_int,
    host: *const c_char,
    own: FdOwnership,
    options: *const ConnOptions,
    out: *mut *mut Stream,
    err: *mut *mut Error,
) -> Status {
    let adopt = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?.core();
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let host = parse_host(unsafe { handle::text(host, "host") }?)?;
        // SAFETY: by the contract of the header it is NULL, or as large as it says.
        let Wanted { mut connect, is_interruptible, .. } = unsafe { options::parse(options) }?;
        Socket::check(fd)?;
        connect.remote_address = connect.remote_address.or_else(|| Socket::Borrowed(fd).peer_address());
        Socket::Borrowed(fd).silence()?;
        if ![UPTLS_FD_BORROW, UPTLS_FD_OWN].contains(&own) {
            return Err(Misuse::new(format!("own must be UPTLS_FD_BORROW or UPTLS_FD_OWN, it is {own}")).into());
        }
        let connection = Connection::begin(connector, host, &connect)?;
        let socket = match own {
            // SAFETY: it is open (it was checked), and by the contract of the header its owner is this stream from now on.
            UPTLS_FD_OWN => Socket::Owned(unsafe { OwnedFd::from_raw_fd(fd) }),
            _ => Socket::Borrowed(fd),
        };
        out.set(handle::give(Stream(Duplex::new(connection, socket, Cancel::new(is_interruptible))?)));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, adopt) }
}

/// Frees a stream, and closes the socket if the stream owns it. It sends nothing: end data with `uptls_stream_shutdown`
/// first. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_free(stream: *mut Stream) {
    // SAFETY: by the contract of the header it is NULL or live, and not used again.
    boundary::value((), || unsafe { handle::release(stream) });
}

/// Continues the handshake. On a socket that blocks it returns when the handshake is done (`UPTLS_OK`) or has failed,
/// at the deadline at the latest. On one that does not block it may also return `UPTLS_WANT_READ` or
/// `UPTLS_WANT_WRITE`: call again when the socket is ready, and no later than `uptls_stream_timeout_ms`. `err` may be
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_handshake(stream: *mut Stream, err: *mut *mut Error) -> Status {
    // SAFETY: by the contract of the header it is NULL or live.
    let handshake = || unsafe { enter(stream) }?.handshake();
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, handshake) }
}

/// The socket, for poll and options. Reading or writing bytes there breaks the connection. -1 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_fd(stream: *const Stream) -> c_int {
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(stream, -1, |duplex| duplex.fd().unwrap_or(-1)) }
}

/// The events to poll the socket for: POLLIN, POLLOUT or both. Ask `uptls_stream_pending` first: data that was already
/// received makes no socket ready. When the socket is ready for POLLOUT and there is no data to write, call
/// `uptls_stream_flush`. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_poll_events(stream: *const Stream) -> c_short {
    let events = |duplex: &Duplex| {
        let Answers { wants_read, wants_write, .. } = duplex.answers();
        let mut events = PollFlags::empty();
        events.set(PollFlags::IN, wants_read);
        events.set(PollFlags::OUT, wants_write);
        c_short::try_from(events.bits()).unwrap_or_default()
    };
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(stream, 0, events) }
}

/// Whether `uptls_stream_read` has something without the socket, data, the end or an error: 1, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_pending(stream: *const Stream) -> i32 {
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(stream, 0, |duplex| duplex.answers().pending.into()) }
}

/// How far the handshake has come.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_handshake_state(stream: *const Stream) -> HandshakeState {
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(stream, UPTLS_HANDSHAKE_FAILED, |duplex| state_of(duplex.answers().reached)) }
}

/// How many milliseconds the handshake may still take; 0: call `uptls_stream_expire`. -1: there is no deadline, since the
/// handshake is over, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_timeout_ms(stream: *const Stream) -> i64 {
    let left = |duplex: &Duplex| match duplex.answers().reached {
        Reached::Handshaking => milliseconds_until(duplex.deadline()),
        Reached::Done | Reached::Failed => -1,
    };
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(stream, -1, left) }
}

/// Ends a handshake whose deadline has passed, with `UPTLS_E_TIMEOUT`. `UPTLS_OK`, and no effect, if it has not passed,
/// and after the handshake. After a failed handshake: its error. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_expire(stream: *mut Stream, err: *mut *mut Error) -> Status {
    // SAFETY: by the contract of the header it is NULL or live.
    let expire = || unsafe { enter(stream) }?.expire();
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, expire) }
}

/// What was proven and negotiated. `UPTLS_E_USAGE` before the handshake is done; its error after it failed. `*out` is one
/// reference, owned by the caller: `uptls_evidence_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_evidence(
    stream: *const Stream,
    out: *mut *mut Evidence,
    err: *mut *mut Error,
) -> Status {
    let take = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let evidence = unsafe { enter(stream) }?.ask(|connection| connection.evidence().cloned())?;
        out.set(handle::share(Arc::new(Evidence::new(evidence))));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, take) }
}

/// The report of the verification (schema `uptls.report/v1`): every step, once the handshake is done or failed.
/// `UPTLS_E_USAGE` before. `*report` is owned by the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_report(
    stream: *const Stream,
    report: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let give = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(report, "report") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let report = unsafe { enter(stream) }?.ask(Connection::report)?;
        out.set(strings::give(&Envelope::reports(vec![report]).to_json()));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, give) }
}

/// Within what remains of the deadline.
fn dial(connection: &mut Connection, dialer: &Dialer, address: Address) -> Result<OwnedFd, Failure> {
    let begun = Instant::now();
    let left = connection.deadline().map_or(Duration::MAX, |at| at.saturating_duration_since(begun));
    let socket = dialer.dial(address, left).map_err(|error| connection.undialled(&error))?;
    connection.dialled(begun.elapsed(), socket.peer_addr());
    Ok(socket.into())
}

/// # Safety
/// `stream` is NULL, or live and not freed while the result lives.
unsafe fn enter<'a>(stream: *const Stream) -> Result<&'a Duplex, Failure> {
    // SAFETY: the contract is the same.
    Ok(&unsafe { handle::borrow(stream, "stream") }?.0)
}

/// Asks a stream, whatever other threads do with it; `none` where it cannot be asked.
///
/// # Safety
/// `stream` is NULL or live.
unsafe fn look<T: Copy>(stream: *const Stream, none: T, ask: impl FnOnce(&Duplex) -> T) -> T {
    // SAFETY: the contract is the same.
    boundary::value(none, || unsafe { enter(stream) }.map_or(none, ask))
}
