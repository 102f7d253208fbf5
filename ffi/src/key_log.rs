//! The key log for C: the secrets of a connector's connections, to a file of the program's.

use core::ffi::c_int;
use std::fs::File;
use std::os::fd::BorrowedFd;

use uptls::Misuse;

use crate::boundary;
use crate::connector::Connector;
use crate::error::{Error, Failure};
use crate::handle;
use crate::status::Status;

/// Writes the key log of each connection that begins from now on to the file `fd`, for example to decrypt a capture in Wireshark:
/// lines in the form of NSS, each by one write. Open the file with O_APPEND, readable by you alone. With -1 the log ends. The
/// descriptor stays the caller's, who may close it at once. A line that cannot be written is lost, and the connection goes on.
///
/// Who has the lines can read these connections, also from a recording made before, and can forge what is sent on them. While it is
/// on, the report of each connection has the warning `keys_logged`. By default there is none, and nothing but this call turns it on: no
/// policy, no environment variable.
///
/// `UPTLS_E_USAGE` for anything but a regular file: a pipe with a slow reader would hold up handshakes. `err` may be NULL.
///
/// ```c
/// int fd = open("keys.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
/// status = uptls_connector_log_keys(connector, fd, &error);
/// close(fd);
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_log_keys(
    connector: *const Connector,
    fd: c_int,
    err: *mut *mut Error,
) -> Status {
    let log = || {
        // SAFETY: by the contract of the header it is NULL or live.
        let connector = unsafe { handle::borrow(connector, "connector") }?.core();
        if fd == -1 {
            connector.stop_logging_keys();
            return Ok(());
        }
        connector.log_keys_to(copy(fd)?).map_err(|error| match error {
            uptls::Error::Misuse(misuse) => Failure::from(misuse),
            other => Failure::without_policy(other.code(), other.to_string()),
        })
    };
    // SAFETY: by the contract of the header err is NULL or can be written to.
    unsafe { boundary::call(err, log) }
}

/// Whether connections that begin now have a key log: 1, or 0; 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_connector_logs_keys(connector: *const Connector) -> i32 {
    // SAFETY: by the contract of the header it is NULL or live.
    boundary::value(0, || unsafe { connector.as_ref() }.map_or(0, |connector| connector.core().logs_keys().into()))
}

/// A descriptor of the library's own for the same file.
fn copy(fd: c_int) -> Result<File, Misuse> {
    if fd < 0 {
        return Err(Misuse::new(format!("fd must be an open file, or -1 to end the log; it is {fd}")));
    }
    // SAFETY: it is not -1, and by the contract of the header nothing else closes it during the call.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    let owned = borrowed.try_clone_to_owned();
    owned.map(File::from).map_err(|error| Misuse::new(format!("fd must be an open file, {fd} is none: {error}")))
}
