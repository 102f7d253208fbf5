//! What a build was made without is refused when a policy wants it, with the feature that it needs; the rest works.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::Command;

use uptls::danger::DangerPermission;
use uptls::{
    IdentityDraft, MaterialDraft, PolicyDraft, PolicySpec, Problems, Runtime, Secret, SecretDraft, SystemTrustDraft,
    TrustDraft, UpstreamTlsPolicy,
};

fn prepare(spec: PolicySpec) -> Result<(), Problems> {
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden)?;
    Runtime::new(uptls::ring::provider()).prepare(&policy).map(|_| ())
}

fn file(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name).to_str().unwrap().to_owned()
}

fn spec() -> PolicySpec {
    let trust = TrustDraft { bundles: vec![MaterialDraft::file(file("fixture/ca.pem"))], ..TrustDraft::default() };
    PolicySpec { server_name: Some("payments.internal".to_owned()), trust, ..PolicySpec::default() }
}

#[test]
fn a_bundle_needs_no_feature() {
    prepare(spec()).unwrap();
}

#[test]
fn system_trust_names_the_feature_that_it_needs() {
    for (system, feature) in [
        (SystemTrustDraft::Mozilla, "mozilla"),
        (SystemTrustDraft::Native, "native"),
        (SystemTrustDraft::Platform, "platform"),
    ] {
        let trust = TrustDraft { system, ..TrustDraft::default() };
        let problems = prepare(PolicySpec { trust, ..spec() }).unwrap_err();
        let problem = problems.first().unwrap();
        assert_eq!((problem.code().as_str(), problem.path()), ("policy_invalid", "spec.trust.system"));
        assert_eq!(
            problem.hint(),
            format!("set spec.trust.system to false, or build uptls with its feature {feature}")
        );
    }
}

#[test]
fn a_key_under_a_passphrase_is_converted_as_the_hint_says() {
    let encrypted = file("../../testdata/vectors/cases/identity-passphrase-inline/tls.key");
    let identity = |key: &str, passphrase: Option<&str>| {
        let certificate = MaterialDraft::file(file("../../testdata/vectors/cases/identity-passphrase-inline/tls.crt"));
        let passphrase = passphrase.map(|words| SecretDraft::pem(Secret::new(words)));
        IdentityDraft { certificate: Some(certificate), key: Some(SecretDraft::file(key)), passphrase }
    };
    let problems =
        prepare(PolicySpec { identity: Some(identity(&encrypted, Some(PASSPHRASE))), ..spec() }).unwrap_err();
    let problem = problems.first().unwrap();
    assert_eq!(problem.code().as_str(), "identity_encrypted");
    assert!(problem.to_string().contains("no feature encrypted-keys"), "{problem}");
    let hint = problem.hint();
    let (_, rest) = hint.split_once("convert it: ").unwrap();
    let (command, _) = rest.split_once(", let the proxy alone read new.key, and remove identity.passphrase").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let command = format!("{command} -passin 'pass:{PASSPHRASE}'");
    let output = Command::new("sh").args(["-c", &command]).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    let converted = folder.path().join("new.key");
    prepare(PolicySpec { identity: Some(identity(converted.to_str().unwrap(), None)), ..spec() }).unwrap();
}

const PASSPHRASE: &str = "open sesame";
