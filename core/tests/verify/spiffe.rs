//! Which anchor vouches for which SPIFFE ID (T9, L3), whatever the order of bundles and paths (L2, L4).

use std::fs;
use std::sync::{Arc, LazyLock};

use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission;
use uptls::{
    FixedClock, MaterialDraft, NativeRoots, PolicyDraft, PolicySpec, Prepared, RevocationDraft, Runtime, SanDraft,
    SystemTrustDraft, TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{Certificate, CrlTemplate, Key, NOW, Pki, San, Template, crl_pem};

fn runtime(roots: NativeRoots) -> Runtime {
    let clock = FixedClock::at(NOW.unsigned_abs());
    Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).native_roots(roots).build()
}

/// Bundles with the trust domains that they name, `-` for none.
fn trust(bundles: &[(&str, &[&Certificate])]) -> TrustDraft {
    let bundle = |(domain, certificates): &(&str, &[&Certificate])| {
        let draft = MaterialDraft::pem(certificates.iter().map(|one| one.pem()).collect::<String>());
        if *domain == "-" { draft } else { draft.of_trust_domain(*domain) }
    };
    TrustDraft { bundles: bundles.iter().map(bundle).collect(), ..TrustDraft::default() }
}

fn spec(trust: TrustDraft, names: &[SanDraft]) -> PolicySpec {
    let server_name = Some("none".to_owned());
    PolicySpec { server_name, subject_alt_names: names.to_vec(), trust, ..PolicySpec::default() }
}

fn prepare(runtime: &Runtime, spec: PolicySpec) -> Arc<Prepared> {
    runtime.prepare(&UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap()).unwrap()
}

/// `accepted` or the code; both faces of the verifier say the same.
fn verdict(prepared: &Prepared, chain: &[&Certificate]) -> &'static str {
    let chain: Vec<_> = chain.iter().map(|one| CertificateDer::from_slice(one.der())).collect();
    let report = prepared.report(&chain, None);
    let verified = prepared.verify(&chain, None);
    assert_eq!(verified.map(drop).map_err(|rejection| rejection.code()), report.code.map_or(Ok(()), Err));
    assert_eq!(report.steps.iter().find_map(|step| step.code), report.code);
    report.code.map_or("accepted", |code| code.as_str())
}

/// One key, two certificates of it: issued by the root of `a`, and of `b`.
struct Crossed {
    a: Certificate,
    b: Certificate,
    by_a: Certificate,
    by_b: Certificate,
    key: Key,
}

static CROSSED: LazyLock<Crossed> = LazyLock::new(|| {
    let (a, b) = (Pki::new("crossed a").root, Pki::new("crossed b").root);
    let key = Key::p256("crossed intermediate");
    let template = Template::ca("crossed intermediate");
    let (by_a, by_b) = (template.issued_by(&a, &key), template.issued_by(&b, &key));
    Crossed { a, b, by_a, by_b, key }
});

impl Crossed {
    fn leaf(&self, id: &str) -> Certificate {
        Template::leaf("leaf").with_sans(&[San::uri(id)]).issued_by(&self.by_a, &Key::p256("crossed leaf"))
    }

    fn names() -> [SanDraft; 3] {
        [SanDraft::uri("spiffe://a/x"), SanDraft::uri("spiffe://b/x"), SanDraft::spiffe_trust_domain("c")]
    }
}

#[test]
fn any_path_may_vouch_whatever_the_order() {
    let world = &*CROSSED;
    let c = Pki::new("crossed c").root;
    let runtime = runtime(NativeRoots::default());
    let bundles: [(&str, &[&Certificate]); 3] = [("a", &[&world.a]), ("b", &[&world.b]), ("c", &[&c])];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let prepared = prepare(&runtime, spec(trust(&order.map(|index| bundles[index])), &Crossed::names()));
        for (id, wanted) in
            [("spiffe://a/x", "accepted"), ("spiffe://b/x", "accepted"), ("spiffe://c/x", "spiffe_trust_domain")]
        {
            let leaf = world.leaf(id);
            for sent in [[&leaf, &world.by_a, &world.by_b], [&leaf, &world.by_b, &world.by_a]] {
                assert_eq!(verdict(&prepared, &sent), wanted, "{id} {order:?}");
            }
        }
        let leaf = world.leaf("spiffe://b/x");
        assert_eq!(verdict(&prepared, &[&leaf, &world.by_a]), "spiffe_trust_domain", "{order:?}");
        assert_eq!(verdict(&prepared, &[&leaf, &world.by_b]), "accepted", "{order:?}");
    }
}

/// The proof ends with the path that vouches, and the report shows that path's anchor.
#[test]
fn the_path_that_vouches_is_the_one_that_is_told() {
    let world = &*CROSSED;
    let runtime = runtime(NativeRoots::default());
    let end = NOW + 1000;
    let short = Template::ca("crossed intermediate").with_validity(NOW - 1, end).issued_by(&world.b, &world.key);
    let leaf = world.leaf("spiffe://b/x");
    for bundles in [[("a", &world.a), ("b", &world.b)], [("b", &world.b), ("a", &world.a)]] {
        let bundles = bundles.map(|(domain, root)| (domain, [root]));
        let bundles: Vec<(&str, &[&Certificate])> =
            bundles.iter().map(|(domain, roots)| (*domain, &roots[..])).collect();
        let prepared = prepare(&runtime, spec(trust(&bundles), &Crossed::names()[..2]));
        let chain: Vec<_> = [&leaf, &world.by_a, &short].map(|one| CertificateDer::from_slice(one.der())).to_vec();
        let peer = prepared.verify(&chain, None).unwrap();
        assert_eq!((peer.matched_name(), peer.trusted_until()), (Some("uri:spiffe://b/x"), end));
        let report = prepared.report(&chain, None);
        assert_eq!(report.chain.last().map(|one| one.subject.as_str()), Some("CN=crossed b root"));
    }
}

/// A path that vouches must pass revocation as any other.
#[test]
fn a_revoked_path_vouches_for_nothing() {
    let world = &*CROSSED;
    let runtime = runtime(NativeRoots::default());
    let leaf = world.leaf("spiffe://b/x");
    let lists = |revoked: &[&Certificate]| {
        let lists = [
            crl_pem(&CrlTemplate::new(&[]).issued_by(&world.a)),
            crl_pem(&CrlTemplate::new(revoked).issued_by(&world.b)),
            crl_pem(&CrlTemplate::new(&[]).issued_by(&world.by_a)),
        ];
        let crls = lists.into_iter().map(MaterialDraft::pem).collect();
        Some(RevocationDraft { crls, ..RevocationDraft::default() })
    };
    let bundles: [(&str, &[&Certificate]); 2] = [("a", &[&world.a]), ("b", &[&world.b])];
    for (revoked, wanted) in [(vec![], "accepted"), (vec![&world.by_b], "spiffe_trust_domain")] {
        for order in [[0, 1], [1, 0]] {
            let trust = trust(&order.map(|index| bundles[index]));
            let spec = PolicySpec { revocation: lists(&revoked), ..spec(trust, &Crossed::names()[..2]) };
            let prepared = prepare(&runtime, spec);
            assert_eq!(verdict(&prepared, &[&leaf, &world.by_a, &world.by_b]), wanted, "{order:?}");
        }
    }
}

/// L2: a bundle more never closes what was accepted.
#[test]
fn a_bundle_more_closes_nothing() {
    let (own, other) = (Pki::new("more"), Pki::new("more, the other"));
    let leaf = own.leaf(&[San::uri("spiffe://a/x")]);
    let itself = own.leaf(&[San::uri("spiffe://a/y")]);
    let names = [SanDraft::spiffe_trust_domain("a"), SanDraft::spiffe_trust_domain("b")];
    let runtime = runtime(NativeRoots::default());
    let base: [(&str, &[&Certificate]); 2] = [("a", &[&own.root]), ("b", &[&other.root])];
    let more: [(&str, &[&Certificate]); 4] =
        [("b", &[&own.root]), ("b", &[&own.intermediate]), ("b", &[&itself]), ("c", &[&own.root, &own.intermediate])];
    for addition in more {
        for bundles in [vec![base[0], base[1], addition], vec![addition, base[1], base[0]]] {
            let prepared = prepare(&runtime, spec(trust(&bundles), &names));
            assert_eq!(verdict(&prepared, &[&leaf, &own.intermediate]), "accepted");
            assert_eq!(verdict(&prepared, &[&itself, &own.intermediate]), "accepted");
        }
    }
    let alone = prepare(&runtime, spec(trust(&[("b", &[&own.root]), ("a", &[&other.root])]), &names));
    assert_eq!(verdict(&alone, &[&leaf, &own.intermediate]), "spiffe_trust_domain");
}

/// A pin stands beside an entry of another domain: the pin names the certificate.
#[test]
fn a_pin_vouches_beside_an_entry_that_does_not() {
    let pki = Pki::new("pinned beside");
    let leaf = pki.leaf(&[San::uri("spiffe://b/x")]);
    let runtime = runtime(NativeRoots::default());
    let names = [SanDraft::spiffe_trust_domain("b")];
    for bundle in [&leaf, &pki.root] {
        let entry = trust(&[("a", &[bundle]), ("b", &[&Pki::new("stranger").root])]);
        let digest: String = leaf.sha256().iter().map(|byte| format!("{byte:02x}")).collect();
        let pinned = TrustDraft { pinned_certificates: vec![digest], ..entry.clone() };
        let chain = [&leaf, &pki.intermediate];
        assert_eq!(verdict(&prepare(&runtime, spec(entry, &names)), &chain), "spiffe_trust_domain");
        assert_eq!(verdict(&prepare(&runtime, spec(pinned, &names)), &chain), "accepted");
    }
}

/// T9: the system's roots vouch for the domain that is named for them, and for no other.
#[test]
fn the_systems_roots_vouch_for_what_is_said() {
    let (system, other) = (Pki::new("system domain"), Pki::new("system domain, the other"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("roots.pem");
    fs::write(&file, system.root.pem()).unwrap();
    let runtime = runtime(NativeRoots::default().with_file(&file));
    let with = |domain: Option<&str>, bundles: TrustDraft| TrustDraft {
        system: SystemTrustDraft::Native,
        system_trust_domain: domain.map(str::to_owned),
        ..bundles
    };
    let names = [SanDraft::spiffe_trust_domain("a"), SanDraft::dns("a.test")];
    let of_other = || trust(&[("a", &[&other.root])]);
    let id = system.leaf(&[San::uri("spiffe://a/x")]);
    let dns = system.leaf(&[San::dns("a.test")]);
    for (trust, verdicts) in [
        (with(Some("a"), TrustDraft::default()), ["accepted", "accepted"]),
        (with(None, of_other()), ["spiffe_trust_domain", "accepted"]),
        (with(Some("b"), of_other()), ["spiffe_trust_domain", "accepted"]),
        (with(Some("a"), of_other()), ["accepted", "accepted"]),
        // The root stands in a bundle of another domain too.
        (with(Some("a"), trust(&[("b", &[&system.root])])), ["accepted", "accepted"]),
    ] {
        let prepared = prepare(&runtime, spec(trust, &names));
        let found = [&id, &dns].map(|leaf| verdict(&prepared, &[leaf, &system.intermediate]));
        assert_eq!(found, verdicts);
    }
}

/// V10: without a path a SPIFFE ID cannot be judged, a DNS name can.
#[test]
fn a_spiffe_id_without_a_path_is_not_evaluable() {
    let (own, stranger) = (Pki::new("no path"), Pki::new("no path, a stranger"));
    let prepared = prepare(
        &runtime(NativeRoots::default()),
        spec(trust(&[("-", &[&own.root])]), &[SanDraft::spiffe_trust_domain("a"), SanDraft::dns("a.test")]),
    );
    for (san, wanted) in
        [(San::uri("spiffe://a/x"), "not_evaluable"), (San::uri("spiffe://b/x"), "fail"), (San::dns("a.test"), "pass")]
    {
        let leaf = stranger.leaf(&[san]);
        let chain = [CertificateDer::from_slice(leaf.der())];
        let report = prepared.report(&chain, None);
        let step = report.steps.iter().find(|step| step.step == uptls::StepName::Name).unwrap();
        assert_eq!(serde_json::to_value(step.outcome).unwrap(), wanted);
        assert_eq!(verdict(&prepared, &[&leaf]), "cert_unknown_issuer");
    }
}
