//! Keying material of a stream for C.

use core::ffi::{c_char, c_void};

use super::{Stream, enter};
use crate::conn::Connection;
use crate::error::Error;
use crate::status::Status;
use crate::transfer;

/// Fills `material` with `length` bytes of keying material that both ends of this connection derive, and no others (RFC 5705): for
/// `label`, which the protocol that uses it names, and `context`, which may be empty. It is a secret. TLS 1.3 alone: of TLS 1.2
/// the library cannot tell whether a peer in the middle could have given two connections the same material.
///
/// `UPTLS_E_USAGE` for TLS 1.2, before the handshake is done, for a length of 0 or above 8160, and for a label that is empty or longer
/// than 249 bytes; after a failed handshake its error. Then `material` is zeros or as it was. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_export(
    stream: *const Stream,
    label: *const c_char,
    context: *const c_void,
    context_length: usize,
    material: *mut c_void,
    length: usize,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of the call.
    unsafe {
        let (context, material) = ((context, context_length, "context"), (material, length, "material"));
        transfer::export(
            || enter(stream),
            label,
            context,
            material,
            err,
            |stream, label, context, material| stream.ask(|connection| connection.export(label, context, material)),
        )
    }
}

/// The channel binding `tls-exporter` (RFC 9266) for SCRAM-PLUS and the like: 32 bytes to `binding`, whose `capacity` must be 32 or
/// more. `*got` is 32, or 0 first. Errors are those of `uptls_stream_export`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_stream_channel_binding(
    stream: *const Stream,
    binding: *mut c_void,
    capacity: usize,
    got: *mut usize,
    err: *mut *mut Error,
) -> Status {
    // SAFETY: the contract of the header is that of the call.
    unsafe {
        transfer::channel_binding(
            || enter(stream),
            (binding, capacity, "binding"),
            got,
            err,
            |stream| stream.ask(Connection::channel_binding),
        )
    }
}
