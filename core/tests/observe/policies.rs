//! Observers and changes of policies: each is told once, without a lock, and a panic harms nothing.

use std::sync::{Arc, Mutex, OnceLock};

use super::{Observed, steady};
use crate::support::world::{Backend, World, policy, trusting};
use uptls::{
    ConnectionFailed, Connector, GenerationPublished, MaterialDraft, ObservationQueue, Observer, OnInvalid, PolicySpec,
    Registry, UpdateRefused,
};
use uptls_testkit::{NOW, Pki, Versions, YEAR};

fn broken() -> PolicySpec {
    let mut spec = PolicySpec::default();
    spec.trust.bundles.push(MaterialDraft::pem("no certificate"));
    spec
}

#[test]
fn each_change_of_a_policy_is_told_once() {
    let observed = Observed::new("observed policy");
    let world = &observed.world;
    let connector = world.connector(world.spec());
    let told = observed.told();
    assert_eq!(
        told.iter().map(|json| steady(json)).collect::<Vec<_>>(),
        [format!(
            r#"{{"at":{NOW},"generation":1,"observation":"generation_published","policy":"test","trust_reduced":false}}"#
        )],
        "the first generation, too"
    );
    connector.update(&policy(world.spec())).unwrap();
    assert!(observed.told().is_empty(), "equal content is no change (R5)");

    connector.update(&policy(broken())).unwrap_err();
    connector.update(&policy(broken())).unwrap_err();
    let [refused] = observed.told().try_into().unwrap();
    assert!(refused.contains(r#""state":"degraded","code":"trust_bundle_empty""#), "{refused}");
    connector.update(&policy(trusting(&Pki::new("another CA")))).unwrap();
    let names: Vec<_> = observed.told().iter().map(|json| name(json)).collect();
    assert_eq!(names, ["generation_published", "policy_recovered"]);
    connector.withdraw();
    connector.withdraw();
    let [withdrawn] = observed.told().try_into().unwrap();
    assert_eq!((name(&withdrawn).as_str(), withdrawn.contains("code")), ("policy_withdrawn", false));

    let never = Connector::not_ready(&world.runtime, broken_problems(), OnInvalid::default());
    let [refused] = observed.told().try_into().unwrap();
    assert!(refused.contains(r#""generation":0"#) && refused.contains(r#""state":"not_ready""#), "{refused}");
    drop((connector, never));
    assert!(observed.told().is_empty());
}

fn name(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    value["observation"].as_str().unwrap().to_owned()
}

fn broken_problems() -> uptls::Problems {
    World::new("problems").runtime.prepare(&policy(broken())).unwrap_err()
}

#[test]
fn gauges_follow_connectors_and_hold_none() {
    let observed = Observed::new("observed gauges");
    let world = &observed.world;
    let first = world.connector(world.spec());
    let clone = first.clone();
    let second = world.connector(world.spec());
    assert_eq!(observed.value("uptls_policies{state=\"ready\"}"), "2");
    let trust = observed.value("uptls_certificate_not_after_timestamp_seconds{role=\"trust\"}");
    assert!(trust.parse::<i64>().unwrap() > NOW);
    assert!(observed.text("uptls_certificate_not_after_timestamp_seconds{role=\"identity\"}").is_empty());

    first.update(&policy(broken())).unwrap_err();
    second.withdraw();
    for (state, count) in [("degraded", "1"), ("not_ready", "0"), ("ready", "0"), ("withdrawn", "1")] {
        assert_eq!(observed.value(&format!("uptls_policies{{state=\"{state}\"}}")), count, "{state}");
    }
    drop(first);
    assert_eq!(observed.value("uptls_policies{state=\"degraded\"}"), "1", "a clone is the same connector");
    drop((clone, second));
    assert!(observed.text("uptls_policies").iter().all(|line| line.ends_with(" 0")));
    assert!(observed.text("uptls_certificate_not_after_timestamp_seconds{").is_empty(), "what is gone does not end");
    for (result, count) in [("published", "2"), ("recovered", "0"), ("refused", "1"), ("withdrawn", "1")] {
        assert_eq!(observed.value(&format!("uptls_policy_updates_total{{result=\"{result}\"}}")), count, "{result}");
    }
}

#[test]
fn an_expiring_certificate_is_told() {
    let observed = Observed::new("observed expiry");
    let connector = observed.world.connector(observed.world.spec());
    observed.told();
    observed.world.clock.advance(30 * YEAR);
    connector.check_expiry();
    connector.check_expiry();
    let [expired] = observed.told().try_into().unwrap();
    assert!(expired.contains("certificate_expiring") && expired.contains("\"not_after\":"), "{expired}");
    assert_eq!(observed.value("uptls_expiry_warnings_total"), "1");
}

/// Calls the library from inside of its calls.
#[derive(Default)]
struct Reentrant {
    connector: OnceLock<Connector>,
    registry: OnceLock<Arc<Registry>>,
    seen: Mutex<Vec<u64>>,
}

impl Observer for Reentrant {
    fn generation_published(&self, published: &GenerationPublished<'_>) {
        let generation = published.policy.generation.number();
        self.seen.lock().unwrap().push(generation);
        if let Some(connector) = self.connector.get()
            && generation < 4
        {
            let pki = Pki::new(&format!("CA {generation}"));
            connector.update(&policy(trusting(&pki))).unwrap();
        }
        if let Some(registry) = self.registry.get()
            && registry.len() < 3
        {
            registry
                .apply([(format!("policy {}", registry.len()), Ok(policy(trusting(&Pki::new("of the registry")))))]);
        }
    }

    fn update_refused(&self, _: &UpdateRefused<'_>) {
        if let Some(connector) = self.connector.get() {
            connector.withdraw();
        }
    }
}

#[test]
fn an_observer_may_call_what_it_is_told_of() {
    let reentrant = Arc::new(Reentrant::default());
    let observed = Observed::with("reentrant", Arc::clone(&reentrant));
    let connector = observed.world.connector(observed.world.spec());
    reentrant.connector.set(connector.clone()).unwrap();
    connector.update(&policy(trusting(&Pki::new("the second")))).unwrap();
    assert_eq!(*reentrant.seen.lock().unwrap(), [1, 2, 3, 4]);
    connector.update(&policy(broken())).unwrap_err();
    assert_eq!(connector.state().as_str(), "withdrawn");

    let registry = Arc::new(Registry::new(&observed.world.runtime, OnInvalid::default()));
    reentrant.registry.set(Arc::clone(&registry)).unwrap();
    registry.apply([("policy".to_owned(), Ok(policy(observed.world.spec())))]);
    assert_eq!(registry.len(), 3);
}

struct Panics;

impl Observer for Panics {
    fn connection_failed(&self, _: &ConnectionFailed<'_>) {
        panic!("as asked");
    }

    fn generation_published(&self, _: &GenerationPublished<'_>) {
        panic!("as asked");
    }

    fn handshake_started(&self, _: &uptls::HandshakeStarted<'_>) {
        panic!("as asked");
    }

    fn connection_closed(&self, _: &uptls::ConnectionClosed<'_>) {
        panic!("as asked");
    }
}

#[test]
fn an_observer_that_panics_harms_nothing() {
    let observed = Observed::with("panicking", Panics);
    let connector = observed.world.connector(observed.world.spec());
    let backend = Backend::new(observed.world.server(Versions::Tls13));
    drop(backend.visit(&connector).unwrap());
    let impostor = Pki::new("an impostor");
    connector.update(&policy(trusting(&impostor))).unwrap();
    assert!(backend.visit(&connector).is_err());
    // The observers after it are told all of it.
    let names: Vec<_> = observed.told().iter().map(|json| name(json)).collect();
    assert_eq!(
        names,
        [
            "generation_published",
            "handshake_started",
            "connection_opened",
            "connection_closed",
            "generation_published",
            "handshake_started",
            "connection_failed"
        ]
    );
}

#[test]
fn a_queue_keeps_so_many_and_counts_the_rest() {
    let queue = Arc::new(ObservationQueue::new(2));
    let runtime = super::builder(&Default::default()).observer(Arc::clone(&queue)).build();
    let world = World::new("queue");
    let connectors: Vec<_> = (0..3).map(|_| Connector::new(&runtime, &policy(world.spec())).unwrap()).collect();
    // Each is made known by two observations.
    assert_eq!(queue.lost(), 4);
    assert_eq!(queue.next().map(|one| one.name), Some("generation_published"));
    assert_eq!(queue.wait(std::time::Duration::MAX).map(|one| one.name), Some("connector_changed"));
    assert_eq!(queue.next(), None);
    drop(runtime);
    assert!(!queue.is_closed(), "connectors are of the runtime");
    drop(connectors);
    assert!(queue.is_closed());
    while queue.next().is_some() {}
    assert_eq!(queue.wait(std::time::Duration::from_secs(3600)), None, "at once");
}
