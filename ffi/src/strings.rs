//! Texts that C owns.

use core::ffi::c_char;
use std::ffi::CString;

use crate::boundary;
use crate::handle;

/// Gives a text to C.
pub(crate) fn give(text: &str) -> *mut c_char {
    handle::c_text(text).into_raw()
}

/// Frees a text that a call gave through a `char **`. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_string_free(text: *mut c_char) {
    boundary::value((), || {
        if !text.is_null() {
            // SAFETY: not NULL, so by the contract of the header it came from `give` and is freed once, unchanged.
            drop(unsafe { CString::from_raw(text) });
        }
    });
}
