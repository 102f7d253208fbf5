//! What a connector says of its rotation: events, what reduces trust, what expires (R7, R8).

use std::fs;

use crate::support::rotation::{State, Stepper, client, named_in, tempdir};
use crate::support::world::{World, identity, policy, trusting};
use uptls::danger::DangerPermission;
use uptls::{
    Connector, ConnectorState, DangerDraft, Event, EventKind, ExpiryMark, MaterialDraft, OnInvalid, PolicyDraft,
    PolicySpec, ReasonDraft, RevocationDraft, SanDraft, SystemTrustDraft, TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{CrlTemplate, DAY, Key, NOW, Pki, Template, YEAR, crl_pem};

fn events(connector: &Connector) -> Vec<Event> {
    std::iter::from_fn(|| connector.next_event()).collect()
}

fn kinds(connector: &Connector) -> Vec<EventKind> {
    events(connector).into_iter().map(|event| event.kind).collect()
}

fn broken() -> PolicySpec {
    let mut spec = PolicySpec::default();
    spec.trust.bundles.push(MaterialDraft::file("/nonexistent/ca.crt"));
    spec
}

fn another_broken() -> PolicySpec {
    let mut spec = PolicySpec::default();
    spec.trust.bundles.push(MaterialDraft::pem("no certificate"));
    spec
}

#[test]
fn each_change_is_one_event_with_its_generation() {
    let world = World::new("events");
    let connector = world.connector(world.spec());
    assert_eq!(events(&connector), [], "the first generation is none");
    connector.update(&policy(world.spec())).unwrap();
    assert_eq!(events(&connector), [], "R5");

    world.clock.advance(7);
    let reason = connector.update(&policy(broken())).unwrap_err();
    connector.update(&policy(broken())).unwrap_err();
    let [event] = events(&connector).try_into().unwrap();
    assert_eq!((event.at, event.generation.number(), event.trust_reduced), (NOW + 7, 1, false));
    assert!(
        matches!(event.kind, EventKind::Degraded { reason: said, since, .. } if said == reason && since == NOW + 7)
    );

    // Another reason is news; since when is not.
    world.clock.advance(7);
    connector.update(&policy(another_broken())).unwrap_err();
    assert!(matches!(kinds(&connector).as_slice(), [EventKind::Degraded { since, .. }] if *since == NOW + 7));

    connector.update(&policy(world.spec())).unwrap();
    assert_eq!(kinds(&connector), [EventKind::Recovered]);
    // What narrows the negotiation may refuse a peer that was accepted (L18); a longer deadline does not.
    let slower = PolicySpec { handshake_timeout: Some("20s".to_owned()), ..world.spec() };
    for (spec, reduced) in [
        (slower.clone(), false),
        (PolicySpec { groups: vec!["X25519".to_owned()], ..slower.clone() }, true),
        (slower, false),
    ] {
        let generation = connector.update(&policy(spec));
        let [event] = events(&connector).try_into().unwrap();
        assert_eq!((event.kind, Ok(event.generation), event.trust_reduced), (EventKind::Updated, generation, reduced));
    }

    connector.withdraw();
    connector.withdraw();
    let [event] = events(&connector).try_into().unwrap();
    assert!(matches!(event.kind, EventKind::Withdrawn { reason: None, .. }) && event.trust_reduced);
    connector.update(&policy(world.spec())).unwrap();
    assert_eq!(kinds(&connector), [EventKind::Updated, EventKind::Recovered]);
}

#[test]
fn with_fail_closed_the_event_says_that_nothing_connects() {
    let world = World::new("closed events");
    let connector = Connector::with_on_invalid(&world.runtime, &policy(world.spec()), OnInvalid::FailClosed).unwrap();
    connector.update(&policy(broken())).unwrap_err();
    connector.update(&policy(broken())).unwrap_err();
    assert!(matches!(kinds(&connector).as_slice(), [EventKind::NotReady { .. }]));
    assert!(matches!(connector.state(), ConnectorState::NotReady { .. }));
    // What was trusted before the failure is compared with what is trusted after it.
    connector.update(&policy(trusting(&Pki::new("another")))).unwrap();
    let reduced: Vec<_> = events(&connector).into_iter().map(|event| (event.kind, event.trust_reduced)).collect();
    assert_eq!(reduced, [(EventKind::Updated, true), (EventKind::Recovered, false)]);
}

#[test]
fn nobody_has_to_take_events_and_what_is_lost_is_counted() {
    let world = World::new("lost");
    let connector = world.connector(world.spec());
    let other = Pki::new("the other");
    let mut both = world.spec();
    both.trust.bundles.push(MaterialDraft::pem(other.root.pem()));
    // The 1st of 41 events reduces trust, no other does: what the policy adds it never takes away.
    connector.update(&policy(both.clone())).unwrap();
    assert!(!connector.next_event().unwrap().trust_reduced);
    connector.update(&policy(world.spec())).unwrap();
    for round in 0..20 {
        connector.update(&policy(broken())).unwrap_err();
        connector.update(&policy(world.spec())).unwrap();
        assert_eq!(connector.lost_events(), if round < 16 { u64::from(round == 15) } else { 2 * (round - 15) + 1 });
    }
    let clone = connector.clone();
    let kept = events(&connector);
    assert_eq!((kept.len(), clone.lost_events(), clone.next_event()), (32, 9, None));
    let reduced: Vec<bool> = kept.iter().map(|event| event.trust_reduced).collect();
    assert!(reduced[0] && !reduced[1..].contains(&true), "the mark of the lost one goes over: {reduced:?}");
}

fn allowed(spec: PolicySpec) -> UpstreamTlsPolicy {
    UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Allowed).unwrap()
}

/// Whether `after` reduces what `before` accepted, by the event of the update.
fn reduces(world: &World, before: &PolicySpec, after: &PolicySpec) -> bool {
    let connector = Connector::new(&world.runtime, &allowed(before.clone())).unwrap();
    connector.update(&allowed(after.clone())).unwrap();
    let [event] = events(&connector).try_into().unwrap();
    assert_eq!(event.kind, EventKind::Updated);
    event.trust_reduced
}

/// Each pair grows one way and shrinks the other.
#[test]
fn trust_is_reduced_by_taking_away_and_not_by_adding() {
    let world = World::new("reduced");
    let other = Pki::new("the other");
    let base = world.spec();
    let with = |change: &dyn Fn(&mut PolicySpec)| {
        let mut spec = base.clone();
        change(&mut spec);
        spec
    };
    let names = |names: &[&str]| -> Vec<SanDraft> { names.iter().map(|name| SanDraft::dns(*name)).collect() };
    let pin = "11".repeat(32);
    let (one, two) = (format!("{}=", "A".repeat(43)), format!("{}=", "E".repeat(43)));
    let crl = |revoked: &[Vec<u8>], depth: &str, unknown: &str| {
        let list = CrlTemplate { revoked: revoked.to_vec(), ..CrlTemplate::new(&[]) };
        let crls = vec![MaterialDraft::pem(crl_pem(&list.issued_by(&world.pki.root)))];
        Some(RevocationDraft { crls, depth: Some(depth.to_owned()), unknown: Some(unknown.to_owned()) })
    };
    let reason = || Some(ReasonDraft { reason: "a test".to_owned() });
    let danger = |name| DangerDraft { accept_any_name: name, ..DangerDraft::default() };
    let pairs: Vec<(&str, PolicySpec, PolicySpec)> = vec![
        ("anchor", base.clone(), with(&|s| s.trust.bundles.push(MaterialDraft::pem(other.root.pem())))),
        ("roots", base.clone(), with(&|s| s.trust.system = SystemTrustDraft::Mozilla)),
        ("certificate pin", base.clone(), with(&|s| s.trust.pinned_certificates = vec![pin.clone()])),
        ("key pin", base.clone(), with(&|s| s.trust.pinned_keys = vec![one.clone()])),
        (
            "required key",
            with(&|s| s.spki_pins = vec![one.clone()]),
            with(&|s| s.spki_pins = vec![one.clone(), two.clone()]),
        ),
        ("any key", with(&|s| s.spki_pins = vec![one.clone()]), base.clone()),
        (
            "name",
            with(&|s| s.subject_alt_names = names(&["a.example"])),
            with(&|s| s.subject_alt_names = names(&["a.example", "b.example"])),
        ),
        ("list", with(&|s| s.revocation = crl(&[], "leaf", "deny")), base.clone()),
        (
            "depth",
            with(&|s| s.revocation = crl(&[], "chain", "deny")),
            with(&|s| s.revocation = crl(&[], "leaf", "deny")),
        ),
        (
            "unknown",
            with(&|s| s.revocation = crl(&[], "leaf", "deny")),
            with(&|s| s.revocation = crl(&[], "leaf", "allow")),
        ),
        ("any name", base.clone(), with(&|s| s.danger = danger(reason()))),
        ("identity", base.clone(), with(&|s| s.identity = identity(&world.pki, &world.pki.client(&[])))),
    ];
    for (what, less, more) in &pairs {
        assert!(!reduces(&world, less, more), "{what} added");
        assert!(reduces(&world, more, less), "{what} taken away");
    }
}

/// T9: the same of what vouches for SPIFFE IDs.
#[test]
fn trust_is_reduced_by_vouching_for_less() {
    let world = World::new("vouching");
    let of = |domains: &[&str], system: Option<&str>| {
        let mut spec = world.spec();
        let bundle = spec.trust.bundles[0].clone();
        spec.trust.bundles = domains.iter().map(|domain| bundle.clone().of_trust_domain(*domain)).collect();
        spec.trust.system = SystemTrustDraft::Mozilla;
        spec.trust.system_trust_domain = system.map(str::to_owned);
        spec
    };
    for (less, more) in [(of(&["a"], None), of(&["a", "b"], None)), (of(&["a"], None), of(&["a"], Some("a")))] {
        assert!(!reduces(&world, &less, &more));
        assert!(reduces(&world, &more, &less));
    }
    let (one, two) = (of(&["a"], Some("a")), of(&["a"], Some("b")));
    assert!(reduces(&world, &one, &two) && reduces(&world, &two, &one));
}

/// What is another thing reduces both ways.
#[test]
fn trust_is_reduced_by_an_exchange() {
    let world = World::new("exchanged");
    let named = |name: &str| PolicySpec { server_name: Some(name.to_owned()), ..world.spec() };
    let known_as = |seed: &str| {
        let client = world.pki.issue(&Template { common_name: Some(seed.to_owned()), ..Template::leaf("client") });
        PolicySpec { identity: identity(&world.pki, &client), ..world.spec() }
    };
    let by_names = |name: &str| PolicySpec { subject_alt_names: vec![SanDraft::dns(name)], ..world.spec() };
    for (index, (one, two)) in [
        (world.spec(), trusting(&Pki::new("another"))),
        (named("a.example"), named("b.example")),
        (known_as("one"), known_as("two")),
        (by_names("a.example"), by_names("b.example")),
        (world.spec(), by_names("a.example")),
    ]
    .iter()
    .enumerate()
    {
        assert!(reduces(&world, one, two) && reduces(&world, two, one), "pair {index}");
    }
}

/// D2 stands without any trust, and refuses no certificate that anchors accepted.
#[test]
fn a_weakening_that_comes_reduces_nothing_and_one_that_goes_does() {
    let world = World::new("weakened");
    let reason = Some(ReasonDraft { reason: "a test".to_owned() });
    let danger = DangerDraft { accept_any_certificate: reason, ..DangerDraft::default() };
    let any_certificate = PolicySpec { danger, trust: TrustDraft::default(), ..world.spec() };
    assert!(!reduces(&world, &world.spec(), &any_certificate));
    assert!(reduces(&world, &any_certificate, &world.spec()));
}

/// A CA list that is issued again, with nothing new in it, drains no pool.
#[test]
fn a_list_that_is_issued_again_reduces_nothing() {
    let world = World::new("issued again");
    let listing = |next_update: i64, revoked: &[Vec<u8>]| {
        let list = CrlTemplate { next_update: Some(next_update), revoked: revoked.to_vec(), ..CrlTemplate::new(&[]) };
        let crls = vec![MaterialDraft::pem(crl_pem(&list.issued_by(&world.pki.root)))];
        PolicySpec { revocation: Some(RevocationDraft { crls, ..RevocationDraft::default() }), ..world.spec() }
    };
    let today = listing(NOW + DAY, &[vec![1]]);
    assert!(!reduces(&world, &today, &listing(NOW + 2 * DAY, &[vec![1]])));
    assert!(reduces(&world, &today, &listing(NOW + 2 * DAY, &[vec![1], vec![2]])));
}

/// Every mark of the certificates in the connector's events.
fn marks(connector: &Connector) -> Vec<(String, ExpiryMark)> {
    let expiring = kinds(connector).into_iter().map(|kind| match kind {
        EventKind::Expiring(certificate) => (certificate.source, certificate.mark),
        other => panic!("{other:?}"),
    });
    expiring.collect()
}

#[test]
fn each_mark_of_a_lifetime_is_said_once_by_the_step_function() {
    let (world, folder) = (World::new("expiry"), tempdir());
    let ca = Template::ca("short").with_validity(NOW - DAY, NOW + 299 * DAY).self_signed(&Key::p256("short"));
    let client = client("short client", NOW, NOW + 10 * DAY);
    let state = State { ca: ca.pem(), certificate: client.pem(), key: client.key().pkcs8_pem() };
    state.write(folder.path());
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (anchor, own) = (format!("{} #1", path("ca.crt")), path("tls.crt"));
    let mut said = Vec::new();
    for day in 0..10 {
        for _ in 0..3 {
            stepper.step();
            said.extend(marks(&stepper.connector).into_iter().map(|(source, mark)| (day, source, mark)));
        }
        world.clock.advance(DAY);
    }
    // 10 days: 14 and 30 days are no marks of it. A third is left after 6 days and 16 hours.
    let of_own = [(3, ExpiryMark::Days(7)), (7, ExpiryMark::OneThird), (9, ExpiryMark::Days(1))];
    // A seventh (1 day 10 hours) and one day are passed between two looks: the nearer is said.
    assert_eq!(said, of_own.map(|(day, mark)| (day, own.clone(), mark)));

    // The identity is renewed; the anchor goes on, over 300 days.
    let renewed = crate::support::rotation::client("renewed", NOW, NOW + 10 * YEAR);
    State { certificate: renewed.pem(), key: renewed.key().pkcs8_pem(), ..state }.write(folder.path());
    stepper.step();
    assert_eq!(kinds(&stepper.connector), [EventKind::Updated]);
    said.clear();
    for day in 10..299 {
        stepper.step();
        said.extend(marks(&stepper.connector).into_iter().map(|(source, mark)| (day, source, mark)));
        world.clock.advance(DAY);
    }
    let of_anchor = [
        (199, ExpiryMark::OneThird),
        (257, ExpiryMark::OneSeventh),
        (269, ExpiryMark::Days(30)),
        (285, ExpiryMark::Days(14)),
        (292, ExpiryMark::Days(7)),
        (298, ExpiryMark::Days(1)),
    ];
    assert_eq!(said, of_anchor.map(|(day, mark)| (day, anchor.clone(), mark)));
}

/// R8, L17: the end is said as what it is, with its twin a second before.
#[test]
fn what_has_ended_is_said_to_have_ended() {
    let world = World::new("ended");
    let old = Template::ca("old").with_validity(NOW - YEAR, NOW + 20 * DAY).self_signed(&Key::p256("old"));
    let mut spec = world.spec();
    spec.trust.bundles.push(MaterialDraft::pem(old.pem()).named("old.pem"));
    let connector = world.connector(spec);
    world.clock.advance(20 * DAY);
    connector.check_expiry();
    assert_eq!(marks(&connector), [("old.pem #1".to_owned(), ExpiryMark::Days(1))]);
    world.clock.advance(1);
    connector.check_expiry();
    let [event] = events(&connector).try_into().unwrap();
    let EventKind::Expiring(certificate) = &event.kind else { panic!("{event:?}") };
    assert_eq!(certificate.mark, ExpiryMark::Ended);
    assert_eq!(certificate.to_string(), "old.pem #1 (CN=old) has ended at 2026-12-13T00:00:00Z");
    world.clock.advance(5 * DAY);
    connector.check_expiry();
    assert_eq!(events(&connector), [], "once");
}

#[test]
fn several_marks_at_once_are_one_event_and_a_clock_that_goes_back_says_nothing_again() {
    let world = World::new("late start");
    let expiring = Template::ca("old").with_validity(NOW - YEAR, NOW + 5 * DAY).self_signed(&Key::p256("old"));
    let mut spec = world.spec();
    spec.trust.bundles.push(MaterialDraft::pem(expiring.pem()).named("old.pem"));
    // The same certificate twice is one certificate.
    spec.trust.bundles.push(MaterialDraft::pem(expiring.pem()).named("copy.pem"));
    let connector = world.connector(spec.clone());
    connector.check_expiry();
    let [event] = events(&connector).try_into().unwrap();
    let EventKind::Expiring(certificate) = &event.kind else { panic!("{event:?}") };
    assert_eq!((certificate.mark, certificate.not_after), (ExpiryMark::Days(7), NOW + 5 * DAY));
    assert_eq!(certificate.source, "old.pem #1");
    assert_eq!(certificate.to_string(), "old.pem #1 (CN=old) ends at 2026-11-28T00:00:00Z: at most 7 days left");
    world.clock.advance(-20 * DAY);
    connector.check_expiry();
    world.clock.advance(20 * DAY);
    connector.check_expiry();
    assert_eq!(events(&connector), []);
    // Another generation with the same certificate says nothing again; a connector of its own does.
    connector.update(&policy(PolicySpec { groups: vec!["X25519".to_owned()], ..spec.clone() })).unwrap();
    connector.check_expiry();
    assert_eq!(kinds(&connector), [EventKind::Updated]);
    let other = world.connector(spec);
    other.check_expiry();
    assert_eq!(marks(&other).len(), 1);
}

#[test]
fn what_is_far_from_its_end_or_not_used_is_silent() {
    let world = World::new("far");
    let connector = world.connector(world.spec());
    connector.check_expiry();
    connector.withdraw();
    connector.next_event().unwrap();
    world.clock.advance(100 * YEAR);
    connector.check_expiry();
    assert_eq!(events(&connector), []);
}

/// The events of a rotation by files are those of a rotation by hand.
#[test]
fn files_that_lose_an_anchor_reduce_trust() {
    let (world, folder) = (World::new("files reduce"), tempdir());
    let other = Pki::new("the next CA");
    let one = State::new(&world.pki, "one");
    one.write(folder.path());
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    let reduced = |ca: String, stepper: &mut Stepper| {
        fs::write(folder.path().join("ca.crt"), ca).unwrap();
        stepper.step();
        let [event] = events(&stepper.connector).try_into().unwrap();
        event.trust_reduced
    };
    assert!(!reduced(format!("{}{}", one.ca, other.root.pem()), &mut stepper), "the overlap");
    assert!(reduced(other.root.pem(), &mut stepper), "its end");
}
