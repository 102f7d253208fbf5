//! In which form a result is printed, and the order of exit codes.

use clap::{Args, ValueEnum};
use serde::Serialize;
use uptls::{Envelope, ProblemFacts};

use crate::print::{self, CliError};

/// In which form a result is printed.
#[derive(Args, Clone, Copy, Debug, Default)]
#[group(skip)]
pub(crate) struct OutputArgs {
    /// How to print the result: text, or documents of the schema that `uptls schema` prints. With json, ndjson and yaml stdout
    /// holds nothing else, and a failure is a document too.
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        default_value = "text",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) output: Format,
    /// The same as --output json.
    #[arg(long, conflicts_with_all = ["output", "ndjson"])]
    pub(crate) json: bool,
    /// The same as --output ndjson: one line for each result, as it comes.
    #[arg(long, conflicts_with = "output")]
    pub(crate) ndjson: bool,
}

/// A form of results.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// One document.
    Json,
    /// One document in one line for each result.
    Ndjson,
    /// The document of JSON as YAML.
    Yaml,
}

impl OutputArgs {
    pub(crate) fn format(self) -> Format {
        match self {
            Self { json: true, .. } => Format::Json,
            Self { ndjson: true, .. } => Format::Ndjson,
            Self { output, .. } => output,
        }
    }

    /// Prints results in this form, with `text` for people.
    pub(crate) fn print<T: Serialize>(
        self,
        envelope: Envelope<T>,
        text: impl FnOnce(&[T]) -> String,
    ) -> Result<(), CliError> {
        match self.format() {
            Format::Text => print::out(&text(&envelope.results)),
            Format::Ndjson if envelope.errors.is_empty() => {
                let schema = envelope.schema;
                envelope.results.into_iter().try_for_each(|result| line(&Envelope::new(schema, vec![result])))
            }
            Format::Ndjson => line(&envelope),
            format => document(format, &envelope),
        }
    }

    /// Says why there is no result: on stderr, or as a document of the schema that was asked for.
    pub(crate) fn fail(self, schema: &'static str, errors: Vec<ProblemFacts>, text: &str) -> Result<(), CliError> {
        if self.format() == Format::Text {
            print::print_error(text.trim_end());
            return Ok(());
        }
        self.print(Envelope::<()>::failed(schema, errors), |_| String::new())
    }
}

impl OutputArgs {
    /// A failure that has a code is a document, if documents are asked for.
    pub(crate) fn settle(self, schema: &'static str, outcome: Result<u8, CliError>) -> Result<u8, CliError> {
        match outcome {
            Err(error) if self.format() != Format::Text && !error.errors.is_empty() => {
                self.fail(schema, error.errors, "").map(|()| error.code)
            }
            outcome => outcome,
        }
    }
}

/// One document.
pub(crate) fn document<T: Serialize>(format: Format, envelope: &Envelope<T>) -> Result<(), CliError> {
    match format {
        Format::Yaml => print::out(&uptls_manifest::fix::to_yaml(&serde_json::to_value(envelope).unwrap_or_default())),
        _ => print::json(envelope),
    }
}

/// One line.
pub(crate) fn line<T: Serialize>(envelope: &Envelope<T>) -> Result<(), CliError> {
    print::out(&format!("{}\n", serde_json::to_string(envelope).unwrap_or_default()))
}

/// Of two exit codes the one that a caller must know: a refused peer is never hidden by another that is down.
pub(crate) fn worse(one: u8, other: u8) -> u8 {
    let rank = |code: u8| ORDER.iter().position(|known| *known == code).unwrap_or(0);
    if rank(other) < rank(one) { other } else { one }
}

/// The worst first.
const ORDER: [u8; 8] = [1, 4, 5, 2, 3, EXPIRING, INTERRUPTED, 0];
/// The exit code of a peer that is accepted and ends within `--fail-within`.
pub(crate) const EXPIRING: u8 = 6;
/// As a shell has it: 128 and the number of SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;
