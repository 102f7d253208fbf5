//! What the module exports: memory for the host to write into, and two calls. The only code that trusts the host's numbers.

use core::{ptr, slice};

use zeroize::Zeroize as _;

use crate::calls;
use crate::failure::frame;
use crate::session::{self, Connection};

/// Gives `length` bytes, zeroed, for the host to write into; [`uptls_free`] takes them back.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_alloc(length: usize) -> *mut u8 {
    give(vec![0; length])
}

/// Frees what [`uptls_alloc`] or a call gave, and zeroizes it first: a request may hold a key.
///
/// # Safety
/// `address` and `length` are those of one such buffer, which is not used again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_free(address: *mut u8, length: usize) {
    // SAFETY: by the contract it came from `give`, which leaked a boxed slice of this length.
    let mut bytes = unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(address, length)) };
    bytes.zeroize();
}

/// Makes the call that the JSON request at `address` describes, and gives a frame: its address in the upper half of the result,
/// its length in the lower one. The request stays the host's.
///
/// # Safety
/// `length` bytes can be read at `address`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_call(address: *const u8, length: usize) -> u64 {
    // SAFETY: the contract is the same.
    let request = unsafe { read(address, length) };
    packed(frame(calls::answer(request)))
}

/// Judges one connection by the prepared policy `handle`, at `at` (unix seconds): 0 if and only if the policy accepts it, else
/// a frame as [`uptls_call`] gives it. `chain` is the peer's: each certificate in DER behind its length, four octets with the
/// lowest first. `alpn` is what the peer selected, empty for nothing. With `negotiated` 0 the handshake is not as far: the chain
/// alone is judged.
///
/// # Safety
/// So many bytes can be read at each address as the length beside it says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_verify(
    handle: u32,
    chain: *const u8,
    chain_length: usize,
    host: *const u8,
    host_length: usize,
    alpn: *const u8,
    alpn_length: usize,
    negotiated: u32,
    version: u32,
    cipher_suite: u32,
    at: u64,
) -> u64 {
    // SAFETY: the contract is the same.
    let (chain, host, alpn) = unsafe { (read(chain, chain_length), read(host, host_length), read(alpn, alpn_length)) };
    let is_negotiated = negotiated != 0;
    let connection = Connection { alpn, chain, cipher_suite, host, is_negotiated, version };
    match session::judge(handle, &connection, at) {
        Ok(()) => 0,
        Err(failure) => packed(frame(Err(failure))),
    }
}

/// # Safety
/// `length` bytes can be read at `address` until the result is dropped.
unsafe fn read<'a>(address: *const u8, length: usize) -> &'a [u8] {
    if address.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: it is not null, and so many bytes can be read by the contract.
    unsafe { slice::from_raw_parts(address, length) }
}

/// Leaks `bytes` as a boxed slice, which has no capacity of its own to remember.
fn give(bytes: Vec<u8>) -> *mut u8 {
    Box::into_raw(bytes.into_boxed_slice()).cast()
}

/// Address and length in one number. A frame is never empty, so it is never 0.
fn packed(frame: Vec<u8>) -> u64 {
    let length = u64::try_from(frame.len()).unwrap_or_default();
    let address = u64::try_from(give(frame).addr()).unwrap_or_default();
    (address << 32) | length
}
