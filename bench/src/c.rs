//! Connections of the C library: its functions, called as C calls them, with what moves the bytes in Rust.
#![allow(
    unsafe_code,
    reason = "the functions of the C library are what is measured; each call keeps the header's contracts"
)]

use std::ffi::{CStr, CString, c_char};
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

use uptls_ffi::*;
use uptls_testkit::NOW;

use crate::client::{Client, Negotiated, Side};

/// Makes connections by the C library.
pub(crate) struct C {
    connector: *mut Connector,
    host: CString,
}

impl C {
    /// Trusts this root and nothing else, at the testkit's time; with these groups, if there are any.
    pub(crate) fn new(root: &str, host: &str, groups: &[&CStr]) -> C {
        let host = CString::new(host).expect("a name");
        let (mut runtime, mut builder, mut policy, mut connector) = (null_mut(), null_mut(), null_mut(), null_mut());
        // SAFETY: all pointers are of local variables, or were given by the library and are freed once.
        unsafe {
            good(uptls_runtime_new_at(NOW, &raw mut runtime, null_mut()));
            good(uptls_builder_new(&raw mut builder, null_mut()));
            good(uptls_builder_add_ca_pem(builder, root.as_ptr(), root.len(), null(), null_mut()));
            for group in groups {
                good(uptls_builder_add_group(builder, group.as_ptr(), null_mut()));
            }
            good(uptls_builder_build(builder, runtime, &raw mut policy, null_mut()));
            good(uptls_connector_new(policy, UPTLS_KEEP_LAST_GOOD, &raw mut connector, null_mut()));
            uptls_policy_unref(policy);
            uptls_builder_free(builder);
            uptls_runtime_free(runtime);
        }
        C { connector, host }
    }
}

impl Drop for C {
    fn drop(&mut self) {
        // SAFETY: the reference is given back once.
        unsafe { uptls_connector_unref(self.connector) }
    }
}

impl Side for C {
    type Client = CClient;

    fn begin(&self) -> CClient {
        let mut conn = null_mut();
        let host = self.host.as_ptr();
        // SAFETY: the connector is live, the host is NUL-terminated, the places are there.
        good(unsafe { uptls_conn_new(self.connector, host, null(), &raw mut conn, null_mut()) });
        CClient(conn)
    }
}

/// A connection of the C library.
pub(crate) struct CClient(*mut Conn);

impl Client for CClient {
    fn drain(&mut self, out: &mut Vec<u8>) {
        loop {
            out.reserve(CHUNK);
            let spare = out.spare_capacity_mut();
            let (mut got, mut error) = (MaybeUninit::uninit(), null_mut());
            let room = spare.as_mut_ptr().cast();
            // SAFETY: the connection is live, the room has so many bytes, the places are there.
            good(unsafe { uptls_conn_drain(self.0, room, spare.len(), got.as_mut_ptr(), &raw mut error) });
            // SAFETY: the call has set it.
            let (got, room) = (unsafe { got.assume_init() }, spare.len());
            let length = out.len() + got;
            // SAFETY: the call has written these bytes.
            unsafe { out.set_len(length) };
            if got < room {
                return;
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        let (mut used, mut error) = (0, null_mut());
        let wire = bytes.as_ptr().cast();
        // SAFETY: the connection is live, pointer and length belong together, the places are there.
        good(unsafe { uptls_conn_feed(self.0, wire, bytes.len(), &raw mut used, &raw mut error) });
        assert_eq!(used, bytes.len());
    }

    fn is_done(&self) -> bool {
        // SAFETY: the connection is live.
        unsafe { uptls_conn_handshake_state(self.0) == UPTLS_HANDSHAKE_DONE }
    }

    fn read(&mut self, out: &mut [u8]) -> usize {
        let (mut got, mut error) = (0, null_mut());
        let room = out.as_mut_ptr().cast();
        // SAFETY: the connection is live, pointer and length belong together, the places are there.
        good(unsafe { uptls_conn_read(self.0, room, out.len(), &raw mut got, &raw mut error) });
        got
    }

    fn write(&mut self, data: &[u8]) {
        let (mut used, mut error) = (0, null_mut());
        let plain = data.as_ptr().cast();
        // SAFETY: the connection is live, pointer and length belong together, the places are there.
        good(unsafe { uptls_conn_write(self.0, plain, data.len(), &raw mut used, &raw mut error) });
        assert_eq!(used, data.len());
    }
}

impl Negotiated for CClient {
    fn negotiated(&self) -> [String; 3] {
        let mut evidence = null_mut();
        // SAFETY: the connection is live; the evidence and its texts live until the reference is given back.
        unsafe {
            good(uptls_conn_evidence(self.0, &raw mut evidence, null_mut()));
            let texts = [uptls_evidence_version, uptls_evidence_cipher_suite, uptls_evidence_group];
            let [version, suite, group] = texts.map(|of| text(of(evidence)));
            uptls_evidence_unref(evidence);
            // As IANA has none, OpenSSL says TLSv1.3 and means it.
            [format!("TLSv{version}"), suite, group]
        }
    }
}

impl Drop for CClient {
    fn drop(&mut self) {
        // SAFETY: it is freed once.
        unsafe { uptls_conn_free(self.0) }
    }
}

fn good(status: Status) {
    assert!(status >= UPTLS_OK, "the C library gives {status}");
}

/// # Safety
/// `text` is NULL or NUL-terminated.
unsafe fn text(text: *const c_char) -> String {
    assert!(!text.is_null(), "nothing was negotiated");
    // SAFETY: not NULL, and by the contract NUL-terminated.
    unsafe { CStr::from_ptr(text) }.to_str().expect("ASCII").to_owned()
}

/// More than a record.
const CHUNK: usize = 17 * 1024;
