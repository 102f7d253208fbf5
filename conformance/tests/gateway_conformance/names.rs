//! `BackendTLSPolicy`, `BackendTLSPolicySANValidation`, `BackendTLSPolicyGRPCRoute`: who the backend has to be.

use uptls::{Code, ConnectOptions, ConnectorState};
use uptls_testkit::ServerOptions;

use crate::objects::{CA, OTHER_CA, config_map_ref, naming, of_kind, policy, route, trusting};
use crate::world::{ABC, GOOD, IDENTITY, OTHER, World, reached};

/// The backend sees the policy's name, whatever the client of the gateway asked for.
#[test]
fn the_policy_names_the_backend() {
    let world = World::new();
    for hostname in [ABC, OTHER] {
        let gateway = world.gateway(&[policy("backend", hostname)]);
        assert_eq!(gateway.conditions("backend"), GOOD);
        assert_eq!(gateway.request("backend", 443), reached(hostname));
    }
}

/// The suite's own test asks for a route that there is not, and sees 404 whatever TLS does. Here the route is right, and
/// the certificate is not.
#[test]
fn another_name_than_the_certificates_is_refused_and_no_fault_of_the_policy() {
    let world = World::new();
    for hostname in ["mismatch.example.com", "example.com", "sub.abc.example.com", "abc.example.com.example.org"] {
        let gateway = world.gateway(&[policy("host-mismatch", hostname)]);
        assert_eq!(gateway.conditions("host-mismatch"), GOOD);
        assert!(matches!(gateway.connector("host-mismatch", 443).state(), ConnectorState::Ready));
        assert_eq!(gateway.request("host-mismatch", 443), Err(Code::NameMismatch), "{hostname}");
    }
    assert_eq!(world.server.handshakes(), []);
    assert_eq!(world.gateway(&[policy("host-mismatch", ABC)]).request("host-mismatch", 443), reached(ABC));
}

#[test]
fn another_ca_is_refused_and_no_fault_of_the_policy() {
    let world = World::new();
    let with = |references: &[_]| world.gateway(&[trusting(policy("cert-mismatch", ABC), references)]);
    let gateway = with(&[config_map_ref(OTHER_CA)]);
    assert_eq!(gateway.conditions("cert-mismatch"), GOOD);
    assert_eq!(gateway.request("cert-mismatch", 443), Err(Code::CertUnknownIssuer));
    assert_eq!(world.server.handshakes(), []);
    assert_eq!(with(&[config_map_ref(CA)]).request("cert-mismatch", 443), reached(ABC));
    // Both, in either order: an overlap while the CA is replaced.
    assert_eq!(with(&[config_map_ref(OTHER_CA), config_map_ref(CA)]).request("cert-mismatch", 443), reached(ABC));
    assert_eq!(with(&[config_map_ref(CA), config_map_ref(OTHER_CA)]).request("cert-mismatch", 443), reached(ABC));
}

/// With subjectAltNames the hostname only chooses the certificate: it neither suffices nor is needed.
#[test]
fn subject_alt_names_stand_in_place_of_the_hostname() {
    const ELSEWHERE: &str = "frontend.example.org";
    let world = World::new();
    let ask = |hostname: &str, sans: &[&str]| {
        let gateway = world.gateway(&[naming(policy("san", hostname), sans)]);
        assert_eq!(gateway.conditions("san"), GOOD);
        gateway.request("san", 443)
    };
    let refused = || Err(Code::NameMismatch);
    // DNS. The hostname is in the certificate, and that does not help.
    assert_eq!(ask(ABC, &["dns:abc.example.com"]), reached(ABC));
    assert_eq!(ask(ABC, &["dns:dce.example.com"]), refused());
    assert_eq!(ask(ELSEWHERE, &["dns:abc.example.com"]), reached(ELSEWHERE));
    assert_eq!(ask(ELSEWHERE, &[]), refused());
    // URI, compared byte for byte.
    assert_eq!(ask(ABC, &[IDENTITY]), reached(ABC));
    assert_eq!(ask(ELSEWHERE, &[IDENTITY]), reached(ELSEWHERE));
    for uri in ["def.example.com/test-identity", "abc.example.com/Test-Identity", "abc.example.com/test"] {
        assert_eq!(ask(ABC, &[&format!("uri:spiffe://{uri}")]), refused(), "{uri}");
    }
    // A DNS name is not looked for among URIs, nor the other way round.
    assert_eq!(ask(ABC, &["uri:https://abc.example.com"]), refused());
    // Several: any of them.
    assert_eq!(ask(ABC, &[IDENTITY, "dns:abc.example.com"]), reached(ABC));
    assert_eq!(ask(ABC, &["uri:spiffe://def.example.com/test-identity", "dns:other.example.com"]), reached(ABC));
    assert_eq!(ask(ABC, &["dns:def.example.com", IDENTITY]), reached(ABC));
    assert_eq!(ask(ABC, &["uri:spiffe://def.example.com/test-identity", "dns:def.example.com"]), refused());
}

/// Names do not stand in place of the CA.
#[test]
fn a_name_that_matches_is_worth_nothing_under_another_ca() {
    let world = World::new();
    for sans in [&["dns:abc.example.com"][..], &[IDENTITY]] {
        let policy = |ca| trusting(naming(policy("san", ABC), sans), &[config_map_ref(ca)]);
        assert_eq!(world.gateway(&[policy(OTHER_CA)]).request("san", 443), Err(Code::CertUnknownIssuer));
        assert_eq!(world.gateway(&[policy(CA)]).request("san", 443), reached(ABC));
    }
}

/// gRPC is HTTP/2, by ALPN, which the standard policy does not speak of: the route does. The policy holds for it as for all
/// others.
#[test]
fn a_grpc_route_offers_h2_and_holds_the_backend_to_the_policy() {
    let world = World::with(|options| ServerOptions { alpn: vec![b"h2"], ..options });
    let ask = |policy, routes: &[&str], protocols: &[&str]| {
        let routes = routes.iter().map(|kind| of_kind(route("grpc", "same-namespace", 443), kind));
        let gateway = world.gateway(&[policy].into_iter().chain(routes).collect::<Vec<_>>());
        assert_eq!(gateway.conditions("grpc"), GOOD);
        let options = match protocols {
            [] => ConnectOptions::default(),
            some => ConnectOptions::default().with_alpn(some.iter().copied()),
        };
        let seen = world.get_with(&gateway.connector("grpc", 443), &options);
        seen.map(|seen| (seen.alpn, seen.sni)).map_err(|error| error.code())
    };
    let h2 = || Ok((Some(b"h2".to_vec()), Some(ABC.to_owned())));
    let good = || policy("grpc", ABC);
    let (grpc, both) = (&["GRPCRoute"][..], &["GRPCRoute", "HTTPRoute"][..]);
    assert_eq!(ask(good(), grpc, &["h2"]), h2());
    assert_eq!(ask(good(), grpc, &[]), h2());
    assert_eq!(ask(good(), both, &["h2"]), h2());
    assert_eq!(ask(good(), both, &["http/1.1"]), Err(Code::AlpnMismatch));
    assert_eq!(ask(policy("grpc", "mismatch.example.com"), grpc, &["h2"]), Err(Code::NameMismatch));
    assert_eq!(ask(trusting(good(), &[config_map_ref(OTHER_CA)]), grpc, &["h2"]), Err(Code::CertUnknownIssuer));
    assert_eq!(world.server.handshakes().len(), 3);
    // Without it no object says that the backend speaks HTTP/2: a connection may narrow the list and not widen it.
    for routes in [&[][..], &["HTTPRoute"], &["TLSRoute"]] {
        assert_eq!(ask(good(), routes, &["h2"]), Err(Code::Misuse), "{routes:?}");
    }
    assert_eq!(world.server.handshakes().len(), 3);
}
