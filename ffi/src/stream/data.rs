//! The data of a stream for C: reading, writing, its end, and ending calls that wait.

use core::ffi::c_void;

use super::duplex::Duplex;
use super::{Stream, enter, look};
use crate::boundary;
use crate::error::{Error, Failure};
use crate::handle::{self, Number};
use crate::status::{Progress, Status};
use crate::transfer;

/// Bytes of the caller's: where they begin, and how many. It has the layout of `struct iovec`.
#[repr(C)]
#[allow(clippy::exhaustive_structs, reason = "C writes it")]
pub struct Bytes {
    /// NULL only if `length` is 0.
    pub data: *const c_void,
    /// How many.
    pub length: usize,
}

/// Reads decrypted data. Makes the handshake first if it is not done. `*got` is how many bytes, 0 first.
///
/// `UPTLS_OK`: there was data, or no room. `UPTLS_WANT_READ`, `UPTLS_WANT_WRITE`: the socket does not block; poll it
/// for that. `UPTLS_CLOSED`: the peer ended its data properly. `UPTLS_E_TRUNCATED`: the end came without close_notify,
/// and what was read may be incomplete. `UPTLS_E_TIMEOUT` with the code `tcp_timeout`: the socket's own time limit
/// passed, and the stream is as it was. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_read(
    stream: *mut Stream,
    data: *mut c_void,
    capacity: usize,
    got: *mut usize,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of the call.
    unsafe { transfer::fill(|| enter(stream), (data, capacity, "data"), got, err, Duplex::read) }
}

/// Encrypts and sends data. Makes the handshake first if it is not done. `*used` is how much of it was used, 0 first. Give the
/// rest to the next call, as after a short write to a socket: **the bytes that were not used must come next**. Others are
/// `UPTLS_E_USAGE`, since a part of their record may be sent.
///
/// **Once all of the data is used, all of it is on the wire.** If the socket does not take all, the rest waits in the library, at
/// most 64 KiB, and `*used` counts it but for its last byte. So the program has data left while something waits, and writes again.
/// A program that gives up then may have sent one byte more than `*used` said.
///
/// `UPTLS_OK`: it used some or all. `UPTLS_WANT_WRITE`, `UPTLS_WANT_READ`: it used nothing, the socket does not block;
/// poll it for that. `UPTLS_E_TIMEOUT` with the code `tcp_timeout`: it used nothing, the socket's own time limit
/// passed, and the stream is as it was. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_write(
    stream: *mut Stream,
    data: *const c_void,
    length: usize,
    used: *mut usize,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of the call.
    unsafe { transfer::take(|| enter(stream), (data, length, "data"), used, err, Duplex::write) }
}

/// As `uptls_stream_write` with the bytes of `count` pieces, one after the other, as if they were one text; `*used` counts them
/// all. Small pieces share a record, and a call of the system. It takes up to 64 KiB at once. `pieces` may be NULL if `count` is 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_writev(
    stream: *mut Stream,
    pieces: *const Bytes,
    count: usize,
    used: *mut usize,
    err: *mut *mut Error,
) -> Status {
    let write = || -> Result<Progress, Failure> {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let used = unsafe { Number::cleared(used, "used") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let duplex = unsafe { enter(stream) }?;
        // SAFETY: by the contract of the header it is NULL or `count` pieces stand there.
        let pieces = unsafe { handle::items(pieces, count, "pieces") }?;
        let mut data = Vec::new();
        for piece in pieces {
            // SAFETY: by the contract of the header it is NULL or so many bytes can be read there.
            let bytes = unsafe { handle::bytes(piece.data.cast(), piece.length, "data of a piece") }?;
            data.extend_from_slice(bytes.get(..MOST - data.len()).unwrap_or(bytes));
        }
        let (progress, count) = duplex.write(&data)?;
        used.set(count);
        Ok(progress)
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, write) }
}

/// Sends what waits: answers of TLS itself (to a key update), or a part of the last write. Makes the handshake first if it is not
/// done. Call it when `uptls_stream_poll_events` asks for POLLOUT and there is no data to write; every other call that sends or
/// reads does the same.
///
/// `UPTLS_OK`: nothing waits. The rest is as for `uptls_stream_write`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_flush(stream: *mut Stream, err: *mut *mut Error) -> Status {
    // SAFETY: by the contract of the header it is NULL or live.
    let flush = || Ok(unsafe { enter(stream) }?.write(&[])?.0);
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, flush) }
}

/// Sends close_notify, which ends our data properly; reading continues. The socket stays open. `UPTLS_OK`, or
/// `UPTLS_WANT_WRITE`: poll, and call again. `UPTLS_E_USAGE` before the handshake is done. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_shutdown(stream: *mut Stream, err: *mut *mut Error) -> Status {
    // SAFETY: by the contract of the header it is NULL or live.
    let shutdown = || unsafe { enter(stream) }?.shutdown();
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, shutdown) }
}

/// Ends all calls that are inside the stream, and every later one that reads, writes or makes the handshake, with
/// `UPTLS_E_CANCELLED`: for good. Any thread may call it, and so may a signal handler. Nothing is sent and nothing is closed; afterwards
/// `uptls_stream_shutdown` still sends close_notify if the socket takes it at once. Free the stream once the other threads have
/// left their calls. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_cancel(stream: *const Stream) {
    // SAFETY: the contract of the header is that of `look`.
    unsafe { look(stream, (), Duplex::cancel) }
}

/// As much as one call takes.
const MOST: usize = 64 << 10;
