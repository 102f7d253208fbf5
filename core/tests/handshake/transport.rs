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

/// One record each, as a slow network brings them.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut records = Vec::new();
    while let [_, _, _, high, low, ..] = bytes {
        let (record, rest) = bytes.split_at(5 + usize::from(u16::from_be_bytes([*high, *low])));
        records.push(record);
        bytes = rest;
    }
    records
}

fn drained(handshake: &mut uptls::sans_io::Handshake) -> Vec<u8> {
    let mut out = Vec::new();
    handshake.drain_to(&mut out);
    out
}

/// Alone, the ChangeCipherSpec would be a packet of its own, for whose acknowledgement the Finished waits.
#[test]
fn our_last_flight_leaves_in_one_write() {
    for versions in BOTH {
        let world = World::new("transport");
        let mut server = MemoryServer::with_options(&world.server(versions));
        let mut handshake = world.connector(world.spec()).begin(&host(), &ConnectOptions::default()).unwrap();
        assert!(handshake.wants_write());
        server.feed(&drained(&mut handshake)).unwrap();
        let mut writes = Vec::new();
        while !handshake.is_done() {
            for record in records(&server.drain()) {
                handshake.feed(record).unwrap();
                let waits = handshake.wants_read() || handshake.wants_write();
                assert!(waits || handshake.is_done(), "an event loop would wait for nothing");
                if handshake.wants_write() {
                    writes.push(drained(&mut handshake));
                    server.feed(writes.last().unwrap()).unwrap();
                }
            }
        }
        let kinds: Vec<u8> = writes.iter().flat_map(|write| records(write)).map(|record| record[0]).collect();
        let (handshake, change_cipher_spec, encrypted) = (22, 20, 23);
        match versions {
            Versions::Tls12 => assert_eq!(kinds, [handshake, change_cipher_spec, handshake]),
            _ => assert_eq!(kinds, [change_cipher_spec, encrypted]),
        }
        assert_eq!(writes.len(), 1, "{versions:?}");
    }
}

/// The twins: what the peer waits for, and what it must hear, is not held back.
#[test]
fn a_second_client_hello_and_an_alert_leave_at_once() {
    let world = World::new("transport");
    let connector = world.connector(world.spec());
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    let hello = drained(&mut handshake);
    handshake.feed(&hello_retry_request(&hello)).unwrap();
    assert!(handshake.wants_write());
    let second = drained(&mut handshake);
    assert_eq!(records(&second).iter().map(|record| record[0]).collect::<Vec<_>>(), [20, 22]);

    let mut server = MemoryServer::with_options(&world.server(Versions::Tls13));
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    server.feed(&drained(&mut handshake)).unwrap();
    let flight = server.drain();
    handshake.feed(records(&flight)[0]).unwrap();
    assert!(!handshake.wants_write());
    handshake.feed(b"\x17\x03\x03\0\x11no record of TLS!").unwrap_err();
    assert!(handshake.wants_write());
    let last = drained(&mut handshake);
    assert_eq!(records(&last)[0][0], 20);
    assert!(server.feed(&last).unwrap_err().to_string().contains("BadRecordMac"));
}

/// A HelloRetryRequest (RFC 8446 section 4.1.4) for secp256r1, of which `hello` has no key.
fn hello_retry_request(hello: &[u8]) -> Vec<u8> {
    const RANDOM: &str = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";
    let session_id = &hello[44..44 + usize::from(hello[43])];
    let mut body = vec![3, 3];
    body.extend((0..RANDOM.len()).step_by(2).map(|at| u8::from_str_radix(&RANDOM[at..at + 2], 16).unwrap()));
    body.push(hello[43]);
    body.extend(session_id);
    // TLS_AES_128_GCM_SHA256; supported_versions: 1.3; key_share: secp256r1.
    body.extend([0x13, 1, 0, 0, 12, 0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 23]);
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, 3, 0, length + 4, 2, 0, 0, length][..], &body].concat()
}
