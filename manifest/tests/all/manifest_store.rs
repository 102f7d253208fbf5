//! Objects as texts, one by one, and connectors that follow them: what C and Python do with a store.

use serde_json::{Value, json};
use uptls::{Code, Connector, ConnectorState};
use uptls_manifest::kubernetes::{BackendRef, Document};
use uptls_manifest::report::ImportOptions;
use uptls_manifest::{ManifestSet, ManifestStore};
use uptls_testkit::Pki;

use crate::common::runtime;
use crate::universe::meta;

const CONTROLLER: &str = "example.com/gateway";

fn config_map(pem: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("ca", "shop"), "data": {"ca.crt": pem}})
}

fn policy(name: &str, hostname: &str) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": meta(name, "shop"),
        "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": name}],
            "validation": {"hostname": hostname, "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": "ca"}]}}})
}

fn give(store: &mut ManifestStore, object: &Value) {
    store.upsert_json(object.to_string().as_bytes()).unwrap();
}

fn backend(name: &str) -> BackendRef {
    BackendRef::new("shop", name, None)
}

/// A store with two backends, and a connector for the first.
fn shop() -> (ManifestStore, Connector) {
    let mut store = ManifestStore::new(&runtime(), ImportOptions::default());
    for object in
        [config_map(&Pki::new("one").root.pem()), policy("pay", "pay.example"), policy("ledger", "ledger.example")]
    {
        give(&mut store, &object);
    }
    // Nothing is resolved before it is asked for.
    assert!(store.policies().is_empty());
    assert_eq!(changed(&mut store), ["Service/shop/ledger", "Service/shop/pay"]);
    let connector = store.connector(&backend("pay"), None);
    assert_eq!(connector.state(), ConnectorState::Ready);
    (store, connector)
}

fn changed(store: &mut ManifestStore) -> Vec<String> {
    store.resolve_changed().iter().map(ToString::to_string).collect()
}

#[test]
fn a_store_answers_as_a_set_of_the_same_objects() {
    let objects =
        [config_map(&Pki::new("one").root.pem()), policy("pay", "pay.example"), policy("ledger", "not a name")];
    let mut store = ManifestStore::new(&runtime(), ImportOptions::default());
    objects.iter().for_each(|object| give(&mut store, object));
    store.resolve_changed();
    let texts: Vec<_> = objects.iter().map(Value::to_string).collect();
    let documents = texts.iter().map(|text| Document::new("object", text.as_bytes()));
    let set = ManifestSet::new(documents, &runtime(), ImportOptions::default()).unwrap();
    let codes = |found: Result<_, uptls::Problems>| found.map(drop).map_err(|problems| problems.code());
    for (name, wanted) in
        [("pay", Ok(())), ("ledger", Err(Code::PolicyInvalid)), ("absent", Err(Code::ReferenceUnresolved))]
    {
        assert_eq!(codes(store.prepare(&backend(name), None)), wanted, "{name}");
        assert_eq!(codes(set.prepare(&backend(name), None)), wanted, "{name}");
    }
    let [of_store, of_set] = [store.report(), set.report()];
    let shown = |report: &uptls_manifest::report::Import| {
        let backends = report.backends.iter().map(|one| (one.backend.clone(), one.ready, one.objects.clone()));
        (report.ready, backends.collect::<Vec<_>>(), report.policies.len(), report.diagnostics.len())
    };
    assert_eq!(shown(&of_store), shown(&of_set));
    // A value has no lines.
    assert!(!of_store.to_json().contains("\"line\""));
    assert!(of_set.to_json().contains("\"line\": 1"));
}

#[test]
fn a_connector_follows_the_objects() {
    let (mut store, connector) = shop();
    let first = Some(connector.generation());
    let mut publish = |object: &Value| {
        give(&mut store, object);
        assert_eq!(changed(&mut store), ["Service/shop/pay"]);
        store.publish(&connector, &backend("pay"), None).map_err(|problems| problems.code())
    };
    // R5: what says the same is no new generation.
    assert_eq!(publish(&policy("pay", "pay.example")).ok(), first);
    assert_ne!(publish(&policy("pay", "other.example")).ok(), first);
    // R2: what is wrong stops the connector, and what is right starts it again.
    assert_eq!(publish(&policy("pay", "not a name")).err(), Some(Code::PolicyInvalid));
    assert!(matches!(connector.state(), ConnectorState::NotReady { .. }));
    assert!(publish(&policy("pay", "pay.example")).is_ok());
    assert_eq!(connector.state(), ConnectorState::Ready);
    // R3: so does what is gone. Only the head of the object counts.
    let gone = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": meta("pay", "shop")});
    store.remove_json(gone.to_string().as_bytes()).unwrap();
    assert_eq!(changed(&mut store), ["Service/shop/pay"]);
    let refused = store.publish(&connector, &backend("pay"), None).unwrap_err();
    assert_eq!(refused.code(), Code::ReferenceUnresolved);
    assert!(matches!(connector.state(), ConnectorState::NotReady { .. }));
    // The other backend is as it was.
    assert!(store.prepare(&backend("ledger"), None).is_ok());
}

/// M11: it is certain which object it is, and the rest says nothing certain.
#[test]
fn a_text_that_cannot_be_parsed_fails_what_it_may_concern() {
    let good = policy("pay", "pay.example").to_string();
    let broken = [
        good.replace("\"hostname\":", "\"hostname\":\"x.example\",\"hostname\":"),
        good.trim_end_matches('}').to_owned(),
        good.replace("\"pay.example\"", "pay.example"),
        good.replace("\"pay.example\"", &format!("[{}0]", "0,".repeat(200_001))),
        good.replace("pay.example", &"a".repeat(7 << 20)),
    ];
    for text in broken {
        let (mut store, connector) = shop();
        store.upsert_json(text.as_bytes()).unwrap();
        assert_eq!(changed(&mut store).len(), 2);
        let refused = store.publish(&connector, &backend("pay"), None).unwrap_err();
        assert!([Code::DocumentParse, Code::DocumentTooLarge].contains(&refused.code()), "{refused}");
        assert!(refused.to_string().len() < 1000 && !refused.to_string().contains("x.example"), "{refused}");
        // It may be for any backend of its namespace.
        assert!(store.prepare(&backend("ledger"), None).is_err());
        store.upsert_json(good.as_bytes()).unwrap();
        store.resolve_changed();
        assert!(store.publish(&connector, &backend("pay"), None).is_ok());
        assert!(store.prepare(&backend("ledger"), None).is_ok());
    }
}

#[test]
fn a_text_that_is_not_certainly_one_object_changes_nothing() {
    let good = policy("pay", "not a name").to_string();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": [policy("pay", "not a name")]}).to_string();
    let of_policies =
        list.replace("\"v1\"", "\"gateway.networking.k8s.io/v1\"").replace("\"List\"", "\"BackendTLSPolicyList\"");
    let (mut store, connector) = shop();
    for text in [
        String::new(),
        "[]".to_owned(),
        "kind: BackendTLSPolicy".to_owned(),
        format!("[{good}]"),
        format!("{good}{good}"),
        good.replace("\"kind\":\"BackendTLSPolicy\"", "\"kind\":\"BackendTLSPolicy\",\"kind\":\"Secret\""),
        good.replace("\"namespace\":\"shop\"", "\"namespace\":1"),
        list,
        of_policies,
    ] {
        let refused = store.upsert_json(text.as_bytes()).unwrap_err();
        assert_eq!(refused.code(), Code::DocumentParse, "{text}: {refused}");
        assert!(store.remove_json(text.as_bytes()).is_err(), "{text}");
        assert_eq!(changed(&mut store).len(), 0, "{text}");
    }
    assert!(store.upsert_json(b"{\"kind\": \"\xff\"}").is_err());
    assert_eq!(connector.state(), ConnectorState::Ready);
}

#[test]
fn statuses_are_those_of_the_controller() {
    let route = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": meta("r", "shop"),
        "spec": {"parentRefs": [{"name": "public"}], "rules": [{"backendRefs": [{"name": "pay", "port": 443}]}]}});
    let full: Vec<_> = (0..16)
        .map(|index| json!({"controllerName": "example.com/other", "ancestorRef": {"name": format!("g{index}")}}))
        .collect();
    let mut crowded = policy("pay", "pay.example");
    crowded["status"] = json!({"ancestors": full});
    let store = |controller: Option<&str>, policy: &Value| {
        let mut options = ImportOptions::default();
        options.controller_name = controller.map(str::to_owned);
        let mut store = ManifestStore::new(&runtime(), options);
        for object in [&config_map(&Pki::new("one").root.pem()), &route, policy] {
            give(&mut store, object);
        }
        store.resolve_changed();
        store
    };
    let free = policy("pay", "pay.example");
    let ready = |controller: Option<&str>, policy: &Value| {
        let store = store(controller, policy);
        (store.prepare(&backend("pay"), None).is_ok(), store.statuses().len())
    };
    // A controller that has no entry in a status must not implement the policy; one that writes none needs no room.
    assert_eq!(ready(Some(CONTROLLER), &free), (true, 1));
    assert!(!ready(Some(CONTROLLER), &crowded).0);
    assert_eq!(ready(None, &crowded), (true, 0));
    let texts = [config_map(&Pki::new("one").root.pem()), route.clone(), crowded].map(|object| object.to_string());
    let documents = || texts.iter().map(|text| Document::new("object", text.as_bytes()));
    let set = ManifestSet::new(documents(), &runtime(), ImportOptions::default()).unwrap();
    assert!(set.prepare(&backend("pay"), None).is_ok());
    let alone = ManifestSet::policy_from(documents(), &backend("pay"), &runtime(), ImportOptions::default());
    assert!(alone.unwrap().draft.is_ok());
}
