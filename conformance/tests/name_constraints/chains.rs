//! The chains: each constraint, at each place of the path, above each leaf; and pairs of constraints in two CAs.

use std::collections::BTreeMap;

use uptls_testkit::{Certificate, Key, NameConstraints, San, Template};

use crate::oracle::{Constraints, Leaf, Presented, Subtree};
use Presented::{Dns, Email, Ip};

/// A root, two intermediates, and what the server sends.
pub struct Chain {
    pub root: Certificate,
    pub sent: Vec<Certificate>,
    pub leaf: Leaf,
    pub host: String,
    /// By place: of the root, of the upper and of the lower intermediate.
    path: [Constraints; 3],
}

impl Chain {
    /// The root's first.
    pub fn constraints(&self) -> Vec<&Constraints> {
        self.path.iter().collect()
    }

    pub fn name(&self) -> String {
        let places = ["root", "upper", "lower"].iter().zip(&self.path);
        let said: Vec<_> = places
            .filter(|(_, constraints)| **constraints != Constraints::default())
            .map(|(place, constraints)| format!("{place} {:?} not {:?}", constraints.permitted, constraints.excluded))
            .collect();
        format!("{:?} for {} below {}", self.leaf.sans, self.host, said.join(", "))
    }
}

/// All of them; some thousand signatures.
pub fn chains() -> Vec<Chain> {
    let mut maker = Maker::default();
    let mut chains = Vec::new();
    for (number, constraints) in constraints().iter().enumerate() {
        for place in 0..3 {
            // Above every leaf at one place, and above a third of them at the others.
            let every = if place == number % 3 { 1 } else { 3 };
            for (leaf, host) in leaves().into_iter().skip(place % every).step_by(every) {
                let mut path: [Constraints; 3] = Default::default();
                path[place] = constraints.clone();
                chains.push(maker.chain(path, leaf, host));
            }
        }
    }
    for (upper, lower) in pairs() {
        for (leaf, host) in leaves() {
            chains.push(maker.chain([upper.clone(), Constraints::default(), lower.clone()], leaf, host));
        }
    }
    chains
}

fn constraints() -> Vec<Constraints> {
    let permitted = |subtrees: &[Subtree]| Constraints { permitted: subtrees.to_vec(), excluded: Vec::new() };
    let excluded = |subtrees: &[Subtree]| Constraints { permitted: Vec::new(), excluded: subtrees.to_vec() };
    let mut all = vec![Constraints::default()];
    for subtree in SUBTREES {
        all.extend([permitted(&[*subtree]), excluded(&[*subtree])]);
    }
    let dns = Subtree::Dns;
    all.extend([
        permitted(&[dns("other.test"), dns("example.test")]),
        excluded(&[dns("other.test"), dns("a.example.test")]),
        permitted(&[dns("example.test"), Subtree::Ip("10.0.0.0", 8)]),
        permitted(&[dns("other.test"), Subtree::Ip("10.0.0.0", 8)]),
        Constraints { permitted: vec![dns("example.test")], excluded: vec![dns("a.example.test")] },
        Constraints { permitted: vec![dns("a.example.test")], excluded: vec![dns("example.test")] },
        Constraints { permitted: vec![Subtree::Ip("10.0.0.0", 8)], excluded: vec![Subtree::Ip("10.1.0.0", 16)] },
        Constraints { permitted: vec![dns("example.test")], excluded: vec![Subtree::Ip("0.0.0.0", 0)] },
    ]);
    all
}

const SUBTREES: &[Subtree] = &[
    Subtree::Dns("example.test"),
    Subtree::Dns(".example.test"),
    Subtree::Dns("EXAMPLE.Test"),
    Subtree::Dns("a.example.test"),
    Subtree::Dns(".a.example.test"),
    Subtree::Dns("b.a.example.test"),
    Subtree::Dns("test"),
    Subtree::Dns("ple.test"),
    Subtree::Dns("other.test"),
    Subtree::Dns(""),
    Subtree::Ip("10.0.0.0", 8),
    Subtree::Ip("10.1.2.3", 32),
    Subtree::Ip("10.1.2.0", 30),
    Subtree::Ip("10.0.0.0", 12),
    Subtree::Ip("0.0.0.0", 0),
    Subtree::Ip("2001:db8::", 32),
    Subtree::Ip("2001:db8::", 33),
    Subtree::Ip("::", 0),
    Subtree::Email("example.test"),
];

/// Constraints of the root, and of the CA that issued the leaf: both hold.
fn pairs() -> Vec<(Constraints, Constraints)> {
    let permitted = |base| Constraints { permitted: vec![Subtree::Dns(base)], excluded: Vec::new() };
    let excluded = |base| Constraints { permitted: Vec::new(), excluded: vec![Subtree::Dns(base)] };
    vec![
        (permitted("example.test"), permitted("a.example.test")),
        (permitted("a.example.test"), permitted("example.test")),
        (permitted("other.test"), permitted("example.test")),
        (excluded("example.test"), permitted("example.test")),
        (permitted("example.test"), excluded("a.example.test")),
        (excluded(""), permitted("")),
    ]
}

/// Names, and the host that is wanted of them.
fn leaves() -> Vec<(Leaf, &'static str)> {
    let one = |name: Presented, host| (Leaf { common_name: "leaf", sans: vec![name] }, host);
    let many = |names: &[Presented], host| (Leaf { common_name: "leaf", sans: names.to_vec() }, host);
    let mut leaves: Vec<_> = [
        ("example.test", "example.test"),
        ("a.example.test", "a.example.test"),
        ("A.EXAMPLE.TEST", "a.example.test"),
        ("b.a.example.test", "b.a.example.test"),
        ("badexample.test", "badexample.test"),
        ("example.test.other.test", "example.test.other.test"),
        ("*.example.test", "a.example.test"),
        ("*.EXAMPLE.test", "c.example.test"),
        ("*.a.example.test", "b.a.example.test"),
        ("*.test.other.test", "example.test.other.test"),
        ("a.example.test", "b.example.test"),
    ]
    .map(|(name, host)| one(Dns(name), host))
    .into();
    leaves.extend(
        ["10.1.2.3", "10.1.2.4", "10.16.0.1", "11.0.0.1", "2001:db8::1", "2001:db8:8000::1", "::ffff:10.1.2.3"]
            .map(|address| one(Ip(address), address)),
    );
    leaves.extend([
        many(&[Dns("a.example.test"), Dns("a.other.test")], "a.example.test"),
        many(&[Dns("a.example.test"), Ip("11.0.0.1")], "a.example.test"),
        many(&[Dns("a.other.test"), Ip("10.1.2.3")], "10.1.2.3"),
        many(&[Dns("a.example.test"), Email("root@example.test")], "a.example.test"),
        many(&[Email("root@example.test")], "example.test"),
        (Leaf { common_name: "a.example.test", sans: Vec::new() }, "a.example.test"),
        (Leaf { common_name: "a.example.test", sans: vec![Dns("b.example.test")] }, "a.example.test"),
    ]);
    leaves
}

/// Issues each CA once.
#[derive(Default)]
struct Maker {
    authorities: BTreeMap<String, [Certificate; 3]>,
}

impl Maker {
    fn chain(&mut self, path: [Constraints; 3], leaf: Leaf, host: &str) -> Chain {
        let [root, upper, lower] =
            self.authorities.entry(format!("{path:?}")).or_insert_with(|| authorities(&path)).clone();
        let sans: Vec<_> = leaf.sans.iter().map(presented).collect();
        let template = Template::leaf(leaf.common_name).with_sans(&sans);
        let issued = template.issued_by(&lower, &Key::p256("name constraints leaf"));
        Chain { root, sent: vec![issued, lower, upper], leaf, host: host.to_owned(), path }
    }
}

fn authorities(path: &[Constraints; 3]) -> [Certificate; 3] {
    let template = |name: &str, constraints: &Constraints| Template {
        name_constraints: (*constraints != Constraints::default()).then(|| NameConstraints {
            permitted: constraints.permitted.iter().map(subtree).collect(),
            excluded: constraints.excluded.iter().map(subtree).collect(),
        }),
        ..Template::ca(name)
    };
    let [root, upper, lower] = path;
    let root = template("Root", root).self_signed(&Key::p256("name constraints root"));
    let upper = template("Upper", upper).issued_by(&root, &Key::p256("name constraints upper"));
    let lower = template("Lower", lower).issued_by(&upper, &Key::p256("name constraints lower"));
    [root, upper, lower]
}

fn presented(name: &Presented) -> San {
    match name {
        Dns(name) => San::dns(name),
        Email(name) => San::Email((*name).into()),
        Ip(address) => San::ip(address),
    }
}

fn subtree(subtree: &Subtree) -> San {
    match subtree {
        Subtree::Dns(base) => San::dns(base),
        Subtree::Email(base) => San::Email((*base).into()),
        Subtree::Ip(base, prefix) => San::subnet(&format!("{base}/{prefix}")),
    }
}
