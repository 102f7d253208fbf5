//! No key and no passphrase appears in any text (I6).

use uptls::danger::DangerPermission;
use uptls::{
    FixedClock, IdentityDraft, MaterialDraft, PolicyDraft, PolicySpec, RevocationDraft, Runtime, Secret, SecretDraft,
    TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{NOW, Pki, San};

/// Every text that a policy with this key and passphrase can produce.
fn texts(pki: &Pki, key: &str, passphrase: Option<&str>) -> String {
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
    let leaf = pki.client(&[San::dns("client.test")]);
    let spec = PolicySpec {
        trust: TrustDraft { bundles: vec![MaterialDraft::pem(pki.root.pem())], ..TrustDraft::default() },
        identity: Some(IdentityDraft {
            certificate: Some(MaterialDraft::pem(leaf.pem())),
            key: Some(SecretDraft::pem(Secret::new(key))),
            passphrase: passphrase.map(|text| SecretDraft::pem(Secret::new(text))),
        }),
        ..PolicySpec::default()
    };
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap();
    match runtime.prepare(&policy) {
        Ok(prepared) => {
            let describe = serde_json::to_string(&prepared.describe()).unwrap();
            let report = prepared.report_pem(leaf.pem().as_bytes(), Some("client.test"));
            format!("{policy:?} {prepared:?} {:?} {describe} {report:?}", prepared.identity())
        }
        Err(problems) => {
            let report = uptls::Report::unusable(&problems, "now");
            format!("{policy:?} {problems} {problems:?} {}", uptls::Envelope::reports(vec![report]).to_json())
        }
    }
}

#[test]
fn keys_and_passphrases_stay_out_of_every_text() {
    let pki = Pki::new("secrets");
    let key = pki.client(&[San::dns("client.test")]).key().clone();
    let other = Pki::new("others").root.key().clone();
    let canary = "correct horse battery staple";
    let mut keys = vec![key.pkcs8_pem(), key.sec1_pem(), other.pkcs8_pem(), key.legacy_encrypted_pem()];
    keys.push(key.encrypted_pkcs8_pem(canary, 1000));
    keys.push(key.encrypted_pkcs8_pem("another passphrase", 1000));
    keys.push(key.encrypted_pkcs8_pem(canary, 50_000_000));
    keys.push(format!("-----BEGIN PRIVATE KEY-----\n{canary}\n-----END PRIVATE KEY-----\n"));
    for key in keys {
        let texts = texts(&pki, &key, Some(canary));
        assert!(!texts.contains(canary), "{texts}");
        for line in key.lines().filter(|line| !line.starts_with("-----") && line.len() > 15) {
            assert!(!texts.contains(line), "{texts}");
        }
    }
}

#[test]
fn a_key_in_place_of_a_file_name_is_not_repeated() {
    let key = Pki::new("secrets").root.key().pkcs8_pem();
    let identity = IdentityDraft {
        certificate: Some(MaterialDraft::file("tls.crt")),
        key: Some(SecretDraft::file(&key)),
        passphrase: Some(SecretDraft::file(key.replace('\n', ""))),
    };
    let trust = TrustDraft { bundles: vec![MaterialDraft::file("ca.pem")], ..TrustDraft::default() };
    let draft = PolicyDraft::new(PolicySpec { trust, identity: Some(identity), ..PolicySpec::default() });
    let problems = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap_err();
    let paths: Vec<_> = problems.iter().map(uptls::Problem::path).collect();
    assert_eq!(paths, ["spec.identity.key.file", "spec.identity.passphrase.file"]);
    let text = format!("{problems} {problems:?}");
    assert!(!text.contains("BEGIN") && key.lines().all(|line| !text.contains(line)), "{text}");
}

#[test]
fn a_good_key_gives_an_identity_and_a_bad_one_its_code() {
    let pki = Pki::new("secrets");
    let key = pki.client(&[San::dns("client.test")]).key().clone();
    assert!(texts(&pki, &key.pkcs8_pem(), None).contains("ClientIdentity"));
    assert!(texts(&pki, &key.encrypted_pkcs8_pem("right", 1000), Some("right\n")).contains("ClientIdentity"));
    assert!(texts(&pki, &key.encrypted_pkcs8_pem("right", 1000), Some("wrong")).contains("identity_passphrase"));
    assert!(texts(&pki, &Pki::new("others").root.key().pkcs8_pem(), None).contains("identity_key_mismatch"));
}

/// What writes files must know every one of them.
#[test]
fn every_file_of_a_policy_is_named() {
    let file = |name: &str| MaterialDraft::file(name);
    let mut spec = PolicySpec {
        trust: TrustDraft { bundles: vec![file("a.pem"), file("/b.pem")], ..TrustDraft::default() },
        identity: Some(IdentityDraft {
            certificate: Some(file("chain.pem")),
            key: Some(SecretDraft::file("key.pem")),
            passphrase: Some(SecretDraft::file("passphrase")),
        }),
        revocation: Some(RevocationDraft { crls: vec![file("a.crl")], ..RevocationDraft::default() }),
        ..PolicySpec::default()
    };
    let files = |spec: &PolicySpec| {
        let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec.clone()), DangerPermission::Forbidden).unwrap();
        let files = uptls::interop::files(&policy);
        files.iter().map(|path| path.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(files(&spec), ["a.pem", "/b.pem", "a.crl", "chain.pem", "key.pem", "passphrase"]);
    // Texts are none; one beside a text is.
    spec.trust.bundles = vec![MaterialDraft::pem("text")];
    spec.identity.as_mut().unwrap().certificate = Some(MaterialDraft::pem("text"));
    spec.revocation = None;
    assert_eq!(files(&spec), ["key.pem", "passphrase"]);
}

/// A bundle of a system has 200 KiB, and what was pasted in its place may be a key.
#[test]
fn a_draft_shows_the_length_of_a_text_and_not_the_text() {
    let draft = MaterialDraft::pem("a text".repeat(100_000)).named("the bundle");
    let shown = format!("{draft:?}");
    assert!(shown.contains("600000 bytes") && shown.contains("the bundle") && shown.len() < 200, "{shown}");
    assert!(!shown.contains("a text"), "{shown}");
    assert!(format!("{:?}", MaterialDraft::file("ca.pem")).contains("ca.pem"));
}
