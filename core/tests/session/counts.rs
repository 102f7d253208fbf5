//! What a Runtime says of the sessions that it holds (H6).

use crate::support::world::{BOTH, Backend, World};
use uptls::PolicySpec;
use uptls_testkit::{ServerOptions, Versions};

const LIMIT: usize = 1 << 20;

#[test]
fn sessions_are_counted_with_their_bytes() {
    for versions in BOTH {
        let world = World::with_session_bytes("counts", LIMIT);
        let none = world.runtime.held_sessions();
        assert_eq!((none.count, none.limit, none.bytes, none.servers), (0, LIMIT, 0, 0));
        let connector = world.connector(world.spec());
        Backend::new(world.server(versions)).visit(&connector).unwrap();
        let held = world.runtime.held_sessions();
        assert_eq!(held.servers, 1, "{versions:?}");
        assert!(held.count >= 1 && (versions == Versions::Tls13 || held.count == 1), "{held:?}");
        assert!((512..LIMIT).contains(&held.bytes), "{held:?}");
        // Another runtime has its own.
        assert_eq!(World::with_session_bytes("counts", LIMIT).runtime.held_sessions(), none);
        connector.withdraw();
        assert_eq!(world.runtime.held_sessions(), none, "{versions:?}");
    }
}

#[test]
fn what_is_not_kept_is_not_counted() {
    let world = World::with_session_bytes("counts", LIMIT);
    let disabled = world.connector(PolicySpec { resumption: Some(false), ..world.spec() });
    Backend::new(world.server(Versions::Tls13)).visit(&disabled).unwrap();
    assert_eq!(world.runtime.held_sessions().servers, 0);
    // Without tickets there is only the group that was agreed on.
    let tickets = ServerOptions { tickets: false, ..world.server(Versions::Tls13) };
    Backend::new(tickets).visit(&world.connector(world.spec())).unwrap();
    let held = world.runtime.held_sessions();
    assert_eq!((held.count, held.servers), (0, 1));
    assert!((1..4096).contains(&held.bytes), "{held:?}");
    let full = World::with_session_bytes("counts", 0);
    Backend::new(full.server(Versions::Tls13)).visit(&full.connector(full.spec())).unwrap();
    assert_eq!((full.runtime.held_sessions().count, full.runtime.held_sessions().bytes), (0, 0));
}
