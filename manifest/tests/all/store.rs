//! Objects that change one by one come to what the objects that are left come to when they are read at once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};
use uptls::Problem;
use uptls_manifest::kubernetes::{
    BackendKind, BackendRef, Document, EffectivePolicy, ObjectName, ObjectRef, ReadOptions, Scope, StatusPatch, Store,
    import_with,
};
use uptls_testkit::Pki;

use crate::universe::{meta, universe};

fn options() -> ReadOptions {
    ReadOptions::default().with_cluster_trust_bundles(true)
}

fn scope() -> Scope {
    Scope::new("example.com/gateway")
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
            // In a text they are in the order of lines, and a value has none.
            let mut texts: Vec<_> = problems.iter().map(|p| format!("{}: {}; ", p.code(), p.message())).collect();
            texts.sort();
            texts.concat()
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
    (all(&resolution.policies), without_messages(&resolution.statuses))
}

/// What a store says of the same objects that gets them one after the other and resolves once.
fn at_once(objects: &BTreeMap<usize, Value>) -> Vec<StatusPatch> {
    let mut store = Store::new(scope(), options());
    for object in objects.values() {
        store.upsert(object).unwrap();
    }
    store.resolve_changed();
    store.statuses()
}

/// The problems of a text are in the order of lines, and a message holds the first of them. Those of a value have no lines.
fn without_messages(statuses: &[StatusPatch]) -> Vec<String> {
    fn strip(value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(strip),
            Value::Object(fields) => {
                fields.remove("message");
                fields.values_mut().for_each(strip);
            }
            _ => {}
        }
    }
    let stripped = |patch: &StatusPatch| {
        let mut patch = patch.clone();
        strip(&mut patch.status);
        format!("{patch:?}")
    };
    statuses.iter().map(stripped).collect()
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

/// What is made anew alone changes more often than the others: only while those stay is it.
fn object() -> impl Strategy<Value = usize> {
    prop_oneof![1 => 0_usize..OBJECTS, 4 => prop::sample::select(vec![0, 4, 5, 6, 7, 8, 9, 17, 18, 19, 21])]
}

const OBJECTS: usize = 23;

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_of_changes_comes_to_its_end(steps in prop::collection::vec((object(), 0_usize..6, any::<bool>()), 1..40)) {
        let universe = universe();
        prop_assert_eq!(universe.len(), OBJECTS);
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
                let before = by_name(store.policies());
                let changed: Vec<_> = store.resolve_changed().into_iter().map(|changed| (changed.backend, changed.gateway)).collect();
                let after = by_name(store.policies());
                for key in &changed {
                    prop_assert!(before.contains_key(key) || after.contains_key(key), "{key:?} is no policy");
                }
                for key in before.keys().chain(after.keys()) {
                    prop_assert!(before.get(key) == after.get(key) || changed.contains(key), "{key:?} changed in silence");
                }
            }
        }
        store.resolve_changed();
        let (policies, statuses) = imported(&objects);
        prop_assert_eq!(without_lines(all(store.policies())), without_lines(policies));
        prop_assert_eq!(without_messages(&store.statuses()), statuses);
        prop_assert_eq!(store.statuses(), at_once(&objects));
    }
}

fn by_name(policies: &[EffectivePolicy]) -> BTreeMap<(BackendRef, Option<ObjectName>), String> {
    policies.iter().map(|policy| ((policy.backend_ref(), policy.gateway.clone()), shown(policy))).collect()
}

#[test]
fn a_changed_secret_costs_what_refers_to_it() {
    let universe = universe();
    let mut store = Store::new(scope(), options());
    for which in [0, 4, 6, 7, 10, 11] {
        store.upsert(&universe[which][0]).unwrap();
    }
    let orders = ["Service/shop/orders:443", "Service/shop/orders:8443"];
    assert_eq!(changed(&mut store), [orders[0], orders[1], "Service/shop/pay:443"]);
    store.upsert(&universe[0][1]).unwrap();
    assert_eq!(changed(&mut store), ["Service/shop/pay:443"]);
    store.remove(&ObjectRef::new("Secret", "shop", "gone"));
    assert_eq!(changed(&mut store), orders);
    assert!(store.policies_of(BackendKind::Service, &ObjectName::new("shop", "orders"))[0].draft.is_err());
    store.upsert(&json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("other", "shop")})).unwrap();
    assert_eq!(store.resolve_changed().len(), 0);
}

/// Fifty backends in each of two namespaces, each with its policy, and the same CA in both.
fn crowd() -> Store {
    let mut store = Store::new(scope(), options());
    let pem = Pki::new("one").root.pem();
    for namespace in ["here", "there"] {
        store.upsert(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("ca", namespace), "data": {"ca.crt": pem}})).unwrap();
        for index in 0..50 {
            store.upsert(&of_crowd(namespace, index, &format!("s{index}"), "a.example")).unwrap();
        }
    }
    assert_eq!(store.resolve_changed().len(), 100);
    store
}

fn of_crowd(namespace: &str, index: usize, service: &str, hostname: &str) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": meta(&format!("p{index}"), namespace),
        "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": service}],
            "validation": {"hostname": hostname, "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}}})
}

fn changed(store: &mut Store) -> Vec<String> {
    store.resolve_changed().iter().map(ToString::to_string).collect()
}

#[test]
fn a_changed_policy_costs_the_backends_that_it_names() {
    let mut store = crowd();
    store.upsert(&of_crowd("here", 7, "s7", "b.example")).unwrap();
    assert_eq!(changed(&mut store), ["Service/here/s7"]);
    let name = ObjectName::new("here", "s7");
    let draft = store.policies_of(BackendKind::Service, &name)[0].draft.as_ref().unwrap();
    assert_eq!(draft.spec.server_name.as_deref(), Some("b.example"));
    // It moves: the backend that it leaves has no policy then, and the one that it comes to has another, which is older by name.
    store.upsert(&of_crowd("here", 7, "s6", "b.example")).unwrap();
    assert_eq!(changed(&mut store), ["Service/here/s6", "Service/here/s7"]);
    assert!(store.policies_of(BackendKind::Service, &name).is_empty());
    // The winner goes, and the other one has the backend.
    store.remove(&ObjectRef::new("BackendTLSPolicy", "here", "p6"));
    assert_eq!(changed(&mut store), ["Service/here/s6"]);
    let policy = &store.policies_of(BackendKind::Service, &ObjectName::new("here", "s6"))[0];
    assert_eq!(policy.draft.as_ref().unwrap().name.as_deref(), Some("here/p7"));
    assert_eq!((store.policies().len(), changed(&mut store).len()), (99, 0));
    // The twin: what decides which object is for which backend costs all of it.
    store.upsert(&json!({"apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "BackendConfigPolicy", "metadata": meta("more", "here"), "spec": {}})).unwrap();
    assert_eq!(changed(&mut store).len(), 99);
}

fn service(name: &str, ports: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(name, "here"), "spec": {"ports": ports}})
}

fn route(name: &str, gateway: &str, backend: &str) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": meta(name, "here"),
        "spec": {"parentRefs": [{"name": gateway, "namespace": "edge"}], "rules": [{"backendRefs": [{"name": backend, "port": 443}]}]}})
}

fn gateway(name: &str, client: &str, status: Value) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": meta(name, "edge"), "status": status,
        "spec": {"tls": {"backend": {"clientCertificateRef": {"name": client}}}}})
}

#[test]
fn a_changed_service_costs_itself() {
    let mut store = crowd();
    // The policy for every port becomes one for each of them.
    store.upsert(&service("s1", json!([{"name": "a", "port": 443}, {"name": "b", "port": 8443}]))).unwrap();
    assert_eq!(changed(&mut store), ["Service/here/s1", "Service/here/s1:443", "Service/here/s1:8443"]);
    store.upsert(&service("s1", json!([{"name": "a", "port": 443}]))).unwrap();
    assert_eq!(changed(&mut store), ["Service/here/s1:443", "Service/here/s1:8443"]);
    store.remove(&ObjectRef::new("Service", "here", "s1"));
    assert_eq!(changed(&mut store), ["Service/here/s1", "Service/here/s1:443"]);
    // No policy names this one.
    store.upsert(&service("other", json!([{"port": 443}]))).unwrap();
    assert_eq!(changed(&mut store).len(), 0);
}

#[test]
fn a_changed_route_costs_the_backends_that_it_named_and_names() {
    let mut store = crowd();
    store.upsert(&route("r", "public", "s1")).unwrap();
    assert_eq!(changed(&mut store), ["Service/here/s1", "Service/here/s1 of Gateway edge/public"]);
    store.upsert(&route("r", "public", "s2")).unwrap();
    let moved = ["s1", "s1 of Gateway edge/public", "s2", "s2 of Gateway edge/public"];
    assert_eq!(changed(&mut store), moved.map(|name| format!("Service/here/{name}")));
    store.remove(&ObjectRef::new("HTTPRoute", "here", "r"));
    assert_eq!(changed(&mut store), ["Service/here/s2", "Service/here/s2 of Gateway edge/public"]);
}

#[test]
fn a_changed_gateway_costs_the_backends_of_its_routes() {
    let mut store = crowd();
    for object in [route("r", "public", "s1"), route("other", "private", "s2"), gateway("private", "a", json!({}))] {
        store.upsert(&object).unwrap();
    }
    store.resolve_changed();
    store.upsert(&gateway("public", "client", json!({}))).unwrap();
    assert_eq!(changed(&mut store), ["Service/here/s1 of Gateway edge/public"]);
    // Its certificate is not there, and it is one that a backend of it may want.
    let backend = BackendRef::new("here", "s1", None);
    let public = ObjectName::new("edge", "public");
    assert!(store.policy_of(&backend, Some(&public)).unwrap().draft.is_err());
    // A new status says nothing new, and another certificate does.
    store.upsert(&gateway("public", "client", json!({"conditions": []}))).unwrap();
    assert_eq!(changed(&mut store).len(), 0);
    store.upsert(&gateway("public", "other", json!({}))).unwrap();
    assert_eq!(changed(&mut store).len(), 1);
    store.remove(&ObjectRef::new("Gateway", "edge", "public"));
    assert_eq!(changed(&mut store), ["Service/here/s1 of Gateway edge/public"]);
    assert!(store.policies_of(BackendKind::Service, &backend.name)[0].draft.is_ok());
    // It is not there, so its certificate is not known (M6).
    assert!(store.policy_of(&backend, Some(&public)).is_err());
}

#[test]
fn a_store_answers_for_the_gateways_that_use_a_backend() {
    let mut store = crowd();
    for object in
        [route("r", "public", "s1"), gateway("public", "client", json!({})), gateway("idle", "client", json!({}))]
    {
        store.upsert(&object).unwrap();
    }
    store.resolve_changed();
    let backend = BackendRef::new("here", "s1", None);
    let asked = |gateway: &str| store.policy_of(&backend, Some(&ObjectName::new("edge", gateway)));
    assert!(asked("public").is_ok());
    // A change of this Gateway's certificate would not be told, so that nothing is said of it.
    let refused = asked("idle").err().unwrap().to_string();
    assert!(refused.contains("no route leads there from Gateway edge/idle"), "{refused}");
    let absent = store.policy_of(&BackendRef::new("here", "absent", None), None).err().unwrap().to_string();
    assert!(absent.contains("only for here/s0, here/s1"), "{absent}");
}

#[test]
fn a_namesake_costs_those_that_miss_the_object() {
    let mut store = crowd();
    let ca = |namespace: &str| ObjectRef::new("ConfigMap", namespace, "ca");
    // No policy asks for the CA of another namespace while its own one is there.
    store
        .upsert(&json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("ca", "elsewhere"), "data": {}}))
        .unwrap();
    assert_eq!(changed(&mut store).len(), 0);
    store.remove(&ca("here"));
    assert_eq!(changed(&mut store).len(), 50);
    let message = |store: &Store| {
        let policy = &store.policies_of(BackendKind::Service, &ObjectName::new("here", "s1"))[0];
        policy.draft.as_ref().err().unwrap().first().unwrap().message()
    };
    assert!(message(&store).contains("elsewhere/ca is"), "{}", message(&store));
    store.remove(&ca("elsewhere"));
    assert_eq!(changed(&mut store).len(), 50);
    assert!(message(&store).contains("there/ca is"), "{}", message(&store));
}

#[test]
fn equal_bundles_of_all_namespaces_are_one_text() {
    let mut store = crowd();
    let texts = |store: &Store| {
        let drafts = store.policies().iter().filter_map(|policy| policy.draft.as_ref().ok());
        let texts = drafts.filter_map(|draft| draft.spec.trust.bundles[0].pem.as_ref());
        texts.map(|pem| pem.as_ptr()).collect::<BTreeSet<_>>().len()
    };
    assert_eq!(texts(&store), 1);
    // The twin: another text is another one.
    let pem = Pki::new("two").root.pem();
    store
        .upsert(
            &json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("ca", "here"), "data": {"ca.crt": pem}}),
        )
        .unwrap();
    assert_eq!(changed(&mut store).len(), 50);
    assert_eq!(texts(&store), 2);
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
