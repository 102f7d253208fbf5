//! Export to Envoy (X1..X3): goldens, and what is refused with its rule.
//!
//! `testdata/envoy/NAME.json` is the context of a case; `UPTLS_BLESS=1` writes it. The tests of `uptls-conformance` give
//! every one of them to Envoy itself.
#![allow(clippy::print_stdout, reason = "a test that cannot run must say so")]
#![allow(clippy::disallowed_methods, reason = "UPTLS_BLESS decides nothing about verification")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use tempfile::TempDir;
use uptls::danger::DangerPermission;
use uptls::{BackendHost, Code, Problems, WarningCode};
use uptls_manifest::envoy::{self, Difference, Export, ExportOptions, Owner, Placement, Secrecy};
use uptls_testkit::{
    CLIENT_AUTH, CrlTemplate, Key, KeyUsage, NOW, Pki, RawExtension, San, Template, YEAR, chain_pem, crl_pem,
};

use crate::common::{document, runtime};

/// A folder with a public key infrastructure, and the documents that name it.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let pki = Pki::new("envoy export");
        let client = pki.client(&[San::uri("spiffe://prod/gateway")]);
        let crls = [&pki.root, &pki.intermediate].map(|issuer| crl_pem(&CrlTemplate::new(&[]).issued_by(issuer)));
        let leaf = pki.leaf(&[San::dns("itself.test")]);
        for (name, text) in [
            ("ca.pem", format!("the root\n{}", pki.root.pem())),
            ("both.pem", chain_pem(&[&pki.root, &pki.intermediate])),
            ("leaf.pem", leaf.pem()),
            ("ca.crl", crls.concat()),
            ("client.pem", chain_pem(&[&client, &pki.intermediate])),
            ("client.key", client.key().pkcs8_pem()),
            ("locked.key", client.key().encrypted_pkcs8_pem("open sesame", 2)),
            ("passphrase", "open sesame\n".to_owned()),
            ("other.key", Key::p256("another").pkcs8_pem()),
        ] {
            fs::write(dir.path().join(name), text).unwrap();
        }
        Self(dir)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn export(&self, spec: &str, options: &ExportOptions) -> Result<Export, Problems> {
        let text = document(spec);
        let prepared = uptls_manifest::prepare(
            &runtime(),
            text.as_bytes(),
            "policy.yaml",
            Some(self.path()),
            DangerPermission::Allowed,
        )?;
        envoy::export(&prepared, options)
    }

    /// The context as text, without the name of the folder.
    fn context(&self, spec: &str, options: &ExportOptions) -> String {
        let export = self.export(spec, options).unwrap();
        let text = format!("{:#}\n", export.context);
        text.replace(&format!("{}/", self.path().display()), "")
    }
}

pub(crate) fn host(text: &str) -> ExportOptions {
    let mut options = ExportOptions::default();
    options.backend_host = (!text.is_empty()).then(|| BackendHost::parse(text).unwrap());
    options
}

/// The folder `/sds`, for the policy `pay`.
fn sds() -> Placement {
    Placement::Sds { folder: "/sds".into(), owner: Owner::named("pay") }
}

fn ca_file(path: &str) -> Placement {
    Placement::CaFile { file: path.into(), owner: Owner::named("pay") }
}

/// What tells `pay` from other policies. A release that changes it loses every running Envoy its rotations.
const KEY_OF_PAY: &str = "2c654d6f285140536471bff7fe7c1664a2a313ea271f3963095f426b5cf536f5";

/// Where a secret of `pay` is.
fn sds_path(name: &str) -> PathBuf {
    PathBuf::from(format!("/sds/pay-{KEY_OF_PAY}/current")).join(name)
}

fn placed(placement: Placement) -> ExportOptions {
    let mut options = ExportOptions::default();
    options.placement = placement;
    options
}

/// Name, backend host, spec.
const GOLDENS: &[(&str, &str, &str)] = &[
    ("plain", "", "  serverName: pay.test.example\n"),
    ("auto", "Pay.Test.Example.", "  {}\n"),
    ("auto-ip", "127.0.0.1", "  {}\n"),
    ("auto-ip6", "[::1.2.3.4]", "  {}\n"),
    (
        "names",
        "",
        "  serverName: front.test\n  subjectAltNames: [{dns: pay.test.example}, {dns: '*.test.example'}, {ip: '2001:DB8:0:0::1'}, {uri: 'https://pay.test/a?b'}, {uri: 'spiffe://prod.example/pay'}, {spiffeTrustDomain: prod.example}, {spiffe: {trustDomain: prod.example, pathPrefix: /ns/v1.2}}]\n",
    ),
    (
        "long-names",
        "",
        "  serverName: none\n  subjectAltNames: [{dns: pppppppppppppppppppppppppppppppppppppppppppppppppppppp.qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq.test.example}, {spiffeTrustDomain: dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd}]\n",
    ),
    ("single-label", "", "  serverName: localhost\n"),
    (
        "parameters",
        "",
        "  serverName: pay.test\n  versions: {max: '1.2'}\n  cipherSuites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]\n  groups: [secp384r1, X25519]\n  alpn: {protocols: [h2, http/1.1]}\n  resumption: false\n",
    ),
    ("tls13", "", "  serverName: pay.test\n  versions: {min: '1.3'}\n"),
    (
        "identity",
        "",
        "  serverName: pay.test\n  identity: {certificate: {file: client.pem}, key: {file: client.key}}\n",
    ),
    (
        "revocation",
        "",
        "  serverName: pay.test\n  revocation: {crls: [{file: ca.crl}]}\n  spkiPins: [47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=]\n",
    ),
    ("revocation-leaf", "", "  serverName: pay.test\n  revocation: {crls: [{file: ca.crl}], depth: leaf}\n"),
    ("any-name", "", "  serverName: pay.test\n  danger: {acceptAnyName: {reason: an old appliance}}\n"),
];

pub(crate) fn spec(rest: &str) -> String {
    let rest = rest.replace("  {}\n", "");
    // D2 stands alone.
    if rest.contains("trust:") || rest.contains("acceptAnyCertificate") {
        rest
    } else {
        format!("  trust: {{bundles: [{{file: ca.pem}}]}}\n{rest}")
    }
}

#[test]
fn contexts_are_what_is_committed() {
    let (folder, root) = (Folder::new(), root());
    let bless = std::env::var_os("UPTLS_BLESS").is_some();
    for (name, backend, rest) in GOLDENS {
        let context = folder.context(&spec(rest), &host(backend));
        let path = root.join(format!("{name}.json"));
        if bless {
            fs::create_dir_all(&root).unwrap();
            fs::write(&path, &context).unwrap();
        }
        assert_eq!(fs::read_to_string(&path).unwrap_or_default(), context, "{name} (UPTLS_BLESS=1 writes it anew)");
    }
    let committed: BTreeSet<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let known = GOLDENS.iter().map(|(name, ..)| format!("{name}.json").into()).collect();
    assert_eq!(committed, known, "a file without a case");
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/envoy")
}

#[test]
fn what_envoy_would_ignore_or_weaken_is_never_written() {
    for (name, ..) in GOLDENS {
        let text = fs::read_to_string(root().join(format!("{name}.json"))).unwrap();
        for never in [
            "system_root_certs",
            "provider_instance",
            "auto_sni_san_validation",
            "max_verify_depth",
            "trust_chain_verification",
            "allow_expired_certificate",
            "verify_certificate_hash",
            "match_subject_alt_names\"",
        ] {
            assert!(!text.contains(never), "{name}: {never}");
        }
        let context: Value = serde_json::from_str(&text).unwrap();
        let validation = &context["common_tls_context"]["validation_context"];
        assert!(validation["trusted_ca"].is_object(), "{name}");
        let has_names = validation["match_typed_subject_alt_names"].as_array().is_some_and(|names| !names.is_empty());
        assert_eq!(has_names, *name != "any-name", "{name}");
        assert_eq!(validation["match_typed_subject_alt_names"].is_null(), !has_names, "{name}");
        let parameters = &context["common_tls_context"]["tls_params"];
        assert!(parameters["tls_maximum_protocol_version"].is_string(), "{name}");
        assert!(parameters["tls_minimum_protocol_version"].is_string(), "{name}");
    }
}

/// Rule and path.
type Refusal = (&'static str, &'static str);

/// Spec, backend host, and each refusal, in their order.
const REFUSALS: &[(&str, &str, &[Refusal])] = &[
    (
        "  trust: {pinnedCertificates: [e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855], pinnedKeys: [47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=]}\n  serverName: pay.test\n",
        "",
        &[("T5", "spec.trust.pinnedCertificates"), ("T5", "spec.trust.pinnedKeys")],
    ),
    ("  trust: {system: mozilla}\n  serverName: pay.test\n", "", &[("T6", "spec.trust.system")]),
    ("  serverName: pay.test\n  alpn: {protocols: [h2], required: true}\n", "", &[("H3", "spec.alpn.required")]),
    (
        "  serverName: pay.test\n  revocation: {crls: [{file: ca.crl}], unknown: allow}\n",
        "",
        &[("V3", "spec.revocation.unknown")],
    ),
    (
        "  trust: {bundles: [{file: both.pem}]}\n  serverName: pay.test\n  revocation: {crls: [{file: ca.crl}]}\n",
        "",
        &[("V3", "spec.revocation.depth")],
    ),
    (
        "  serverName: pay.test\n  cipherSuites: [TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]\n",
        "",
        &[("H2", "spec.cipherSuites")],
    ),
    (
        "  serverName: pay.test\n  danger: {acceptAnyCertificate: {reason: a test}}\n",
        "",
        &[("D2", "spec.danger.acceptAnyCertificate")],
    ),
    (
        "  serverName: pay.test\n  danger: {tolerate: [{rule: key_usage, reason: a test}]}\n",
        "",
        &[("D4", "spec.danger.tolerate")],
    ),
    ("  subjectAltNames: [{dns: pay.test}]\n", "", &[("N2", "spec.serverName")]),
    (
        "  serverName: pay.test\n  identity: {certificate: {file: client.pem}, key: {file: locked.key}, passphrase: {file: passphrase}}\n",
        "",
        &[("I3", "spec.identity.passphrase")],
    ),
];

#[test]
fn what_envoy_lacks_is_refused_with_its_rule() {
    let folder = Folder::new();
    for (rest, backend, wanted) in REFUSALS {
        let problems = folder.export(&spec(rest), &host(backend)).expect_err(rest);
        let found: Vec<_> = problems.iter().map(|problem| (problem.to_string(), problem.path().to_owned())).collect();
        assert!(problems.iter().all(|problem| problem.code() == Code::NotExportable), "{problems}");
        assert_eq!(found.len(), wanted.len(), "{problems}");
        for ((text, path), (rule, wanted)) in found.iter().zip(*wanted) {
            assert!(text.ends_with(&format!("({rule})")) && path == wanted, "{text} at {path}");
        }
        assert!(problems.iter().all(|problem| !problem.hint().is_empty()));
    }
}

#[test]
fn a_key_in_the_document_goes_to_a_folder_or_nowhere() {
    let folder = Folder::new();
    let key = fs::read_to_string(folder.path().join("client.key")).unwrap().replace('\n', "\\n");
    let rest =
        format!("  serverName: pay.test\n  identity: {{certificate: {{file: client.pem}}, key: {{pem: \"{key}\"}}}}\n");
    let problems = folder.export(&spec(&rest), &host("")).unwrap_err();
    assert!(problems.to_string().contains("(I6)"), "{problems}");
    let export = folder.export(&spec(&rest), &placed(sds())).unwrap();
    let secrets: Vec<_> = export.files.iter().filter(|file| file.secrecy == Secrecy::OwnerOnly).collect();
    assert_eq!(secrets.len(), 1);
    assert_eq!(secrets[0].path, sds_path("tls_certificate.json"));
    assert!(!format!("{export:?}").contains("PRIVATE KEY"));
}

#[test]
fn the_secrets_of_sds_are_one_file_each() {
    let folder = Folder::new();
    let identity =
        "identity: {certificate: {file: client.pem}, key: {file: locked.key}, passphrase: {file: passphrase}}";
    let rest = format!("  serverName: pay.test\n  {identity}\n  revocation: {{crls: [{{file: ca.crl}}]}}\n");
    let export = folder.export(&spec(&rest), &placed(sds())).unwrap();
    let files: Vec<_> = export.files.iter().map(|file| (file.path.clone(), file.secrecy)).collect();
    let wanted = [
        (sds_path("tls_certificate.json"), Secrecy::OwnerOnly),
        (sds_path("validation_context.json"), Secrecy::Public),
    ];
    assert_eq!(files, wanted);
    // No half of a secret is in a file of its own, so that none can be of another state.
    let secret = |index: usize, kind: &str| {
        let secret: Value = serde_json::from_slice(&export.files[index].content).unwrap();
        assert_eq!(secret["resources"][0]["name"], kind);
        assert!(!secret.to_string().contains("filename") && !secret.to_string().contains("watched_directory"));
        secret["resources"][0][kind].clone()
    };
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let pair = secret(0, "tls_certificate");
    assert_eq!(pair["certificate_chain"]["inline_string"], read("client.pem"));
    let decoded = |field: &str| BASE64_STANDARD.decode(pair[field]["inline_bytes"].as_str().unwrap()).unwrap();
    assert_eq!(decoded("private_key"), read("locked.key").into_bytes());
    assert_eq!(decoded("password"), b"open sesame");
    let trust = secret(1, "validation_context");
    assert_eq!(trust["trusted_ca"]["inline_string"], read("ca.pem").strip_prefix("the root\n").unwrap());
    assert_eq!(trust["crl"]["inline_string"], read("ca.crl"));
    // The names stay in the context: whatever is moved into the folder, they are asked for.
    let common = &export.context["common_tls_context"];
    let combined = &common["combined_validation_context"];
    assert!(combined["default_validation_context"]["match_typed_subject_alt_names"].is_array());
    for (config, name) in [
        (&combined["validation_context_sds_secret_config"], "validation_context"),
        (&common["tls_certificate_sds_secret_configs"][0], "tls_certificate"),
    ] {
        assert_eq!(config["name"], name);
        let source = &config["sds_config"]["path_config_source"];
        let path = sds_path(&format!("{name}.json"));
        assert_eq!(source["path"], path.to_str().unwrap());
        assert_eq!(source["watched_directory"]["path"], path.ancestors().nth(2).unwrap().to_str().unwrap());
    }
}

/// L12: the names say whose the files are, whatever the policies are called.
#[test]
fn two_owners_have_no_path_in_common() {
    let folder = Folder::new();
    let text = spec("  serverName: pay.test\n");
    let paths = |owner: Owner| {
        let options = placed(Placement::Sds { folder: "/sds".into(), owner });
        let export = folder.export(&text, &options).unwrap();
        export.files.iter().map(|file| file.path.clone()).collect::<BTreeSet<_>>()
    };
    let document = |path: &str| Owner::of_document(Path::new(path)).unwrap();
    assert!(paths(document("/a/p.yaml")).is_disjoint(&paths(document("/b/p.yaml"))));
    assert_eq!(paths(document("/a/p.yaml")), paths(document("/a/./p.yaml")));
}

/// R1: the key of one state is never written beside the chain of another.
#[test]
fn a_key_that_was_replaced_in_the_meantime_is_not_exported() {
    let folder = Folder::new();
    let identity = "identity: {certificate: {file: client.pem}, key: {file: client.key}}";
    let text = document(&spec(&format!("  serverName: pay.test\n  {identity}\n")));
    let base = Some(folder.path());
    let permission = DangerPermission::Forbidden;
    let prepared = uptls_manifest::prepare(&runtime(), text.as_bytes(), "policy.yaml", base, permission).unwrap();
    let write = |name: &str| fs::copy(folder.path().join(name), folder.path().join("client.key")).unwrap();
    fs::copy(folder.path().join("client.key"), folder.path().join("kept.key")).unwrap();
    write("other.key");
    let problems = envoy::export(&prepared, &placed(sds())).unwrap_err();
    assert_eq!(problems.code(), Code::IdentityKeyMismatch);
    let problems = envoy::export_module(&prepared, &placed(sds())).unwrap_err();
    assert_eq!(problems.code(), Code::IdentityKeyMismatch);
    write("kept.key");
    envoy::export(&prepared, &placed(sds())).unwrap();
}

#[test]
fn system_roots_are_written_to_a_file() {
    let folder = Folder::new();
    let rest = "  trust: {system: native}\n  serverName: pay.test\n";
    let problems = match folder.export(rest, &host("")) {
        Err(problems) if problems.code() == Code::TrustUnreadable => {
            let required = std::env::var_os("UPTLS_REQUIRE_SUITES").is_some_and(|value| value == "1");
            assert!(!required, "no system roots and UPTLS_REQUIRE_SUITES=1");
            println!("skipped: no system roots");
            return;
        }
        other => other.unwrap_err(),
    };
    assert!(problems.to_string().contains("(X2)"), "{problems}");
    let export = folder.export(rest, &placed(ca_file("/etc/envoy/roots.pem"))).unwrap();
    let validation = &export.context["common_tls_context"]["validation_context"];
    assert_eq!(validation["trusted_ca"]["filename"], "/etc/envoy/roots.pem");
    let text = core::str::from_utf8(&export.files[0].content).unwrap();
    assert!(text.matches("BEGIN CERTIFICATE").count() > 50);
}

#[test]
fn only_what_is_usable_of_a_bundle_is_exported() {
    let folder = Folder::new();
    let ca = fs::read_to_string(folder.path().join("ca.pem")).unwrap();
    let broken = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    fs::write(folder.path().join("ca.pem"), format!("{ca}{broken}")).unwrap();
    let export = folder.export(&spec("  serverName: pay.test\n"), &host("")).unwrap();
    let inline = &export.context["common_tls_context"]["validation_context"]["trusted_ca"]["inline_string"];
    assert_eq!(inline.as_str().unwrap(), ca.strip_prefix("the root\n").unwrap());
    assert!(export.warnings.iter().any(|warning| warning.code == WarningCode::TrustEntryUnusable));
}

/// T3 in Envoy: whatever stands in `trusted_ca` issues, unless its key usage forbids it.
#[test]
fn a_certificate_that_envoy_would_let_sign_is_refused() {
    let folder = Folder::new();
    let leaf = Template::leaf("server").with_sans(&[San::dns("pay.test")]);
    let trusting = |template: &Template| {
        let text = template.self_signed(&Key::p256("server")).pem();
        fs::write(folder.path().join("leaf.pem"), text).unwrap();
        folder.export("  trust: {bundles: [{file: ca.pem}, {file: leaf.pem}]}\n  serverName: pay.test\n", &host(""))
    };
    let count = |export: &Export| {
        let text =
            export.context["common_tls_context"]["validation_context"]["trusted_ca"]["inline_string"].to_string();
        text.matches("BEGIN CERTIFICATE").count()
    };
    assert_eq!(count(&trusting(&leaf).unwrap()), 2);
    for template in [
        Template { key_usage: None, ..leaf.clone() },
        Template { key_usage: None, basic_constraints: None, ..leaf.clone() },
        Template { key_usage: Some(vec![KeyUsage::KeyCertSign, KeyUsage::DigitalSignature]), ..leaf.clone() },
    ] {
        let problems = trusting(&template).unwrap_err();
        assert_eq!(problems.code(), Code::NotExportable);
        assert!(problems.to_string().contains("(T3)"), "{problems}");
    }
    // What is good for nothing here is not there either: Envoy reads no purpose of an anchor.
    let clients = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::ca("for clients") };
    assert_eq!(count(&trusting(&clients).unwrap()), 1);
}

/// E12: of anchors of one name Envoy takes the first.
#[test]
fn anchors_are_in_the_order_in_which_they_last() {
    let folder = Folder::new();
    let (ca, key) = (Template::ca("renewed"), Key::p256("renewed"));
    let at = |from: i64, to: i64| ca.clone().with_validity(NOW + from * YEAR, NOW + to * YEAR).self_signed(&key).pem();
    let (expired, short, long, future) = (at(-3, -1), at(-1, 1), at(-1, 2), at(1, 9));
    fs::write(folder.path().join("ca.pem"), [&*future, &expired, &short, &long].concat()).unwrap();
    let export = folder.export(&spec("  serverName: pay.test\n"), &host("")).unwrap();
    let trusted = &export.context["common_tls_context"]["validation_context"]["trusted_ca"]["inline_string"];
    assert_eq!(trusted.as_str().unwrap(), [&*long, &short, &future].concat());
}

/// Kinds of lists that both engines read: without extensions, with a point, for one kind of certificate without a point.
#[test]
fn lists_of_every_kind_are_exported() {
    let folder = Folder::new();
    let pki = Pki::new("envoy export");
    let refused = |list: &CrlTemplate| {
        fs::write(folder.path().join("ca.crl"), crl_pem(&list.issued_by(&pki.root))).unwrap();
        folder.export(&spec("  serverName: pay.test\n  revocation: {crls: [{file: ca.crl}]}\n"), &host("")).err()
    };
    let usual = CrlTemplate::new(&[]);
    let bare = CrlTemplate { authority_key_id: false, number: None, ..usual.clone() };
    let pointed = usual.clone().with_distribution_point("http://crl.test/a");
    let flag = |der: &[u8]| {
        let mut list = usual.clone();
        list.extra_extensions.push(RawExtension { oid: "2.5.29.28", critical: true, der: der.to_vec() });
        list
    };
    for (list, code) in [
        (usual.clone(), None),
        (CrlTemplate { authority_key_id: false, ..usual.clone() }, None),
        (bare, None),
        (pointed, None),
        // onlyContainsUserCerts; the twin is for attribute certificates.
        (flag(&[0x30, 0x03, 0x81, 0x01, 0xff]), None),
        (flag(&[0x30, 0x03, 0x85, 0x01, 0xff]), Some(Code::CrlParse)),
    ] {
        assert_eq!(refused(&list).map(|problems| problems.code()), code, "{list:?}");
    }
}

/// T9: Envoy takes every wanted name under every CA.
#[test]
fn what_envoy_would_let_vouch_is_refused() {
    let folder = Folder::new();
    fs::write(folder.path().join("b.pem"), Pki::new("b").root.pem()).unwrap();
    let export = |trust: &str, names: &str| {
        let text = format!("  trust: {trust}\n  serverName: none\n  subjectAltNames: {names}\n");
        let mut options = host("");
        options.placement = ca_file("/ca.pem");
        folder.export(&text, &options).map(|_| ())
    };
    let (a, both) = ("[{spiffeTrustDomain: a}]", "[{spiffeTrustDomain: a}, {uri: 'spiffe://b/x'}]");
    for (trust, names) in [
        ("{bundles: [{file: ca.pem, trustDomain: a}, {file: b.pem, trustDomain: b}]}", both),
        ("{bundles: [{file: ca.pem, trustDomain: a}, {file: b.pem, trustDomain: b}]}", a),
        ("{bundles: [{file: ca.pem}, {file: b.pem, trustDomain: b}]}", a),
        ("{system: native, bundles: [{file: ca.pem}]}", a),
        ("{system: native, systemTrustDomain: b, bundles: [{file: ca.pem}]}", a),
    ] {
        let problems = export(trust, names).unwrap_err();
        assert_eq!(problems.code(), Code::NotExportable, "{trust}");
        assert!(problems.to_string().contains("(T9)"), "{problems}");
        assert!(problems.iter().all(|problem| problem.hint().contains("--module")), "{trust}");
    }
    for (trust, names) in [
        ("{bundles: [{file: ca.pem, trustDomain: a}, {file: b.pem, trustDomain: a}]}", a),
        ("{bundles: [{file: ca.pem, trustDomain: a}, {file: b.pem}]}", a),
        ("{bundles: [{file: ca.pem, trustDomain: a}, {file: b.pem, trustDomain: b}]}", "[{dns: a.test}]"),
        ("{system: native, systemTrustDomain: a, bundles: [{file: ca.pem}]}", a),
        ("{system: native, bundles: [{file: ca.pem}]}", "[{dns: a.test}]"),
    ] {
        assert!(export(trust, names).is_ok(), "{trust} {names}");
    }
}

#[test]
fn differences_are_warned_of_where_they_can_be_met() {
    let folder = Folder::new();
    let always = ["E1", "E2", "E3", "E5", "E6", "E10", "E11", "E12", "E13", "E14", "E15"];
    let identity = "  identity: {certificate: {file: client.pem}, key: {file: client.key}}\n";
    for (rest, more) in [
        ("  versions: {min: '1.3'}\n  alpn: {protocols: [h2]}\n", &[][..]),
        ("  versions: {min: '1.3'}\n  alpn: {protocols: [h2]}\n  groups: [X25519]\n", &[]),
        ("  versions: {min: '1.3'}\n", &["E9"]),
        // Nothing makes the curve P-521 a group.
        ("  alpn: {protocols: [h2]}\n", &["E7"]),
        ("  alpn: {protocols: [h2]}\n  groups: [X25519]\n", &["E7"]),
        ("  subjectAltNames: [{uri: 'spiffe://a/b'}]\n", &["E4", "E7", "E9"]),
        ("  revocation: {crls: [{file: ca.crl}]}\n", &["E7", "E8", "E9"]),
        (identity, &["E7", "E9", "E17"]),
    ] {
        let export = folder.export(&spec(&format!("  serverName: pay.test\n{rest}")), &host("")).unwrap();
        let touched = |number: &&'static str| always.contains(number) || more.contains(number);
        let wanted: Vec<_> = Difference::ALL.iter().map(|difference| difference.number()).filter(touched).collect();
        assert_eq!(differences(&export), wanted, "{rest}");
    }
}

pub(crate) fn differences(export: &Export) -> Vec<&str> {
    let differences = export.warnings.iter().filter(|warning| warning.code == WarningCode::EngineDifference);
    differences.map(|warning| warning.detail["difference"].as_str()).collect()
}
