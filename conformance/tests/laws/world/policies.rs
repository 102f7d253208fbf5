//! Policies and peers of worlds: choices, and the draft that says the same to the library.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::select;
use uptls::{
    MaterialDraft, PolicyDraft, PolicySpec, RevocationDraft, SanDraft, SystemTrustDraft, TolerationDraft, TrustDraft,
};

use super::certificates::{Id, LEAVES, SENT, TRUSTED};
use super::lists::{List, any_list};

/// What a policy says. A field of the document each.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// The bundles, one file each.
    pub bundles: Vec<Vec<Id>>,
    /// `system: native`, and which of [`NATIVE`] the machine has.
    pub native: Option<usize>,
    pub pinned_certificates: Vec<Id>,
    pub pinned_keys: Vec<Id>,
    /// The lists, one file each; `None`: no `revocation` at all.
    pub revocation: Option<Revocation>,
    pub tolerated: Vec<(Rule, Until)>,
    pub names: Vec<&'static str>,
    /// `spkiPins`.
    pub leaf_keys: Vec<Id>,
}

/// `spec.revocation`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Revocation {
    pub files: Vec<Vec<List>>,
    /// `depth: leaf`.
    pub leaf_only: bool,
    /// `unknown: allow`.
    pub allow: bool,
}

/// A rule that `danger.tolerate` may name.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Rule {
    ExpiredAnchor,
    ExpiredLeaf,
    KeyUsage,
}

/// Until when, in days from now; `None`: without end.
pub type Until = Option<i64>;

/// The root files that machines have. Each has a root that nothing leads to, so that each of them loads.
pub static NATIVE: LazyLock<Vec<Vec<Id>>> = LazyLock::new(|| {
    let roots = |labels: &[&str]| labels.iter().map(|label| Id::of(label)).chain([Id::of("U")]).collect();
    let single = TRUSTED.iter().map(|id| roots(&[id.facts().label]));
    single.chain([roots(&["R", "S"]), roots(&["R-expired", "R"])]).collect()
});

/// What a peer presents, and the host that the caller wants.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Peer {
    pub leaf: Id,
    pub rest: Vec<Id>,
    pub host: &'static str,
}

impl Policy {
    /// A policy that trusts the plain root and nothing else.
    pub fn plain() -> Policy {
        Policy {
            bundles: vec![vec![Id::of("R")]],
            native: None,
            pinned_certificates: Vec::new(),
            pinned_keys: Vec::new(),
            revocation: None,
            tolerated: Vec::new(),
            names: Vec::new(),
            leaf_keys: Vec::new(),
        }
    }

    /// The lists, whatever files they are in.
    pub fn lists(&self) -> impl Iterator<Item = &List> {
        self.revocation.iter().flat_map(|revocation| revocation.files.iter().flatten())
    }

    /// The same with `list` in a file of its own.
    pub fn with_list(&self, list: List) -> Policy {
        let mut policy = self.clone();
        if let Some(revocation) = &mut policy.revocation {
            revocation.files.push(vec![list]);
        }
        policy
    }

    /// The draft of this policy.
    #[allow(clippy::field_reassign_with_default, reason = "a new field of the draft is none of a world's concern")]
    pub fn draft(&self) -> PolicyDraft {
        let text = |text: &str| Some(text.to_owned());
        let mut trust = TrustDraft::default();
        trust.bundles = self.bundles.iter().map(|ids| MaterialDraft::pem(pem_of(ids))).collect();
        trust.pinned_certificates = self.pinned_certificates.iter().map(|id| hex(&id.minted().sha256())).collect();
        trust.pinned_keys = self.pinned_keys.iter().map(|id| base64(&id.minted().spki_sha256())).collect();
        trust.system = self.native.map_or(SystemTrustDraft::Off, |_| SystemTrustDraft::Native);
        let file = |lists: &Vec<List>| MaterialDraft::pem(lists.iter().map(List::pem).collect::<String>());
        let revocation = self.revocation.as_ref().map(|revocation| RevocationDraft {
            crls: revocation.files.iter().map(file).collect(),
            depth: text(if revocation.leaf_only { "leaf" } else { "chain" }),
            unknown: text(if revocation.allow { "allow" } else { "deny" }),
        });
        let mut spec = PolicySpec { trust, revocation, ..PolicySpec::default() };
        spec.danger.tolerate = self.tolerated.iter().map(|(rule, until)| rule.draft(*until)).collect();
        spec.subject_alt_names = self.names.iter().map(|&name| SanDraft::dns(name)).collect();
        spec.spki_pins = self.leaf_keys.iter().map(|id| base64(&id.minted().spki_sha256())).collect();
        PolicyDraft::new(spec)
    }
}

impl Rule {
    fn draft(self, until: Until) -> TolerationDraft {
        let rule = match self {
            Rule::ExpiredAnchor => "expired_anchor",
            Rule::ExpiredLeaf => "expired_leaf",
            Rule::KeyUsage => "key_usage",
        };
        let until = until.map(|days| {
            // 2026-11-23 is day 0; worlds stay within the month of it.
            let day = 23 + days;
            assert!((1..=30).contains(&day));
            format!("2026-11-{day:02}T00:00:00Z")
        });
        TolerationDraft { reason: "a world".to_owned(), rule: rule.to_owned(), until }
    }
}

pub fn pem_of(ids: &[Id]) -> String {
    ids.iter().map(|id| id.pem()).collect()
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(digest: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// Something that is trusted: the plain root in half of all cases.
pub fn any_trusted() -> impl Strategy<Value = Id> {
    prop_oneof![2 => Just(Id::of("R")), 3 => select(TRUSTED.as_slice())]
}

/// Lists: one to five of them, in files of one or two.
pub fn any_revocation() -> impl Strategy<Value = Revocation> {
    let files = proptest::collection::vec(proptest::collection::vec(any_list(), 1..3), 1..4);
    (files, any::<bool>(), any::<bool>()).prop_map(|(files, leaf_only, allow)| Revocation { files, leaf_only, allow })
}

/// Any policy: trust of all kinds, lists in four of five, and now and then a toleration, names and pins.
pub fn any_policy() -> impl Strategy<Value = Policy> {
    let bundles = proptest::collection::vec(proptest::collection::vec(any_trusted(), 1..3), 1..3);
    let native = prop_oneof![4 => Just(None), 1 => (0..NATIVE.len()).prop_map(Some)];
    let rarely = || prop_oneof![6 => Just(Vec::new()), 1 => select(LEAVES.as_slice()).prop_map(|id| vec![id])];
    let revocation = prop_oneof![1 => Just(None), 4 => any_revocation().prop_map(Some)];
    let rule = select(&[Rule::ExpiredAnchor, Rule::ExpiredLeaf, Rule::KeyUsage][..]);
    let tolerated = (rule, select(&[None, Some(5), Some(-1), Some(0)][..]));
    let tolerated = prop_oneof![3 => Just(Vec::new()), 1 => proptest::collection::vec(tolerated, 1..3)];
    let names = prop_oneof![
        4 => Just(Vec::new()),
        1 => select(vec![vec!["a.test"], vec!["b.test"], vec!["b.test", "a.test"]]),
    ];
    let pins = select(&["leaf", "leaf-key"][..]).prop_map(|label| vec![Id::of(label)]);
    let leaf_keys = prop_oneof![8 => Just(Vec::new()), 1 => pins];
    let trust = (bundles, native, rarely(), rarely());
    (trust, revocation, tolerated, names, leaf_keys).prop_map(|(trust, revocation, tolerated, names, leaf_keys)| {
        let (bundles, native, pinned_certificates, pinned_keys) = trust;
        Policy { bundles, native, pinned_certificates, pinned_keys, revocation, tolerated, names, leaf_keys }
    })
}

/// Any peer: a leaf, and up to four certificates after it, in any order and more than once.
pub fn any_peer() -> impl Strategy<Value = Peer> {
    let leaf = prop_oneof![2 => select(vec![Id::of("leaf"), Id::of("leaf-A")]), 3 => select(LEAVES.as_slice())];
    let sent = || prop_oneof![3 => Just(Id::of("I")), 4 => select(SENT.as_slice())];
    let rest = prop_oneof![3 => sent().prop_map(|id| vec![id]), 2 => proptest::collection::vec(sent(), 0..5)];
    let host = prop_oneof![15 => Just("a.test"), 1 => Just("b.test")];
    (leaf, rest, host).prop_map(|(leaf, rest, host)| Peer { leaf, rest, host })
}
