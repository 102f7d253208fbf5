//! Name constraints on DNS names and addresses, in some two thousand chains.
//!
//! Each chain is judged by this library and by `oracle`, a reading of RFC 5280 section 4.2.1.10 that shares no line with it. The suite
//! must also find an oracle that errs: each of its flaws, one at a time, disagrees with the right reading somewhere.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, clippy::print_stdout, reason = "tests")]
#![allow(unreachable_pub, reason = "modules of one test")]

mod chains;
mod oracle;

use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission;
use uptls::{
    BackendHost, Code, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, Prepared, Runtime, TrustDraft,
    UpstreamTlsPolicy,
};
use uptls_testkit::NOW;

use chains::{Chain, chains};
use oracle::{Flaw, Verdict, judge};

#[test]
fn every_chain_is_judged_as_the_standard_reads() {
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.try_into().unwrap())).build();
    let (mut tally, mut wrong) = ([0_usize; 3], Vec::new());
    for chain in chains() {
        let wanted = judge(&chain.constraints(), &chain.leaf, &chain.host, Flaw::None);
        let code = verify(&prepare(&runtime, &chain), &chain);
        let said = match code {
            None => Some(Verdict::Accepted),
            Some(Code::CertNameConstraint) => Some(Verdict::Constrained),
            Some(Code::NameMismatch | Code::SanMissing | Code::SanTypeMismatch) => Some(Verdict::OtherName),
            Some(_) => None,
        };
        tally[wanted as usize] += 1;
        if said != Some(wanted) {
            wrong.push(format!("{}: {code:?} instead of {wanted:?}", chain.name()));
        }
    }
    let [accepted, constrained, other] = tally;
    println!("name constraints: {accepted} chains accepted, {constrained} constrained, {other} for another name");
    assert!(wrong.is_empty(), "{} of {:?}: {:#?}", wrong.len(), tally, &wrong[..wrong.len().min(40)]);
    assert!(accepted > 300 && constrained > 300 && other > 50, "{tally:?}");
}

/// Its negative twin.
#[test]
fn the_chains_tell_a_wrong_reading_from_the_right_one() {
    let chains = chains();
    for flaw in Flaw::ALL {
        let read = |chain: &&Chain, flaw| judge(&chain.constraints(), &chain.leaf, &chain.host, flaw);
        let found = chains.iter().filter(|chain| read(chain, *flaw) != read(chain, Flaw::None)).count();
        println!("{flaw:?}: {found} chains");
        assert!(found > 0, "no chain finds {flaw:?}");
    }
}

fn prepare(runtime: &Runtime, chain: &Chain) -> Arc<Prepared> {
    let bundles = vec![MaterialDraft::pem(chain.root.pem())];
    let spec = PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() };
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap();
    runtime.prepare(&policy).unwrap()
}

/// What the library says; `report` must say the same (V10).
fn verify(prepared: &Prepared, chain: &Chain) -> Option<Code> {
    let sent: Vec<_> = chain.sent.iter().map(|certificate| CertificateDer::from_slice(certificate.der())).collect();
    let host = BackendHost::parse(&chain.host).unwrap();
    let code = prepared.verify(&sent, Some(&host)).err().map(|rejection| rejection.code());
    assert_eq!(prepared.report(&sent, Some(&host)).code, code, "{}", chain.name());
    code
}
