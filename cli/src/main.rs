//! The command.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::from(uptls_cli::run(std::env::args_os()))
}
