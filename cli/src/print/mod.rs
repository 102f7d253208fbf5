//! All that is printed goes through here: results to stdout, complaints to stderr, colour only on a terminal.

pub(crate) mod certificate;
pub(crate) mod demo;
pub(crate) mod import;
pub(crate) mod policy;
pub(crate) mod report;
pub(crate) mod review;
mod table;
mod time;
mod tree;

use std::io::{self, Write};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use clap::ColorChoice;
use serde_json::Value;
pub(crate) use uptls::printable;
use uptls::{Code, Envelope, ProblemFacts, Problems, Warning};

use crate::USAGE;

/// Why there is no result, and the exit code for it.
#[derive(Debug)]
pub(crate) struct CliError {
    pub(crate) code: u8,
    /// The same for programs; empty where the call itself is wrong.
    pub(crate) errors: Vec<ProblemFacts>,
    pub(crate) text: String,
}

impl CliError {
    /// `text` may hold what came from outside only if it is escaped.
    pub(crate) fn new(code: u8, text: impl AsRef<str>) -> Self {
        Self { code, errors: Vec::new(), text: format!("{}: {}", paint(BAD, "error"), text.as_ref()) }
    }

    /// A result of its own: there is none, for a reason with a code.
    pub(crate) fn coded(code: Code, text: impl AsRef<str>) -> Self {
        let errors = vec![ProblemFacts::failure(code, text.as_ref().to_owned())];
        Self { errors, ..Self::new(code.exit_code(), text) }
    }

    /// What is wrong with documents, which `text` says.
    pub(crate) fn problems(problems: &Problems, text: impl AsRef<str>) -> Self {
        Self { errors: problems.iter().map(ProblemFacts::new).collect(), ..Self::new(USAGE, text) }
    }

    pub(crate) fn internal(text: impl AsRef<str>) -> Self {
        Self::new(INTERNAL, text)
    }

    pub(crate) fn unreadable(path: &Path, reason: &io::Error) -> Self {
        Self::coded(
            Code::DocumentUnreadable,
            format!("cannot read {}: {reason}", printable(&path.display().to_string())),
        )
    }
}

/// Whether what is printed from now on is coloured.
pub(crate) fn set_color(choice: ColorChoice) {
    let choice = match choice {
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
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

/// What a failure begins with.
pub(crate) fn failure() -> String {
    paint(BAD, "FAIL ")
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
