//! The committed JSON Schemas are those of the code, and what is read and printed keeps to them.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use uptls::danger::DangerPermission;
use uptls::{Envelope, Inspection};
use uptls_manifest::schema;
use uptls_testkit::{Pki, San, chain_pem};

use crate::common::runtime;
use crate::validator::findings;

fn schemas() -> [(&'static str, Value); 6] {
    [
        ("policy", schema::policy()),
        ("report", schema::report()),
        ("description", schema::description()),
        ("event", schema::event()),
        ("import", schema::import()),
        ("inspect", schema::inspect()),
    ]
}

#[test]
#[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS=1 writes the files")]
fn the_committed_schemas_are_those_of_the_code() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../testdata/schemas");
    let bless = std::env::var("UPTLS_BLESS").is_ok_and(|value| value == "1");
    for (name, schema) in schemas() {
        let path = folder.join(format!("{name}.v1.json"));
        if bless {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
        }
        let committed: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert!(committed == schema, "{} is not that of the code: UPTLS_BLESS=1 rewrites it", path.display());
    }
}

#[test]
fn schemas_say_what_they_are_and_permit_no_null() {
    for (name, schema) in schemas() {
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["$id"], format!("urn:uptls:schema:{name}:v1"));
        let text = schema.to_string();
        assert!(!text.contains("null"), "{name}: {text}");
    }
}

/// A document that uses every field there is.
fn full_policy(pki: &Pki) -> Value {
    let identity = pki.client(&[San::dns("client.example")]);
    let key = identity.key().pkcs8_pem();
    json!({
        "apiVersion": "uptls/v1",
        "kind": "UpstreamTlsPolicy",
        "metadata": {"name": "payments"},
        "spec": {
            "trust": {
                "system": "mozilla",
                "systemTrustDomain": "prod",
                "bundles": [{"pem": pki.root.pem(), "trustDomain": "prod"}],
                "pinnedCertificates": ["00".repeat(32)],
                "pinnedKeys": [format!("{}=", "A".repeat(43))],
            },
            "serverName": "payments.example",
            "subjectAltNames": [
                {"dns": "payments.example"},
                {"uri": "spiffe://prod/pay"},
                {"ip": "10.0.0.7"},
                {"spiffeTrustDomain": "prod"},
                {"spiffe": {"trustDomain": "prod", "pathPrefix": "/ns/pay"}},
            ],
            "spkiPins": [format!("{}=", "A".repeat(43))],
            "identity": {
                "certificate": {"pem": chain_pem(&[&identity, &pki.intermediate])},
                "key": {"pem": key},
            },
            "versions": {"min": "1.2", "max": "1.3"},
            "cipherSuites": ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
            "groups": ["X25519"],
            "alpn": {"protocols": ["h2", "http/1.1"], "required": true},
            "resumption": true,
            "handshakeTimeout": "10s",
            "danger": {"tolerate": [{"rule": "key_usage", "reason": "old PKI", "until": "2027-01-01T00:00:00Z"}]},
        },
    })
}

#[test]
fn documents_reports_and_descriptions_keep_to_their_schemas() {
    let pki = Pki::new("manifest schemas");
    let policy = full_policy(&pki);
    assert_eq!(findings(&schema::policy(), &policy), [""; 0]);
    let text = policy.to_string();
    let allowed = DangerPermission::Allowed;
    let prepared = uptls_manifest::prepare(&runtime(), text.as_bytes(), "p.json", None, allowed).unwrap();
    let leaf = pki.leaf(&[San::dns("payments.example")]);
    let chain = chain_pem(&[&leaf, &pki.intermediate]);
    let verify = |permission, text: &str| {
        uptls_manifest::verify_document(&runtime(), text.as_bytes(), "p.json", None, permission, chain.as_bytes(), None)
    };
    let broken = text.replace("\"serverName\"", "\"sni\"");
    let reports = vec![
        verify(allowed, &text),
        verify(DangerPermission::Forbidden, &text),
        verify(allowed, &broken),
        verify(allowed, ""),
    ];
    let reports: Value = serde_json::from_str(&Envelope::reports(reports).to_json()).unwrap();
    assert_eq!(findings(&schema::report(), &reports), [""; 0]);
    let explained = Envelope::new("uptls.description/v1", vec![prepared.describe()]).to_json();
    assert_eq!(findings(&schema::description(), &serde_json::from_str(&explained).unwrap()), [""; 0]);
    let inspected = Inspection::of_text(chain.as_bytes(), "chain.pem").unwrap();
    let inspected = Envelope::new("uptls.inspect/v1", inspected).to_json();
    assert_eq!(findings(&schema::inspect(), &serde_json::from_str(&inspected).unwrap()), [""; 0]);
    let connector = uptls::Connector::of_prepared(prepared, uptls::OnInvalid::KeepLastGood);
    connector.refuse(uptls_manifest::parse(b"{}", "p.json", None).err().unwrap());
    connector.withdraw();
    let events: Vec<_> = std::iter::from_fn(|| connector.next_event()).collect();
    assert!(events.iter().any(|event| event.facts().kind == "degraded" && !event.facts().errors.is_empty()));
    for event in &events {
        assert_eq!(findings(&schema::event(), &serde_json::from_str(&event.to_json()).unwrap()), [""; 0]);
    }
    let broken = events[0].to_json().replace("\"kind\"", "\"what\"");
    assert_ne!(findings(&schema::event(), &serde_json::from_str(&broken).unwrap()), [""; 0]);
}

#[test]
fn the_reader_and_the_schema_refuse_the_same_shapes() {
    let good = json!({"apiVersion": "uptls/v1", "kind": "UpstreamTlsPolicy", "spec": {"trust": {"system": "native"}}});
    let table: &[(&str, Value)] = &[
        ("/spec/sni", json!("a")),
        ("/spec/serverName", json!(null)),
        ("/spec/serverName", json!(true)),
        ("/spec/resumption", json!("true")),
        ("/spec/subjectAltNames", json!({"dns": "a"})),
        ("/spec/subjectAltNames", json!([{"DNS": "a"}])),
        ("/spec/trust/system", json!(true)),
        ("/spec/trust/bundles", json!([{"file": "ca.pem", "domain": "prod"}])),
        ("/spec/trust/bundles", json!([{"file": "ca.pem", "trustDomain": ["prod"]}])),
        ("/spec/revocation", json!({"crls": [{"file": "ca.crl", "trustDomain": "prod"}]})),
        ("/spec/identity", json!({"certificate": {"file": "a", "trustDomain": "prod"}, "key": {"file": "b"}})),
        ("/spec/subjectAltNames", json!([{"spiffe": {"trustDomain": "prod", "path": "/ns"}}])),
        ("/spec/danger", json!({"acceptAnyName": {}})),
        ("/metadata", json!({"name": ""})),
        ("/metadata", json!({"labels": {}})),
        ("/apiVersion", json!("uptls/v2")),
        ("/kind", json!("BackendTLSPolicy")),
        ("/status", json!({})),
    ];
    assert_eq!(findings(&schema::policy(), &good), [""; 0]);
    assert!(uptls_manifest::parse(good.to_string().as_bytes(), "", None).is_ok());
    for (pointer, value) in table {
        let mut bad = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        bad.pointer_mut(parent).unwrap()[name] = value.clone();
        assert_ne!(findings(&schema::policy(), &bad), [""; 0], "{bad}");
        assert!(uptls_manifest::parse(bad.to_string().as_bytes(), "", None).is_err(), "{bad}");
    }
}

/// A policy of the one field that a case is about, and else a good one.
fn with(field: &str, value: &str) -> String {
    let mut fields = vec![("trust", "{system: mozilla}"), ("serverName", "pay.example")];
    fields.retain(|(name, _)| *name != field);
    fields.push((field, value));
    let spec: String = fields.iter().map(|(name, value)| format!("{name}: {value}, ")).collect();
    format!("{{apiVersion: uptls/v1, kind: UpstreamTlsPolicy, spec: {{{spec}}}}}")
}

/// An editor must show what the command refuses, and nothing else.
#[test]
fn the_schema_refuses_what_the_reader_refuses_for_any_policy() {
    let pin = format!("{}=", "A".repeat(43));
    let refused = [
        ("trust", "{}"),
        ("trust", "{bundles: [{file: a, pem: b}]}"),
        ("trust", "{bundles: [{}]}"),
        ("trust", "{system: none}"),
        ("trust", "{pinnedKeys: [abc]}"),
        ("serverName", "'*.example'"),
        ("serverName", "10.0.0.7"),
        ("serverName", "'::1'"),
        ("versions", "{min: '1.1'}"),
        ("versions", "{max: TLSv1.3}"),
        ("handshakeTimeout", "soon"),
        ("handshakeTimeout", "'10'"),
        ("identity", "{certificate: {file: a}}"),
        ("identity", "{key: {file: a}}"),
        ("subjectAltNames", "[{}]"),
        ("subjectAltNames", "[{dns: a.example, ip: 10.0.0.7}]"),
        ("spkiPins", "[abc]"),
        ("revocation", "{}"),
        ("revocation", "{crls: []}"),
        ("revocation", "{crls: [{file: a}], depth: all}"),
        ("revocation", "{crls: [{file: a}], unknown: maybe}"),
        ("unknown", "1"),
    ];
    let one_pin = format!("[{pin}]");
    let taken = [
        ("versions", "{min: 1.3}"),
        ("versions", "{min: '1.2', max: '1.3'}"),
        ("handshakeTimeout", "500ms"),
        ("serverName", "auto"),
        ("serverName", "Pay.Example."),
        ("serverName", "4.pay-1.x9"),
        ("spkiPins", one_pin.as_str()),
        ("revocation", "{crls: [{file: a}], depth: leaf, unknown: allow}"),
        ("subjectAltNames", "[{dns: '*.example'}, {spiffe: {trustDomain: prod, pathPrefix: /a}}]"),
        ("identity", "{certificate: {file: a}, key: {file: a}, passphrase: {file: b}}"),
    ];
    let schema = schema::policy();
    let reads = |text: &str| {
        let read = uptls_manifest::parse(text.as_bytes(), "p.yaml", None);
        read.and_then(|draft| uptls::UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)).is_ok()
    };
    let fits = |text: &str| findings(&schema, &serde_saphyr::from_str(text).unwrap()).is_empty();
    for (field, value) in refused {
        let text = with(field, value);
        assert_eq!((reads(&text), fits(&text)), (false, false), "{text}");
    }
    for (field, value) in taken {
        let text = with(field, value);
        assert_eq!((reads(&text), fits(&text)), (true, true), "{text}");
    }
    let named = with("resumption", "true").replace("spec:", "metadata: {name: 7}, spec:");
    assert_eq!((reads(&named), fits(&named)), (true, true), "{named}");
}
