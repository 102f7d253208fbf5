//! Handshakes in memory: what is proven, what is refused and with which alert, and how a connection ends.

use std::time::Duration;

use crate::support::world::{
    BOTH, Backend, HOST, World, converse, establish, exchange, host, only, policy, read_all, trusting,
};
use uptls::sans_io::{Established, Handshake, Incoming};
use uptls::{
    AlpnDraft, BackendHost, Code, ConnectError, ConnectOptions, Connector, Error, IdentityUse, PolicySpec, SanDraft,
    TlsVersion, VerifiedStream,
};
use uptls_testkit::{Key, MemoryServer, Pki, San, ServerOptions, Template, Versions};

#[test]
fn a_full_handshake_gives_evidence() {
    for (versions, version) in [(Versions::Tls12, TlsVersion::V1_2), (Versions::Tls13, TlsVersion::V1_3)] {
        let world = World::new("full");
        let connector = world.connector(world.spec());
        let visit = Backend::new(world.server(versions)).visit(&connector).unwrap();
        let evidence = visit.established.evidence();
        assert_eq!(evidence.version, version);
        assert!(evidence.cipher_suite.starts_with("TLS_"), "{}", evidence.cipher_suite);
        assert!(evidence.group.is_some() && !evidence.resumed && evidence.alpn.is_none());
        assert_eq!(evidence.server_name.as_deref(), Some(HOST));
        assert_eq!(evidence.peer.leaf_sha256(), Some(world.leaf.sha256()));
        let chain = evidence.peer.chain();
        assert_eq!(chain.len(), evidence.peer.chain_der().len());
        assert!(chain[0].sans.contains(&format!("dns:{HOST}")), "{chain:?}");
        assert!(chain.iter().all(|facts| facts.source == "peer"), "{chain:?}");
        assert_eq!((evidence.identity, evidence.identity_unused), (IdentityUse::NotRequested, false));
        assert_eq!(evidence.generation.number(), 1);
        assert!(connector.is_current(evidence));
        assert!(visit.established.is_clean_eof());
    }
}

#[test]
fn one_byte_at_a_time_is_enough() {
    for versions in BOTH {
        let world = World::new("bytes");
        let connector = world.connector(world.spec());
        let mut server = MemoryServer::with_options(&world.server(versions));
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        while !handshake.is_done() {
            let mut byte = [0];
            while handshake.drain(&mut byte) == 1 {
                server.feed(&byte).unwrap();
            }
            for byte in server.drain() {
                assert_eq!(handshake.feed(&[byte]).unwrap(), 1);
            }
        }
        let mut established = handshake.finish().unwrap();
        established.write(b"ping").unwrap();
        exchange(&mut established, &mut server).unwrap();
        assert_eq!(server.read(), b"ping");
    }
}

#[test]
fn a_refused_peer_gets_the_right_alert() {
    let pki = Pki::new("refused, another CA");
    let (impostor, misnamed) = (pki.leaf(&[San::dns(HOST)]), pki.leaf(&[San::dns("other.example")]));
    let cases = [
        (&impostor, Pki::new("refused"), Code::CertUnknownIssuer, "UnknownCA"),
        (&misnamed, pki.clone(), Code::NameMismatch, "BadCertificate"),
    ];
    for versions in BOTH {
        for (leaf, trusted, code, alert) in &cases {
            let world = World::new("refused");
            let connector = world.connector(trusting(trusted));
            let options = ServerOptions { versions, ..ServerOptions::new(&[leaf, &pki.intermediate]) };
            let mut server = MemoryServer::with_options(&options);
            let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
            let error = converse(&mut handshake, &mut server).unwrap_err();
            let Error::Rejected(rejection) = &error else { panic!("{error:?}") };
            assert_eq!(rejection.code().category(), code.category());
            assert_eq!(rejection.policy.as_deref(), Some("test"));
            assert_eq!(server.feed(b"").err(), None, "the alert was consumed");
            let seen = format!("{:?}", server.feed(&[0]));
            assert!(seen.contains(alert), "{code}: {seen}");
            // Every later call says the same, and no stream comes of it.
            assert_eq!(handshake.feed(b""), Err(error.clone()));
            assert_eq!(handshake.feed(b"x"), Err(error.clone()));
            assert_eq!(handshake.finish().unwrap_err().error(), Some(&error));
        }
    }
}

/// V7: the chain is good, but somebody else's key signs.
#[test]
fn a_peer_without_the_key_is_refused() {
    for versions in BOTH {
        let world = World::new("no key");
        let options = ServerOptions { key: Key::p256("somebody else").pkcs8_der(), ..world.server(versions) };
        let error = Backend::new(options).visit(&world.connector(world.spec())).err().unwrap();
        assert_eq!(error.code(), Code::CertBadSignature, "{versions:?}: {error}");
        assert!(matches!(error, Error::Rejected(rejection) if rejection.peer.is_some()));
    }
}

#[test]
fn server_names_follow_the_policy() {
    let world = World::new("names");
    let leaf = world.pki.leaf(&[San::dns(HOST), San::ip("10.0.0.7")]);
    let backend = Backend::new(ServerOptions::new(&[&leaf, &world.pki.intermediate]));
    let named = SanDraft::dns(HOST);
    let cases = [
        (None, HOST, Some(HOST)),
        (None, "10.0.0.7", None),
        (Some("none"), "anything.example", None),
        (Some("sni.example"), "10.0.0.9", Some("sni.example")),
    ];
    for (rule, host, sent) in cases {
        let subject_alt_names = if rule.is_some() { vec![named.clone()] } else { Vec::new() };
        let spec = PolicySpec { server_name: rule.map(str::to_owned), subject_alt_names, ..world.spec() };
        let connector = world.connector(spec);
        let host = BackendHost::parse(host).unwrap();
        let visit = backend.visit_as(&connector, &host, &ConnectOptions::default()).unwrap();
        assert_eq!(visit.server.seen().unwrap().sni.as_deref(), sent, "{rule:?} {host}");
        assert_eq!(visit.established.evidence().server_name.as_deref(), sent);
    }
}

#[test]
fn application_protocols_are_narrowed_never_widened() {
    let world = World::new("alpn");
    let protocols = vec!["h2".to_owned(), "http/1.1".to_owned()];
    let spec = PolicySpec { alpn: AlpnDraft { protocols, required: false }, ..world.spec() };
    let connector = world.connector(spec);
    let options = ServerOptions { alpn: vec![b"h2", b"http/1.1"], ..world.server(Versions::Both) };
    let backend = Backend::new(options);
    let cases = [
        (ConnectOptions::default(), Some("h2")),
        (ConnectOptions::default().with_alpn(["http/1.1"]), Some("http/1.1")),
        (ConnectOptions::default().with_alpn(["h2"]), Some("h2")),
        (ConnectOptions::default().with_alpn(Vec::<String>::new()), None),
    ];
    for (options, selected) in cases {
        let visit = backend.visit_as(&connector, &host(), &options).unwrap();
        assert_eq!(visit.established.evidence().alpn.as_deref(), selected);
        assert_eq!(visit.server.seen().unwrap().alpn.as_deref(), selected.map(str::as_bytes));
    }
    let widened = connector.begin(&host(), &ConnectOptions::default().with_alpn(["http/1.1", "spdy/3"])).unwrap_err();
    assert_eq!(widened.code(), Code::Misuse);
    assert!(widened.to_string().contains("spdy/3"), "{widened}");
}

#[test]
fn a_required_protocol_must_be_selected() {
    for versions in BOTH {
        let world = World::new("alpn");
        let alpn = AlpnDraft { protocols: vec!["h2".to_owned()], required: true };
        let connector = world.connector(PolicySpec { alpn, ..world.spec() });
        let silent = Backend::new(world.server(versions)).visit(&connector).err().unwrap();
        assert_eq!(silent.code(), Code::AlpnMismatch, "{versions:?}");
        // This one refuses by alert.
        let other = ServerOptions { alpn: vec![b"http/1.1"], ..world.server(versions) };
        let refusing = Backend::new(other).visit(&connector).err().unwrap();
        assert_eq!(refusing.code(), Code::AlpnMismatch, "{versions:?}");
        let none = ConnectOptions::default().with_alpn(Vec::<String>::new());
        assert_eq!(connector.begin(&host(), &none).unwrap_err().code(), Code::Misuse);
    }
}

#[test]
fn no_common_version_is_named_whoever_finds_it() {
    for (own, theirs) in [("1.3", Versions::Tls12), ("1.2", Versions::Tls13)] {
        let world = World::new("versions");
        let connector = world.connector(PolicySpec { versions: only(own), ..world.spec() });
        let error = Backend::new(world.server(theirs)).visit(&connector).err().unwrap();
        assert_eq!(error, ConnectError::NoCommonVersion { offered: vec![own.to_owned()] }.into());
    }
}

#[test]
fn other_protocols_are_recognised() {
    let world = World::new("not TLS");
    let connector = world.connector(world.spec());
    let cases: [(&[u8], Option<&str>); 6] = [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Some("HTTP")),
        (b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80", Some("HTTP")),
        (b"SSH-2.0-OpenSSH_9.6\r\n", Some("SSH")),
        (b"220 mail.example ESMTP\r\n", Some("SMTP")),
        (b"J\0\0\0\x0a8.0.36\0", Some("MySQL")),
        (b"\xff\xfe\xfd\xfc\xfb\xfa", None),
    ];
    for (bytes, wanted) in cases {
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        let error = handshake.feed(bytes).unwrap_err();
        let Error::Connect { error: ConnectError::PeerNotTls { first_bytes, looks_like }, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*looks_like, wanted);
        assert!(first_bytes.is_ascii() && !first_bytes.contains('\n'), "{first_bytes}");
    }
}

#[test]
fn damage_within_tls_is_the_peers_misbehaviour() {
    let world = World::new("damage");
    let connector = world.connector(world.spec());
    let cases: [(&[u8], Code); 5] = [
        (b"\x16\x03\x03\x00\x04\x02\x00\x00\x00", Code::PeerMisbehaved),
        (b"\x17\x03\x03\x00\x01x", Code::PeerMisbehaved),
        (b"\x16\x03\x03\xff\xff", Code::MessageTooLarge),
        (b"\x15\x03\x03\x00\x02\x02\x28", Code::NoCommonCipher),
        (b"\x15\x03\x03\x00\x02\x02\x50", Code::RemoteAlert),
    ];
    for (bytes, code) in cases {
        let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
        let error = handshake.feed(bytes).unwrap_err();
        assert_eq!(error.code(), code, "{bytes:x?}: {error:?}");
    }
}

#[test]
fn a_chain_over_the_limit_is_refused() {
    for versions in BOTH {
        let world = World::new("large");
        let extra: Vec<_> =
            (0..100).map(|n| world.pki.issue(&Template::ca(&format!("{n}{}", "x".repeat(500))))).collect();
        let mut chain = vec![&world.leaf, &world.pki.intermediate];
        chain.extend(&extra);
        let options = ServerOptions { versions, ..ServerOptions::new(&chain) };
        let error = Backend::new(options).visit(&world.connector(world.spec())).err().unwrap();
        assert_eq!(error.code(), Code::MessageTooLarge, "{versions:?}: {error}");
        assert!(error.to_string().contains("65535"), "{versions:?}: {error}");
        assert!(error.hint().contains("leaf and intermediates alone"), "{versions:?}: {}", error.hint());
        // Followed.
        let options = ServerOptions { versions, ..ServerOptions::new(&[&world.leaf, &world.pki.intermediate]) };
        assert_eq!(Backend::new(options).visit(&world.connector(world.spec())).err(), None, "{versions:?}");
    }
}

/// H8
#[test]
fn an_end_without_close_notify_is_truncation() {
    for versions in BOTH {
        let world = World::new("truncated");
        let connector = world.connector(world.spec());
        let mut server = MemoryServer::with_options(&world.server(versions));
        let mut established = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
        server.write(b"half of");
        exchange(&mut established, &mut server).unwrap();
        established.feed_eof();
        let mut buffer = [0; 64];
        assert_eq!(established.read(&mut []).unwrap(), Incoming::Data(0));
        assert_eq!(established.read(&mut buffer).unwrap(), Incoming::Data(7));
        assert_eq!(established.read(&mut buffer).unwrap_err().code(), Code::Truncated);
        assert!(!established.is_clean_eof());
    }
}

#[test]
fn a_close_notify_is_the_end() {
    let world = World::new("closed");
    let connector = world.connector(world.spec());
    let mut server = MemoryServer::with_options(&world.server(Versions::Tls13));
    let mut established = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
    exchange(&mut established, &mut server).unwrap();
    assert_eq!(established.read(&mut [0; 8]).unwrap(), Incoming::WantRead);
    server.write(b"all of it");
    server.close();
    exchange(&mut established, &mut server).unwrap();
    // What follows is ignored, and so is the end of the transport.
    assert_eq!(established.feed(b"garbage").unwrap(), 7);
    established.feed_eof();
    assert_eq!(read_all(&mut established).unwrap(), b"all of it");
    assert_eq!(established.read(&mut [0; 8]).unwrap(), Incoming::Closed);
    // Our half is still open.
    assert_eq!(established.write(b"thanks").unwrap(), 6);
    established.close_notify();
    assert_eq!(established.write(b"more").unwrap_err().code(), Code::Misuse);
    let mut last = Vec::new();
    established.drain_to(&mut last);
    server.feed(&last).unwrap();
    assert_eq!(server.read(), b"thanks");
}

#[test]
fn an_end_within_the_handshake_says_how_far_it_came() {
    let world = World::new("end");
    let connector = world.connector(world.spec());
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    let error = handshake.feed_eof().unwrap_err();
    assert_eq!(error.code(), Code::PeerClosed);
    assert!(error.to_string().contains("nothing was received"), "{error}");
}

/// H4
#[test]
fn a_deadline_that_has_passed_ends_the_handshake() {
    let world = World::new("deadline");
    let connector = world.connector(world.spec());
    let options = ConnectOptions::default().with_timeout(Duration::ZERO);
    let mut handshake = connector.begin(&host(), &options).unwrap();
    assert!(handshake.deadline().is_some());
    assert_eq!(handshake.feed(b"\x16").unwrap_err().code(), Code::HandshakeTimeout);
    let mut handshake = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    let error = handshake.expire();
    assert_eq!(error.to_string(), "no handshake within 10s; nothing was received");
    let endless = ConnectOptions::default().with_timeout(Duration::MAX);
    assert_eq!(connector.begin(&host(), &endless).unwrap().deadline(), None);
}

/// Decrypted data is bounded by what the caller reads.
#[test]
fn what_is_not_read_is_not_taken() {
    let world = World::new("backpressure");
    let connector = world.connector(world.spec());
    let mut server = MemoryServer::with_options(&world.server(Versions::Tls13));
    let mut established = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
    exchange(&mut established, &mut server).unwrap();
    server.write(&vec![7; 1 << 20]);
    let bytes = server.drain();
    let mut rest = bytes.as_slice();
    let taken = established.feed(rest).unwrap();
    assert!(taken < 1 << 16, "{taken}");
    assert!(!established.wants_read());
    rest = &rest[taken..];
    let mut read = read_all(&mut established).unwrap().len();
    loop {
        let taken = established.feed(rest).unwrap();
        rest = &rest[taken..];
        read += read_all(&mut established).unwrap().len();
        if rest.is_empty() && taken == 0 {
            break;
        }
    }
    assert_eq!(read, (1 << 20));
}

#[test]
fn a_policy_that_is_not_there_makes_no_connection() {
    let world = World::new("withdrawn");
    let connector = world.connector(world.spec());
    connector.withdraw();
    let error = connector.begin(&host(), &ConnectOptions::default()).unwrap_err();
    assert_eq!(
        (error.code(), error.to_string().as_str()),
        (Code::PolicyWithdrawn, "policy test: the policy was withdrawn")
    );
    let bound = connector.bind(&host(), &ConnectOptions::default());
    assert_eq!(bound.unwrap_err().code(), Code::PolicyWithdrawn);
    let republished = connector.update(&policy(world.spec())).unwrap();
    assert_eq!(republished.number(), 1, "R5: its connections are current again, too");
    assert!(connector.begin(&host(), &ConnectOptions::default()).is_ok());
}

/// An alert that comes with data: the data is given first, and the alert is not about our certificate any more (I5).
#[test]
fn data_before_a_fatal_alert_is_not_lost() {
    for versions in BOTH {
        let world = World::new("data and alert");
        let connector = world.connector(world.spec());
        let mut server = MemoryServer::with_options(&world.server(versions));
        let mut established = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
        exchange(&mut established, &mut server).unwrap();
        server.write(b"last words");
        server.feed(b"\x17\x03\x03\x00\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").unwrap_err();
        let error = established.feed(&server.drain()).unwrap_err();
        let alert = ConnectError::RemoteAlert { alert: "bad_record_mac".to_owned(), moment: uptls::AlertMoment::Later };
        assert!(matches!(&error, Error::Connect { error, .. } if *error == alert), "{error:?}");
        let mut buffer = [0; 4];
        assert_eq!(established.read(&mut buffer).unwrap(), Incoming::Data(4));
        assert_eq!(established.read(&mut [0; 64]).unwrap(), Incoming::Data(6));
        assert_eq!(established.read(&mut buffer), Err(error));
    }
}

/// With debug assertions rustls 0.23 panics when it has sent a close_notify and then has an alert to send.
#[test]
fn damage_after_our_close_notify_is_an_error() {
    for versions in BOTH {
        let world = World::new("late damage");
        let connector = world.connector(world.spec());
        let mut server = MemoryServer::with_options(&world.server(versions));
        let mut established = establish(&connector, &host(), &ConnectOptions::default(), &mut server).unwrap();
        exchange(&mut established, &mut server).unwrap();
        established.close_notify();
        let error = established.feed(b"\x17\x03\x03\x00\x20xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx").unwrap_err();
        assert_eq!(error.code(), if cfg!(debug_assertions) { Code::Internal } else { Code::PeerMisbehaved });
        assert_eq!(established.feed(b"x"), Err(error));
    }
}

#[test]
fn connections_move_between_threads() {
    fn movable<T: Send + Sync + 'static>() {}
    movable::<Connector>();
    movable::<Established>();
    movable::<Handshake>();
    movable::<VerifiedStream<std::net::TcpStream>>();
}
