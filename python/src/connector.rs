//! `uptls.Connector`: the current generation of one policy.

use core::sync::atomic::{AtomicBool, Ordering};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::pyclass::{PyTraverseError, PyVisit};
use pyo3::types::PyDict;
use uptls::sans_io::HappyEyeballs;
use uptls::{
    BackendHost, CheckOptions, ConnectError, ConnectOptions, Connector, Error, Evidence, FailureLog, FileSource,
    Generation, Misuse, OnInvalid, Prepared,
};

use crate::arguments::{backend_host, duration};
use crate::buffer::PyTlsBuffer;
use crate::conversation::Conversation;
use crate::dial::{self, ConnectTo, PyDial};
use crate::dialer::PyDialer;
use crate::errors;
use crate::event::PyEvent;
use crate::guard::{attached, detached};
use crate::open_connections::OpenConnections;
use crate::peer::PyPeer;
use crate::policy::PyPolicy;
use crate::report::PyReport;
use crate::source::Source;

/// Makes verified connections with the current generation of one policy. Usable from any thread.
///
/// Each connection takes the current generation and keeps it. `on_invalid` decides what an invalid update does: with
/// `keep_last_good` the last good generation stays, with `fail_closed` new connections fail. Default: `keep_last_good`,
/// and `fail_closed` for a policy of manifests. `on_event` is called with each Event, on the thread that caused it or
/// on that of a Watch. `audit` is a connector whose policy judges the same peers and decides nothing: see
/// `Connector.audit`.
///
/// >>> connector = uptls.Connector(policy)
/// >>> connector.state, connector.generation
/// ('ready', 1)
/// >>> connector.update(policy.replace(alpn=[]))
/// 2
/// >>> connector.withdraw()
/// >>> connector.state
/// 'withdrawn'
#[pyclass(frozen, name = "Connector", module = "uptls")]
pub(crate) struct PyConnector {
    connector: Connector,
    /// What was told to the hook and not asked for yet.
    events: Mutex<VecDeque<PyEvent>>,
    /// Which refusals the log is told of (R10). Asked with the GIL alone, so that no fork meets its lock.
    failures: FailureLog,
    /// Whether it is the connector of a policy, which never changes.
    frozen: bool,
    /// The policy that was given last.
    given: Mutex<Given>,
    /// Whether the hook raised when it was last called: the log says so once (R10).
    hook_raised: AtomicBool,
    on_event: Option<Py<PyAny>>,
    open: OpenConnections,
}

/// A policy that was given.
struct Given {
    prepared: Arc<Prepared>,
    source: Arc<Source>,
}

impl Given {
    fn of(policy: &Bound<'_, PyPolicy>) -> Self {
        let policy = policy.get();
        Self { prepared: Arc::clone(policy.prepared()), source: Arc::clone(policy.source()) }
    }
}

impl PyConnector {
    /// The connector of a policy. It never changes, since every holder of the policy shares it.
    pub(crate) fn of(prepared: Arc<Prepared>, source: Arc<Source>) -> Self {
        let on_invalid = source.on_invalid;
        Self { frozen: true, ..Self::new_of(Given { prepared, source }, on_invalid, None) }
    }

    fn new_of(given: Given, on_invalid: OnInvalid, on_event: Option<Py<PyAny>>) -> Self {
        let connector = Connector::of_prepared(Arc::clone(&given.prepared), on_invalid);
        Self {
            connector,
            events: Mutex::default(),
            failures: FailureLog::default(),
            frozen: false,
            given: Mutex::new(given),
            hook_raised: AtomicBool::new(false),
            on_event,
            open: OpenConnections::default(),
        }
    }

    /// The files of its current policy.
    pub(crate) fn file_source(&self, py: Python<'_>) -> PyResult<FileSource> {
        self.check_changeable(py, "watch")?;
        Ok(FileSource::following(&self.connector))
    }

    fn check_changeable(&self, py: Python<'_>, method: &str) -> PyResult<()> {
        if !self.frozen {
            return Ok(());
        }
        let text = format!(
            "{method} would change the connector of a policy, which all who hold the policy share; make one of \
            your own: uptls.Connector(policy)"
        );
        Err(errors::misuse(py, &Misuse::new(text)))
    }

    /// The exception for a failure on the way to `host`, at that network address if one was reached.
    pub(crate) fn exception(
        &self,
        py: Python<'_>,
        host: &BackendHost,
        error: &Error,
        address: Option<String>,
    ) -> PyErr {
        match detached(py, || self.connector.report_of(host, error)) {
            Ok(mut report) => {
                report.address = address.or(report.address);
                errors::failure(py, error, &report)
            }
            Err(panic) => panic,
        }
    }

    /// The same for a peer that was not reached, and reports it to the log, the hook and observers.
    pub(crate) fn refusal(&self, py: Python<'_>, host: &BackendHost, error: &Error) -> PyErr {
        if let Err(panic) = detached(py, || self.connector.note_undialled(host, error)) {
            return panic;
        }
        let exception = self.exception(py, host, error, None);
        self.tell_refusal(py, host, error, &exception);
        exception
    }

    /// Reports a refused connection to the hook, and to the log if it is new (R10).
    pub(crate) fn tell_refusal(&self, py: Python<'_>, host: &BackendHost, error: &Error, exception: &PyErr) {
        let fingerprint = self.connector.prepared().map(|prepared| *prepared.fingerprint());
        let news = self.failures.failed(fingerprint.as_ref(), host, error.code(), Instant::now());
        let tell = || {
            if let Some(unlogged) = news {
                py.import("uptls._errors")?.call_method1("log_refusal", (exception.value(py), unlogged))?;
            }
            let report = exception.value(py).getattr("report")?;
            let event =
                PyEvent::refused(report.cast::<PyReport>()?.get().clone(), self.connector.generation().number());
            self.tell(py, event)
        };
        let told: PyResult<()> = attached(tell);
        if let Err(error) = told {
            error.write_unraisable(py, None);
        }
    }

    /// Notes a connection: the next refusal is new.
    pub(crate) fn note_connection(&self, host: &BackendHost, evidence: &Evidence) {
        self.failures.succeeded(&evidence.fingerprint, host);
    }

    fn tell(&self, py: Python<'_>, event: PyEvent) -> PyResult<()> {
        let Some(hook) = &self.on_event else { return Ok(()) };
        let is_known = self.hook_raised.load(Ordering::Relaxed);
        let raised = py.import("uptls._errors")?.call_method1("call_hook", (hook, event, is_known))?;
        self.hook_raised.store(raised.extract()?, Ordering::Relaxed);
        Ok(())
    }

    fn published(&self, py: Python<'_>, publish: impl FnOnce() -> Result<Generation, Error> + Send) -> PyResult<u64> {
        let published = detached(py, || publish().map_err(|error| (error, self.connector.runtime().now_text())))?;
        self.pump(py)?;
        published.map(Generation::number).map_err(|(error, at)| match error {
            Error::Policy(problems) => errors::unusable(py, &problems, at),
            Error::Misuse(misuse) => errors::misuse(py, &misuse),
            other => errors::misuse(py, &Misuse::new(other.to_string())),
        })
    }

    fn policy_now(&self) -> Option<Arc<Prepared>> {
        self.connector.prepared()
    }
}

#[pymethods]
impl PyConnector {
    #[new]
    #[pyo3(signature = (policy, *, on_invalid=None, on_event=None, audit=None))]
    fn new(
        py: Python<'_>,
        policy: &Bound<'_, PyPolicy>,
        on_invalid: Option<&str>,
        on_event: Option<Bound<'_, PyAny>>,
        audit: Option<&Bound<'_, PyConnector>>,
    ) -> PyResult<Self> {
        let on_invalid = match on_invalid {
            None => policy.get().source().on_invalid,
            Some("keep_last_good") => OnInvalid::KeepLastGood,
            Some("fail_closed") => OnInvalid::FailClosed,
            Some(other) => {
                let text = format!("on_invalid must be keep_last_good or fail_closed, not {other:?}");
                return Err(errors::misuse(py, &Misuse::new(text)));
            }
        };
        if on_event.as_ref().is_some_and(|hook| !hook.is_callable()) {
            return Err(pyo3::exceptions::PyTypeError::new_err("on_event must be callable"));
        }
        let made = Self::new_of(Given::of(policy), on_invalid, on_event.map(Bound::unbind));
        if let Some(shadow) = audit {
            made.audit(py, Some(shadow))?;
        }
        Ok(made)
    }

    /// Publishes `policy` and returns the generation. Equal content is no new one. It ends a stop of the connector, and
    /// a Watch switches to the new files.
    ///
    /// If the policy has another Runtime (each has its own unless you gave `runtime=`), the connector's Runtime
    /// prepares it again: it reads the files again, with the clock and the system roots of the connector.
    ///
    /// Raises PolicyError if that fails (`policy_withdrawn` if the policy was withdrawn meanwhile), and MisuseError on
    /// the connector of a policy.
    pub(crate) fn update(&self, py: Python<'_>, policy: &Bound<'_, PyPolicy>) -> PyResult<u64> {
        self.check_changeable(py, "update")?;
        let given = Given::of(policy);
        let prepared = Arc::clone(&given.prepared);
        let generation = self.published(py, || {
            if prepared.runtime().is(self.connector.runtime()) {
                return self.connector.publish(prepared);
            }
            Ok(self.connector.update(prepared.policy())?)
        })?;
        // It may drop what it held, and so it is done with the GIL.
        let _before = core::mem::replace(&mut *lock(&self.given), given);
        Ok(generation)
    }

    /// Reads the files of the last given policy again, publishes their present content, and returns the generation.
    ///
    /// Raises PolicyError if they are invalid; `on_invalid` then decides. Raises MisuseError on the connector of a
    /// policy.
    fn reload(&self, py: Python<'_>) -> PyResult<u64> {
        self.check_changeable(py, "reload")?;
        self.published(py, || {
            let given = Arc::clone(&lock(&self.given).prepared);
            Ok(self.connector.update(given.policy())?)
        })
    }

    /// Reports an update that the program could not even load, by the PolicyError that it raised: `on_invalid` then
    /// decides. Only a successful update ends the refusal; no Watch does. A withdrawn policy stays withdrawn.
    ///
    /// Raises MisuseError on the connector of a policy.
    pub(crate) fn refuse(&self, py: Python<'_>, error: &Bound<'_, PyAny>) -> PyResult<()> {
        self.check_changeable(py, "refuse")?;
        let problems = errors::problems_of(error)?;
        detached(py, || self.connector.refuse(problems))?;
        self.pump(py)
    }

    /// Ends the policy: new connections fail with `policy_withdrawn` until the next successful update; existing ones
    /// stay open. Raises MisuseError on the connector of a policy.
    fn withdraw(&self, py: Python<'_>) -> PyResult<()> {
        self.check_changeable(py, "withdraw")?;
        detached(py, || self.connector.withdraw())?;
        self.pump(py)
    }

    /// The number of the current generation; it grows with each publication of other content.
    #[getter]
    fn generation(&self) -> u64 {
        self.connector.generation().number()
    }

    /// `ready`; `degraded`: new connections use the last good generation, because a later update was invalid;
    /// `not_ready` and `withdrawn`: every connection fails.
    #[getter]
    fn state(&self) -> &'static str {
        self.connector.state().as_str()
    }

    /// Why it is `degraded` or `not_ready`, as a report; otherwise None.
    #[getter]
    fn reason(&self, py: Python<'_>) -> PyResult<Option<PyReport>> {
        detached(py, || {
            let now = self.connector.runtime().now_text();
            self.connector.state().reason().map(|problems| PyReport::new(&uptls::Report::unusable(problems, now)))
        })
    }

    /// The policy of new connections; None unless the state is `ready` or `degraded`.
    #[getter]
    fn policy(&self) -> Option<PyPolicy> {
        self.policy_now().map(|prepared| PyPolicy::new(prepared, Arc::clone(&lock(&self.given).source)))
    }

    /// The events since the last call, oldest first. The connector keeps at most 32.
    fn events(&self, py: Python<'_>) -> PyResult<Vec<PyEvent>> {
        self.pump(py)?;
        Ok(lock(&self.events).drain(..).collect())
    }

    /// Delivers new events to the log and the hook: a Watch calls it.
    #[pyo3(name = "_pump")]
    fn pump(&self, py: Python<'_>) -> PyResult<()> {
        while let Some(event) = self.connector.next_event() {
            let event = PyEvent::new(&event);
            {
                let mut events = lock(&self.events);
                if events.len() == MAX_EVENTS {
                    events.pop_front();
                }
                events.push_back(event.clone());
            }
            attached(|| {
                py.import("uptls._errors")?.call_method1("log_event", (event.clone(),))?;
                self.tell(py, event)
            })?;
        }
        Ok(())
    }

    /// Makes one connection as an application would, closes it, and reports every step; the report also holds every
    /// failure.
    ///
    /// `connect_to` is the address for the socket if that is not `host`: a host, or a pair of host and port. `timeout`
    /// bounds the whole call, in seconds. Default: the policy's.
    #[pyo3(signature = (host, port, *, connect_to=None, timeout=None))]
    pub(crate) fn check(
        &self,
        py: Python<'_>,
        host: &str,
        port: u16,
        connect_to: Option<ConnectTo>,
        timeout: Option<f64>,
    ) -> PyResult<PyReport> {
        let host = backend_host(py, host)?;
        let mut connect = ConnectOptions::default();
        connect.timeout = duration(py, "timeout", timeout)?;
        let address = dial::address(&host, port, connect_to);
        let connector = self.connector.clone();
        let asked = host.clone();
        let checked = dial::interruptible(py, move || {
            PyReport::new(&connector.check(address, &asked, &CheckOptions::new(connect)))
        })?;
        checked.or_else(|error| detached(py, || PyReport::new(&self.connector.report_of(&host, &error))))
    }

    /// Has `shadow`, another connector, judge the peers of this one from the next connection on, beside its own policy. What it
    /// says is counted and changes no verdict: use it to learn which peers a stricter policy would refuse before you enforce
    /// it. Each call begins a new count; None ends it.
    ///
    /// Raises MisuseError for this connector itself, for a shadow that has a shadow, and on the connector of a policy.
    fn audit(&self, py: Python<'_>, shadow: Option<&Bound<'_, Self>>) -> PyResult<()> {
        self.check_changeable(py, "audit")?;
        let shadow = shadow.map(|shadow| shadow.get().connector.clone());
        let audited = detached(py, || match &shadow {
            None => {
                self.connector.end_audit();
                Ok(())
            }
            Some(shadow) => self.connector.audit(shadow),
        })?;
        audited.map_err(|error| match error {
            Error::Misuse(misuse) => errors::misuse(py, &misuse),
            other => errors::misuse(py, &Misuse::new(other.to_string())),
        })
    }

    /// What the shadow of `audit` would have said so far; None without one. `refused` counts connections that were made
    /// and that the shadow would have refused, by code; `samples` has the last ones, and `unseen` the parts of the two
    /// policies that no certificate shows. docs/observability.md has every key.
    fn audit_report<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let report = detached(py, || self.connector.audit_report().map(|report| report.to_json()))?;
        report.map(|text| py.import("json")?.call_method1("loads", (text,))).transpose()
    }

    /// Notes that a connection to `host` is open, and returns its number, by which `reconsider` names it. Give it to
    /// `closed` when the connection ends. A connection that is not noted is never judged again, whatever is revoked.
    fn opened(&self, py: Python<'_>, host: &str, peer: &Bound<'_, PyPeer>) -> PyResult<u64> {
        let (host, peer) = (backend_host(py, host)?, &peer.get().evidence().peer);
        detached(py, || self.open.opened(&self.connector, host, peer))
    }

    /// Notes that the connection of this number has ended. A number that is not open does nothing.
    fn closed(&self, py: Python<'_>, number: u64) -> PyResult<()> {
        detached(py, || self.open.closed(number))
    }

    /// Judges the peers of all open connections by the policy of now, each distinct chain once. Returns those that would
    /// be refused by their numbers, each with the exception that a new connection would raise. It closes nothing: close
    /// them over some seconds. None if the connector is `not_ready` or `withdrawn`, which says nothing of a peer.
    fn reconsider<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let Some(refused) = detached(py, || self.open.reconsider(&self.connector))? else { return Ok(None) };
        let by_id = PyDict::new(py);
        for (id, host, error) in refused {
            by_id.set_item(id, self.exception(py, &host, &error, None).into_value(py))?;
        }
        Ok(Some(by_id))
    }

    /// Whether a new connection would use the same policy and material.
    fn is_current(&self, py: Python<'_>, peer: &Bound<'_, PyPeer>) -> PyResult<bool> {
        let peer = peer.get();
        detached(py, || self.connector.is_current(peer.evidence()))
    }

    /// Begins a connection to `host`; the first bytes for the peer wait in it. `alpn` offers only these of the policy's
    /// application protocols. `timeout`, in seconds, bounds the handshake. Default: the policy's. `address`, the peer's
    /// network address such as `10.0.0.7:8443`, appears in reports, exceptions and the log; it is never an identity.
    #[pyo3(signature = (host, *, alpn=None, timeout=None, address=None))]
    pub(crate) fn buffer(
        slf: &Bound<'_, Self>,
        host: &str,
        alpn: Option<Vec<String>>,
        timeout: Option<f64>,
        address: Option<String>,
    ) -> PyResult<PyTlsBuffer> {
        let (py, this) = (slf.py(), slf.get());
        let host = backend_host(py, host)?;
        let mut options = ConnectOptions::default();
        options.alpn = alpn;
        options.timeout = duration(py, "timeout", timeout)?;
        match detached(py, || this.connector.begin(&host, &options))? {
            Ok(handshake) => Ok(PyTlsBuffer::new(slf.clone().unbind(), host, Conversation::new(handshake, address))?),
            Err(error) => {
                let exception = this.exception(py, &host, &error, address);
                this.tell_refusal(py, &host, &error, &exception);
                Err(exception)
            }
        }
    }

    /// The steps to a connected socket, within `timeout` seconds.
    #[pyo3(name = "_dial")]
    fn dial(
        slf: &Bound<'_, Self>,
        host: &str,
        port: u16,
        connect_to: Option<ConnectTo>,
        timeout: Option<f64>,
    ) -> PyResult<PyDial> {
        let host = backend_host(slf.py(), host)?;
        let address = dial::address(&host, port, connect_to);
        let race = HappyEyeballs::new(&address, dial::whole_milliseconds(timeout));
        Ok(PyDial::new(slf.clone().unbind(), host, race))
    }

    /// The number of a connected socket that `dialer` made within `timeout` seconds. It is the caller's to close.
    #[pyo3(name = "_dial_by")]
    fn dial_by(
        &self,
        py: Python<'_>,
        dialer: &Bound<'_, PyDialer>,
        host: &str,
        target: (String, u16),
        timeout: Option<f64>,
    ) -> PyResult<u64> {
        let host = backend_host(py, host)?;
        let (dialer, limit) = (dialer.get().core().clone(), dial::whole_milliseconds(timeout));
        let dialled = dial::interruptible(py, move || dialer.dial((target.0.as_str(), target.1), limit))?;
        dialled.and_then(|socket| socket).map(dial::number).map_err(|error| self.refusal(py, &host, &error))
    }

    /// The exception for a host that an event loop could not reach: its OSError, or several that it puts into one.
    #[pyo3(name = "_undialled")]
    fn undialled<'py>(
        &self,
        py: Python<'py>,
        host: &str,
        target: &str,
        failures: Vec<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let host = backend_host(py, host)?;
        let failures = failures.iter().map(errors::io_error).collect::<PyResult<Vec<_>>>()?;
        let error = detached(py, || HappyEyeballs::failed_elsewhere(target, &failures))?;
        Ok(self.refusal(py, &host, &error).into_value(py).into_bound(py).into_any())
    }

    /// The exception for a name that an event loop could not resolve.
    #[pyo3(name = "_unresolved")]
    fn unresolved<'py>(
        &self,
        py: Python<'py>,
        host: &str,
        name: String,
        reason: String,
    ) -> PyResult<Bound<'py, PyAny>> {
        let host = backend_host(py, host)?;
        let error = ConnectError::DnsFailed { host: name, reason }.into();
        Ok(self.refusal(py, &host, &error).into_value(py).into_bound(py).into_any())
    }

    /// The exception for a thread that an event loop could not start.
    #[pyo3(name = "_threadless")]
    fn threadless<'py>(&self, py: Python<'py>, host: &str, reason: String) -> PyResult<Bound<'py, PyAny>> {
        let host = backend_host(py, host)?;
        let error = ConnectError::threadless(&std::io::Error::other(reason), "resolve a name").into();
        Ok(self.refusal(py, &host, &error).into_value(py).into_bound(py).into_any())
    }

    fn __repr__(&self) -> String {
        let name = self.policy_now().and_then(|prepared| prepared.policy().name().map(|name| format!(" {name:?}")));
        format!("<Connector{} {} generation {}>", name.unwrap_or_default(), self.state(), self.generation())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.on_event)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As many as the core keeps.
const MAX_EVENTS: usize = 32;
