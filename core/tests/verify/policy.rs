//! From a draft to a policy: every problem at once, each with its path and code.

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

/// What is too long costs no more than the limit: another comparison of each name with all before it takes minutes.
#[test]
fn a_list_over_the_limit_is_not_read_on() {
    let names = |bad_at: usize| {
        let name = |index| if index == bad_at { "no name".to_owned() } else { format!("a{index}.example") };
        (0..100_000).map(|index| SanDraft::dns(name(index))).collect()
    };
    let spec = |bad_at| PolicySpec { subject_alt_names: names(bad_at), ..trusting() };
    assert_eq!(forbidden(spec(65)), at("spec.subjectAltNames", "policy_invalid"));
    let both =
        [at("spec.subjectAltNames[64].dns", "name_invalid"), at("spec.subjectAltNames", "policy_invalid")].concat();
    assert_eq!(forbidden(spec(64)), both);
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

fn reason() -> Option<ReasonDraft> {
    Some(ReasonDraft { reason: "a test".to_owned() })
}

/// D1, D2: each field that a weakening would silence, and the same field without it.
#[test]
fn a_weakening_silences_no_check() {
    let any_certificate = DangerDraft { accept_any_certificate: reason(), ..DangerDraft::default() };
    let any_name = DangerDraft { accept_any_name: reason(), ..DangerDraft::default() };
    let list = RevocationDraft { crls: vec![MaterialDraft::pem("x")], ..RevocationDraft::default() };
    let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=".to_owned();
    let toleration = |rule: &str| TolerationDraft { reason: "x".to_owned(), rule: rule.to_owned(), until: None };
    type Change = Box<dyn Fn(&mut PolicySpec)>;
    let checks: Vec<(&str, Change)> = vec![
        ("spec.trust.bundles", Box::new(|s| s.trust.bundles = vec![MaterialDraft::pem("x")])),
        ("spec.trust.pinnedCertificates", Box::new(|s| s.trust.pinned_certificates = vec!["ab".repeat(32)])),
        ("spec.trust.pinnedKeys", {
            let key = key.clone();
            Box::new(move |s| s.trust.pinned_keys = vec![key.clone()])
        }),
        ("spec.trust.system", Box::new(|s| s.trust.system = SystemTrustDraft::Mozilla)),
        ("spec.subjectAltNames", Box::new(|s| s.subject_alt_names = vec![SanDraft::dns("a.test")])),
        ("spec.spkiPins", Box::new(move |s| s.spki_pins = vec![key.clone()])),
        ("spec.revocation", Box::new(move |s| s.revocation = Some(list.clone()))),
        ("spec.danger.tolerate", Box::new(move |s| s.danger.tolerate = vec![toleration("common_name")])),
    ];
    let silenced_by_any_name = ["spec.subjectAltNames", "spec.danger.tolerate"];
    for (field, change) in &checks {
        for (danger, path, refused) in [
            (&any_certificate, "spec.danger.acceptAnyCertificate", true),
            (&any_name, "spec.danger.acceptAnyName", silenced_by_any_name.contains(field)),
        ] {
            let trust = if path.ends_with("Name") { trusting().trust } else { TrustDraft::default() };
            let mut spec = PolicySpec { danger: danger.clone(), trust, ..PolicySpec::default() };
            assert_eq!(problems(spec.clone(), DangerPermission::Allowed), Vec::new(), "{path} alone");
            change(&mut spec);
            let checked = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Allowed);
            assert_eq!(checked.is_err(), refused, "{path} beside {field}");
            let Err(found) = checked else { continue };
            let problem = found.first().unwrap();
            assert_eq!((problem.path(), problem.code().as_str()), (path, "policy_invalid"));
            assert!(problem.to_string().contains(field) && problem.hint().contains(field), "{problem}");
            assert_eq!(
                problem.hint().contains("trust.pinnedKeys"),
                path.ends_with("Certificate"),
                "{}",
                problem.hint()
            );
        }
    }
    // One more rule is tolerated beside it, and it is about something else.
    let beside = DangerDraft { tolerate: vec![toleration("key_usage")], ..any_name };
    assert_eq!(problems(PolicySpec { danger: beside, ..trusting() }, DangerPermission::Allowed), Vec::new());
}

/// What loads can connect to somebody.
#[test]
fn a_policy_that_no_peer_can_satisfy_is_refused() {
    let versions = |min: &str, max: &str| VersionsDraft { min: Some(min.to_owned()), max: Some(max.to_owned()) };
    let groups = |groups: &[&str], versions| PolicySpec {
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        versions,
        ..trusting()
    };
    for (spec, refused) in [
        (groups(&["X25519MLKEM768"], versions("1.2", "1.2")), true),
        (groups(&["X25519MLKEM768"], versions("1.2", "1.3")), false),
        (groups(&["X25519MLKEM768"], versions("1.3", "1.3")), false),
        (groups(&["X25519MLKEM768", "X25519"], versions("1.2", "1.2")), false),
        (groups(&[], versions("1.2", "1.2")), false),
    ] {
        let wanted = if refused { at("spec.groups", "policy_invalid") } else { Vec::new() };
        assert_eq!(forbidden(spec.clone()), wanted, "{:?} {:?}", spec.groups, spec.versions);
    }
    let (one, two) = (format!("{}=", "A".repeat(43)), format!("{}=", "E".repeat(43)));
    let pinned = |spki: &[&String], trusted: &[&String], system| PolicySpec {
        spki_pins: spki.iter().map(|key| (*key).clone()).collect(),
        trust: TrustDraft {
            pinned_keys: trusted.iter().map(|key| (*key).clone()).collect(),
            system,
            ..TrustDraft::default()
        },
        ..PolicySpec::default()
    };
    let off = SystemTrustDraft::Off;
    assert_eq!(forbidden(pinned(&[&one], &[&two], off)), at("spec.spkiPins", "policy_invalid"));
    assert_eq!(forbidden(pinned(&[&one, &two], &[&two], off)), Vec::new());
    assert_eq!(forbidden(pinned(&[&one], &[&two], SystemTrustDraft::Mozilla)), Vec::new());
    let listed = |unknown: &str, system| {
        let crls = vec![MaterialDraft::pem("x")];
        let revocation = Some(RevocationDraft { crls, depth: None, unknown: Some(unknown.to_owned()) });
        PolicySpec { revocation, ..pinned(&[], &[&one], system) }
    };
    assert_eq!(forbidden(listed("deny", off)), at("spec.revocation.unknown", "policy_invalid"));
    assert_eq!(forbidden(listed("allow", off)), Vec::new());
    assert_eq!(forbidden(listed("deny", SystemTrustDraft::Mozilla)), Vec::new());
}

fn every_field() -> PolicyDraft {
    let spec = PolicySpec {
        alpn: AlpnDraft { protocols: vec!["h2".to_owned()], required: true },
        cipher_suites: vec!["TLS_AES_128_GCM_SHA256".to_owned()],
        groups: vec!["X25519".to_owned()],
        handshake_timeout: Some("2.5s".to_owned()),
        identity: Some(IdentityDraft {
            certificate: Some(MaterialDraft::file("tls.crt")),
            key: Some(SecretDraft::file("tls.key")),
            passphrase: None,
        }),
        resumption: Some(false),
        revocation: Some(RevocationDraft {
            crls: vec![MaterialDraft::file("one.crl"), MaterialDraft::pem("two")],
            depth: Some("leaf".to_owned()),
            unknown: Some("allow".to_owned()),
        }),
        server_name: Some("pay.example".to_owned()),
        spki_pins: vec![PIN.to_owned()],
        subject_alt_names: vec![
            SanDraft::dns("pay.example"),
            SanDraft::dns("*.pay.example"),
            SanDraft::ip("10.0.0.7"),
            SanDraft::uri("https://pay.example/"),
            SanDraft::spiffe("prod", "/ns/pay"),
            SanDraft::spiffe_trust_domain("prod"),
        ],
        trust: TrustDraft {
            bundles: vec![
                MaterialDraft::file("ca.pem").of_trust_domain("prod"),
                MaterialDraft::pem("more").of_trust_domain("prod"),
            ],
            pinned_certificates: vec!["07".repeat(32)],
            pinned_keys: vec![PIN.to_owned()],
            system: SystemTrustDraft::Native,
            system_trust_domain: Some("prod".to_owned()),
        },
        versions: VersionsDraft { min: Some("1.3".to_owned()), max: Some("1.3".to_owned()) },
        ..PolicySpec::default()
    };
    PolicyDraft::new(spec).with_name("pay").with_base("/etc/pki")
}

/// 32 bytes of 7.
const PIN: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

fn built() -> Result<uptls::PolicyBuilder, uptls::NameError> {
    use uptls::{
        DnsName, Resumption, RevocationDepth, SanMatcher, ServerNameRule, SpiffePrefix, SystemTrust, TlsVersion,
        TrustDomain, UnknownRevocation, UriName, WildcardName,
    };
    let (name, prod) = (DnsName::parse("pay.example")?, TrustDomain::parse("prod")?);
    Ok(UpstreamTlsPolicy::builder()
        .name("pay")
        .base("/etc/pki")
        .add_ca(MaterialDraft::file("ca.pem").of_trust_domain("prod"))
        .add_ca(MaterialDraft::pem("more").of_trust_domain("prod"))
        .system_roots(SystemTrust::Native)
        .system_trust_domain(&prod)
        .add_pinned_certificate([7; 32])
        .add_pinned_key([7; 32])
        .server_name(ServerNameRule::Dns(name.clone()))
        .add_subject_alt_name(SanMatcher::Dns(name))
        .add_subject_alt_name(SanMatcher::DnsWildcard(WildcardName::parse("*.pay.example")?))
        .add_subject_alt_name(SanMatcher::Ip([10, 0, 0, 7].into()))
        .add_subject_alt_name(SanMatcher::Uri(UriName::parse("https://pay.example/")?))
        .add_subject_alt_name(SanMatcher::SpiffePrefix(SpiffePrefix::parse(prod.clone(), "/ns/pay")?))
        .add_subject_alt_name(SanMatcher::SpiffeTrustDomain(prod))
        .add_spki_pin([7; 32])
        .identity_files("tls.crt", "tls.key")
        .alpn(["h2"])
        .alpn_required(true)
        .versions(TlsVersion::V1_3..=TlsVersion::V1_3)
        .cipher_suites(["TLS_AES_128_GCM_SHA256"])
        .groups(["X25519"])
        .add_crl_file("one.crl")
        .add_crl(MaterialDraft::pem("two"))
        .revocation(RevocationDepth::Leaf, UnknownRevocation::Allow)
        .resumption(Resumption::Disabled)
        .handshake_timeout(std::time::Duration::from_millis(2500)))
}

/// What is built is what the same document says; the digest covers every field.
#[test]
fn a_builder_says_what_a_document_says() {
    let check = |draft| UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap();
    let (of_document, of_builder) = (check(every_field()), built().unwrap().build().unwrap());
    assert_eq!(of_builder.spec_digest(), of_document.spec_digest());
    assert_eq!(of_builder.name(), Some("pay"));
    assert_eq!(of_builder.handshake_timeout(), of_document.handshake_timeout());
    // The twins: each call of another value is another policy.
    let others: [fn(uptls::PolicyBuilder) -> uptls::PolicyBuilder; 9] = [
        |builder| builder.add_ca_file("other.pem"),
        |builder| builder.add_ca_pem("other"),
        |builder| builder.system_roots(uptls::SystemTrust::Mozilla),
        |builder| builder.server_name(uptls::ServerNameRule::Auto),
        |builder| builder.add_spki_pin([8; 32]),
        |builder| builder.alpn(["h2", "http/1.1"]),
        |builder| builder.revocation(uptls::RevocationDepth::Chain, uptls::UnknownRevocation::Deny),
        |builder| builder.resumption(uptls::Resumption::Enabled),
        |builder| builder.identity_pem("chain", Secret::new("key")),
    ];
    for (index, other) in others.into_iter().enumerate() {
        let policy = other(built().unwrap()).build().unwrap();
        assert_ne!(policy.spec_digest(), of_document.spec_digest(), "{index}");
    }
}

/// Types cannot say everything: what values come to together is checked, with the paths of a document.
#[test]
fn a_builder_checks_what_types_do_not_say() {
    let codes = |builder: uptls::PolicyBuilder| match builder.build() {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|p| (p.path().to_owned(), p.code().as_str())).collect(),
    };
    let trusting = || UpstreamTlsPolicy::builder().system_roots(uptls::SystemTrust::Mozilla);
    assert_eq!(codes(trusting()), []);
    assert_eq!(codes(UpstreamTlsPolicy::builder()), at("spec.trust", "trust_missing"));
    let too_long = trusting().handshake_timeout(std::time::Duration::from_secs(3601));
    assert_eq!(codes(too_long), at("spec.handshakeTimeout", "policy_invalid"));
    let zero = trusting().handshake_timeout(std::time::Duration::ZERO);
    assert_eq!(codes(zero), at("spec.handshakeTimeout", "policy_invalid"));
    let backwards = trusting().versions(uptls::TlsVersion::V1_3..=uptls::TlsVersion::V1_2);
    assert_eq!(codes(backwards).len(), 1);
}
