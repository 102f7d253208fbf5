//! The part of Envoy's ABI for dynamic modules that a certificate validator needs, and its layouts.
//!
//! No crate declares it; the names and layouts are those of `source/extensions/dynamic_modules/abi/abi.h`. Before Envoy 1.40
//! the context of a call was shared between worker threads, so that callbacks of two of them met: such an Envoy must not
//! load this.

use core::ffi::{CStr, c_int};
use core::mem::{align_of, offset_of, size_of};
use core::{ptr, slice};

/// Bytes of Envoy's, or for it: valid for the call that they are passed in.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Buffer {
    start: *const u8,
    length: usize,
}

impl Buffer {
    pub(crate) const EMPTY: Self = Self { start: ptr::null(), length: 0 };

    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self { start: bytes.as_ptr(), length: bytes.len() }
    }

    /// # Safety
    /// It is null, or `length` bytes can be read there for as long as `'a`.
    pub(crate) unsafe fn bytes<'a>(self) -> &'a [u8] {
        // SAFETY: the contract is the same.
        unsafe { list(self.start, self.length) }
    }
}

/// A list of Envoy's; null is an empty one.
///
/// # Safety
/// `start` is null, or `length` values can be read there for as long as `'a`.
pub(crate) unsafe fn list<'a, T>(start: *const T, length: usize) -> &'a [T] {
    if start.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: it is not null, and by the contract that many values can be read.
    unsafe { slice::from_raw_parts(start, length) }
}

/// What a verification gives.
#[repr(C)]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Validation {
    status: c_int,
    detailed_status: c_int,
    tls_alert: u8,
    has_tls_alert: bool,
}

impl Validation {
    pub(crate) const ACCEPTED: Self =
        Self { status: SUCCESSFUL, detailed_status: VALIDATED, tls_alert: 0, has_tls_alert: false };

    /// Refused with this alert, or with Envoy's own choice of one.
    pub(crate) fn refused(alert: Option<u8>) -> Self {
        Self {
            status: FAILED,
            detailed_status: VALIDATION_FAILED,
            tls_alert: alert.unwrap_or_default(),
            has_tls_alert: alert.is_some(),
        }
    }
}

/// The version of the ABI of Envoy 1.40: another Envoy says so in its log.
pub(crate) const VERSION: &CStr = c"v0.2.0";
/// `SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT`.
pub(crate) const VERIFY_PEER: c_int = 3;
/// Levels of Envoy's log.
pub(crate) const LEVEL_WARN: c_int = 3;
pub(crate) const LEVEL_ERROR: c_int = 4;

const SUCCESSFUL: c_int = 0;
const FAILED: c_int = 1;
const VALIDATED: c_int = 2;
const VALIDATION_FAILED: c_int = 3;

// A field more, or one of another size, must not compile.
const _: () = {
    assert!(size_of::<Buffer>() == 2 * size_of::<usize>() && align_of::<Buffer>() == align_of::<usize>());
    assert!(offset_of!(Buffer, start) == 0 && offset_of!(Buffer, length) == size_of::<usize>());
    assert!(size_of::<Validation>() == 12 && align_of::<Validation>() == 4);
    assert!(offset_of!(Validation, status) == 0 && offset_of!(Validation, detailed_status) == 4);
    assert!(offset_of!(Validation, tls_alert) == 8 && offset_of!(Validation, has_tls_alert) == 9);
};
