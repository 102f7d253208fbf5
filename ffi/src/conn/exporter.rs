//! Keying material of a conn for C.

use core::ffi::{c_char, c_void};
use std::io::Write as _;

use uptls::Misuse;

use super::{Conn, enter};
use crate::boundary;
use crate::error::{Error, Failure};
use crate::handle::{self, Number};
use crate::status::Status;

/// Fills `material` with `length` bytes of keying material that both ends of this connection derive, and no others (RFC 5705): for
/// `label`, which the protocol that uses it names, and `context`, which may be empty. It is a secret. TLS 1.3 alone: of TLS 1.2
/// the library cannot tell whether a peer in the middle could have given two connections the same material.
///
/// `UPTLS_E_USAGE` for TLS 1.2, before the handshake is done, for a length of 0 or above 8160, and for a label that is empty or longer
/// than 249 bytes; after a failed handshake its error. Then `material` is zeros or as it was. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_export(
    conn: *const Conn,
    label: *const c_char,
    context: *const c_void,
    context_length: usize,
    material: *mut c_void,
    length: usize,
    err: *mut *mut Error,
) -> Status {
    let export = || -> Result<(), Failure> {
        // SAFETY: by the contract of the header it is NULL or live.
        let conn = unsafe { enter(conn) }?;
        // SAFETY: by the contract of the header it is NULL or NUL-terminated.
        let label = unsafe { handle::text(label, "label") }?;
        // SAFETY: by the contract of the header it is NULL or so many bytes can be read there.
        let context = unsafe { handle::bytes(context.cast(), context_length, "context") }?;
        // SAFETY: by the contract of the header it is NULL or `length` bytes can be written there.
        let material = unsafe { handle::room(material.cast(), length, "material") }?;
        conn.export(label, context, material)
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, export) }
}

/// The channel binding `tls-exporter` (RFC 9266) for SCRAM-PLUS and the like: 32 bytes to `binding`, whose `capacity` must be 32 or
/// more. `*got` is 32, or 0 first. Errors are those of `uptls_conn_export`. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_channel_binding(
    conn: *const Conn,
    binding: *mut c_void,
    capacity: usize,
    got: *mut usize,
    err: *mut *mut Error,
) -> Status {
    let give = || -> Result<(), Failure> {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let got = unsafe { Number::cleared(got, "got") }?;
        // SAFETY: by the contract of the header it is NULL or live.
        let conn = unsafe { enter(conn) }?;
        // SAFETY: by the contract of the header it is NULL or `capacity` bytes can be written there.
        let mut room = unsafe { handle::room(binding.cast(), capacity, "binding") }?;
        let binding = conn.channel_binding()?;
        if capacity < binding.len() {
            return Err(Misuse::new(format!("capacity must be {} or more, it is {capacity}", binding.len())).into());
        }
        got.set(room.write(&binding).unwrap_or_default());
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, give) }
}
