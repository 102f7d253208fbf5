//! What certificates and lists of a world say, and how they are drawn.

use arbitrary::{Arbitrary, Result, Unstructured};
use uptls_testkit::San;

use super::SUBJECTS;
use crate::draw::Draw;

/// What a certificate says. Times are days from now, names are places in [`SUBJECTS`], keys are numbers.
#[derive(Clone, Debug)]
pub struct Facts {
    pub subject: usize,
    pub key: u8,
    pub issuer: usize,
    pub signer: u8,
    pub ca: Option<bool>,
    pub usage: Option<Usage>,
    pub purposes: Option<Vec<&'static str>>,
    pub path_length: Option<u8>,
    pub begin: i64,
    pub end: i64,
    pub critical: Option<&'static str>,
    pub key_ids: bool,
    pub permitted: Vec<San>,
    pub excluded: Vec<San>,
    pub points: Vec<usize>,
    pub v1: bool,
}

/// Key usage, as far as it decides anything.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Usage {
    pub cert_sign: bool,
    pub crl_sign: bool,
    pub signs: bool,
}

/// The leaf: facts and names.
#[derive(Clone, Debug)]
pub struct Leaf {
    pub facts: Facts,
    pub sans: Vec<San>,
    pub long: usize,
}

/// A revocation list.
#[derive(Clone, Debug)]
pub struct ListFacts {
    pub issuer: usize,
    pub signer: u8,
    pub begin: i64,
    pub end: i64,
    /// Whose serial numbers it holds: 0 is the leaf, then the authorities.
    pub listed: Vec<usize>,
    /// The distribution point that it is for.
    pub point: Option<usize>,
    /// For users' or for authorities' certificates alone.
    pub only: Option<bool>,
    pub key_id: bool,
}

/// Everything that is trusted, sent and listed.
#[derive(Clone, Debug)]
pub struct World {
    pub authorities: Vec<Facts>,
    /// Each bundle is places among the authorities; behind them the leaf.
    pub bundles: Vec<Vec<usize>>,
    pub leaf: Leaf,
    pub sent: Vec<usize>,
    pub lists: Vec<ListFacts>,
    /// A byte of a presented certificate that is changed: which one, where, and by what.
    pub damage: Option<(usize, usize, u8)>,
}

const ISSUES: Usage = Usage { cert_sign: true, crl_sign: true, signs: false };
const SIGNS: Usage = Usage { cert_sign: false, crl_sign: false, signs: true };
const USAGES: &[Option<Usage>] = &[
    Some(SIGNS),
    Some(ISSUES),
    None,
    Some(Usage { cert_sign: true, crl_sign: false, signs: true }),
    Some(Usage { cert_sign: false, crl_sign: true, signs: true }),
    Some(Usage { cert_sign: false, crl_sign: false, signs: false }),
    Some(Usage { cert_sign: true, crl_sign: false, signs: false }),
];
const PURPOSES: &[Option<&[&str]>] = &[
    None,
    Some(&["1.3.6.1.5.5.7.3.1"]),
    Some(&["1.3.6.1.5.5.7.3.2"]),
    Some(&["2.5.29.37.0"]),
    Some(&["1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"]),
    Some(&[]),
];
const CRITICAL: &[Option<&str>] = &[None, Some("1.3.6.1.4.1.57264.99.1"), Some("2.5.29.36"), Some("2.5.29.32")];
const BEGINS: &[i64] = &[-365, -30, -1, 0, 1, 400];
const ENDS: &[i64] = &[300, 30, 1, 0, -1, -40];

/// The plain authorities: root, intermediate, its twin by another key, and others.
fn plain(shape: usize) -> Facts {
    let (subject, key, issuer, signer) =
        [(0, 1, 0, 1), (1, 2, 0, 1), (1, 3, 0, 1), (0, 4, 0, 4), (3, 5, 3, 5), (1, 2, 3, 5), (2, 6, 1, 2)][shape % 7];
    Facts {
        subject,
        key,
        issuer,
        signer,
        ca: Some(true),
        usage: Some(ISSUES),
        purposes: None,
        path_length: None,
        begin: -365,
        end: 3000,
        critical: None,
        key_ids: true,
        permitted: Vec::new(),
        excluded: Vec::new(),
        points: Vec::new(),
        v1: false,
    }
}

impl Facts {
    /// One thing that is not plain.
    fn bend(&mut self, u: &mut Unstructured<'_>) {
        match u.below(15) {
            0 => self.subject = u.below(SUBJECTS.len()),
            1 => self.key = u.pick(&[1, 2, 3, 4, 5, 6, 7]),
            2 => self.issuer = u.below(SUBJECTS.len()),
            3 => self.signer = u.pick(&[1, 2, 3, 4, 5, 6, 7]),
            4 => self.ca = u.pick(&[Some(false), Some(true), None]),
            5 => self.usage = u.pick(USAGES),
            6 => self.purposes = u.pick(PURPOSES).map(<[&str]>::to_vec),
            7 => self.path_length = u.pick(&[Some(0), Some(1), None]),
            8 => self.begin = u.pick(BEGINS),
            9 => self.end = u.pick(ENDS),
            10 => self.critical = u.pick(CRITICAL),
            11 => self.key_ids = !self.key_ids,
            12 => self.permitted.push(constraint(u)),
            13 => self.excluded.push(constraint(u)),
            _ => self.points.push(u.below(2)),
        }
        if u.below(32) == 31 {
            self.v1 = true;
        }
    }

    /// T3: whether it may issue, as its owner wrote it.
    pub fn may_issue(&self) -> bool {
        if self.v1 {
            return self.subject == self.issuer && self.key == self.signer;
        }
        let purpose = |oids: &Vec<&str>| oids.iter().any(|oid| ["1.3.6.1.5.5.7.3.1", "2.5.29.37.0"].contains(oid));
        let policies = ["2.5.29.36", "2.5.29.32"];
        self.ca == Some(true)
            && self.usage.is_none_or(|usage| usage.cert_sign)
            && self.purposes.as_ref().is_none_or(purpose)
            && self.critical.is_none_or(|oid| policies.contains(&oid))
    }
}

fn constraint(u: &mut Unstructured<'_>) -> San {
    match u.below(8) {
        0 => San::dns("test"),
        1 => San::dns("a.test"),
        2 => San::dns(".test"),
        3 => San::subnet("10.0.0.0/8"),
        4 => San::dns("b.test"),
        5 => San::uri("a.test"),
        6 => San::Email("test".to_owned()),
        _ => San::DirectoryName("org".to_owned()),
    }
}

fn leaf(u: &mut Unstructured<'_>) -> Leaf {
    let mut facts = Facts { key: 9, ca: Some(false), usage: Some(SIGNS), begin: -30, end: 60, ..plain(1) };
    facts.subject = SUBJECTS.len();
    (facts.issuer, facts.signer) = u.pick(&[(1, 2), (0, 1), (1, 3), (3, 5), (2, 6)]);
    for _ in 0..u.pick(&[0, 0, 0, 1, 2, 3]) {
        facts.bend(u);
    }
    let mut sans = vec![san(u)];
    for _ in 0..u.below(4) {
        sans.push(san(u));
    }
    if u.below(16) == 15 {
        sans.clear();
    }
    let long = if u.below(24) == 23 { 300 * u.below(20) } else { 0 };
    Leaf { facts, sans, long }
}

fn san(u: &mut Unstructured<'_>) -> San {
    match u.below(9) {
        0 => San::dns("a.test"),
        1 => San::dns("b.test"),
        2 => San::ip("10.0.0.7"),
        3 => San::uri("spiffe://td.test/ns/pay"),
        4 => San::dns("*.test"),
        5 => San::uri("spiffe://other.test/ns/pay"),
        6 => San::dns("*.a.test"),
        7 => San::Email("a@a.test".to_owned()),
        _ => San::RawTag { tag: u.pick(&[0x82, 0x87, 0x86, 0x81]), bytes: u.some_bytes(40) },
    }
}

fn list(u: &mut Unstructured<'_>) -> ListFacts {
    let (issuer, signer) = u.pick(&[(1, 2), (0, 1), (1, 3), (0, 4), (3, 5), (2, 6)]);
    let mut list =
        ListFacts { issuer, signer, begin: -2, end: 20, listed: Vec::new(), point: None, only: None, key_id: true };
    for _ in 0..u.below(4) {
        match u.below(8) {
            0 => list.listed.push(u.below(6)),
            1 => list.begin = u.pick(&[-20, 0, 1, -400]),
            2 => list.end = u.pick(&[0, -1, 1, 400]),
            3 => list.point = u.pick(&[Some(0), Some(1)]),
            4 => list.only = u.pick(&[Some(false), Some(true)]),
            5 => list.key_id = false,
            6 => list.signer = u.pick(&[1, 2, 3, 4, 5, 6, 7]),
            _ => list.issuer = u.below(SUBJECTS.len()),
        }
    }
    list
}

impl<'a> Arbitrary<'a> for World {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let leaf = leaf(u);
        let mut authorities = vec![plain(0), plain(1)];
        for _ in 0..u.below(4) {
            let shape = u.below(7);
            authorities.push(plain(shape));
        }
        for _ in 0..u.pick(&[0, 0, 1, 1, 2, 3]) {
            let place = u.below(authorities.len());
            authorities[place].bend(u);
        }
        let all = authorities.len() + 1;
        let mut bundles = vec![vec![0]];
        for _ in 0..u.below(3) {
            let other = (0..=u.below(2)).map(|_| u.below(all)).collect();
            bundles.push(other);
        }
        if u.below(8) == 7 {
            bundles.remove(0);
        }
        let mut sent = vec![1];
        for _ in 0..u.below(4) {
            sent.push(u.below(all - 1));
        }
        if u.below(8) == 7 {
            sent.clear();
        }
        let lists = (0..u.pick(&[0, 0, 0, 0, 1, 2, 3, 4])).map(|_| list(u)).collect();
        let damage = match u.below(6) {
            5 => Some((u.below(3), u.below(256) * 3 + u.below(3), u.pick(&[1, 0x80, 0xff, 0x20, 2]))),
            _ => None,
        };
        Ok(World { authorities, bundles, leaf, sent, lists, damage })
    }
}
