//! `uptls explain`: what a code means, from the one table of errors.

use clap::Args;
use uptls::{Code, WarningCode};

use crate::USAGE;
use crate::args::help;
use crate::print::{self, CliError, printable};

/// Say what a code of an error or a warning means, and what to do about it.
///
/// Without a code it lists all of them.
#[derive(Args, Debug)]
#[command(after_help = help("uptls explain name_mismatch
  uptls explain 601
  uptls explain"))]
pub(crate) struct ExplainArgs {
    /// The name or the number of an error, or the name of a warning.
    #[arg(value_name = "CODE")]
    code: Option<String>,
}

pub(crate) fn run(args: &ExplainArgs) -> Result<u8, CliError> {
    let text = match &args.code {
        None => Code::ALL
            .iter()
            .map(|code| format!("{:<4} {:<28} {}\n", code.number(), code.as_str(), code.meaning()))
            .collect(),
        Some(given) => one(given).ok_or_else(|| unknown(given))?,
    };
    print::out(&text).map(|()| 0)
}

fn one(given: &str) -> Option<String> {
    let number = given.parse::<u16>().ok();
    let error = Code::ALL.iter().find(|code| code.as_str() == given || Some(code.number()) == number);
    error.map(|code| of_error(*code)).or_else(|| of_warning(given))
}

fn of_error(code: Code) -> String {
    let mut text = format!("{} ({})\n\n{}\n{}\n\n", code, code.number(), code.meaning(), code.remedy());
    let alert = code.alert().map_or("none", uptls::Alert::as_str);
    for (name, value) in [
        ("category", code.category().as_str().to_owned()),
        ("severity", code.severity().as_str().to_owned()),
        ("alert", alert.to_owned()),
        ("exit code", code.exit_code().to_string()),
    ] {
        text.push_str(&format!("{name:<10} {value}\n"));
    }
    text
}

fn of_warning(given: &str) -> Option<String> {
    let code = WarningCode::ALL.iter().find(|code| code.as_str() == given)?;
    Some(format!("{code}\n\n{}\n\nA warning is no verdict: the exit code stays.\n", sentence(code.meaning())))
}

fn sentence(clause: &str) -> String {
    let mut characters = clause.chars();
    let first = characters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(characters).chain(['.']).collect()
}

fn unknown(given: &str) -> CliError {
    let text = format!("{} is no code; `uptls explain` lists all of them", printable(given));
    CliError::new(USAGE, text)
}
