//! The calls as a host makes them.
#![allow(clippy::unwrap_used, reason = "test code")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::failure::frame;

/// The kind of the frame that answers `request`, and its text.
fn ask(request: &Value) -> (u8, String) {
    let frame = frame(answer(request.to_string().as_bytes()));
    (frame[0], String::from_utf8(frame[1..].to_vec()).unwrap())
}

/// The same of a call that succeeds.
fn told(call: &Value) -> Value {
    let (kind, text) = ask(&json!({"at": 1_795_392_000, "call": call}));
    assert_eq!(kind, 0, "{text}");
    serde_json::from_str(&text).unwrap()
}

fn document(spec: &str) -> Value {
    let text = format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: pay}}\nspec: {spec}\n");
    json!({"text": STANDARD.encode(text), "name": "pay.yaml"})
}

fn prepare(spec: &str) -> Value {
    json!({"prepare": {"source": {"document": document(spec)}, "permission": "forbid"}})
}

#[test]
fn a_policy_is_prepared_offered_and_released() {
    let spec = "{trust: {system: mozilla}, alpn: {protocols: [h2]}, versions: {min: \"1.3\"}}";
    let facts = told(&prepare(spec));
    assert_eq!(facts["name"], "pay");
    let reference = uptls_manifest::prepare(
        &Runtime::new(uptls::aws_lc_rs::provider()),
        format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: pay}}\nspec: {spec}\n").as_bytes(),
        "pay.yaml",
        None,
        DangerPermission::Forbidden,
    );
    let digest: String = reference.unwrap().fingerprint().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(facts["fingerprint"], format!("sha256:{digest}"), "a policy has one fingerprint everywhere");
    let offer = told(&json!({"offer": {"handle": facts["handle"], "host": "pay.example"}}));
    assert_eq!(offer["server_name"], "pay.example");
    assert_eq!((offer["min_version"].as_u64(), offer["max_version"].as_u64()), (Some(0x0304), Some(0x0304)));
    assert_eq!(offer["alpn"], json!(["h2"]));
    assert_eq!(offer["groups"], json!([0x11ec, 0x001d, 0x0017, 0x0018]));
    let by_address = told(&json!({"offer": {"handle": facts["handle"], "host": "10.0.0.7"}}));
    assert_eq!(by_address.get("server_name"), None, "an address is no server name");
    told(&json!({"release": {"handle": facts["handle"]}}));
    let (kind, words) = ask(&json!({"at": 0, "call": {"describe": {"handle": facts["handle"]}}}));
    assert_eq!(kind, 2, "{words}");
}

#[test]
fn a_policy_that_cannot_be_used_is_a_report() {
    let (kind, text) = ask(&json!({"at": 0, "call": prepare("{trust: {bundles: [{file: ca.pem}]}}")}));
    let report: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((kind, &report["results"][0]["code"]), (1, &json!("trust_unreadable")));
}

#[test]
fn a_request_that_is_none_is_a_misuse() {
    for request in [
        json!({}),
        json!({"at": 0, "call": {"unknown": {}}}),
        json!({"at": -1, "call": {"release": {"handle": 1}}}),
        json!({"at": 0, "call": {"release": {"handle": 1, "more": 1}}}),
        json!({"at": 0, "call": {"prepare": {"source": {"document": {"text": "%", "name": ""}}, "permission": "forbid"}}}),
        json!({"at": 0, "call": {"prepare": {"source": {"document": document("{}")}, "permission": "yes"}}}),
    ] {
        assert_eq!(ask(&request).0, 2, "{request}");
    }
    assert!(answer(b"\xff").is_err());
}

#[test]
fn a_peer_without_a_certificate_is_refused_and_no_handle_is_no_acceptance() {
    let facts = told(&prepare("{trust: {system: mozilla}}"));
    let handle = facts["handle"].as_u64().and_then(|handle| u32::try_from(handle).ok()).unwrap();
    let connection = session::Connection {
        alpn: b"",
        chain: b"",
        cipher_suite: 0x1301,
        host: b"pay.example",
        is_negotiated: true,
        version: 0x0304,
    };
    match session::judge(handle, &connection, 1_795_392_000) {
        Err(Failure::Report(report)) => assert_eq!(report.code, Some(uptls::Code::CertNone)),
        _ => panic!("a peer without a certificate must be refused"),
    }
    assert!(matches!(session::judge(handle + 1, &connection, 0), Err(Failure::Misuse(_))));
}

const POLICY: &str = r#"{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
    "metadata": {"name": "pay-tls", "namespace": "shop"},
    "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
             "validation": {"wellKnownCACertificates": "System", "hostname": "pay.example"}}}"#;

#[test]
fn a_store_follows_its_objects() {
    let store =
        told(&json!({"manifests": {"store_new": {"options": {"controller_name": "example.com/gateway"}}}}))["store"]
            .clone();
    let object = STANDARD.encode(POLICY);
    let added = told(&json!({"manifests": {"store_upsert": {"store": store, "object": object}}}));
    assert_eq!(added, "BackendTLSPolicy shop/pay-tls");
    let changed = told(&json!({"manifests": {"store_changed": {"store": store}}}));
    assert_eq!(changed, json!([{"backend": "Service/shop/pay"}]));
    assert_eq!(told(&json!({"manifests": {"store_changed": {"store": store}}})), json!([]));
    told(&json!({"manifests": {"store_remove": {"store": store, "object": object}}}));
    assert_eq!(told(&json!({"manifests": {"store_changed": {"store": store}}})), changed);
    told(&json!({"manifests": {"store_release": {"store": store}}}));
    assert_eq!(ask(&json!({"at": 0, "call": {"manifests": {"store_changed": {"store": store}}}})).0, 2);
}

#[test]
fn an_import_is_the_one_of_rust() {
    let documents = json!([{"name": "pay.json", "text": STANDARD.encode(POLICY)}]);
    let (kind, text) = ask(&json!({"at": 1_795_392_000, "call": {"manifests": {"import": {"documents": documents}}}}));
    let clock = uptls::FixedClock::at(1_795_392_000);
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build();
    let documents = [uptls_manifest::kubernetes::Document::new("pay.json", POLICY.as_bytes())];
    let no_files = |_: &_| Err("no file is read".to_owned());
    let import = uptls_manifest::report::Import::of(&documents, &runtime, &no_files, &Default::default());
    assert_eq!(kind, 0);
    assert_eq!(text.replace("mozilla", "native"), import.unwrap().to_json().replace("mozilla", "native"));
}
