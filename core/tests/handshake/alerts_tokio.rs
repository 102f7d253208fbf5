//! H5 before anything is encrypted, by the tokio face.

use crate::support::alerts::{Peer, cases};
use crate::support::world::{World, host};
use uptls::ConnectOptions;

#[tokio::test]
async fn tokio() {
    let world = World::new("alerts");
    let connector = world.connector(world.spec());
    for case in cases() {
        let peer = Peer::start(case.bytes);
        let outcome = connector.connect_async(peer.address, &host(), &ConnectOptions::default()).await;
        assert_eq!(outcome.map(|_| ()).map_err(|error| error.code()), Err(case.code), "{}", case.name);
        assert_eq!(peer.saw(), [(21, vec![2, case.alert])], "{}", case.name);
    }
}
