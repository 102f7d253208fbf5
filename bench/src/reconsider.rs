//! What it takes to judge the open connections again (R11): `reconsider CONNECTIONS CHAINS`, one JSON line.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot set itself up has no figures")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::CertificateDer;
use uptls::danger::DangerPermission;
use uptls::{
    BackendHost, Connector, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, Runtime, TrustDraft, UpstreamTlsPolicy,
    VerifiedPeer,
};
use uptls_testkit::{NOW, Pki, San};

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let [connections, chains] = numbers.as_slice() else {
        eprintln!("usage: reconsider CONNECTIONS CHAINS");
        return ExitCode::from(2);
    };
    let (kept, gone) = (Pki::new("kept"), Pki::new("gone"));
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
    let connector = Connector::new(&runtime, &policy(&[&kept, &gone])).expect("a sound policy");
    let host = BackendHost::parse("payments.internal").unwrap();
    let peers: Vec<Arc<VerifiedPeer>> = (0..*chains)
        .map(|number| {
            let pki = if number % 2 == 0 { &kept } else { &gone };
            let leaf = pki.leaf(&[San::dns("payments.internal"), San::dns(&format!("n{number}.internal"))]);
            let chain = pki.chain(&leaf);
            let chain: Vec<_> = chain.iter().map(|der| CertificateDer::from_slice(der)).collect();
            Arc::new(connector.prepared().unwrap().verify(&chain, Some(&host)).expect("a sound chain"))
        })
        .collect();
    let noted = Instant::now();
    let open: Vec<_> = (0..*connections).map(|number| connector.opened(&host, &peers[number % chains])).collect();
    let noted = noted.elapsed();
    connector.update(&policy(&[&kept])).expect("a sound policy");
    let begun = Instant::now();
    let reconsidered = connector.reconsider().expect("a policy");
    let took = begun.elapsed();
    let figures = serde_json::json!({
        "open": open.len(),
        "judged": reconsidered.judged,
        "refused": reconsidered.refused.len(),
        "reconsider_ms": took.as_millis(),
        "note_ns": noted.as_nanos() / u128::try_from(open.len().max(1)).unwrap(),
    });
    println!("{figures}");
    ExitCode::SUCCESS
}

fn policy(trusted: &[&Pki]) -> UpstreamTlsPolicy {
    let bundles = trusted.iter().map(|pki| MaterialDraft::pem(pki.root.pem())).collect();
    let trust = TrustDraft { bundles, ..TrustDraft::default() };
    let spec = PolicySpec { server_name: Some("payments.internal".to_owned()), trust, ..PolicySpec::default() };
    UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).expect("a sound policy")
}
