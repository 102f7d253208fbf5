//! `GatewayTLSBackendClientCertificate`: the backend receives the Gateway's client certificate, exactly it, or no connection.

use serde_json::{Value, json};
use uptls::Code;
use uptls_conformance::gateway::CLIENT;
use uptls_manifest::kubernetes::Scope;
use uptls_testkit::{ServerOptions, Versions};

use crate::objects::{NAMESPACE, gateway, policy, reference_grant, route, secret};
use crate::world::{ABC, World};

const ELSEWHERE: &str = "certificates";

/// One that asks every client for a certificate, and takes those without.
fn asking() -> World {
    World::asking(|options| ServerOptions { client_auth_optional: true, ..options })
}

fn manifests(clients: Option<Value>) -> Vec<Value> {
    vec![gateway("ours", clients), route("backend", "ours", 443), policy("backend", ABC)]
}

#[test]
fn the_backend_receives_exactly_the_gateways_certificate() {
    let world = asking();
    let with = manifests(Some(json!({"group": "", "kind": "Secret", "name": CLIENT})));
    let seen = world.gateway(&with).request_of("ours", "backend", 443).expect("a connection");
    assert_eq!(seen.client_certificate.as_deref(), Some(world.fixtures.client.der()));
    assert_eq!(seen.sni.as_deref(), Some(ABC));
    let seen = world.gateway(&manifests(None)).request_of("ours", "backend", 443).expect("a connection");
    assert_eq!(seen.client_certificate, None);
}

/// The certificate is the Gateway's: another Gateway to the same backend has its own, or none.
#[test]
fn each_gateway_has_its_own_certificate() {
    let world = asking();
    let other = world.fixtures.pki.client(&[uptls_testkit::San::dns("other.example.com")]);
    let reference = |name: &str| Some(json!({"name": name}));
    let objects = [
        gateway("ours", reference(CLIENT)),
        gateway("theirs", reference("theirs")),
        gateway("plain", None),
        route("backend", "ours", 443),
        route("backend", "theirs", 443),
        route("backend", "plain", 443),
        secret("theirs", NAMESPACE, &world.fixtures, &other),
        policy("backend", ABC),
    ];
    let gateway = world.gateway(&objects);
    for (name, wanted) in [("ours", Some(world.fixtures.client.der())), ("theirs", Some(other.der())), ("plain", None)]
    {
        let seen = gateway.request_of(name, "backend", 443).expect("a connection");
        assert_eq!(seen.client_certificate.as_deref(), wanted, "{name}");
    }
}

/// A backend that demands one is not reached without.
#[test]
fn a_backend_that_demands_a_certificate_gets_it_or_refuses() {
    let world = World::asking(|options| ServerOptions { versions: Versions::Tls12, ..options });
    let with = manifests(Some(json!({"name": CLIENT})));
    assert!(world.gateway(&with).request_of("ours", "backend", 443).is_ok());
    let refused = world.gateway(&manifests(None)).request_of("ours", "backend", 443);
    assert_eq!(refused.err(), Some(Code::IdentityRequired));
}

/// It does not make TLS of a backend without a policy.
#[test]
fn a_certificate_is_no_policy() {
    let world = asking();
    let gateway = world.gateway(&manifests(Some(json!({"name": CLIENT})))[..2]);
    assert_eq!(gateway.request_of("ours", "backend", 443).err(), Some(Code::PolicyNotReady));
    assert_eq!(world.server.connections(), 0);
}

/// Never a connection without the certificate that the Gateway is to have.
#[test]
fn a_certificate_that_cannot_be_used_fails_closed() {
    let world = asking();
    let at = |namespace: &str| json!({"name": "elsewhere", "namespace": namespace});
    let elsewhere = secret("elsewhere", ELSEWHERE, &world.fixtures, &world.fixtures.client);
    let mut keyless = secret("keyless", NAMESPACE, &world.fixtures, &world.fixtures.client);
    keyless["stringData"].as_object_mut().unwrap().remove("tls.key");
    const INVALID: &str = "InvalidClientCertificateRef";
    const FORBIDDEN: &str = "RefNotPermitted";
    for (what, reference, beside, reason) in [
        ("a Secret that there is not", json!({"name": "missing"}), vec![], INVALID),
        ("a kind that holds none", json!({"kind": "ConfigMap", "name": CLIENT}), vec![], INVALID),
        ("a Secret without a key", json!({"name": "keyless"}), vec![keyless], INVALID),
        ("another namespace", at(ELSEWHERE), vec![elsewhere.clone()], FORBIDDEN),
        (
            "a grant for another kind",
            at(ELSEWHERE),
            vec![elsewhere.clone(), reference_grant(ELSEWHERE, "HTTPRoute")],
            FORBIDDEN,
        ),
        ("a grant elsewhere", at(ELSEWHERE), vec![elsewhere.clone(), reference_grant(NAMESPACE, "Gateway")], FORBIDDEN),
    ] {
        let objects = [manifests(Some(reference)), beside].concat();
        let gateway = world.gateway(&objects);
        assert_eq!(gateway.request_of("ours", "backend", 443).err(), Some(Code::PolicyNotReady), "{what}");
        assert_eq!(resolved_refs(&gateway), ("False".to_owned(), reason.to_owned()), "{what}");
    }
    assert_eq!(world.server.connections(), 0);
    let permitted = [manifests(Some(at(ELSEWHERE))), vec![elsewhere, reference_grant(ELSEWHERE, "Gateway")]].concat();
    let gateway = world.gateway(&permitted);
    let seen = gateway.request_of("ours", "backend", 443).expect("a connection");
    assert_eq!(seen.client_certificate.as_deref(), Some(world.fixtures.client.der()));
    assert_eq!(resolved_refs(&gateway), ("True".to_owned(), "ResolvedRefs".to_owned()));
}

/// What only the handshake's side can tell: the reference is resolved, and what it leads to is of no use.
#[test]
fn a_key_that_is_not_the_certificates_fails_closed() {
    let world = asking();
    let mut foreign = secret("foreign", NAMESPACE, &world.fixtures, &world.fixtures.client);
    foreign["stringData"]["tls.key"] = world.fixtures.leaf.key().pkcs8_pem().into();
    let objects = [manifests(Some(json!({"name": "foreign"}))), vec![foreign]].concat();
    let refused = world.gateway(&objects).request_of("ours", "backend", 443);
    assert_eq!((refused.err(), world.server.connections()), (Some(Code::PolicyNotReady), 0));
}

/// Status and reason of the Gateway's own condition.
fn resolved_refs(gateway: &crate::world::Gateway<'_>) -> (String, String) {
    let statuses = gateway.imported.resolve(&Scope::new("uptls.example/conformance")).statuses;
    let patch = statuses.iter().find(|patch| patch.kind == "Gateway").expect("a patch of the Gateway");
    let conditions = patch.status["conditions"].as_array().expect("conditions");
    let found = conditions.iter().find(|one| one["type"] == "ResolvedRefs").expect("the condition");
    let text = |field: &str| found[field].as_str().expect("a text").to_owned();
    (text("status"), text("reason"))
}
