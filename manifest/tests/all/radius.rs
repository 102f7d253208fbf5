//! What cannot be read closes what it may concern, and nothing else: limits are for each document and each object.

use std::fs;

use uptls_manifest::kubernetes::{BackendRef, Document, Effect, Imported, Scope, import, load, load_recursively};

const SERVICE: &str = "\
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {ports: [{name: https, port: 443}]}
";

const POLICY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop, creationTimestamp: '2026-02-01T00:00:00Z'}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation: {wellKnownCACertificates: System, hostname: pay.shop}
";

/// The same backend in two namespaces, and `text` beside them.
fn beside(text: &str) -> Imported {
    let there = |text: &str| text.replace("namespace: shop", "namespace: there");
    let texts = [text.to_owned(), SERVICE.to_owned(), POLICY.to_owned(), there(SERVICE), there(POLICY)];
    let named = |(index, text): (usize, &String)| (format!("{index}.yaml"), text.clone());
    let texts: Vec<_> = texts.iter().enumerate().map(named).collect();
    import(texts.iter().map(|(name, text)| Document::new(name, text.as_bytes())))
}

/// The policy of a backend; empty, if it has none that can be used.
fn policy(imported: &Imported, backend: &str) -> String {
    let resolution = imported.resolve(&Scope::default());
    let found = resolution.policy_of(&BackendRef::parse(backend).unwrap(), None);
    found.ok().and_then(|found| found.draft.clone().ok()).and_then(|draft| draft.name).unwrap_or_default()
}

/// What is ready in both namespaces.
fn ready(imported: &Imported) -> [bool; 2] {
    ["shop/pay:443", "there/pay:443"].map(|backend| !policy(imported, backend).is_empty())
}

fn effects(imported: &Imported) -> Vec<Effect> {
    imported.diagnostics.iter().map(|diagnostic| diagnostic.effect).collect()
}

fn padded(object: &str, length: usize) -> String {
    format!("{object}pad: {}\n", "x".repeat(length))
}

const MIB: usize = 1 << 20;

#[test]
fn the_limit_is_for_a_document_and_not_for_a_file() {
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a}\n";
    let many: Vec<_> = (0..14).map(|_| padded(crd, 100_000)).collect();
    let imported = beside(&many.join("---\n"));
    assert_eq!((ready(&imported), effects(&imported)), ([true, true], vec![]));
    assert_eq!(imported.ignored["apiextensions.k8s.io/v1 CustomResourceDefinition"], 14);
    // Lines are those of the file.
    let wrong = POLICY.replace("hostname: pay.shop", "hostname: PAY");
    let imported = beside(&format!("{}---\n{wrong}", many.join("---\n")));
    let lines = many.join("---\n").lines().count() + 1;
    assert_eq!(imported.diagnostics[0].problem.origin().map(|origin| origin.line), u64::try_from(lines + 6).ok());
}

#[test]
fn of_what_is_too_large_the_head_counts() {
    let config_map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n";
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: shop}\n";
    let old = POLICY.replace("pay-tls", "old").replace("2026-02", "2026-01");
    let extension =
        "apiVersion: gateway.kgateway.dev/v1alpha1\nkind: BackendConfigPolicy\nmetadata: {name: a, namespace: shop}\n";
    let upstream = "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: a, namespace: shop}\n";
    for (object, wanted, effect) in [
        (config_map, [true, true], Effect::Skipped),
        (deployment, [true, true], Effect::Notice),
        (&*old, [false, true], Effect::Unread),
        (extension, [false, true], Effect::Unread),
        (upstream, [true, true], Effect::NotReady),
        (SERVICE, [false, true], Effect::Unread),
        ("apiVersion: v1\nkind: List\n", [false, false], Effect::Unread),
        ("kind: [BackendTLSPolicy]\n", [false, false], Effect::Unread),
        ("a: b\n", [true, true], Effect::Notice),
    ] {
        let small = beside(&padded(object, 10));
        assert!(!effects(&small).contains(&Effect::Notice), "{object}");
        let imported = beside(&padded(object, MIB));
        assert_eq!(ready(&imported), wanted, "{object}");
        assert!(effects(&imported).contains(&effect), "{object}: {:?}", effects(&imported));
    }
}

#[test]
fn a_dump_is_read_item_by_item() {
    let items = |policy: &str, note: &str| {
        let note = "x".repeat(if note.is_empty() { 0 } else { MIB + 1 });
        let large = format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: large, namespace: other}}, data: {{x: '{note}'}}}}"
        );
        let padding = format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {{x: '{}'}}}}",
            "y".repeat(600_000)
        );
        let flow = |text: &str| format!("- {}\n", text.trim_end().replace('\n', "\n  "));
        format!("apiVersion: v1\nitems:\n- {padding}\n- {large}\n- {padding}\n{}kind: List\n", flow(policy))
    };
    let old = POLICY.replace("pay-tls", "old").replace("2026-02", "2026-01");
    let imported = beside(&items(&old, ""));
    assert_eq!(policy(&imported, "shop/pay:443"), "shop/old");
    // A Secret that is larger than an object may be is left out, and nothing else.
    let imported = beside(&items(&old, "large"));
    assert_eq!(policy(&imported, "shop/pay:443"), "shop/old");
    assert_eq!(effects(&imported)[0], Effect::Skipped);
    let unread = items(&old, "large")
        .replace(
            "kind: Secret, metadata: {name: large, namespace: other}",
            "kind: BackendTLSPolicy, metadata: {name: b, namespace: there}",
        )
        .replace("apiVersion: v1, kind: BackendTLS", "apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLS");
    let imported = beside(&unread);
    assert_eq!((policy(&imported, "shop/pay:443"), ready(&imported)), ("shop/old".to_owned(), [true, false]));
    // The items of a list of one kind need not say it, also in a long one.
    let item = old.replace("apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\n", "");
    let long = items(&item, "")
        .replace("kind: List", "kind: BackendTLSPolicyList")
        .replace("apiVersion: v1\nitems", "apiVersion: gateway.networking.k8s.io/v1\nitems");
    assert_eq!(policy(&beside(&long), "shop/pay:443"), "shop/old");
    let twice = format!("{}items: []\n", items(&old, ""));
    assert_eq!(ready(&beside(&twice)), [false, false]);
}

#[test]
fn of_what_cannot_be_parsed_a_policy_alone_counts() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: shop}\nspec: {{ .Values.spec }}\n\tx: y\n";
    let old = POLICY.replace("pay-tls", "old");
    for (what, text, wanted) in [
        ("a template of a Deployment", deployment.to_owned(), [true, true]),
        ("a text that ends early", "{\"metadata\": {".to_owned(), [false, false]),
        ("a version without a kind", "apiVersion: v1\n\tc: d\n".to_owned(), [false, false]),
        ("no kind at all", "a: b\n\tc: d\n".to_owned(), [true, true]),
        ("a template of a kind", deployment.replace("Deployment", "{{ .Values.kind }}"), [false, false]),
        ("a policy", format!("{old}\tx: y\n"), [false, true]),
        (
            "a policy without its name",
            format!("{}\tx: y\n", old.replace("metadata: {name: old, ", "metadata: {{{ ")),
            [false, false],
        ),
        ("a policy behind another object", format!("{deployment}{old}"), [false, false]),
        ("a policy that is indented", format!("{deployment} {}", old.replace('\n', "\n ")), [false, false]),
        ("a template before a policy", format!("{{{{- if .x }}}}\n{old}"), [false, false]),
        ("a policy in JSON", "{\"kind\": \"BackendTLSPolicy\", \"a\": ]}".to_owned(), [false, false]),
        ("a Deployment in JSON", "{\"kind\": \"Deployment\", \"a\": ]}".to_owned(), [true, true]),
        (
            "a route to a Gateway",
            "kind: HTTPRoute\nspec:\n  parentRefs: [{kind: Gateway, name: a}]\n\tx: y\n".to_owned(),
            [true, true],
        ),
        (
            "a document of a stream",
            format!("{deployment}---\n{SERVICE}").replace("name: pay", "name: other"),
            [true, true],
        ),
    ] {
        let imported = beside(&text);
        assert_eq!(ready(&imported), wanted, "{what}: {:?}", imported.diagnostics);
        assert!(effects(&imported).iter().any(|of| *of != Effect::Notice), "{what}");
    }
}

#[test]
fn merge_keys_are_read_as_kubectl_reads_them() {
    let merged = "\
.base: &base {targetRefs: [{group: '', kind: Service, name: pay}]}
.names: &names {wellKnownCACertificates: System, hostname: of.base}
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: merged, namespace: shop, creationTimestamp: '2026-01-01T00:00:00Z'}
spec:
  <<: *base
  validation: {<<: [*names, {hostname: of.second}], hostname: of.itself}
";
    let imported = beside(merged);
    assert_eq!(policy(&imported, "shop/pay:443"), "shop/merged");
    let draft = imported.policies.iter().find(|policy| policy.name.name == "merged").unwrap().draft.clone().unwrap();
    assert_eq!(draft.spec.server_name.as_deref(), Some("of.itself"));
    let imported = beside(&merged.replace(", hostname: of.itself", ""));
    let draft = imported.policies.iter().find(|policy| policy.name.name == "merged").unwrap().draft.clone().unwrap();
    assert_eq!(draft.spec.server_name.as_deref(), Some("of.base"), "the first of a list counts");
    // What cannot be merged is no policy, and neither is one in quotes a merge key.
    assert_eq!(ready(&beside(&merged.replace("<<: *base", "<<: base"))), [false, true]);
    assert_eq!(ready(&beside(&merged.replace("<<: *base", "'<<': *base"))), [false, true]);
    assert_eq!(ready(&beside(".a: &a {b: c}\njob: {<<: *a}\n")), [true, true]);
}

#[test]
fn a_stream_of_json_is_read_value_by_value() {
    let service = |name: &str| {
        format!(
            "{{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {{\"name\": \"{name}\", \"namespace\": \"shop\"}}}}"
        )
    };
    let imported = beside(&format!("{}\n{}", service("a"), service("b")));
    assert_eq!((ready(&imported), effects(&imported)), ([true, true], vec![]));
    let imported = beside(&format!("{}\n{}", service("a"), service("pay")));
    assert_eq!(imported.diagnostics[0].problem.origin().map(|origin| origin.line), Some(1));
    assert_eq!(ready(&imported), [false, true], "declared twice");
}

#[test]
fn another_version_closes_what_it_may_concern() {
    let old =
        POLICY.replace("pay-tls", "old").replace("gateway.networking.k8s.io/v1", "gateway.networking.k8s.io/v1alpha2");
    assert_eq!(ready(&beside(&old)), [false, true]);
    assert_eq!(ready(&beside(&old.replace("namespace: shop", "namespace: there"))), [true, false]);
    assert_eq!(ready(&beside(&old.replace("name: old, ", ""))), [false, false], "which object it is must be certain");
    let upstream = "apiVersion: gloo.solo.io/v2\nkind: Upstream\nmetadata: {name: up, namespace: shop}\nspec: {}\n";
    let imported = beside(upstream);
    assert_eq!(ready(&imported), [true, true]);
    assert_eq!(policy(&imported, "Upstream/shop/up"), "");
    assert!(!imported.resolve(&Scope::default()).policies.iter().all(|policy| policy.draft.is_ok()));
}

#[test]
fn folders_in_a_folder_are_read_if_they_are_asked_for() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("more")).unwrap();
    fs::write(root.path().join("more/policy.yaml"), format!("{SERVICE}---\n{POLICY}")).unwrap();
    assert!(load(&[root.path()]).is_err(), "no file here");
    let imported = import(load_recursively(&[root.path()]).ok().unwrap().documents());
    assert_eq!(policy(&imported, "shop/pay:443"), "shop/pay-tls");
    fs::write(root.path().join("a.yaml"), SERVICE.replace("name: pay", "name: other")).unwrap();
    let imported = import(load(&[root.path()]).ok().unwrap().documents());
    assert_eq!((policy(&imported, "shop/pay:443"), imported.ignored["(folder)"]), (String::new(), 1));
    // A link may lead in a circle.
    #[cfg(unix)]
    std::os::unix::fs::symlink(root.path(), root.path().join("more/again")).unwrap();
    let imported = import(load_recursively(&[root.path()]).ok().unwrap().documents());
    assert_eq!((policy(&imported, "shop/pay:443"), imported.ignored["(folder)"]), ("shop/pay-tls".to_owned(), 1));
}
