//! The fingerprint covers every field and all material that can change a verdict or a handshake (R9), and nothing else.

use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{
    AlpnDraft, DangerDraft, FixedClock, IdentityDraft, MaterialDraft, PolicyDraft, PolicySpec, Prepared, ReasonDraft,
    RevocationDraft, Runtime, SanDraft, Secret, SecretDraft, SystemTrustDraft, TolerationDraft, TrustDraft,
    UpstreamTlsPolicy, VersionsDraft,
};
use uptls_testkit::{CrlTemplate, NOW, Pki, San, chain_pem, crl_pem};

fn runtime() -> Runtime {
    Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build()
}

fn prepare(runtime: &Runtime, spec: PolicySpec, name: &str) -> Arc<Prepared> {
    let draft = PolicyDraft::new(spec).with_name(name);
    runtime.prepare(&UpstreamTlsPolicy::check(draft, DangerPermission::Allowed).unwrap()).unwrap()
}

fn base(pki: &Pki) -> PolicySpec {
    let trust = TrustDraft { bundles: vec![MaterialDraft::pem(pki.root.pem())], ..TrustDraft::default() };
    PolicySpec { trust, ..PolicySpec::default() }
}

fn identity(pki: &Pki, name: &str) -> IdentityDraft {
    let leaf = pki.client(&[San::dns(name)]);
    IdentityDraft {
        certificate: Some(MaterialDraft::pem(chain_pem(&[&leaf, &pki.intermediate]))),
        key: Some(SecretDraft::pem(Secret::new(leaf.key().pkcs8_pem()))),
        passphrase: None,
    }
}

/// One policy for each field, differing from the base in that field alone.
fn variants(pki: &Pki) -> Vec<(&'static str, PolicySpec)> {
    let bundles = |bundles: Vec<String>| TrustDraft {
        bundles: bundles.into_iter().map(MaterialDraft::pem).collect(),
        ..TrustDraft::default()
    };
    let other_root = Pki::new("another").root.pem();
    let root = pki.root.pem();
    let danger = |danger: DangerDraft| PolicySpec { danger, ..base(pki) };
    let reason = || ReasonDraft { reason: "test".to_owned() };
    let tolerate = |rule: &str| DangerDraft {
        tolerate: vec![TolerationDraft { reason: "test".to_owned(), rule: rule.to_owned(), until: None }],
        ..DangerDraft::default()
    };
    let until = |time: &str| {
        let mut danger = tolerate("key_usage");
        danger.tolerate[0].until = Some(time.to_owned());
        danger
    };
    let with = |change: fn(&mut PolicySpec)| {
        let mut spec = base(pki);
        change(&mut spec);
        spec
    };
    vec![
        ("base", base(pki)),
        ("alpn", with(|s| s.alpn.protocols = vec!["h2".to_owned()])),
        ("alpn required", with(|s| s.alpn = AlpnDraft { protocols: vec!["h2".to_owned()], required: true })),
        (
            "cipher suites",
            with(|s| {
                s.cipher_suites = vec!["TLS_AES_128_GCM_SHA256".into(), "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256".into()]
            }),
        ),
        ("groups", with(|s| s.groups = vec!["secp256r1".to_owned()])),
        ("timeout", with(|s| s.handshake_timeout = Some("9s".to_owned()))),
        ("resumption", with(|s| s.resumption = Some(false))),
        ("server name", with(|s| s.server_name = Some("a.test".to_owned()))),
        ("another server name", with(|s| s.server_name = Some("b.test".to_owned()))),
        ("spki pins", with(|s| s.spki_pins = vec!["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()])),
        ("dns san", with(|s| s.subject_alt_names = vec![SanDraft::dns("a.test")])),
        ("uri san", with(|s| s.subject_alt_names = vec![SanDraft::uri("spiffe://a.test/x")])),
        ("trust domain", with(|s| s.subject_alt_names = vec![SanDraft::spiffe_trust_domain("a.test")])),
        ("path prefix", with(|s| s.subject_alt_names = vec![SanDraft::spiffe("a.test", "/x")])),
        ("another path prefix", with(|s| s.subject_alt_names = vec![SanDraft::spiffe("a.test", "/y")])),
        ("bundle's domain", with(|s| s.trust.bundles[0].trust_domain = Some("a.test".to_owned()))),
        ("bundle's other domain", with(|s| s.trust.bundles[0].trust_domain = Some("b.test".to_owned()))),
        ("system's domain", with(|s| system_of(s, "a.test"))),
        ("system's other domain", with(|s| system_of(s, "b.test"))),
        ("versions", with(|s| s.versions = VersionsDraft { min: Some("1.3".to_owned()), max: None })),
        ("system", with(|s| s.trust.system = SystemTrustDraft::Mozilla)),
        ("pinned certificate", with(|s| s.trust.pinned_certificates = vec!["00".repeat(32)])),
        ("pinned key", with(|s| s.trust.pinned_keys = vec!["AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned()])),
        ("another root", PolicySpec { trust: bundles(vec![other_root.clone()]), ..base(pki) }),
        ("two roots", PolicySpec { trust: bundles(vec![root, other_root]), ..base(pki) }),
        ("two groups", with(|s| s.groups = vec!["secp256r1".to_owned(), "X25519".to_owned()])),
        ("two groups the other way", with(|s| s.groups = vec!["X25519".to_owned(), "secp256r1".to_owned()])),
        ("identity", PolicySpec { identity: Some(identity(pki, "one.test")), ..base(pki) }),
        ("another identity", PolicySpec { identity: Some(identity(pki, "two.test")), ..base(pki) }),
        ("any name", danger(DangerDraft { accept_any_name: Some(reason()), ..DangerDraft::default() })),
        (
            "any certificate",
            PolicySpec {
                trust: TrustDraft::default(),
                ..danger(DangerDraft { accept_any_certificate: Some(reason()), ..DangerDraft::default() })
            },
        ),
        ("tolerated key usage", danger(tolerate("key_usage"))),
        ("tolerated common name", danger(tolerate("common_name"))),
        ("tolerated until", danger(until("2027-01-01T00:00:00Z"))),
        ("tolerated for longer", danger(until("2028-01-01T00:00:00Z"))),
    ]
}

/// The same of lists: one policy for each thing that decides.
fn list_variants(pki: &Pki) -> Vec<(&'static str, PolicySpec)> {
    let list = |revoked: &[&uptls_testkit::Certificate]| {
        vec![MaterialDraft::pem(crl_pem(&CrlTemplate::new(revoked).issued_by(&pki.root)))]
    };
    let with = |crls: Vec<MaterialDraft>, unknown: &str, depth: &str| PolicySpec {
        revocation: Some(RevocationDraft { crls, depth: Some(depth.to_owned()), unknown: Some(unknown.to_owned()) }),
        ..base(pki)
    };
    vec![
        ("revocation", with(list(&[]), "deny", "chain")),
        ("revocation of leaves", with(list(&[]), "deny", "leaf")),
        ("unknown allowed", with(list(&[]), "allow", "chain")),
        ("another list", with(list(&[&pki.intermediate]), "deny", "chain")),
    ]
}

fn system_of(spec: &mut PolicySpec, domain: &str) {
    spec.trust.system = SystemTrustDraft::Mozilla;
    spec.trust.system_trust_domain = Some(domain.to_owned());
}

#[test]
fn every_field_and_every_material_changes_the_fingerprint() {
    let pki = Pki::new("fingerprint");
    let runtime = runtime();
    let prepared: Vec<_> = variants(&pki)
        .into_iter()
        .chain(list_variants(&pki))
        .map(|(name, spec)| (name, prepare(&runtime, spec, "p")))
        .collect();
    for (index, (name, one)) in prepared.iter().enumerate() {
        for (other_name, other) in prepared.iter().take(index) {
            assert_ne!(one.fingerprint(), other.fingerprint(), "{name} and {other_name}");
        }
    }
}

/// The provider decides, too: a runtime whose provider verifies fewer signatures is another one.
#[test]
fn the_provider_changes_the_fingerprint() {
    let pki = Pki::new("fingerprint");
    let mut narrow = uptls::aws_lc_rs::provider().as_ref().clone();
    let all = narrow.signature_verification_algorithms;
    narrow.signature_verification_algorithms = rustls::crypto::WebPkiSupportedAlgorithms {
        all: all.all,
        mapping: all.mapping.get(..all.mapping.len() - 1).unwrap(),
    };
    let narrow = Runtime::builder(Arc::new(narrow)).clock(FixedClock::at(NOW.unsigned_abs())).build();
    assert_ne!(prepare(&runtime(), base(&pki), "p").fingerprint(), prepare(&narrow, base(&pki), "p").fingerprint());
    assert_eq!(prepare(&runtime(), base(&pki), "p").fingerprint(), prepare(&runtime(), base(&pki), "p").fingerprint());
}

/// L5: the same thing twice is the same thing.
#[test]
fn what_is_given_twice_is_given_once() {
    let pki = Pki::new("fingerprint");
    let runtime = runtime();
    let list = || MaterialDraft::pem(crl_pem(&CrlTemplate::new(&[]).issued_by(&pki.root)));
    let of = |crls: Vec<MaterialDraft>| {
        let revocation = Some(RevocationDraft { crls, ..RevocationDraft::default() });
        *prepare(&runtime, PolicySpec { revocation, ..base(&pki) }, "p").fingerprint()
    };
    assert_eq!(of(vec![list()]), of(vec![list(), list()]));
    let other = MaterialDraft::pem(crl_pem(&CrlTemplate::new(&[&pki.intermediate]).issued_by(&pki.root)));
    assert_ne!(of(vec![list()]), of(vec![list(), other]));
}

#[test]
fn names_order_and_packing_do_not_change_it() {
    let pki = Pki::new("fingerprint");
    let other = Pki::new("another");
    let runtime = runtime();
    let fingerprint = |bundles: Vec<String>, name: &str| {
        let bundles = bundles.into_iter().map(MaterialDraft::pem).collect();
        let spec = PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..base(&pki) };
        *prepare(&runtime, spec, name).fingerprint()
    };
    let (a, b) = (pki.root.pem(), other.root.pem());
    let wanted = fingerprint(vec![a.clone(), b.clone()], "one");
    assert_eq!(fingerprint(vec![b.clone(), a.clone()], "two"), wanted);
    assert_eq!(fingerprint(vec![format!("{b}\n# both\n{a}{a}")], "three"), wanted);
}

/// T9, R9: which content is of which trust domain, in both digests.
#[test]
fn an_exchange_of_trust_domains_changes_it_and_their_order_does_not() {
    let (a, b) = (Pki::new("fingerprint").root.pem(), Pki::new("another").root.pem());
    let runtime = runtime();
    let digests = |bundles: &[(&str, &str)]| {
        let bundles = bundles.iter().map(|(domain, pem)| MaterialDraft::pem(*pem).of_trust_domain(*domain)).collect();
        let trust = TrustDraft { bundles, ..TrustDraft::default() };
        let prepared = prepare(&runtime, PolicySpec { trust, ..PolicySpec::default() }, "one");
        (*prepared.fingerprint(), prepared.policy().spec_digest())
    };
    let wanted = digests(&[("a", &a), ("b", &b)]);
    let exchanged = digests(&[("b", &a), ("a", &b)]);
    assert!(wanted.0 != exchanged.0 && wanted.1 != exchanged.1);
    assert_eq!(digests(&[("b", &b), ("a", &a)]).0, wanted.0);
    assert_eq!(digests(&[("b", &b), ("a", &a), ("a", &a)]).0, wanted.0);
    assert_ne!(digests(&[("a", &a), ("b", &b), ("b", &a)]).0, wanted.0);
}

#[test]
fn each_policy_reports_its_own_name() {
    let pki = Pki::new("fingerprint");
    let runtime = runtime();
    let (one, two) = (prepare(&runtime, base(&pki), "one"), prepare(&runtime, base(&pki), "two"));
    assert_eq!(one.fingerprint(), two.fingerprint());
    let leaf = pki.leaf(&[San::dns("a.test")]);
    let chain = chain_pem(&[&leaf, &pki.intermediate]);
    for (prepared, name) in [(one, "one"), (two, "two")] {
        let report = prepared.report_pem(chain.as_bytes(), Some("a.test"));
        assert!(report.accepted());
        assert_eq!(report.policy.name.as_deref(), Some(name));
    }
}

#[test]
fn equal_material_is_one_object_in_memory() {
    let pki = Pki::new("fingerprint");
    let runtime = runtime();
    let spec = || PolicySpec { identity: Some(identity(&pki, "one.test")), ..base(&pki) };
    let (one, two) = (prepare(&runtime, spec(), "one"), prepare(&runtime, spec(), "two"));
    assert!(Arc::ptr_eq(one.identity().unwrap(), two.identity().unwrap()));
    let (a, b) = (uptls::interop::client_config(&one), uptls::interop::client_config(&two));
    assert!(Arc::ptr_eq(&a, &b));
}
