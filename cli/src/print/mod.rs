//! All that is printed goes through here: results to stdout, complaints to stderr, colour only on a terminal.

pub(crate) mod certificate;
pub(crate) mod demo;
pub(crate) mod import;
pub(crate) mod policy;
pub(crate) mod report;
mod table;
mod time;
mod tree;

use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use serde_json::Value;
pub(crate) use uptls::printable;
use uptls::{Envelope, Warning};

use crate::USAGE;

/// Why there is no result, and the exit code for it.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) code: u8,
    pub(crate) text: String,
}

impl CliError {
    /// `text` may hold what came from outside only if it is escaped.
    pub(crate) fn new(code: u8, text: impl AsRef<str>) -> Self {
        Self { code, text: format!("{}: {}", paint(BAD, "error"), text.as_ref()) }
    }

    pub(crate) fn internal(text: impl AsRef<str>) -> Self {
        Self::new(INTERNAL, text)
    }

    pub(crate) fn unreadable(path: &Path, reason: &io::Error) -> Self {
        Self::new(USAGE, format!("cannot read {}: {reason}", printable(&path.display().to_string())))
    }
}

/// Prints a result.
pub(crate) fn out(text: &str) -> Result<(), CliError> {
    let mut stdout = anstream::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // The reader has closed the pipe: it has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(CliError::internal(format!("cannot print: {error}"))),
        Ok(()) => Ok(()),
    }
}

/// Prints a JSON document.
pub(crate) fn json<T: serde::Serialize>(envelope: &Envelope<T>) -> Result<(), CliError> {
    out(&format!("{}\n", envelope.to_json()))
}

/// Prints a error.
pub(crate) fn print_error(text: &str) {
    let mut stderr = anstream::stderr().lock();
    // There is no reader left to tell.
    let _ = writeln!(stderr, "{text}");
}

/// A error that changes nothing; `text` is escaped already.
pub(crate) fn warning(text: &str) -> String {
    format!("{}: {text}", paint(ODD, "warning"))
}

/// `text` in a style; stripped where it is not wanted.
fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// How a code or an outcome is spelled in JSON is how it is spelled here.
pub(crate) fn spelled<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(text)) => text,
        _ => String::new(),
    }
}

pub(crate) fn warnings(warnings: &[Warning]) -> String {
    let mut text = String::new();
    for warning in warnings {
        text.push_str(&format!("  {} {} {warning}\n", paint(ODD, "warn "), spelled(&warning.code)));
    }
    text
}

const BAD: Style = AnsiColor::Red.on_default().bold();
const FAINT: Style = Style::new().dimmed();
const GOOD: Style = AnsiColor::Green.on_default().bold();
const LOUD: Style = Style::new().bold();
const ODD: Style = AnsiColor::Yellow.on_default().bold();

const INTERNAL: u8 = 5;
