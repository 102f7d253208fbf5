//! What every face must tell of one rotation: observations and metrics without what differs from run to run, as lines that
//! can stand side by side.

use std::fmt::Write;

use serde_json::Value;

/// One observation in a line: `connection_opened generation=1 resumed=false version=1.3`. Names of policies, hosts and
/// addresses, times and durations are left out, and so is what another TLS library negotiates.
///
/// # Panics
/// For what is no observation: it is a test's.
pub fn line(json: &str) -> String {
    let facts: Value = serde_json::from_str(json).expect("one JSON object");
    let mut line = facts["observation"].as_str().expect("its name").to_owned();
    for name in ["generation", "code", "state", "trust_reduced", "resumed", "version"] {
        match facts.get(name) {
            None => {}
            Some(Value::String(text)) => write!(line, " {name}={text}").expect("a String"),
            Some(value) => write!(line, " {name}={value}").expect("a String"),
        }
    }
    line
}

/// The lines of a rotation, without the changes of connectors, which are for gauges.
pub fn lines<'a>(documents: impl IntoIterator<Item = &'a str>) -> String {
    let lines = documents.into_iter().map(line).filter(|line| !line.starts_with("connector_changed"));
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

/// The samples of a text for Prometheus that are not 0, without durations, sessions and ends of certificates.
pub fn samples(text: &str) -> String {
    let mut samples = String::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.ends_with(" 0")) {
        if !["_seconds", "uptls_session"].iter().any(|part| line.contains(part)) {
            samples += line;
            samples.push('\n');
        }
    }
    samples
}
