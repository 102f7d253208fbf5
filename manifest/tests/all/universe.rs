//! A small world for the tests of a [`uptls_manifest::kubernetes::Store`]: each object that may be there, in several states.

use serde_json::{Value, json};
use uptls_testkit::Pki;

pub(crate) fn meta(name: &str, namespace: &str) -> Value {
    json!({"name": name, "namespace": namespace})
}

/// Every object, each in several states.
pub(crate) fn universe() -> Vec<Vec<Value>> {
    [content(), policies(), users(), others(), contenders(), attached()].concat()
}

/// What policies are made of.
fn content() -> Vec<Vec<Value>> {
    let [one, two] = ["one", "two"].map(|name| Pki::new(name).root.pem());
    let config_map = |name: &str, namespace: &str, data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta(name, namespace), "data": data});
    let secret = |data: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta("client", "edge"), "stringData": data});
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
    ]
}

fn of_service(name: &str) -> Value {
    json!({"group": "", "kind": "Service", "name": name})
}

/// Two policies that meet.
fn policies() -> Vec<Vec<Value>> {
    let policy = |name: &str, year: u16, target: Value, refs: Value| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
            "metadata": {"name": name, "namespace": "shop", "creationTimestamp": format!("{year}-01-01T00:00:00Z")},
            "spec": {"targetRefs": [target], "validation": {"hostname": "pay.shop", "caCertificateRefs": refs}}})
    };
    let ca = json!([{"group": "", "kind": "ConfigMap", "name": "ca"}]);
    let bundle = json!([{"group": "certificates.k8s.io", "kind": "ClusterTrustBundle", "name": "roots"}, {"group": "", "kind": "ConfigMap", "name": "ca"}]);
    vec![
        vec![
            policy("a", 2025, of_service("pay"), ca.clone()),
            policy("a", 2025, of_service("orders"), ca.clone()),
            policy("a", 2027, of_service("pay"), bundle.clone()),
        ],
        vec![
            policy("b", 2026, of_service("pay"), bundle),
            policy("b", 2026, json!({"group": "", "kind": "Service"}), ca),
        ],
    ]
}

/// Services, and who uses them.
fn users() -> Vec<Vec<Value>> {
    let svc = |name: &str, ports: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": "shop", "labels": {"app": name}}, "spec": {"ports": ports}});
    let mut annotated = svc("orders", json!([{"name": "https", "port": 443, "appProtocol": "https"}]));
    annotated["metadata"]["annotations"] = json!({"gloo.solo.io/sslService.secret": "443:gone"});
    let gateway = |spec: Value| json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": meta("public", "edge"), "spec": spec});
    let route = |backends: Value| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": meta("r", "shop"),
        "spec": {"parentRefs": [{"name": "public", "namespace": "edge"}], "rules": [{"backendRefs": backends}]}})
    };
    vec![
        vec![
            svc("pay", json!([{"name": "https", "port": 443}])),
            svc("pay", json!([])),
            svc("pay", json!([{"name": "q", "port": 443, "protocol": "UDP"}])),
            svc("pay", json!("x")),
        ],
        vec![svc("orders", json!([{"name": "https", "port": 443}, {"name": "more", "port": 8443}])), annotated],
        vec![
            gateway(json!({"tls": {"backend": {"clientCertificateRef": {"name": "client"}}}})),
            gateway(
                json!({"listeners": [{"name": "a", "port": 80, "allowedRoutes": {"namespaces": {"from": "Same"}}}]}),
            ),
            gateway(json!({"listeners": [{"name": "a", "port": 80, "allowedRoutes":
                {"namespaces": {"from": "Selector", "selector": {"matchLabels": {"team": "pay"}}}}}]})),
        ],
        vec![
            route(json!([{"name": "pay", "port": 443}])),
            route(json!([{"name": "pay", "port": 443}, {"name": "orders", "port": 443}])),
        ],
    ]
}

/// An extension, and what may be mistaken for something else.
fn others() -> Vec<Vec<Value>> {
    let one = Pki::new("one").root.pem();
    let extension = |spec: Value| json!({"apiVersion": "gateway.kgateway.dev/v1alpha1", "kind": "BackendConfigPolicy", "metadata": meta("more", "shop"), "spec": spec});
    let large = json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": meta("large", "shop"), "spec": {"x": "x".repeat(1 << 20)}});
    vec![
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
        vec![
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": {"team": "pay"}}}),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        ],
    ]
}

/// A policy of two targets, and an Upstream behind which the standard policies stand.
fn contenders() -> Vec<Vec<Value>> {
    let section =
        |name: &str, section: &str| json!({"group": "", "kind": "Service", "name": name, "sectionName": section});
    let of_two = |targets: Value, status: Value| {
        json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
            "metadata": {"name": "c", "namespace": "shop", "creationTimestamp": "2024-01-01T00:00:00Z"}, "status": status,
            "spec": {"targetRefs": targets, "options": {"kgateway.dev/min-tls-version": "1.3"},
                "validation": {"hostname": "c.shop", "wellKnownCACertificates": "System"}}})
    };
    let full: Vec<_> = (0..16)
        .map(|index| json!({"controllerName": "example.com/other", "ancestorRef": {"name": format!("g{index}")}}))
        .collect();
    let upstream = |mut spec: Value| {
        spec["kube"] = json!({"serviceName": "pay", "serviceNamespace": "shop", "servicePort": 443});
        json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": meta("up", "shop"), "spec": spec})
    };
    vec![
        vec![upstream(json!({"sslConfig": {"sni": "a.b"}})), upstream(json!({}))],
        vec![
            of_two(json!([of_service("pay"), of_service("orders")]), Value::Null),
            of_two(json!([section("pay", "https"), section("orders", "more")]), json!({"ancestors": full})),
            of_two(json!([section("orders", "https"), section("orders", "more")]), Value::Null),
            of_two(json!([{"group": "gateway.kgateway.dev", "kind": "Backend", "name": "pay"}]), Value::Null),
            json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": meta("c", "shop"),
                "spec": {"targetSelectors": [{}]}}),
        ],
    ]
}

/// More that attaches to Gateways, and what it leads to.
fn attached() -> Vec<Vec<Value>> {
    let standard = "gateway.networking.k8s.io/v1";
    let private = |spec: Value| json!({"apiVersion": standard, "kind": "Gateway", "metadata": meta("private", "edge"), "spec": spec});
    let route = |parents: Value, backend: Value| {
        json!({"apiVersion": standard, "kind": "GRPCRoute", "metadata": meta("g", "shop"),
            "spec": {"parentRefs": parents, "rules": [{"backendRefs": [backend]}]}})
    };
    let both = json!([{"name": "public", "namespace": "edge"}, {"name": "private", "namespace": "edge"}]);
    let by_set = json!([{"group": "gateway.networking.k8s.io", "kind": "ListenerSet", "name": "set"}]);
    let set = |gateway: &str| {
        json!({"apiVersion": standard, "kind": "ListenerSet", "metadata": meta("set", "shop"), "spec":
            {"parentRef": {"name": gateway, "namespace": "edge"}, "listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}]}})
    };
    let x_backend = |tls: Value| {
        json!({"apiVersion": "gateway.networking.x-k8s.io/v1alpha1", "kind": "XBackend", "metadata": meta("x", "shop"), "spec":
            {"type": "ExternalHostname", "externalHostname": {"hostname": "x.example"}, "port": {"number": 443}, "tls": tls}})
    };
    let ca = json!([{"group": "", "kind": "ConfigMap", "name": "ca"}]);
    let auth = json!({"externalAuth": {"protocol": "GRPC", "backendRef": {"name": "orders", "namespace": "shop", "port": 8443}}});
    vec![
        vec![
            private(json!({"tls": {"backend": {"clientCertificateRef": {"name": "client"}}}})),
            private(json!({"listeners": [{"name": "a", "port": 80, "protocol": "HTTP"}],
                "allowedListeners": {"namespaces": {"from": "All"}}})),
            private(json!({"gatewayClassName": "theirs", "allowedListeners": {"namespaces": {"from": "None"}}})),
        ],
        vec![
            route(both.clone(), json!({"name": "pay", "port": 443})),
            route(both.clone(), json!({"group": "gloo.solo.io", "kind": "Upstream", "name": "up"})),
            route(by_set, json!({"name": "orders"})),
            route(
                both.clone(),
                json!({"group": "gateway.networking.x-k8s.io", "kind": "XBackend", "name": "x", "port": 443}),
            ),
            json!({"apiVersion": standard, "kind": "GRPCRoute", "metadata": meta("g", "shop"), "spec":
                {"parentRefs": both, "rules": [{"filters": [auth]}]}}),
        ],
        vec![set("public"), set("private")],
        vec![
            x_backend(json!({"mode": "ServerOnly", "validation": {"hostname": "x.example", "caCertificateRefs": ca}})),
            x_backend(json!({"mode": "None"})),
        ],
        vec![json!({"apiVersion": standard, "kind": "GatewayClass", "metadata": {"name": "theirs"},
            "spec": {"controllerName": "example.com/other"}})],
    ]
}
