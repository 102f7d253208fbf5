//! What a failed connection still knows of its peer: the verified chain, and what was negotiated.

use crate::support::world::{BOTH, Backend, World, converse, host, identity, trusting};
use uptls::danger::DangerPermission;
use uptls::{Code, ConnectOptions, Connector, Error, PolicyDraft, PolicySpec, UpstreamTlsPolicy};
use uptls_testkit::{MemoryServer, Pki, San, Versions};

/// The error of one visit.
fn refused(backend: &Backend, connector: &Connector) -> Error {
    match backend.visit(connector) {
        Err(error) => error,
        Ok(_) => panic!("the connection was made"),
    }
}

fn version(versions: Versions) -> &'static str {
    if versions == Versions::Tls12 { "1.2" } else { "1.3" }
}

fn presented(world: &World) -> [Vec<u8>; 2] {
    [world.leaf.der().to_vec(), world.pki.intermediate.der().to_vec()]
}

/// I5: in both versions the peer was verified before it judged us.
#[test]
fn a_peer_that_refuses_us_is_shown_with_its_chain() {
    for versions in BOTH {
        let world = World::new("facts");
        let stranger = Pki::new("facts, another CA");
        let client = stranger.client(&[San::dns("gateway.example")]);
        let asking = Backend::new(world.server(versions).with_client_roots(&[&world.pki.root]));
        let without = world.connector(world.spec());
        let unwelcome = world.connector(PolicySpec { identity: identity(&stranger, &client), ..world.spec() });
        for (connector, code) in [(without, Code::IdentityRequired), (unwelcome, Code::IdentityRejected)] {
            let error = refused(&asking, &connector);
            assert_eq!(error.code(), code, "{versions:?}: {error}");
            assert_eq!(error.chain(), presented(&world), "{versions:?} {code}");
            let tls = error.tls().unwrap();
            assert_eq!((tls.version.as_str(), tls.resumed), (version(versions), false));
            assert!(tls.cipher.starts_with("TLS_") && tls.group.is_some(), "{tls:?}");
            // The offline verdict on the same chain is the acceptance that went before.
            let chain: Vec<_> = error.chain().iter().map(|der| der.as_slice().into()).collect();
            assert!(connector.prepared().unwrap().report(&chain, Some(&host())).accepted());
            assert!(!format!("{error:?}").contains("48, 130"), "bytes of certificates are not for logs");
        }
    }
}

#[test]
fn a_refused_peer_is_shown_with_what_was_negotiated() {
    for versions in BOTH {
        let world = World::new("facts");
        let connector = world.connector(trusting(&Pki::new("facts, another CA")));
        let error = refused(&Backend::new(world.server(versions)), &connector);
        assert!(matches!(error, Error::Rejected(_)), "{error:?}");
        assert_eq!(error.chain(), presented(&world));
        assert_eq!(error.tls().unwrap().version, version(versions));
        // Offline nothing is negotiated.
        let chain: Vec<_> = error.chain().iter().map(|der| der.as_slice().into()).collect();
        let offline = connector.prepared().unwrap().verify(&chain, Some(&host())).unwrap_err();
        assert_eq!(Error::from(offline).tls(), None);
    }
}

/// A chain that was not verified is not shown as if it were.
#[test]
fn after_the_server_hello_alone_there_is_no_chain() {
    for versions in BOTH {
        let world = World::new("facts");
        let connector = world.connector(world.spec());
        let mut server = MemoryServer::with_options(&world.server(versions));
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        let mut hello = Vec::new();
        handshake.drain_to(&mut hello);
        server.feed(&hello).unwrap();
        let flight = server.drain();
        let first = 5 + usize::from(u16::from_be_bytes([flight[3], flight[4]]));
        // TLS 1.2 may have its certificate in the same record: the ServerHello alone is its first message.
        let hello = 5 + 4 + usize::from(u16::from_be_bytes([flight[7], flight[8]]));
        let mut only_hello = flight[..hello.min(first)].to_vec();
        let length = u16::try_from(only_hello.len() - 5).unwrap();
        only_hello[3..5].copy_from_slice(&length.to_be_bytes());
        handshake.feed(&only_hello).unwrap();
        let error = handshake.feed_eof().unwrap_err();
        assert_eq!(error.code(), Code::PeerClosed);
        assert!(error.chain().is_empty(), "{versions:?}");
        let tls = error.tls().unwrap();
        assert_eq!((tls.version.as_str(), tls.alpn.as_deref()), (version(versions), None));
    }
}

#[test]
fn before_the_server_hello_nothing_is_known() {
    let world = World::new("facts");
    let connector = world.connector(PolicySpec { versions: crate::support::world::only("1.3"), ..world.spec() });
    let mut server = MemoryServer::with_options(&world.server(Versions::Tls12));
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    let alert = converse(&mut handshake, &mut server).unwrap_err();
    let ended = connector.begin(&host(), &ConnectOptions::default()).unwrap().feed_eof().unwrap_err();
    for error in [alert, ended] {
        assert!(matches!(error, Error::Connect { known: None, .. }), "{error:?}");
        assert!(error.chain().is_empty() && error.tls().is_none());
    }
}

/// A resumed connection rests on the proof of the full one, and so does what is said when it fails.
#[test]
fn a_resumed_connection_that_fails_shows_the_chain_of_its_proof() {
    for versions in BOTH {
        let world = World::new("facts");
        let connector = world.connector(world.spec());
        let backend = Backend::new(world.server(versions));
        backend.visit(&connector).unwrap();
        let mut server = backend.accept();
        let mut established =
            crate::support::world::establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
        assert!(established.evidence().resumed, "{versions:?}");
        let error = established.feed(b"\x17\x03\x03\x00\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").unwrap_err();
        assert_eq!(error.chain(), presented(&world));
        assert!(error.tls().unwrap().resumed);
    }
}

/// Policies of equal content share a verifier, and each its own name.
#[test]
fn a_live_rejection_names_its_own_policy() {
    let world = World::new("facts");
    let backend = Backend::new(world.server(Versions::Both));
    let named = |name: &str| {
        let draft = PolicyDraft::new(trusting(&Pki::new("facts, another CA"))).with_name(name);
        let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap();
        Connector::new(&world.runtime, &policy).unwrap()
    };
    let connectors = ["one", "two"].map(named);
    let [one, two] = [0, 1].map(|index: usize| connectors[index].prepared().unwrap());
    assert_eq!(one.fingerprint(), two.fingerprint());
    // Both orders: which of them the shared verifier was made for, must not show.
    for index in [0, 1, 0] {
        let Error::Rejected(rejection) = refused(&backend, &connectors[index]) else { panic!("it was refused") };
        assert_eq!(rejection.policy.as_deref(), Some(["one", "two"][index]));
    }
}
