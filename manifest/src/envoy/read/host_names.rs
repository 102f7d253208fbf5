//! Which names a cluster sends and looks for by itself: what its HTTP options, its kind and its endpoints come to.

use std::net::IpAddr;

use super::object::Object;

/// What a cluster does with names, beside the context in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct HostNames {
    /// `auto_san_validation`: the authority of each request is looked for.
    pub(super) authority_is_checked: bool,
    /// `auto_sni`: the authority of each request is sent.
    pub(super) authority_is_sent: bool,
    pub(super) endpoints: Endpoints,
}

/// The host names of endpoints, which `auto_host_sni` sends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Endpoints {
    /// An address stands in the place of a name.
    Address,
    /// Each has one.
    Named,
    /// One of them has none.
    Nameless,
    /// They do not stand here, or are no names.
    Unknown,
}

impl HostNames {
    /// Those of a context that stands in no cluster.
    pub(super) const OF_CONTEXT: Self =
        Self { authority_is_checked: false, authority_is_sent: false, endpoints: Endpoints::Unknown };

    pub(super) fn of(cluster: &Object<'_>) -> Self {
        // Where the typed options stand, Envoy does not look at the field that they replace.
        let typed = cluster.dig(&["typed_extension_protocol_options", HTTP_OPTIONS]);
        let options = match &typed {
            Some(typed) => typed.get(OPTIONS),
            None => cluster.get(OPTIONS),
        };
        // A dynamic forward proxy sets both where neither stands.
        let is_default = typed.is_none() && options.is_none() && kind(cluster) == Kind::DynamicForwardProxy;
        let is_true = |field: &str| options.as_ref().map_or(is_default, |options| options.is_true(field));
        Self {
            authority_is_checked: is_true("auto_san_validation"),
            authority_is_sent: is_true("auto_sni"),
            endpoints: endpoints(cluster),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Dns,
    DynamicForwardProxy,
    Static,
    /// One whose endpoints are found elsewhere.
    Other,
}

/// By the type of the extension, or the older field; without both a cluster is static.
fn kind(cluster: &Object<'_>) -> Kind {
    if let Some(extension) = cluster.get("cluster_type") {
        let config = extension.get("typed_config");
        let name = config.as_ref().and_then(|config| config.text("@type")).unwrap_or_default();
        return match name {
            _ if name.contains(".dynamic_forward_proxy.") => Kind::DynamicForwardProxy,
            _ if name.ends_with(".DnsCluster") => Kind::Dns,
            _ => Kind::Other,
        };
    }
    match cluster.text("type") {
        None | Some("STATIC") => Kind::Static,
        Some("STRICT_DNS" | "LOGICAL_DNS") => Kind::Dns,
        Some(_) => Kind::Other,
    }
}

fn endpoints(cluster: &Object<'_>) -> Endpoints {
    let kind = kind(cluster);
    // The hosts of a dynamic forward proxy are called by their ports too.
    if matches!(kind, Kind::DynamicForwardProxy | Kind::Other) {
        return Endpoints::Unknown;
    }
    let localities = cluster.dig(&["load_assignment"]).map(|load| load.list("endpoints")).unwrap_or_default();
    let found: Vec<_> = localities.iter().flat_map(|locality| locality.list("lb_endpoints")).collect();
    if found.is_empty() {
        return Endpoints::Unknown;
    }
    // What is sought by DNS is called by the name that is sought.
    let name = |endpoint: &Object<'_>| {
        let endpoint = endpoint.get("endpoint")?;
        let sought = endpoint.dig(&["address", "socket_address"]).filter(|_| kind == Kind::Dns);
        let own = endpoint.text("hostname").map(str::to_owned);
        own.or_else(|| sought?.text("address").map(str::to_owned))
    };
    let names: Option<Vec<_>> = found.iter().map(name).collect();
    match names {
        None => Endpoints::Nameless,
        Some(names) if names.iter().any(|name| name.parse::<IpAddr>().is_ok()) => Endpoints::Address,
        Some(_) => Endpoints::Named,
    }
}

const HTTP_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const OPTIONS: &str = "upstream_http_protocol_options";
