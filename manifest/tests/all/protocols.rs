//! Which application protocols are offered where nobody lists them (M5): what routes say, and the port of a Service.

use uptls::UpstreamTlsPolicy;
use uptls::danger::DangerPermission::Forbidden;
use uptls_manifest::kubernetes::{BackendRef, Document, ObjectName, Resolution, Scope, import};

fn resolved(parts: &[&str], scope: &Scope) -> Resolution {
    import(parts.iter().map(|part| Document::new("in", part.as_bytes()))).resolve(scope)
}

/// The protocols that are offered to the backend, each with who said it.
fn offered(resolution: &Resolution, backend: &str, gateway: Option<&str>) -> String {
    let gateway = gateway.map(|name| ObjectName::new("shop", name));
    let policy = match resolution.policy_of(&BackendRef::parse(backend).unwrap(), gateway.as_ref()) {
        Ok(policy) => policy,
        Err(problems) => return problems.to_string(),
    };
    let draft = policy.draft.clone().unwrap();
    assert!(
        policy
            .provenance
            .keys()
            .filter(|path| path.starts_with("spec.alpn"))
            .all(|path| draft.origins.contains_key(path))
    );
    let said = |index: usize, protocol: &String| {
        let from = policy.provenance.get(&format!("spec.alpn.protocols[{index}]"));
        let from = from.or_else(|| policy.provenance.get("spec.alpn")).unwrap();
        format!("{protocol} by {} {}", from.object, from.field)
    };
    let protocols = draft.spec.alpn.protocols.iter().enumerate();
    let shown = protocols.map(|(index, protocol)| said(index, protocol)).collect::<Vec<_>>().join(", ");
    let checked = UpstreamTlsPolicy::check(draft.clone(), Forbidden).unwrap();
    assert_eq!(checked.alpn().protocols, draft.spec.alpn.protocols);
    shown
}

fn service(protocol: &str) -> String {
    let protocol = if protocol.is_empty() { String::new() } else { format!(", appProtocol: {protocol}") };
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: pay, namespace: shop}}\n\
         spec: {{ports: [{{name: other, port: 8443}}, {{name: https, port: 443{protocol}}}]}}\n"
    )
}

/// A route of the Gateway `outer` to `shop/pay`.
fn route(kind: &str, port: u16) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: to-pay, namespace: shop}}\n\
         spec: {{parentRefs: [{{name: outer}}], rules: [{{backendRefs: [{{name: pay, port: {port}}}]}}]}}\n"
    )
}

const BY_GRPC: &str = "h2 by GRPCRoute shop/to-pay spec.rules[0].backendRefs[0]";
const BY_HTTP: &str = "http/1.1 by HTTPRoute shop/to-pay spec.rules[0].backendRefs[0]";
const BY_PORT: &str = "http/1.1 by Service shop/pay spec.ports[1].appProtocol";

#[test]
fn routes_and_the_port_say_what_is_offered() {
    let (grpc, http, tls) = (["GRPCRoute"], ["HTTPRoute"], ["TLSRoute"]);
    let both = ["GRPCRoute", "HTTPRoute"];
    let cases: &[(&[&str], &str, &[&str])] = &[
        (&[], "", &[]),
        (&http, "", &[]),
        (&tls, "", &[]),
        (&grpc, "", &[BY_GRPC]),
        (&both, "", &[BY_GRPC, BY_HTTP]),
        (&["GRPCRoute", "TLSRoute"], "", &[BY_GRPC]),
        (&[], "https", &[BY_PORT]),
        (&[], "HTTPS", &[BY_PORT]),
        (&http, "https", &[BY_PORT]),
        (&http, "kubernetes.io/wss", &[BY_PORT]),
        (&grpc, "https", &[BY_GRPC, BY_PORT]),
        (&both, "kubernetes.io/wss", &[BY_GRPC, BY_HTTP]),
        // What is spoken without TLS, and what nobody here knows, says nothing.
        (&[], "kubernetes.io/h2c", &[]),
        (&[], "kubernetes.io/ws", &[]),
        (&[], "http", &[]),
        (&[], "example.com/https", &[]),
        (&[], "kubernetes.io/WSS", &[]),
        (&grpc, "kubernetes.io/h2c", &[BY_GRPC]),
    ];
    for (kinds, protocol, wanted) in cases {
        let routes: String = kinds.iter().map(|kind| format!("---\n{}", route(kind, 443))).collect();
        let resolution = resolved(&[POLICY, GATEWAY, &service(protocol), &routes], &Scope::default());
        assert_eq!(offered(&resolution, "shop/pay:443", None), wanted.join(", "), "{kinds:?} {protocol}");
        assert_eq!(offered(&resolution, "shop/pay:8443", None), "", "{kinds:?} {protocol}: it is another port");
    }
}

#[test]
fn whoever_lists_protocols_has_the_say() {
    let config = "\
apiVersion: gateway.kgateway.dev/v1alpha1
kind: BackendConfigPolicy
metadata: {name: more, namespace: shop}
spec: {targetRefs: [{group: '', kind: Service, name: pay}], tls: {sni: pay.example, alpnProtocols: [http/1.1]}}
";
    let parts = [POLICY, GATEWAY, &service("https"), &route("GRPCRoute", 443)];
    let by_extension = "http/1.1 by BackendConfigPolicy shop/more spec.tls.alpnProtocols";
    let with =
        |more: &str| offered(&resolved(&[&parts[..], &[more]].concat(), &Scope::default()), "shop/pay:443", None);
    assert_eq!(with(config), by_extension);
    assert_eq!(with(&config.replace("[http/1.1]", "[]")), format!("{BY_GRPC}, {BY_PORT}"));
    assert_eq!(with(""), format!("{BY_GRPC}, {BY_PORT}"));
    // Alone, it is told the same.
    let alone = |config: &str| {
        let resolution = resolved(&[GATEWAY, &route("GRPCRoute", 443), config], &Scope::default());
        offered(&resolution, "shop/pay:443", None)
    };
    assert_eq!(alone(config), by_extension);
    assert_eq!(alone(&config.replace(", alpnProtocols: [http/1.1]", "")), BY_GRPC);
    let option = POLICY.replace("  validation:", "  options: {kgateway.dev/alpn-protocols: http/1.1}\n  validation:");
    let resolution = resolved(&[&option, GATEWAY, &route("GRPCRoute", 443)], &Scope::default());
    let by_option = "http/1.1 by BackendTLSPolicy shop/pay-tls spec.options[kgateway.dev/alpn-protocols]";
    assert_eq!(offered(&resolution, "shop/pay:443", None), by_option);
}

#[test]
fn only_a_route_that_leads_there_speaks_there() {
    let of = |parts: &[&str], gateway: Option<&str>| {
        offered(
            &resolved(&[&[POLICY, GATEWAY, INNER, &service("")], parts].concat(), &Scope::default()),
            "shop/pay:443",
            gateway,
        )
    };
    let grpc = route("GRPCRoute", 443);
    assert_eq!(of(&[&grpc], None), BY_GRPC);
    assert_eq!(of(&[&route("GRPCRoute", 8443)], None), "", "another port");
    assert_eq!(of(&[&grpc.replace("name: pay,", "name: other,")], None), "", "another backend");
    assert_eq!(
        of(&[&grpc.replace("name: pay,", "kind: Backend, group: gateway.kgateway.dev, name: pay,")], None),
        "",
        "another kind"
    );
    // A Gateway's own routes.
    let inner = route("HTTPRoute", 443).replace("outer", "inner");
    assert_eq!(of(&[&grpc, &inner], Some("outer")), BY_GRPC);
    assert_eq!(of(&[&grpc, &inner], Some("inner")), "");
    assert!(of(&[&grpc, &inner], None).contains("policies differ by Gateway: shop/inner, shop/outer"));
    // Two routes that say the same are no difference.
    let second = route("GRPCRoute", 443).replace("outer", "inner").replace("to-pay", "to-pay-too");
    assert!(of(&[&grpc, &second], None).starts_with("h2 by GRPCRoute"));
    // Without a grant a route from another namespace leads nowhere.
    let far = grpc.replace("namespace: shop}", "namespace: edge}").replace("name: pay,", "name: pay, namespace: shop,");
    assert_eq!(of(&[&far], None), "");
    let grant = "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {name: g, namespace: shop}\n\
                 spec: {from: [{group: gateway.networking.k8s.io, kind: GRPCRoute, namespace: edge}], to: [{group: '', kind: Service}]}\n";
    assert!(of(&[&far, grant], None).starts_with("h2 by GRPCRoute edge/to-pay"));
    // Nobody says which Gateway uses it: a route of a mesh counts as well.
    let mesh = grpc.replace("parentRefs: [{name: outer}]", "parentRefs: [{group: '', kind: Service, name: pay}]");
    assert_eq!(of(&[&mesh], None), BY_GRPC);
    assert_eq!(of(&[&mesh], Some("outer")), "");
}

#[test]
fn filters_say_what_they_speak() {
    let with = |filter: &str| {
        let route = route("HTTPRoute", 8443).replace("rules: [{", &format!("rules: [{{filters: [{filter}], "));
        offered(&resolved(&[POLICY, GATEWAY, &service(""), &route], &Scope::default()), "shop/pay:443", None)
    };
    let by_filter = "h2 by HTTPRoute shop/to-pay spec.rules[0].filters[0].externalAuth.backendRef";
    assert_eq!(with("{externalAuth: {protocol: GRPC, backendRef: {name: pay, port: 443}}}"), by_filter);
    assert_eq!(with("{externalAuth: {protocol: HTTP, backendRef: {name: pay, port: 443}}}"), "");
    assert_eq!(with("{externalAuth: {backendRef: {name: pay, port: 443}}}"), "");
    assert_eq!(with("{requestMirror: {backendRef: {name: pay, port: 443}}}"), "");
    let grpc = route("GRPCRoute", 8443)
        .replace("rules: [{", "rules: [{filters: [{requestMirror: {backendRef: {name: pay, port: 443}}}], ");
    let mirrored = offered(&resolved(&[POLICY, GATEWAY, &service(""), &grpc], &Scope::default()), "shop/pay:443", None);
    assert_eq!(mirrored, "h2 by GRPCRoute shop/to-pay spec.rules[0].filters[0].requestMirror.backendRef");
}

#[test]
fn a_caller_who_knows_the_gateways_is_told_by_routes_what_is_spoken() {
    let outer = (BackendRef::new("shop", "pay", None), ObjectName::new("shop", "outer"));
    let scope = Scope::default().with_ancestors([outer]);
    let resolution = resolved(&[POLICY, GATEWAY, &route("GRPCRoute", 443)], &scope);
    assert_eq!(offered(&resolution, "shop/pay:443", Some("outer")), BY_GRPC);
    let scope = Scope::default().with_gateway(ObjectName::new("shop", "inner"));
    let resolution = resolved(&[POLICY, GATEWAY, INNER, &route("GRPCRoute", 443)], &scope);
    assert_eq!(offered(&resolution, "shop/pay:443", None), "", "a route of another Gateway");
}

#[test]
fn backends_that_are_no_services_are_told_as_well() {
    let upstream = "apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {name: up, namespace: shop}\n\
                    spec: {kube: {serviceName: pay, servicePort: 443}, sslConfig: {sni: pay.example}}\n";
    let to = |group: &str, kind: &str| {
        route("GRPCRoute", 443).replace("name: pay, port: 443", &format!("group: {group}, kind: {kind}, name: up"))
    };
    let parts = [upstream, &service("https"), GATEWAY, &to("gloo.solo.io", "Upstream")];
    let resolution = resolved(&parts, &Scope::default());
    assert_eq!(offered(&resolution, "Upstream/shop/up", None), format!("{BY_GRPC}, {BY_PORT}"));
    let x_backend = |protocol: &str| {
        let object = format!(
            "apiVersion: gateway.networking.x-k8s.io/v1alpha1\nkind: XBackend\nmetadata: {{name: up, namespace: shop}}\n\
             spec: {{type: ExternalHostname, externalHostname: {{hostname: up.example}}, port: {{port: 443}}, {protocol}\
             tls: {{mode: ServerOnly, validation: {{hostname: up.example, wellKnownCACertificates: System}}}}}}\n"
        );
        let route = to("gateway.networking.x-k8s.io", "XBackend");
        offered(&resolved(&[&object, GATEWAY, &route], &Scope::default()), "XBackend/shop/up", None)
    };
    assert_eq!(x_backend(""), BY_GRPC);
    assert_eq!(x_backend("protocol: HTTP11, "), "http/1.1 by XBackend shop/up spec.protocol");
}

/// The same protocols at both ports: the Service is one backend without a port, too.
#[test]
fn ports_that_say_the_same_are_no_difference() {
    let service = |second: &str| {
        format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: pay, namespace: shop}}\n\
             spec: {{ports: [{{name: a, port: 443, appProtocol: https}}, {{name: b, port: 8443, appProtocol: {second}}}]}}\n"
        )
    };
    let of = |second: &str| offered(&resolved(&[POLICY, &service(second)], &Scope::default()), "shop/pay", None);
    assert_eq!(of("https"), "http/1.1 by Service shop/pay spec.ports[0].appProtocol");
    assert!(of("tcp").contains("policies differ by port"), "{}", of("tcp"));
}

const GATEWAY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: outer, namespace: shop}
";
const INNER: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: inner, namespace: shop}
";
const POLICY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation: {wellKnownCACertificates: System, hostname: pay.example}
";
