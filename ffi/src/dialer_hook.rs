//! The hook of a dialer for C: what a program does to a connected socket before TLS.

use core::ffi::{c_int, c_void};
use std::io;
use std::os::fd::AsRawFd;

use uptls::DialledSocket;

use crate::context::Context;
use crate::dialer::{Dialer, change};
use crate::error::Error;
use crate::handle;
use crate::status::Status;

/// A function of the program's that `uptls_stream_connect` calls with the connected socket `fd` before TLS, in the thread of the call.
/// 0: the handshake begins. An errno, which is above 0, ends the connect: EPERM, ENOMEM and all that this side lacks as
/// `local_resources`, ECONNRESET and the like as `tcp_refused`. Any other value: `local_resources`.
///
/// It must return: no exception of C++ and no `longjmp` may leave it. It must not close `fd`, nor read from it what belongs to TLS.
pub type Hook = Option<unsafe extern "C" fn(context: *mut c_void, fd: c_int) -> c_int>;

/// Calls `hook` with `context` and the connected socket before the ClientHello, last of all: to set options of the socket, or to send what
/// the backend expects before TLS. If it fails, there is no handshake, and the library sends nothing. It is the only callback besides the
/// signer of an identity.
///
/// The deadline does not interrupt the hook, and is looked at when it returns: bound what may wait in it. The socket blocks, and does so
/// again afterwards. Several threads may be in the hook at once. `context` must live until the dialer is freed and no connect uses it. For
/// what must be set before the socket connects there is `uptls_dialer_new_tcp`. Replaces an earlier hook. `err` may be NULL.
///
/// ```c
/// static int set_priority(void *context, int fd) {
///   return setsockopt(fd, SOL_SOCKET, SO_PRIORITY, context, sizeof(int)) == 0 ? 0 : errno;
/// }
/// ```
#[unsafe(no_mangle)]
pub unsafe extern "C" fn uptls_dialer_set_hook(
    dialer: *mut Dialer,
    hook: Hook,
    context: *mut c_void,
    err: *mut *mut Error,
) -> Status {
    let context = Context(context);
    let set = |dialer: uptls::Dialer| {
        let hook = hook.ok_or_else(|| handle::null("hook"))?;
        Ok(dialer.with_hook(move |socket| {
            // SAFETY: by the contract of the header it can be called with its context by any thread.
            outcome(unsafe { hook(context.get(), fd(socket)) })
        }))
    };
    // SAFETY: the contract of the header is that of `change`.
    unsafe { change(dialer, err, set) }
}

fn outcome(returned: c_int) -> io::Result<()> {
    match returned {
        0 => Ok(()),
        errno @ 1.. => Err(io::Error::from_raw_os_error(errno)),
        other => Err(io::Error::other(format!("the hook returned {other}, which is neither 0 nor an errno"))),
    }
}

fn fd(socket: &DialledSocket) -> c_int {
    match socket {
        DialledSocket::Tcp(stream) => stream.as_raw_fd(),
        DialledSocket::Unix(stream) => stream.as_raw_fd(),
        // There is no other; the hook then finds that -1 is no socket.
        _ => -1,
    }
}
