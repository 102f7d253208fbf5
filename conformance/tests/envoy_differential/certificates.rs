//! The certificates that policies trust and servers present: one hierarchy, and its damaged relatives.
//!
//! All are valid for decades: Envoy's clock is the system's.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use uptls_testkit::{
    BasicConstraints, CLIENT_AUTH, Certificate, CrlTemplate, Key, KeyUsage, NOW, NameConstraints, NameEncoding,
    RawExtension, San, SignatureHash, Template, Version, YEAR, chain_pem, crl_pem,
};

/// The hierarchy, and a folder with the files that policies name.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) root: Certificate,
    pub(crate) issuing: Certificate,
    /// Under the same root, with an RSA key.
    pub(crate) rsa_issuing: Certificate,
    /// With keys of the three sizes.
    pub(crate) ml_dsa_roots: [Certificate; 3],
    /// Another hierarchy altogether.
    pub(crate) other_root: Certificate,
    pub(crate) other_issuing: Certificate,
    /// Signed by itself, and in one of the bundles.
    pub(crate) itself: Certificate,
    /// On the list of the issuing CA.
    pub(crate) revoked: Certificate,
    /// On the list of the root.
    pub(crate) revoked_issuing: Certificate,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = root_template().self_signed(&root_key());
        let issuing = issuing_template().issued_by(&root, &issuing_key());
        let rsa_issuing = Template::ca("differential rsa").lasting().issued_by(&root, &Key::rsa2048(0));
        let root_of = |name: &str, key: Key| Template::ca(name).lasting().self_signed(&key);
        let ml_dsa_roots = [
            root_of("root 44", Key::mldsa44("root")),
            root_of("root 65", Key::mldsa65("root")),
            root_of("root 87", Key::mldsa87("root")),
        ];
        let other_root = Template::ca("other root").lasting().self_signed(&Key::p256("other root"));
        let other_issuing = issuing_template().issued_by(&other_root, &issuing_key());
        let itself = leaf().self_signed(&Key::p256("itself"));
        let revoked = leaf().issued_by(&issuing, &Key::p256("revoked"));
        let revoked_issuing = Template::ca("revoked issuing").lasting().issued_by(&root, &Key::p256("revoked issuing"));
        let folder = TempDir::new().unwrap();
        let world = Self {
            folder,
            root,
            issuing,
            rsa_issuing,
            ml_dsa_roots,
            other_root,
            other_issuing,
            itself,
            revoked,
            revoked_issuing,
        };
        world.write_bundles();
        world.write_lists();
        world.write_identities();
        world
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn leaf_key() -> Key {
        Key::p256("leaf")
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder().join(name), text).unwrap();
    }

    /// The root under its own name and key, but with other terms: whatever it issued is judged by them.
    fn write_bundles(&self) {
        let root = |template: Template| template.self_signed(&root_key()).pem();
        let permitted = NameConstraints { permitted: vec![San::dns("example.com")], excluded: Vec::new() };
        let excluded = NameConstraints { permitted: Vec::new(), excluded: vec![San::dns("deep.example.com")] };
        let ca = |path_len| Some(BasicConstraints { ca: true, path_len });
        let no_ca = Some(BasicConstraints { ca: false, path_len: None });
        let expired = root_template().with_validity(NOW - 10 * YEAR, NOW - YEAR);
        let future = root_template().with_validity(NOW + YEAR, NOW + 2 * YEAR);
        let none_below = Template { basic_constraints: ca(Some(0)), ..issuing_template() };
        let none_below = none_below.issued_by(&self.root, &issuing_key());
        let own = self.root.pem();
        let [first, second, third] = &self.ml_dsa_roots;
        let namesake = root_template().self_signed(&namesake_key()).pem();
        let broken = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
        for (name, text) in [
            ("root.pem", own.clone()),
            ("issuing.pem", self.issuing.pem()),
            ("ml-dsa.pem", [&*own, &first.pem(), &second.pem(), &third.pem()].concat()),
            ("stranger.pem", self.other_root.pem()),
            ("none-below.pem", none_below.pem()),
            ("other.pem", chain_pem(&[&self.other_root, &self.root])),
            ("itself.pem", chain_pem(&[&self.itself, &self.root])),
            ("messy.pem", format!("text\n{own}{broken}more\n{own}")),
            ("namesake.pem", format!("{namesake}{own}")),
            ("expired-too.pem", format!("{}{own}", root(expired))),
            ("permitted.pem", root(Template { name_constraints: Some(permitted), ..root_template() })),
            ("excluded.pem", root(Template { name_constraints: Some(excluded), ..root_template() })),
            ("one-below.pem", root(Template { basic_constraints: ca(Some(1)), ..root_template() })),
            ("may-not-sign.pem", root(Template { key_usage: Some(vec![KeyUsage::CrlSign]), ..root_template() })),
            ("for-clients.pem", root(Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..root_template() })),
            (
                "server.pem",
                root(Template {
                    basic_constraints: no_ca,
                    key_usage: Some(vec![KeyUsage::DigitalSignature]),
                    ..root_template()
                }),
            ),
            ("future-first.pem", format!("{}{own}", root(future.clone()))),
            ("future-last.pem", format!("{own}{}", root(future))),
            ("v1.pem", root(Template { version: Version::V1, ..root_template() })),
            (
                "server-auth.pem",
                root(Template { extended_key_usage: Some(vec![uptls_testkit::SERVER_AUTH]), ..root_template() }),
            ),
            ("no-usage.pem", root(Template { key_usage: None, ..root_template() })),
            ("no-crl-sign.pem", root(Template { key_usage: Some(vec![KeyUsage::KeyCertSign]), ..root_template() })),
        ] {
            self.write(name, &text);
        }
    }

    fn write_lists(&self) {
        let list = |issuer: &Certificate, template: CrlTemplate| crl_pem(&template.issued_by(issuer));
        let root = list(&self.root, long(&[&self.revoked_issuing]));
        let issuing = list(&self.issuing, long(&[&self.revoked]));
        let others = list(&self.rsa_issuing, long(&[])) + &list(&self.revoked_issuing, long(&[]));
        let none = |template: CrlTemplate| list(&self.issuing, CrlTemplate { revoked: Vec::new(), ..template });
        // Later than the others, which are twenty years old.
        let later = CrlTemplate { this_update: NOW - YEAR, ..long(&[]) };
        let future =
            CrlTemplate { this_update: NOW + YEAR, next_update: Some(NOW + 2 * YEAR), ..CrlTemplate::new(&[]) };
        let point = later.clone().with_distribution_point("http://crl.test/a");
        let naming = CrlTemplate { revoked: long(&[&self.revoked]).revoked, ..point.clone() };
        let bare = CrlTemplate { authority_key_id: false, number: None, ..long(&[&self.revoked]) };
        let mut users = long(&[&self.revoked]);
        // onlyContainsUserCerts, and no name of a point.
        let der = vec![0x30, 0x03, 0x81, 0x01, 0xff];
        users.extra_extensions.push(RawExtension { oid: "2.5.29.28", critical: true, der });
        let spelt = Template { name_encoding: NameEncoding::Printable, ..issuing_template() };
        let spelt = spelt.issued_by(&self.root, &issuing_key());
        let namesake = root_template().self_signed(&namesake_key());
        for (name, text) in [
            ("all.crl", format!("{root}{issuing}{others}")),
            ("issuing.crl", issuing.clone()),
            ("future.crl", format!("{}{root}", list(&self.issuing, future.clone()))),
            ("future-too.crl", format!("{}{issuing}", list(&self.issuing, future))),
            ("old-and-new.crl", format!("{issuing}{}", none(later.clone()))),
            ("point-too.crl", format!("{issuing}{}", list(&self.issuing, point))),
            ("point-names-it.crl", format!("{}{}", none(long(&[])), list(&self.issuing, naming))),
            ("bare.crl", list(&self.issuing, bare)),
            ("users.crl", list(&self.issuing, users)),
            ("spelt.crl", list(&spelt, long(&[&self.revoked]))),
            ("two-keys.crl", format!("{root}{issuing}{others}{}", list(&namesake, later))),
        ] {
            self.write(name, &text);
        }
    }

    fn write_identities(&self) {
        let client = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf("client").lasting() };
        let own = client.issued_by(&self.issuing, &Key::p256("client"));
        let foreign_ca = Template::ca("client ca").lasting().self_signed(&Key::p256("client ca"));
        let foreign = client.issued_by(&foreign_ca, &Key::p256("client"));
        self.write("client.pem", &chain_pem(&[&own, &self.issuing]));
        self.write("foreign.pem", &foreign.pem());
        self.write("client.key", &own.key().pkcs8_pem());
        for (name, key) in
            [("p521", Key::p521("client")), ("mldsa44", Key::mldsa44("client")), ("mldsa87", Key::mldsa87("client"))]
        {
            let own = client.issued_by(&self.issuing, &key);
            self.write(&format!("{name}.pem"), &chain_pem(&[&own, &self.issuing]));
            self.write(&format!("{name}.key"), &key.pkcs8_pem());
        }
    }
}

/// What the root says of itself.
pub(crate) fn root_template() -> Template {
    Template::ca("differential root").lasting()
}

pub(crate) fn root_key() -> Key {
    Key::p256("differential root")
}

/// Of another root that is called like the first.
fn namesake_key() -> Key {
    Key::p256("namesake")
}

/// A list for decades.
fn long(revoked: &[&Certificate]) -> CrlTemplate {
    let template = CrlTemplate { next_update: Some(NOW + 20 * YEAR), ..CrlTemplate::new(revoked) };
    CrlTemplate { this_update: NOW - 20 * YEAR, ..template }
}

/// What the issuing CA says of itself.
pub(crate) fn issuing_template() -> Template {
    Template::ca("differential issuing").lasting()
}

pub(crate) fn issuing_key() -> Key {
    Key::p256("differential issuing")
}

/// The certificate that every other is one property away from: names of every kind.
pub(crate) fn leaf() -> Template {
    Template::leaf("leaf").with_sans(&names()).lasting()
}

pub(crate) fn names() -> Vec<San> {
    vec![
        San::dns("a.example.com"),
        San::dns("b.example.com"),
        San::dns("*.w.example.com"),
        San::ip("127.0.0.1"),
        San::ip("2001:db8::1"),
        San::ip("::1.2.3.4"),
        San::uri("spiffe://prod/ns/a/sa/b"),
    ]
}

/// Signed under SHA-1.
pub(crate) fn sha1(template: Template) -> Template {
    Template { signature_hash: SignatureHash::Sha1, ..template }
}
