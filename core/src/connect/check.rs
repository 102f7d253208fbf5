//! One live check: dial, shake hands by the policy, and a report of every step.

use core::time::Duration;
use std::io::Read;
use std::net::TcpStream;
use std::time::Instant;

use super::address::Address;
use super::fault;
use super::report;
use super::{ConnectOptions, VerifiedStream};
use crate::error::{Error, Outcome, Step, StepName};
use crate::name::BackendHost;
use crate::report::Report;
use crate::rotate::Connector;

/// How [`Connector::check`] connects.
///
/// ```
/// use std::time::Duration;
/// use uptls::{CheckOptions, CheckThen, ConnectOptions};
///
/// // Waits for session tickets, so that a second check shows a resumed handshake.
/// let options = CheckOptions::new(ConnectOptions::default().with_timeout(Duration::from_secs(3)));
/// let options = options.then(CheckThen::AwaitSessions);
/// # let _ = options;
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct CheckOptions {
    /// As for a connection that is used.
    pub connect: ConnectOptions,
    /// What the check waits for before it closes the connection. Default: nothing.
    pub then: CheckThen,
}

/// What a check does once its handshake is complete.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum CheckThen {
    /// Closes. Where a TLS 1.3 peer asked for our certificate, its verdict is awaited for a moment (I5).
    #[default]
    Close,
    /// Waits a moment for session tickets too, so that the next connection may resume.
    AwaitSessions,
}

impl CheckOptions {
    /// A check with these connection options.
    #[must_use]
    pub fn new(connect: ConnectOptions) -> Self {
        Self { connect, then: CheckThen::Close }
    }

    /// Waits for session tickets at the end.
    #[must_use]
    pub fn then(mut self, then: CheckThen) -> Self {
        self.then = then;
        self
    }
}

impl Connector {
    /// Makes one connection to `host` at `address` as an application would, closes it, and reports every step, as
    /// `uptls check` does. It sends no data. The report holds every failure.
    ///
    /// It blocks until the deadline of `options` at most (H4), and up to 300 ms longer for the peer's answer to our
    /// certificate.
    ///
    /// ```no_run
    /// # fn run(connector: &uptls::Connector) -> Result<(), uptls::NameError> {
    /// let host = uptls::BackendHost::parse("payments.internal")?;
    /// let report = connector.check((&host, 8443), &host, &uptls::CheckOptions::default());
    /// println!("{}: {:?}", report.accepted(), report.code);
    /// # Ok(())
    /// # }
    /// ```
    pub fn check(&self, address: impl Into<Address>, host: &BackendHost, options: &CheckOptions) -> Report {
        let begin = Instant::now();
        let prepared = match self.snapshot() {
            Ok(snapshot) => snapshot.prepared,
            Err(error) => {
                self.tell_failed(host, &error, None);
                return self.report_of(host, &error);
            }
        };
        let timeout = options.connect.timeout.unwrap_or_else(|| prepared.policy().handshake_timeout());
        let dialled = address.into().dial(timeout);
        let elapsed = begin.elapsed();
        match dialled {
            Err(error) => {
                self.tell_failed(host, &error, Some(elapsed));
                self.report_of(host, &error)
            }
            Ok(stream) => {
                let address = stream.peer_addr().ok().map(|address| address.to_string());
                let connect = options.connect.clone().with_timeout(remaining(timeout, begin));
                let mut report = self.shake(stream, host, &connect, options.then);
                set_milliseconds(&mut report, begin.elapsed().saturating_sub(elapsed));
                // What ended before the peer was heard is a failure of that step.
                if !report.steps.iter().any(|step| step.step == StepName::Tcp && step.outcome == Outcome::Fail) {
                    report.set_step(tcp_step(address.as_deref(), elapsed));
                }
                report.address = address;
                report
            }
        }
    }

    fn shake(&self, stream: TcpStream, host: &BackendHost, options: &ConnectOptions, then: CheckThen) -> Report {
        match self.handshake(stream, host, options) {
            Err(error) => self.report_of(host, &error),
            Ok(stream) => established(stream, then),
        }
    }
}

/// The handshake is complete; the peer may still refuse us.
fn established(mut stream: VerifiedStream<TcpStream>, then: CheckThen) -> Report {
    let verdict_is_due = stream.evidence().verdict_is_due();
    let mut refused = None;
    if verdict_is_due || then == CheckThen::AwaitSessions {
        refused = listen(&mut stream).filter(|_| verdict_is_due);
    }
    if refused.is_none() {
        // The verdict stands, even if our close_notify cannot be sent.
        let _ = stream.shutdown();
    }
    let (connection, _) = stream.into_parts();
    let mut report = connection.report_without_end();
    if let Some(error) = refused {
        report::refused_afterwards(&mut report, &error);
    }
    report
}

/// Reads for a moment: a refusal, tickets, or nothing.
fn listen(stream: &mut VerifiedStream<TcpStream>) -> Option<Error> {
    stream.get_ref().set_read_timeout(Some(PATIENCE)).ok()?;
    match stream.read(&mut [0]) {
        Ok(_) => None,
        Err(error) if fault::is_temporary(&error) => None,
        Err(error) => error.downcast::<Error>().ok(),
    }
}

/// What is left of the timeout, in whole milliseconds; never nothing, so that each step says what it was waiting for.
fn remaining(timeout: Duration, begin: Instant) -> Duration {
    let left = timeout.saturating_sub(begin.elapsed());
    let up = Duration::from_micros(999);
    let whole = u64::try_from((left + up).as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(whole.max(1))
}

fn tcp_step(address: Option<&str>, elapsed: Duration) -> Step {
    let step = Step::new(StepName::Tcp, Outcome::Pass).with("ms", elapsed.as_millis().to_string());
    match address {
        Some(address) => step.with("address", address),
        None => step,
    }
}

fn set_milliseconds(report: &mut Report, elapsed: Duration) {
    let hello = report.steps.iter().find(|step| step.step == StepName::Hello && step.outcome != Outcome::Skip);
    if let Some(hello) = hello.cloned() {
        report.set_step(hello.with("ms", elapsed.as_millis().to_string()));
    }
}

/// How long a peer may take for its verdict on our certificate, or for tickets.
const PATIENCE: Duration = Duration::from_millis(300);
