//! The module inside the real Envoy (X4): the same matrix, and no difference that is the verifier's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use uptls::Code;

use crate::ask::Answer;
use crate::certificates::World;
use crate::policies::{self, Policy};
use crate::servers::{self, Peer};
use uptls_testkit::envoy::{Binary, Envoy, built, cluster};

/// It is a part of the workspace, and there wherever this is.
pub(crate) fn require_module() {
    let path = built().join("libuptls_envoy.so");
    assert!(path.is_file(), "{} is not there: cargo build -p uptls-envoy makes it", path.display());
}

#[test]
fn envoy_gives_the_same_verdict_by_the_module() {
    let Some(binary) = Binary::find() else { return };
    require_module();
    let world = World::new();
    let (policies, peers) = (policies::all_by_module(&world), servers::all(&world));
    let envoy = Envoy::start(&binary, world.folder(), policies.iter().map(Policy::cluster).collect());
    let answers = crate::ask_all(&envoy, &policies, &peers);
    let mut tally = Tally::default();
    for ((policy, peer), answer) in crate::pairs(&policies, &peers).zip(&answers) {
        tally.add(policy, peer, answer);
    }
    tally.report(policies.len(), peers.len());
}

/// X4: a policy that cannot be loaded refuses the configuration, and Envoy's log says why.
#[test]
fn envoy_refuses_a_bad_policy_with_the_reason() {
    let Some(binary) = Binary::find() else { return };
    require_module();
    let world = World::new();
    let good = policies::by_module(&world, "serverName: a.example.com");
    let validate = |context: &Value| binary.validate(world.folder(), &[cluster("one", context)]);
    assert_eq!(validate(&good), Ok(()));
    let pointer = "/common_tls_context/validation_context/custom_validator_config/typed_config";
    let changed = |field: &str, value: Value| {
        let mut context = good.clone();
        context.pointer_mut(pointer).unwrap()[field] = value;
        validate(&context).unwrap_err()
    };
    let document = good.pointer(&format!("{pointer}/validator_config/value")).unwrap().as_str().unwrap();
    let text = |from: &str, to: &str| {
        assert!(document.contains(from), "{document}");
        let config = &good.pointer(&format!("{pointer}/validator_config")).unwrap()["@type"];
        changed("validator_config", json!({"@type": config, "value": document.replace(from, to)}))
    };
    let said = text("root.pem", "absent.pem");
    assert!(said.contains("uptls: the configuration is refused: trust_unreadable: "), "{said}");
    let said = text("serverName", "serverNam");
    assert!(said.contains("uptls: the configuration is refused: document_parse: "), "{said}");
    let said = text("a.example.com", "*.example.com");
    assert!(said.contains("uptls: the configuration is refused: name_invalid: "), "{said}");
    let said = changed("validator_name", json!("mine"));
    assert!(said.contains("uptls: the configuration is refused: policy_invalid: validator_name is mine"), "{said}");
    let said = changed("validator_config", Value::Null);
    assert!(said.contains("uptls: the configuration is refused: document_parse: "), "{said}");
}

#[derive(Default)]
struct Tally {
    accepted: usize,
    /// Decided by Envoy before it asked, or by the peer: pairs, and the servers of each.
    apart: BTreeMap<&'static str, (usize, BTreeSet<&'static str>)>,
    differing: Vec<String>,
    refused: BTreeMap<Code, usize>,
}

impl Tally {
    fn add(&mut self, policy: &Policy, peer: &Peer, answer: &Answer) {
        let (asked, offline) = (asked(answer), answer.offline);
        match (&answer.envoy, asked) {
            (Ok(()), _) if offline.is_ok() => self.accepted += 1,
            (Err(_), Some(code)) if offline == Err(code) => *self.refused.entry(code).or_default() += 1,
            (Err(text), None) => match APART.iter().find(|known| text.contains(**known)) {
                Some(known) => {
                    let (pairs, peers) = self.apart.entry(known).or_default();
                    *pairs += 1;
                    peers.insert(peer.name);
                }
                None => self.differ(policy, peer, answer),
            },
            _ => self.differ(policy, peer, answer),
        }
    }

    fn differ(&mut self, policy: &Policy, peer: &Peer, answer: &Answer) {
        let (policy, peer, Answer { envoy, live, offline }) = (policy.name, peer.name, answer);
        self.differing.push(format!("{policy} with {peer}: Envoy {envoy:?}, verify {offline:?}, live {live:?}"));
    }

    fn report(&self, policies: usize, peers: usize) {
        let refused: usize = self.refused.values().sum();
        let apart: usize = self.apart.values().map(|(pairs, _)| pairs).sum();
        let judged = self.accepted + refused;
        println!("envoy with the module: {policies} policies x {peers} servers = {} pairs", policies * peers);
        println!("  equal verdict and code {judged:>5} of {}", judged + self.differing.len());
        println!("    accepted             {:>5}", self.accepted);
        println!("    refused              {refused:>5}  by {} codes", self.refused.len());
        println!("  outside the verifier   {apart:>5}");
        for (text, (pairs, peers)) in &self.apart {
            let peers = match peers.len() {
                0..=4 => peers.iter().copied().collect::<Vec<_>>().join(", "),
                many => format!("{many} servers"),
            };
            println!("    {text:<36} {pairs:>5}  ({peers})");
        }
        assert!(self.differing.is_empty(), "{} differ:\n{}", self.differing.len(), self.differing.join("\n"));
        assert_eq!(judged + apart, policies * peers);
        assert!(self.refused.len() >= 12, "{:?}", self.refused);
    }
}

/// The code with which the module answered, if Envoy asked it.
fn asked(answer: &Answer) -> Option<Code> {
    let text = answer.envoy.as_ref().err()?;
    let (_, detail) = text.split_once("CERTIFICATE_VERIFY_FAILED:")?;
    let (code, _) = detail.split_once(':')?;
    Some(*Code::ALL.iter().find(|known| known.as_str() == code).unwrap_or_else(|| panic!("{text}")))
}

/// What Envoy's own TLS settings decide before the verifier runs, and what peers decide: always a refusal.
const APART: &[&str] = &[
    // Envoy's handshake: the curve of a key in TLS 1.2 (E7), the leaf's key usage, the peer's own signature.
    "BAD_ECC_CERT",
    "KEY_USAGE_BIT_INCORRECT",
    "BAD_SIGNATURE",
    // An identity that TLS 1.2 has no certificate type for (E17).
    "UNKNOWN_CERTIFICATE_TYPE",
    // The peer's handshake: protocols (E9), versions, suites and groups.
    "TLSV1_ALERT_NO_APPLICATION_PROTOCOL",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "HANDSHAKE_FAILURE_ON_CLIENT_HELLO",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    // The peer's verdict on our identity; in TLS 1.3 it comes after the handshake, and Envoy says only that it ended.
    "TLSV1_ALERT_CERTIFICATE_REQUIRED",
    "TLSV1_ALERT_UNKNOWN_CA",
    "- flags=UC",
];
