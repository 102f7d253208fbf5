//! `BackendTLSPolicyConflictResolution`: which of several policies a port has, as the backend sees it.

use serde_json::Value;
use uptls::Code;

use crate::objects::{created, for_section, policy, service};
use crate::world::{ABC, GOOD, OTHER, World, reached};

const PORTS: [(&str, u16); 2] = [("https-1", 443), ("https-2", 8443)];
const CONFLICTED: (&str, &str) = ("Conflicted", "ResolvedRefs");

fn on(hostname: &str, name: &str, second: u8) -> Value {
    created(policy("backend", hostname), name, second)
}

#[test]
fn of_two_for_a_service_the_older_one_has_it() {
    let world = World::new();
    let service = service("backend", &PORTS);
    for (first, second, winner) in [
        (on(ABC, "b", 1), on(OTHER, "a", 2), ABC),
        (on(ABC, "b", 2), on(OTHER, "a", 1), OTHER),
        // Equally old: by the alphabet.
        (on(ABC, "a", 1), on(OTHER, "b", 1), ABC),
        (on(ABC, "b", 1), on(OTHER, "a", 1), OTHER),
    ] {
        let loser = if winner == ABC { &second } else { &first };
        let loser = loser["metadata"]["name"].as_str().unwrap().to_owned();
        let winning = if loser == "a" { "b" } else { "a" };
        // The order in which they are read does not count.
        for documents in [[first.clone(), second.clone()], [second, first]] {
            let gateway = world.gateway(&[documents.to_vec(), vec![service.clone()]].concat());
            assert_eq!((gateway.conditions(winning), gateway.conditions(&loser)), (GOOD, CONFLICTED));
            for (_, port) in PORTS {
                assert_eq!(gateway.request("backend", port), reached(winner), "{winning} on {port}");
            }
        }
    }
}

#[test]
fn of_two_for_a_port_the_older_one_has_it_and_the_other_port_has_none() {
    let world = World::new();
    let first = for_section(on(ABC, "first", 1), "https-1");
    let second = for_section(on(OTHER, "second", 2), "https-1");
    let gateway = world.gateway(&[first, second, service("backend", &PORTS)]);
    assert_eq!((gateway.conditions("first"), gateway.conditions("second")), (GOOD, CONFLICTED));
    assert_eq!(gateway.request("backend", 443), reached(ABC));
    assert_eq!(gateway.request("backend", 8443), Err(Code::PolicyNotReady));
}

/// They do not conflict, in either order of age: each port has its own.
#[test]
fn one_for_a_port_is_more_specific_than_one_for_the_service() {
    let world = World::new();
    for (of_port, of_service) in [(1, 2), (2, 1)] {
        let of_port = for_section(on(OTHER, "of-port", of_port), "https-1");
        let of_service = on(ABC, "of-service", of_service);
        let gateway = world.gateway(&[of_port, of_service, service("backend", &PORTS)]);
        assert_eq!((gateway.conditions("of-port"), gateway.conditions("of-service")), (GOOD, GOOD));
        assert_eq!(gateway.request("backend", 443), reached(OTHER));
        assert_eq!(gateway.request("backend", 8443), reached(ABC));
    }
}

/// It competes all the same: no other policy gets the backend because the first one's name is wrong.
#[test]
fn the_older_one_that_is_refused_by_the_backend_is_not_replaced() {
    let world = World::new();
    let wrong = on("mismatch.example.com", "first", 1);
    let gateway = world.gateway(&[wrong, on(ABC, "second", 2), service("backend", &PORTS)]);
    assert_eq!(gateway.conditions("second"), CONFLICTED);
    assert_eq!(gateway.request("backend", 443), Err(Code::NameMismatch));
    assert_eq!(world.server.handshakes(), []);
}

#[test]
fn a_port_that_there_is_not_is_no_target() {
    let world = World::new();
    let nowhere = for_section(on(OTHER, "nowhere", 1), "https-3");
    let gateway = world.gateway(&[nowhere, on(ABC, "everywhere", 2), service("backend", &PORTS)]);
    assert_eq!((gateway.conditions("nowhere").0, gateway.conditions("everywhere")), ("TargetNotFound", GOOD));
    assert_eq!(gateway.request("backend", 443), reached(ABC));
}
