//! The certificates that worlds are made of: a table of facts, and each of them minted once.
//!
//! The oracle reads the table and never a certificate.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use uptls_testkit::KeyUsage::{CrlSign, DigitalSignature, KeyCertSign, KeyEncipherment};
use uptls_testkit::{
    ANY, BasicConstraints, CLIENT_AUTH, Certificate, DAY, Key, KeyUsage, NOW, SERVER_AUTH, San, Template, Version,
};

/// What a certificate says, and who signed it. Times are days from now.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// How failures call it.
    pub label: &'static str,
    /// The CN of the subject.
    pub subject: &'static str,
    /// The seed of its key.
    pub key: &'static str,
    /// The CN of the issuer.
    pub issuer: &'static str,
    /// The seed of the key that signed it.
    pub signer: &'static str,
    /// `cA`.
    pub ca: bool,
    /// Whether it is of version 1, without any extension.
    pub v1: bool,
    /// Key usage; `None`: the extension is absent.
    pub usage: Option<&'static [KeyUsage]>,
    /// Extended key usage; `None`: the extension is absent.
    pub purpose: Option<&'static str>,
    /// Whether it has a critical extension that is in no standard.
    pub critical: bool,
    /// `pathLenConstraint`.
    pub path_length: Option<u8>,
    /// The begin of its validity.
    pub begin: i64,
    /// The end of its validity.
    pub end: i64,
    /// The URIs of its CRL distribution points.
    pub points: &'static [&'static str],
    /// The dNSName, or the URI if it is a SPIFFE ID.
    pub name: Option<&'static str>,
}

/// A place in [`POOL`].
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Id(pub usize);

impl Id {
    /// The certificate called `label`.
    pub fn of(label: &str) -> Id {
        Id(POOL.iter().position(|facts| facts.label == label).unwrap_or_else(|| panic!("no certificate {label}")))
    }

    /// What it says.
    pub fn facts(self) -> &'static Facts {
        &POOL[self.0]
    }

    /// The certificate.
    pub fn minted(self) -> &'static Certificate {
        &MINTED[self.0]
    }

    /// The certificate as PEM.
    pub fn pem(self) -> &'static str {
        &PEM[self.0]
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.facts().label)
    }
}

/// The first point that certificates and lists name.
pub const POINT_A: &str = "http://crl.test/a";
/// The second one.
pub const POINT_B: &str = "http://crl.test/b";

const ISSUES: &[KeyUsage] = &[KeyCertSign, CrlSign];

const CA: Facts = Facts {
    label: "",
    subject: "root",
    key: "r1",
    issuer: "root",
    signer: "r1",
    ca: true,
    v1: false,
    usage: Some(ISSUES),
    purpose: None,
    critical: false,
    path_length: None,
    begin: -365,
    end: 3000,
    points: &[],
    name: None,
};

const INTER: Facts = Facts { subject: "inter", key: "i1", end: 1000, ..CA };

const LEAF: Facts = Facts {
    subject: "leaf",
    key: "leaf",
    issuer: "inter",
    signer: "i1",
    ca: false,
    usage: Some(&[DigitalSignature]),
    purpose: Some(SERVER_AUTH),
    begin: -30,
    end: 60,
    name: Some("a.test"),
    ..CA
};

const SELF: Facts = Facts { subject: "self", key: "self", issuer: "self", signer: "self", ..LEAF };

/// Every certificate. What may be trusted stands first, then what a peer sends, and the plainest of each kind first, so that
/// a world shrinks towards it.
pub const POOL: &[Facts] = &[
    // Roots. All but three are the one root, as it might have been made.
    Facts { label: "R", ..CA },
    Facts { label: "S", subject: "other", key: "s", issuer: "other", signer: "s", ..CA },
    Facts { label: "R2", key: "r2", signer: "r2", ..CA },
    Facts { label: "R-no-crl-sign", usage: Some(&[KeyCertSign]), ..CA },
    Facts { label: "R-no-usage", usage: None, ..CA },
    Facts { label: "R-expired", end: -3, ..CA },
    Facts { label: "R-future", begin: 3, ..CA },
    Facts { label: "R-path-0", path_length: Some(0), ..CA },
    Facts { label: "R-any", purpose: Some(ANY), ..CA },
    Facts { label: "R-v1", v1: true, ..CA },
    Facts { label: "R-leaf", ca: false, usage: Some(&[DigitalSignature]), ..CA },
    Facts { label: "R-client", purpose: Some(CLIENT_AUTH), ..CA },
    Facts { label: "R-no-cert-sign", usage: Some(&[CrlSign]), ..CA },
    Facts { label: "R-critical", critical: true, ..CA },
    // Intermediates.
    Facts { label: "I", ..INTER },
    Facts { label: "I2", key: "i2", ..INTER },
    Facts { label: "I-by-S", issuer: "other", signer: "s", ..INTER },
    Facts { label: "I-no-crl-sign", usage: Some(&[KeyCertSign]), ..INTER },
    Facts { label: "I-A", points: &[POINT_A], ..INTER },
    Facts { label: "I-by-R2", signer: "r2", ..INTER },
    Facts { label: "I-expired", end: -3, ..INTER },
    Facts { label: "I-short", end: 5, ..INTER },
    Facts { label: "I-client", purpose: Some(CLIENT_AUTH), ..INTER },
    Facts { label: "I-no-cert-sign", usage: Some(&[CrlSign]), ..INTER },
    Facts { label: "J", subject: "second", key: "j", issuer: "inter", signer: "i1", ..INTER },
    // Strangers: no name leads to them.
    Facts { label: "U", subject: "stranger", key: "u", issuer: "stranger", signer: "u", ..CA },
    Facts { label: "V", subject: "stranger too", key: "v", issuer: "stranger", signer: "u", ..CA },
    // Leaves.
    Facts { label: "leaf", ..LEAF },
    Facts { label: "leaf-A", points: &[POINT_A], ..LEAF },
    Facts { label: "leaf-B", points: &[POINT_B], ..LEAF },
    Facts { label: "leaf-AB", points: &[POINT_A, POINT_B], ..LEAF },
    Facts { label: "leaf-2", signer: "i2", ..LEAF },
    Facts { label: "leaf-R", issuer: "root", signer: "r1", ..LEAF },
    Facts { label: "leaf-R-A", issuer: "root", signer: "r1", points: &[POINT_A], ..LEAF },
    Facts { label: "leaf-R2", issuer: "root", signer: "r2", ..LEAF },
    Facts { label: "leaf-J", issuer: "second", signer: "j", ..LEAF },
    Facts { label: "leaf-expired", end: -5, ..LEAF },
    Facts { label: "leaf-expired-A", end: -5, points: &[POINT_A], ..LEAF },
    Facts { label: "leaf-ends-now", end: 0, ..LEAF },
    Facts { label: "leaf-begins-now", begin: 0, ..LEAF },
    Facts { label: "leaf-future", begin: 3, ..LEAF },
    Facts { label: "leaf-name", name: Some("b.test"), ..LEAF },
    Facts { label: "leaf-usage", usage: Some(&[KeyEncipherment]), ..LEAF },
    Facts { label: "leaf-client", purpose: Some(CLIENT_AUTH), ..LEAF },
    Facts { label: "leaf-key", key: "leaf key", ..LEAF },
    Facts { label: "self", ..SELF },
    Facts { label: "self-A", points: &[POINT_A], ..SELF },
    Facts { label: "self-expired", end: -5, ..SELF },
    Facts { label: "self-ca", ca: true, usage: Some(&[DigitalSignature, KeyCertSign]), ..SELF },
    // Leaves of two SPIFFE trust domains, for L3 alone.
    Facts { label: "leaf-x", name: Some("spiffe://x.test/a"), ..LEAF },
    Facts { label: "leaf-y", name: Some("spiffe://y.test/a"), ..LEAF },
];

/// The ids from `first` to `last`.
fn between(first: &str, last: &str) -> Vec<Id> {
    (Id::of(first).0..=Id::of(last).0).map(Id).collect()
}

/// What bundles hold: roots, intermediates and certificates that are trusted as themselves alone.
pub static TRUSTED: LazyLock<Vec<Id>> = LazyLock::new(|| {
    let leaves = ["leaf", "self", "self-ca", "leaf-expired", "leaf-A", "self-expired"].map(Id::of);
    [between("R", "I-A"), leaves.to_vec()].concat()
});

/// What a peer sends after its leaf.
pub static SENT: LazyLock<Vec<Id>> = LazyLock::new(|| {
    let mut sent = between("I", "V");
    sent.extend(["R", "S", "R2"].map(Id::of));
    sent
});

/// What a peer has as its own.
pub static LEAVES: LazyLock<Vec<Id>> = LazyLock::new(|| between("leaf", "self-ca"));

static MINTED: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
    let mut authorities = BTreeMap::new();
    POOL.iter()
        .map(|facts| {
            let maker = || Template::ca(facts.issuer).self_signed(&key(facts.signer));
            let issuer = authorities.entry((facts.issuer, facts.signer)).or_insert_with(maker);
            template(facts).issued_by(issuer, &key(facts.key))
        })
        .collect()
});

static PEM: LazyLock<Vec<String>> = LazyLock::new(|| MINTED.iter().map(Certificate::pem).collect());

/// The key of this seed.
pub fn key(seed: &str) -> Key {
    Key::p256(&format!("laws {seed}"))
}

fn template(facts: &Facts) -> Template {
    let path_len = facts.path_length;
    let plain = Template {
        version: if facts.v1 { Version::V1 } else { Version::V3 },
        basic_constraints: Some(BasicConstraints { ca: facts.ca, path_len }),
        key_usage: facts.usage.map(<[KeyUsage]>::to_vec),
        extended_key_usage: facts.purpose.map(|purpose| vec![purpose]),
        not_before: NOW + facts.begin * DAY,
        not_after: NOW + facts.end * DAY,
        crl_distribution_points: facts.points.iter().map(|&point| point.to_owned()).collect(),
        sans: facts.name.map(san).into_iter().collect(),
        ..Template::leaf(facts.subject)
    };
    if facts.critical { plain.with_extension("1.3.6.1.4.1.57264.99.1", true, &[5, 0]) } else { plain }
}

fn san(name: &str) -> San {
    if name.starts_with("spiffe://") { San::uri(name) } else { San::dns(name) }
}
