//! The whole verdict beside the oracle's: T3 to T5, D4, V2 to V6, code and end of the proof.

use crate::harness::{Kept, Law, Told};
use crate::world::judge::{Judge, Verdict, coarse};
use crate::world::oracle::{Expected, Flaw, Judged};
use crate::world::policies::{Peer, Policy, any_peer, any_policy};

fn is_as_the_rules_say(judge: &dyn Judge, (policy, peers): &(Policy, Vec<Peer>)) -> Kept {
    let rules = Judged { policy: policy.clone(), flaw: Flaw::None };
    let loaded = match judge.load(policy) {
        Ok(loaded) => loaded,
        Err("trust_bundle_expired") if rules.has_ended() => return Ok(Told::Nothing),
        Err(code) => return Err(format!("it does not load: {code}")),
    };
    if rules.has_ended() {
        return Err("it loads, although all of its trust has ended".to_owned());
    }
    for peer in peers {
        let (expected, got) = (rules.expected(peer), loaded.verdict(peer));
        let agrees = match (&expected, &got) {
            // What a toleration adds to the end of a proof has a law of its own (L17).
            (Expected::Accepted(ends), Verdict::Accepted { until }) => {
                !policy.tolerated.is_empty() || ends.contains(until)
            }
            (Expected::Refused(codes), Verdict::Refused(code)) => codes.contains(coarse(code)),
            _ => false,
        };
        if !agrees {
            return Err(format!("{peer:?}: {got:?}, and the rules say {expected:?}"));
        }
    }
    Ok(Told::Much)
}

#[test]
fn every_verdict_is_the_oracles() {
    let law = Law {
        name: "V (every verdict is the oracle's)",
        share: 220,
        worlds: (any_policy(), proptest::collection::vec(any_peer(), 2)),
        check: is_as_the_rules_say,
        finds: &[
            Flaw::AnyNativeRootIssues,
            Flaw::ExpiredBundleSpoils,
            Flaw::FirstPathDecides,
            Flaw::FirstListAlone,
            Flaw::FutureListsCount,
            Flaw::AnyKeySignsLists,
            Flaw::NamesByteForByte,
            Flaw::NewestListAlone,
            Flaw::RevokedPathEndsAll,
            Flaw::ItselfIsNeverRevoked,
            Flaw::PinnedIsNeverRevoked,
            Flaw::PointCoversAll,
            Flaw::ScopeBeforeRevocation,
            Flaw::StaleListsCover,
            Flaw::StaleListDecides,
            Flaw::UntilOfEveryList,
            Flaw::UntilOfLeaf,
            Flaw::AnchorsNeverExpire,
        ],
    };
    law.hold();
}
