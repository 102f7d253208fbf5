//! The verdict without a connection: `verify_offline POLICY CHAIN HOST RFC3339`, prints the report as JSON.
//!
//! The same policy, certificate and time give the same bytes from C, Python and the command.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use uptls::danger::DangerPermission;
use uptls::{Envelope, FixedClock, Report, Runtime};

fn main() -> ExitCode {
    match verify(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(report) => {
            let code = report.exit_code();
            println!("{}", Envelope::reports(vec![report]).to_json());
            ExitCode::from(code)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn verify(arguments: &[String]) -> Result<Report, Box<dyn Error>> {
    let [policy, chain, host, at] = arguments else {
        return Err("usage: verify_offline POLICY CHAIN HOST RFC3339".into());
    };
    let chain = std::fs::read(chain)?;
    // Time is a parameter: the verdict of yesterday can be had today.
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::parse(at)?).build();
    Ok(match uptls_manifest::prepare_file(&runtime, Path::new(policy), DangerPermission::Forbidden) {
        Ok(prepared) => prepared.report_pem(&chain, Some(host)),
        Err(problems) => Report::unusable(&problems, runtime.now_text()),
    })
}
