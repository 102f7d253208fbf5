//! A report for people: a title, the steps in their order with one fact each, the chain as a tree, at most one hint.

use uptls::{Category, Code, Outcome, ProblemFacts, Report, Step, StepName, TlsFacts, Verdict, Warning, WarningCode};

use super::{BAD, FAINT, GOOD, LOUD, ODD, paint, spelled, time, tree};

/// The whole report.
pub(crate) fn whole(report: &Report) -> String {
    let mut text = title(report);
    if report.errors.is_empty() {
        text.push_str(&steps(report));
    } else {
        text.extend(report.errors.iter().map(problem));
    }
    text.push_str(&super::warnings(&report.warnings));
    text.push_str(&hint(report));
    if report.fix.is_some() {
        text.push_str(&format!("{}\n", paint(FAINT, "      uptls check --fix does it")));
    }
    text
}

/// One line, and the hint of a failure.
pub(crate) fn short(report: &Report) -> String {
    let mut text = title(report);
    if let Some(leaf) = report.chain.first().filter(|_| report.accepted()) {
        let (end, style) = time::dated(leaf, &report.at);
        text.truncate(text.trim_end().len());
        text.push_str(&format!(", {}\n", paint(style, &end)));
    }
    if let Some(message) = report.message.as_deref().filter(|_| !report.accepted()) {
        text.push_str(&format!("      {message}\n      {}", hint(report)));
    }
    text
}

/// One line for a further connection to the same target.
pub(crate) fn again(report: &Report, number: u16) -> String {
    let unverified = unverified(report);
    let style = if unverified.is_empty() { GOOD } else { ODD };
    format!("{} connection {number}: {}{}\n", paint(style, "ok   "), negotiated(report), paint(ODD, &unverified))
}

/// What was negotiated.
pub(crate) fn negotiated(report: &Report) -> String {
    report.tls.as_ref().map(session).unwrap_or_default()
}

/// What was negotiated in a session.
pub(crate) fn session(tls: &TlsFacts) -> String {
    let handshake = if tls.resumed { "resumed" } else { "full handshake" };
    let mut facts = vec![format!("TLS {}", tls.version), handshake.to_owned(), tls.cipher.clone()];
    facts.extend(tls.group.clone());
    facts.join(", ")
}

/// The code and its number, as everywhere: `name_mismatch (601)`.
pub(crate) fn code(report: &Report) -> String {
    report.code.map(|code| format!("{code} ({})", code.number())).unwrap_or_default()
}

/// `hint: ...`, or nothing.
pub(crate) fn hint(report: &Report) -> String {
    let hint = report.hint.as_deref().filter(|hint| !hint.is_empty());
    hint.map(|hint| format!("{} {hint}\n", paint(LOUD, "hint:"))).unwrap_or_default()
}

fn title(report: &Report) -> String {
    let by = report.policy.name.as_deref().map(|name| format!(" by the policy {name}")).unwrap_or_default();
    let unverified = unverified(report);
    let mark = match report.accepted() {
        true => paint(if unverified.is_empty() { GOOD } else { ODD }, "ok   "),
        false => paint(BAD, "FAIL "),
    };
    let verdict = match (report.verdict, report.code.map(Code::category)) {
        (Verdict::Accepted, _) => format!("accepted{by}{}", paint(ODD, &unverified)),
        (Verdict::Rejected, _) => format!("rejected{by}: {}", code(report)),
        (_, Some(Category::Connect | Category::Protocol)) => format!("no connection: {}", code(report)),
        _ if report.code == Some(Code::ChainParse) => format!("the chain cannot be read: {}", code(report)),
        (_, Some(Category::Identity | Category::Policy)) => format!("the policy cannot be used: {}", code(report)),
        (_, Some(Category::Remote)) => format!("the peer refused us: {}", code(report)),
        _ => format!("no verdict: {}", code(report)),
    };
    let backend = report.backend_host.as_deref().or(report.server_name.as_deref());
    let subject = match (backend, &report.address) {
        (Some(host), Some(address)) => format!("{host} ({address}): "),
        (Some(host), None) => format!("{host}: "),
        _ => String::new(),
    };
    format!("{mark} {}{verdict}\n", paint(LOUD, &subject))
}

/// What an accepted peer was not held to, in capitals: the first line is often the only one that is read.
fn unverified(report: &Report) -> String {
    let fact =
        |warning: &Warning, name: &str| warning.detail.get(name).map(String::as_str).unwrap_or_default().to_owned();
    let active = report.warnings.iter().filter(|warning| warning.code == WarningCode::DangerActive);
    let said = active.map(|warning| {
        let (rule, reason) = (fact(warning, "rule"), fact(warning, "reason"));
        let what = match rule.as_str() {
            "acceptAnyCertificate" => "NOTHING VERIFIED",
            "acceptAnyName" => "NAMES NOT VERIFIED",
            _ => "RULE NOT ENFORCED",
        };
        format!(", {what} ({rule}: {reason})")
    });
    said.collect()
}

/// The first line says where, the second what: both may be long.
fn problem(problem: &ProblemFacts) -> String {
    let mut place = String::new();
    // The message of what cannot be read names it.
    if let Some(document) = problem.document.as_ref().filter(|_| problem.code != Code::DocumentUnreadable) {
        let line = problem.line.map(|line| format!(":{line}")).unwrap_or_default();
        let column = problem.column.map(|column| format!(":{column}")).unwrap_or_default();
        place = format!("{}{line}{column}: ", super::printable(document));
    }
    format!("  {} {place}{} ({})\n", paint(BAD, "FAIL "), problem.message, problem.code)
}

/// Steps that were skipped without a reason share a line with their neighbours.
fn steps(report: &Report) -> String {
    let mut text = String::new();
    let mut skipped: Vec<String> = Vec::new();
    for step in &report.steps {
        if step.outcome == Outcome::Skip && step.detail.is_empty() {
            skipped.push(spelled(&step.step));
            continue;
        }
        text.push_str(&skips(&mut skipped));
        text.push_str(&row(report, step));
    }
    text.push_str(&skips(&mut skipped));
    text
}

fn skips(skipped: &mut Vec<String>) -> String {
    if skipped.is_empty() {
        return String::new();
    }
    let names = core::mem::take(skipped).join(", ");
    format!("  {} {}\n", paint(FAINT, "skip "), paint(FAINT, &names))
}

fn row(report: &Report, step: &Step) -> String {
    let mark = match step.outcome {
        Outcome::Fail => paint(BAD, "FAIL "),
        Outcome::Pass => paint(GOOD, "ok   "),
        Outcome::NotEvaluable => paint(ODD, "n/a  "),
        _ => paint(FAINT, "skip "),
    };
    let name = spelled(&step.step);
    let line = format!("  {mark} {name:NAME$} {}", fact(report, step));
    let mut text = line.trim_end().to_owned();
    text.push('\n');
    match step.step {
        StepName::Chain => text.push_str(&tree::tree(&report.chain, &report.at, INDENT)),
        StepName::Name | StepName::Pin if step.outcome == Outcome::Fail => text.push_str(&names(report)),
        _ => {}
    }
    text
}

/// The one fact that a step has to tell.
fn fact(report: &Report, step: &Step) -> String {
    let detail = |name: &str| step.detail.get(name).map(String::as_str);
    let took = detail("ms").map(|ms| format!(", {ms} ms")).unwrap_or_default();
    match (step.step, step.outcome) {
        (_, Outcome::NotEvaluable) => "needs what an earlier step could not give".to_owned(),
        (StepName::Policy, Outcome::Pass) => {
            let digest = report.policy.fingerprint.as_deref().unwrap_or_default();
            let short: String = digest.chars().take(SHORT_DIGEST).collect();
            let name = report.policy.name.as_deref().map(|name| format!("{name}, ")).unwrap_or_default();
            format!("{name}fingerprint {short}")
        }
        (StepName::Tcp, Outcome::Pass) => format!("connected to {}{took}", detail("address").unwrap_or_default()),
        (StepName::Hello, Outcome::Pass) => {
            let sent = report.server_name.as_deref();
            let sent = sent.map_or_else(|| "no server name".to_owned(), |name| format!("server name {name}"));
            let facts = negotiated(report);
            if facts.is_empty() { format!("{sent}{took}") } else { format!("{facts}, {sent}{took}") }
        }
        (StepName::Chain, Outcome::Pass) => detail("trusted").map(|by| format!("trusted by {by}")).unwrap_or_default(),
        (StepName::Revocation, Outcome::Pass) => "no certificate of the path is revoked".to_owned(),
        (StepName::Usage, Outcome::Pass) => "the key may sign handshakes".to_owned(),
        (StepName::Name, Outcome::Pass) => detail("matched").map(|name| format!("matched {name}")).unwrap_or_default(),
        (StepName::Pin, Outcome::Pass) => "the key is pinned".to_owned(),
        (StepName::Client, Outcome::Pass) => format!("sent {}", detail("sent").unwrap_or_default()),
        (StepName::Alpn, Outcome::Pass) => detail("selected").unwrap_or_default().to_owned(),
        (_, Outcome::Fail) => {
            let reason = detail("reason").or(report.message.as_deref()).unwrap_or_default();
            match step.code {
                // The title has the code of the first failure.
                Some(code) if report.code != Some(code) => format!("{code}: {reason}"),
                _ => reason.to_owned(),
            }
        }
        _ => detail("reason").unwrap_or_default().to_owned(),
    }
}

/// What was wanted over what was presented.
fn names(report: &Report) -> String {
    let list = |names: &[String]| if names.is_empty() { "nothing".to_owned() } else { names.join("  ") };
    format!(
        "{:INDENT$}wanted any of  {}\n{:INDENT$}presented      {}\n",
        "",
        list(&report.expected),
        "",
        list(&report.presented)
    )
}

/// The widest name of a step.
const NAME: usize = 10;
/// Where facts begin.
const INDENT: usize = 2 + 5 + 1 + NAME + 1;
const SHORT_DIGEST: usize = "sha256:".len() + 12;
