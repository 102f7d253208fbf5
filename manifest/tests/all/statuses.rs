//! Statuses word for word with the standard: each condition for each Gateway, with what it uses.

use serde_json::Value;
use uptls_manifest::kubernetes::{Document, Resolution, Scope, import};
use uptls_testkit::Pki;

use crate::common::indent;

const CONTROLLER: &str = "example.com/gateway";

fn service(name: &str, ports: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{ports: [{ports}]}}\n---\n"
    )
}

fn policy(name: &str, year: u16, targets: &[&str]) -> String {
    let targets: Vec<_> =
        targets.iter().map(|target| format!("{{group: '', kind: Service, name: {target}}}")).collect();
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\n\
         metadata: {{name: {name}, namespace: shop, creationTimestamp: '{year}-01-01T00:00:00Z'}}\n\
         spec:\n  targetRefs: [{}]\n  validation: {{hostname: pay.shop, wellKnownCACertificates: System}}\n---\n",
        targets.join(", ")
    )
}

fn gateway(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: edge}}\nspec: {spec}\n---\n"
    )
}

fn route(name: &str, kind: &str, parent: &str, backend: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: shop}}\n\
         spec: {{parentRefs: [{parent}], rules: [{{backendRefs: [{{name: {backend}, port: 443}}]}}]}}\n---\n"
    )
}

fn http(gateway: &str, backend: &str) -> String {
    route(&format!("{gateway}-{backend}"), "HTTPRoute", &format!("{{name: {gateway}, namespace: edge}}"), backend)
}

fn class(name: &str, controller: &str) -> String {
    format!(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: {name}}}\nspec: {{controllerName: {controller}}}\n---\n"
    )
}

fn resolve(text: &str, complete: bool) -> Resolution {
    let imported = import([Document::new("in", text.as_bytes())]);
    imported.resolve(&Scope::new(CONTROLLER).with_complete(complete))
}

/// Status and reason of `Accepted` of a policy for a Gateway, with the message.
fn accepted(resolution: &Resolution, policy: &str, gateway: &str) -> (String, String) {
    condition(resolution, policy, gateway, "Accepted")
}

fn condition(resolution: &Resolution, policy: &str, gateway: &str, kind: &str) -> (String, String) {
    let patch = resolution.statuses.iter().find(|patch| patch.kind == "BackendTLSPolicy" && patch.name.name == policy);
    let ancestors = patch.map(|patch| patch.status["ancestors"].as_array().unwrap().clone()).unwrap_or_default();
    let Some(one) = ancestors.iter().find(|one| one["ancestorRef"]["name"] == gateway) else {
        return ("nothing".to_owned(), String::new());
    };
    let found: &Value = one["conditions"].as_array().unwrap().iter().find(|one| one["type"] == kind).unwrap();
    let text = |key: &str| found[key].as_str().unwrap();
    (format!("{} {}", text("status"), text("reason")), text("message").to_owned())
}

const TCP: &str = "{name: https, port: 443}";
const UDP: &str = "{name: quic, port: 443, protocol: UDP}";
const ONE: &str = "{listeners: [{name: http, port: 80, protocol: HTTP}]}";

#[test]
fn a_condition_is_about_the_targets_of_its_gateway() {
    let text = [
        service("pay", TCP),
        service("orders", TCP),
        policy("old", 2025, &["pay"]),
        policy("young", 2026, &["pay", "orders"]),
        gateway("public", ONE),
        gateway("inner", ONE),
        gateway("both", ONE),
        http("public", "pay"),
        http("inner", "orders"),
        http("both", "pay"),
        http("both", "orders"),
    ];
    let resolution = resolve(&text.concat(), false);
    let said = |gateway: &str| accepted(&resolution, "young", gateway);
    assert_eq!(said("public").0, "False Conflicted");
    assert!(said("public").1.contains("shop/old"), "{}", said("public").1);
    assert_eq!(said("inner"), ("True Accepted".to_owned(), "the policy is accepted".to_owned()));
    assert_eq!(said("both").0, "True Accepted");
    assert!(
        said("both").1.contains("not for spec.targetRefs[0]") && said("both").1.contains("shop/old"),
        "{}",
        said("both").1
    );
    assert_eq!(
        accepted(&resolution, "old", "public"),
        ("True Accepted".to_owned(), "the policy is accepted".to_owned())
    );
}

#[test]
fn what_is_not_for_tcp_is_invalid() {
    let said = |ports: &str, target: &str| {
        let text = [service("pay", ports), policy("a", 2026, &[target]), gateway("public", ONE), http("public", "pay")];
        accepted(&resolve(&text.concat(), false), "a", "public")
    };
    let (tcp, both) = ("{name: https, port: 8443}", format!("{TCP}, {UDP}"));
    assert_eq!(said(TCP, "pay").0, "True Accepted");
    assert_eq!(said(UDP, "pay").0, "False Invalid");
    assert_eq!(said(&format!("{UDP}, {{name: dns, port: 53, protocol: UDP}}"), "pay").0, "False Invalid");
    assert_eq!(said(&format!("{tcp}, {UDP}"), "pay, sectionName: quic").0, "False Invalid");
    assert_eq!(
        said(&both, "pay, sectionName: https"),
        ("True Accepted".to_owned(), "the policy is accepted".to_owned())
    );
    assert_eq!(said(&both, "pay, sectionName: other").0, "False TargetNotFound");
    let (reason, message) = said(&both, "pay");
    assert_eq!(reason, "True Accepted");
    assert!(message.contains("not for the ports of Service shop/pay that are not for TCP"), "{message}");
}

#[test]
fn absence_counts_where_all_objects_are_there() {
    let there = [policy("a", 2026, &["gone"]), gateway("public", ONE), http("public", "gone")].concat();
    assert_eq!(accepted(&resolve(&there, false), "a", "public").0, "True Accepted");
    assert_eq!(accepted(&resolve(&there, true), "a", "public").0, "False TargetNotFound");
    let found = format!("{there}{}", service("gone", TCP));
    assert_eq!(accepted(&resolve(&found, true), "a", "public").0, "True Accepted");
    // So does that of a Gateway.
    let no_gateway = [service("pay", TCP), policy("a", 2026, &["pay"]), http("public", "pay")].concat();
    assert_eq!(accepted(&resolve(&no_gateway, false), "a", "public").0, "True Accepted");
    assert_eq!(accepted(&resolve(&no_gateway, true), "a", "public").0, "nothing");
}

#[test]
fn a_gateway_of_another_controller_is_none_of_ours() {
    let of = |class: &str| {
        gateway(
            "public",
            &format!("{{gatewayClassName: {class}, tls: {{backend: {{clientCertificateRef: {{name: x}}}}}}}}"),
        )
    };
    let classes = [class("ours", CONTROLLER), class("theirs", "example.com/other")].concat();
    let with = |class: &str| {
        [service("pay", TCP), policy("a", 2026, &["pay"]), of(class), http("public", "pay"), classes.clone()].concat()
    };
    let gateways = |resolution: &Resolution| resolution.statuses.iter().filter(|patch| patch.kind == "Gateway").count();
    for (class, wanted, patches) in
        [("ours", "True Accepted", 1), ("unknown", "True Accepted", 1), ("theirs", "nothing", 0)]
    {
        let resolution = resolve(&with(class), false);
        assert_eq!(
            (accepted(&resolution, "a", "public").0.as_str(), gateways(&resolution)),
            (wanted, patches),
            "{class}"
        );
    }
    // Who is no controller has no class.
    let imported = import([Document::new("in", with("theirs").as_bytes())]);
    assert!(imported.resolve(&Scope::default()).policies[0].gateway.is_some());
}

#[test]
fn routes_attach_where_the_listeners_say_so() {
    let listener = |rest: &str| format!("{{listeners: [{{name: a, port: 80{rest}}}]}}");
    let from = |from: &str| listener(&format!(", allowedRoutes: {{namespaces: {{from: {from}}}}}"));
    let said = |spec: &str, route: String| {
        let text = [service("pay", TCP), policy("a", 2026, &["pay"]), gateway("public", spec), route].concat();
        accepted(&resolve(&text, false), "a", "public").0
    };
    let to = |kind: &str, rest: &str| route("r", kind, &format!("{{name: public, namespace: edge{rest}}}"), "pay");
    for (spec, route, wanted) in [
        (listener(""), to("HTTPRoute", ""), true),
        (from("All"), to("HTTPRoute", ""), true),
        (from("Same"), to("HTTPRoute", ""), false),
        (from("None"), to("HTTPRoute", ""), false),
        (listener(", allowedRoutes: {kinds: [{kind: GRPCRoute}]}"), to("HTTPRoute", ""), false),
        (listener(", allowedRoutes: {kinds: [{kind: GRPCRoute}]}"), to("GRPCRoute", ""), true),
        (listener(""), to("HTTPRoute", ", sectionName: a"), true),
        (listener(""), to("HTTPRoute", ", sectionName: b"), false),
        (listener(""), to("HTTPRoute", ", port: 80"), true),
        (listener(""), to("HTTPRoute", ", port: 81"), false),
        (listener(", tls: {mode: Passthrough}"), to("TLSRoute", ""), false),
        (listener(", tls: {mode: Terminate}"), to("TLSRoute", ""), true),
        (listener(""), to("TCPRoute", ""), true),
        (listener(""), to("UDPRoute", ""), false),
    ] {
        let wanted = if wanted { "True Accepted" } else { "nothing" };
        assert_eq!(said(&spec, route.clone()), wanted, "{spec} {route}");
    }
}

#[test]
fn a_route_to_a_listener_set_uses_its_gateway() {
    let set = |kind: &str, parent: &str| {
        let group = if kind == "ListenerSet" { "k8s.io/v1" } else { "x-k8s.io/v1alpha1" };
        format!(
            "apiVersion: gateway.networking.{group}\nkind: {kind}\nmetadata: {{name: set, namespace: shop}}\nspec: {{parentRef: {parent}, listeners: [{{name: a, port: 80}}]}}\n---\n"
        )
    };
    let public = "{name: public, namespace: edge}";
    let said = |spec: &str, set: String, parent: &str| {
        let route = route("r", "HTTPRoute", parent, "pay");
        let text = [service("pay", TCP), policy("a", 2026, &["pay"]), gateway("public", spec), set, route].concat();
        accepted(&resolve(&text, false), "a", "public").0
    };
    let parent = "{group: gateway.networking.k8s.io, kind: ListenerSet, name: set}";
    assert_eq!(said(ONE, set("ListenerSet", public), parent), "True Accepted");
    assert_eq!(
        said(ONE, set("XListenerSet", public), &parent.replace("k8s.io", "x-k8s.io").replace("Lis", "XLis")),
        "True Accepted"
    );
    assert_eq!(said(ONE, set("ListenerSet", "{name: other, namespace: edge}"), parent), "nothing");
    assert_eq!(said(ONE, set("ListenerSet", "{kind: Other, name: public, namespace: edge}"), parent), "nothing");
    assert_eq!(said(ONE, set("ListenerSet", public), &parent.replace("name: set", "name: other")), "nothing");
    assert_eq!(said(ONE, set("ListenerSet", public), &parent.replace("}", ", sectionName: b}")), "nothing");
    for (from, wanted) in [("All", "True Accepted"), ("Same", "nothing"), ("None", "nothing")] {
        let spec = format!("{{allowedListeners: {{namespaces: {{from: {from}}}}}}}");
        assert_eq!(said(&spec, set("ListenerSet", public), parent), wanted, "{from}");
    }
    // One that is declared twice leads nowhere.
    assert_eq!(said(ONE, set("ListenerSet", public).repeat(2), parent), "nothing");
}

/// GEP-5224: a listener asks a backend before it routes, and so its Gateway uses it.
#[test]
fn a_listener_with_a_filter_uses_its_backend() {
    let listeners = |backend: &str| {
        let filter = format!("{{type: ExternalAuth, externalAuth: {{protocol: GRPC, backendRef: {backend}}}}}");
        format!("listeners: [{{name: a, port: 80, protocol: HTTP, filters: {{requests: [{filter}]}}}}]")
    };
    let grant = |kind: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {{name: g, namespace: shop}}\n\
             spec: {{from: [{{group: gateway.networking.k8s.io, kind: {kind}, namespace: edge}}], to: [{{group: '', kind: Service}}]}}\n---\n"
        )
    };
    let said = |objects: &[String]| {
        let text = [service("pay", TCP), policy("a", 2026, &["pay"]), objects.concat()].concat();
        accepted(&resolve(&text, false), "a", "public").0
    };
    let spec = format!("{{{}}}", listeners("{name: pay, namespace: shop, port: 443}"));
    assert_eq!(said(&[gateway("public", &spec), grant("Gateway")]), "True Accepted");
    assert_eq!(said(&[gateway("public", &spec)]), "nothing", "without a grant");
    assert_eq!(said(&[gateway("public", &spec), grant("HTTPRoute")]), "nothing", "with another's grant");
    assert_eq!(said(&[gateway("public", &spec.replace("443", "8443")), grant("Gateway")]), "True Accepted", "any port");
    assert_eq!(said(&[gateway("public", &spec.replace("name: pay", "name: x")), grant("Gateway")]), "nothing");
    // A ListenerSet's filter is its Gateway's, where the Gateway permits the set.
    let set = |kind: &str, group: &str, of: &str| {
        let spec = listeners("{name: pay, namespace: shop, port: 443}");
        format!(
            "apiVersion: gateway.networking.{group}\nkind: {kind}\nmetadata: {{name: set, namespace: {of}}}\n\
             spec: {{parentRef: {{name: public, namespace: edge}}, {spec}}}\n---\n"
        )
    };
    let from = |from: &str| gateway("public", &format!("{{allowedListeners: {{namespaces: {{from: {from}}}}}}}"));
    for (kind, group) in [("ListenerSet", "k8s.io/v1"), ("XListenerSet", "x-k8s.io/v1alpha1")] {
        assert_eq!(said(&[from("All"), set(kind, group, "shop")]), "True Accepted");
        assert_eq!(said(&[from("None"), set(kind, group, "shop")]), "nothing");
        // A grant is for the group and the kind of the set.
        let group_of_grant = format!("gateway.networking.{}", group.split('/').next().unwrap_or_default());
        let granted = grant(kind).replace("group: gateway.networking.k8s.io", &format!("group: {group_of_grant}"));
        let other = grant(kind).replace("group: gateway.networking.k8s.io", "group: gateway.networking.other.io");
        assert_eq!(said(&[from("All"), set(kind, group, "edge"), granted]), "True Accepted", "{kind}");
        assert_eq!(said(&[from("All"), set(kind, group, "edge"), other]), "nothing", "{kind}");
    }
}

/// GEP-4768: a Gateway sends its traces to a backend, and so uses it, whatever its listeners take.
#[test]
fn a_telemetry_policy_uses_its_backend() {
    let telemetry = |version: &str, namespace: &str, tracing: &str| {
        format!(
            "apiVersion: gateway.networking.x-k8s.io/{version}\nkind: XTelemetryPolicy\nmetadata: {{name: t, namespace: {namespace}}}\n\
             spec: {{targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: public}}], tracing: {{{tracing}}}}}\n---\n"
        )
    };
    let grant = |kind: &str| {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: ReferenceGrant\nmetadata: {{name: g, namespace: shop}}\n\
             spec: {{from: [{{group: gateway.networking.x-k8s.io, kind: {kind}, namespace: edge}}], to: [{{group: '', kind: Service}}]}}\n---\n"
        )
    };
    let said = |objects: &[String]| {
        let spec =
            "{listeners: [{name: a, port: 80, allowedRoutes: {kinds: [{kind: TCPRoute}], namespaces: {from: None}}}]}";
        let text = [service("pay", TCP), policy("a", 2026, &["pay"]), gateway("public", spec), objects.concat()];
        accepted(&resolve(&text.concat(), true), "a", "public").0
    };
    let provider = "provider: {backendRef: {name: pay, namespace: shop, port: 443}}";
    let one = telemetry("v1alpha1", "edge", provider);
    let granted = grant("XTelemetryPolicy");
    assert_eq!(said(&[one.clone(), granted.clone()]), "True Accepted");
    assert_eq!(said(std::slice::from_ref(&one)), "nothing", "without a grant");
    assert_eq!(said(&[one, grant("Gateway")]), "nothing", "with another's grant");
    assert_eq!(
        said(&[telemetry("v1alpha1", "edge", &format!("mode: Disabled, {provider}")), granted.clone()]),
        "nothing"
    );
    // It is for a Gateway of its own namespace.
    assert_eq!(said(&[telemetry("v1alpha1", "shop", provider), granted.clone()]), "nothing");
    // Of a version that is not known nothing is read, and no backend fails.
    assert_eq!(said(&[telemetry("v1alpha2", "edge", provider), granted, http("public", "pay")]), "nothing");
}

#[test]
fn malformed_ca_content_is_no_ca() {
    let pem = Pki::new("statuses").root.pem();
    let said = |content: &str| {
        let config_map = format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: ca, namespace: shop}}\ndata:\n  ca.crt: |\n{}---\n",
            indent(content, 4)
        );
        let policy = policy("a", 2026, &["pay"])
            .replace("wellKnownCACertificates: System", "caCertificateRefs: [{group: '', kind: ConfigMap, name: ca}]");
        let resolution = resolve(
            &[config_map, policy, service("pay", TCP), gateway("public", ONE), http("public", "pay")].concat(),
            false,
        );
        ["Accepted", "ResolvedRefs"].map(|kind| condition(&resolution, "a", "public", kind).0)
    };
    assert_eq!(said(&pem), ["True Accepted", "True ResolvedRefs"]);
    for broken in [
        "garbage\n",
        &pem.replace("CERTIFICATE", "PRIVATE KEY"),
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    ] {
        assert_eq!(said(broken), ["False NoValidCACertificate", "False InvalidCACertificateRef"], "{broken}");
    }
}
