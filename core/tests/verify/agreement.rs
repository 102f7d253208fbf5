//! verify() and explain() are one verifier: same verdict, same first code (architecture rule 1), for chains of any shape.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::as_conversions, reason = "tests")]

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission;
use uptls::{
    BackendHost, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, Prepared, Runtime, SanDraft, TrustDraft,
    UpstreamTlsPolicy,
};
use uptls_testkit::{CLIENT_AUTH, Certificate, DAY, Key, NOW, Pki, San, Template};

/// Certificates of many shapes, in no order.
static POOL: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let pki = Pki::new("agreement");
    let other = Pki::new("strangers");
    let good = pki.leaf(&[San::dns("a.test"), San::uri("spiffe://prod/a")]);
    let issue = |template: Template| template.issued_by(&pki.intermediate, &Key::p256("agreement leaf"));
    let a = [San::dns("a.test")];
    vec![
        good.clone(),
        pki.intermediate.clone(),
        pki.root.clone(),
        other.root.clone(),
        other.leaf(&a),
        good.with_tampered_signature(),
        issue(Template::leaf("expired").with_sans(&a).with_validity(NOW - 9 * DAY, NOW - DAY)),
        issue(Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf("client").with_sans(&a) }),
        issue(Template { key_usage: Some(Vec::new()), ..Template::leaf("unusable").with_sans(&a) }),
        issue(Template::leaf("common name only")),
        issue(Template::leaf("two").with_sans(&[San::uri("spiffe://prod/a"), San::uri("spiffe://prod/b")])),
        Template::leaf("self-signed").with_sans(&a).self_signed(&Key::p256("self")),
        Template::ca("self-signed CA").with_sans(&a).self_signed(&Key::p256("self CA")),
        pki.leaf(&[San::dns("*.test")]),
    ]
});

static POLICIES: LazyLock<Vec<Arc<Prepared>>> = LazyLock::new(|| {
    let pki = Pki::new("agreement");
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
    let sans = |sans: &[SanDraft]| PolicySpec { subject_alt_names: sans.to_vec(), ..PolicySpec::default() };
    let specs = [
        sans(&[]),
        sans(&[SanDraft::dns("b.test"), SanDraft::uri("spiffe://prod/a")]),
        sans(&[SanDraft::spiffe_trust_domain("prod")]),
        PolicySpec { spki_pins: vec!["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()], ..sans(&[]) },
    ];
    let prepare = |(bundle, spec): (&str, PolicySpec)| {
        let trust = TrustDraft { bundles: vec![MaterialDraft::pem(bundle)], ..TrustDraft::default() };
        let draft = PolicyDraft::new(PolicySpec { trust, ..spec });
        runtime.prepare(&UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap()).unwrap()
    };
    let itself = format!("{}{}", pki.root.pem(), POOL[11].pem());
    let bundles = [pki.root.pem(), itself];
    bundles
        .iter()
        .flat_map(|bundle| specs.iter().map(|spec| prepare((bundle, spec.clone()))).collect::<Vec<_>>())
        .collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn verify_and_report_agree(
        chain in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
        policy in any::<prop::sample::Index>(),
        broken in proptest::option::of((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut ders: Vec<Vec<u8>> = chain.iter().map(|index| index.get(&POOL).der().to_vec()).collect();
        if let (Some((certificate, place, byte)), false) = (broken, ders.is_empty()) {
            let der = &mut ders[certificate.index(chain.len())];
            let at = place.index(der.len());
            der[at] = byte;
        }
        let ders: Vec<CertificateDer<'_>> = ders.iter().map(|der| CertificateDer::from_slice(der)).collect();
        let prepared = policy.get(&POLICIES);
        let host = BackendHost::parse("a.test").unwrap();
        let verified = prepared.verify(&ders, Some(&host));
        let report = prepared.report(&ders, Some(&host));
        prop_assert_eq!(verified.is_ok(), report.accepted());
        prop_assert_eq!(verified.err().map(|rejection| rejection.code()), report.code);
        let first = report.steps.iter().find_map(|step| step.code);
        prop_assert_eq!(first, report.code);
    }
}

#[test]
fn the_pool_has_acceptances_and_refusals() {
    let host = BackendHost::parse("a.test").unwrap();
    let accepted = |chain: &[usize]| {
        let ders: Vec<_> = chain.iter().map(|index| CertificateDer::from_slice(POOL[*index].der())).collect();
        POLICIES.iter().filter(|prepared| prepared.verify(&ders, Some(&host)).is_ok()).count()
    };
    assert_eq!(accepted(&[0, 1]), 6);
    assert_eq!(accepted(&[0]), 0);
    assert_eq!(accepted(&[11]), 1);
}
