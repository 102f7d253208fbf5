//! The objects of the benches of manifests: backends, each a Service with a policy and a route, in 100 namespaces that hold the
//! same CA; the first 200 have one of their own.

use serde_json::{Value, json};

pub(crate) fn objects(count: usize, pem: &str) -> Vec<Value> {
    let mut objects: Vec<_> = (0..NAMESPACES.min(count)).map(|index| config_map(index, pem)).collect();
    objects.push(gateway("All"));
    for index in 0..count {
        objects.extend([service(index, 443), policy(index, "pay.example"), route(index, index)]);
        // Each of these is one backend's own.
        if index < OWN {
            objects.push(secret(index, pem));
        }
    }
    objects
}

pub(crate) fn service(index: usize, port: u16) -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": meta(format!("s{index}"), index),
        "spec": {"ports": [{"name": "https", "port": port}]}})
}

pub(crate) fn policy(index: usize, hostname: &str) -> Value {
    let own = json!([{"group": "", "kind": "Secret", "name": format!("own{index}")}]);
    let shared = json!([{"group": "", "kind": "ConfigMap", "name": "ca"}]);
    let references = if index < OWN { own } else { shared };
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy", "metadata": meta(format!("p{index}"), index),
        "spec": {"targetRefs": [{"group": "", "kind": "Service", "name": format!("s{index}")}],
            "validation": {"hostname": hostname, "caCertificateRefs": references}}})
}

pub(crate) fn config_map(index: usize, pem: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("ca".to_owned(), index), "data": {"ca.crt": pem}})
}

pub(crate) fn secret(index: usize, pem: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": meta(format!("own{index}"), index), "stringData": {"ca.crt": pem}})
}

fn meta(name: String, index: usize) -> Value {
    json!({"name": name, "namespace": namespace(index)})
}

pub(crate) fn namespace(index: usize) -> String {
    format!("n{}", index % NAMESPACES)
}

/// A route to a backend of its namespace.
pub(crate) fn route(index: usize, backend: usize) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": meta(format!("r{index}"), index),
        "spec": {"parentRefs": [{"name": "public", "namespace": "edge"}],
            "rules": [{"backendRefs": [{"name": format!("s{backend}"), "port": 443}]}]}})
}

/// The Gateway of all routes.
pub(crate) fn gateway(from: &str) -> Value {
    json!({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "public", "namespace": "edge"},
        "spec": {"gatewayClassName": "own", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP",
            "allowedRoutes": {"namespaces": {"from": from}}}]}})
}

pub(crate) const NAMESPACES: usize = 100;
/// Of so many backends each has a CA of its own.
pub(crate) const OWN: usize = 200;
