//! R14: a shadow judges the same peers, and decides nothing.

use crate::support::world::{Backend, HOST, World, host, identity, only, policy};
use uptls::{
    AlpnDraft, AuditReport, BackendHost, Code, ConnectOptions, Connector, MaterialDraft, PolicySpec, RevocationDraft,
    SanDraft,
};
use uptls_testkit::{CrlTemplate, DAY, Pki, San, ServerOptions, Versions, crl_pem};

/// The policy of the world with one more condition.
fn naming(world: &World, name: &str) -> PolicySpec {
    let subject_alt_names = vec![SanDraft { dns: Some(name.to_owned()), ..SanDraft::default() }];
    PolicySpec { subject_alt_names, ..world.spec() }
}

fn audited(world: &World, shadow: PolicySpec) -> (Connector, Connector) {
    let (connector, shadow) = (world.connector(world.spec()), world.connector(shadow));
    connector.audit(&shadow).unwrap();
    (connector, shadow)
}

fn counts(report: &AuditReport) -> [u64; 5] {
    let AuditReport { accepted, accepted_by_shadow_alone, refused_by_both, unjudged, .. } = report;
    [*accepted, report.refusals(), *accepted_by_shadow_alone, *refused_by_both, *unjudged]
}

#[test]
fn a_stricter_shadow_is_counted_and_changes_nothing() {
    let world = World::new("audited stricter");
    let (connector, _shadow) = audited(&world, naming(&world, "other.example"));
    let backend = Backend::new(world.server(Versions::Both));
    let plain = world.connector(world.spec());
    for visit in 0..3 {
        let with = backend.visit(&connector).unwrap();
        let without = backend.visit(&plain).unwrap();
        assert_eq!(with.resumed(), visit > 0, "a shadow costs no session");
        let (with, without) = (with.established.evidence(), without.established.evidence());
        assert_eq!(with.fingerprint, without.fingerprint);
        assert_eq!(with.peer.matched_name(), without.peer.matched_name());
    }
    let report = connector.audit_report().unwrap();
    assert_eq!(counts(&report), [0, 3, 0, 0, 0]);
    assert_eq!(report.refused[&Code::NameMismatch], 3);
    let [sample] = report.samples.as_slice() else { panic!("{report:?}") };
    assert_eq!((sample.code, sample.count, sample.host.as_str()), (Code::NameMismatch, 3, HOST));
    assert_eq!(sample.expected, ["dns:other.example"]);
    assert_eq!(sample.presented, [format!("dns:{HOST}")]);
    assert!(sample.leaf_sha256.as_ref().unwrap().starts_with("sha256:"));
    let text = report.to_string();
    assert_eq!(
        text,
        "the shadow policy, which decides nothing, would have refused 3 of 3 connections (name_mismatch: 3)"
    );
    assert!(
        report.to_json().starts_with(r#"{"role":"shadow","policy":"test","state":"ready","generation":1,"since":"#)
    );
    assert!(plain.audit_report().is_none());
}

/// The twin: an equal policy has nothing to say.
#[test]
fn an_equal_shadow_refuses_nothing() {
    let world = World::new("audited equal");
    let (connector, _shadow) = audited(&world, world.spec());
    let backend = Backend::new(world.server(Versions::Both));
    backend.visit(&connector).unwrap();
    backend.visit(&connector).unwrap();
    let report = connector.audit_report().unwrap();
    assert_eq!(counts(&report), [2, 0, 0, 0, 0]);
    assert!(report.samples.is_empty() && report.unseen.is_empty());
}

#[test]
fn a_laxer_shadow_never_opens_a_connection() {
    let (world, other) = (World::new("audited laxer"), Pki::new("audited laxer other"));
    let mut both = world.spec();
    both.trust.bundles.push(MaterialDraft::pem(other.root.pem()));
    let (connector, _shadow) = audited(&world, both);
    let of_other = other.leaf(&[San::dns(HOST)]);
    let strange = Backend::new(ServerOptions::new(&[&of_other, &other.intermediate]));
    for _ in 0..2 {
        assert_eq!(strange.visit(&connector).err().unwrap().code(), Code::CertUnknownIssuer);
    }
    // Both refuse the wrong name.
    let stranger = BackendHost::parse("stranger.example").unwrap();
    let error = strange.visit_as(&connector, &stranger, &ConnectOptions::default()).err().unwrap();
    assert_eq!(error.code(), Code::CertUnknownIssuer);
    let report = connector.audit_report().unwrap();
    assert_eq!(counts(&report), [0, 0, 2, 1, 0]);
    assert!(report.samples.is_empty(), "samples are of connections that were made");
}

#[test]
fn a_shadow_follows_its_own_updates_and_the_clock() {
    let world = World::new("audited updates");
    let (connector, shadow) = audited(&world, world.spec());
    let backend = Backend::new(world.server(Versions::Both));
    backend.visit(&connector).unwrap();
    let list = |revoked: &[&uptls_testkit::Certificate], issuer| crl_pem(&CrlTemplate::new(revoked).issued_by(issuer));
    let crls =
        [list(&[&world.leaf], &world.pki.intermediate), list(&[], &world.pki.root)].map(MaterialDraft::pem).to_vec();
    let revocation = Some(RevocationDraft { crls, ..RevocationDraft::default() });
    shadow.update(&policy(PolicySpec { revocation, ..world.spec() })).unwrap();
    backend.visit(&connector).unwrap();
    let report = connector.audit_report().unwrap();
    assert_eq!((report.generation, counts(&report)), (2, [1, 1, 0, 0, 0]));
    assert_eq!(report.refused[&Code::CertRevoked], 1);
    // Time alone ends a proof that was remembered: the list is too old then.
    world.clock.advance(20 * DAY);
    let outcome = backend.visit(&connector);
    assert!(outcome.is_ok(), "{:?}", outcome.err());
    let report = connector.audit_report().unwrap();
    assert_eq!(report.refusals(), 2);
    shadow.update(&policy(world.spec())).unwrap();
    backend.visit(&connector).unwrap();
    assert_eq!(counts(&connector.audit_report().unwrap()), [2, 2, 0, 0, 0]);
}

#[test]
fn a_shadow_without_a_policy_judges_nothing() {
    let world = World::new("audited withdrawn");
    let (connector, shadow) = audited(&world, naming(&world, "other.example"));
    let backend = Backend::new(world.server(Versions::Both));
    shadow.withdraw();
    backend.visit(&connector).unwrap();
    let report = connector.audit_report().unwrap();
    assert_eq!((report.state, counts(&report)), ("withdrawn", [0, 0, 0, 0, 1]));
    // The twin: a published one does, from the next connection on.
    shadow.update(&policy(naming(&world, "other.example"))).unwrap();
    backend.visit(&connector).unwrap();
    assert_eq!(counts(&connector.audit_report().unwrap()), [0, 1, 0, 0, 1]);
}

#[test]
fn a_refused_or_withdrawn_connector_is_not_opened_by_its_shadow() {
    let world = World::new("audited stopped");
    let (connector, shadow) = audited(&world, world.spec());
    connector.withdraw();
    let backend = Backend::new(world.server(Versions::Both));
    assert_eq!(backend.visit(&connector).err().unwrap().code(), Code::PolicyWithdrawn);
    assert_eq!(counts(&connector.audit_report().unwrap()), [0; 5]);
    backend.visit(&shadow).unwrap();
}

#[test]
fn an_audit_ends_and_begins_anew() {
    let world = World::new("audited anew");
    let (connector, shadow) = audited(&world, naming(&world, "other.example"));
    let backend = Backend::new(world.server(Versions::Both));
    // A connection keeps the shadow that it began with.
    let begun = connector.begin(&host(), &ConnectOptions::default()).unwrap();
    connector.end_audit();
    backend.finish(begun).unwrap();
    backend.visit(&connector).unwrap();
    assert!(connector.audit_report().is_none());
    connector.audit(&shadow).unwrap();
    assert_eq!(counts(&connector.audit_report().unwrap()), [0; 5]);
    backend.visit(&connector).unwrap();
    assert_eq!(counts(&connector.audit_report().unwrap()), [0, 1, 0, 0, 0]);
}

#[test]
fn connectors_never_hold_each_other() {
    let world = World::new("audited circle");
    let (connector, shadow) = audited(&world, world.spec());
    let own = connector.audit(&connector.clone()).unwrap_err();
    assert_eq!(own.code(), Code::Misuse);
    assert!(own.to_string().contains("its own shadow"), "{own}");
    assert_eq!(shadow.audit(&connector).unwrap_err().code(), Code::Misuse);
    // What failed changed nothing, and the twin is allowed.
    assert!(connector.audit_report().is_some() && shadow.audit_report().is_none());
    connector.end_audit();
    shadow.audit(&connector).unwrap();
}

#[test]
fn samples_are_bounded_and_the_newest_stay() {
    let world = World::new("audited samples");
    let leaf = world.pki.leaf(&[San::dns("*.sample.example")]);
    let (connector, _shadow) = audited(&world, naming(&world, "other.internal"));
    let backend = Backend::new(ServerOptions::new(&[&leaf, &world.pki.intermediate]));
    for index in 0..40 {
        let host = BackendHost::parse(&format!("host{index}.sample.example")).unwrap();
        backend.visit_as(&connector, &host, &ConnectOptions::default()).unwrap();
    }
    let report = connector.audit_report().unwrap();
    assert_eq!((report.refusals(), report.samples.len(), report.lost_samples), (40, 32, 8));
    assert_eq!(report.samples[0].host, "host8.sample.example");
    assert_eq!(report.samples[31].host, "host39.sample.example");
}

#[test]
fn the_report_names_what_a_shadow_cannot_see() {
    let world = World::new("audited unseen");
    let mut shadow = world.spec();
    shadow.versions = only("1.3");
    shadow.alpn = AlpnDraft { protocols: vec!["h2".to_owned()], required: false };
    let client = world.pki.leaf(&[San::dns("client.example")]);
    shadow.identity = identity(&world.pki, &client);
    shadow.server_name = Some("other.example".to_owned());
    let (connector, _shadow) = audited(&world, shadow);
    // TLS 1.2 has been spoken, and the shadow, which wants 1.3, does not see it.
    Backend::new(world.server(Versions::Tls12)).visit(&connector).unwrap();
    let report = connector.audit_report().unwrap();
    assert_eq!(report.unseen, ["alpn", "identity", "server_name", "versions"]);
    assert_eq!(report.refused.keys().copied().collect::<Vec<_>>(), [Code::NameMismatch]);
}
