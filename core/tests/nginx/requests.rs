//! Requests to a real nginx: versions, protocols, client certificates, and its refusal with the alert that it logs.

use crate::support::nginx::{client, client_root, connect, get, identity, presenting};
use crate::support::world::{HOST, World, only, trusting};
use uptls::{AlpnDraft, Code, IdentityUse, PolicySpec, SanDraft};
use uptls_testkit::{DAY, Key, Nginx, NginxOptions, Pki, San, Template, Versions};

#[test]
fn a_get_is_answered_in_each_version() {
    let world = World::new("nginx");
    let connector = world.connector(world.spec());
    for (versions, wanted) in [(Versions::Tls12, "1.2"), (Versions::Tls13, "1.3"), (Versions::Both, "1.3")] {
        let Some(nginx) = Nginx::start(&presenting(&world, versions)) else { return };
        let answer = get(&connector, nginx.addr()).unwrap();
        assert_eq!((answer.status, answer.says("server_protocol")), (200, "HTTP/1.1"));
        assert_eq!(
            (answer.says("ssl_protocol"), answer.evidence.version.as_str()),
            (&*format!("TLSv{wanted}"), wanted)
        );
        assert_eq!((answer.says("ssl_server_name"), answer.evidence.server_name.as_deref()), (HOST, Some(HOST)));
        assert_eq!(answer.evidence.peer.leaf_sha256(), Some(world.leaf.sha256()));
        assert_eq!((answer.evidence.identity, answer.evidence.identity_unused), (IdentityUse::NotRequested, false));
    }
}

#[test]
fn a_version_that_only_one_side_has_is_no_common_one() {
    let world = World::new("nginx");
    for (theirs, ours) in [(Versions::Tls12, "1.3"), (Versions::Tls13, "1.2")] {
        let connector = world.connector(PolicySpec { versions: only(ours), ..world.spec() });
        let Some(nginx) = Nginx::start(&presenting(&world, theirs)) else { return };
        let error = connect(&connector, nginx.addr()).unwrap_err();
        assert_eq!(error.code(), Code::NoCommonVersion, "{theirs:?}: {error}");
    }
}

#[test]
fn the_protocol_is_negotiated() {
    let world = World::new("nginx");
    let (both, old) = (presenting(&world, Versions::Both), presenting(&world, Versions::Both));
    let Some(both) = Nginx::start(&both) else { return };
    let Some(old) = Nginx::start(&NginxOptions { h2: false, ..old }) else { return };
    let offering = |protocols: &[&str]| {
        let protocols = protocols.iter().map(|&protocol| protocol.to_owned()).collect();
        world.connector(PolicySpec { alpn: AlpnDraft { protocols, required: true }, ..world.spec() })
    };
    let (willing, modern) = (offering(&["h2", "http/1.1"]), offering(&["h2"]));
    for (connector, nginx, selected) in [(&willing, &both, "h2"), (&modern, &both, "h2"), (&willing, &old, "http/1.1")]
    {
        assert_eq!(connect(connector, nginx.addr()).unwrap().evidence().alpn.as_deref(), Some(selected));
    }
    let error = connect(&modern, old.addr()).unwrap_err();
    assert_eq!(error.code(), Code::AlpnMismatch, "{error}");
}

/// H5: nginx is told the reason, which its log has.
#[test]
fn a_refused_nginx_is_told_why() {
    let world = World::new("nginx");
    // The same name as the true root, and another key.
    let namesake = Template::ca("nginx root").self_signed(&Key::p256("another key"));
    let mut namesake_trusted = Pki::new("nginx");
    namesake_trusted.root = namesake;
    let elsewhere = PolicySpec { subject_alt_names: vec![SanDraft::dns("other.example")], ..world.spec() };
    let cases = [
        (trusting(&Pki::new("nginx, another CA")), Code::CertUnknownIssuer, 48),
        (trusting(&namesake_trusted), Code::CertIssuerKeyChanged, 48),
        (elsewhere, Code::NameMismatch, 42),
    ];
    for versions in crate::support::world::BOTH {
        for (spec, code, alert) in &cases {
            let Some(nginx) = Nginx::start(&presenting(&world, versions)) else { return };
            let error = connect(&world.connector(spec.clone()), nginx.addr()).unwrap_err();
            assert_eq!(error.code(), *code, "{error}");
            nginx.wait_for_log(&format!("SSL alert number {alert}"));
            // Its twin: the same nginx, and the policy that is right.
            assert_eq!(get(&world.connector(world.spec()), nginx.addr()).unwrap().status, 200);
        }
    }
}

#[test]
fn an_expired_certificate_and_a_missing_intermediate_are_refused() {
    let world = World::new("nginx");
    let connector = world.connector(world.spec());
    let Some(nginx) = Nginx::start(&presenting(&world, Versions::Both)) else { return };
    // It says where its issuer can be fetched: so the CA is a real one.
    let template =
        Template { aia_ca_issuers: Some("http://ca.example/intermediate.der".to_owned()), ..Template::leaf("pay") };
    let leaf = world.pki.issue(&template.with_sans(&[San::dns(HOST)]));
    let Some(short) = Nginx::start(&NginxOptions::new(&[&leaf])) else { return };
    let error = connect(&connector, short.addr()).unwrap_err();
    assert_eq!(error.code(), Code::CertMissingIntermediate, "{error}");
    short.reload(&NginxOptions::new(&[&leaf, &world.pki.intermediate]));
    assert_eq!(get(&connector, short.addr()).unwrap().status, 200);
    world.clock.advance(59 * DAY);
    assert_eq!(get(&connector, nginx.addr()).unwrap().status, 200);
    world.clock.advance(2 * DAY);
    let error = connect(&connector, nginx.addr()).unwrap_err();
    assert_eq!(error.code(), Code::CertExpired, "{error}");
    nginx.wait_for_log("SSL alert number 45");
}

/// I5: a client without a certificate that nginx accepts gets HTTP 400; for TLS that is a success.
#[test]
fn a_client_certificate_is_demanded() {
    let world = World::new("nginx");
    let (root, stranger) = (client_root("ours"), client_root("foreign"));
    let (ours, foreign) = (client("gateway", &root), client("stranger", &stranger));
    for versions in crate::support::world::BOTH {
        let options = presenting(&world, versions).with_client_roots(&[&root]);
        let Some(nginx) = Nginx::start(&options) else { return };
        let visit = |identity| get(&world.connector(PolicySpec { identity, ..world.spec() }), nginx.addr()).unwrap();

        let accepted = visit(identity(&ours));
        assert_eq!((accepted.status, accepted.says("ssl_client_verify")), (200, "SUCCESS"));
        assert_eq!(accepted.says("ssl_client_s_dn"), "CN=gateway");
        assert_eq!(format!("{:?}", accepted.evidence.identity), "Sent { acceptable_issuers: 1 }");

        let without = visit(None);
        assert_eq!(without.status, 400);
        assert!(without.body.contains("No required SSL certificate was sent"), "{}", without.body);
        assert_eq!(format!("{:?}", without.evidence.identity), "RequestedNotSent { acceptable_issuers: 1 }");
        assert!(!without.evidence.identity_unused, "there is none");

        let unwelcome = visit(identity(&foreign));
        assert_eq!(unwelcome.status, 400);
        assert!(unwelcome.body.contains("The SSL certificate error"), "{}", unwelcome.body);
        assert!(matches!(unwelcome.evidence.identity, IdentityUse::Sent { .. }));
    }
}

#[test]
fn an_identity_that_nginx_does_not_ask_for_is_reported() {
    let world = World::new("nginx");
    let ours = client("gateway", &client_root("ours"));
    let connector = world.connector(PolicySpec { identity: identity(&ours), ..world.spec() });
    for versions in crate::support::world::BOTH {
        let Some(nginx) = Nginx::start(&presenting(&world, versions)) else { return };
        let answer = get(&connector, nginx.addr()).unwrap();
        assert_eq!((answer.status, answer.says("ssl_client_verify")), (200, "NONE"));
        assert_eq!((answer.evidence.identity, answer.evidence.identity_unused), (IdentityUse::NotRequested, true));
    }
}
