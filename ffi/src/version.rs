//! Which library this is.

use core::ffi::{CStr, c_char};

use crate::boundary;

/// The version of the library that runs, `UPTLS_VERSION_NUMBER` of its header: major << 16 | minor << 8 | patch.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_version_number() -> u32 {
    NUMBER
}

/// The version of the library that runs, `0.1.0`. Never NULL; valid for ever; not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_version_string() -> *const c_char {
    boundary::value(c"".as_ptr(), || CStr::from_bytes_until_nul(STRING.as_bytes()).map_or(c"".as_ptr(), CStr::as_ptr))
}

/// The version of the ABI, `UPTLS_ABI_VERSION` of the header: major << 8, and before 1.0, when each minor version has an ABI of
/// its own, the minor version. The soname has the same numbers. A program runs with every library of the same ABI that is not
/// older than its header.
#[unsafe(no_mangle)]
pub extern "C" fn uptls_abi_version() -> u32 {
    ABI
}

const fn part(digits: &str) -> u32 {
    match u32::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => panic!("cargo gives numbers"),
    }
}

const ABI: u32 = match part(env!("CARGO_PKG_VERSION_MAJOR")) {
    0 => part(env!("CARGO_PKG_VERSION_MINOR")),
    major => major << 8,
};
const NUMBER: u32 = part(env!("CARGO_PKG_VERSION_MAJOR")) << 16
    | part(env!("CARGO_PKG_VERSION_MINOR")) << 8
    | part(env!("CARGO_PKG_VERSION_PATCH"));
const STRING: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");
