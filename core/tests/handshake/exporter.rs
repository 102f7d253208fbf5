//! Keying material for protocols over a connection: the server derives the same, and no other connection does.

use crate::support::world::{World, converse, host};
use uptls::sans_io::Established;
use uptls::{Code, ConnectOptions, Error};
use uptls_testkit::{MemoryServer, Versions};

fn connection(world: &World, versions: Versions) -> (Established, MemoryServer) {
    let connector = world.connector(world.spec());
    let mut server = MemoryServer::with_options(&world.server(versions));
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    converse(&mut handshake, &mut server).unwrap();
    (handshake.finish().unwrap(), server)
}

fn exported(established: &Established, label: &[u8], context: &[u8], length: usize) -> Result<Vec<u8>, Error> {
    let mut out = vec![0; length];
    established.export_keying_material(label, context, &mut out).map(|()| out)
}

#[test]
fn both_ends_derive_the_same() {
    let world = World::new("exporter");
    let (established, server) = connection(&world, Versions::Tls13);
    for (label, context, length) in
        [(&b"EXPORTER-Test"[..], &b""[..], 1), (b"EXPORTER-Test", b"context", 32), (&[b'x'; 249], b"", 8160)]
    {
        let ours = exported(&established, label, context, length).unwrap();
        assert_eq!(ours, server.export(label, context, length));
    }
    let binding = established.channel_binding().unwrap();
    assert_eq!(binding.to_vec(), server.export(b"EXPORTER-Channel-Binding", b"", 32));
    // The twins: another label, another context, another connection.
    let of = |label: &[u8], context: &[u8]| exported(&established, label, context, 32).unwrap();
    assert_ne!(of(b"EXPORTER-Test", b""), of(b"EXPORTER-Other", b""));
    assert_ne!(of(b"EXPORTER-Test", b""), of(b"EXPORTER-Test", b"context"));
    assert_ne!(binding, connection(&world, Versions::Tls13).0.channel_binding().unwrap());
}

#[test]
fn it_is_refused_where_it_means_nothing() {
    let world = World::new("exporter");
    let (established, _server) = connection(&world, Versions::Tls13);
    for (label, length) in [(&b""[..], 32), (&[b'x'; 250], 32), (b"EXPORTER-Test", 0), (b"EXPORTER-Test", 8161)] {
        let error = exported(&established, label, b"", length).unwrap_err();
        assert_eq!(error.code(), Code::Misuse, "{error}");
    }
    let (older, _server) = connection(&world, Versions::Tls12);
    assert_eq!(older.evidence().version.as_str(), "1.2");
    let error = older.channel_binding().unwrap_err();
    assert!(matches!(&error, Error::Misuse(misuse) if misuse.what.contains("minVersion")), "{error}");
}

/// The facts that a program logs of a peer and of the anchor that it trusted.
#[test]
fn leaf_and_anchor_have_names() {
    let world = World::new("exporter");
    let (established, _server) = connection(&world, Versions::Tls13);
    let peer = &established.evidence().peer;
    let (leaf, anchor) = (peer.leaf().unwrap(), peer.anchor().unwrap());
    assert_eq!(Some(leaf.sha256), peer.leaf_sha256());
    assert_eq!(leaf.subject, peer.chain()[0].subject);
    assert!(leaf.not_before < leaf.not_after && leaf.serial.len() % 2 == 0 && !leaf.serial.is_empty());
    assert!(leaf.serial.chars().all(|digit| digit.is_ascii_hexdigit()));
    assert_eq!(anchor.subject, anchor.issuer);
    assert_ne!(anchor.sha256, leaf.sha256);
    assert_eq!(world.pki.root.der(), *peer.verified_chain().unwrap().last().unwrap());
}
