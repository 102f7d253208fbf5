//! H5 before anything is encrypted: the peer is told what is wrong with its bytes, once, and by every face.

use std::io;

use crate::support::alerts::{DECODE_ERROR, Peer, cases, records};
use crate::support::world::{World, converse, host};
use uptls::{Code, ConnectOptions};
use uptls_testkit::hostile::huge_chain;
use uptls_testkit::{MemoryServer, Versions};

#[test]
fn sans_io() {
    let world = World::new("alerts");
    let connector = world.connector(world.spec());
    for case in cases() {
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        let mut hello = Vec::new();
        handshake.drain_to(&mut hello);
        let outcome = handshake.feed(&case.bytes).and_then(|_| handshake.feed(b"\x16"));
        assert_eq!(outcome.map_err(|error| error.code()), Err(case.code), "{}", case.name);
        assert!(handshake.wants_write(), "{}", case.name);
        // A byte at a time is enough.
        let mut last = Vec::new();
        let mut byte = [0];
        while handshake.drain(&mut byte) == 1 {
            last.extend(byte);
        }
        assert_eq!(records(&last), [(21, vec![2, case.alert])], "{}", case.name);
        assert!(!handshake.wants_write());
    }
}

/// What is too large is said as it is: a chain cannot be blamed for a ServerHello, nor for the length of a record.
#[test]
fn what_is_too_large_is_named() {
    let world = World::new("alerts");
    let connector = world.connector(world.spec());
    let table = [
        (
            "a ServerHello of 16777215 bytes",
            "more than 65535 bytes before its ServerHello",
            "no ServerHello is so large",
        ),
        (
            "a ServerHello of 65000 bytes in records of one",
            "more than 65535 bytes before",
            "no ServerHello is so large",
        ),
        ("a record of 65535 bytes", "a record of more than 16384 bytes", "no TLS peer sends such a record"),
    ];
    for (name, what, hint) in table {
        let case = cases().into_iter().find(|case| case.name == name).expect(name);
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        let error = handshake.feed(&case.bytes).and_then(|_| handshake.feed(b"\x16")).unwrap_err();
        assert!(error.to_string().contains(what), "{name}: {error}");
        assert!(error.hint().contains(hint), "{name}: {}", error.hint());
    }
}

/// The ClientHello may still wait: it comes first.
#[test]
fn what_waits_is_not_lost() {
    let world = World::new("alerts");
    let connector = world.connector(world.spec());
    let case = cases().into_iter().find(|case| case.alert == DECODE_ERROR).unwrap();
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    handshake.feed(&case.bytes).unwrap_err();
    let mut out = Vec::new();
    handshake.drain_to(&mut out);
    let kinds: Vec<u8> = records(&out).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [22, 21]);
}

/// The certificates of TLS 1.2 are not encrypted; those of TLS 1.3 are, and rustls keeps the keys.
#[test]
fn a_chain_over_the_limit_is_answered() {
    for (versions, seen) in [(Versions::Tls12, "DecodeError"), (Versions::Tls13, "CloseNotify")] {
        let world = World::new("alerts");
        let connector = world.connector(world.spec());
        let mut server = MemoryServer::with_options(&huge_chain(world.server(versions), 400));
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        let error = converse(&mut handshake, &mut server).unwrap_err();
        assert_eq!(error.code(), Code::MessageTooLarge, "{error}");
        let said = format!("{:?}", server.feed(&[0]));
        assert!(said.contains(seen), "{versions:?}: {said}");
    }
}

/// Whatever is not the peer's fault is no alert before the ServerHello.
#[test]
fn an_end_is_not_answered() {
    let world = World::new("alerts");
    let connector = world.connector(world.spec());
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    for end in ["deadline", "end", "reset"] {
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        handshake.drain_to(&mut Vec::new());
        let error = match end {
            "deadline" => handshake.expire(),
            "end" => handshake.feed_eof().unwrap_err(),
            _ => handshake.feed_error(&reset),
        };
        assert!(!handshake.wants_write(), "{error}");
    }
}

#[test]
fn blocking() {
    let world = World::new("alerts");
    let connector = world.connector(world.spec());
    for case in cases() {
        let peer = Peer::start(case.bytes);
        let outcome = connector.connect_blocking(peer.address, &host(), &ConnectOptions::default());
        assert_eq!(outcome.map(|_| ()).map_err(|error| error.code()), Err(case.code), "{}", case.name);
        assert_eq!(peer.saw(), [(21, vec![2, case.alert])], "{}", case.name);
    }
}
