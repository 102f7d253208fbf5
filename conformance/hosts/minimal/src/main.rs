//! A host without system roots and encrypted keys: `uptls-host-minimal CA HOST` prints the fingerprint of its policy.
#![allow(clippy::print_stdout, reason = "a program")]

use uptls::danger::DangerPermission;
use uptls::{MaterialDraft, PolicyDraft, PolicySpec, Runtime, TrustDraft, UpstreamTlsPolicy};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(ca), Some(host)) = (arguments.next(), arguments.next()) else { return Err("wanted: CA HOST".into()) };
    let trust = TrustDraft { bundles: vec![MaterialDraft::file(ca)], ..TrustDraft::default() };
    let spec = PolicySpec { server_name: Some(host), trust, ..PolicySpec::default() };
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden)?;
    let prepared = Runtime::new(uptls::ring::provider()).prepare(&policy)?;
    println!("{}", prepared.fingerprint().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    Ok(())
}
