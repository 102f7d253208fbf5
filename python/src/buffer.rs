//! `uptls.Buffer`: bytes in, bytes out, for any event loop.

use core::time::Duration;
use std::io;
use std::sync::Mutex;

use pyo3::prelude::*;
use pyo3::pyclass::{PyTraverseError, PyVisit};
use pyo3::types::PyBytes;
use uptls::{BackendHost, Error, Misuse, Report};
use uptls_process::Process;

use crate::arguments::{Data, Memory};
use crate::connector::PyConnector;
use crate::conversation::Conversation;
use crate::errors;
use crate::guard::{brief, detached};
use crate::peer::PyPeer;
use crate::report::PyReport;

/// One connection without a socket: feed it the peer's bytes, send its bytes to the peer, read and write in between.
///
/// `Connector.buffer` makes it. It neither reads nor writes data before the peer is verified. Any thread may call it:
/// while one thread is inside, others wait, without the GIL. After an error, send the bytes of `data_to_send` once
/// more: they may hold an alert for the peer. It belongs to the process that made it: a child of a fork has a copy of
/// its keys, so there every method raises MisuseError.
///
/// >>> buffer = policy.buffer("payments.internal", address="10.0.0.7:443")
/// >>> buffer.data_to_send()[0]  # the type of a handshake record
/// 22
/// >>> buffer.wants_read, buffer.handshake_done
/// (True, False)
#[pyclass(frozen, name = "Buffer", module = "uptls")]
pub(crate) struct PyTlsBuffer {
    connector: Py<PyConnector>,
    /// A thread waits for this lock only without the GIL, and a thread that holds it never waits for the GIL: no order
    /// of locks can be wrong.
    conversation: Mutex<Conversation>,
    host: BackendHost,
    /// Read before the lock, which a thread of the parent may have held at a fork.
    process: Process,
}

impl PyTlsBuffer {
    pub(crate) fn new(connector: Py<PyConnector>, host: BackendHost, conversation: Conversation) -> io::Result<Self> {
        let process = Process::current()?;
        Ok(Self { connector, conversation: Mutex::new(conversation), host, process })
    }

    fn with<T: Send>(&self, py: Python<'_>, body: impl FnOnce(&mut Conversation) -> T + Send) -> PyResult<T> {
        self.check_process(py)?;
        detached(py, || {
            let mut conversation = self.conversation.lock().unwrap_or_else(|poisoned| {
                let mut conversation = poisoned.into_inner();
                conversation.lose();
                conversation
            });
            body(&mut conversation)
        })
    }

    /// The same for calls that take microseconds once there is a connection: with the GIL, unless another thread is
    /// inside.
    fn with_brief<T: Send>(&self, py: Python<'_>, body: impl FnOnce(&mut Conversation) -> T + Send) -> PyResult<T> {
        self.check_process(py)?;
        let free = self.conversation.try_lock().ok();
        match free.filter(|conversation| conversation.evidence().is_some()) {
            Some(mut conversation) => brief(py, move || body(&mut conversation)),
            None => self.with(py, body),
        }
    }

    /// For calls that can fail, over that many bytes; the failure that ends the connection is reported once.
    fn attempt<T: Send>(
        &self,
        py: Python<'_>,
        bytes: usize,
        body: impl FnOnce(&mut Conversation) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let attempt = |conversation: &mut Conversation| match body(conversation) {
            Ok(value) => (Ok(value), None, conversation.new_connection()),
            Err(error) => (Err(error), Some(Failure::of(conversation)), None),
        };
        let attempted = if bytes <= BRIEF { self.with_brief(py, attempt) } else { self.with(py, attempt) };
        let (outcome, failure, new) = attempted?;
        if let Some(evidence) = new {
            self.connector.get().note_connection(&self.host, &evidence);
        }
        outcome.map_err(|error| self.exception(py, &error, failure.unwrap_or_default()))
    }

    fn exception(&self, py: Python<'_>, error: &Error, failure: Failure) -> PyErr {
        let connector = self.connector.get();
        let exception = match &failure.report {
            Some(report) => errors::failure(py, error, report),
            None => connector.exception(py, &self.host, error, failure.address),
        };
        if failure.new {
            connector.tell_refusal(py, &self.host, error, &exception);
        }
        exception
    }

    fn value<'py>(&self, py: Python<'py>, error: &Error, failure: Failure) -> Bound<'py, PyAny> {
        self.exception(py, error, failure).into_value(py).into_bound(py).into_any()
    }
}

/// The facts of a failure beside its error.
#[derive(Default)]
struct Failure {
    /// The peer's network address.
    address: Option<String>,
    /// Whether it was not reported yet.
    new: bool,
    report: Option<Report>,
}

impl Failure {
    fn of(conversation: &mut Conversation) -> Self {
        Self { new: conversation.must_tell(), ..Self::known(conversation) }
    }

    /// The same of a failure that was reported, or is not to be.
    fn known(conversation: &mut Conversation) -> Self {
        Self { address: conversation.address(), new: false, report: conversation.failure_report() }
    }
}

#[pymethods]
impl PyTlsBuffer {
    /// Takes bytes from the peer, any bytes-like object. Returns how many it took: fewer than given only while
    /// decrypted data waits. Read that data, and give the rest again. An empty object has no effect: use `receive_eof`
    /// for the end.
    ///
    /// Raises the reason if there is no connection: PeerVerificationError if the policy refuses the peer, and so on.
    fn receive_data(&self, py: Python<'_>, data: Data) -> PyResult<usize> {
        data.pass(py, |bytes| self.attempt(py, bytes.len(), |conversation| conversation.feed(bytes)))
    }

    /// Reports that the peer closed the transport. Raises UnexpectedEofError in a handshake; afterwards reading ends
    /// with it, unless the peer had sent a close_notify.
    fn receive_eof(&self, py: Python<'_>) -> PyResult<()> {
        self.attempt(py, 0, Conversation::feed_eof)
    }

    /// Reports that the transport failed: an OSError (its errno decides the meaning) or a text. Returns the exception
    /// to raise: for this failure, or for an earlier one that ended the connection. If sending failed, first receive
    /// the bytes that still arrive: the peer may have sent the reason.
    fn receive_error<'py>(&self, py: Python<'py>, error: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let reason = errors::io_error(error)?;
        let (error, failure) =
            self.with(py, |conversation| (conversation.feed_error(&reason), Failure::of(conversation)))?;
        Ok(self.value(py, &error, failure))
    }

    /// Bytes for the peer, at most `max` of them; empty when there are none.
    #[pyo3(signature = (max=None))]
    fn data_to_send<'py>(&self, py: Python<'py>, max: Option<usize>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.with_brief(py, |conversation| conversation.drain(max))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Decrypted data, at most `n` bytes. None: nothing yet, receive more. Empty: the peer ended its data properly.
    ///
    /// Raises, after all data, UnexpectedEofError for an end without close_notify, or the failure that ended the
    /// connection.
    fn read<'py>(&self, py: Python<'py>, n: usize) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let bytes = self.attempt(py, n, |conversation| conversation.read(n))?;
        Ok(bytes.map(|bytes| PyBytes::new(py, &bytes)))
    }

    /// Reads into a writable buffer; returns how many bytes. None: nothing yet. 0: the peer ended its data properly.
    fn read_into(&self, py: Python<'_>, buffer: Memory) -> PyResult<Option<usize>> {
        // Before anything is taken out.
        buffer.check_writable(py)?;
        let bytes = self.attempt(py, buffer.len, |conversation| conversation.read(buffer.len))?;
        let Some(bytes) = bytes else { return Ok(None) };
        buffer.fill(py, &bytes)?;
        Ok(Some(bytes.len()))
    }

    /// Encrypts data for the peer, any bytes-like object. Returns how much it took: less than given while about 64 KiB
    /// wait for `data_to_send`.
    fn write(&self, py: Python<'_>, data: Data) -> PyResult<usize> {
        data.pass(py, |bytes| self.attempt(py, bytes.len(), |conversation| conversation.write(bytes)))
    }

    /// Ends our data properly; send the bytes of `data_to_send` afterwards. Reading continues.
    fn close_notify(&self, py: Python<'_>) -> PyResult<()> {
        self.attempt(py, 0, Conversation::close_notify)
    }

    /// Ends the handshake with HandshakeTimeoutError and returns it; None if the handshake is done.
    fn expire<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let expired =
            self.with(py, |conversation| conversation.expire().map(|error| (error, Failure::of(conversation))))?;
        Ok(expired.map(|(error, failure)| self.value(py, &error, failure)))
    }

    /// Seconds until the handshake must be done, 0 or more; None if there is no such limit any more. `receive_data`
    /// enforces it; a timer that calls `expire` also ends a silent peer.
    #[getter]
    fn deadline(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        self.with_brief(py, |conversation| conversation.deadline())
    }

    /// The transport is connected to this network address, after so many seconds, if that is known.
    #[pyo3(name = "_reach", signature = (address, seconds=None))]
    fn reach(&self, py: Python<'_>, address: String, seconds: Option<f64>) -> PyResult<()> {
        let dial = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        self.with_brief(py, |conversation| conversation.reach(address, dial))
    }

    /// Whether it can use bytes from the peer.
    #[getter]
    fn wants_read(&self, py: Python<'_>) -> PyResult<bool> {
        self.with_brief(py, |conversation| conversation.wants_read())
    }

    /// Whether there are bytes for the peer.
    #[getter]
    fn wants_write(&self, py: Python<'_>) -> PyResult<bool> {
        self.with_brief(py, |conversation| conversation.wants_write())
    }

    /// Whether the peer is verified and the handshake complete.
    #[getter]
    fn handshake_done(&self, py: Python<'_>) -> PyResult<bool> {
        self.with_brief(py, |conversation| conversation.evidence().is_some())
    }

    /// The proof and the negotiated parameters; None before the handshake is done.
    #[getter]
    fn peer(&self, py: Python<'_>) -> PyResult<Option<PyPeer>> {
        self.with(py, |conversation| conversation.evidence().cloned().map(PyPeer::new))
    }

    /// How many bytes can be read without receiving more.
    #[getter]
    fn pending(&self, py: Python<'_>) -> PyResult<usize> {
        self.with_brief(py, Conversation::pending)
    }

    /// Whether the peer ended its data with a close_notify.
    #[getter]
    fn closed_cleanly(&self, py: Python<'_>) -> PyResult<bool> {
        self.with_brief(py, |conversation| conversation.is_clean_eof())
    }

    /// The exception that ended the connection.
    #[getter]
    fn error<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let held =
            self.with(py, |conversation| conversation.error().map(|error| (error, Failure::known(conversation))))?;
        Ok(held.map(|(error, failure)| self.value(py, &error, failure)))
    }

    /// The report of the verification: every step. None before there is a verdict.
    fn report(&self, py: Python<'_>) -> PyResult<Option<PyReport>> {
        self.with(py, |conversation| conversation.report().as_ref().map(PyReport::new))
    }

    /// Raises MisuseError in another process than the one that made it (L10), before it waits for a lock of Python's.
    #[pyo3(name = "_check_process")]
    fn check_process(&self, py: Python<'_>) -> PyResult<()> {
        match self.process.is_current() {
            true => Ok(()),
            false => Err(errors::misuse(py, &Misuse::in_another_process("the connection"))),
        }
    }

    /// Panics inside it; only in debug builds, for the tests.
    #[cfg(debug_assertions)]
    fn _panic(&self, py: Python<'_>) -> PyResult<()> {
        self.with(py, |_| panic!("on purpose"))
    }

    /// The connector that made it.
    #[getter]
    fn connector(&self, py: Python<'_>) -> Py<PyConnector> {
        self.connector.clone_ref(py)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        if !self.process.is_current() {
            return Ok(format!("<Buffer {} of another process>", self.host));
        }
        let state = self.with(py, |conversation| match (conversation.error(), conversation.evidence()) {
            (Some(error), _) => error.code().as_str(),
            (None, Some(_)) => "established",
            (None, None) => "handshaking",
        })?;
        Ok(format!("<Buffer {} {state}>", self.host))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.connector)
    }
}

/// What is encrypted or decrypted in a few microseconds.
const BRIEF: usize = 64 * 1024;
