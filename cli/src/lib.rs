//! The command `uptls`: would this policy accept this upstream, and if not, which one thing must change?
//!
//! Results go to stdout, complaints to stderr. What is printed with `--json` and the exit codes are a contract: fields and
//! codes may be added, never changed.
#![forbid(unsafe_code)]

mod args;
mod check;
mod content;
mod demo;
mod describe;
mod expiry;
mod explain;
mod export;
mod fix;
mod import;
mod init;
mod input;
mod inspect;
mod options;
mod output;
mod print;
#[cfg(unix)]
mod proxy;
mod schema;
mod shared_args;
mod shell;
mod source;
mod target;
mod verify;

use std::ffi::OsString;

use clap::Parser;
use clap::error::ErrorKind;
use uptls::panic;

use crate::args::{Cli, Command};
use crate::print::CliError;

/// Runs the command with `args`, the name of the program first, and gives its exit code: 0 accepted or done, 1 the
/// policy refused the peer, 2 usage, policy or material, 3 could not connect, 4 the peer refused us, 5 internal.
pub fn run<I, T>(args: I) -> u8
where
    I: IntoIterator<Item = T>,
    T: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    print::set_color(cli.color);
    // Python calls this too: a panic ends the command, not its caller.
    let outcome = panic::catch(|| match cli.command.source().filter(|source| source.options.print_policy) {
        Some(source) => source.print_document(),
        None => dispatch(&cli.command),
    });
    let outcome =
        outcome.unwrap_or_else(|_| Err(CliError::internal("something that should not happen; please report it")));
    outcome.unwrap_or_else(|error| {
        print::print_error(&error.text);
        error.code
    })
}

fn dispatch(command: &Command) -> Result<u8, CliError> {
    match command {
        Command::Check(args) => check::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Describe(args) => describe::run(args),
        Command::Export(args) => export::run(args),
        Command::Import(args) => import::run(args),
        Command::Inspect(args) => inspect::run(args),
        #[cfg(unix)]
        Command::Proxy(args) => proxy::run(args),
        Command::Completions(args) => shell::completions(args),
        Command::Explain(args) => explain::run(args),
        Command::Init(args) => init::run(args),
        Command::Man(args) => shell::man(args),
        Command::Schema(args) => schema::run(args),
        Command::Verify(args) => verify::run(args),
    }
}

/// `--help` and `--version` are results, everything else here is a error.
fn usage(error: &clap::Error) -> u8 {
    let text = error.render().ansi().to_string();
    if error.use_stderr() {
        print::print_error(text.trim_end());
        if error.kind() == ErrorKind::MissingRequiredArgument && text.contains("--policy") {
            print::print_error(NO_POLICY);
        }
        return USAGE;
    }
    print::out(&text).map_or_else(|error| error.code, |()| 0)
}

const NO_POLICY: &str = "\nhint: uptls check payments.internal:8443 --ca ca.pem";
/// The exit code for what was called or written wrongly.
pub(crate) const USAGE: u8 = 2;
