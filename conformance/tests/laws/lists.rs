//! L1: adding a revocation list never turns a refusal into an acceptance, unless it was refused since no list covered it;
//! what any list of its issuer names is revoked, whatever else stands in the policy.

use proptest::prelude::*;

use crate::harness::{Kept, Law, Told};
use crate::world::judge::Judge;
use crate::world::lists::{Content, List, SIGNERS, any_list};
use crate::world::oracle::{Expected, Flaw, Judged};
use crate::world::policies::{Peer, Policy, any_peer, any_policy, any_revocation};

fn with_lists() -> impl Strategy<Value = (Policy, List, Peer)> {
    let policy = (any_policy(), any_revocation());
    let policy = policy.prop_map(|(policy, revocation)| Policy { revocation: Some(revocation), ..policy });
    (policy, any_list(), any_peer())
}

fn adding_a_list_opens_nothing(judge: &dyn Judge, (policy, list, peer): &(Policy, List, Peer)) -> Kept {
    let (Ok(before), Ok(after)) = (judge.judge(policy, peer), judge.judge(&policy.with_list(*list), peer)) else {
        return Ok(Told::Nothing);
    };
    if before.accepts() || before.is_uncovered() {
        return Ok(Told::Nothing);
    }
    if !after.accepts() {
        return Ok(Told::Much);
    }
    // Another path than the one that gave the code may have lacked a list.
    let rules = Judged { policy: policy.clone(), flaw: Flaw::None };
    match rules.expected(peer) {
        Expected::Refused(codes)
            if codes.iter().any(|code| code.starts_with("crl_") || *code == "revocation_unknown") =>
        {
            Ok(Told::Nothing)
        }
        _ => Err(format!("refused with {}, and with one list more accepted", before.code())),
    }
}

fn what_a_list_of_its_issuer_names_is_revoked(judge: &dyn Judge, (policy, list, peer): &(Policy, List, Peer)) -> Kept {
    let leaf = peer.leaf.facts();
    // The list as its issuer would make it to revoke this leaf, whatever its scope and age.
    let signer = SIGNERS.iter().position(|signer| *signer == (leaf.issuer, leaf.signer)).expect("a signer of leaves");
    let list = List { signer, content: Content::Leaves, broken: false, ..*list };
    if list.age.days().0 > 0 {
        return Ok(Told::Nothing);
    }
    match judge.judge(&policy.with_list(list), peer) {
        Ok(verdict) if verdict.accepts() => Err(format!("accepted, and revoked by {list:?}")),
        Ok(verdict) if verdict.code() == "cert_revoked" => Ok(Told::Much),
        _ => Ok(Told::Nothing),
    }
}

#[test]
fn l01_adding_a_list_opens_nothing() {
    let law = Law {
        name: "L1 (adding a list opens nothing)",
        share: 110,
        worlds: with_lists(),
        check: adding_a_list_opens_nothing,
        finds: &[Flaw::NewestListAlone],
    };
    law.hold();
}

#[test]
fn l01_what_a_list_names_is_revoked() {
    let law = Law {
        name: "L1 (what a list names is revoked)",
        share: 70,
        worlds: with_lists(),
        check: what_a_list_of_its_issuer_names_is_revoked,
        finds: &[
            Flaw::FirstListAlone,
            Flaw::ItselfIsNeverRevoked,
            Flaw::NamesByteForByte,
            Flaw::NewestListAlone,
            Flaw::PinnedIsNeverRevoked,
            Flaw::ScopeBeforeRevocation,
        ],
    };
    law.hold();
}
