//! Where the socket goes, and waiting for the core in a way that Ctrl-C ends.

use core::time::Duration;
use std::net::SocketAddr;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use pyo3::prelude::*;
use uptls::sans_io::{DialStep, HappyEyeballs, Resolution};
use uptls::{Address, BackendHost, DialledSocket, Misuse, panic};

use crate::connector::PyConnector;
use crate::errors;
use crate::guard::{attached, detached};

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

/// The race to a connected socket. The sockets are Python's, so that a signal ends a wait and no descriptor changes hands: which
/// address is tried when, and what failures mean is said here.
#[pyclass(frozen, name = "Dial", module = "uptls._native")]
pub(crate) struct PyDial {
    connector: Py<PyConnector>,
    host: BackendHost,
    /// `None` after it was asked for its error.
    race: Mutex<Option<Race>>,
}

struct Race {
    /// The addresses of the attempts, which Python knows by their number.
    attempts: Vec<SocketAddr>,
    eyeballs: HappyEyeballs,
}

/// What Python does next.
#[derive(IntoPyObject)]
enum Step {
    /// Connect to an IP address and a port, as the attempt of this number.
    Connect((usize, String, u16)),
    /// Wait until an attempt ends, so many seconds at most.
    Wait(f64),
}

impl PyDial {
    pub(crate) fn new(connector: Py<PyConnector>, host: BackendHost, eyeballs: HappyEyeballs) -> Self {
        Self { connector, host, race: Mutex::new(Some(Race { attempts: Vec::new(), eyeballs })) }
    }

    fn with<T: Send>(&self, py: Python<'_>, body: impl FnOnce(&mut Race) -> T + Send) -> PyResult<Option<T>> {
        detached(py, || self.race.lock().unwrap_or_else(PoisonError::into_inner).as_mut().map(body))
    }
}

#[pymethods]
impl PyDial {
    /// Waits until the name is resolved; a signal ends it.
    fn resolve(&self, py: Python<'_>) -> PyResult<()> {
        loop {
            match self.with(py, |race| race.eyeballs.resolve(SIGNALS))? {
                Some(Ok(Resolution::Pending)) => attached(|| py.check_signals())?,
                Some(Err(error)) => return Err(self.connector.get().refusal(py, &self.host, &error)),
                _ => return Ok(()),
            }
        }
    }

    /// What to do next: begin an attempt (its number, an IP address, a port) beside those that are under way; wait for those so
    /// many seconds at most; None: give up.
    fn next_step(&self, py: Python<'_>) -> PyResult<Option<Step>> {
        self.with(py, Race::next_step).map(Option::flatten)
    }

    /// The attempt of this number failed.
    fn failed(&self, py: Python<'_>, attempt: usize, error: &Bound<'_, PyAny>) -> PyResult<()> {
        let error = errors::io_error(error)?;
        let failed =
            |race: &mut Race| race.attempts.get(attempt).copied().map(|socket| race.eyeballs.failed(socket, &error));
        self.with(py, failed).map(drop)
    }

    /// The exception to raise.
    fn error<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let race = detached(py, || self.race.lock().unwrap_or_else(PoisonError::into_inner).take())?;
        let error =
            race.map_or_else(|| Misuse::new("the error was taken before").into(), |race| race.eyeballs.into_error());
        Ok(self.connector.get().refusal(py, &self.host, &error).into_value(py).into_bound(py).into_any())
    }
}

impl Race {
    fn next_step(&mut self) -> Option<Step> {
        match self.eyeballs.next_step() {
            DialStep::Connect(socket) => {
                self.attempts.push(socket);
                let (text, port) = (socket.to_string(), socket.port());
                // A zone is part of the address.
                let ip = text.rsplit_once(':').map_or(text.as_str(), |(ip, _)| ip).trim_matches(['[', ']']).to_owned();
                Some(Step::Connect((self.attempts.len() - 1, ip, port)))
            }
            DialStep::Wait(at_most) => Some(Step::Wait(at_most.map_or(f64::INFINITY, |at_most| at_most.as_secs_f64()))),
            _ => None,
        }
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
        let _ = sender.send(panic::catch(body));
    };
    let spawned = thread::Builder::new().name("uptls-connect".to_owned()).spawn(work);
    if let Err(error) = spawned {
        return Ok(Err(uptls::ConnectError::threadless(&error, "connect").into()));
    }
    // Between two turns it is used by one thread at a time.
    let receiver = Mutex::new(receiver);
    loop {
        let outcome = detached(py, || receiver.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(SIGNALS))?;
        match outcome {
            Ok(Ok(value)) => return Ok(Ok(value)),
            Ok(Err(words)) => return Err(errors::panic(py, &words)),
            Err(RecvTimeoutError::Disconnected) => return Err(errors::panic(py, "the thread is gone")),
            Err(RecvTimeoutError::Timeout) => attached(|| py.check_signals())?,
        }
    }
}

/// The number by which Python takes a socket over.
pub(crate) fn number(socket: DialledSocket) -> u64 {
    #[cfg(unix)]
    return u64::from(std::os::fd::IntoRawFd::into_raw_fd(std::os::fd::OwnedFd::from(socket)).unsigned_abs());
    #[cfg(windows)]
    return std::os::windows::io::IntoRawSocket::into_raw_socket(std::os::windows::io::OwnedSocket::from(socket));
}

/// How often signals are looked at.
const SIGNALS: Duration = Duration::from_millis(50);
