//! One rule for all doors (T3, L15): what may not issue in a bundle may not issue from the system's store; and what a
//! root says decides at once (R9, H6), for a change of any of its fields.

use std::path::Path;

use crate::support::world::{BOTH, Backend, HOST, policy};
use rustls_pki_types::CertificateDer;
use uptls::{BackendHost, Connector, NativeRoots, PolicySpec, Runtime, SystemTrustDraft, TrustDraft};
use uptls_testkit::{
    ANY, BasicConstraints, CLIENT_AUTH, Certificate, DAY, Key, KeyUsage, NOW, NameConstraints, San, ServerOptions,
    Template,
};

fn runtime(file: &Path) -> Runtime {
    let clock = uptls::FixedClock::at(NOW.unsigned_abs());
    let roots = NativeRoots::default().with_file(file);
    Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).native_roots(roots).build()
}

fn native() -> PolicySpec {
    let trust = TrustDraft { system: SystemTrustDraft::Native, ..TrustDraft::default() };
    PolicySpec { trust, ..PolicySpec::default() }
}

/// `accepted`, or the code, for a chain under a store that holds `store`.
fn verdict(store: &[&Certificate], chain: &[&Certificate]) -> &'static str {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.pem");
    std::fs::write(&file, store.iter().map(|one| one.pem()).collect::<String>()).unwrap();
    let prepared = runtime(&file).prepare(&policy(native())).unwrap();
    let chain: Vec<_> = chain.iter().map(|one| CertificateDer::from_slice(one.der())).collect();
    let verified = prepared.verify(&chain, Some(&BackendHost::parse(HOST).unwrap()));
    verified.err().map_or("accepted", |rejection| rejection.code().as_str())
}

fn root() -> Template {
    Template::ca("store")
}

#[test]
fn what_may_not_issue_in_a_bundle_may_not_issue_from_the_store() {
    let key = Key::p256("store");
    let other = Template::ca("other").self_signed(&Key::p256("other"));
    let below =
        |root: &Certificate| Template::leaf("leaf").with_sans(&[San::dns(HOST)]).issued_by(root, &Key::p256("leaf"));
    for (what, template, accepted) in [
        ("a CA", root(), true),
        ("a CA for any purpose", Template { extended_key_usage: Some(vec![ANY]), ..root() }, true),
        ("a CA without key usage", Template { key_usage: None, ..root() }, true),
        ("a CA with policies", root().with_extension("2.5.29.36", true, &[0x30, 0x03, 0x80, 0x01, 0x00]), true),
        ("a server's certificate", Template::leaf("store").with_sans(&[San::dns("wiki.test")]), false),
        ("a CA for clients", Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..root() }, false),
        ("a CA that signs lists alone", Template { key_usage: Some(vec![KeyUsage::CrlSign]), ..root() }, false),
        ("a CA with a critical extension", root().with_extension("1.3.6.1.4.1.55555.1", true, &[5, 0]), false),
    ] {
        let root = template.self_signed(&key);
        let wanted = if accepted { "accepted" } else { "cert_unknown_issuer" };
        assert_eq!(verdict(&[&root, &other], &[&below(&root)]), wanted, "{what}");
    }
}

#[test]
fn the_store_trusts_nothing_as_itself() {
    let server = Template::leaf("wiki").with_sans(&[San::dns(HOST)]).self_signed(&Key::p256("wiki"));
    let other = Template::ca("other").self_signed(&Key::p256("other"));
    assert_eq!(verdict(&[&server, &other], &[&server]), "cert_self_signed");
}

#[test]
fn what_may_not_issue_is_counted_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.pem");
    let server = Template::leaf("wiki").self_signed(&Key::p256("wiki"));
    std::fs::write(&file, root().self_signed(&Key::p256("store")).pem() + &server.pem()).unwrap();
    let system = runtime(&file).prepare(&policy(native())).unwrap().describe().trusts.system.unwrap();
    assert_eq!((system.roots, system.skipped), (Some(1), Some(1)));
    assert_eq!(system.not_issuing, ["CN=wiki: its basicConstraints do not say CA"]);
}

/// Each field of a root alone: another fingerprint, another generation, no session of before, and the new verdict live.
#[test]
fn every_field_of_a_root_decides_after_a_refresh() {
    let wide = || Template { authority_key_id: false, ..root() };
    let key = Key::p256("store");
    let limited = BasicConstraints { ca: true, path_len: Some(0) };
    let elsewhere = NameConstraints { permitted: vec![San::dns("elsewhere.test")], excluded: Vec::new() };
    let other_key = Key::p256("another store");
    for (what, changed, wanted) in [
        (
            "its path length",
            Template { basic_constraints: Some(limited), ..wide() }.self_signed(&key),
            "cert_path_too_long",
        ),
        ("its end", wide().with_validity(NOW - 9 * DAY, NOW - DAY).self_signed(&key), "issuer_expired"),
        ("its beginning", wide().with_validity(NOW + DAY, NOW + 9 * DAY).self_signed(&key), "cert_not_yet_valid"),
        (
            "its names",
            Template { name_constraints: Some(elsewhere), ..wide() }.self_signed(&key),
            "cert_name_constraint",
        ),
        (
            "its purpose",
            Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..wide() }.self_signed(&key),
            "cert_unknown_issuer",
        ),
        ("its key", wide().self_signed(&other_key), "cert_issuer_key_changed"),
        (
            "its name",
            Template { common_name: Some("renamed".to_owned()), ..wide() }.self_signed(&key),
            "cert_unknown_issuer",
        ),
        ("its serial number alone", Template { serial: Some(vec![7]), ..wide() }.self_signed(&key), "accepted"),
    ] {
        for versions in BOTH {
            let before = wide().self_signed(&key);
            let intermediate = Template::ca("inter").issued_by(&before, &Key::p256("inter"));
            let leaf = Template::leaf("leaf").with_sans(&[San::dns(HOST)]).issued_by(&intermediate, &Key::p256("leaf"));
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("store.pem");
            let keep = Template::ca("kept").self_signed(&Key::p256("kept")).pem();
            std::fs::write(&file, keep.clone() + &before.pem()).unwrap();
            let runtime = runtime(&file);
            let connector = Connector::new(&runtime, &policy(native())).unwrap();
            let backend = Backend::new(ServerOptions { versions, ..ServerOptions::new(&[&leaf, &intermediate]) });
            assert!(!backend.visit(&connector).unwrap().resumed());
            assert!(backend.visit(&connector).unwrap().resumed(), "the twin: nothing has changed");

            std::fs::write(&file, keep + &changed.pem()).unwrap();
            runtime.refresh_system_roots();
            assert_eq!(connector.update(&policy(native())).unwrap().number(), 2, "{what}");
            assert!(connector.next_event().unwrap().trust_reduced, "{what}");
            match backend.visit(&connector) {
                Ok(visit) => assert_eq!((visit.resumed(), wanted), (false, "accepted"), "{what}"),
                Err(error) => assert_eq!(error.code().as_str(), wanted, "{what}"),
            }
        }
    }
}
