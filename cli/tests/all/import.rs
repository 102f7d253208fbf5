//! `uptls import`: what the documents of a folder come to, for people and machines, and what Envoy clusters verify.

use serde_json::{Value, json};

use crate::manifests::objects;
use crate::support::{Folder, Ran, uptls};
use crate::validator::findings;

/// `uptls import` with these arguments.
fn import(folder: &Folder, args: &[&str]) -> Ran {
    uptls(folder.path(), &[&["import"], args].concat())
}

/// The one result of `--json`.
fn result(ran: &Ran) -> Value {
    assert_eq!(ran.json()["schema"], "uptls.import/v1");
    assert_eq!(ran.results().len(), 1, "{ran:?}");
    ran.results()[0].clone()
}

/// Runs of spaces as one: how wide a column is, is not what a test is about.
fn squeezed(text: &str) -> String {
    let line = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n";
    text.lines().map(line).collect()
}

#[test]
fn a_folder_gives_the_policy_of_each_backend_and_where_each_field_comes_from() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let ran = import(&folder, &["objects"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let wanted = "\
shop/pay:443: ready
BackendTLSPolicy shop/pay-tls Accepted
FIELD VALUE FROM WHERE
serverName payments.internal BackendTLSPolicy shop/pay-tls spec.validation.hostname objects/pay.yaml:13
trust.bundles[0] ConfigMap shop/pay-ca data.ca.crt ConfigMap shop/pay-ca data.ca.crt objects/ca.yaml:5

1 of 1 policies ready
not read: 1 apps/v1 Deployment
";
    assert_eq!(squeezed(&ran.stdout), wanted);
}

#[test]
fn machines_get_the_same_as_json() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let ran = import(&folder, &["objects", "--json", "--at", "2026-11-23T00:00:00Z"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    let result = result(&ran);
    assert_eq!((&result["ready"], &result["at"]), (&json!(true), &json!("2026-11-23T00:00:00Z")));
    let backend = &result["backends"][0];
    assert_eq!((&backend["backend"], &backend["ready"]), (&json!("shop/pay:443"), &json!(true)));
    assert_eq!(backend["policy"]["name"], "shop/pay-tls");
    assert!(backend["policy"]["fingerprint"].as_str().unwrap().starts_with("sha256:"));
    let name = json!({
        "path": "spec.serverName",
        "value": "payments.internal",
        "object": "BackendTLSPolicy shop/pay-tls",
        "field": "spec.validation.hostname",
        "document": "objects/pay.yaml",
        "line": 13,
        "column": 5
    });
    assert!(backend["fields"].as_array().unwrap().contains(&name), "{backend:#}");
    let policy =
        json!({"object": "BackendTLSPolicy shop/pay-tls", "accepted": "Accepted", "resolved_refs": "ResolvedRefs"});
    assert_eq!(result["policies"], json!([policy]));
    assert_eq!(result["ignored"], json!({"apps/v1 Deployment": 1}));
    assert_eq!((&result["clusters"], &result["diagnostics"]), (&json!([]), &json!([])));
}

#[test]
fn a_policy_that_is_not_ready_is_exit_code_2_with_its_problem() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    std::fs::remove_file(folder.path().join("objects/ca.yaml")).unwrap();
    let ran = import(&folder, &["objects"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stdout.starts_with("shop/pay:443: not ready: connections fail\n"), "{ran:?}");
    assert!(ran.stdout.contains("NoValidCACertificate") && ran.stdout.contains("0 of 1 policies ready"), "{ran:?}");
    let wanted = "objects/pay.yaml:12:9: not ready: spec.validation.caCertificateRefs[0]: ConfigMap shop/pay-ca";
    assert!(ran.stderr.contains(wanted), "{ran:?}");
    let result = result(&import(&folder, &["objects", "--json"]));
    assert_eq!((&result["ready"], &result["backends"][0]["ready"]), (&json!(false), &json!(false)));
    assert_eq!(result["backends"][0]["errors"][0]["code"], "reference_unresolved");
}

#[test]
fn material_is_judged_at_the_given_time() {
    // Everything in the bundle has ended by then (T4).
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let ran = import(&folder, &["objects", "--json", "--at", "2099-01-01T00:00:00Z"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert_eq!(result(&ran)["backends"][0]["errors"][0]["code"], "trust_bundle_expired", "{ran:?}");
}

#[test]
fn several_paths_are_one_import() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let ran = import(&folder, &["objects/pay.yaml"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = import(&folder, &["objects/pay.yaml", "objects/ca.yaml"]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn strict_passes_nothing_over() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let ran = import(&folder, &["objects", "--strict"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("--strict"), "{ran:?}");
    let text = std::fs::read_to_string(folder.path().join("objects/pay.yaml")).unwrap();
    let without = text.split("---\napiVersion: apps/v1").next().unwrap();
    folder.write("objects/pay.yaml", without);
    let ran = import(&folder, &["objects", "--strict"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    // One reference of two is left out: said, and used without it.
    let second = "    caCertificateRefs:\n      - {group: \"\", kind: ConfigMap, name: next-ca}\n";
    folder.write("objects/pay.yaml", &without.replace("    caCertificateRefs:\n", second));
    let ran = import(&folder, &["objects"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stderr.starts_with("warning: objects/pay.yaml:12:9: notice: "), "{ran:?}");
    assert!(ran.stdout.contains("InvalidCACertificateRef"), "{ran:?}");
    assert_eq!(import(&folder, &["objects", "--strict"]).code, 2);
}

#[test]
fn an_envoy_configuration_says_which_clusters_verify_nothing() {
    let folder = Folder::new();
    let exported =
        uptls(folder.path(), &["export", "envoy", "--policy", "policy.yaml", "--cluster", "pay.internal:443"]);
    let mut sound = exported.json();
    sound["name"] = json!("sound");
    let mut nothing = sound.clone();
    nothing["name"] = json!("nothing");
    let context = &mut nothing["transport_socket"]["typed_config"]["common_tls_context"];
    context.as_object_mut().unwrap().remove("validation_context");
    let mut less = sound.clone();
    less["name"] = json!("less");
    let validation = &mut less["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"];
    validation.as_object_mut().unwrap().remove("match_typed_subject_alt_names");
    let mut plain = sound.clone();
    plain["name"] = json!("plain");
    plain.as_object_mut().unwrap().remove("transport_socket");
    let bootstrap = |clusters: &[&Value]| json!({"static_resources": {"clusters": clusters}}).to_string();

    folder.write("sound.json", &bootstrap(&[&sound]));
    let ran = import(&folder, &["sound.json"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.contains("  ok    sound: verified  sound.json:1\n"), "{ran:?}");
    assert!(ran.stdout.ends_with("1 of 1 clusters verified\n"), "{ran:?}");

    folder.write("envoy.json", &bootstrap(&[&sound, &nothing, &less, &plain]));
    let ran = import(&folder, &["envoy.json"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    let says = |text: &str| assert!(ran.stdout.contains(text), "{text}: {ran:?}");
    says("  FAIL  nothing: verifies nothing  envoy.json:1\n        no_validation_context: ");
    says("  FAIL  less: verifies less than it seems  envoy.json:1\n        no_names: ");
    says("  FAIL  plain: no TLS at all");
    says("        change: ");
    says("1 of 4 clusters verified\n");
    let result = result(&import(&folder, &["envoy.json", "--json"]));
    let standings: Vec<_> = result["clusters"].as_array().unwrap().iter().map(|cluster| &cluster["standing"]).collect();
    assert_eq!(json!(standings), json!(["verified", "verifies_nothing", "verifies_less", "plain_text"]));
    assert_eq!(result["ready"], false);
    for alone in [&nothing, &less, &plain] {
        folder.write("one.json", &bootstrap(&[alone]));
        assert_eq!(import(&folder, &["one.json"]).code, 2, "{alone}");
    }
}

#[test]
fn both_kinds_of_documents_may_stand_in_one_folder() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    let exported = uptls(folder.path(), &["export", "envoy", "--policy", "policy.yaml"]);
    folder.write("objects/envoy.json", &exported.stdout);
    let ran = import(&folder, &["objects"]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.contains("1 of 1 policies ready, 1 of 1 clusters verified\n"), "{ran:?}");
    assert!(!ran.stdout.contains("(no kind)"), "{ran:?}");
    // What is neither is counted.
    folder.write("objects/values.yaml", "replicas: 2\n");
    let ran = import(&folder, &["objects"]);
    assert!(ran.stdout.ends_with("not read: 1 (no kind), 1 apps/v1 Deployment\n"), "{ran:?}");
}

#[test]
fn a_document_that_cannot_be_read_may_hold_any_policy() {
    let folder = Folder::new();
    objects(&folder, "payments.internal", "");
    folder.write("objects/broken.yaml", "apiVersion: [\n");
    let ran = import(&folder, &["objects"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.stderr.contains("error: objects/broken.yaml:") && ran.stderr.contains(": unread: "), "{ran:?}");
}

#[test]
fn nothing_to_import_is_an_error() {
    let folder = Folder::new();
    folder.write("values.yaml", "replicas: 2\n");
    std::fs::create_dir(folder.path().join("empty")).unwrap();
    for (path, wanted) in [
        ("values.yaml", "values.yaml: no policy and no cluster"),
        ("empty", "cannot read empty: the folder holds no"),
        ("missing", "cannot read missing: "),
    ] {
        let ran = import(&folder, &[path]);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains(wanted), "{ran:?}");
    }
}

/// A client certificate that leads nowhere is wrong whether a backend needs it or not.
#[test]
fn the_client_certificate_of_a_gateway_is_judged_where_nothing_else_is() {
    let folder = Folder::new();
    let gateway = "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: public, namespace: edge}\n\
                   spec: {tls: {backend: {clientCertificateRef: {name: client}}}}\n";
    folder.write("gateway.yaml", gateway);
    for args in [&["gateway.yaml"][..], &["gateway.yaml", "--status=example.com/own"], &["gateway.yaml", "--json"]] {
        assert_eq!(import(&folder, args).code, 2, "{args:?}");
    }
    let ran = import(&folder, &["gateway.yaml"]);
    assert_eq!(ran.stdout, "no policy for any backend\n");
    let wanted =
        "error: gateway.yaml:4:24: not ready: spec.tls.backend.clientCertificateRef: Secret edge/client cannot be used";
    assert!(ran.stderr.starts_with(wanted), "{ran:?}");
    let status = import(&folder, &["gateway.yaml", "--status=example.com/own"]);
    assert!(status.stdout.contains("InvalidClientCertificateRef"), "{status:?}");
    // The twins: it can be used, and then there is nothing to say but the status.
    let data = json!({"tls.crt": folder.client.pem(), "tls.key": folder.client.key().pkcs8_pem()});
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "client", "namespace": "edge"}, "stringData": data});
    folder.write("secret.json", &secret.to_string());
    let sound = import(&folder, &["gateway.yaml", "secret.json", "--status=example.com/own"]);
    assert_eq!((sound.code, sound.stderr.as_str()), (0, ""), "{sound:?}");
    // It is there, and its halves are those of two.
    let data = json!({"tls.crt": folder.client.pem(), "tls.key": folder.leaf.key().pkcs8_pem()});
    folder.write("secret.json", &json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "client", "namespace": "edge"}, "stringData": data}).to_string());
    let mixed = import(&folder, &["gateway.yaml", "secret.json"]);
    assert!(mixed.code == 2 && mixed.stderr.contains("(identity_key_mismatch)"), "{mixed:?}");
}

#[test]
fn a_policy_for_no_backend_is_not_counted_as_ready() {
    let folder = Folder::new();
    let policy = |name: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\nmetadata: {{name: {name}}}\n\
                 spec:\n  targetRefs: [{{group: x.example, kind: Other, name: pay}}]\n  \
                 validation: {{wellKnownCACertificates: System, hostname: pay.example}}\n---\n"
        )
    };
    folder.write("one.yaml", &policy("one"));
    folder.write("two.yaml", &policy("two"));
    let one = import(&folder, &["one.yaml"]);
    assert!(
        one.code == 2 && one.stdout.ends_with("no backend has a policy: the one that there is, is for none\n"),
        "{one:?}"
    );
    let two = import(&folder, &["one.yaml", "two.yaml"]);
    assert!(two.stdout.ends_with("no backend has a policy: the 2 that there are, are for none\n"), "{two:?}");
}

#[test]
fn what_stands_in_a_document_cannot_steer_the_terminal() {
    let folder = Folder::new();
    let cluster = json!({"name": "a\u{1b}[2Jb", "connect_timeout": "1s"});
    folder.write("envoy.json", &json!({"static_resources": {"clusters": [cluster]}}).to_string());
    let ran = import(&folder, &["envoy.json"]);
    assert!(!ran.stdout.contains('\u{1b}') && ran.stdout.contains("a\\u{1b}[2Jb"), "{ran:?}");
}

#[test]
#[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS=1 writes the file")]
fn what_is_printed_keeps_to_the_committed_schema() {
    let folder = Folder::new();
    let schema = uptls(folder.path(), &["schema", "--import"]);
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/schemas/import.v1.json");
    if std::env::var("UPTLS_BLESS").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &schema.stdout).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == schema.stdout, "{} is not that of the code: UPTLS_BLESS=1 rewrites it", path.display());
    let schema = schema.json();
    assert_eq!(schema["$id"], "urn:uptls:schema:import:v1");
    assert!(!committed.contains("null"));

    objects(&folder, "payments.internal", "    subjectAltNames: [{type: URI, uri: spiffe://prod/pay}]\n");
    folder.write(
        "objects/envoy.json",
        "{\"static_resources\": {\"clusters\": [{\"name\": \"a\", \"connect_timeout\": \"1s\"}]}}",
    );
    folder.write("objects/broken.yaml", "apiVersion: [\n");
    let whole = import(&folder, &["objects", "--json", "--status"]).json();
    assert_eq!(findings(&schema, &whole), [""; 0]);
    assert!(!findings(&schema, &json!({"schema": "uptls.import/v1", "results": [{}]})).is_empty());
}
