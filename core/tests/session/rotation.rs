//! Publishing: good updates, bad ones, withdrawal, and what connections see of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::support::world::{Backend, World, host, policy, trusting};
use uptls::{Code, ConnectOptions, Connector, ConnectorState, MaterialDraft, OnInvalid, PolicySpec, TrustDraft};
use uptls_testkit::{Pki, Versions};

/// Checks as a policy, but its material does not exist.
fn broken() -> PolicySpec {
    let bundles = vec![MaterialDraft::file("/nonexistent/ca.crt")];
    PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() }
}

#[test]
fn an_invalid_update_keeps_the_last_good_generation() {
    let world = World::new("degraded");
    let connector = world.connector(world.spec());
    let backend = Backend::new(world.server(Versions::Both));
    let before = connector.generation();
    backend.visit(&connector).unwrap();
    for _ in 0..2 {
        let problems = connector.update(&policy(broken())).unwrap_err();
        assert_eq!(problems.code(), Code::TrustUnreadable);
        let ConnectorState::Degraded { reason, since, .. } = connector.state() else {
            panic!("{:?}", connector.state())
        };
        assert_eq!((reason, since), (problems, uptls_testkit::NOW), "since the first");
        world.clock.advance(60);
    }
    let visit = backend.visit(&connector).unwrap();
    assert!(visit.resumed(), "nothing changed for connections");
    assert_eq!((connector.generation(), visit.established.evidence().generation), (before, before));
    connector.update(&policy(world.spec())).unwrap();
    assert_eq!((connector.state(), connector.generation()), (ConnectorState::Ready, before));
}

#[test]
fn fail_closed_ends_connections_at_once() {
    let world = World::new("closed");
    let connector = Connector::with_on_invalid(&world.runtime, &policy(world.spec()), OnInvalid::FailClosed).unwrap();
    let backend = Backend::new(world.server(Versions::Both));
    backend.visit(&connector).unwrap();
    connector.update(&policy(broken())).unwrap_err();
    let error = backend.visit(&connector).err().unwrap();
    assert_eq!(error.code(), Code::PolicyNotReady);
    assert!(error.to_string().contains("/nonexistent/ca.crt"), "{error}");
    assert!(connector.prepared().is_none());
    // R5: the same content is the same generation again.
    assert_eq!(connector.update(&policy(world.spec())).unwrap().number(), 1);
    assert!(backend.visit(&connector).unwrap().resumed());
}

#[test]
fn a_connector_can_wait_for_its_first_material() {
    let world = World::new("not ready");
    let reason = Connector::new(&world.runtime, &policy(broken())).unwrap_err();
    let connector = Connector::not_ready(&world.runtime, reason, OnInvalid::KeepLastGood);
    let error = connector.begin(&host(), &ConnectOptions::default()).unwrap_err();
    assert_eq!((error.code(), connector.generation().number()), (Code::PolicyNotReady, 0));
    connector.update(&policy(broken())).unwrap_err();
    assert!(matches!(connector.state(), ConnectorState::NotReady { .. }), "there is no last good one");
    assert_eq!(connector.update(&policy(world.spec())).unwrap().number(), 1);
    assert!(Backend::new(world.server(Versions::Both)).visit(&connector).is_ok());
}

#[test]
fn connections_know_whether_they_are_current() {
    let world = World::new("current");
    let connector = world.connector(world.spec());
    let backend = Backend::new(world.server(Versions::Both));
    let old = backend.visit(&connector).unwrap();
    assert!(connector.is_current(old.established.evidence()));
    let mut both = world.spec();
    both.trust.bundles.push(MaterialDraft::pem(Pki::new("current, the next CA").root.pem()));
    let next = connector.update(&policy(both)).unwrap();
    assert_eq!(next.number(), 2);
    // R7: it is not cut.
    assert!(!connector.is_current(old.established.evidence()));
    let new = backend.visit(&connector).unwrap();
    assert_eq!(new.established.evidence().generation, next);
    connector.withdraw();
    assert!(matches!(connector.state(), ConnectorState::Withdrawn { .. }));
    assert!(!connector.is_current(new.established.evidence()));
}

/// R1: never the old trust with the new names.
#[test]
fn a_connection_sees_exactly_one_generation() {
    let (one, two) = (World::new("generation one"), Pki::new("generation two"));
    let specs = [one.spec(), PolicySpec { server_name: Some("two.example".to_owned()), ..trusting(&two) }];
    let policies = specs.map(policy);
    let connector = Connector::new(&one.runtime, &policies[0]).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..400 {
                connector.update(&policies[(round + 1) % 2]).unwrap();
            }
            stop.store(true, Ordering::SeqCst);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let prepared = connector.prepared().unwrap();
                    let named = prepared.policy() == &policies[1];
                    let accepts_one =
                        prepared.verify(&[one.leaf.der().into(), one.pki.intermediate.der().into()], Some(&host()));
                    assert_eq!(accepts_one.is_ok(), !named);
                }
            });
        }
    });
    assert_eq!(connector.generation().number(), 401);
}
