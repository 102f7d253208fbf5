//! Sessions live by the publications of their fingerprint (L8, L20): the withdrawal of one connector is none of another's, and
//! what a handshake proves that was under way when the last one withdrew is not kept.

use crate::support::world::{BOTH, Backend, World, host, policy};
use uptls::{ConnectOptions, Connector, PolicySpec};
use uptls_testkit::Versions;

fn another(world: &World) -> PolicySpec {
    PolicySpec { handshake_timeout: Some("3s".to_owned()), ..world.spec() }
}

/// Ends what `connector` publishes, in one way or the other.
fn end(world: &World, connector: &Connector, by_update: bool) {
    if by_update {
        connector.update(&policy(another(world))).unwrap();
    } else {
        connector.withdraw();
    }
}

#[test]
fn sessions_stay_while_another_connector_publishes_the_same() {
    for (versions, by_update) in BOTH.into_iter().flat_map(|versions| [(versions, false), (versions, true)]) {
        let world = World::new("two of one policy");
        let [one, two, three] = [(); 3].map(|()| world.connector(world.spec()));
        let backend = Backend::new(world.server(versions));
        backend.visit(&one).unwrap();
        end(&world, &one, by_update);
        assert!(backend.visit(&two).unwrap().resumed(), "{versions:?} {by_update}");
        // One that is dropped has withdrawn nothing.
        drop(three);
        assert!(backend.visit(&two).unwrap().resumed());
        let held = world.runtime.held_sessions();
        assert!(held.count > 0);
        // The twin: no connector publishes it any more.
        end(&world, &two, by_update);
        assert_eq!(world.runtime.held_sessions().count, 0, "{versions:?} {by_update}");
        let four = world.connector(world.spec());
        assert!(!backend.visit(&four).unwrap().resumed());
    }
}

#[test]
fn a_withdrawal_that_is_repeated_counts_once() {
    let world = World::new("twice");
    let [one, two] = [(); 2].map(|()| world.connector(world.spec()));
    let backend = Backend::new(world.server(Versions::Tls13));
    backend.visit(&two).unwrap();
    one.withdraw();
    one.withdraw();
    drop(one);
    assert!(backend.visit(&two).unwrap().resumed());
}

/// A handshake whose connector withdraws, or is updated, before it is done.
#[test]
fn a_handshake_under_way_leaves_no_session() {
    for (versions, by_update) in BOTH.into_iter().flat_map(|versions| [(versions, false), (versions, true)]) {
        let world = World::new("under way");
        let connector = world.connector(world.spec());
        let backend = Backend::new(world.server(versions));
        let handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        end(&world, &connector, by_update);
        let visit = backend.finish(handshake).unwrap();
        assert!(!visit.resumed());
        assert_eq!(world.runtime.held_sessions().servers, 0, "{versions:?} {by_update}");
        // Published again, there is nothing to resume.
        connector.update(&policy(world.spec())).unwrap();
        assert!(!backend.visit(&connector).unwrap().resumed(), "{versions:?} {by_update}");
        assert!(backend.visit(&connector).unwrap().resumed(), "the twin: nothing came between");
    }
}

/// The same of tickets that come after the handshake, and the twins: another connector publishes it, or its own is dropped.
#[test]
fn tickets_that_come_late_are_kept_while_it_is_published() {
    for (withdraws, has_twin, is_kept) in [(true, false, false), (true, true, true), (false, false, true)] {
        let world = World::new("late tickets");
        let connector = world.connector(world.spec());
        let twin = has_twin.then(|| world.connector(world.spec()));
        let handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        if withdraws {
            connector.withdraw();
        } else {
            drop(connector);
        }
        Backend::new(world.server(Versions::Tls13)).finish(handshake).unwrap();
        assert_eq!(world.runtime.held_sessions().count > 0, is_kept, "{withdraws} {has_twin}");
        drop(twin);
    }
}
