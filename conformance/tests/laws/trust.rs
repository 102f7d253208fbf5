//! L2: adding trust (a bundle, an entry, a root, a pin) never turns an acceptance into a refusal, nor a policy that loads
//! into one that does not. L15: what may issue or be itself does not depend on the door by which it came.

use proptest::prelude::*;
use proptest::sample::select;

use crate::harness::{Kept, Law, Told};
use crate::world::certificates::{Id, LEAVES, TRUSTED};
use crate::world::judge::{Judge, Verdict, coarse};
use crate::world::oracle::{Flaw, may_issue};
use crate::world::policies::{NATIVE, Peer, Policy, any_peer, any_policy, any_trusted};

/// Trust to add.
#[derive(Clone, Debug)]
enum More {
    Bundle(Vec<Id>),
    Entry(Id),
    Native(usize),
    Certificate(Id),
    Key(Id),
}

fn more() -> impl Strategy<Value = More> {
    prop_oneof![
        3 => proptest::collection::vec(any_trusted(), 1..3).prop_map(More::Bundle),
        2 => any_trusted().prop_map(More::Entry),
        1 => (0..NATIVE.len()).prop_map(More::Native),
        1 => select(LEAVES.as_slice()).prop_map(More::Certificate),
        1 => select(LEAVES.as_slice()).prop_map(More::Key),
    ]
}

fn with_more(policy: &Policy, more: &More) -> Policy {
    let mut policy = policy.clone();
    match more {
        More::Bundle(ids) => policy.bundles.push(ids.clone()),
        More::Entry(id) => policy.bundles[0].push(*id),
        More::Native(native) => policy.native = policy.native.or(Some(*native)),
        More::Certificate(id) => policy.pinned_certificates.push(*id),
        More::Key(id) => policy.pinned_keys.push(*id),
    }
    policy
}

fn adding_trust_closes_nothing(judge: &dyn Judge, (policy, more, peer): &(Policy, More, Peer)) -> Kept {
    let Ok(before) = judge.judge(policy, peer) else { return Ok(Told::Nothing) };
    match judge.judge(&with_more(policy, more), peer) {
        Err(code) => Err(format!("it loads, and with more trust it does not: {code}")),
        Ok(after) if before.accepts() && !after.accepts() => {
            Err(format!("accepted, and with more trust {}", after.code()))
        }
        Ok(_) if before.accepts() => Ok(Told::Much),
        Ok(_) => Ok(Told::Nothing),
    }
}

#[test]
fn l02_adding_trust_closes_nothing() {
    let law = Law {
        name: "L2 (adding trust closes nothing)",
        share: 100,
        worlds: (any_policy(), more(), any_peer()),
        check: adding_trust_closes_nothing,
        finds: &[Flaw::ExpiredBundleSpoils, Flaw::FirstPathDecides, Flaw::RevokedPathEndsAll],
    };
    law.hold();
}

fn one_rule_for_bundles_and_the_system(judge: &dyn Judge, (policy, native, peer): &(Policy, usize, Peer)) -> Kept {
    if NATIVE[*native].contains(&peer.leaf) {
        // Itself is another matter: never by the system's store (T5).
        return Ok(Told::Nothing);
    }
    let mut by_bundle = Policy { native: None, ..policy.clone() };
    let by_system = Policy { native: Some(*native), ..by_bundle.clone() };
    by_bundle.bundles.push(NATIVE[*native].clone());
    match (judge.judge(&by_bundle, peer), judge.judge(&by_system, peer)) {
        (Ok(bundle), Ok(system)) if !alike(&bundle, &system) => {
            Err(format!("by a bundle {bundle:?}, by the system {system:?}"))
        }
        (Ok(bundle), Ok(_)) => Ok(if bundle.accepts() { Told::Much } else { Told::Nothing }),
        (bundle, system) if bundle.is_err() != system.is_err() => {
            Err(format!("by a bundle {:?}, by the system {:?}", bundle.err(), system.err()))
        }
        _ => Ok(Told::Nothing),
    }
}

/// The same verdict and the same end; why there is no path is a matter of diagnosis, which may name the door.
fn alike(one: &Verdict, two: &Verdict) -> bool {
    match (one, two) {
        (Verdict::Refused(one), Verdict::Refused(two)) => coarse(one) == coarse(two),
        (one, two) => one == two,
    }
}

#[test]
fn l15_what_may_issue_is_one_rule_for_bundles_and_the_system() {
    let law = Law {
        name: "L15 (what may issue does not depend on its door)",
        share: 50,
        worlds: (any_policy(), 0..TRUSTED.len(), any_peer()),
        check: one_rule_for_bundles_and_the_system,
        finds: &[Flaw::AnyNativeRootIssues],
    };
    law.hold();
}

fn one_rule_for_bundles_and_pins(judge: &dyn Judge, (policy, peer): &(Policy, Peer)) -> Kept {
    if may_issue(peer.leaf.facts()) {
        return Ok(Told::Nothing);
    }
    let leaf = peer.leaf;
    let [mut bundle, mut certificate, mut key] = [(); 3].map(|()| policy.clone());
    bundle.bundles.push(vec![leaf]);
    certificate.pinned_certificates.push(leaf);
    key.pinned_keys.push(leaf);
    let verdicts = [bundle, certificate, key].map(|policy| judge.judge(&policy, peer));
    match &verdicts {
        [Ok(one), Ok(two), Ok(three)] if one == two && two == three => Ok(Told::Much),
        [Ok(_), Ok(_), Ok(_)] => Err(format!("by bundle, certificate and key: {verdicts:?}")),
        // A bundle that has ended altogether beside nothing else (T4).
        _ => Ok(Told::Nothing),
    }
}

#[test]
fn l15_what_is_itself_is_one_rule_for_bundles_and_pins() {
    let law = Law {
        name: "L15 (what is itself does not depend on its door)",
        share: 30,
        worlds: (any_policy(), any_peer()),
        check: one_rule_for_bundles_and_pins,
        finds: &[Flaw::PinnedIsNeverRevoked],
    };
    law.hold();
}
