//! What was read and judged before is published as it is: nothing is read again.

use std::fs;

use crate::support::world::{World, policy};
use uptls::{Address, Code, Connector, ConnectorState, MaterialDraft, OnInvalid, PolicySpec};

fn in_file(world: &World, path: &std::path::Path) -> PolicySpec {
    let mut spec = world.spec();
    spec.trust.bundles = vec![MaterialDraft::file(path)];
    spec
}

#[test]
fn a_prepared_policy_needs_its_files_no_more() {
    let world = World::new("prepared");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    fs::write(&path, world.pki.root.pem()).unwrap();
    let first = world.runtime.prepare(&policy(in_file(&world, &path))).unwrap();
    fs::remove_file(&path).unwrap();

    let connector = Connector::of_prepared(first.clone(), OnInvalid::default());
    assert_eq!((connector.generation().number(), connector.state()), (1, ConnectorState::Ready));
    assert_eq!(connector.publish(first.clone()).unwrap().number(), 1, "R5");
    assert!(connector.next_event().is_none());

    let mut spec = world.spec();
    spec.handshake_timeout = Some("3s".to_owned());
    let second = world.runtime.prepare(&policy(spec)).unwrap();
    assert_eq!(connector.publish(second).unwrap().number(), 2);
    connector.withdraw();
    assert_eq!(connector.publish(first).unwrap().number(), 3);
    assert_eq!(connector.state(), ConnectorState::Ready);
    // The same policy by its files is another matter.
    let problems = connector.update(&policy(in_file(&world, &path))).unwrap_err();
    assert_eq!(problems.code(), Code::TrustUnreadable);
}

#[test]
fn an_address_is_resolved_in_this_thread_or_says_why_not() {
    let found = Address::from(("127.0.0.1", 443)).resolve_here().unwrap();
    assert_eq!(found, ["127.0.0.1:443".parse().unwrap()]);
    assert_eq!(Address::from(found.clone()).resolve_here().unwrap(), found);
    assert_eq!(Address::from(("", 443)).resolve_here().unwrap_err().code(), Code::DnsFailed);
}
