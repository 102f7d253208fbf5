//! From a draft to a policy: every problem at once, each with its path and code.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use uptls::danger::DangerPermission;
use uptls::{
    AlpnDraft, DangerDraft, IdentityDraft, MaterialDraft, PolicyDraft, PolicySpec, ReasonDraft, RevocationDraft,
    SanDraft, Secret, SecretDraft, SystemTrustDraft, TolerationDraft, TrustDraft, UpstreamTlsPolicy, VersionsDraft,
};

fn trusting() -> PolicySpec {
    let trust = TrustDraft { system: SystemTrustDraft::Mozilla, ..TrustDraft::default() };
    PolicySpec { trust, ..PolicySpec::default() }
}

/// The paths and codes of everything that is wrong with `spec`.
fn problems(spec: PolicySpec, permission: DangerPermission) -> Vec<(String, &'static str)> {
    match UpstreamTlsPolicy::check(PolicyDraft::new(spec), permission) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|p| (p.path().to_owned(), p.code().as_str())).collect(),
    }
}

fn forbidden(spec: PolicySpec) -> Vec<(String, &'static str)> {
    problems(spec, DangerPermission::Forbidden)
}

fn at(path: &str, code: &'static str) -> Vec<(String, &'static str)> {
    vec![(path.to_owned(), code)]
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let spec = PolicySpec {
        server_name: Some("*.example.com".to_owned()),
        subject_alt_names: vec![SanDraft::dns("bücher.example"), SanDraft::ip("10.0.0"), SanDraft::default()],
        cipher_suites: vec!["RC4-MD5".to_owned()],
        versions: VersionsDraft { min: Some("1.0".to_owned()), max: None },
        handshake_timeout: Some("soon".to_owned()),
        ..PolicySpec::default()
    };
    let wanted = [
        ("spec.trust", "trust_missing"),
        ("spec.serverName", "name_invalid"),
        ("spec.subjectAltNames[0].dns", "name_invalid"),
        ("spec.subjectAltNames[1].ip", "policy_invalid"),
        ("spec.subjectAltNames[2]", "policy_invalid"),
        ("spec.versions.min", "unsupported_option"),
        ("spec.cipherSuites[0]", "unsupported_option"),
        ("spec.handshakeTimeout", "policy_invalid"),
    ];
    let wanted: Vec<_> = wanted.iter().map(|(path, code)| ((*path).to_owned(), *code)).collect();
    assert_eq!(forbidden(spec), wanted);
    assert_eq!(forbidden(trusting()), Vec::new());
}

/// T9: only a bundle vouches.
#[test]
fn a_trust_domain_belongs_to_a_bundle() {
    let with_domain = || MaterialDraft::pem("x").of_trust_domain("a");
    let revocation = |list| Some(RevocationDraft { crls: vec![list], ..RevocationDraft::default() });
    let lists = PolicySpec { revocation: revocation(with_domain()), ..trusting() };
    assert_eq!(forbidden(lists), at("spec.revocation.crls[0]", "policy_invalid"));
    assert_eq!(forbidden(PolicySpec { revocation: revocation(MaterialDraft::pem("x")), ..trusting() }), Vec::new());
    let trust = TrustDraft { bundles: vec![with_domain()], ..TrustDraft::default() };
    assert_eq!(forbidden(PolicySpec { trust, ..PolicySpec::default() }), Vec::new());
}

#[test]
fn half_an_identity_is_an_error() {
    let certificate = Some(MaterialDraft::pem("x"));
    let key = Some(SecretDraft::pem(Secret::new("x")));
    let identity = |certificate, key| IdentityDraft { certificate, key, passphrase: None };
    let with = |identity| PolicySpec { identity: Some(identity), ..trusting() };
    assert_eq!(forbidden(with(identity(certificate.clone(), None))), at("spec.identity", "identity_incomplete"));
    assert_eq!(forbidden(with(identity(None, key.clone()))), at("spec.identity", "identity_incomplete"));
    assert_eq!(forbidden(with(identity(certificate, key))), Vec::new());
}

#[test]
fn no_name_at_all_is_an_error() {
    let nameless = PolicySpec { server_name: Some("none".to_owned()), ..trusting() };
    assert_eq!(forbidden(nameless.clone()), at("spec.serverName", "name_missing"));
    assert_eq!(forbidden(PolicySpec { subject_alt_names: vec![SanDraft::dns("a.test")], ..nameless }), Vec::new());
}

#[test]
fn weakenings_need_a_reason_and_a_permission() {
    let any_name = |reason: &str| PolicySpec {
        danger: DangerDraft {
            accept_any_name: Some(ReasonDraft { reason: reason.to_owned() }),
            ..DangerDraft::default()
        },
        ..trusting()
    };
    assert_eq!(forbidden(any_name("a lab")), at("spec.danger.acceptAnyName", "danger_forbidden"));
    assert_eq!(problems(any_name("a lab"), DangerPermission::Allowed), Vec::new());
    let no_reason = problems(any_name(" "), DangerPermission::Allowed);
    assert_eq!(no_reason, at("spec.danger.acceptAnyName.reason", "policy_invalid"));
    let tolerate = |rule: &str, until: Option<&str>| {
        let toleration =
            TolerationDraft { reason: "an old CA".to_owned(), rule: rule.to_owned(), until: until.map(str::to_owned) };
        let danger = DangerDraft { tolerate: vec![toleration], ..DangerDraft::default() };
        problems(PolicySpec { danger, ..trusting() }, DangerPermission::Allowed)
    };
    assert_eq!(tolerate("key_usage", Some("2027-01-01T00:00:00Z")), Vec::new());
    assert_eq!(tolerate("everything", None), at("spec.danger.tolerate[0].rule", "unsupported_option"));
    assert_eq!(tolerate("key_usage", Some("next year")), at("spec.danger.tolerate[0].until", "policy_invalid"));
}

#[test]
fn limits_hold_and_duplicates_are_merged() {
    let sans = |count: usize| (0..count).map(|n| SanDraft::dns(format!("a{n}.test"))).collect::<Vec<_>>();
    assert_eq!(forbidden(PolicySpec { subject_alt_names: sans(64), ..trusting() }), Vec::new());
    let many = PolicySpec { subject_alt_names: sans(65), ..trusting() };
    assert_eq!(forbidden(many), at("spec.subjectAltNames", "policy_invalid"));
    let twice = PolicySpec { subject_alt_names: vec![SanDraft::dns("A.test"), SanDraft::dns("a.test.")], ..trusting() };
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(twice), DangerPermission::Forbidden).unwrap();
    assert_eq!(policy.subject_alt_names().len(), 1);
}

#[test]
fn versions_and_suites_must_fit() {
    let versions = |min: &str, max: &str| VersionsDraft { min: Some(min.to_owned()), max: Some(max.to_owned()) };
    let turned = PolicySpec { versions: versions("1.3", "1.2"), ..trusting() };
    assert_eq!(forbidden(turned), at("spec.versions", "policy_invalid"));
    let suites = vec!["TLS_AES_128_GCM_SHA256".to_owned()];
    let unfit = PolicySpec { cipher_suites: suites.clone(), ..trusting() };
    assert_eq!(forbidden(unfit), at("spec.cipherSuites", "policy_invalid"));
    let fit = PolicySpec { cipher_suites: suites, versions: versions("1.3", "1.3"), ..trusting() };
    assert_eq!(forbidden(fit), Vec::new());
}

#[test]
fn protocols_and_lists_are_checked() {
    let alpn = |protocols: &[&str], required| PolicySpec {
        alpn: AlpnDraft { protocols: protocols.iter().map(|p| (*p).to_owned()).collect(), required },
        ..trusting()
    };
    assert_eq!(forbidden(alpn(&["h2"], true)), Vec::new());
    assert_eq!(forbidden(alpn(&[], true)), at("spec.alpn.required", "policy_invalid"));
    assert_eq!(forbidden(alpn(&["h2", ""], false)), at("spec.alpn.protocols[1]", "policy_invalid"));
    let revocation = |crls: Vec<MaterialDraft>, depth: Option<&str>| PolicySpec {
        revocation: Some(RevocationDraft { crls, depth: depth.map(str::to_owned), unknown: None }),
        ..trusting()
    };
    assert_eq!(forbidden(revocation(vec![MaterialDraft::pem("x")], Some("leaf"))), Vec::new());
    assert_eq!(forbidden(revocation(Vec::new(), None)), at("spec.revocation.crls", "policy_invalid"));
    let depth = revocation(vec![MaterialDraft::pem("x")], Some("root"));
    assert_eq!(forbidden(depth), at("spec.revocation.depth", "policy_invalid"));
}

#[test]
fn pins_are_digests() {
    let pins = |text: &str| PolicySpec { spki_pins: vec![text.to_owned()], ..trusting() };
    assert_eq!(forbidden(pins("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")), Vec::new());
    assert_eq!(forbidden(pins("AAAA")), at("spec.spkiPins[0]", "policy_invalid"));
    let certificates = |text: String| {
        let trust = TrustDraft { pinned_certificates: vec![text], ..TrustDraft::default() };
        forbidden(PolicySpec { trust, ..PolicySpec::default() })
    };
    assert_eq!(certificates("ab".repeat(32)), Vec::new());
    assert_eq!(certificates("+b".repeat(32)), at("spec.trust.pinnedCertificates[0]", "policy_invalid"));
    assert_eq!(certificates("ab".repeat(31)), at("spec.trust.pinnedCertificates[0]", "policy_invalid"));
}
