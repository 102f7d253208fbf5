//! L4: order never matters; L5: splitting and doubling never matter. For the verdict, its code, the end of the proof and the
//! fingerprint. R9: the fingerprint is another if and only if something that decides is.

use proptest::prelude::*;

use crate::harness::{Kept, Law, Told};
use crate::world::judge::{Judge, Loaded};
use crate::world::oracle::{Flaw, Judged};
use crate::world::policies::{NATIVE, Peer, Policy, any_peer, any_policy};

/// Deals `items` in an order that `seed` decides; 0 leaves them as they are.
pub fn shuffle<T>(items: &mut [T], seed: &mut u64) {
    for last in (1..items.len()).rev() {
        // Knuth's MMIX generator: any will do, and 0 stays 0.
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005);
        let far = (*seed >> 33) as usize % (last + 1);
        items.swap(last, last - far);
    }
}

fn shuffled(policy: &Policy, seed: &mut u64) -> Policy {
    let mut policy = policy.clone();
    policy.bundles.iter_mut().for_each(|bundle| shuffle(bundle, seed));
    shuffle(&mut policy.bundles, seed);
    if let Some(revocation) = &mut policy.revocation {
        revocation.files.iter_mut().for_each(|file| shuffle(file, seed));
        shuffle(&mut revocation.files, seed);
    }
    shuffle(&mut policy.names, seed);
    shuffle(&mut policy.tolerated, seed);
    policy
}

/// Whether two ways to say the same are the same: to load, and for `peers`, of which the second is another way to send the first.
fn same(judge: &dyn Judge, policies: [&Policy; 2], peers: [&Peer; 2]) -> Kept {
    let loaded = policies.map(|policy| judge.load(policy));
    let [one, two] = match loaded {
        [Ok(one), Ok(two)] => [one, two],
        [one, two] if one.as_ref().err() == two.as_ref().err() => return Ok(Told::Nothing),
        [one, two] => return Err(format!("one loads: {:?}, {:?}, {policies:#?}", one.err(), two.err())),
    };
    let [first, second] = [one.verdict(peers[0]), two.verdict(peers[1])];
    if first != second {
        return Err(format!("{first:?} and {second:?}: {policies:#?} {peers:#?}"));
    }
    if one.fingerprint() != two.fingerprint() {
        return Err(format!("two fingerprints: {policies:#?}"));
    }
    Ok(Told::Much)
}

fn order_does_not_matter(judge: &dyn Judge, (policy, peer, seed): &(Policy, Peer, u64)) -> Kept {
    let mut seed = *seed | 1;
    let other = shuffled(policy, &mut seed);
    let mut sent = peer.clone();
    shuffle(&mut sent.rest, &mut seed);
    same(judge, [policy, &other], [peer, &sent])
}

#[test]
fn l04_order_does_not_matter() {
    let law = Law {
        name: "L4 (order does not matter)",
        share: 90,
        worlds: (any_policy(), any_peer(), any::<u64>()),
        check: order_does_not_matter,
        finds: &[Flaw::FirstPathDecides, Flaw::FirstListAlone],
    };
    law.hold();
}

fn splitting_does_not_matter(judge: &dyn Judge, (policy, peer): &(Policy, Peer)) -> Kept {
    let (mut apart, mut together, mut twice) = (policy.clone(), policy.clone(), policy.clone());
    apart.bundles = policy.bundles.concat().into_iter().map(|id| vec![id]).collect();
    together.bundles = vec![policy.bundles.concat()];
    twice.bundles.extend(policy.bundles.clone());
    twice.names.extend(policy.names.clone());
    twice.tolerated.extend(policy.tolerated.clone());
    if let Some(revocation) = &policy.revocation {
        let files = &revocation.files;
        let with = |files: Vec<Vec<_>>| Some(crate::world::policies::Revocation { files, ..revocation.clone() });
        apart.revocation = with(files.concat().into_iter().map(|list| vec![list]).collect());
        together.revocation = with(vec![files.concat()]);
        twice.revocation = with([files.clone(), files.clone()].concat());
    }
    let mut told = Told::Nothing;
    for other in [&apart, &together, &twice] {
        if same(judge, [policy, other], [peer, peer])? == Told::Much {
            told = Told::Much;
        }
    }
    Ok(told)
}

#[test]
fn l05_splitting_and_doubling_do_not_matter() {
    let law = Law {
        name: "L5 (splitting and doubling do not matter)",
        share: 30,
        worlds: (any_policy(), any_peer()),
        check: splitting_does_not_matter,
        finds: &[Flaw::ExpiredBundleSpoils, Flaw::FingerprintOfEveryFile],
    };
    law.hold();
}

/// `policy` with one field as in `other`.
fn one_field_of(policy: &Policy, other: &Policy, field: usize) -> Policy {
    let (mut mixed, other) = (policy.clone(), other.clone());
    match field {
        0 => mixed.native = other.native,
        1 => mixed.bundles = other.bundles,
        2 => mixed.pinned_certificates = other.pinned_certificates,
        3 => mixed.pinned_keys = other.pinned_keys,
        4 => mixed.revocation = other.revocation,
        5 => mixed.tolerated = other.tolerated,
        6 => mixed.names = other.names,
        _ => mixed.leaf_keys = other.leaf_keys,
    }
    mixed
}

type Pair = (Policy, Policy, usize, [Option<usize>; 2]);

fn fingerprints_are_of_what_decides(judge: &dyn Judge, (policy, other, field, native): &Pair) -> Kept {
    let policy = Policy { native: native[0].or(policy.native), ..policy.clone() };
    let other = Policy { native: native[1].or(other.native), ..other.clone() };
    let other = one_field_of(&policy, &other, *field);
    let all = |policy: &Policy| policy.native.map(|native| NATIVE[native].clone());
    let rules = |policy: &Policy| Judged { policy: policy.clone(), flaw: Flaw::None }.fingerprint();
    let equal = rules(&policy) == rules(&other);
    if equal && all(&policy) != all(&other) {
        // Roots that may not issue decide nothing; whether they count here is left open.
        return Ok(Told::Nothing);
    }
    match (judge.load(&policy), judge.load(&other)) {
        (Ok(one), Ok(two)) if (one.fingerprint() == two.fingerprint()) != equal => {
            Err(format!("the same: {equal}, the fingerprints say the contrary: {policy:#?} {other:#?}"))
        }
        (Ok(_), Ok(_)) => Ok(Told::Much),
        _ => Ok(Told::Nothing),
    }
}

#[test]
fn r09_the_fingerprint_is_of_what_decides() {
    let native = || prop_oneof![Just(None), (0..NATIVE.len()).prop_map(Some)];
    let law = Law {
        name: "R9 (the fingerprint is of what decides)",
        share: 60,
        worlds: (any_policy(), any_policy(), prop_oneof![Just(0), 0..8_usize], [native(), native()]),
        check: fingerprints_are_of_what_decides,
        finds: &[Flaw::FingerprintWithoutNativeRoots],
    };
    law.hold();
}
