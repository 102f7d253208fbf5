//! L16: what the peer leaves out or adds never turns a refusal into an acceptance, but for a path that was missing.

use proptest::prelude::*;

use crate::harness::{Kept, Law, Told};
use crate::world::certificates::Id;
use crate::world::judge::Judge;
use crate::world::oracle::{Flaw, may_issue};
use crate::world::policies::{Peer, Policy, any_peer, any_policy};

fn leaving_out_opens_nothing(judge: &dyn Judge, (policy, peer, kept): &(Policy, Peer, u8)) -> Kept {
    let left = peer.rest.iter().enumerate().filter(|(index, _)| kept >> index & 1 == 0).map(|(_, id)| *id);
    let silent = Peer { rest: left.collect(), ..peer.clone() };
    let Ok(loaded) = judge.load(policy) else { return Ok(Told::Nothing) };
    let (all, less) = (loaded.verdict(peer), loaded.verdict(&silent));
    match (all.accepts(), less.accepts()) {
        (false, true) => {
            Err(format!("refused with {}, and accepted when {:?} is all that is sent", all.code(), silent.rest))
        }
        (false, false) if silent != *peer => Ok(Told::Much),
        _ => Ok(Told::Nothing),
    }
}

#[test]
fn l16_leaving_certificates_out_opens_nothing() {
    let law = Law {
        name: "L16 (leaving certificates out opens nothing)",
        share: 50,
        worlds: (any_policy(), any_peer(), any::<u8>()),
        check: leaving_out_opens_nothing,
        finds: &[Flaw::FirstPathDecides, Flaw::RevokedPathEndsAll],
    };
    law.hold();
}

fn adding_changes_nothing(judge: &dyn Judge, (policy, peer, places): &(Policy, Peer, Vec<u8>)) -> Kept {
    let Ok(loaded) = judge.load(policy) else { return Ok(Told::Nothing) };
    // What is there already, and what no name leads to.
    let noise = [peer.rest.clone(), vec![Id::of("U"), Id::of("V"), peer.leaf]].concat();
    let mut more = peer.clone();
    for place in places {
        let place = usize::from(*place);
        more.rest.insert(place % (more.rest.len() + 1), noise[place % noise.len()]);
    }
    let (plain, noisy) = (loaded.verdict(peer), loaded.verdict(&more));
    if plain != noisy {
        return Err(format!("{plain:?}, and {noisy:?} for {:?}", more.rest));
    }
    // What the policy trusts to issue, and the peer sends though it need not.
    more.rest.extend(policy.bundles.iter().flatten().copied().filter(|id| may_issue(id.facts())));
    let rooted = loaded.verdict(&more);
    if plain.accepts() != rooted.accepts() {
        return Err(format!("{plain:?}, and {rooted:?} for {:?}", more.rest));
    }
    Ok(Told::Much)
}

#[test]
fn l16_adding_what_leads_nowhere_changes_nothing() {
    let law = Law {
        name: "L16 (adding what leads nowhere changes nothing)",
        share: 40,
        worlds: (any_policy(), any_peer(), proptest::collection::vec(any::<u8>(), 1..8)),
        check: adding_changes_nothing,
        finds: &[Flaw::LongChainsAreRefused],
    };
    law.hold();
}
