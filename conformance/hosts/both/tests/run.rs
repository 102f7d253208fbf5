//! Both providers in one build, none installed: each is used because it was given, and both come to the same verdicts.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::Command;

use uptls::danger::DangerPermission;
use uptls::{BackendHost, ConnectOptions, Connector, Runtime, UpstreamTlsPolicy};
use uptls_testkit::{Certificate, Key, NOW, San, Server, ServerOptions, Template, YEAR};

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixture")
}

/// What a host without the testkit cannot mint, and so is committed: a root, its leaf, another root.
fn minted() -> [Certificate; 3] {
    let (begin, century) = (NOW - YEAR, NOW + 100 * YEAR);
    let root = |name: &str| {
        let template = Template::ca(name).with_validity(begin, century + 10 * YEAR);
        template.self_signed(&Key::p256(name))
    };
    let (ca, other) = (root("Hosts Root"), root("Another Root"));
    let leaf = Template::leaf("pay").with_sans(&[San::dns("pay.test")]).with_validity(begin, century);
    let leaf = leaf.issued_by(&ca, &Key::p256("hosts, pay"));
    [ca, leaf, other]
}

#[test]
#[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS writes the files, and decides nothing else")]
fn the_fixture_is_what_the_testkit_mints() {
    let [ca, leaf, other] = minted();
    let key = leaf.key().pkcs8_pem();
    for (file, text) in
        [("ca.pem", ca.pem()), ("chain.pem", leaf.pem()), ("key.pem", key), ("other-ca.pem", other.pem())]
    {
        let path = fixture().join(file);
        if std::env::var_os("UPTLS_BLESS").is_some_and(|value| value == "1") {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{file}: UPTLS_BLESS=1 writes it");
    }
}

fn server() -> Server {
    let [_, leaf, _] = minted();
    Server::start(&ServerOptions::new(&[&leaf]))
}

fn host(provider: &str, policy: &str, server: &Server) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_uptls-host-both"));
    let arguments = [provider, policy, "chain.pem", "pay.test", &server.addr().to_string()];
    let output = command.current_dir(fixture()).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn both_providers_come_to_the_same_verdicts() {
    let server = server();
    for (policy, verdict) in [
        ("tls12.yaml", "offline: accepted\nlive: accepted 1.2 X25519\n"),
        ("other-name.yaml", "offline: name_mismatch\nlive: name_mismatch\n"),
        ("other-ca.yaml", "offline: cert_unknown_issuer\nlive: cert_unknown_issuer\n"),
    ] {
        for provider in ["ring", "aws-lc-rs"] {
            assert_eq!(host(provider, policy, &server), verdict, "{provider}");
        }
    }
}

/// H2: what a provider lacks is missing from the default, and an error where it was asked for.
#[test]
fn the_groups_are_those_of_the_provider_that_was_given() {
    let server = server();
    let verdict = |group| format!("offline: accepted\nlive: accepted 1.3 {group}\n");
    assert_eq!(host("aws-lc-rs", "policy.yaml", &server), verdict("X25519MLKEM768"));
    assert_eq!(host("ring", "policy.yaml", &server), verdict("X25519"));
    assert_eq!(host("aws-lc-rs", "post-quantum.yaml", &server), verdict("X25519MLKEM768"));
    assert_eq!(host("ring", "post-quantum.yaml", &server), "unusable: unsupported_option\n");
}

/// R9, H6: the provider is part of the fingerprint, so a session of one is never resumed with the other.
#[test]
fn two_runtimes_in_one_process_share_nothing() {
    let server = server();
    let draft = uptls_manifest::load(&fixture().join("policy.yaml")).unwrap();
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap();
    let fingerprints = [uptls::ring::provider(), uptls::aws_lc_rs::provider()].map(|provider| {
        let connector = Connector::new(&Runtime::new(provider), &policy).unwrap();
        let host = BackendHost::parse("pay.test").unwrap();
        let stream = connector.connect_blocking(server.addr(), &host, &ConnectOptions::default()).unwrap();
        assert!(!stream.evidence().resumed);
        stream.evidence().fingerprint
    });
    assert_ne!(fingerprints[0], fingerprints[1]);
    assert_nothing_is_installed();
}

/// The danger of such a host for a library that relies on the default of the process.
#[allow(clippy::disallowed_methods, reason = "it is shown that these would not do")]
fn assert_nothing_is_installed() {
    assert!(rustls::crypto::CryptoProvider::get_default().is_none());
    assert!(catch_unwind(rustls::ClientConfig::builder).is_err(), "rustls cannot choose");
}
