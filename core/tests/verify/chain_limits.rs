//! V1, L13: a chain over the limits is refused before it is read; its content is never parsed.

use crate::support::memory::Watch;
use crate::support::world::{World, host, policy};
use rustls_pki_types::CertificateDer;
use uptls::Code;

/// So many times the leaf, and the most bytes that were held to judge it.
fn judge(times: usize) -> (Option<Code>, usize) {
    let world = World::new("limits");
    let prepared = world.runtime.prepare(&policy(world.spec())).unwrap();
    let mut chain = vec![CertificateDer::from_slice(world.leaf.der()); times];
    chain.push(CertificateDer::from_slice(world.pki.intermediate.der()));
    let watch = Watch::begin();
    let code = prepared.verify(&chain, Some(&host())).err().map(|rejection| rejection.code());
    (code, watch.peak())
}

#[test]
fn what_is_over_the_limits_is_not_parsed() {
    let (code, within) = judge(100);
    assert_eq!(code, None);
    let (code, beyond) = judge(2_000);
    assert_eq!(code, Some(Code::CertBudgetExceeded));
    // A refusal may keep what was sent, once; a hundred parsed certificates take more than that.
    assert!(beyond < within + 2_000 * 512, "{beyond} bytes for 2,000 certificates, {within} for 100");
}

/// Either limit is enough: these are too many certificates, and not too many bytes.
#[test]
fn what_is_over_one_limit_alone_is_not_parsed() {
    let World { leaf, pki, .. } = World::new("limits");
    assert!(128 * leaf.der().len() + pki.intermediate.der().len() <= 65_536, "{} bytes", leaf.der().len());
    let (code, within) = judge(127);
    assert_eq!(code, None);
    let (code, beyond) = judge(128);
    assert_eq!(code, Some(Code::CertBudgetExceeded));
    assert!(beyond < within / 2, "{beyond} bytes for 129 certificates, {within} for 128");
}
