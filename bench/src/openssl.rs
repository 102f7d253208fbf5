//! Connections of the system's OpenSSL, through the C of `openssl.c`.
#![allow(unsafe_code, reason = "the other side is C; each call keeps the contracts of openssl.c")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::NonNull;

use uptls_testkit::NOW;

use crate::client::{Client, Negotiated, Side};

/// Makes connections; resumes the newest session, if the server gave any.
pub(crate) struct OpenSsl {
    side: NonNull<RawSide>,
    /// The C side keeps a pointer to it.
    _host: CString,
}

/// A side that trusts this root and nothing else, at the testkit's time.
#[allow(clippy::unnecessary_wraps, reason = "openssl_absent.rs has none")]
pub(crate) fn side(root: &str, host: &str) -> Option<OpenSsl> {
    let host = CString::new(host).expect("a name");
    // SAFETY: pointer and length belong together; the host lives as long as the side, whose field it is.
    let side = unsafe { bench_openssl_new(root.as_ptr().cast(), root.len(), host.as_ptr(), NOW) };
    Some(OpenSsl { side: NonNull::new(side).expect("the root is good"), _host: host })
}

/// Which library this is.
pub(crate) fn library() -> String {
    // SAFETY: it is a text of the library that lives as long as the process.
    text(unsafe { bench_openssl_library() })
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        // SAFETY: it came from bench_openssl_new, and is freed once.
        unsafe { bench_openssl_free(self.side.as_ptr()) }
    }
}

impl Side for OpenSsl {
    type Client = OpenSslClient;

    fn begin(&self) -> OpenSslClient {
        // SAFETY: the side is live.
        let ssl = unsafe { bench_openssl_begin(self.side.as_ptr()) };
        OpenSslClient { ssl: NonNull::new(ssl).expect("the context is good"), settled: false }
    }
}

/// A connection of OpenSSL.
pub(crate) struct OpenSslClient {
    ssl: NonNull<RawSsl>,
    /// Whether data has begun: from then on nothing is looked for that the application does not ask for.
    settled: bool,
}

impl Client for OpenSslClient {
    fn drain(&mut self, out: &mut Vec<u8>) {
        loop {
            out.reserve(CHUNK);
            let spare = out.spare_capacity_mut();
            // SAFETY: the connection is live; so many bytes can be written there.
            let got = unsafe { bench_openssl_drain(self.ssl.as_ptr(), spare.as_mut_ptr().cast(), spare.len()) };
            if got == 0 {
                return;
            }
            let length = out.len() + got;
            // SAFETY: the call has written these bytes.
            unsafe { out.set_len(length) };
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let settle = c_int::from(!self.settled);
        // SAFETY: the connection is live; pointer and length belong together.
        let fed = unsafe { bench_openssl_feed(self.ssl.as_ptr(), bytes.as_ptr().cast(), bytes.len(), settle) };
        assert_eq!(fed, 0, "the peer is honest");
    }

    fn is_done(&self) -> bool {
        // SAFETY: the connection is live.
        unsafe { bench_openssl_is_done(self.ssl.as_ptr()) != 0 }
    }

    fn read(&mut self, out: &mut [u8]) -> usize {
        self.settled = true;
        // SAFETY: the connection is live; pointer and length belong together.
        unsafe { bench_openssl_read(self.ssl.as_ptr(), out.as_mut_ptr().cast(), out.len()) }
    }

    fn write(&mut self, data: &[u8]) {
        self.settled = true;
        // SAFETY: the connection is live; pointer and length belong together.
        let taken = unsafe { bench_openssl_write(self.ssl.as_ptr(), data.as_ptr().cast(), data.len()) };
        assert_eq!(taken, data.len());
    }
}

impl Negotiated for OpenSslClient {
    fn negotiated(&self) -> [String; 3] {
        let ssl = self.ssl.as_ptr();
        // SAFETY: the connection is live and its handshake is done; the texts live as long as the library.
        let [version, suite, group] =
            unsafe { [bench_openssl_version(ssl), bench_openssl_cipher(ssl), bench_openssl_group(ssl)].map(text) };
        // It has the names of groups in small letters.
        [version, suite, group.to_uppercase()]
    }
}

impl Drop for OpenSslClient {
    fn drop(&mut self) {
        // SAFETY: it came from bench_openssl_begin, and is freed once.
        unsafe { bench_openssl_end(self.ssl.as_ptr()) }
    }
}

fn text(text: *const c_char) -> String {
    assert!(!text.is_null(), "nothing was negotiated");
    // SAFETY: not NULL, and all texts of OpenSSL are NUL-terminated.
    unsafe { CStr::from_ptr(text) }.to_str().expect("ASCII").to_owned()
}

#[repr(C)]
struct RawSide {
    _opaque: [u8; 0],
}

#[repr(C)]
struct RawSsl {
    _opaque: [u8; 0],
}

unsafe extern "C" {
    fn bench_openssl_new(pem: *const c_char, length: usize, host: *const c_char, at: i64) -> *mut RawSide;
    fn bench_openssl_free(side: *mut RawSide);
    fn bench_openssl_begin(side: *mut RawSide) -> *mut RawSsl;
    fn bench_openssl_end(ssl: *mut RawSsl);
    fn bench_openssl_is_done(ssl: *const RawSsl) -> c_int;
    fn bench_openssl_feed(ssl: *mut RawSsl, bytes: *const c_void, length: usize, settle: c_int) -> c_int;
    fn bench_openssl_drain(ssl: *mut RawSsl, out: *mut c_void, capacity: usize) -> usize;
    fn bench_openssl_read(ssl: *mut RawSsl, out: *mut c_void, capacity: usize) -> usize;
    fn bench_openssl_write(ssl: *mut RawSsl, data: *const c_void, length: usize) -> usize;
    fn bench_openssl_version(ssl: *const RawSsl) -> *const c_char;
    fn bench_openssl_cipher(ssl: *const RawSsl) -> *const c_char;
    fn bench_openssl_group(ssl: *mut RawSsl) -> *const c_char;
    fn bench_openssl_library() -> *const c_char;
}

/// More than a record.
const CHUNK: usize = 17 * 1024;
