//! `BackendTLSPolicyObservedGenerationBump`: the conditions as they are written back, and what they were observed on.

use serde_json::{Value, json};
use uptls_manifest::kubernetes::{ObjectName, Scope, StatusPatch};

use crate::objects::{CA, NAMESPACE, config_map_ref, gateway, policy, route, trusting};
use crate::world::{ABC, World};

const CONTROLLER: &str = "uptls.example/conformance";

fn generation(mut policy: Value, generation: u64) -> Value {
    policy["metadata"]["generation"] = generation.into();
    policy
}

/// The patch of the one policy at this time, over what was written before.
fn patch(world: &World, policy: Value, before: Option<&StatusPatch>, now: u64) -> StatusPatch {
    let mut scope = Scope::new(CONTROLLER).with_now(now);
    if let Some(before) = before {
        scope = scope.with_existing_status(before.kind.clone(), before.name.clone(), before.status.clone());
    }
    let gateway = world.gateway(&[gateway("ours", None), route("backend", "ours", 443), policy]);
    let mut patches = gateway.imported.resolve(&scope).statuses;
    patches.retain(|patch| patch.kind == "BackendTLSPolicy");
    assert_eq!(patches.len(), 1);
    patches.remove(0)
}

/// Status, reason, generation and time of a condition.
fn condition<'a>(patch: &'a StatusPatch, kind: &str) -> (&'a str, &'a str, u64, &'a str) {
    let ancestor = &patch.status["ancestors"][0];
    assert_eq!(ancestor["controllerName"], CONTROLLER);
    assert_eq!(
        (&ancestor["ancestorRef"]["kind"], &ancestor["ancestorRef"]["name"]),
        (&json!("Gateway"), &json!("ours"))
    );
    let found = ancestor["conditions"].as_array().expect("conditions").iter().find(|one| one["type"] == kind);
    let found = found.unwrap_or_else(|| panic!("there is no {kind} in {}", patch.status));
    let text = |field: &str| found[field].as_str().expect("a text");
    (
        text("status"),
        text("reason"),
        found["observedGeneration"].as_u64().expect("a number"),
        text("lastTransitionTime"),
    )
}

#[test]
fn the_observed_generation_follows_the_policy() {
    let world = World::new();
    let first = patch(&world, generation(policy("backend", ABC), 1), None, 1_800_000_000);
    assert_eq!((first.name.clone(), first.changed), (ObjectName::new(NAMESPACE, "backend"), true));
    let began = condition(&first, "Accepted").3.to_owned();
    for kind in ["Accepted", "ResolvedRefs"] {
        assert_eq!(condition(&first, kind), ("True", kind, 1, &*began));
    }
    // Nothing has changed: nothing is written.
    let again = patch(&world, generation(policy("backend", ABC), 1), Some(&first), 1_800_000_060);
    assert!(!again.changed && again.status == first.status, "{}", again.status);
    // The spec has: the generation follows, and no condition went over to another status.
    let bumped = patch(&world, generation(policy("backend", "other.example.com"), 2), Some(&first), 1_800_000_060);
    assert!(bumped.changed);
    for kind in ["Accepted", "ResolvedRefs"] {
        assert_eq!(condition(&bumped, kind), ("True", kind, 2, &*began));
    }
}

#[test]
fn a_ca_that_goes_turns_both_conditions_and_one_that_comes_turns_them_back() {
    let world = World::new();
    let missing = |number| generation(trusting(policy("backend", ABC), &[config_map_ref("missing")]), number);
    let good = |number| generation(trusting(policy("backend", ABC), &[config_map_ref(CA)]), number);
    let first = patch(&world, good(1), None, 1_800_000_000);
    let second = patch(&world, missing(2), Some(&first), 1_800_000_060);
    let (turned, began) = (condition(&second, "Accepted").3, condition(&first, "Accepted").3);
    assert_ne!(turned, began);
    assert_eq!(condition(&second, "Accepted"), ("False", "NoValidCACertificate", 2, turned));
    assert_eq!(condition(&second, "ResolvedRefs"), ("False", "InvalidCACertificateRef", 2, turned));
    let third = patch(&world, good(3), Some(&second), 1_800_000_120);
    assert_eq!(condition(&third, "Accepted").2, 3);
    assert_eq!((condition(&third, "Accepted").0, condition(&third, "ResolvedRefs").0), ("True", "True"));
    assert_ne!(condition(&third, "Accepted").3, turned);
}

/// What another controller wrote is its own.
#[test]
fn entries_of_other_controllers_stay() {
    let world = World::new();
    let theirs = json!({"ancestorRef": {"name": "theirs"}, "controllerName": "example.com/theirs", "conditions": []});
    let mut before = patch(&world, policy("backend", ABC), None, 1_800_000_000);
    before.status = json!({"ancestors": [theirs.clone()]});
    let after = patch(&world, policy("backend", ABC), Some(&before), 1_800_000_000);
    let entries = after.status["ancestors"].as_array().expect("a list");
    assert!(entries.len() == 2 && entries.contains(&theirs), "{}", after.status);
}
