//! `verify` and `report` are one verifier (architecture rule 1), for every vector whose policy can be used.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::print_stdout, reason = "how much was compared")]

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use uptls::{BackendHost, Outcome, StepName, Verdict};
use uptls_conformance::committed::Committed;

#[test]
fn verify_and_report_agree() {
    let (mut accepted, mut rejected) = (0, 0);
    for case in Committed::all() {
        let (name, permission) = (&case.case.document, case.permission());
        let text = case.file(name);
        let runtime = case.runtime();
        let prepared = uptls_manifest::prepare(&runtime, &text, name, Some(&case.folder), permission);
        let (Ok(prepared), Ok(host)) = (prepared, case.case.host.as_deref().map(BackendHost::parse).transpose()) else {
            continue;
        };
        let pem = case.file("chain.pem");
        let Ok(chain) = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>() else { continue };
        let report = prepared.report(&chain, host.as_ref());
        match prepared.verify(&chain, host.as_ref()) {
            Ok(peer) => {
                accepted += 1;
                assert!(report.accepted(), "{}", case.name);
                assert_eq!(report.code, None, "{}", case.name);
                assert!(report.steps.iter().all(|step| step.outcome != Outcome::Fail), "{}", case.name);
                let step = report.steps.iter().find(|step| step.step == StepName::Name).expect("every step is there");
                assert_eq!(peer.matched_name(), step.detail.get("matched").map(String::as_str), "{}", case.name);
            }
            // Without a name to look for there is nothing to explain, and no peer to accept.
            Err(_) if report.verdict == Verdict::Error => assert_eq!(report.code, Some(uptls::Code::NameMissing)),
            Err(rejection) => {
                rejected += 1;
                assert_eq!(report.verdict, Verdict::Rejected, "{}", case.name);
                assert_eq!(report.code, Some(rejection.code()), "{}", case.name);
                assert_eq!(report.message, Some(rejection.to_string()), "{}", case.name);
                assert_eq!(report.hint, Some(rejection.hint()), "{}", case.name);
                let first = report.steps.iter().find(|step| step.outcome == Outcome::Fail).expect("a step failed");
                assert_eq!(first.code, report.code, "{}", case.name);
            }
        }
    }
    println!("agreement: {accepted} accepted and {rejected} rejected by verify and explain alike");
    assert!(accepted > 50 && rejected > 100, "{accepted} accepted, {rejected} rejected");
}
