//! The order in which a path is looked for (V2): the budget of signatures must not run out on issuers that are unlikely, when one
//! that fits is trusted beside them (L2).

use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission;
use uptls::{
    BackendHost, Code, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, Runtime, TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{Certificate, Key, NOW, San, Template};

/// Four times as many as may be tried.
const CROWD: usize = 200;

/// A root of one name for all, with or without its key identifier.
fn root(key: &str, subject_key_id: bool) -> Certificate {
    Template { subject_key_id, ..Template::ca("crowd") }.self_signed(&Key::p256(key))
}

fn crowd(subject_key_id: bool) -> Vec<Certificate> {
    (0..CROWD).map(|number| root(&format!("crowd {number}"), subject_key_id)).collect()
}

/// The verdict on a leaf, which names its issuer's key, with these trusted in this order.
fn verdict(issuer: &Certificate, trusted: &[Certificate]) -> Result<(), Code> {
    let clock = FixedClock::at(NOW.unsigned_abs());
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build();
    let bundles = vec![MaterialDraft::pem(trusted.iter().map(Certificate::pem).collect::<String>())];
    let spec = PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() };
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap();
    let leaf = Template::leaf("leaf").with_sans(&[San::dns("pay.test")]).issued_by(issuer, &Key::p256("leaf"));
    let host = BackendHost::parse("pay.test").unwrap();
    let peer = runtime.prepare(&policy).unwrap().verify(&[CertificateDer::from_slice(leaf.der())], Some(&host));
    peer.map(|_| ()).map_err(|rejection| rejection.code())
}

#[test]
fn the_wanted_key_goes_before_those_that_name_none() {
    let issuer = root("the issuer", true);
    let mut trusted = crowd(false);
    assert!(verdict(&issuer, &trusted).is_err());
    trusted.push(issuer.clone());
    assert_eq!(verdict(&issuer, &trusted), Ok(()));
}

#[test]
fn a_key_without_a_name_goes_before_those_with_another() {
    let issuer = root("the issuer", false);
    let mut trusted = crowd(true);
    assert!(verdict(&issuer, &trusted).is_err());
    trusted.push(issuer.clone());
    assert_eq!(verdict(&issuer, &trusted), Ok(()));
}
