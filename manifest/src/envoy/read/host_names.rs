//! Which names a cluster sends and looks for by itself.

use super::object::Object;

/// What the HTTP options of a cluster do with names: both take the authority of each request.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct HttpNames {
    /// `auto_san_validation`.
    pub(super) checked: bool,
    /// `auto_sni`.
    pub(super) sent: bool,
}

impl HttpNames {
    pub(super) fn of(cluster: &Object<'_>) -> Self {
        let typed = cluster.dig(&["typed_extension_protocol_options", HTTP_OPTIONS, "upstream_http_protocol_options"]);
        let Some(options) = typed.or_else(|| cluster.get("upstream_http_protocol_options")) else {
            // Envoy sets both for the hosts of a dynamic forward proxy where nothing is written.
            let is_default = is_dynamic_forward_proxy(cluster);
            return Self { checked: is_default, sent: is_default };
        };
        Self { checked: options.is_true("auto_san_validation"), sent: options.is_true("auto_sni") }
    }
}

fn is_dynamic_forward_proxy(cluster: &Object<'_>) -> bool {
    let typed = cluster.dig(&["cluster_type", "typed_config"]);
    typed.is_some_and(|config| config.text("@type").is_some_and(|name| name.contains(".dynamic_forward_proxy.")))
}

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
