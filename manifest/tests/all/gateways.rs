//! M6: a Gateway that is asked for has its own policy, also where no route leads through it.

use uptls::ConnectorState;
use uptls::danger::DangerPermission::Forbidden;
use uptls_manifest::kubernetes::{BackendRef, Document, ObjectName, Resolution, Scope, import};

use crate::common::runtime;

fn resolved(more: &str, scope: &Scope) -> Resolution {
    import([Document::new("in", OBJECTS.as_bytes()), Document::new("more", more.as_bytes())]).resolve(scope)
}

fn gateway(name: &str) -> ObjectName {
    ObjectName::new("infra", name)
}

/// The source of the identity in the policy of `shop/pay` for the Gateway, or what is wrong.
fn identity(resolution: &Resolution, of: Option<&str>) -> String {
    let found = resolution.policy_of(&BackendRef::new("shop", "pay", Some(443)), of.map(gateway).as_ref());
    match found.map(|policy| (policy, &policy.draft)) {
        Err(problems) => format!("{}: {problems}", problems.code()),
        Ok((_, Err(problems))) => format!("not ready: {}", problems.code()),
        Ok((policy, Ok(_))) => {
            let by = policy.gateway.as_ref().map_or("nobody".to_owned(), ToString::to_string);
            let from = policy
                .provenance
                .get("spec.identity.key")
                .map_or_else(|| "none".to_owned(), |from| from.object.to_string());
            format!("{from} by {by}")
        }
    }
}

#[test]
fn a_gateway_without_a_route_has_its_certificate() {
    let resolution = resolved("", &Scope::default());
    assert_eq!(identity(&resolution, None), "none by nobody");
    assert_eq!(identity(&resolution, Some("outer")), "Secret infra/outer by infra/outer");
    assert_eq!(identity(&resolution, Some("plain")), "none by infra/plain");
    assert_eq!(identity(&resolution, Some("broken")), "not ready: reference_unresolved");
    let broken = resolution.policy_of(&BackendRef::new("shop", "pay", None), Some(&gateway("broken"))).unwrap();
    assert!(matches!(broken.connector(&runtime(), Forbidden).state(), ConnectorState::NotReady { .. }));
    // It is the same as in a resolution for this Gateway alone, and asking changes nothing.
    for name in ["outer", "plain", "broken"] {
        let only = resolved("", &Scope::default().with_gateway(gateway(name)));
        assert_eq!(identity(&only, None), identity(&resolution, Some(name)));
    }
    let gateways: Vec<_> = resolution.policies.iter().map(|policy| policy.gateway.clone()).collect();
    assert_eq!((gateways, identity(&resolution.clone(), None).as_str()), (vec![None], "none by nobody"));
}

#[test]
fn where_another_gateway_has_the_route_it_is_asked_for_all_the_same() {
    let resolution = resolved(ROUTE, &Scope::default());
    assert_eq!(identity(&resolution, None), "none by infra/plain");
    assert_eq!(identity(&resolution, Some("plain")), "none by infra/plain");
    assert_eq!(identity(&resolution, Some("outer")), "Secret infra/outer by infra/outer");
    let other_port = resolution.policy_of(&BackendRef::new("shop", "pay", Some(80)), Some(&gateway("outer"))).err();
    assert!(other_port.unwrap().to_string().contains("a TCP port of Service shop/pay"));
    let other = resolution.policy_of(&BackendRef::new("shop", "other", None), Some(&gateway("outer"))).err();
    assert_eq!(other.unwrap().code().as_str(), "reference_unresolved");
}

/// The certificate of a Gateway is checked where the Gateway is the controller's own and, where one alone is asked for, that one.
#[test]
fn the_certificate_of_another_controllers_gateway_is_not_checked() {
    let theirs = "\
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: theirs}
spec: {controllerName: example.com/other}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: far, namespace: infra}
spec: {gatewayClassName: theirs, tls: {backend: {clientCertificateRef: {name: absent}}}}
";
    let said = |scope: &Scope| {
        let resolution = resolved(theirs, scope);
        let objects = resolution.diagnostics.iter().filter_map(|diagnostic| diagnostic.object.as_ref());
        objects.map(ToString::to_string).collect::<Vec<_>>()
    };
    let own = || Scope::new("example.com/own");
    assert_eq!(said(&own()), ["Gateway infra/broken"]);
    assert_eq!(said(&own().with_gateway(gateway("broken"))), ["Gateway infra/broken"]);
    assert_eq!(said(&own().with_gateway(gateway("plain"))), Vec::<String>::new());
    assert_eq!(said(&own().with_gateway(gateway("far"))), Vec::<String>::new());
    assert_eq!(said(&Scope::new("example.com/other")), ["Gateway infra/broken", "Gateway infra/far"]);
}

#[test]
fn a_gateway_that_nobody_declared_has_no_policy() {
    let unknown = "reference_unresolved: gateway: ";
    for scope in [Scope::default(), Scope::new("example.com/own")] {
        let resolution = resolved(ROUTE, &scope);
        let said = identity(&resolution, Some("absent"));
        assert!(said.starts_with(unknown) && said.contains("Gateway infra/absent"), "{said}");
        assert_eq!(resolution.check_gateway(&gateway("absent")).err().unwrap().code().as_str(), "reference_unresolved");
        assert!(resolution.check_gateway(&gateway("plain")).is_ok());
    }
    // Neither by the scope, nor by a route.
    let said = identity(&resolved("", &Scope::default().with_gateway(gateway("absent"))), None);
    assert!(said.starts_with(unknown), "{said}");
    let route = ROUTE.replace("plain", "absent");
    let said = identity(&resolved(&route, &Scope::default()), Some("absent"));
    assert!(said.starts_with(unknown), "{said}");
    assert_eq!(identity(&resolved("", &Scope::default().with_gateway(gateway("plain"))), None), "none by infra/plain");
}

#[test]
fn a_scope_of_one_gateway_says_nothing_of_another() {
    let resolution = resolved("", &Scope::default().with_gateway(gateway("plain")));
    let said = identity(&resolution, Some("outer"));
    assert!(said.contains("those of Gateway infra/plain, and of infra/outer there are none"), "{said}");
    assert_eq!(identity(&resolution, Some("plain")), "none by infra/plain");
}

#[test]
fn while_a_document_cannot_be_read_no_gateway_has_a_policy() {
    let resolution = resolved("{", &Scope::default());
    assert!(identity(&resolution, Some("outer")).starts_with("document_parse"));
}

const OBJECTS: &str = "\
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {ports: [{port: 443}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: pay}]
  validation: {wellKnownCACertificates: System, hostname: pay.example}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: outer, namespace: infra}
spec: {tls: {backend: {clientCertificateRef: {name: outer}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: broken, namespace: infra}
spec: {tls: {backend: {clientCertificateRef: {name: absent}}}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: plain, namespace: infra}
---
apiVersion: v1
kind: Secret
metadata: {name: outer, namespace: infra}
stringData: {tls.crt: a certificate, tls.key: a key}
";
const ROUTE: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: pay, namespace: infra}
spec:
  parentRefs: [{name: plain}]
  rules: [{backendRefs: [{name: pay, namespace: shop, port: 443}]}]
---
apiVersion: gateway.networking.k8s.io/v1
kind: ReferenceGrant
metadata: {name: pay, namespace: shop}
spec:
  from: [{group: gateway.networking.k8s.io, kind: HTTPRoute, namespace: infra}]
  to: [{group: '', kind: Service}]
";
