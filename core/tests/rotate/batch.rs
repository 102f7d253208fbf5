//! Many policies at once, and many connections while they change (R1, R4, R7).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use crate::support::rotation::{State, Stepper, Volume, named_in, tempdir};
use crate::support::world::{Backend, HOST, MovableClock, World, builder, host, policy, trusting};
use uptls::danger::DangerPermission;
use uptls::{
    Code, ConnectOptions, ConnectorState, EventKind, MaterialDraft, OnInvalid, PolicyDraft, PolicySpec, PollOutcome,
    Registry, TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{Pki, San, ServerOptions, Versions};

fn broken() -> UpstreamTlsPolicy {
    let bundles = vec![MaterialDraft::pem("no certificate")];
    policy(PolicySpec { trust: TrustDraft { bundles, ..TrustDraft::default() }, ..PolicySpec::default() })
}

#[test]
fn prepare_all_gives_as_many_results_in_order() {
    let world = World::new("batch");
    let policies: Vec<_> = (0..50).map(|i| if i % 7 == 3 { broken() } else { policy(world.spec()) }).collect();
    let results = world.runtime.prepare_all(&policies);
    assert_eq!(results.len(), 50);
    for (index, result) in results.iter().enumerate() {
        match result {
            Ok(prepared) => assert!(index % 7 != 3 && *prepared.policy() == policies[index]),
            Err(problems) => assert_eq!((problems.code(), index % 7), (Code::TrustBundleEmpty, 3)),
        }
    }
    assert!(world.runtime.prepare_all(&[]).is_empty());
}

#[test]
fn one_bad_entry_of_a_batch_never_blocks_another() {
    let world = World::new("registry");
    let registry = Registry::new(&world.runtime, OnInvalid::KeepLastGood);
    let name = |index: usize| format!("policy {index}");
    let all = |spec: &PolicySpec, bad: Option<usize>| {
        (0..100)
            .map(|index| (name(index), Ok(if bad == Some(index) { broken() } else { policy(spec.clone()) })))
            .collect::<Vec<_>>()
    };
    let first = registry.apply(all(&world.spec(), Some(41)));
    assert_eq!(first.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>(), (0..100).map(name).collect::<Vec<_>>());
    assert_eq!(first.iter().filter(|(_, result)| result.is_err()).count(), 1);
    let refused = registry.connector(&name(41)).unwrap();
    let error = refused.begin(&host(), &ConnectOptions::default()).err().unwrap();
    assert_eq!(error.code(), Code::PolicyNotReady);

    // 99 go on, another one keeps its last good generation, and the one that was bad recovers.
    let next = PolicySpec { groups: vec!["X25519".to_owned()], ..world.spec() };
    let second = registry.apply(all(&next, Some(7)));
    let failed: Vec<_> = second.iter().filter(|(_, result)| result.is_err()).map(|(name, _)| name.as_str()).collect();
    assert_eq!(failed, ["policy 7"]);
    let kept = registry.connector(&name(7)).unwrap();
    assert!(matches!(kept.state(), ConnectorState::Degraded { .. }) && kept.generation().number() == 1);
    assert_eq!((refused.state(), refused.generation().number()), (ConnectorState::Ready, 1));
    assert_eq!(registry.connector(&name(8)).unwrap().generation().number(), 2);
}

#[test]
fn a_policy_that_could_not_be_checked_is_an_entry_like_any() {
    let world = World::new("unchecked");
    let registry = Registry::new(&world.runtime, OnInvalid::FailClosed);
    let unchecked = || UpstreamTlsPolicy::check(PolicyDraft::new(PolicySpec::default()), DangerPermission::Forbidden);
    let entry = |name: &str, policy| (name.to_owned(), policy);
    let good = || Ok(policy(world.spec()));
    let results = registry.apply([entry("bad", unchecked()), entry("good", good()), entry("bad", good())]);
    let codes: Vec<_> = results.iter().map(|(_, result)| result.as_ref().err().map(|p| p.code())).collect();
    assert_eq!(codes, [Some(Code::TrustMissing), None, None], "the same name again is the next update");
    registry.apply([entry("good", unchecked())]);
    let good = registry.connector("good").unwrap();
    assert!(matches!(good.state(), ConnectorState::NotReady { .. }), "fail closed");
    assert_eq!(registry.connector("bad").unwrap().state(), ConnectorState::Ready, "what is not in the batch stays");
}

/// What is not in the batch is gone, and every change is one event under its name.
#[test]
fn a_registry_follows_all_that_there_is() {
    let world = World::new("sync");
    let registry = Registry::new(&world.runtime, OnInvalid::KeepLastGood);
    let batch =
        |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), Ok(policy(world.spec())))).collect::<Vec<_>>();
    let kinds = || {
        let told = std::iter::from_fn(|| registry.next_event());
        told.map(|(name, event)| format!("{name} {}", event.kind.as_str())).collect::<Vec<_>>()
    };
    assert!(registry.sync(batch(&["a", "b", "c"])).withdrawn.is_empty());
    assert!(kinds().is_empty(), "the first generation is no event");
    let held = registry.connector("b").unwrap();
    let mut next = batch(&["a", "c", "d"]);
    next[1].1 = Ok(broken());
    let synced = registry.sync(next);
    assert_eq!(synced.withdrawn, ["b"]);
    assert_eq!(synced.results.iter().map(|(_, result)| result.is_ok()).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(kinds(), ["c degraded", "b withdrawn"]);
    let states: Vec<_> =
        registry.states().into_iter().map(|(name, state)| format!("{name} {}", state.as_str())).collect();
    assert_eq!(states, ["a ready", "c degraded", "d ready"]);
    assert_eq!((registry.len(), registry.is_empty()), (3, false));
    let error = held.begin(&host(), &ConnectOptions::default()).err().unwrap();
    assert_eq!(error.code(), Code::PolicyWithdrawn);
    // `apply` alone ends nothing.
    registry.apply(batch(&["d"]));
    assert_eq!((registry.len(), kinds().len()), (3, 0));
    assert_eq!(registry.sync([]).withdrawn, ["a", "c", "d"]);
    assert!(registry.is_empty());
}

/// One connector that changes all the time never hides what happens to another.
#[test]
fn connectors_take_turns_with_their_events() {
    let world = World::new("turns");
    let registry = Registry::new(&world.runtime, OnInvalid::KeepLastGood);
    let entry = |name: &str, policy| (name.to_owned(), Ok(policy));
    registry.apply([entry("busy", policy(world.spec())), entry("quiet", policy(world.spec()))]);
    for group in ["X25519", "secp256r1", "X25519"] {
        registry.apply([entry("busy", policy(PolicySpec { groups: vec![group.to_owned()], ..world.spec() }))]);
    }
    registry.apply([entry("quiet", broken())]);
    let names: Vec<_> = std::iter::from_fn(|| registry.next_event()).map(|(name, _)| name.to_string()).collect();
    assert_eq!(names, ["busy", "quiet", "busy", "busy"]);
    // What was taken from the connector itself is not told again.
    registry.apply([entry("busy", broken())]);
    assert_eq!(registry.connector("busy").unwrap().next_event().unwrap().kind.as_str(), "degraded");
    assert!(registry.next_event().is_none());
}

/// A thread that waits is woken by the event, and by nothing else before its time.
#[test]
fn an_event_wakes_who_waits_for_it() {
    let world = World::new("woken");
    let registry = Registry::new(&world.runtime, OnInvalid::KeepLastGood);
    registry.apply([("a".to_owned(), Ok(policy(world.spec())))]);
    assert!(registry.wait_event(std::time::Duration::from_millis(1)).is_none());
    thread::scope(|scope| {
        let waiting = scope.spawn(|| registry.wait_event(std::time::Duration::from_secs(600)));
        registry.connector("a").unwrap().withdraw();
        let (name, event) = waiting.join().unwrap().unwrap();
        assert_eq!((&*name, event.kind.as_str()), ("a", "withdrawn"));
    });
    // Longer than any clock counts.
    registry.apply([("a".to_owned(), Ok(policy(world.spec())))]);
    assert!(registry.wait_event(std::time::Duration::MAX).is_some());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(registry.poll_event(&mut context).is_pending());
}

/// The connections of a plan end one after the other, in its window, and two processes do not go in step.
#[test]
fn a_drain_is_spread_over_its_window() {
    let window = std::time::Duration::from_secs(60);
    let plan = |seed| uptls::DrainPlan::new(600, window, seed).delays().collect::<Vec<_>>();
    let delays = plan(1);
    assert!(delays.iter().zip(0_u32..).all(|(delay, slot)| (delay.as_millis() / 100) == u128::from(slot)));
    assert!(delays.iter().zip(plan(2)).filter(|(one, other)| **one == *other).count() < 10);
    assert_eq!(uptls::DrainPlan::new(600, window, 1).delay(600), window);
    assert_eq!(uptls::DrainPlan::new(0, window, 1).delays().count(), 0);
}

/// A bundle that a batch names many times is read once, and the next batch reads it again.
#[test]
fn a_batch_reads_a_bundle_once() {
    use std::sync::Arc;
    let (folder, reads) = (tempdir(), Arc::new(AtomicUsize::new(0)));
    let (file, counted) = (folder.path().join("ca.pem"), Arc::clone(&reads));
    let runtime = builder(&MovableClock::default())
        .before_reading(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(())
        })
        .build();
    let registry = Registry::new(&runtime, OnInvalid::FailClosed);
    let of_file = |index: usize| {
        let name = uptls::DnsName::parse(&format!("s{index}.example")).unwrap();
        let server_name = uptls::ServerNameRule::Dns(name);
        (index.to_string(), UpstreamTlsPolicy::builder().add_ca_file(&file).server_name(server_name).build())
    };
    let apply = || registry.apply((0..50).map(of_file)).into_iter().map(|(_, result)| result).collect::<Vec<_>>();
    for (seed, generation) in [("one", 1), ("two", 2)] {
        std::fs::write(&file, Pki::new(seed).root.pem()).unwrap();
        assert!(apply().iter().all(|result| result.as_ref().unwrap().number() == generation), "{seed}");
        assert_eq!(reads.swap(0, Ordering::SeqCst), 1, "{seed}");
    }
    // Its twin: what cannot be used is read for each policy, whose error has its own place.
    std::fs::write(&file, "no certificate").unwrap();
    assert!(apply().iter().all(|result| result.as_ref().unwrap_err().code() == Code::TrustBundleEmpty));
    assert_eq!(reads.swap(0, Ordering::SeqCst), 50);
    // A text is known by its `Arc`, and an equal one is the same bundle all the same.
    let text: Arc<str> = Pki::new("text").root.pem().into();
    let policies: Vec<_> = [Arc::clone(&text), Arc::clone(&text), text.to_string().into()]
        .into_iter()
        .map(|text| UpstreamTlsPolicy::builder().add_ca_pem(text).build().unwrap())
        .collect();
    let prepared: Vec<_> = runtime.prepare_all(&policies).into_iter().map(Result::unwrap).collect();
    assert!(prepared.iter().all(|one| one.fingerprint() == prepared[0].fingerprint()));
}

/// R3: the connector of a removed policy makes no connection, even if a caller still holds it.
#[test]
fn a_removed_policy_is_withdrawn() {
    let world = World::new("removed");
    let registry = Registry::new(&world.runtime, OnInvalid::KeepLastGood);
    registry.apply(["a", "b"].map(|name| (name.to_owned(), Ok(policy(world.spec())))));
    let held = registry.connector("a").unwrap();
    registry.remove("a").unwrap();
    let error = held.begin(&host(), &ConnectOptions::default()).err().unwrap();
    assert_eq!(error.code(), Code::PolicyWithdrawn);
    assert!(registry.connector("a").is_none() && registry.remove("a").is_none());
    assert!(registry.connector("b").unwrap().begin(&host(), &ConnectOptions::default()).is_ok());
}

/// 100 rotations by files between two CAs, under load, with a backend of each CA. Every connection is judged by one
/// generation: a backend is accepted exactly if that generation trusts it, nothing else fails, and what was made goes on.
#[test]
fn connections_under_rotation_are_judged_by_the_old_or_the_new() {
    let (world, next, folder) = (World::new("load"), Pki::new("load, the next CA"), tempdir());
    let states = [State::new(&world.pki, "one"), State::new(&next, "two")];
    let mut volume = Volume::new(folder.path(), &states[0]);
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    let connector = stepper.connector.clone();
    let new_leaf = next.leaf(&[San::dns(HOST)]);
    let new_server = ServerOptions::new(&[&new_leaf, &next.intermediate]);
    let (stop, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    let visit = |backend: &Backend, wanted: u64| loop {
        let before = connector.generation().number();
        let result = backend.visit(&connector);
        let after = connector.generation().number();
        match result {
            Ok(visit) => {
                let own = visit.established.evidence().generation.number();
                assert!(own % 2 == wanted && (before..=after).contains(&own), "{before} {own} {after}");
                made.fetch_add(1, Ordering::SeqCst);
            }
            Err(error) => {
                assert_eq!(error.code(), Code::CertUnknownIssuer, "{error}");
                assert!(before != after || before % 2 != wanted, "generation {before} trusts it");
            }
        }
        if stop.load(Ordering::SeqCst) {
            return;
        }
    };
    thread::scope(|scope| {
        let visitors = [
            scope.spawn(|| visit(&Backend::new(world.server(Versions::Both)), 1)),
            scope.spawn(|| visit(&Backend::new(new_server), 0)),
        ];
        for rotation in 1..=100_u64 {
            let enough = made.load(Ordering::SeqCst) + 1;
            volume.swap(&states[usize::from(rotation % 2 == 1)]);
            assert!(matches!(stepper.step(), PollOutcome::Updated(new) if new.number() == rotation + 1));
            let event = stepper.connector.next_event().unwrap();
            assert!(event.kind == EventKind::Updated && event.trust_reduced);
            while made.load(Ordering::SeqCst) < enough && !visitors.iter().any(|visitor| visitor.is_finished()) {
                thread::yield_now();
            }
        }
        stop.store(true, Ordering::SeqCst);
    });
    assert!(made.into_inner() >= 100);
    assert_eq!((connector.generation().number(), connector.lost_events()), (101, 0));
}

/// R1: chain, key and CA of one source change together, however fast they do.
#[test]
fn a_writer_that_never_rests_shows_only_whole_states() {
    let (world, folder) = (World::new("restless"), tempdir());
    let states = [State::new(&world.pki, "one"), State::new(&Pki::new("restless, another CA"), "two")];
    let whole = states.clone().map(|state| {
        let still = tempdir();
        state.write(still.path());
        *world.runtime.prepare(&named_in(still.path())).unwrap().fingerprint()
    });
    let mut volume = Volume::new(folder.path(), &states[0]);
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    let (stop, mut seen) = (AtomicBool::new(false), [0, 0]);
    thread::scope(|scope| {
        scope.spawn(|| {
            for swap in 1..=1000 {
                volume.swap(&states[swap % 2]);
            }
            stop.store(true, Ordering::SeqCst);
        });
        while !stop.load(Ordering::SeqCst) {
            match stepper.step() {
                PollOutcome::Unchanged | PollOutcome::Unsettled | PollOutcome::Updated(_) => {}
                outcome => panic!("{outcome:?}"),
            }
            let fingerprint = *stepper.connector.prepared().unwrap().fingerprint();
            seen[whole.iter().position(|whole| *whole == fingerprint).expect("a mixture")] += 1;
        }
    });
    stepper.step();
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
    assert_eq!(*stepper.connector.prepared().unwrap().fingerprint(), whole[0]);
}

/// R7: a rotation cuts nothing, and what it leaves behind says that it is not current.
#[test]
fn a_connection_outlives_the_withdrawal_of_its_files() {
    let (world, folder) = (World::new("outlives"), tempdir());
    State::new(&world.pki, "one").write(folder.path());
    let mut stepper = Stepper::new(&world, &named_in(folder.path()));
    let backend = Backend::new(world.server(Versions::Both));
    let mut server = backend.accept();
    let options = ConnectOptions::default();
    let mut held = crate::support::world::establish(&stepper.connector, &host(), &options, &mut server).unwrap();
    assert!(stepper.connector.is_current(held.evidence()));
    std::fs::remove_file(folder.path().join("ca.crt")).unwrap();
    assert_eq!(stepper.step(), PollOutcome::Withdrawn);
    assert!(!stepper.connector.is_current(held.evidence()));
    held.write(b"still here").unwrap();
    crate::support::world::exchange(&mut held, &mut server).unwrap();
    assert_eq!(server.read(), b"still here");
    assert!(backend.visit(&stepper.connector).is_err());
    // Trust of another CA was never part of it.
    stepper.connector.update(&policy(trusting(&Pki::new("outlives, another")))).unwrap();
    assert!(!stepper.connector.is_current(held.evidence()));
}

/// What is prepared is published as it is, under a new name and under a known one.
#[test]
fn a_registry_takes_what_is_prepared() {
    let world = World::new("prepared");
    let registry = Registry::new(&world.runtime, OnInvalid::KeepLastGood);
    let prepared = world.runtime.prepare(&policy(world.spec())).unwrap();
    let connector = registry.publish("a", prepared.clone()).unwrap();
    assert_eq!((connector.generation().number(), registry.len()), (1, 1));
    registry.apply([("a".to_owned(), Ok(broken()))]);
    assert_eq!(registry.publish("a", prepared).unwrap().state(), ConnectorState::Ready);
    let kinds: Vec<_> = std::iter::from_fn(|| registry.next_event()).map(|(_, event)| event.kind.as_str()).collect();
    assert_eq!(kinds, ["degraded", "recovered"]);
    // The twin: another runtime prepared it, whose clock would decide.
    let foreign = World::new("prepared elsewhere");
    let foreign = foreign.runtime.prepare(&policy(foreign.spec())).unwrap();
    for name in ["a", "b"] {
        let error = registry.publish(name, foreign.clone()).unwrap_err();
        assert!(error.to_string().contains("another Runtime"), "{error}");
    }
    assert_eq!(registry.len(), 1);
}
