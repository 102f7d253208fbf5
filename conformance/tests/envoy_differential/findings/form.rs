//! A form of a cluster, what the reader says of it, and what Envoy makes of it.

use std::net::SocketAddr;

use serde_json::{Value, json};
use uptls_manifest::envoy::Standing;

/// What Envoy says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Says {
    /// The configuration is refused.
    Refuses,
    /// The certificates of these servers are taken.
    Takes(&'static [&'static str]),
}

/// How a cluster finds its endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A dynamic forward proxy.
    Forward,
    /// The same with `allow_insecure_cluster_options`.
    ForwardInsecure,
    LogicalDns,
    OriginalDst,
    Static,
    /// With a host name for the endpoint.
    StaticNamed,
    StrictDns,
    /// Which seeks an address.
    StrictDnsOfAddress,
}

/// One form.
#[derive(Clone)]
pub(super) struct Form {
    /// Everything but name and endpoint.
    pub(super) cluster: Value,
    pub(super) envoy: Says,
    /// One of the findings; empty: whatever they are.
    pub(super) finding: &'static str,
    /// The authority of the request.
    pub(super) host: &'static str,
    pub(super) kind: Kind,
    pub(super) standing: Standing,
    pub(super) what: &'static str,
}

/// A form of a static cluster, by its name and what the reader says.
pub(super) fn form(what: &'static str, standing: Standing, finding: &'static str, envoy: Says, cluster: Value) -> Form {
    Form { cluster, envoy, finding, host: "a.example.com", kind: Kind::Static, standing, what }
}

impl Form {
    pub(super) fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub(super) fn for_host(self, host: &'static str) -> Self {
        Self { host, ..self }
    }

    /// The cluster, under this name, with this endpoint.
    pub(super) fn cluster(&self, name: &str, at: SocketAddr) -> Value {
        let (address, host) = match self.kind {
            Kind::StaticNamed => ("127.0.0.1", "a.example.com"),
            Kind::StrictDns | Kind::LogicalDns => ("localhost", ""),
            _ => ("127.0.0.1", ""),
        };
        let address = json!({"socket_address": {"address": address, "port_value": at.port()}});
        let endpoint = json!({"endpoint": {"address": address, "hostname": host}});
        let load = json!({"load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]}});
        let dns = |kind: &str| and(load.clone(), json!({"type": kind, "dns_lookup_family": "V4_ONLY"}));
        let own = match self.kind {
            Kind::Forward => forward(false),
            Kind::ForwardInsecure => forward(true),
            Kind::LogicalDns => dns("LOGICAL_DNS"),
            Kind::OriginalDst => json!({
                "type": "ORIGINAL_DST", "lb_policy": "CLUSTER_PROVIDED", "original_dst_lb_config": {"use_http_header": true},
            }),
            Kind::Static | Kind::StaticNamed => load,
            Kind::StrictDns | Kind::StrictDnsOfAddress => dns("STRICT_DNS"),
        };
        and(and(self.cluster.clone(), own), json!({"name": name, "connect_timeout": "30s"}))
    }

    /// The authority of a request: a dynamic forward proxy goes where it says.
    pub(super) fn host_of(&self, at: SocketAddr) -> String {
        match self.kind {
            Kind::Forward | Kind::ForwardInsecure => format!("localhost:{}", at.port()),
            _ => self.host.to_owned(),
        }
    }
}

fn forward(is_insecure: bool) -> Value {
    let config = json!({
        "@type": "type.googleapis.com/envoy.extensions.clusters.dynamic_forward_proxy.v3.ClusterConfig",
        "dns_cache_config": dns_cache(),
        "allow_insecure_cluster_options": is_insecure,
    });
    json!({
        "lb_policy": "CLUSTER_PROVIDED",
        "cluster_type": {"name": "envoy.clusters.dynamic_forward_proxy", "typed_config": config},
    })
}

/// The filter that looks up where a dynamic forward proxy goes.
pub(super) fn forwarding() -> Value {
    json!({
        "name": "envoy.filters.http.dynamic_forward_proxy",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig",
            "dns_cache_config": dns_cache(),
        },
    })
}

fn dns_cache() -> Value {
    json!({"name": "forward", "dns_lookup_family": "V4_ONLY"})
}

/// A map with the fields of another.
pub(super) fn and(mut one: Value, more: Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        one[name] = value.clone();
    }
    one
}

/// A context that validates so, and sends a name.
pub(super) fn context(validation: Value) -> Value {
    json!({"sni": "a.example.com", "common_tls_context": {"validation_context": validation}})
}

/// The cluster of a context.
pub(super) fn tls(context: Value) -> Value {
    let kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
    let context = and(context, json!({"@type": kind}));
    json!({"transport_socket": {"name": "envoy.transport_sockets.tls", "typed_config": context}})
}

/// The typed HTTP options, with these fields.
pub(super) fn typed(options: Value) -> Value {
    let kind = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    let fixed = json!({"@type": kind, "explicit_http_config": {"http_protocol_options": {}}});
    json!({"typed_extension_protocol_options": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": and(fixed, options),
    }})
}
