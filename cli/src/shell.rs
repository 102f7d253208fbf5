//! `uptls completions` and `uptls man`: the command for shells and for man, from the same options as `--help`.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::USAGE;
use crate::args::{Cli, help};
use crate::print::{self, CliError, printable};

/// Print the completions for a shell.
#[derive(Args, Debug)]
#[command(after_help = help("uptls completions bash > /etc/bash_completion.d/uptls
  uptls completions zsh > ~/.zfunc/_uptls"))]
pub(crate) struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Write a man page for the command and for each subcommand.
#[derive(Args, Debug)]
#[command(after_help = help("uptls man /usr/local/share/man/man1"))]
pub(crate) struct ManArgs {
    /// The folder for uptls.1, uptls-check.1 and the others. It must exist.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<u8, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "uptls", &mut text);
    print::out(&String::from_utf8_lossy(&text)).map(|()| 0)
}

pub(crate) fn man(args: &ManArgs) -> Result<u8, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(USAGE, format!("cannot write to {}: {error}", printable(&args.folder.display().to_string())))
    };
    clap_mangen::generate_to(Cli::command(), &args.folder).map(|()| 0).map_err(failed)
}
