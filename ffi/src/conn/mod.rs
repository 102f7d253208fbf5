//! Bytes in, bytes out, for C: what any event loop drives. No socket, no thread.

mod connection;
mod exporter;
mod signature;

pub use exporter::{uptls_conn_channel_binding, uptls_conn_export};
pub use signature::{uptls_conn_give_signature, uptls_conn_signature_wanted};

pub(crate) use connection::{Connection, Reached};

use core::ffi::{c_char, c_void};
use std::io;
use std::sync::Arc;
use std::time::Instant;

use uptls::{Envelope, Misuse};

use crate::boundary;
use crate::connector::Connector;
use crate::error::{Error, Failure};
use crate::evidence::Evidence;
use crate::exclusive::Exclusive;
use crate::handle::{self, Handle, Out, Owned};
use crate::options::{self, ConnOptions};
use crate::status::Status;
use crate::strings;
use crate::target::parse_host;
use crate::transfer;

/// A TLS connection as bytes in, bytes out. After any error, drain once more: an alert for the peer may wait; and every
/// later call gives the same error.
///
/// ```c
/// for (;;) {
///   while (uptls_conn_wants(conn) & UPTLS_WANTS_WRITE) { uptls_conn_drain(conn, ...); send(...); }
///   if (uptls_conn_handshake_state(conn) != UPTLS_HANDSHAKE_RUNNING) break;
///   recv(...); uptls_conn_feed(conn, ...);
/// }
/// ```
pub struct Conn(Exclusive<Connection>);

impl Handle for Conn {
    type Ownership = Owned;
}

/// How far a handshake has come: `UPTLS_HANDSHAKE_...`.
pub type HandshakeState = i32;

/// It goes on.
pub const UPTLS_HANDSHAKE_RUNNING: HandshakeState = 0;
/// The peer is verified: data can be read and written. It stays so after a later error.
pub const UPTLS_HANDSHAKE_DONE: HandshakeState = 1;
/// There will be no connection. Also for NULL.
pub const UPTLS_HANDSHAKE_FAILED: HandshakeState = 2;

/// A bit of `uptls_conn_wants`: bytes from the peer are needed.
pub const UPTLS_WANTS_READ: u32 = 1;
/// A bit of `uptls_conn_wants`: bytes for the peer wait to be drained.
pub const UPTLS_WANTS_WRITE: u32 = 2;
/// A bit of `uptls_conn_wants`: a signature is needed, and nothing moves before it (`uptls_conn_signature_wanted`).
pub const UPTLS_WANTS_SIGNATURE: u32 = 4;

/// Begins a connection to `host`, the backend host: a DNS name or an IP address, the identity of the peer if the policy
/// names none. This library does not care where the bytes really go. `options` may be NULL. The deadline starts now.
///
/// `UPTLS_E_CONFIG` while the connector makes no connections. `*out` is owned by the caller: `uptls_conn_free`. `err` may be
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_new(
    connector: *const Connector,
    host: *const c_char,
    options: *const ConnOptions,
    out: *mut *mut Conn,
    err: *mut *mut Error,
) -> Status {
    let begin = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?.core();
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let host = parse_host(unsafe { handle::text(host, "host") }?)?;
        // SAFETY: by the contract of the header it is NULL, or as large as it says.
        let options = unsafe { options::parse(options) }?.connect;
        let connection = Connection::begin(connector, host, &options)?;
        out.set(handle::give(Conn(Exclusive::of_this_process(connection)?)));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, begin) }
}

/// Frees a connection. It sends nothing: end data with `uptls_conn_close_notify` first. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_free(conn: *mut Conn) {
    // SAFETY: by the contract of the header it is NULL or live, and not used again.
    boundary::value((), || unsafe { handle::release(conn) });
}

/// Takes bytes from the peer. `*used` is how many it took, 0 first: fewer than `length` only while decrypted data
/// waits. Read that data, and feed the rest again. `UPTLS_WANT_SIGN`: the handshake stands until `uptls_conn_give_signature`, and
/// takes nothing before. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_feed(
    conn: *mut Conn,
    tls: *const c_void,
    length: usize,
    used: *mut usize,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of the call.
    unsafe {
        transfer::take(
            || enter(conn),
            (tls, length, "tls"),
            used,
            err,
            |mut connection, tls| connection.feed_asking(tls),
        )
    }
}

/// Tells that the peer closed the transport: `recv` gave 0. During the handshake that is a failure (`peer_closed`); later,
/// reading ends with `UPTLS_E_TRUNCATED`, unless a close_notify came before. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_feed_eof(conn: *mut Conn, err: *mut *mut Error) -> Status {
    // SAFETY: by the contract of the header it is NULL or live.
    let feed = || unsafe { enter(conn) }?.feed_eof();
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, feed) }
}

/// Tells that the transport failed with the `errno` `os_error`: a reset, a broken pipe; not a passing error such as
/// EAGAIN or EINTR. If writing failed, first feed the bytes that can still be read (not their end): they may be the
/// peer's reason. Gives the failure that ends the connection, never `UPTLS_OK`: `local_resources` for EMFILE, ENOMEM
/// and every other shortage of this side; `tcp_refused` and `tcp_timeout`, as in dialling, while nothing was received,
/// since the socket may still have been connecting; later `connection_lost`; for a reset `peer_reset`. `err` may be
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_feed_error(conn: *mut Conn, os_error: i32, err: *mut *mut Error) -> Status {
    let feed = || -> Result<(), Failure> {
        // SAFETY: by the contract of the header it is NULL or live.
        let mut connection = unsafe { enter(conn) }?;
        let error = io::Error::from_raw_os_error(os_error);
        if os_error <= 0 || matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) {
            let what = format!("os_error must be an errno that does not pass, it is {os_error}");
            return Err(Misuse::new(what).into());
        }
        Err(connection.feed_error(&error))
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, feed) }
}

/// Moves bytes for the peer to `tls`, at most `capacity` and at most 64 KiB at once. `*got` is how many, 0 first: if it
/// is 0 although there was room, none are left. Works after an error, too. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_drain(
    conn: *mut Conn,
    tls: *mut c_void,
    capacity: usize,
    got: *mut usize,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of the call.
    unsafe {
        transfer::fill(
            || enter(conn),
            (tls, capacity, "tls"),
            got,
            err,
            |mut connection, room| Ok(((), connection.drain(room))),
        )
    }
}

/// Moves decrypted data to `data`, at most `capacity` bytes. `*got` is how many, 0 first.
///
/// `UPTLS_OK`: there was data, or no room. `UPTLS_WANT_READ`: feed more; during the handshake also `UPTLS_WANT_WRITE`: drain
/// first. `UPTLS_CLOSED`: the peer ended its data properly. `UPTLS_E_TRUNCATED`: the end came without close_notify, and what
/// was read may be incomplete. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_read(
    conn: *mut Conn,
    data: *mut c_void,
    capacity: usize,
    got: *mut usize,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of the call.
    unsafe {
        transfer::fill(|| enter(conn), (data, capacity, "data"), got, err, |mut connection, room| connection.read(room))
    }
}

/// Encrypts data for the peer; drain afterwards. `*used` is how much it took, 0 first.
///
/// `UPTLS_OK`: it took some or all. `UPTLS_WANT_WRITE`: it took nothing, since about 64 KiB wait: drain first. During
/// the handshake also `UPTLS_WANT_READ`: feed first. `UPTLS_E_USAGE` after `uptls_conn_close_notify`. `err` may be
/// NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_write(
    conn: *mut Conn,
    data: *const c_void,
    length: usize,
    used: *mut usize,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of the call.
    unsafe {
        transfer::take(|| enter(conn), (data, length, "data"), used, err, |mut connection, data| connection.write(data))
    }
}

/// Ends our data properly; drain afterwards. Reading continues. `UPTLS_E_USAGE` before the handshake is done. `err` may
/// be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_close_notify(conn: *mut Conn, err: *mut *mut Error) -> Status {
    // SAFETY: by the contract of the header it is NULL or live.
    let close = || unsafe { enter(conn) }?.close_notify();
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, close) }
}

/// What the connection needs: bits `UPTLS_WANTS_READ` and `UPTLS_WANTS_WRITE`, or `UPTLS_WANTS_SIGNATURE` alone. 0 for NULL, and if every other call
/// would fail.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_wants(conn: *const Conn) -> u32 {
    let wants = |connection: &Connection| {
        let read = if connection.wants_read() { UPTLS_WANTS_READ } else { 0 };
        let write = if connection.wants_write() { UPTLS_WANTS_WRITE } else { 0 };
        let signature = if connection.wants_signature() { UPTLS_WANTS_SIGNATURE } else { 0 };
        read | write | signature
    };
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(conn, 0, wants) }
}

/// Whether `uptls_conn_read` has something without more bytes from the peer, data, the end or an error: 1, or 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_pending(conn: *const Conn) -> i32 {
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(conn, 0, |connection| connection.is_pending().into()) }
}

/// How far the handshake has come.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_handshake_state(conn: *const Conn) -> HandshakeState {
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(conn, UPTLS_HANDSHAKE_FAILED, |connection| state_of(connection.reached())) }
}

/// How many milliseconds the handshake may still take; 0: call `uptls_conn_expire`. -1: there is no deadline, since the
/// handshake is over, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_timeout_ms(conn: *const Conn) -> i64 {
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(conn, -1, |connection| milliseconds_until(connection.deadline())) }
}

/// Ends a handshake whose deadline has passed, with `UPTLS_E_TIMEOUT`; drain afterwards. `UPTLS_OK`, and no effect, if
/// it has not passed, and after the handshake. After a failed handshake: its error. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_expire(conn: *mut Conn, err: *mut *mut Error) -> Status {
    // SAFETY: by the contract of the header it is NULL or live.
    let expire = || unsafe { enter(conn) }?.expire(Instant::now());
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, expire) }
}

/// What was proven and negotiated. `UPTLS_E_USAGE` before the handshake is done; its error after it failed. `*out` is one
/// reference, owned by the caller: `uptls_evidence_unref`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_evidence(
    conn: *const Conn,
    out: *mut *mut Evidence,
    err: *mut *mut Error,
) -> Status {
    let take = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(out, "out") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let evidence = Evidence::new(unsafe { enter(conn) }?.evidence()?.clone());
        out.set(handle::share(Arc::new(evidence)));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, take) }
}

/// The report of the verification (schema `uptls.report/v1`): every step, once the handshake is done or failed.
/// `UPTLS_E_USAGE` before. `*report` is owned by the caller: `uptls_string_free`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_report(
    conn: *const Conn,
    report: *mut *mut c_char,
    err: *mut *mut Error,
) -> Status {
    let give = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(report, "report") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let report = unsafe { enter(conn) }?.report()?;
        out.set(strings::give(&Envelope::reports(vec![report]).to_json()));
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, give) }
}

pub(crate) fn state_of(reached: Reached) -> HandshakeState {
    match reached {
        Reached::Done => UPTLS_HANDSHAKE_DONE,
        Reached::Failed => UPTLS_HANDSHAKE_FAILED,
        Reached::Handshaking => UPTLS_HANDSHAKE_RUNNING,
    }
}

/// Rounded up, so that a timer of that length does not fire early; -1 without a deadline.
pub(crate) fn milliseconds_until(deadline: Option<Instant>) -> i64 {
    let Some(deadline) = deadline else { return -1 };
    let left = deadline.saturating_duration_since(Instant::now());
    i64::try_from(left.as_nanos().div_ceil(NANOS_IN_MILLI)).unwrap_or(i64::MAX)
}

/// # Safety
/// `conn` is NULL, or live and not freed while the result lives.
pub(crate) unsafe fn enter<'a>(conn: *const Conn) -> Result<std::sync::MutexGuard<'a, Connection>, Failure> {
    // SAFETY: the contract is the same.
    unsafe { handle::borrow(conn, "conn") }?.0.enter("conn")
}

/// Asks a connection; `none` where it cannot be asked.
///
/// # Safety
/// `conn` is NULL or live.
unsafe fn look<T: Copy>(conn: *const Conn, none: T, ask: impl FnOnce(&Connection) -> T) -> T {
    // SAFETY: the contract is the same.
    boundary::value(none, || unsafe { enter(conn) }.map_or(none, |connection| ask(&connection)))
}

const NANOS_IN_MILLI: u128 = 1_000_000;
