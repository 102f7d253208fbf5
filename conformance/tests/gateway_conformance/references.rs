//! `BackendTLSPolicyInvalidCACertificateRef`, `BackendTLSPolicyInvalidKind`, and the CA that comes and goes.

use serde_json::{Value, json};
use uptls::{Code, ConnectorState, Generation};

use crate::objects::{CA, config_map, config_map_ref, policy, trusting};
use crate::world::{ABC, GOOD, World, reached};

const NO_CA: (&str, &str) = ("NoValidCACertificate", "InvalidCACertificateRef");
const NO_KIND: (&str, &str) = ("NoValidCACertificate", "InvalidKind");

/// Nothing is sent to a backend whose policy cannot be used: neither TLS nor plaintext.
#[test]
fn a_reference_that_leads_nowhere_fails_every_connection() {
    let world = World::new();
    let missing = config_map_ref("nonexistent-ca-certificate");
    let malformed = config_map_ref("malformed-ca-certificate");
    let other = |group: &str, kind: &str| json!({"group": group, "kind": kind, "name": CA});
    for (reference, conditions) in [
        (missing.clone(), NO_CA),
        (malformed.clone(), NO_CA),
        (other("wrong.io", "Bogus"), NO_KIND),
        (other("", "Service"), NO_KIND),
        (other("wrong.io", "ConfigMap"), NO_KIND),
    ] {
        let documents = |references: &[Value]| {
            let other_key = config_map("malformed-ca-certificate", json!({"ca.pem": world.fixtures.pki.root.pem()}));
            [trusting(policy("invalid", ABC), references), other_key]
        };
        let gateway = world.gateway(&documents(std::slice::from_ref(&reference)));
        assert_eq!(gateway.conditions("invalid"), conditions, "{reference}");
        assert_eq!(gateway.request("invalid", 443), Err(Code::PolicyNotReady), "{reference}");
        // Beside one that is good, it is only left out.
        let gateway = world.gateway(&documents(&[reference.clone(), config_map_ref(CA)]));
        assert_eq!(gateway.conditions("invalid"), ("Accepted", conditions.1), "{reference}");
        assert_eq!(gateway.request("invalid", 443), reached(ABC), "{reference}");
    }
    // Only the twins came through.
    assert_eq!((world.server.connections(), world.server.handshakes().len()), (5, 5));
    let gateway = world.gateway(&[trusting(policy("invalid", ABC), &[missing, malformed])]);
    assert_eq!(gateway.conditions("invalid"), NO_CA);
    assert_eq!(gateway.request("invalid", 443), Err(Code::PolicyNotReady));
    assert_eq!(world.server.connections(), 5);
}

/// Missing, created, emptied, restored: one connector through it all.
#[test]
fn a_ca_that_comes_and_goes_is_followed() {
    let world = World::new();
    let mut connector = world.gateway_of(&[policy("reconcile", ABC)]).connector("reconcile", 443);
    let empty = || config_map(CA, json!({}));
    let blank = || config_map(CA, json!({"ca.crt": ""}));
    let steps: [(Option<Value>, bool); 8] = [
        (None, false),
        (Some(world.ca()), true),
        (Some(empty()), false),
        (Some(world.ca()), true),
        (Some(blank()), false),
        (Some(world.ca()), true),
        (None, false),
        (Some(world.ca()), true),
    ];
    let mut reachable = 0;
    for (index, (ca, usable)) in steps.into_iter().enumerate() {
        let gateway = world.gateway_of(&[vec![policy("reconcile", ABC)], ca.into_iter().collect()].concat());
        gateway.refresh(&mut connector, "reconcile", 443);
        assert_eq!(gateway.conditions("reconcile"), if usable { GOOD } else { NO_CA }, "step {index}");
        let outcome = world.get(&connector).map(|seen| seen.sni).map_err(|error| error.code());
        if usable {
            reachable += 1;
            assert_eq!(outcome, reached(ABC), "step {index}");
        } else {
            assert_eq!(outcome, Err(Code::PolicyNotReady), "step {index}");
        }
        assert_eq!(world.server.connections(), reachable, "step {index}");
    }
}

/// The same content read again is no new generation; another CA is one, and is held to.
#[test]
fn a_ca_that_is_replaced_holds_from_then_on() {
    let world = World::new();
    let objects = |ca: Value| world.gateway_of(&[policy("replaced", ABC), ca]);
    let mut connector = objects(world.ca()).connector("replaced", 443);
    assert!(world.get(&connector).is_ok());
    objects(world.ca()).refresh(&mut connector, "replaced", 443);
    assert_eq!(connector.generation().number(), 1);
    let stranger = uptls_testkit::Pki::new("stranger").root.pem();
    objects(config_map(CA, json!({"ca.crt": stranger}))).refresh(&mut connector, "replaced", 443);
    assert!(connector.generation() > Generation::default() && connector.generation().number() == 2);
    assert_eq!(world.get(&connector).err().map(|error| error.code()), Some(Code::CertUnknownIssuer));
    let both = format!("{stranger}{}", world.fixtures.pki.root.pem());
    objects(config_map(CA, json!({"ca.crt": both}))).refresh(&mut connector, "replaced", 443);
    assert!(world.get(&connector).is_ok());
    assert!(matches!(connector.state(), ConnectorState::Ready));
}
