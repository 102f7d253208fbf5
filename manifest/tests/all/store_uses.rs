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

/// An extension finds by labels what is in its namespace and of its kind: a changed Service gets no other's.
#[test]
fn a_changed_service_gets_the_extensions_that_are_for_it() {
    let extension = |namespace: &str, kind: &str, group: &str| {
        let selector = json!({"group": group, "kind": kind, "matchLabels": {"app": "orders"}});
        json!({"apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "BackendConfigPolicy", "metadata": meta("more", namespace),
            "spec": {"targetSelectors": [selector], "tls": {"sni": "orders.example", "wellKnownCACertificates": "System"}}})
    };
    let service = |port: u16| {
        json!({"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": port}]},
            "metadata": {"name": "orders", "namespace": "shop", "labels": {"app": "orders"}}})
    };
    for (namespace, kind, group, wanted) in [
        ("shop", "Service", "", 1),
        ("there", "Service", "", 0),
        ("here", "Service", "", 0),
        ("shop", "Backend", "gateway.kgateway.dev", 0),
    ] {
        let mut store = store(Scope::new("example.com/own"));
        store.upsert(&extension(namespace, kind, group)).unwrap();
        for port in [443, 8443] {
            store.upsert(&service(port)).unwrap();
            store.resolve_changed();
            let name = ObjectName::new("shop", "orders");
            let found = store.policies_of(BackendKind::Service, &name).len();
            assert_eq!(found, wanted, "{kind} in {namespace}, port {port}");
        }
    }
}

/// M9: a standard policy is for the Service behind an Upstream, so that its status names the Gateway of a route to the Upstream.
#[test]
fn a_route_to_an_upstream_is_one_to_the_policy_behind_it() {
    let mut store = store(Scope::new("example.com/own"));
    add(&mut store, "gloo.solo.io/v1", "Upstream", "up", upstream());
    add(&mut store, STANDARD, "Gateway", "own", json!({}));
    store.resolve_changed();
    let ancestors = |store: &Store| {
        let statuses = store.statuses();
        let status = statuses.iter().find(|patch| patch.kind == "BackendTLSPolicy").map(|patch| patch.status.clone());
        status.and_then(|status| Some(status["ancestors"].as_array()?.len())).unwrap_or_default()
    };
    assert_eq!(ancestors(&store), 0);
    let backend = json!({"group": "gloo.solo.io", "kind": "Upstream", "name": "up"});
    let spec = json!({"parentRefs": [{"name": "own"}], "rules": [{"backendRefs": [backend]}]});
    add(&mut store, STANDARD, "HTTPRoute", "r", spec);
    store.resolve_changed();
    assert_eq!(ancestors(&store), 1);
    store.remove(&ObjectRef::new("HTTPRoute", "shop", "r"));
    store.resolve_changed();
    assert_eq!(ancestors(&store), 0);
}

/// L7: a policy is implemented for the Gateways that its status has room for, which others can take and give back at any time.
#[test]
fn a_status_that_others_fill_and_empty_decides_each_time() {
    let mut store = store(Scope::new("example.com/own"));
    add(&mut store, STANDARD, "Gateway", "own", json!({}));
    let spec = json!({"parentRefs": [{"name": "own"}], "rules": [{"backendRefs": [{"name": "pay", "port": 443}]}]});
    add(&mut store, STANDARD, "HTTPRoute", "r", spec);
    let (backend, own) = (BackendRef::new("shop", "pay", Some(443)), ObjectName::new("shop", "own"));
    for (others, is_ready) in [(0, true), (16, false), (15, true), (16, false)] {
        store.upsert(&with_ancestors(others)).unwrap();
        store.resolve_changed();
        assert_eq!(store.policy_of(&backend, Some(&own)).unwrap().draft.is_ok(), is_ready, "{others} others");
    }
}

/// The same where the Gateway comes later, by a route to the Upstream before the Service.
#[test]
fn a_gateway_that_comes_by_an_upstream_needs_room_too() {
    for (others, is_ready) in [(16, false), (15, true)] {
        let mut store = store(Scope::new("example.com/own"));
        store.upsert(&with_ancestors(others)).unwrap();
        add(&mut store, STANDARD, "Gateway", "own", json!({}));
        add(&mut store, "gloo.solo.io/v1", "Upstream", "up", upstream());
        store.resolve_changed();
        let backend = json!({"group": "gloo.solo.io", "kind": "Upstream", "name": "up"});
        let spec = json!({"parentRefs": [{"name": "own"}], "rules": [{"backendRefs": [backend]}]});
        add(&mut store, STANDARD, "HTTPRoute", "r", spec);
        store.resolve_changed();
        let backend = BackendRef::new("shop", "up", Some(443)).with_kind(BackendKind::Upstream);
        let policy = store.policy_of(&backend, Some(&ObjectName::new("shop", "own"))).unwrap();
        assert_eq!(policy.draft.is_ok(), is_ready, "{others} others");
    }
}

fn upstream() -> Value {
    json!({"sslConfig": {"sni": "pay.example"},
        "kube": {"serviceName": "pay", "serviceNamespace": "shop", "servicePort": 443}})
}

/// The policy of `shop/pay`, whose status has so many ancestors of another controller.
fn with_ancestors(others: usize) -> Value {
    let ancestor = |index| json!({"controllerName": "example.com/other", "ancestorRef": {"name": format!("g{index}")}});
    let ancestors: Vec<_> = (0..others).map(ancestor).collect();
    json!({"apiVersion": STANDARD, "kind": "BackendTLSPolicy", "metadata": meta("p", "shop"), "status": {"ancestors": ancestors},
        "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
            "validation": {"hostname": "pay.example", "wellKnownCACertificates": "System"}}})
}
