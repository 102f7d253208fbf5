//! Objects that change one by one come to what the objects that are left come to when they are read at once.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};
use uptls::Problem;
use uptls_manifest::kubernetes::{
    BackendKind, Document, EffectivePolicy, ObjectName, ObjectRef, ReadOptions, Scope, Store, import_with,
};
use uptls_testkit::Pki;

fn options() -> ReadOptions {
    ReadOptions::default().with_cluster_trust_bundles(true)
}

fn scope() -> Scope {
    Scope::new("example.com/gateway")
}

fn meta(name: &str, namespace: &str) -> Value {
    json!({"name": name, "namespace": namespace})
}

/// Every object that may be there, each in several states.
fn universe() -> Vec<Vec<Value>> {
    let [one, two] = ["one", "two"].map(|name| Pki::new(name).root.pem());
    let config_map = |name: &str, namespace: &str, data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name, namespace), "data": data});
    let secret = |data: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("client", "edge"), "stringData": data});
    let policy = |name: &str, year: u16, target: Value, refs: Value| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
            "metadata": {"name": name, "namespace": "shop", "creationTimestamp": format!("{year}-01-01T00:00:00Z")},
            "spec": {"targetRefs": [target], "validation": {"hostname": "pay.shop", "caCertificateRefs": refs}}})
    };
    let service = |name: &str| json!({"group": "", "kind": "Service", "name": name});
    let ca = json!([{"group": "", "kind": "ConfigMap", "name": "ca"}]);
    let bundle = json!([{"group": "certificates.k8s.io", "kind": "ClusterTrustBundle", "name": "roots"}, {"group": "", "kind": "ConfigMap", "name": "ca"}]);
    let svc = |name: &str, ports: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}}, "spec": {"ports": ports}});
    let gateway = |spec: Value| json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": meta("public", "edge"), "spec": spec});
    let route = |backends: Value| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": meta("r", "shop"),
        "spec": {"parentRefs": [{"name": "public", "namespace": "edge"}], "rules": [{"backendRefs": backends}]}})
    };
    let extension = |spec: Value| json!({"apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "BackendConfigPolicy", "metadata": meta("more", "shop"), "spec": spec});
    let large = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": meta("large", "shop"), "spec": {"x": "x".repeat(1 << 20)}});
    vec![
        vec![
            config_map("ca", "shop", json!({"ca.crt": one})),
            config_map("ca", "shop", json!({"ca.crt": two})),
            config_map("ca", "shop", json!({"ca.crt": "x"})),
        ],
        vec![config_map("ca", "there", json!({"ca.crt": one}))],
        vec![
            json!({"apiVersion": "certificates.k8s.io/v1", "kind": "ClusterTrustBundle", "metadata": {"name": "roots"}, "spec": {"trustBundle": two}}),
        ],
        vec![secret(json!({"tls.crt": one, "tls.key": "x"})), secret(json!({"tls.crt": one}))],
        vec![
            policy("a", 2025, service("pay"), ca.clone()),
            policy("a", 2025, service("orders"), ca.clone()),
            policy("a", 2027, service("pay"), bundle.clone()),
        ],
        vec![policy("b", 2026, service("pay"), bundle), policy("b", 2026, json!({"group": "", "kind": "Service"}), ca)],
        vec![
            svc("pay", json!([{"name": "https", "port": 443}])),
            svc("pay", json!([])),
            svc("pay", json!([{"name": "q", "port": 443, "protocol": "UDP"}])),
            svc("pay", json!("x")),
        ],
        vec![svc("orders", json!([{"name": "https", "port": 443}, {"name": "more", "port": 8443}]))],
        vec![
            gateway(json!({"tls": {"backend": {"clientCertificateRef": {"name": "client"}}}})),
            gateway(
                json!({"listeners": [{"name": "a", "port": 80, "allowedRoutes": {"namespaces": {"from": "Same"}}}]}),
            ),
        ],
        vec![
            route(json!([{"name": "pay", "port": 443}])),
            route(json!([{"name": "pay", "port": 443}, {"name": "orders", "port": 443}])),
        ],
        vec![
            extension(
                json!({"targetSelectors": [{"group": "", "kind": "Service", "matchLabels": {"app": "orders"}}], "tls": {"sni": "a.b", "secretRef": {"name": "gone"}}}),
            ),
            extension(json!({"targetRefs": [{"group": "", "kind": "Service"}]})),
        ],
        vec![
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("gone", "shop"), "stringData": {"ca.crt": one}}),
        ],
        vec![large],
        vec![json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("d", "shop")})],
        vec![json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": meta("pay", "shop")})],
    ]
}

/// All that is said of one policy, but for where it was written.
fn shown(policy: &EffectivePolicy) -> String {
    let EffectivePolicy { backend, backend_kind, gateway, port, .. } = policy;
    let draft = match &policy.draft {
        Ok(draft) => {
            let spec = &draft.spec;
            let bundles: Vec<_> = spec.trust.bundles.iter().map(|bundle| (&bundle.name, &bundle.pem)).collect();
            format!(
                "{:?} {:?} {bundles:?} {} {:?}",
                draft.name,
                spec.server_name,
                spec.identity.is_some(),
                spec.alpn.protocols
            )
        }
        Err(problems) => {
            problems.iter().map(|problem| format!("{}: {}; ", problem.code(), problem.message())).collect()
        }
    };
    let fields: Vec<_> =
        policy.provenance.iter().map(|(path, from)| format!("{path} {} {}", from.object, from.field)).collect();
    let notices: Vec<_> = policy.notices.iter().map(Problem::message).collect();
    format!(
        "{backend_kind} {backend} {port:?} {gateway:?}: {draft}\n{:?}\n{fields:?} {notices:?}\n{:?}\n{:?}",
        policy.sources, policy.depends_on, policy.warnings
    )
}

fn all(policies: &[EffectivePolicy]) -> Vec<String> {
    policies.iter().map(shown).collect()
}

/// What the objects come to when they are read at once, as text.
fn imported(objects: &BTreeMap<usize, Value>) -> (Vec<String>, Vec<String>) {
    let texts: Vec<_> = objects.values().map(|object| (object.to_string(), name_of(object))).collect();
    let imported = import_with(texts.iter().map(|(text, name)| Document::new(name, text.as_bytes())), options());
    let resolution = imported.resolve(&scope());
    (all(&resolution.policies), resolution.statuses.iter().map(|patch| format!("{patch:?}")).collect())
}

/// As the store calls a document.
fn name_of(object: &Value) -> String {
    let namespace =
        object["metadata"]["namespace"].as_str().map(|namespace| format!("{namespace}/")).unwrap_or_default();
    format!("{} {namespace}{}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

/// Messages name lines, and a value has none.
fn without_lines(texts: Vec<String>) -> Vec<String> {
    let is_place = |word: &str| word.starts_with("line") || word.chars().all(|c| c.is_ascii_digit());
    texts.iter().map(|text| text.split(' ').filter(|word| !is_place(word)).collect::<Vec<_>>().join(" ")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_of_changes_comes_to_its_end(steps in prop::collection::vec((0_usize..15, 0_usize..5, any::<bool>()), 1..24)) {
        let universe = universe();
        let mut store = Store::new(scope(), options());
        let mut objects: BTreeMap<usize, Value> = BTreeMap::new();
        let mut references: BTreeMap<usize, ObjectRef> = BTreeMap::new();
        for (which, state, resolve) in steps {
            match universe[which].get(state) {
                Some(object) => {
                    objects.insert(which, object.clone());
                    references.insert(which, store.upsert(object).unwrap());
                }
                None => {
                    if let Some(reference) = references.get(&which) {
                        store.remove(reference);
                    }
                    objects.remove(&which);
                }
            }
            if resolve {
                let before: BTreeMap<_, _> = by_backend(store.policies());
                let changed: Vec<_> = store.resolve_changed().iter().map(|backend| (backend.kind.unwrap(), backend.name.clone())).collect();
                let after = by_backend(store.policies());
                for key in before.keys().chain(after.keys()) {
                    prop_assert!(before.get(key) == after.get(key) || changed.contains(key), "{key:?} changed in silence");
                }
            }
        }
        store.resolve_changed();
        let (policies, statuses) = imported(&objects);
        prop_assert_eq!(without_lines(all(store.policies())), without_lines(policies));
        let own: Vec<_> = store.statuses().iter().map(|patch| format!("{patch:?}")).collect();
        prop_assert_eq!(without_lines(own), without_lines(statuses));
    }
}

fn by_backend(policies: &[EffectivePolicy]) -> BTreeMap<(BackendKind, ObjectName), Vec<String>> {
    let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for policy in policies {
        found.entry((policy.backend_kind, policy.backend.clone())).or_default().push(shown(policy));
    }
    found
}

#[test]
fn a_changed_secret_costs_what_refers_to_it() {
    let universe = universe();
    let mut store = Store::new(scope(), options());
    for which in [0, 4, 6, 7, 10, 11] {
        store.upsert(&universe[which][0]).unwrap();
    }
    assert_eq!(store.resolve_changed().len(), 2);
    store.upsert(&universe[0][1]).unwrap();
    let changed: Vec<_> = store.resolve_changed().iter().map(ToString::to_string).collect();
    assert_eq!(changed, ["Service/shop/pay"]);
    store.remove(&ObjectRef::new("Secret", "shop", "gone"));
    let changed: Vec<_> = store.resolve_changed().iter().map(ToString::to_string).collect();
    assert_eq!(changed, ["Service/shop/orders"]);
    assert!(store.policies_of(BackendKind::Service, &ObjectName::new("shop", "orders"))[0].draft.is_err());
    store.upsert(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("other", "shop")})).unwrap();
    assert_eq!(store.resolve_changed().len(), 0);
}

#[test]
fn an_object_without_a_certain_name_changes_nothing() {
    let mut store = Store::new(scope(), options());
    for odd in [
        json!({}),
        json!({"apiVersion": "v1", "kind": "Secret"}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": 1}}),
        json!({"kind": "Secret", "metadata": {"name": "a"}}),
        json!({"apiVersion": "v1", "kind": ["Secret"], "metadata": {"name": "a"}}),
        json!([]),
    ] {
        assert!(store.upsert(&odd).is_err(), "{odd}");
    }
    assert_eq!((store.resolve_changed().len(), store.diagnostics().len(), store.ignored().len()), (0, 0, 0));
    // What is foreign is counted once, and another group's Service is not a Service.
    let foreign = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": meta("pay", "shop")});
    for _ in 0..2 {
        store.upsert(&foreign).unwrap();
    }
    assert_eq!(store.ignored().get("serving.knative.dev/v1 Service"), Some(&1));
}
