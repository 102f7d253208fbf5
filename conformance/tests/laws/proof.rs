//! L17: a proof holds when it is made, and ends with what the verdict rests on, of nothing else.

use proptest::prelude::*;
use uptls_testkit::{DAY, NOW};

use crate::harness::{Kept, Law, Told};
use crate::world::judge::{Judge, Verdict};
use crate::world::lists::{List, SIGNERS, any_list};
use crate::world::oracle::Flaw;
use crate::world::policies::{Peer, Policy, any_peer, any_policy};

fn a_proof_holds_when_it_is_made(judge: &dyn Judge, (policy, peer): &(Policy, Peer)) -> Kept {
    let Ok(Verdict::Accepted { until }) = judge.judge(policy, peer) else { return Ok(Told::Nothing) };
    let leaf = peer.leaf.facts();
    if leaf.begin > 0 || until < NOW {
        return Err(format!("accepted, and the proof lasts until {} days from now", (until - NOW) / DAY));
    }
    // No later than the leaf, or than the toleration of its end.
    let tolerated = policy.tolerated.iter().map(|(_, until)| until.unwrap_or(i64::MAX));
    let last = tolerated.chain([leaf.end]).max().unwrap_or(leaf.end);
    if (until - NOW) / DAY > last {
        return Err(format!("the proof lasts for {} days, the leaf for {}", (until - NOW) / DAY, leaf.end));
    }
    // No later than the lists without which the leaf would not have been accepted.
    let ends = policy.lists().filter(|list| SIGNERS[list.signer].0 == leaf.issuer).map(|list| list.age.days().1);
    let denies = policy.revocation.as_ref().is_some_and(|revocation| !revocation.allow);
    match ends.max() {
        None if denies => Err("accepted without a list".to_owned()),
        Some(end) if denies && until > NOW + end * DAY => {
            Err("the proof lasts longer than every list of the issuer".to_owned())
        }
        _ => Ok(Told::Much),
    }
}

#[test]
fn l17_a_proof_holds_when_it_is_made() {
    let law = Law {
        name: "L17 (a proof holds when it is made)",
        share: 50,
        worlds: (any_policy(), any_peer()),
        check: a_proof_holds_when_it_is_made,
        finds: &[Flaw::UntilOfEveryList, Flaw::UntilOfLeaf, Flaw::StaleListsCover],
    };
    law.hold();
}

fn other_issuers_end_no_proof(judge: &dyn Judge, (policy, list, peer): &(Policy, List, Peer)) -> Kept {
    let issuer = SIGNERS[list.signer].0;
    if policy.revocation.is_none()
        || std::iter::once(&peer.leaf).chain(&peer.rest).any(|id| id.facts().issuer == issuer)
    {
        return Ok(Told::Nothing);
    }
    match (judge.judge(policy, peer), judge.judge(&policy.with_list(*list), peer)) {
        (Ok(before), Ok(after)) if before != after => {
            Err(format!("{before:?}, and with a list of another CA {after:?}"))
        }
        (Ok(before), Ok(_)) if before.accepts() => Ok(Told::Much),
        _ => Ok(Told::Nothing),
    }
}

#[test]
fn l17_lists_of_other_issuers_end_no_proof() {
    let strange = (any_list(), 2..SIGNERS.len()).prop_map(|(list, signer)| List { signer, ..list });
    let law = Law {
        name: "L17 (lists of other issuers end no proof)",
        share: 40,
        worlds: (any_policy(), strange, any_peer()),
        check: other_issuers_end_no_proof,
        finds: &[Flaw::UntilOfEveryList],
    };
    law.hold();
}
