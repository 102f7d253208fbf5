//! L18: every closing is announced. If a generation refuses what the one before it accepted, its event says `trust_reduced`.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use uptls::danger::DangerPermission;
use uptls::{Connector, EventKind, OnInvalid, PolicyDraft, PolicySpec, Prepared, UpstreamTlsPolicy};

use crate::harness::{Kept, Told, run, search, worlds};
use crate::world::certificates::Id;
use crate::world::judge::{machine, verdict};
use crate::world::lists::List;
use crate::world::policies::{NATIVE, Peer, Policy, Revocation, Rule, any_policy};

/// A policy of the pool, and whom it accepts.
struct Member {
    policy: Policy,
    prepared: Arc<Prepared>,
    accepts: Vec<bool>,
}

/// Policies that load, on one machine: the plain ones with one change each first, then any.
static POOL: LazyLock<Vec<Member>> = LazyLock::new(|| {
    let mut runner = TestRunner::deterministic();
    let any = any_policy();
    let drawn = (0..DRAWN).map(|_| any.new_tree(&mut runner).expect("a policy").current());
    let drawn = drawn.map(|policy| Policy { native: policy.native.map(|_| MACHINE), ..policy });
    variants().into_iter().chain(drawn).filter_map(member).collect()
});

/// How many policies are drawn for the pool.
const DRAWN: usize = 220;
/// The machine that all of them are on: its store has the plain root.
const MACHINE: usize = 0;

fn member(policy: Policy) -> Option<Member> {
    let checked = UpstreamTlsPolicy::check(policy.draft(), DangerPermission::Allowed).ok()?;
    let prepared = machine(Some(MACHINE)).prepare(&checked).ok()?;
    let accepts = peers().iter().map(|peer| verdict(&prepared, peer).accepts()).collect();
    Some(Member { policy, prepared, accepts })
}

fn peers() -> Vec<Peer> {
    let peer = |leaf: &str, rest: &[&str]| {
        let rest = rest.iter().map(|label| Id::of(label)).collect();
        Peer { leaf: Id::of(leaf), rest, host: "a.test" }
    };
    let below =
        ["leaf", "leaf-A", "leaf-expired", "leaf-name", "leaf-usage", "leaf-key"].map(|leaf| peer(leaf, &["I"]));
    let others = [
        peer("leaf", &["I-by-S"]),
        peer("leaf", &["I-by-R2"]),
        peer("leaf", &["I-A"]),
        peer("leaf-2", &["I2"]),
        peer("leaf-R", &[]),
        peer("leaf-J", &["J", "I"]),
        peer("self", &[]),
        peer("self-expired", &[]),
    ];
    below.into_iter().chain(others).collect()
}

/// The plain policy, and with one change each.
fn variants() -> Vec<Policy> {
    let lists = |lists: &[List], allow| {
        let files = lists.iter().map(|list| vec![*list]).collect();
        Some(Revocation { files, leaf_only: false, allow })
    };
    let [inter, root] = [List::plain(0), List::plain(1)];
    let stale = List { age: crate::world::lists::Age::Stale, ..inter };
    let revoking = List { content: crate::world::lists::Content::Leaves, ..inter };
    let scoped = List { scope: crate::world::lists::Scope::PointB, ..inter };
    let plain = Policy::plain;
    let of = |labels: &[&str]| labels.iter().map(|label| Id::of(label)).collect::<Vec<_>>();
    vec![
        plain(),
        Policy { revocation: lists(&[inter, root], false), ..plain() },
        Policy { revocation: lists(&[root], false), ..plain() },
        Policy { revocation: lists(&[root], true), ..plain() },
        Policy { revocation: lists(&[stale, root], false), ..plain() },
        Policy { revocation: lists(&[stale, root], true), ..plain() },
        Policy { revocation: lists(&[revoking, root], false), ..plain() },
        Policy { revocation: lists(&[scoped, root], false), ..plain() },
        Policy { bundles: vec![of(&["R", "S"])], ..plain() },
        Policy { bundles: vec![of(&["R-path-0"])], ..plain() },
        Policy { bundles: vec![of(&["R", "self"])], ..plain() },
        Policy { native: Some(MACHINE), ..plain() },
        Policy { pinned_keys: of(&["self"]), ..plain() },
        Policy { pinned_certificates: of(&["self"]), ..plain() },
        Policy { names: vec!["a.test"], ..plain() },
        Policy { names: vec!["b.test"], ..plain() },
        Policy { leaf_keys: of(&["leaf"]), ..plain() },
        Policy { leaf_keys: of(&["leaf-key"]), ..plain() },
        Policy { tolerated: vec![(Rule::ExpiredLeaf, None)], ..plain() },
        Policy { tolerated: vec![(Rule::KeyUsage, Some(5))], ..plain() },
        Policy { tolerated: vec![(Rule::KeyUsage, Some(-1))], ..plain() },
    ]
}

/// Whether the event of a connector that goes from one to the other says `trust_reduced`.
fn is_announced(before: &Member, after: &Member) -> bool {
    let connector = Connector::of_prepared(Arc::clone(&before.prepared), OnInvalid::KeepLastGood);
    connector.publish(Arc::clone(&after.prepared)).expect("it was judged before");
    let events: Vec<_> = core::iter::from_fn(|| connector.next_event()).collect();
    events.iter().any(|event| event.kind == EventKind::Updated && event.trust_reduced)
}

/// The flaw: trust is anchors.
fn announces_anchors_alone(before: &Member, after: &Member) -> bool {
    let trusted = |member: &Member| {
        let native = member.policy.native.map(|native| NATIVE[native].clone()).unwrap_or_default();
        [member.policy.bundles.concat(), native].concat()
    };
    let left = trusted(after);
    trusted(before).iter().any(|id| !left.contains(id))
}

fn a_closing_is_announced(announced: fn(&Member, &Member) -> bool, [before, after]: [&Member; 2]) -> Kept {
    let closed = before.accepts.iter().zip(&after.accepts).position(|(before, after)| *before && !*after);
    let Some(closed) = closed else { return Ok(Told::Nothing) };
    if announced(before, after) {
        return Ok(Told::Much);
    }
    let (peer, before, after) = (&peers()[closed], &before.policy, &after.policy);
    Err(format!("{peer:?} was accepted and is refused, and trust_reduced is false: {before:#?} {after:#?}"))
}

#[test]
fn l18_every_closing_is_announced() {
    let name = "L18 (every closing is announced)";
    let pairs = (0..POOL.len(), 0..POOL.len());
    let members = |(before, after): &(usize, usize)| [&POOL[*before], &POOL[*after]];
    let found = search(20_000, &pairs, |pair| a_closing_is_announced(announces_anchors_alone, members(pair)));
    assert!(found.is_err(), "{name}: no pair shows the flaw");
    println!("law {name}: finds the flaw; {} policies", POOL.len());
    run(name, worlds(100), &pairs, |pair| a_closing_is_announced(is_announced, members(pair)));
}

type Change<'a> = &'a dyn Fn(&mut PolicySpec);

/// What no certificate shows: each of these refuses handshakes that went well before.
#[test]
fn l18_a_narrower_handshake_is_announced() {
    let prepared = |change: Change<'_>| {
        let PolicyDraft { mut spec, .. } = Policy::plain().draft();
        change(&mut spec);
        let checked = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap();
        machine(Some(MACHINE)).prepare(&checked).unwrap()
    };
    let text = |text: &str| Some(text.to_owned());
    let narrower: [(&str, Change<'_>); 4] = [
        ("TLS 1.3 alone", &|spec| spec.versions.min = text("1.3")),
        ("one group", &|spec| spec.groups = vec!["secp384r1".to_owned()]),
        ("one cipher suite of each version", &|spec| {
            spec.cipher_suites =
                ["TLS_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"].map(str::to_owned).to_vec();
        }),
        ("a protocol is required", &|spec| {
            spec.alpn.protocols = vec!["h2".to_owned()];
            spec.alpn.required = true;
        }),
    ];
    let mut silent = Vec::new();
    for (what, change) in narrower {
        let connector = Connector::of_prepared(prepared(&|_| {}), OnInvalid::KeepLastGood);
        connector.publish(prepared(change)).unwrap();
        let event = connector.next_event().expect("it is other content");
        if !event.trust_reduced {
            silent.push(what);
        }
    }
    assert!(silent.is_empty(), "not announced: {silent:?}");
}
