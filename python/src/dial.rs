//! Where the socket goes, and waiting for the core in a way that Ctrl-C ends.

use core::time::Duration;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use pyo3::prelude::*;
use uptls::sans_io::{Dial, Resolution};
use uptls::{Address, BackendHost, Misuse};

use crate::connector::PyConnector;
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

/// The way to a connected socket. The sockets are Python's, so that a signal ends a wait and no descriptor changes hands: which
/// address is next, for how long, and what failures mean is said here.
#[pyclass(frozen, name = "Dial", module = "uptls._native")]
pub(crate) struct PyDial {
    connector: Py<PyConnector>,
    /// `None` after it was asked for its error.
    dial: Mutex<Option<Dial>>,
    host: BackendHost,
}

impl PyDial {
    pub(crate) fn new(connector: Py<PyConnector>, host: BackendHost, dial: Dial) -> Self {
        Self { connector, dial: Mutex::new(Some(dial)), host }
    }

    fn with<T: Send>(&self, py: Python<'_>, body: impl FnOnce(&mut Dial) -> T + Send) -> PyResult<Option<T>> {
        detached(py, || self.dial.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(body))
    }
}

#[pymethods]
impl PyDial {
    /// Waits until the name is resolved; a signal ends it.
    fn resolve(&self, py: Python<'_>) -> PyResult<()> {
        loop {
            match self.with(py, |dial| dial.resolve(SIGNALS))? {
                Some(Ok(Resolution::Pending)) => attached(|| py.check_signals())?,
                Some(Err(error)) => return Err(self.connector.get().refusal(py, &self.host, &error)),
                _ => return Ok(()),
            }
        }
    }

    /// An IP address, a port, and how many seconds connecting may take; None: all were tried.
    fn next_address(&self, py: Python<'_>) -> PyResult<Option<(String, u16, Option<f64>)>> {
        let next = self.with(py, Dial::next_address)?.flatten();
        Ok(next.map(|(socket, share)| {
            let (text, port) = (socket.to_string(), socket.port());
            // A zone is part of the address.
            let ip = text.rsplit_once(':').map_or(text.as_str(), |(ip, _)| ip).trim_matches(['[', ']']).to_owned();
            (ip, port, share.map(|share| share.as_secs_f64()))
        }))
    }

    /// The address that was given last could not be reached.
    fn failed(&self, py: Python<'_>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let error = errors::io_error(error)?;
        self.with(py, |dial| dial.failed(&error)).map(drop)
    }

    /// The exception to raise.
    fn error<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let dial = detached(py, || self.dial.lock().unwrap_or_else(PoisonError::into_inner).take())?;
        let error = dial.map_or_else(|| Misuse::new("the error was taken before").into(), Dial::into_error);
        Ok(self.connector.get().refusal(py, &self.host, &error).into_value(py).into_bound(py).into_any())
    }
}

/// Runs `body`, which blocks, on a thread of its own, so that signals are handled meanwhile: an exception of a handler leaves
/// the thread alone, which ends by its own deadline. `local_resources` where there is no thread to be had.
pub(crate) fn interruptible<T: Send + 'static>(
    py: Python<'_>,
    body: impl FnOnce() -> T + Send + 'static,
) -> PyResult<Result<T, uptls::Error>> {
    let (sender, receiver) = channel();
    let work = move || {
        // The caller may have stopped waiting.
        let _ = sender.send(catch_unwind(AssertUnwindSafe(body)));
    };
    let spawned = thread::Builder::new().name("uptls-connect".to_owned()).spawn(work);
    if let Err(error) = spawned {
        return Ok(Err(uptls::ConnectError::threadless(&error, "wait for the check").into()));
    }
    // Between two turns it is used by one thread at a time.
    let receiver = Mutex::new(receiver);
    loop {
        let outcome = detached(py, || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(SIGNALS))?;
        match outcome {
            Ok(Ok(value)) => return Ok(Ok(value)),
            Ok(Err(payload)) => return Err(errors::panic(py, &words(payload))),
            Err(RecvTimeoutError::Disconnected) => return Err(errors::panic(py, "the thread is gone")),
            Err(RecvTimeoutError::Timeout) => attached(|| py.check_signals())?,
        }
    }
}

/// How often signals are looked at.
const SIGNALS: Duration = Duration::from_millis(50);
