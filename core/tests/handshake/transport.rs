//! A transport that fails, as the sans-IO face is told of it: a reset is no end, and what the peer said before it counts (I5).

use std::io::{Error as IoError, ErrorKind};

use crate::support::world::{BOTH, World, establish, exchange, host, identity};
use uptls::sans_io::{Established, Incoming};
use uptls::{Code, ConnectOptions, PolicySpec};
use uptls_testkit::{MemoryServer, Pki, San, Versions};

fn reset() -> IoError {
    ErrorKind::ConnectionReset.into()
}

/// A connection to an honest server, and the server.
fn connection(world: &World, versions: Versions) -> (Established, MemoryServer) {
    let mut server = MemoryServer::with_options(&world.server(versions));
    let connector = world.connector(world.spec());
    let mut established = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
    exchange(&mut established, &mut server).unwrap();
    (established, server)
}

#[test]
fn a_reset_within_the_handshake_is_told_from_an_end() {
    let world = World::new("transport");
    let connector = world.connector(world.spec());
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    let error = handshake.feed_error(&reset());
    assert_eq!(error.code(), Code::PeerReset);
    // The peer has said nothing: it cannot be about a client certificate.
    assert_eq!(error.to_string(), "the connection was reset before the peer said anything: connection reset");
    assert!(
        error.hint().contains("PROXY protocol") && !error.hint().contains("client certificate"),
        "{}",
        error.hint()
    );
    // Every later call says the same.
    assert_eq!(handshake.feed(b"x"), Err(error.clone()));
    assert_eq!(handshake.feed_eof(), Err(error.clone()));
    assert_eq!(handshake.finish().unwrap_err().error(), Some(&error));
    let mut ended = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    assert_eq!(ended.feed_eof().unwrap_err().code(), Code::PeerClosed);
    assert_eq!(ended.feed_error(&reset()).code(), Code::PeerClosed);
}

/// The peer is verified, but its transport is gone before we took note.
#[test]
fn a_handshake_that_is_done_does_not_survive_a_reset() {
    for versions in BOTH {
        let world = World::new("transport");
        let mut server = MemoryServer::with_options(&world.server(versions));
        let mut handshake = world.connector(world.spec()).begin(&host(), &ConnectOptions::default()).unwrap();
        crate::support::world::converse(&mut handshake, &mut server).unwrap();
        assert!(handshake.is_done());
        let error = handshake.feed_error(&reset());
        assert_eq!(error.code(), Code::PeerReset);
        assert!(error.hint().contains("client certificate"), "I5: {}", error.hint());
        assert!(!handshake.is_done());
        assert!(handshake.finish().is_err());
    }
}

#[test]
fn a_reset_after_data_is_told_from_a_truncation() {
    for versions in BOTH {
        let world = World::new("transport");
        for (resets, code) in [(true, Code::PeerReset), (false, Code::Truncated)] {
            let (mut established, mut server) = connection(&world, versions);
            server.write(b"half of");
            exchange(&mut established, &mut server).unwrap();
            if resets {
                assert_eq!(established.feed_error(&reset()).code(), Code::PeerReset);
            } else {
                established.feed_eof();
            }
            let mut buffer = [0; 64];
            assert_eq!(established.read(&mut buffer).unwrap(), Incoming::Data(7));
            assert_eq!(established.read(&mut buffer).unwrap_err().code(), code, "{versions:?}");
            assert_eq!(established.write(b"more").is_err(), resets);
        }
    }
}

/// H8: what was declared complete stays complete.
#[test]
fn a_reset_after_a_close_notify_takes_nothing_back() {
    for versions in BOTH {
        let world = World::new("transport");
        let (mut established, mut server) = connection(&world, versions);
        server.write(b"all of it");
        server.close();
        exchange(&mut established, &mut server).unwrap();
        assert_eq!(established.feed_error(&reset()).code(), Code::PeerReset, "for writers");
        assert_eq!(crate::support::world::read_all(&mut established).unwrap(), b"all of it");
        assert_eq!(established.read(&mut [0; 8]).unwrap(), Incoming::Closed);
        assert!(established.is_clean_eof() && established.error().is_none());
    }
}

/// I5: the reset of a peer that refused our certificate. What could still be read decides, and nothing else.
#[test]
fn an_alert_before_the_reset_is_the_reason() {
    let world = World::new("transport");
    let stranger = Pki::new("transport, another CA");
    let client = stranger.client(&[San::dns("gateway.example")]);
    let asking = world.server(Versions::Tls13).with_client_roots(&[&world.pki.root]);
    let without = world.connector(world.spec());
    let unwelcome = world.connector(PolicySpec { identity: identity(&stranger, &client), ..world.spec() });
    for (connector, code) in [(without, Code::IdentityRequired), (unwelcome, Code::IdentityRejected)] {
        for (reads, code) in [(true, code), (false, Code::PeerReset)] {
            let mut server = MemoryServer::with_options(&asking);
            let mut established = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
            let mut out = Vec::new();
            established.drain_to(&mut out);
            server.feed(&out).unwrap_err();
            if reads {
                assert_eq!(established.feed(&server.drain()).unwrap_err().code(), code);
            }
            assert_eq!(established.feed_error(&reset()).code(), code);
            assert_eq!(established.read(&mut [0; 8]).unwrap_err().code(), code);
        }
    }
}
