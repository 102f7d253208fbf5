//! Octets as a chain, each certificate behind its length in two octets: `verify` and `explain` always agree.
#![no_main]

use std::sync::{Arc, LazyLock};

use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission::Forbidden;
use uptls::{FixedClock, Prepared, Runtime};

static PREPARED: LazyLock<Arc<Prepared>> = LazyLock::new(|| {
    let runtime = Runtime::builder(uptls::ring::provider()).clock(FixedClock::at(1_795_392_000)).build();
    uptls_manifest::prepare(&runtime, include_bytes!("../policy.json"), "policy.json", None, Forbidden).unwrap()
});

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let mut chain = Vec::new();
    let mut rest = octets;
    while let [high, low, behind @ ..] = rest {
        let (certificate, next) = behind.split_at(behind.len().min(usize::from(*high) << 8 | usize::from(*low)));
        chain.push(CertificateDer::from(certificate));
        rest = next;
    }
    let (verified, report) = (PREPARED.verify(&chain, None), PREPARED.explain(&chain, None));
    assert_eq!(verified.as_ref().err().map(|rejection| rejection.code()), report.code);
    assert_eq!(verified.is_ok(), report.accepted());
});
