//! One live check: dial, shake hands by the policy, and a report of every step.

use std::io::{self, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use uptls::{
    Code, ConnectError, ConnectOptions, Connector, Error, Evidence, IdentityUse, Outcome, Prepared, Rejection, Report,
    Step, StepName, TlsVersion, Verdict, VerifiedStream, Warning, WarningCode,
};

use crate::dial::{Dialled, Route};
use crate::print::Complaint;
use crate::target::Target;

/// What follows a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// Another connection, which may resume: tickets are waited for.
    Connection,
    Nothing,
}

/// Makes one connection and reports on it.
pub(crate) fn check(connector: &Connector, target: &Target, route: &Route, next: Next) -> Result<Report, Complaint> {
    let prepared = connector.prepared().ok_or_else(|| Complaint::internal("the connector has no policy"))?;
    let begin = Instant::now();
    let Dialled { address, elapsed, outcome } = route.dial();
    let mut tcp = Step::new(StepName::Tcp, Outcome::Pass).with("ms", elapsed.as_millis().to_string());
    if let Some(address) = &address {
        tcp = tcp.with("address", address);
    }
    let mut report = match outcome {
        Err(error) => failed(&prepared, target, &error),
        Ok(stream) => {
            let options = ConnectOptions::default().with_timeout(route.remaining(begin));
            let shaken = connector.handshake(stream, &target.host, &options);
            let elapsed = begin.elapsed().saturating_sub(elapsed);
            let mut report = match shaken {
                Err(error) => failed(&prepared, target, &error),
                Ok(stream) => established(&prepared, target, stream, next),
            };
            report.set_step(tcp);
            amend(&mut report, StepName::Hello, |step| step.with("ms", elapsed.as_millis().to_string()));
            report
        }
    };
    report.address = address;
    report.policy.generation = report.policy.generation.or(Some(connector.generation().number()));
    Ok(report)
}

/// The handshake is complete; the peer may still refuse us.
fn established(prepared: &Prepared, target: &Target, mut stream: VerifiedStream<TcpStream>, next: Next) -> Report {
    let evidence = stream.evidence().clone();
    let mut report = accepted(prepared, target, &evidence);
    let asked = !matches!(evidence.identity, IdentityUse::NotRequested);
    // I5: a TLS 1.3 peer judges our certificate after the handshake.
    let verdict_is_due = evidence.version == TlsVersion::V1_3 && asked && !evidence.resumed;
    let mut refused = None;
    if verdict_is_due || next == Next::Connection {
        refused = listen(&mut stream).filter(|_| verdict_is_due);
    }
    if let Some(error) = refused {
        judge(&mut report, &error);
        let step = match error.code() {
            Code::IdentityRejected | Code::IdentityRequired => StepName::Client,
            _ => StepName::Hello,
        };
        report.set_step(Step::failed(step, error.code()).with("reason", error.to_string()));
        return report;
    }
    // The verdict stands, whatever becomes of our goodbye.
    let _ = stream.shutdown();
    report
}

/// Reads for a moment: a refusal, tickets, or nothing.
fn listen(stream: &mut VerifiedStream<TcpStream>) -> Option<Error> {
    stream.get_ref().set_read_timeout(Some(PATIENCE)).ok()?;
    match stream.read(&mut [0]) {
        Ok(_) => None,
        Err(error) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => None,
        Err(error) => error.downcast::<Error>().ok(),
    }
}

/// The report of a peer that the policy accepts: the same verifier over the same chain says every step.
fn accepted(prepared: &Prepared, target: &Target, evidence: &Evidence) -> Report {
    let mut report = explain(prepared, target, evidence.peer.chain_der());
    report.policy.generation = Some(evidence.generation.number());
    report.tls = Some(evidence.tls());
    report.server_name.clone_from(&evidence.server_name);
    let mut hello = Step::new(StepName::Hello, Outcome::Pass)
        .with("version", evidence.version.as_str())
        .with("cipher", &evidence.cipher_suite)
        .with("handshake", if evidence.resumed { "resumed" } else { "full" });
    if let Some(group) = &evidence.group {
        hello = hello.with("group", group);
    }
    report.set_step(hello);
    report.set_step(client_step(prepared, evidence));
    report.set_step(alpn_step(prepared, evidence));
    if evidence.identity_unused {
        let reason = match evidence.identity {
            IdentityUse::NotRequested => "the peer did not ask for it",
            _ => "the peer accepts none of its signatures",
        };
        report.warnings.push(Warning::new(WarningCode::IdentityUnused, [("reason", reason.to_owned())]));
    }
    report
}

fn client_step(prepared: &Prepared, evidence: &Evidence) -> Step {
    let skip = |reason| Step::new(StepName::Client, Outcome::Skip).with("reason", reason);
    match (evidence.identity, prepared.identity()) {
        (IdentityUse::Sent { .. }, Some(identity)) => {
            Step::new(StepName::Client, Outcome::Pass).with("sent", &identity.facts().subject)
        }
        (IdentityUse::NotRequested, Some(_)) => skip("the peer did not ask for our certificate"),
        (IdentityUse::NotRequested, None) => Step::new(StepName::Client, Outcome::Skip),
        _ => skip("the peer asked for a certificate; none was sent, and it went on"),
    }
}

fn alpn_step(prepared: &Prepared, evidence: &Evidence) -> Step {
    let offered = &prepared.policy().alpn().protocols;
    match &evidence.alpn {
        Some(selected) => Step::new(StepName::Alpn, Outcome::Pass).with("selected", selected),
        None if offered.is_empty() => Step::new(StepName::Alpn, Outcome::Skip),
        None => {
            let reason = format!("the peer selected none of {}", offered.join(", "));
            Step::new(StepName::Alpn, Outcome::Skip).with("reason", reason)
        }
    }
}

/// The report of a connection that was not made.
fn failed(prepared: &Prepared, target: &Target, error: &Error) -> Report {
    let mut report = match error {
        Error::Policy(problems) => {
            let mut report = Report::unusable(problems, prepared.runtime().now_text());
            report.policy = prepared.blank_report(None).policy;
            report.backend_host = Some(target.host.to_string());
            return report;
        }
        Error::Rejected(rejection) => return rejected(prepared, target, rejection, error),
        _ if error.chain().is_empty() => blank(prepared, target),
        // The chain was verified before the connection failed for another reason.
        _ => explain(prepared, target, error.chain()),
    };
    report.tls = error.tls().cloned();
    judge(&mut report, error);
    let step = match error {
        Error::Connect { error, .. } => match error {
            ConnectError::DnsFailed { .. } | ConnectError::TcpRefused { .. } | ConnectError::TcpTimeout { .. } => {
                StepName::Tcp
            }
            ConnectError::IdentityRejected { .. } | ConnectError::IdentityRequired { .. } => StepName::Client,
            ConnectError::AlpnMismatch { .. } => StepName::Alpn,
            _ => StepName::Hello,
        },
        _ => StepName::Hello,
    };
    if matches!(step, StepName::Client | StepName::Alpn) {
        report.set_step(Step::new(StepName::Hello, Outcome::Pass));
    }
    report.set_step(Step::failed(step, error.code()).with("reason", error.to_string()));
    report
}

/// The report of a peer that the policy refuses.
fn rejected(prepared: &Prepared, target: &Target, rejection: &Rejection, error: &Error) -> Report {
    let mut report = explain(prepared, target, &rejection.chain);
    report.tls.clone_from(&rejection.tls);
    if report.code == Some(rejection.code()) {
        report.set_step(Step::new(StepName::Hello, Outcome::Pass));
        return report;
    }
    // V7: the chain is good, but the peer did not prove that it holds the key.
    if rejection.chain.is_empty() {
        report = blank(prepared, target);
        report.tls.clone_from(&rejection.tls);
        report.chain.extend(rejection.peer.clone());
        report.expected.clone_from(&rejection.expected);
        report.presented.clone_from(&rejection.presented);
    }
    judge(&mut report, error);
    report.set_step(Step::failed(StepName::Hello, error.code()).with("reason", error.to_string()));
    report
}

fn blank(prepared: &Prepared, target: &Target) -> Report {
    let mut report = prepared.blank_report(Some(&target.host));
    report.set_step(Step::new(StepName::Policy, Outcome::Pass));
    report
}

fn explain(prepared: &Prepared, target: &Target, chain: &[Vec<u8>]) -> Report {
    let chain: Vec<_> = chain.iter().map(|der| der.as_slice().into()).collect();
    prepared.explain(&chain, Some(&target.host))
}

/// Exit code 1 is a refusal by the policy; all else is no verdict.
fn judge(report: &mut Report, error: &Error) {
    let verdict = if error.code().exit_code() == REFUSED { Verdict::Rejected } else { Verdict::Error };
    report.fail(verdict, error.code(), error.to_string(), error.hint());
}

fn amend(report: &mut Report, name: StepName, change: impl FnOnce(Step) -> Step) {
    if let Some(step) = report.steps.iter().find(|step| step.step == name && step.outcome != Outcome::Skip) {
        let changed = change(step.clone());
        report.set_step(changed);
    }
}

/// How long a peer may take for its verdict on our certificate, or for tickets.
const PATIENCE: Duration = Duration::from_millis(300);
const REFUSED: u8 = 1;
