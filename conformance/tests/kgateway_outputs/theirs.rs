//! The Envoy clusters that kgateway writes.

use std::collections::BTreeMap;

use serde_json::Value;
use uptls_conformance::gateway;

use crate::{HTTP_11, Meaning, digests};

/// One cluster, and the backend that it is for.
pub(crate) struct Cluster {
    /// `Backend` or `Service`.
    pub(crate) kind: &'static str,
    /// Namespace and name of the Gateway whose certificate it has.
    pub(crate) gateway: Option<(String, String)>,
    pub(crate) meaning: Meaning,
    pub(crate) name: String,
    pub(crate) namespace: String,
    pub(crate) port: Option<u16>,
    pub(crate) service: String,
}

/// All clusters of backends in an output.
pub(crate) fn clusters(content: &[u8]) -> Vec<Cluster> {
    let objects = gateway::objects(content).expect("YAML");
    let [output] = objects.as_slice() else { panic!("{} documents", objects.len()) };
    if output["transportSocket"].is_object() {
        // An excerpt: both clusters of the file have this socket.
        let cluster =
            |service: &str| Cluster { meaning: meaning(output), ..named(&format!("kube_default_{service}_443")) };
        return ["backend-service", "backend-service2"].map(cluster).into();
    }
    let clusters = output["Clusters"].as_array().expect("clusters").iter();
    let of_backends = clusters.filter(|cluster| {
        let name = cluster["name"].as_str().expect("a name");
        name.starts_with("kube_") || name.starts_with("backend_")
    });
    of_backends
        .map(|cluster| Cluster { meaning: meaning(cluster), ..named(cluster["name"].as_str().unwrap()) })
        .collect()
}

/// `kube_NAMESPACE_SERVICE_PORT`, `kube_NAMESPACE_SERVICE_gw_backend_client_cert_NAMESPACE_GATEWAY_PORT` or
/// `backend_NAMESPACE_NAME_INDEX`.
fn named(name: &str) -> Cluster {
    let (rest, number) = name.rsplit_once('_').expect("a number");
    let (rest, gateway) = match rest.split_once("_gw_backend_client_cert_") {
        Some((rest, gateway)) => (rest, gateway.split_once('_').map(|(a, b)| (a.to_owned(), b.to_owned()))),
        None => (rest, None),
    };
    let parts: Vec<_> = rest.split('_').collect();
    let [kind, namespace, service] = parts.as_slice() else { panic!("{name}") };
    let (kind, port) = match *kind {
        "kube" => ("Service", number.parse().ok()),
        _ => ("Backend", None),
    };
    let [namespace, service] = [namespace, service].map(|part| (*part).to_owned());
    Cluster { gateway, kind, meaning: Meaning::Nothing, name: name.to_owned(), namespace, port, service }
}

fn meaning(cluster: &Value) -> Meaning {
    let mut socket = &cluster["transportSocket"];
    // The PROXY protocol wraps the socket.
    if socket["typedConfig"]["transportSocket"].is_object() {
        socket = &socket["typedConfig"]["transportSocket"];
    }
    let context = &socket["typedConfig"];
    match socket["name"].as_str() {
        // A pool of HTTP/2 would offer another protocol without a list.
        Some("envoy.transport_sockets.tls") if cluster.to_string().contains("http2ProtocolOptions") => {
            panic!("a cluster of HTTP/2")
        }
        Some("envoy.transport_sockets.tls") => Meaning::Tls(aspects(context)),
        // Its blackhole: static, without an endpoint.
        None if cluster["type"] == "STATIC" && cluster["loadAssignment"]["endpoints"].is_null() => Meaning::Refused,
        _ => Meaning::Nothing,
    }
}

fn aspects(context: &Value) -> BTreeMap<&'static str, String> {
    let common = &context["commonTlsContext"];
    let combined = &common["combinedValidationContext"];
    let validation =
        if combined.is_object() { &combined["defaultValidationContext"] } else { &common["validationContext"] };
    let certificates = validation["trustedCa"]["inlineString"].as_str();
    let trust = match combined["validationContextSdsSecretConfig"]["name"].as_str() {
        Some("SYSTEM_CA_CERT") => "system".to_owned(),
        Some(other) => panic!("{other}"),
        None => certificates.map_or("none".to_owned(), digests),
    };
    let san = |san: &Value| {
        let exact = san["matcher"]["exact"].as_str().expect("an exact matcher");
        format!("{}:{exact}", san["sanType"].as_str().expect("a type").to_lowercase())
    };
    let mut names: Vec<_> = validation["matchTypedSubjectAltNames"].as_array().into_iter().flatten().map(san).collect();
    names.sort();
    let identity = common["tlsCertificates"][0]["certificateChain"]["inlineString"].as_str();
    let version = |field: &str| {
        let text = common["tlsParams"][field].as_str().unwrap_or("TLS_AUTO");
        text.trim_start_matches("TLSv").replace('_', ".").replace("TLS.AUTO", "")
    };
    let list = |value: &Value| {
        let texts = value.as_array().into_iter().flatten().map(|text| text.as_str().expect("a text"));
        texts.collect::<Vec<_>>().join(" ")
    };
    let alpn = list(&common["alpnProtocols"]);
    [
        ("alpn", if alpn.is_empty() { HTTP_11.to_owned() } else { alpn }),
        ("groups", list(&common["tlsParams"]["ecdhCurves"])),
        ("identity", identity.map_or("none".to_owned(), digests)),
        ("max", version("tlsMaximumProtocolVersion")),
        ("min", version("tlsMinimumProtocolVersion")),
        ("names", if names.is_empty() { "any".to_owned() } else { names.join(" ") }),
        ("sni", context["sni"].as_str().unwrap_or("none").to_owned()),
        ("suites", list(&common["tlsParams"]["cipherSuites"])),
        ("trust", trust),
    ]
    .into()
}
