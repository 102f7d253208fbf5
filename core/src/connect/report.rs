//! Reports of connections: what `report` says of the chain, and what the transport and the handshake add to it.

use super::evidence::Evidence;
use crate::error::{ConnectError, Error, LocalStep, Outcome, Rejection, Step, StepName};
use crate::fix::{Fix, PatchOperation};
use crate::handshake::IdentityUse;
use crate::name::BackendHost;
use crate::policy::ServerNameRule;
use crate::prepare::Prepared;
use crate::report::{Report, Verdict};
use crate::rotate::Connector;
use crate::verify::VerifiedPeer;
use crate::warning::{Warning, WarningCode};

impl Connector {
    /// The report of a failed connection to `host`: the command prints it, and C and Python attach it to their errors.
    /// It shows what the handshake found, and verifies nothing again. If another generation is published by now, the
    /// report has the warnings of that one; the report of a [`Handshake`](super::sans_io::Handshake) is exact.
    pub fn report_of(&self, host: &BackendHost, error: &Error) -> Report {
        let mut report = match (self.prepared(), error) {
            (Some(prepared), _) => failed(&prepared, host, error),
            (None, Error::Policy(problems)) => Report::unusable(problems, self.runtime().now_text()),
            (None, _) => {
                let mut report = Report::without_policy(error.code(), error.to_string(), self.runtime().now_text());
                judge(&mut report, error);
                report
            }
        };
        report.address = address_of(error).map(str::to_owned);
        report.backend_host = Some(host.to_string());
        report.policy.generation = report.policy.generation.or(Some(self.generation().number()));
        report
    }
}

/// The address that could not be reached; the last of several that were tried.
fn address_of(error: &Error) -> Option<&str> {
    match error {
        Error::Connect {
            error:
                ConnectError::LocalResources { step: LocalStep::Prepare(address) | LocalStep::Reach(address), .. }
                | ConnectError::TcpRefused { address, .. }
                | ConnectError::TcpTimeout { address, .. },
            ..
        } => Some(address),
        _ => None,
    }
}

/// The report of a peer that the policy accepts: the same verifier over the same chain says every step.
pub(super) fn accepted(prepared: &Prepared, host: &BackendHost, evidence: &Evidence) -> Report {
    let now = prepared.runtime().now();
    let mut report = prepared.verifier().report_of_peer(&evidence.peer, Some(host), now);
    report.warnings.extend(prepared.identity_warnings(now));
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

/// H7: whoever reads the report must not take the connection for a secret one.
pub(super) fn warn_of_key_log(report: &mut Report, logs_keys: bool) {
    if logs_keys {
        report.warnings.push(Warning::new(WarningCode::KeysLogged, []));
    }
}

/// What the peer said of our certificate once the handshake was complete (I5).
pub(super) fn refused_afterwards(report: &mut Report, error: &Error) {
    judge(report, error);
    let step = match error {
        Error::Connect { error, .. } => step_of(error),
        _ => StepName::Hello,
    };
    report.set_step(Step::failed(step, error.code()).with("reason", error.to_string()));
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
pub(crate) fn failed(prepared: &Prepared, host: &BackendHost, error: &Error) -> Report {
    let mut report = match error {
        Error::Policy(problems) => {
            let mut report = Report::unusable(problems, prepared.runtime().now_text());
            report.policy = prepared.blank_report(None).policy;
            report.backend_host = Some(host.to_string());
            return report;
        }
        Error::Rejected(rejection) => return rejected(prepared, host, rejection),
        Error::Connect { known: Some(known), .. } => match known.proof::<VerifiedPeer>() {
            // The chain was verified before the connection failed for another reason.
            Some(peer) => {
                let now = prepared.runtime().now();
                let mut report = prepared.verifier().report_of_peer(peer, Some(host), now);
                report.warnings.extend(prepared.identity_warnings(now));
                report
            }
            None => blank(prepared, host),
        },
        _ => blank(prepared, host),
    };
    report.tls = error.tls().cloned();
    judge(&mut report, error);
    report.fix = fix(prepared, host, error);
    let step = match error {
        Error::Connect { error, .. } => step_of(error),
        _ => StepName::Hello,
    };
    if matches!(step, StepName::Client | StepName::Alpn) {
        report.set_step(Step::new(StepName::Hello, Outcome::Pass));
    }
    report.set_step(Step::failed(step, error.code()).with("reason", error.to_string()));
    report
}

/// The backend host as server name, where the policy sends none and the peer wants one. The policy lists what the certificate
/// must hold (N3), so that the server name authenticates nothing (N4).
fn fix(prepared: &Prepared, host: &BackendHost, error: &Error) -> Option<Fix> {
    let wants_a_name = match error {
        Error::Connect { error, .. } => error.is_for_want_of_a_server_name(),
        _ => false,
    };
    let sends_none = *prepared.policy().server_name() == ServerNameRule::None && matches!(host, BackendHost::Dns(_));
    let operation = || PatchOperation::replace("spec.serverName", "auto".into());
    (wants_a_name && sends_none).then(|| Fix::new(vec![operation()]))
}

fn step_of(error: &ConnectError) -> StepName {
    match error {
        ConnectError::DnsFailed { .. } | ConnectError::TcpRefused { .. } | ConnectError::TcpTimeout { .. } => {
            StepName::Tcp
        }
        ConnectError::LocalResources { step, .. } if *step != LocalStep::GoOn => StepName::Tcp,
        ConnectError::IdentityRejected { .. }
        | ConnectError::IdentityRequired { .. }
        | ConnectError::IdentitySignFailed { .. }
        | ConnectError::PeerClosedAfterRequest { .. } => StepName::Client,
        ConnectError::AlpnMismatch { .. } => StepName::Alpn,
        _ => StepName::Hello,
    }
}

/// The report of a peer that the policy refuses.
fn rejected(prepared: &Prepared, host: &BackendHost, rejection: &Rejection) -> Report {
    let now = prepared.runtime().now();
    let mut report = prepared.verifier().report_of_rejection(rejection, host, now);
    report.warnings.extend(prepared.identity_warnings(now));
    report.tls.clone_from(&rejection.tls);
    if rejection.judgement.steps.iter().any(|step| step.outcome == Outcome::Fail) {
        report.set_step(Step::new(StepName::Hello, Outcome::Pass));
        return report;
    }
    // V7: the chain is good, but the peer did not prove that it holds the key.
    if report.chain.is_empty() {
        report.chain.extend(rejection.peer.clone());
    }
    report.set_step(Step::failed(StepName::Hello, rejection.code()).with("reason", rejection.to_string()));
    report
}

fn blank(prepared: &Prepared, host: &BackendHost) -> Report {
    let mut report = prepared.blank_report(Some(host));
    report.set_step(Step::new(StepName::Policy, Outcome::Pass));
    report
}

/// Exit code 1 is a refusal by the policy; all else is no verdict.
fn judge(report: &mut Report, error: &Error) {
    let verdict = if error.code().exit_code() == REFUSED { Verdict::Rejected } else { Verdict::Error };
    report.fail(verdict, error.code(), error.to_string(), error.hint());
}

const REFUSED: u8 = 1;
