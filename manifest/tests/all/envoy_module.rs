//! The export that loads the module (X4): its document says the same as the policy, by the fingerprint.

use std::fs;

use serde_json::{Value, json};
use tempfile::TempDir;
use uptls::danger::DangerPermission;
use uptls::{BackendHost, Code, OnInvalid, Prepared, Problems};
use uptls_manifest::envoy::{self, ClusterReading, Export, ExportOptions, Owner, Placement, Standing};
use uptls_testkit::{CrlTemplate, NOW, Pki, San, YEAR, chain_pem, crl_pem};

use crate::common::{document, runtime};

const IDENTITY: &str = "  serverName: a.test\n  identity: {certificate: {file: client.pem}, key: {file: client.key}}\n";

fn folder() -> TempDir {
    let folder = TempDir::new().unwrap();
    let pki = Pki::new("envoy module");
    let client = pki.client(&[San::dns("client.test")]);
    let list = CrlTemplate { next_update: Some(NOW + 20 * YEAR), ..CrlTemplate::new(&[]) };
    let lists = [&pki.root, &pki.intermediate].map(|issuer| crl_pem(&list.issued_by(issuer)));
    for (name, text) in [
        ("ca.pem", pki.root.pem()),
        ("ca.crl", lists.concat()),
        ("client.pem", chain_pem(&[&client, &pki.intermediate])),
        ("client.key", client.key().pkcs8_pem()),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn prepare(folder: &TempDir, text: &str) -> Result<std::sync::Arc<Prepared>, Problems> {
    uptls_manifest::prepare(&runtime(), text.as_bytes(), "policy", Some(folder.path()), DangerPermission::Allowed)
}

fn export(
    folder: &TempDir,
    spec: &str,
    options: &ExportOptions,
) -> Result<(std::sync::Arc<Prepared>, Export), Problems> {
    let stands_alone = spec.contains("trust:") || spec.contains("acceptAnyCertificate");
    let trust = if stands_alone { "" } else { "  trust: {bundles: [{file: ca.pem}]}\n" };
    let prepared = prepare(folder, &document(&format!("{trust}{spec}")))?;
    let export = envoy::export_module(&prepared, options)?;
    Ok((prepared, export))
}

fn host(text: &str) -> ExportOptions {
    let mut options = ExportOptions::default();
    options.backend_host = (!text.is_empty()).then(|| BackendHost::parse(text).unwrap());
    options
}

fn validator(export: &Export) -> &Value {
    &export.context["common_tls_context"]["validation_context"]["custom_validator_config"]["typed_config"]
}

#[test]
fn the_document_has_the_fingerprint_of_the_policy() {
    let folder = folder();
    let pin = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let digest = "ab".repeat(32);
    for spec in [
        "".to_owned(),
        "  serverName: A.test.\n  resumption: false\n  handshakeTimeout: 1500ms\n".to_owned(),
        "  serverName: none\n  subjectAltNames: [{dns: '*.a.test'}, {dns: b.test}, {ip: '::1'}, {uri: 'spiffe://a/b'}, {spiffeTrustDomain: a}]\n".to_owned(),
        "  trust: {bundles: [{file: ca.pem, trustDomain: a}, {file: ca.pem, trustDomain: b}]}\n  subjectAltNames: [{uri: 'spiffe://a/b'}, {spiffe: {trustDomain: b, pathPrefix: /ns}}]\n".to_owned(),
        "  trust: {system: mozilla, systemTrustDomain: a}\n  subjectAltNames: [{uri: 'spiffe://a/b'}]\n".to_owned(),
        "  versions: {min: '1.3'}\n  groups: [X25519MLKEM768, secp256r1]\n  alpn: {protocols: [h2, http/1.1]}\n".to_owned(),
        "  versions: {max: '1.2'}\n  cipherSuites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n".to_owned(),
        format!("  spkiPins: ['{pin}']\n"),
        "  revocation: {crls: [{file: ca.crl}], depth: leaf, unknown: allow}\n".to_owned(),
        "  revocation: {crls: [{file: ca.crl}]}\n".to_owned(),
        "  serverName: none\n  danger: {acceptAnyName: {reason: 'a \"test\"'}}\n".to_owned(),
        "  danger: {acceptAnyCertificate: {reason: a test}}\n".to_owned(),
        "  danger: {tolerate: [{rule: key_usage, reason: old, until: '2099-01-01T00:00:00Z'}, {rule: common_name, reason: older}]}\n".to_owned(),
        format!("  trust: {{system: mozilla, pinnedKeys: ['{pin}'], pinnedCertificates: ['{digest}'], bundles: [{{file: ca.pem}}]}}\n"),
        format!("  trust: {{bundles: [{{pem: {:?}}}]}}\n", Pki::new("inline").root.pem()),
    ] {
        let options = host("a.test");
        let (prepared, export) = export(&folder, &spec, &options).unwrap_or_else(|problems| panic!("{spec}: {problems}"));
        let validator = validator(&export);
        let danger = spec.contains("danger:");
        assert_eq!(validator["validator_name"], if danger { "uptls-allow-danger" } else { "uptls" });
        let text = validator["validator_config"]["value"].as_str().unwrap();
        let again = prepare(&TempDir::new().unwrap(), text).unwrap_or_else(|problems| panic!("{text}: {problems}"));
        assert_eq!(prepared.fingerprint(), again.fingerprint(), "{spec}{text}");
    }
}

/// T9: texts of one trust domain go to one file, texts of two stay where they are.
#[test]
fn one_file_vouches_for_one_trust_domain() {
    let folder = folder();
    let (a, b) = (Pki::new("text a").root.pem(), Pki::new("text b").root.pem());
    let bundles = |domains: [&str; 2]| {
        let texts = [&a, &b].into_iter().zip(domains).map(|(pem, domain)| json!({"pem": pem, "trustDomain": domain}));
        let trust = json!({"bundles": texts.collect::<Vec<_>>()});
        let mut options = host("");
        options.placement = Placement::CaFile { file: "/etc/ca.pem".into(), owner: Owner::named("pay") };
        let spec = format!("  trust: {trust}\n  serverName: none\n  subjectAltNames: [{{spiffeTrustDomain: a}}]\n");
        let (_, export) = export(&folder, &spec, &options).unwrap();
        let text = validator(&export)["validator_config"]["value"].as_str().unwrap();
        let document: Value = serde_json::from_str(text).unwrap();
        (document["spec"]["trust"]["bundles"].clone(), export.files.len())
    };
    assert_eq!(bundles(["a", "a"]), (json!([{"file": "/etc/ca.pem", "trustDomain": "a"}]), 1));
    let apart = json!([{"pem": a, "trustDomain": "a"}, {"pem": b, "trustDomain": "b"}]);
    assert_eq!(bundles(["a", "b"]), (apart, 0));
}

/// R2: as the configuration of the module says it.
#[test]
fn what_a_broken_file_does_stands_beside_the_policy() {
    let folder = folder();
    let text = |options: &ExportOptions| {
        let (_, export) = export(&folder, "", options).unwrap();
        serde_json::from_str::<Value>(validator(&export)["validator_config"]["value"].as_str().unwrap()).unwrap()
    };
    let mut options = host("a.test");
    let alone = text(&options);
    assert_eq!(alone["kind"], "UpstreamTlsPolicy");
    options.on_invalid = OnInvalid::FailClosed;
    assert_eq!(text(&options), json!({"onInvalid": "failClosed", "policy": alone}));
}

#[test]
fn envoy_sends_what_envoy_must_send() {
    let folder = folder();
    let (_, with_identity) = export(&folder, IDENTITY, &host("")).unwrap();
    let common = &with_identity.context["common_tls_context"];
    let key = &common["tls_certificates"][0]["private_key"]["filename"];
    assert!(key.as_str().unwrap().ends_with("client.key"));
    assert_eq!(with_identity.context["sni"], "a.test");
    let text = validator(&with_identity)["validator_config"]["value"].as_str().unwrap();
    assert!(!text.contains("identity") && !text.contains("client"), "{text}");
    assert!(common["validation_context"].get("trusted_ca").is_none());
    assert_eq!(common["tls_params"]["tls_maximum_protocol_version"], "TLSv1_3");
    // By SDS the identity is all that is written.
    let mut options = host("");
    options.placement = Placement::Sds { folder: folder.path().join("sds"), owner: Owner::named("pay") };
    let (_, by_sds) = export(&folder, IDENTITY, &options).unwrap();
    let names: Vec<_> = by_sds.files.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["tls_certificate.json"]);
    assert!(by_sds.context["common_tls_context"].get("tls_certificate_sds_secret_configs").is_some());
}

#[test]
fn the_name_is_the_one_that_is_sent() {
    let folder = folder();
    let spec = |text: &str, options: &ExportOptions| {
        let (_, export) = export(&folder, text, options).unwrap();
        let document = validator(&export)["validator_config"]["value"].as_str().unwrap().to_owned();
        (serde_json::from_str::<Value>(&document).unwrap()["spec"].clone(), export.context)
    };
    let (auto, context) = spec("", &host(""));
    assert_eq!((&auto["serverName"], &context["auto_host_sni"]), (&Value::from("auto"), &Value::from(true)));
    assert!(context.get("sni").is_none());
    let (named, context) = spec("", &host("a.test"));
    assert_eq!((&named["serverName"], &context["sni"]), (&Value::from("auto"), &Value::from("a.test")));
    assert!(context.get("auto_host_sni").is_none());
    // No address is sent: the module is told.
    let (address, context) = spec("", &host("[::1]"));
    assert_eq!(address["serverName"], "none");
    assert_eq!(address["subjectAltNames"], serde_json::json!([{"ip": "::1"}]));
    assert!(context.get("sni").is_none() && context.get("auto_host_sni").is_none());
}

#[test]
fn what_envoy_cannot_do_is_refused() {
    let folder = folder();
    let inline = format!(
        "  serverName: a.test\n  identity: {{certificate: {{file: client.pem}}, key: {{pem: {:?}}}}}\n",
        fs::read_to_string(folder.path().join("client.key")).unwrap()
    );
    for (spec, path) in [
        ("  alpn: {protocols: [h2], required: true}\n", "spec.alpn.required"),
        ("  versions: {min: '1.3'}\n  cipherSuites: [TLS_AES_128_GCM_SHA256]\n", "spec.cipherSuites"),
        (inline.as_str(), "spec.identity"),
    ] {
        let problems = export(&folder, spec, &host("a.test")).map(drop).unwrap_err();
        assert_eq!((problems.code(), problems.first().unwrap().path()), (Code::NotExportable, path));
    }
}

#[test]
fn texts_go_to_the_file_that_is_named() {
    let folder = folder();
    let root = Pki::new("inline").root.pem();
    let spec = format!("  trust: {{bundles: [{{pem: {root:?}}}, {{file: ca.pem}}]}}\n");
    let mut options = host("a.test");
    let inline = export(&folder, &format!("  trust: {{bundles: [{{pem: {root:?}}}]}}\n"), &options).unwrap().1;
    assert!(inline.context.get("max_session_keys").is_none(), "nothing of it can change");
    let path = folder.path().join("texts.pem");
    options.placement = Placement::CaFile { file: path.clone(), owner: Owner::named("pay") };
    let (prepared, export) = export(&folder, &spec, &options).unwrap();
    assert_eq!(export.context["max_session_keys"], 0);
    assert_eq!(export.files.len(), 1);
    assert_eq!(export.files[0].path, path);
    assert!(String::from_utf8_lossy(&export.files[0].content).trim().ends_with(root.trim()));
    export.write().unwrap();
    let text = validator(&export)["validator_config"]["value"].as_str().unwrap();
    assert_eq!(prepare(&folder, text).unwrap().fingerprint(), prepared.fingerprint());
}

/// What a reader says of the context: standing, the finding and its reason, and the policy of the same meaning.
fn read(context: &Value) -> ClusterReading {
    let reading = envoy::read(context.to_string().as_bytes(), "context", &|_| Err("nothing is read".to_owned()));
    reading.unwrap().clusters.remove(0)
}

#[test]
fn the_module_is_known_again_and_verifies() {
    let folder = folder();
    for (spec, host_name) in [
        ("  serverName: a.test\n", ""),
        ("  serverName: a.test\n  subjectAltNames: [{dns: b.test}, {uri: 'spiffe://a/b'}, {ip: 192.0.2.1}]\n", ""),
        ("  serverName: none\n  subjectAltNames: [{dns: b.test}]\n", ""),
        ("", ""),
        ("  serverName: a.test\n  revocation: {crls: [{file: ca.crl}], depth: leaf}\n", ""),
        ("  serverName: a.test\n  trust: {system: mozilla}\n  versions: {min: '1.3'}\n  alpn: {protocols: [h2]}\n", ""),
    ] {
        let mut options = host(host_name);
        options.on_invalid = if spec.is_empty() { OnInvalid::FailClosed } else { OnInvalid::KeepLastGood };
        let (prepared, export) = export(&folder, spec, &options).unwrap();
        let read = read(&export.context);
        let names: Vec<_> = read.findings.iter().map(|finding| finding.name).collect();
        assert!(names.contains(&"uptls_module") && read.standing == Standing::Verified, "{spec}: {names:?}");
        let policy = uptls::UpstreamTlsPolicy::check(read.draft.unwrap(), DangerPermission::Forbidden).unwrap();
        let again = runtime().prepare(&policy).unwrap();
        let verdict = |prepared: &Prepared| {
            let policy = prepared.policy();
            (
                policy.trust().bundles.len(),
                policy.trust().system,
                policy.subject_alt_names().to_vec(),
                policy.server_name().clone(),
            )
        };
        assert_eq!(verdict(&again), verdict(&prepared), "{spec}");
        assert_eq!(again.policy().revocation().is_some(), prepared.policy().revocation().is_some(), "{spec}");
        assert_eq!(again.policy().alpn(), prepared.policy().alpn(), "{spec}");
    }
}

#[test]
fn what_the_modules_policy_gives_up_is_said() {
    let folder = folder();
    for (danger, standing) in [
        ("acceptAnyCertificate: {reason: a test}", Standing::VerifiesNothing),
        ("acceptAnyName: {reason: a test}", Standing::VerifiesLess),
        ("tolerate: [{rule: key_usage, reason: a test}]", Standing::VerifiesLess),
    ] {
        let (_, export) =
            export(&folder, &format!("  serverName: a.test\n  danger: {{{danger}}}\n"), &host("")).unwrap();
        let read = read(&export.context);
        assert_eq!((read.standing, read.reason().unwrap().name), (standing, "uptls_module"), "{danger}");
        assert!(read.draft.is_none(), "{danger}");
    }
}

#[test]
fn what_is_not_quite_the_module_is_not_known() {
    let folder = folder();
    let (_, export) = export(&folder, "  serverName: a.test\n", &host("")).unwrap();
    let validation = "/common_tls_context/validation_context";
    let config = format!("{validation}/custom_validator_config/typed_config");
    let change = |pointer: &str, key: &str, value: Value| {
        let mut context = export.context.clone();
        context.pointer_mut(pointer).unwrap()[key] = value;
        let read = read(&context);
        assert!(read.draft.is_none(), "{pointer} {key}");
        (read.standing, read.reason().unwrap().name)
    };
    let foreign = (Standing::Unclear, "custom_validator");
    assert_eq!(change(&config, "@type", "type.googleapis.com/other.Config".into()), foreign);
    assert_eq!(change(&config, "validator_name", "another".into()), foreign);
    assert_eq!(change(&format!("{config}/dynamic_module_config"), "name", "another".into()), foreign);
    assert_eq!(change(&format!("{config}/validator_config"), "@type", "another".into()), foreign);
    let (standing, _) = change(validation, "trust_chain_verification", "ACCEPT_UNTRUSTED".into());
    assert_eq!(standing, Standing::VerifiesNothing, "something stands beside it");
    assert_eq!(change(validation, "only_verify_leaf_cert_crl", true.into()), foreign, "something stands beside it");
    let refused = (Standing::Unclear, "uptls_module");
    let document = format!("{config}/validator_config");
    let beside = |key: &str, value: Value| {
        let policy: Value =
            serde_json::from_str(validator(&export)["validator_config"]["value"].as_str().unwrap()).unwrap();
        let mut beside = json!({"policy": policy, "onInvalid": "failClosed"});
        beside[key] = value;
        change(&document, "value", beside.to_string().into())
    };
    assert_eq!(beside("onInvalid", "closed".into()), refused);
    assert_eq!(beside("policy", json!({})), refused);
    assert_eq!(beside("more", 1.into()), refused);
    assert_eq!(change(&document, "value", "not a policy".into()), refused);
    let danger = "{\"apiVersion\": \"uptls/v1\", \"kind\": \"UpstreamTlsPolicy\", \"spec\": {\"danger\": \
                  {\"acceptAnyCertificate\": {\"reason\": \"x\"}}}}";
    assert_eq!(change(&document, "value", danger.into()), refused, "nobody permitted it");
    // The policy wants the name that is sent, and none is.
    let nameless = "{\"apiVersion\": \"uptls/v1\", \"kind\": \"UpstreamTlsPolicy\", \"spec\": {\"trust\": {\"system\": \"mozilla\"}}}";
    let mut context = export.context.clone();
    context.as_object_mut().unwrap().remove("sni");
    context.pointer_mut(&document).unwrap()["value"] = nameless.into();
    let silent = read(&context);
    assert_eq!((silent.standing, silent.reason().unwrap().name), refused);
    assert!(silent.reason().unwrap().reason.contains("none is"));
}

/// N4: a name that the policy wants, and another that is sent.
#[test]
fn a_name_that_is_wanted_and_not_sent_is_a_subject_alt_name() {
    let folder = folder();
    let (_, export) = export(&folder, "  serverName: a.test\n", &host("")).unwrap();
    let mut context = export.context.clone();
    context["sni"] = "front.test".into();
    let read = read(&context);
    let spec = read.draft.unwrap().spec;
    let names: Vec<_> = spec.subject_alt_names.iter().map(|san| san.dns.clone().unwrap()).collect();
    assert_eq!((spec.server_name.as_deref(), names), (Some("front.test"), vec!["a.test".to_owned()]));
}
