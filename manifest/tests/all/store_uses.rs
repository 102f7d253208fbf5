//! Who uses a backend, while objects change one by one: the order of their references, and what the caller says.

use serde_json::{Value, json};
use uptls_manifest::kubernetes::{BackendKind, BackendRef, ObjectName, ObjectRef, ReadOptions, Scope, Store};

use crate::universe::meta;

const STANDARD: &str = "gateway.networking.k8s.io/v1";

fn store(scope: Scope) -> Store {
    let mut store = Store::new(scope, ReadOptions::default());
    let ports = json!([{"name": "a", "port": 443}, {"name": "b", "port": 8443}]);
    let policy = json!({"targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
        "validation": {"hostname": "pay.example", "wellKnownCACertificates": "System"}});
    add(&mut store, "v1", "Service", "pay", json!({"ports": ports}));
    add(&mut store, STANDARD, "BackendTLSPolicy", "p", policy);
    store
}

fn add(store: &mut Store, version: &str, kind: &str, name: &str, spec: Value) {
    let object = json!({"apiVersion": version, "kind": kind, "metadata": meta(name, "shop"), "spec": spec});
    store.upsert(&object).unwrap();
}

fn filter() -> Value {
    json!({"type": "ExternalAuth", "externalAuth": {"protocol": "GRPC", "backendRef": {"name": "pay", "port": 443}}})
}

fn listeners() -> Value {
    json!([{"name": "a", "port": 80, "protocol": "HTTP", "filters": {"requests": [filter()]}}])
}

/// What asks for gRPC at `shop/pay:443`, as the policy of each Gateway says.
fn by_whom(store: &mut Store) -> Vec<String> {
    store.resolve_changed();
    let policies = store.policies_of(BackendKind::Service, &ObjectName::new("shop", "pay")).iter();
    let asking = policies.filter_map(|policy| policy.provenance.get("spec.alpn"));
    asking.map(|from| from.object.to_string()).collect()
}

/// M7: of several references the first decides, in the order of one reading: routes, Gateways, ListenerSets. The name of a Gateway's
/// kind comes before that of a route's, so no other order gives these answers.
#[test]
fn references_are_ordered_as_in_one_reading() {
    let kinds = ["HTTPRoute", "Gateway", "ListenerSet"];
    let put = |store: &mut Store, kind: &str| match kind {
        "HTTPRoute" => add(store, STANDARD, kind, "use", json!({"rules": [{"filters": [filter()]}]})),
        "Gateway" => {
            add(store, STANDARD, kind, "use", json!({"gatewayClassName": "theirs", "listeners": listeners()}));
        }
        _ => add(store, STANDARD, kind, "use", json!({"parentRef": {"name": "absent"}, "listeners": listeners()})),
    };
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        // No Gateway is the controller's own, so that there is one policy.
        let mut store = store(Scope::new("example.com/own").with_complete(true));
        let class = json!({"apiVersion": STANDARD, "kind": "GatewayClass", "metadata": {"name": "theirs"},
            "spec": {"controllerName": "example.com/other"}});
        store.upsert(&class).unwrap();
        for which in order {
            put(&mut store, kinds[which]);
            by_whom(&mut store);
        }
        let first = |store: &mut Store| by_whom(store).first().cloned().unwrap_or_default();
        for kind in kinds {
            assert_eq!(first(&mut store), format!("{kind} shop/use"), "{order:?}");
            store.remove(&ObjectRef::new(kind, "shop", "use"));
        }
        assert_eq!(first(&mut store), "", "{order:?}");
    }
}

/// What the caller says stands in place of what routes say: a changed Gateway costs the backends that it uses by that, and no others.
#[test]
fn a_changed_gateway_costs_the_backends_that_it_is_said_to_use() {
    let own = ObjectName::new("shop", "own");
    let said = [(BackendRef::new("shop", "pay", Some(443)), own.clone())];
    let mut store = store(Scope::new("example.com/own").with_ancestors(said));
    let changed = |store: &mut Store| -> Vec<String> {
        let mut changed: Vec<_> = store.resolve_changed().iter().map(ToString::to_string).collect();
        changed.sort();
        changed
    };
    // The other port is not said to be used.
    let both = ["Service/shop/pay:443 of Gateway shop/own", "Service/shop/pay:8443"];
    assert_eq!(changed(&mut store), both);
    let gateway = |name: &str, certificate: &str| {
        json!({"apiVersion": STANDARD, "kind": "Gateway", "metadata": meta(name, "shop"),
            "spec": {"tls": {"backend": {"clientCertificateRef": {"name": certificate}}}}})
    };
    store.upsert(&gateway("own", "absent")).unwrap();
    assert_eq!(changed(&mut store), both);
    let backend = BackendRef::new("shop", "pay", Some(443));
    assert!(store.policy_of(&backend, Some(&own)).unwrap().draft.is_err());
    store.upsert(&gateway("other", "absent")).unwrap();
    assert_eq!(changed(&mut store).len(), 0);
}
