//! The README's program: one policy, one certificate, one report.
#![allow(clippy::print_stdout, reason = "a program")]

use std::path::Path;

use uptls::danger::DangerPermission;
use uptls::{Envelope, FixedClock, Runtime};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(1_795_392_000)).build();
    let policy = Path::new("examples/refused/policy.yaml");
    let policy = uptls_manifest::prepare_file(&runtime, policy, DangerPermission::Forbidden)?;
    let report = policy.report_pem(&std::fs::read("examples/refused/chain.pem")?, Some("payments.internal"));
    println!("{}", Envelope::reports(vec![report]).to_json());
    Ok(())
}
