//! Agreement, or one of the classes of `docs/envoy-differences.md`: never an exception for a pair.

use std::collections::{BTreeMap, BTreeSet};

use uptls::{Category, Code};
use uptls_manifest::envoy::Difference;

use crate::ask::Answer;
use crate::policies::Policy;
use crate::servers::Peer;

/// What has been counted.
#[derive(Default)]
pub(crate) struct Tally {
    accepted: usize,
    /// Pairs and the servers of each class.
    differences: BTreeMap<Difference, (usize, BTreeSet<&'static str>)>,
    /// Offline verdicts that were compared.
    offline: usize,
    refused: usize,
    /// What is neither.
    unexplained: Vec<String>,
}

impl Tally {
    pub(crate) fn add(&mut self, policy: &Policy, peer: &Peer, answer: &Answer) {
        self.compare_offline(policy, peer, answer);
        match (&answer.envoy, &answer.live) {
            (Ok(()), Ok(())) => self.accepted += 1,
            (Err(_), Err(_)) => self.refused += 1,
            (envoy, live) => match class(policy, peer, answer) {
                Some(difference) => {
                    let (pairs, peers) = self.differences.entry(difference).or_default();
                    *pairs += 1;
                    peers.insert(peer.name);
                }
                None => {
                    let (policy, peer) = (policy.name, peer.name);
                    self.unexplained.push(format!("{policy} with {peer}: Envoy {envoy:?}, uptls {live:?}"));
                }
            },
        }
    }

    /// The chain is judged alike live and offline. What fails before, or beside it, is no matter of the chain.
    fn compare_offline(&mut self, policy: &Policy, peer: &Peer, answer: &Answer) {
        let of_chain = |code: &Code| {
            matches!(code.category(), Category::Chain | Category::Name | Category::Revocation)
                // A key that is not the leaf's: only a handshake shows it (V7).
                && !(*code == Code::CertBadSignature && answer.offline.is_ok())
        };
        if answer.live.as_ref().is_err_and(|code| !of_chain(code)) {
            return;
        }
        self.offline += 1;
        if answer.live != answer.offline {
            let (policy, peer) = (policy.name, peer.name);
            self.unexplained
                .push(format!("{policy} with {peer}: live {:?}, offline {:?}", answer.live, answer.offline));
        }
    }

    /// Prints the table; every disagreement must be of a class, and every class must be met.
    pub(crate) fn report(&self, policies: &[Policy], peers: &[Peer]) {
        let differing: usize = self.differences.values().map(|(pairs, _)| pairs).sum();
        let pairs = policies.len() * peers.len();
        println!("envoy: {} policies x {} servers = {pairs} pairs", policies.len(), peers.len());
        println!("  accepted by both    {:>5}", self.accepted);
        println!("  refused by both     {:>5}", self.refused);
        println!("  offline as live     {:>5}", self.offline);
        println!("  differing by class  {differing:>5}");
        for (difference, (pairs, peers)) in &self.differences {
            let shown = match peers.len() {
                0..=4 => peers.iter().copied().collect::<Vec<_>>().join(", "),
                many => format!("{many} servers"),
            };
            println!("    {:<4} {pairs:>4}  {} ({shown})", difference.number(), difference.about());
        }
        let shown = self.unexplained.join("\n");
        assert!(self.unexplained.is_empty(), "{} without a class:\n{shown}", self.unexplained.len());
        assert_eq!(self.accepted + self.refused + differing, pairs);
        let unmet: Vec<_> = Difference::ALL.iter().filter(|class| !self.differences.contains_key(class)).collect();
        assert!(unmet.is_empty(), "no pair shows {unmet:?}");
        for peer in peers {
            let Some(difference) = peer.witness else { continue };
            let shown = self.differences.get(&difference).is_some_and(|(_, peers)| peers.contains(peer.name));
            assert!(shown, "{} is no witness of {difference:?}", peer.name);
        }
    }
}

/// The class of a disagreement: one that the export has warned of, that the server is the witness of, and that goes this
/// way.
fn class(policy: &Policy, peer: &Peer, answer: &Answer) -> Option<Difference> {
    let witnesses = peer.witness.into_iter().chain(OF_POLICIES);
    witnesses.filter(|difference| policy.differences.contains(difference)).find(|difference| goes(*difference, answer))
}

/// Whether Envoy is the looser one, and with which code it is refused here.
fn goes(difference: Difference, answer: &Answer) -> bool {
    let refused_here =
        |codes: &[Code]| answer.envoy.is_ok() && answer.live.as_ref().is_err_and(|code| codes.contains(code));
    let refused_there = |texts: &[&str]| {
        answer.live.is_ok() && answer.envoy.as_ref().is_err_and(|text| texts.iter().any(|part| text.contains(part)))
    };
    match difference {
        Difference::CaAsLeaf => refused_here(&[Code::CertCaAsLeaf]),
        // Beside an anchor of the same name, whose signature it is not, that is what is said.
        Difference::Sha1 => refused_here(&[Code::CertAlgorithmUnsupported, Code::CertBadSignature]),
        Difference::Keys => refused_here(&[Code::CertKeyTooWeak, Code::CertAlgorithmUnsupported]),
        Difference::SpiffeUris => refused_here(&[Code::SpiffeIdInvalid]),
        Difference::NameConstraints => {
            refused_here(&[Code::CertNameConstraint, Code::CertBadSignature])
                || refused_there(&["leaf_has_no_SANs", "unsupported_name_constraint_type"])
        }
        Difference::Form => refused_here(&[Code::CertMalformed]),
        Difference::KeyCurve => refused_there(&["BAD_ECC_CERT"]),
        Difference::Lists => refused_there(&["CRL_is_not_yet_valid", "not_include_CRL_signing"]),
        Difference::Protocols => refused_there(&["NO_APPLICATION_PROTOCOL"]),
        Difference::ChainLength => refused_here(&[Code::CertBudgetExceeded, Code::CertPathTooLong]),
        Difference::KeyIdentifiers => refused_there(&["unable_to_get_local_issuer_certificate"]),
        Difference::PathSearch => refused_there(&["unable_to_get"]),
        _ => false,
    }
}

/// Classes in which the policy decides, for whatever certificate.
const OF_POLICIES: [Difference; 2] = [Difference::KeyCurve, Difference::Lists];
