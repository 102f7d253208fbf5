//! The lines of the demo.

use uptls::{Outcome, Report, StepName, Warning};

use super::report::{code, hint, negotiated, whole};
use super::{BAD, FAINT, GOOD, LOUD, paint};

/// The title of a case.
pub(crate) fn title(number: usize, title: &str) -> String {
    format!("\n{}\n", paint(LOUD, &format!("{number}. {title}")))
}

/// What one would type.
pub(crate) fn command(command: &str) -> String {
    format!("   {}\n", paint(FAINT, &format!("$ {command}")))
}

/// What happens beside the commands.
pub(crate) fn remark(text: &str) -> String {
    format!("   {text}\n")
}

/// The outcome of a check, and its hint.
pub(crate) fn outcome(report: &Report) -> String {
    if report.accepted() {
        return format!("   {} {}\n", paint(GOOD, "ok   "), proof(report));
    }
    let message = report.message.as_deref().unwrap_or_default();
    let first = format!("   {} {}, exit code {}\n", paint(BAD, "FAIL "), code(report), report.exit_code());
    format!("{first}         {message}\n         {}", hint(report))
}

/// The outcome of one of several connections.
pub(crate) fn connection(report: &Report) -> String {
    if !report.accepted() {
        return outcome(report);
    }
    let resumed = report.tls.as_ref().is_some_and(|tls| tls.resumed);
    let generation = report.policy.generation.unwrap_or_default();
    format!("   {} generation {generation}, resumed={resumed}: {}\n", paint(GOOD, "ok   "), trusted(report))
}

/// What was overridden or made stricter in the policy of a case.
pub(crate) fn warning(warning: &Warning) -> String {
    format!("   {}\n", super::import::warning(warning).trim())
}

/// What came of a request: the status, and as whom the upstream knows us.
pub(crate) fn answer(is_right: bool, status: &str, client: &str) -> String {
    let (status, client) = (super::printable(status), super::printable(client));
    match is_right {
        true => format!("   {} {status}; the upstream knows us as {client}\n", paint(GOOD, "ok   ")),
        false => format!("   {} {status}; the upstream knows us as {client}\n", paint(BAD, "WRONG")),
    }
}

/// Something that must be there is not.
pub(crate) fn missing(wanted: &str) -> String {
    format!("   {} there should have been {wanted}\n", paint(BAD, "WRONG"))
}

/// An outcome is not as it must be.
pub(crate) fn wrong(wanted: &str, report: &Report) -> String {
    format!("   {} it should have been {wanted}\n{}", paint(BAD, "WRONG"), whole(report))
}

/// By what the peer is accepted.
fn proof(report: &Report) -> String {
    let mut facts = vec![trusted(report)];
    if let Some(name) = detail(report, StepName::Name, "matched") {
        facts.insert(0, format!("matched {name}"));
    }
    if let Some(sent) = detail(report, StepName::Client, "sent") {
        facts.push(format!("sent {sent}"));
    }
    format!("{}\n         {}", facts.join(", "), negotiated(report))
}

fn trusted(report: &Report) -> String {
    detail(report, StepName::Chain, "trusted").map(|by| format!("trusted by {by}")).unwrap_or_default()
}

fn detail<'a>(report: &'a Report, name: StepName, key: &str) -> Option<&'a str> {
    let passed = report.steps.iter().find(|step| step.step == name && step.outcome == Outcome::Pass);
    passed.and_then(|step| step.detail.get(key)).map(String::as_str)
}
