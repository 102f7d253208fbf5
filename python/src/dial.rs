//! Where the socket goes, and waiting for the core in a way that Ctrl-C ends.

use core::time::Duration;
use std::net::TcpStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use pyo3::prelude::*;
use uptls::{Address, BackendHost};

use crate::errors;
use crate::guard::{attached, detached, words};

/// `connect_to`: a host, or a pair of host and port.
#[derive(FromPyObject)]
pub(crate) enum ConnectTo {
    #[pyo3(transparent, annotation = "str")]
    Host(String),
    #[pyo3(transparent, annotation = "tuple[str, int]")]
    HostAndPort((String, u16)),
}

/// The address that is dialled for `host`.
pub(crate) fn address(host: &BackendHost, port: u16, connect_to: Option<ConnectTo>) -> Address {
    match connect_to {
        None => (host, port).into(),
        Some(ConnectTo::Host(host)) => (host.as_str(), port).into(),
        Some(ConnectTo::HostAndPort((host, port))) => (host.as_str(), port).into(),
    }
}

/// Whole milliseconds, so that errors say what was asked for; without a limit as long as can be said.
pub(crate) fn whole_milliseconds(seconds: Option<f64>) -> Duration {
    let limit = seconds.and_then(|seconds| Duration::try_from_secs_f64((seconds * 1000.0).ceil() / 1000.0).ok());
    limit.unwrap_or(Duration::MAX)
}

/// What Python makes a socket of.
#[cfg(unix)]
pub(crate) type Number = std::os::fd::RawFd;
/// What Python makes a socket of.
#[cfg(windows)]
pub(crate) type Number = std::os::windows::io::RawSocket;

/// The number of a socket, which is the caller's from now on.
pub(crate) fn number(stream: TcpStream) -> Number {
    #[cfg(unix)]
    return std::os::fd::IntoRawFd::into_raw_fd(stream);
    #[cfg(windows)]
    return std::os::windows::io::IntoRawSocket::into_raw_socket(stream);
}

/// Runs `body`, which blocks, on a thread of its own, so that signals are handled meanwhile: an exception of a handler leaves
/// the thread alone, which ends by its own deadline.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    body: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let (sender, receiver) = channel();
    let work = move || {
        // Nobody may be waiting any more.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(body)));
    };
    let spawned = thread::Builder::new().name("uptls-connect".to_owned()).spawn(work);
    spawned.map_err(pyo3::exceptions::PyOSError::new_err)?;
    // Between two turns it is used by one thread at a time.
    let receiver = Mutex::new(receiver);
    loop {
        let outcome = detached(py, || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(SIGNALS))?;
        match outcome {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(payload)) => return Err(errors::panic(py, &words(payload))),
            Err(RecvTimeoutError::Disconnected) => return Err(errors::panic(py, "the thread is gone")),
            Err(RecvTimeoutError::Timeout) => attached(|| py.check_signals())?,
        }
    }
}

/// How often signals are looked at.
const SIGNALS: Duration = Duration::from_millis(50);
