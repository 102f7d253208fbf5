//! Resumption (H6): within one fingerprint and one server name, and never past what the full handshake proved.

use crate::support::world::{BOTH, Backend, HOST, World, establish, exchange, host, identity, policy, trusting};
use uptls::{
    AlpnDraft, BackendHost, Code, ConnectOptions, Connector, IdentityUse, MaterialDraft, PolicySpec, PoolKey,
    RevocationDraft, SanDraft,
};
use uptls_testkit::{CrlTemplate, DAY, NOW, Pki, San, ServerOptions, Template, Versions, crl_pem};

const HOUR: i64 = 3600;
const MINUTE: i64 = 60;

#[test]
fn a_second_connection_resumes_in_both_versions() {
    for versions in BOTH {
        let world = World::new("resumes");
        let connector = world.connector(world.spec());
        let backend = Backend::new(world.server(versions));
        let first = backend.visit(&connector).unwrap();
        assert!(!first.resumed(), "{versions:?}");
        for _ in 0..10 {
            let again = backend.visit(&connector).unwrap();
            assert!(again.resumed(), "{versions:?}");
            let (one, two) = (first.established.evidence(), again.established.evidence());
            assert_eq!(one.peer.leaf_sha256(), two.peer.leaf_sha256());
            assert_eq!(two.peer.matched_name(), Some(format!("dns:{HOST}").as_str()));
            assert_eq!((one.fingerprint, one.generation), (two.fingerprint, two.generation));
        }
    }
}

#[test]
fn a_policy_without_resumption_never_resumes() {
    for versions in BOTH {
        let world = World::new("disabled");
        let connector = world.connector(PolicySpec { resumption: Some(false), ..world.spec() });
        let backend = Backend::new(world.server(versions));
        for _ in 0..3 {
            assert!(!backend.visit(&connector).unwrap().resumed());
        }
    }
}

/// Mutation: with `SessionHandle::commit` moved before the ALPN check in `Driver::complete` (or with inserts that do not
/// stage) the last visit resumes, and this fails.
#[test]
fn a_connection_that_fails_after_its_session_arrived_leaves_none() {
    let world = World::new("staged");
    let alpn = AlpnDraft { protocols: vec!["h2".to_owned()], required: true };
    let connector = world.connector(PolicySpec { alpn, ..world.spec() });
    // TLS 1.2 sends its ticket within the handshake.
    let mut backend = Backend::new(world.server(Versions::Tls12));
    let refused = backend.visit(&connector).err().unwrap();
    assert_eq!(refused.code(), Code::AlpnMismatch);
    backend.options.alpn = vec![b"h2"];
    assert!(!backend.visit(&connector).unwrap().resumed());
    assert!(backend.visit(&connector).unwrap().resumed());
}

#[test]
fn a_refused_peer_leaves_no_session() {
    for versions in BOTH {
        let world = World::new("refused");
        let other = Pki::new("refused, another CA");
        let connector = world.connector(world.spec());
        let impostor = other.leaf(&[San::dns(HOST)]);
        let mut backend =
            Backend::new(ServerOptions { versions, ..ServerOptions::new(&[&impostor, &other.intermediate]) });
        assert!(backend.visit(&connector).is_err());
        backend.options = world.server(versions);
        assert!(!backend.visit(&connector).unwrap().resumed());
    }
}

/// The update that must not resume: each case is a policy under which the peer's session was valid before.
///
/// Mutations, made together because each fence holds alone: `SessionKey` without the fingerprint, `connection_config` with
/// one process-wide verifier and resolver that delegate to the policy's (the hot-reloading verifier that rustls's check of
/// `Arc`s cannot see), and `Connector::update` without `forget_sessions`. Then every case below resumes and fails.
#[test]
fn a_session_does_not_survive_a_change_of_trust() {
    for versions in BOTH {
        let world = World::new("fence");
        let connector = world.connector(world.spec());
        let backend = Backend::new(world.server(versions));
        backend.visit(&connector).unwrap();
        assert!(backend.visit(&connector).unwrap().resumed());
        connector.update(&policy(trusting(&Pki::new("fence, the new CA")))).unwrap();
        let refused = backend.visit(&connector).err().expect("the old CA is not trusted any more");
        assert_eq!(refused.code().category(), uptls::Category::Chain);
    }
}

/// Mutations as above.
#[test]
fn a_session_does_not_survive_a_change_of_names() {
    for versions in BOTH {
        let world = World::new("fence");
        let connector = world.connector(world.spec());
        let backend = Backend::new(world.server(versions));
        backend.visit(&connector).unwrap();
        let subject_alt_names = vec![SanDraft::dns("other.example")];
        connector.update(&policy(PolicySpec { subject_alt_names, ..world.spec() })).unwrap();
        let refused = backend.visit(&connector).err().expect("the name is not the wanted one any more");
        assert_eq!(refused.code(), Code::NameMismatch);
    }
}

/// Mutations as above.
#[test]
fn a_session_does_not_survive_a_change_of_identity() {
    for versions in BOTH {
        let world = World::new("fence");
        let (old, new) = (world.pki.client(&[San::dns("old")]), world.pki.client(&[San::dns("new")]));
        let connector = world.connector(PolicySpec { identity: identity(&world.pki, &old), ..world.spec() });
        let backend = Backend::new(world.server(versions).with_client_roots(&[&world.pki.root]));
        let first = backend.visit(&connector).unwrap();
        assert_eq!(first.server.seen().unwrap().client_certificate.as_deref(), Some(old.der()));
        let again = backend.visit(&connector).unwrap();
        assert!(again.resumed());
        // I5: a resumed session has the identity of its full handshake.
        assert!(matches!(again.established.evidence().identity, IdentityUse::Sent { .. }));
        connector.update(&policy(PolicySpec { identity: identity(&world.pki, &new), ..world.spec() })).unwrap();
        let after = backend.visit(&connector).unwrap();
        assert!(!after.resumed());
        assert_eq!(after.server.seen().unwrap().client_certificate.as_deref(), Some(new.der()));
    }
}

fn key(connector: &Connector, host: &BackendHost) -> PoolKey {
    connector.bind(host, &ConnectOptions::default()).unwrap().pool_key().clone()
}

/// Mutation: with `SessionKey` without the fingerprint, one policy takes the tickets of the other; rustls refuses them, and
/// the third round is full.
#[test]
fn two_policies_for_one_name_keep_their_own_sessions() {
    for versions in BOTH {
        let world = World::new("two policies");
        let one = world.connector(world.spec());
        let two = world.connector(PolicySpec { subject_alt_names: vec![SanDraft::dns(HOST)], ..world.spec() });
        let backend = Backend::new(world.server(versions));
        for resumed in [false, true, true] {
            assert_eq!(backend.visit(&one).unwrap().resumed(), resumed, "{versions:?}");
            assert_eq!(backend.visit(&two).unwrap().resumed(), resumed, "{versions:?}");
        }
        assert_ne!(key(&one, &host()), key(&two, &host()));
    }
}

/// Mutation: with `SessionKey` without the server name, the client offers the session of the other name.
#[test]
fn two_names_keep_their_own_sessions() {
    for versions in BOTH {
        let world = World::new("two names");
        let leaf = world.pki.leaf(&[San::dns("a.example"), San::dns("b.example")]);
        let options = ServerOptions { versions, ..ServerOptions::new(&[&leaf, &world.pki.intermediate]) };
        let (connector, backend) = (world.connector(world.spec()), Backend::new(options));
        let [a, b] = ["a.example", "b.example"].map(|name| BackendHost::parse(name).unwrap());
        for resumed in [false, true, true] {
            for name in [&a, &b] {
                let visit = backend.visit_as(&connector, name, &ConnectOptions::default()).unwrap();
                assert_eq!(visit.resumed(), resumed, "{name} {versions:?}");
            }
        }
        assert_ne!(key(&connector, &a), key(&connector, &b));
        assert_eq!(key(&connector, &a), key(&connector.clone(), &a));
    }
}

#[test]
fn pods_behind_one_server_name_share_sessions() {
    let world = World::new("pods");
    let connector = world.connector(PolicySpec { server_name: Some(HOST.to_owned()), ..world.spec() });
    let backend = Backend::new(world.server(Versions::Tls13));
    for (pod, resumed) in [("10.0.0.1", false), ("10.0.0.2", true)] {
        let pod = BackendHost::parse(pod).unwrap();
        let visit = backend.visit_as(&connector, &pod, &ConnectOptions::default()).unwrap();
        assert_eq!(visit.resumed(), resumed);
        assert_eq!(visit.server.seen().unwrap().sni.as_deref(), Some(HOST));
    }
}

/// Mutation: with `usable_until: i64::MAX` in `Driver::prove` the expired peer is resumed.
#[test]
fn a_session_ends_with_the_certificate() {
    for versions in BOTH {
        let world = World::new("short leaf");
        let template = Template::leaf("short").with_sans(&[San::dns(HOST)]).with_validity(NOW - DAY, NOW + HOUR);
        let leaf = world.pki.issue(&template);
        let options = ServerOptions { versions, ..ServerOptions::new(&[&leaf, &world.pki.intermediate]) };
        let (connector, backend) = (world.connector(world.spec()), Backend::new(options));
        assert!(!backend.visit(&connector).unwrap().resumed());
        world.clock.advance(50 * MINUTE);
        // The ticket of this connection inherits the bound.
        assert!(backend.visit(&connector).unwrap().resumed());
        world.clock.advance(20 * MINUTE);
        assert_eq!(backend.visit(&connector).err().unwrap().code(), Code::CertExpired, "{versions:?}");
    }
}

#[test]
fn a_session_ends_with_the_revocation_list() {
    let world = World::new("short list");
    let list = CrlTemplate { next_update: Some(NOW + HOUR), ..CrlTemplate::new(&[]) };
    let crl = list.issued_by(&world.pki.intermediate);
    let revocation = RevocationDraft {
        crls: vec![MaterialDraft::pem(crl_pem(&crl))],
        depth: Some("leaf".to_owned()),
        unknown: None,
    };
    let connector = world.connector(PolicySpec { revocation: Some(revocation), ..world.spec() });
    let backend = Backend::new(world.server(Versions::Tls13));
    assert!(!backend.visit(&connector).unwrap().resumed());
    assert!(backend.visit(&connector).unwrap().resumed());
    world.clock.advance(2 * HOUR);
    assert_eq!(backend.visit(&connector).err().unwrap().code(), Code::CrlExpired);
}

/// rustls stores TLS 1.2 sessions without a ticket for ever, and anew after each resumption.
///
/// Mutations: without `TLS12_LIFETIME` in `Stored::new_tls12`, or with a proof of its own (`proven_at` of now) for a resumed
/// connection in `Driver::complete`, the last visit resumes.
#[test]
fn a_session_of_tls_1_2_ends_after_a_day() {
    let world = World::new("a day");
    let connector = world.connector(world.spec());
    let backend = Backend::new(world.server(Versions::Tls12));
    assert!(!backend.visit(&connector).unwrap().resumed());
    for _ in 0..2 {
        world.clock.advance(11 * HOUR);
        assert!(backend.visit(&connector).unwrap().resumed());
    }
    world.clock.advance(3 * HOUR);
    assert!(!backend.visit(&connector).unwrap().resumed());
}

#[test]
fn equal_content_goes_on_resuming() {
    for versions in BOTH {
        let world = World::new("equal");
        let connector = world.connector(world.spec());
        let backend = Backend::new(world.server(versions));
        backend.visit(&connector).unwrap();
        let before = connector.generation();
        assert_eq!(connector.update(&policy(world.spec())), Ok(before), "R5");
        assert!(backend.visit(&connector).unwrap().resumed(), "R9");
        // A second connector for the same content has the same sessions.
        let twin = Connector::new(&world.runtime, &policy(world.spec())).unwrap();
        assert!(backend.visit(&twin).unwrap().resumed(), "R9");
    }
}

/// A peer that cannot stand the session it is offered must not be offered it for ever.
///
/// Mutation: without the discarding in `Driver::fail` TLS 1.2 resumes.
#[test]
fn a_session_that_was_offered_to_a_peer_that_hung_up_is_dropped() {
    for versions in BOTH {
        let world = World::new("hung up");
        let connector = world.connector(world.spec());
        let backend = Backend::new(world.server(versions));
        backend.visit(&connector).unwrap();
        assert!(backend.visit(&connector).unwrap().resumed());
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        assert_eq!(handshake.feed_eof().unwrap_err().code(), Code::PeerClosed);
        assert!(!backend.visit(&connector).unwrap().resumed(), "{versions:?}");
    }
}

/// RFC 5246 section 7.2.2; a connection that merely ends is another matter.
#[test]
fn a_fatal_end_drops_sessions_and_a_lost_transport_does_not() {
    for versions in BOTH {
        let world = World::new("fatal");
        let connector = world.connector(world.spec());
        let backend = Backend::new(world.server(versions));
        backend.visit(&connector).unwrap().established.feed_eof();
        let mut visit = backend.visit(&connector).unwrap();
        assert!(visit.resumed());
        visit.established.feed_eof();
        let mut server = backend.accept();
        let mut open = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
        exchange(&mut open, &mut server).unwrap();
        open.feed_eof();
        assert_eq!(open.read(&mut [0]).unwrap_err().code(), Code::Truncated);
        assert!(backend.visit(&connector).unwrap().resumed());
        let mut server = backend.accept();
        let mut open = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
        exchange(&mut open, &mut server).unwrap();
        open.feed(b"\x17\x03\x03\x00\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").unwrap_err();
        assert!(!backend.visit(&connector).unwrap().resumed());
    }
}

/// A proof has a beginning: a clock that goes back before it ends the session, and a fresh handshake says why (L8, H6).
#[test]
fn a_clock_that_goes_back_before_the_proof_resumes_nothing() {
    for versions in BOTH {
        let world = World::new("clock back");
        let connector = world.connector(world.spec());
        let backend = Backend::new(world.server(versions));
        backend.visit(&connector).unwrap();
        world.clock.advance(-DAY);
        assert!(backend.visit(&connector).unwrap().resumed(), "{versions:?}: the leaf was valid then, too");
        // Leaves are valid from 30 days before.
        world.clock.advance(-30 * DAY);
        assert_eq!(backend.visit(&connector).err().unwrap().code(), Code::CertNotYetValid, "{versions:?}");
    }
}

#[test]
fn withdrawal_drops_sessions() {
    let world = World::new("withdrawn");
    let connector = world.connector(world.spec());
    let backend = Backend::new(world.server(Versions::Tls13));
    backend.visit(&connector).unwrap();
    connector.withdraw();
    assert_eq!(backend.visit(&connector).err().unwrap().code(), Code::PolicyWithdrawn);
    connector.update(&policy(world.spec())).unwrap();
    assert!(!backend.visit(&connector).unwrap().resumed());
}

#[test]
fn a_store_without_room_holds_nothing() {
    let world = World::with_session_bytes("no room", 1000);
    let connector = world.connector(world.spec());
    for versions in BOTH {
        let backend = Backend::new(world.server(versions));
        for _ in 0..3 {
            assert!(!backend.visit(&connector).unwrap().resumed());
        }
    }
}
