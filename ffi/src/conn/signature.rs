//! The signature that a conn asks for, for C (I7).

use core::ptr;

use super::{Conn, enter};
use crate::boundary;
use crate::error::Error;
use crate::handle::{self, Number, Out};
use crate::status::Status;

/// What is to be signed while `uptls_conn_wants` has `UPTLS_WANTS_SIGNATURE`: `*length` bytes at `*message`, which are not hashed yet, by
/// the TLS signature scheme `*scheme`, as `uptls_sign` says. The conn owns `*message`, until `uptls_conn_give_signature` or the end of the
/// handshake. `UPTLS_E_USAGE` if no signature is wanted. `err` may be NULL.
///
/// ```c
/// if (uptls_conn_wants(conn) & UPTLS_WANTS_SIGNATURE) {
///   uptls_conn_signature_wanted(conn, &scheme, &message, &length, &error);
///   submit(scheme, message, length); // and go on with other work; later:
///   uptls_conn_give_signature(conn, signature, signature_length, &error);
/// }
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_signature_wanted(
    conn: *mut Conn,
    scheme: *mut u16,
    message: *mut *const u8,
    length: *mut usize,
    err: *mut *mut Error,
) -> Status {
    let tell = || {
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let scheme = unsafe { Number::cleared(scheme, "scheme") };
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let out = unsafe { Out::cleared(message.cast::<*mut u8>(), "message") };
        // SAFETY: by the contract of the header it is NULL or can be written to.
        let length = unsafe { Number::cleared(length, "length") };
        let (scheme, out, length) = (scheme?, out?, length?);
        // SAFETY: by the contract of the header it is NULL or live.
        let connection = unsafe { enter(conn) }?;
        let wanted = connection.signature_wanted()?;
        scheme.set(wanted.scheme().into());
        length.set(wanted.message().len());
        out.set(wanted.message().as_ptr().cast_mut());
        Ok(())
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, tell) }
}

/// Gives the signature that was asked for, and goes on with the handshake: drain and feed as before. NULL with length 0: there is none, and the
/// handshake ends with `identity_sign_failed`, as for a signature that the certificate's key did not make. `UPTLS_E_USAGE` if no
/// signature is wanted. `err` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_conn_give_signature(
    conn: *mut Conn,
    signature: *const u8,
    length: usize,
    err: *mut *mut Error,
) -> Status {
    let give = || {
        // SAFETY: by the contract of the header it is NULL or so many bytes can be read there.
        let bytes = unsafe { handle::bytes(signature, length, "signature") }?;
        let given = match ptr::eq(signature, ptr::null()) {
            true => Err("the program has none".to_owned()),
            false => Ok(bytes.to_vec()),
        };
        // SAFETY: by the contract of the header it is NULL or live.
        unsafe { enter(conn) }?.give_signature(given)
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, give) }
}
