//! Agreement, or one of the classes of `docs/envoy-differences.md`: never an exception for a pair.

use std::collections::{BTreeMap, BTreeSet};

use uptls::{Category, Code};
use uptls_manifest::envoy::Difference;

use crate::ask::Answer;
use crate::policies::{Policy, WITNESSES};
use crate::servers::Peer;

/// What has been counted.
#[derive(Default)]
pub(crate) struct Tally {
    accepted: usize,
    /// Pairs, servers and policies of each class.
    differences: BTreeMap<Difference, Shown>,
    /// Offline verdicts that were compared.
    offline: usize,
    refused: usize,
    /// What is neither.
    unexplained: Vec<String>,
}

#[derive(Default)]
struct Shown {
    pairs: usize,
    peers: BTreeSet<&'static str>,
    policies: BTreeSet<&'static str>,
}

impl Tally {
    pub(crate) fn add(&mut self, policy: &Policy, peer: &Peer, answer: &Answer) {
        self.compare_offline(policy, peer, answer);
        match (&answer.envoy, &answer.live) {
            (Ok(()), Ok(())) => self.accepted += 1,
            (Err(_), Err(_)) => self.refused += 1,
            (envoy, live) => match class(policy, peer, answer) {
                Some(difference) => {
                    let shown = self.differences.entry(difference).or_default();
                    shown.pairs += 1;
                    shown.peers.insert(peer.name);
                    shown.policies.insert(policy.name);
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
        let differing: usize = self.differences.values().map(|shown| shown.pairs).sum();
        let pairs = policies.len() * peers.len();
        println!("envoy: {} policies x {} servers = {pairs} pairs", policies.len(), peers.len());
        println!("  accepted by both    {:>5}", self.accepted);
        println!("  refused by both     {:>5}", self.refused);
        println!("  offline as live     {:>5}", self.offline);
        println!("  differing by class  {differing:>5}");
        for (difference, Shown { pairs, peers, policies }) in &self.differences {
            let listed = |names: &BTreeSet<&str>| names.iter().copied().collect::<Vec<_>>().join(", ");
            let shown = match (peers.len(), policies.len()) {
                (0..=4, _) => listed(peers),
                (many, 0..=8) => format!("{many} servers with {}", listed(policies)),
                (many, _) => format!("{many} servers"),
            };
            println!("    {:<4} {pairs:>4}  {} ({shown})", difference.number(), difference.about());
        }
        let shown = self.unexplained.join("\n");
        assert!(self.unexplained.is_empty(), "{} without a class:\n{shown}", self.unexplained.len());
        assert_eq!(self.accepted + self.refused + differing, pairs);
        let unmet: Vec<_> = Difference::ALL.iter().filter(|class| !self.differences.contains_key(class)).collect();
        assert!(unmet.is_empty(), "no pair shows {unmet:?}");
        let has = |difference: &Difference, is_there: &dyn Fn(&Shown) -> bool| {
            self.differences.get(difference).is_some_and(is_there)
        };
        for peer in peers {
            let Some(difference) = peer.witness else { continue };
            let shown = has(&difference, &|shown| shown.peers.contains(peer.name));
            assert!(shown, "{} is no witness of {difference:?}", peer.name);
        }
        for (policy, difference) in WITNESSES {
            let shown = has(difference, &|shown| shown.policies.contains(policy));
            assert!(shown, "{policy} is no witness of {difference:?}");
        }
    }
}

/// The class of a disagreement: one that the export has warned of, that the server or the policy is a witness of, and that
/// goes this way.
fn class(policy: &Policy, peer: &Peer, answer: &Answer) -> Option<Difference> {
    let few_curves = policy.lacks_a_curve().then_some(Difference::KeyCurve);
    let witnesses = peer.witness.into_iter().chain(policy.witness()).chain(few_curves);
    let mut witnesses = witnesses.filter(|difference| policy.differences.contains(difference));
    witnesses.find(|difference| goes(*difference, answer))
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
        Difference::Lists => refused_here(&[Code::CertRevoked]),
        Difference::Protocols => refused_there(&["NO_APPLICATION_PROTOCOL"]),
        Difference::ChainLength => refused_here(&[Code::CertBudgetExceeded, Code::CertPathTooLong]),
        Difference::KeyIdentifiers => refused_there(&["unable_to_get_local_issuer_certificate"]),
        Difference::PathSearch => refused_there(&["unable_to_get"]),
        Difference::IssuerNames => refused_here(&[Code::CertUnknownIssuer, Code::CertMissingIntermediate]),
        // Of two of one name the diagnosis may take the other one.
        Difference::SelfIssued => refused_here(&[Code::CertPathTooLong]),
        Difference::PolicyExtensions => refused_here(&[Code::CertCriticalExtension]),
        Difference::SignatureSchemes => refused_there(&["SSLV3_ALERT_HANDSHAKE_FAILURE"]),
        Difference::Identity => refused_there(&["UNKNOWN_CERTIFICATE_TYPE", "NO_COMMON_SIGNATURE_ALGORITHMS"]),
        _ => false,
    }
}
