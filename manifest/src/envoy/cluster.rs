//! A whole cluster around a context: address, deadline, HTTP protocol.

use serde_json::{Value, json};
use uptls::{BackendHost, Prepared};

use super::Export;

/// The cluster that reaches `host` on `port` with the exported context. It has the name of the policy, or the host; its
/// connect timeout is the policy's deadline of the whole connect (H4). It is an entry of `static_resources.clusters`; a
/// resource of a discovery response has an `@type` beside.
pub fn cluster(prepared: &Prepared, export: &Export, host: &BackendHost, port: u16) -> Value {
    let policy = prepared.policy();
    let name = policy.name().map_or_else(|| host.to_string(), str::to_owned);
    let discovery = match host {
        BackendHost::Ip(_) => "STATIC",
        _ => "STRICT_DNS",
    };
    let timeout = policy.handshake_timeout();
    let address = json!({"socket_address": {"address": host.to_string(), "port_value": port}});
    let mut cluster = json!({
        "name": name,
        "type": discovery,
        "connect_timeout": format!("{}.{:09}s", timeout.as_secs(), timeout.subsec_nanos()),
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "transport_socket": {"name": SOCKET, "typed_config": export.context},
    });
    if let Some(protocols) = http_protocols(&policy.alpn().protocols) {
        let options = json!({"@type": HTTP_TYPE, (protocols.0): protocols.1});
        cluster["typed_extension_protocol_options"] = json!({HTTP_OPTIONS: options});
    }
    cluster
}

/// What HTTP must be spoken after the handshake, if the protocols are HTTP at all; HTTP/1.1 needs no saying.
fn http_protocols(alpn: &[String]) -> Option<(&'static str, Value)> {
    let has = |wanted: &str| alpn.iter().any(|protocol| protocol == wanted);
    match (has("h2"), has("http/1.1")) {
        (true, true) => Some(("auto_config", json!({"http_protocol_options": {}, "http2_protocol_options": {}}))),
        (true, false) => Some(("explicit_http_config", json!({"http2_protocol_options": {}}))),
        _ => None,
    }
}

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const HTTP_TYPE: &str = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const SOCKET: &str = "envoy.transport_sockets.tls";
