//! Client certificates: when ours is sent, when it is missed, and when it is refused (I4, I5).

use crate::support::world::{BOTH, Backend, World, establish, exchange, host, identity};
use uptls::sans_io::{Established, Incoming};
use uptls::{Code, ConnectOptions, Connector, Error, IdentityUse, MaterialErrorKind, PolicySpec, Problem};
use uptls_testkit::{MemoryServer, Pki, San, ServerOptions, Versions};

#[test]
fn an_identity_is_sent_when_asked_for() {
    for versions in BOTH {
        let world = World::new("mtls");
        let client = world.pki.client(&[San::dns("gateway.example")]);
        let with = world.connector(PolicySpec { identity: identity(&world.pki, &client), ..world.spec() });
        let without = world.connector(world.spec());
        let asking = world.server(versions).with_client_roots(&[&world.pki.root]);
        let optional = Backend::new(ServerOptions { client_auth_optional: true, ..asking.clone() });

        let sent = Backend::new(asking).visit(&with).unwrap();
        assert_eq!(sent.server.seen().unwrap().client_certificate.as_deref(), Some(client.der()));
        let evidence = sent.established.evidence();
        assert_eq!(format!("{:?}", evidence.identity), "Sent { acceptable_issuers: 1 }");
        assert!(!evidence.identity_unused);

        let empty = optional.visit(&without).unwrap();
        assert!(matches!(empty.established.evidence().identity, IdentityUse::RequestedNotSent { .. }));
        assert!(!empty.established.evidence().identity_unused, "there is none");

        let unasked = Backend::new(world.server(versions)).visit(&with).unwrap();
        assert_eq!(unasked.established.evidence().identity, IdentityUse::NotRequested);
        assert!(unasked.established.evidence().identity_unused);
    }
}

/// I5: TLS 1.3 peers say it after the handshake.
#[test]
fn a_missing_identity_is_told_from_a_refused_one() {
    for versions in BOTH {
        let world = World::new("mtls");
        let stranger = Pki::new("mtls, another CA");
        let client = stranger.client(&[San::dns("gateway.example")]);
        let asking = Backend::new(world.server(versions).with_client_roots(&[&world.pki.root]));
        let without = world.connector(world.spec());
        let unwelcome = world.connector(PolicySpec { identity: identity(&stranger, &client), ..world.spec() });
        for (connector, code) in [(without, Code::IdentityRequired), (unwelcome, Code::IdentityRejected)] {
            let error = match asking.visit(&connector) {
                Err(error) => error,
                Ok(_) => panic!("the peer took it"),
            };
            assert_eq!(error.code(), code, "{versions:?}: {error}");
        }
    }
}

/// I5: a server may lose its alert and close. Before the peer's data that tells of our identity, after it never.
#[test]
fn an_end_without_the_alert_tells_what_the_peer_had_asked_for() {
    for versions in BOTH {
        let world = World::new("mtls, no alert");
        let client = world.pki.client(&[San::dns("gateway.example")]);
        let options = world.server(versions).with_client_roots(&[&world.pki.root]);
        let asking = ServerOptions { client_auth_optional: true, ..options };
        let sends = world.connector(PolicySpec { identity: identity(&world.pki, &client), ..world.spec() });
        let without = world.connector(world.spec());
        for (connector, wanted) in [(&sends, "got ours"), (&without, "none was sent")] {
            let is_due = versions != Versions::Tls12;
            let mut closing = ended(connector, &asking, |_, _| ());
            let error = closing.read(&mut [0; 8]).unwrap_err();
            let code = if is_due { Code::PeerClosed } else { Code::Truncated };
            assert_eq!((error.code(), error.to_string().contains(wanted)), (code, is_due), "{versions:?}: {error}");
            assert!(closing.report().accepted(), "an end is no verdict");
            // The twins: the peer has spoken, or we have closed.
            let mut heard = ended(connector, &asking, |_, server| server.write(b"hello"));
            assert_eq!(heard.read(&mut [0; 8]).unwrap(), Incoming::Data(5));
            assert_eq!(heard.read(&mut [0; 8]).unwrap_err().code(), Code::Truncated, "{versions:?}");
            let mut left = ended(connector, &asking, |established, _| established.close_notify());
            assert_eq!(left.read(&mut [0; 8]).unwrap_err().code(), Code::Truncated, "{versions:?}");
        }
    }
}

/// A connection whose transport ends after `before`.
fn ended(
    connector: &Connector,
    options: &ServerOptions,
    before: impl FnOnce(&mut Established, &mut MemoryServer),
) -> Established {
    let mut server = MemoryServer::with_options(options);
    let mut established = establish(connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
    assert!(!established.evidence().resumed);
    before(&mut established, &mut server);
    exchange(&mut established, &mut server).unwrap();
    established.feed_eof();
    established
}

#[test]
fn an_expired_identity_fails_before_anything_is_sent() {
    let world = World::new("expired identity");
    let client = world.pki.client(&[San::dns("gateway.example")]);
    let connector = world.connector(PolicySpec { identity: identity(&world.pki, &client), ..world.spec() });
    world.clock.advance(61 * uptls_testkit::DAY);
    let error = connector.begin(&host(), &ConnectOptions::default()).unwrap_err();
    let Error::Policy(problems) = &error else { panic!("{error:?}") };
    let Some(Problem::Material(problem)) = problems.first() else { panic!("{problems:?}") };
    assert!(matches!(problem.kind, MaterialErrorKind::IdentityExpired { .. }));
    assert_eq!((error.code(), problem.source.as_str()), (Code::IdentityExpired, "inline"));
}

/// I5 holds for a connection that resumed one in which the identity was sent: the peer may look at it again.
#[test]
fn an_alert_after_a_resumed_handshake_is_about_the_identity_that_was_sent_before() {
    const BAD_CERTIFICATE: u8 = 42;
    let world = World::new("mtls resumed");
    let client = world.pki.client(&[San::dns("gateway.example")]);
    let connector = world.connector(PolicySpec { identity: identity(&world.pki, &client), ..world.spec() });
    let asking = world.server(Versions::Tls13).with_client_roots(&[&world.pki.root]);
    for (options, wanted) in [(asking, Code::IdentityRejected), (world.server(Versions::Tls13), Code::RemoteAlert)] {
        let backend = Backend::new(options);
        assert!(!backend.visit(&connector).unwrap().resumed());
        let mut server = backend.accept();
        let mut established = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
        exchange(&mut established, &mut server).unwrap();
        assert!(established.evidence().resumed, "{wanted}");
        let error = established.feed(&server.into_alert(BAD_CERTIFICATE)).unwrap_err();
        assert_eq!(error.code(), wanted, "{error}");
        assert!(error.to_string().contains("bad_certificate"), "{error}");
    }
}
