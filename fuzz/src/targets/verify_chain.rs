//! Bytes as a chain, each certificate behind its length in two bytes, by true signatures: `verify` and `report` always agree.

use std::sync::{Arc, LazyLock};

use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission::Forbidden;
use uptls::{FixedClock, Prepared, Runtime};

use super::chain::agree;
use crate::texts;

static PREPARED: LazyLock<Arc<Prepared>> = LazyLock::new(|| {
    let runtime = Runtime::builder(uptls::ring::provider()).clock(FixedClock::at(1_795_392_000)).build();
    uptls_manifest::prepare(&runtime, include_bytes!("../../policy.json"), "policy.json", None, Forbidden).unwrap()
});

pub fn run(bytes: &[u8]) {
    let mut chain = Vec::new();
    let mut rest = bytes;
    while let [high, low, behind @ ..] = rest {
        let (certificate, next) = behind.split_at(behind.len().min(usize::from(*high) << 8 | usize::from(*low)));
        chain.push(CertificateDer::from(certificate));
        rest = next;
    }
    let (verdict, report) = (PREPARED.verify(&chain, None), PREPARED.report(&chain, None));
    agree(&verdict, &report);
    texts::check_report(&report);
    if let Err(rejection) = verdict {
        texts::check_rejection(&rejection);
    }
}
