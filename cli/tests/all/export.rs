//! `uptls export envoy`: the context on stdout, files beside it, refusals with their rule.

use std::fs;

use serde_json::Value;

use crate::manifests::objects;
use crate::support::{Folder, uptls};

#[test]
fn a_context_is_one_json_document() {
    let folder = Folder::new();
    let ran = uptls(folder.path(), &["export", "envoy", "--policy", "mtls.yaml"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let context = ran.json();
    assert_eq!(context["sni"], "payments.internal");
    let pair = &context["common_tls_context"]["tls_certificates"][0];
    let key = folder.path().join("client.key");
    // Envoy runs in a folder of its own.
    assert_eq!(
        fs::canonicalize(pair["private_key"]["filename"].as_str().unwrap()).unwrap(),
        fs::canonicalize(key).unwrap()
    );
    assert!(ran.stderr.starts_with("warning: engine_difference: "), "{ran:?}");
    assert!(ran.stderr.contains("docs/envoy-differences.md: E1 E2 "), "{ran:?}");
}

#[test]
fn a_cluster_reaches_its_backend_host() {
    let folder = Folder::new();
    folder.write(
        "auto.yaml",
        "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {trust: {bundles: [{file: ca.pem}]}}\n",
    );
    let ran = uptls(folder.path(), &["export", "envoy", "--policy", "auto.yaml", "--cluster", "Pay.Internal:8443"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let cluster = ran.json();
    assert_eq!(cluster["transport_socket"]["typed_config"]["sni"], "pay.internal");
    assert_eq!(cluster["type"], "STRICT_DNS");
    let endpoint = &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
    assert_eq!(endpoint["address"]["socket_address"]["port_value"], 8443);
    // Without an address or a host there is nothing to ask for.
    let ran = uptls(folder.path(), &["export", "envoy", "--policy", "auto.yaml"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("not_exportable (115)") && ran.stderr.contains("--host NAME-OR-IP"), "{ran:?}");
    let ran = uptls(folder.path(), &["export", "envoy", "--policy", "auto.yaml", "--host", "10.0.0.7"]);
    assert_eq!((ran.code, &ran.json()["sni"]), (0, &Value::Null), "{ran:?}");
}

#[test]
fn a_weakening_is_exported_only_where_it_is_allowed() {
    let folder = Folder::new();
    folder.policy("any.yaml", "danger: {acceptAnyName: {reason: an old appliance}}");
    let args = ["export", "envoy", "--policy", "any.yaml"];
    let ran = uptls(folder.path(), &args);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("danger_forbidden"), "{ran:?}");
    let ran = uptls(folder.path(), &[args.as_slice(), &["--allow-danger"]].concat());
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.contains("danger_active"), "{ran:?}");
    let nothing = "{serverName: payments.internal, danger: {acceptAnyCertificate: {reason: a test}}}";
    folder.write("nothing.yaml", &format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {nothing}\n"));
    let ran = uptls(folder.path(), &["export", "envoy", "--policy", "nothing.yaml", "--allow-danger"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
    assert!(ran.stderr.contains("(D2)"), "{ran:?}");
}

#[test]
fn a_context_with_the_module_holds_the_policy() {
    let folder = Folder::new();
    let ran = uptls(folder.path(), &["export", "envoy", "--policy", "policy.yaml", "--module"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.stderr.contains("engine_difference"), "{ran:?}");
    let validation = ran.json()["common_tls_context"]["validation_context"].clone();
    let config = &validation["custom_validator_config"]["typed_config"];
    assert_eq!(config["validator_name"], "uptls");
    assert_eq!(config["dynamic_module_config"]["name"], "uptls_envoy");
    let document = config["validator_config"]["value"].as_str().unwrap();
    // Envoy runs in another folder.
    let bundle = folder.path().canonicalize().unwrap().join("ca.pem");
    assert!(document.contains(&format!("{{\"file\":\"{}\"}}", bundle.display())), "{document}");
    let ran = uptls(folder.path(), &["export", "envoy", "--policy", "policy.yaml"]);
    assert!(ran.stderr.contains("engine_difference"), "{ran:?}");
    // R2: of objects, a broken file ends new connections.
    objects(&folder, "payments.internal", "");
    let from = ["export", "envoy", "--manifests", "objects", "--backend", "shop/pay:443", "--module"];
    let ran = uptls(folder.path(), &from);
    let validation = ran.json()["common_tls_context"]["validation_context"].clone();
    let config =
        validation["custom_validator_config"]["typed_config"]["validator_config"]["value"].as_str().unwrap().to_owned();
    assert!(config.contains("\"onInvalid\":\"failClosed\"") && !document.contains("onInvalid"), "{config}");
}
