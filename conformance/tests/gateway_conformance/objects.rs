//! The manifests, as their authors would write them.

use serde_json::{Value, json};
use uptls_conformance::gateway::Fixtures;
pub(crate) use uptls_conformance::gateway::{CA, NAMESPACE, OTHER_CA, config_map};
use uptls_testkit::Certificate;

/// A BackendTLSPolicy for the whole Service of the same name.
pub(crate) fn policy(service: &str, hostname: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "BackendTLSPolicy",
        "metadata": {"name": service, "namespace": NAMESPACE, "generation": 1},
        "spec": {
            "targetRefs": [{"group": "", "kind": "Service", "name": service}],
            "validation": {"caCertificateRefs": [config_map_ref(CA)], "hostname": hostname},
        },
    })
}

/// The same under another name, and created at this second of a minute.
pub(crate) fn created(mut policy: Value, name: &str, second: u8) -> Value {
    policy["metadata"]["name"] = name.into();
    policy["metadata"]["creationTimestamp"] = format!("2026-11-23T00:00:{second:02}Z").into();
    policy
}

/// The same for one port only.
pub(crate) fn for_section(mut policy: Value, section: &str) -> Value {
    policy["spec"]["targetRefs"][0]["sectionName"] = section.into();
    policy
}

/// The same with these references.
pub(crate) fn trusting(mut policy: Value, references: &[Value]) -> Value {
    policy["spec"]["validation"]["caCertificateRefs"] = references.into();
    policy
}

/// The same with these names, written `dns:` or `uri:`.
pub(crate) fn naming(mut policy: Value, sans: &[&str]) -> Value {
    let san = |text: &&str| match text.split_once(':').expect("a type") {
        ("dns", name) => json!({"type": "Hostname", "hostname": name}),
        (_, uri) => json!({"type": "URI", "uri": uri}),
    };
    policy["spec"]["validation"]["subjectAltNames"] = sans.iter().map(san).collect();
    policy
}

pub(crate) fn config_map_ref(name: &str) -> Value {
    json!({"group": "", "kind": "ConfigMap", "name": name})
}

/// A Service with these ports.
pub(crate) fn service(name: &str, ports: &[(&str, u16)]) -> Value {
    let port = |(name, port): &(&str, u16)| json!({"name": name, "port": port, "protocol": "TCP"});
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"ports": ports.iter().map(port).collect::<Value>()},
    })
}

/// A Gateway, with this `clientCertificateRef`.
pub(crate) fn gateway(name: &str, clients: Option<Value>) -> Value {
    let mut gateway = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "Gateway",
        "metadata": {"name": name, "namespace": NAMESPACE, "generation": 1},
        "spec": {
            "gatewayClassName": "uptls",
            "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}],
        },
    });
    if let Some(reference) = clients {
        gateway["spec"]["tls"] = json!({"backend": {"clientCertificateRef": reference}});
    }
    gateway
}

/// An HTTPRoute by which this Gateway uses the port of the Service.
pub(crate) fn route(service: &str, gateway: &str, port: u16) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": format!("{gateway}-{service}"), "namespace": NAMESPACE},
        "spec": {
            "parentRefs": [{"name": gateway}],
            "rules": [{"backendRefs": [{"name": service, "port": port}]}],
        },
    })
}

/// The same of another kind.
pub(crate) fn of_kind(mut route: Value, kind: &str) -> Value {
    route["kind"] = kind.into();
    route
}

/// A Secret with this client certificate and its key.
pub(crate) fn secret(name: &str, namespace: &str, fixtures: &Fixtures, client: &Certificate) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "stringData": {"tls.crt": fixtures.chain(client), "tls.key": client.key().pkcs8_pem()},
    })
}

/// Lets objects of this kind in the suite's namespace refer to Secrets of `namespace`.
pub(crate) fn reference_grant(namespace: &str, kind: &str) -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1beta1",
        "kind": "ReferenceGrant",
        "metadata": {"name": "grant", "namespace": namespace},
        "spec": {
            "from": [{"group": "gateway.networking.k8s.io", "kind": kind, "namespace": NAMESPACE}],
            "to": [{"group": "", "kind": "Secret"}],
        },
    })
}
