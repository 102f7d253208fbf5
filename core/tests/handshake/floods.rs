//! Peers that send what TLS permits without end: nothing of it may be collected.

use crate::support::world::{World, host};
use rustls::ServerConnection;
use uptls::sans_io::Established;
use uptls::{Code, ConnectOptions, Connector, Error};
use uptls_testkit::{Sessions, Versions};

/// A verified connection and the other end of it.
fn pair(world: &World, connector: &Connector, tickets: usize) -> (Established, ServerConnection) {
    let mut config = rustls::ServerConfig::clone(&world.server(Versions::Tls13).config(&Sessions::new()));
    config.send_tls13_tickets = tickets;
    let mut server = ServerConnection::new(config.into()).unwrap();
    server.set_buffer_limit(None);
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    while !handshake.is_done() {
        let mut out = Vec::new();
        handshake.drain_to(&mut out);
        give(&mut server, &out);
        handshake.feed(&take(&mut server)).unwrap();
    }
    let mut established = handshake.finish().unwrap();
    let mut out = Vec::new();
    established.drain_to(&mut out);
    give(&mut server, &out);
    (established, server)
}

fn give(server: &mut ServerConnection, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        server.read_tls(&mut bytes).unwrap();
        server.process_new_packets().unwrap();
    }
}

fn take(server: &mut ServerConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while server.wants_write() {
        server.write_tls(&mut bytes).unwrap();
    }
    bytes
}

#[test]
fn key_updates_without_data_end_the_connection() {
    let world = World::new("key updates");
    let connector = world.connector(world.spec());
    let (mut established, mut server) = pair(&world, &connector, 0);
    let mut outcome = Ok(0);
    for _ in 0..100 {
        server.refresh_traffic_keys().unwrap();
        outcome = established.feed(&take(&mut server));
        if outcome.is_err() {
            break;
        }
        let mut answers = Vec::new();
        established.drain_to(&mut answers);
        assert!(answers.len() < 100, "one answer to all of them");
    }
    assert_eq!(outcome.as_ref().map_err(Error::code), Err(Code::PeerMisbehaved), "{outcome:?}");
}

#[test]
fn tickets_without_end_end_somewhere() {
    let world = World::new("tickets");
    let connector = world.connector(world.spec());
    let (mut established, mut server) = pair(&world, &connector, 100);
    let tickets = take(&mut server);
    assert_eq!(established.feed(&tickets).unwrap(), tickets.len());
    assert!(!established.wants_write());
    // Messages that straddle records are buffered by rustls, to 64 KiB.
    let (mut established, mut server) = pair(&world, &connector, 5000);
    let outcome = established.feed(&take(&mut server));
    assert_eq!(outcome.as_ref().map_err(Error::code), Err(Code::MessageTooLarge), "{outcome:?}");
    let hint = outcome.unwrap_err().hint();
    assert!(hint.contains("fewer session tickets") && !hint.contains("certificate"), "{hint}");
}
