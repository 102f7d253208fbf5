//! Servers that show what Envoy's engine decides differently, class by class, and their twins that show nothing.

use uptls_manifest::envoy::Difference;
use uptls_testkit::{
    BasicConstraints, Key, KeyUsage, NameConstraints, NameEncoding, San, ServerOptions, Template, Version, Versions,
};

use super::Peers;
use crate::certificates::{World, issuing_key, issuing_template, leaf, names, root_key, root_template, sha1};

impl Peers<'_> {
    /// Constraints that one of the two engines does not evaluate, all of them kept.
    pub(super) fn of_constraints(&mut self) {
        let below = |permitted: &[San], template: Template| {
            let constraints = NameConstraints { permitted: permitted.to_vec(), excluded: Vec::new() };
            let issuing = Template { name_constraints: Some(constraints), ..issuing_template() };
            let issuing = issuing.issued_by(&self.world.root, &issuing_key());
            let leaf = template.issued_by(&issuing, &World::leaf_key());
            ServerOptions::new(&[&leaf, &issuing])
        };
        let mut mail = names();
        mail.push(San::Email("a@example.com".into()));
        let table = [
            ("issuer permits the uri", below(&[San::uri("prod")], leaf())),
            ("issuer permits the mail", below(&[San::Email("example.com".into())], leaf().with_sans(&mail))),
            ("issuer permits the network", below(&[San::subnet("127.0.0.0/8"), San::subnet("::/0")], leaf())),
            ("issuer permits names and there are none", below(&[San::dns("example.com")], leaf().with_sans(&[]))),
        ];
        for (name, options) in table {
            self.witness(name, Difference::NameConstraints, options);
        }
    }

    /// A witness of each class that no other server is one of.
    pub(super) fn of_differences(&mut self) {
        let World { issuing, rsa_issuing, root, other_issuing, .. } = self.world;
        let authority = Some(BasicConstraints { ca: true, path_len: None });
        let authority = self.leaf(&Template { basic_constraints: authority, ..leaf() });
        let old = sha1(leaf()).issued_by(rsa_issuing, &World::leaf_key());
        let sha256 = leaf().issued_by(rsa_issuing, &World::leaf_key());
        let short = self.with_key(&leaf(), &Key::rsa1024());
        let mut two = names();
        two.push(San::uri("https://a.example.com/"));
        let two = self.leaf(&leaf().with_sans(&two));
        let signs = Some(vec![KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]);
        let signs = Template { key_usage: signs, ..leaf().with_sans(&[San::uri("spiffe://prod/ns/a/sa/b")]) };
        let signs = self.leaf(&signs);
        let v1 = self.leaf(&Template { version: Version::V1, ..leaf() });
        let mut beside = names();
        beside.push(San::RawTag { tag: 0x87, bytes: vec![127, 0, 1] });
        let broken = self.leaf(&leaf().with_sans(&beside));
        let identifier = [0x30, 0x06, 0x80, 0x04, 1, 2, 3, 4];
        let stranger = Template { authority_key_id: false, ..leaf() }.with_extension("2.5.29.35", false, &identifier);
        let stranger = self.leaf(&stranger);
        let usual = leaf().issued_by(issuing, &World::leaf_key());
        let mut long = vec![&usual, issuing];
        long.extend([root; 130]);
        self.witness("an authority as leaf", Difference::CaAsLeaf, authority);
        self.witness("sha-1", Difference::Sha1, ServerOptions::new(&[&old, rsa_issuing]));
        self.start("signed by rsa", ServerOptions::new(&[&sha256, rsa_issuing]));
        self.witness("rsa1024", Difference::Keys, short);
        self.witness("two uris", Difference::SpiffeUris, two);
        self.witness("a spiffe id of a key that may sign", Difference::SpiffeUris, signs);
        self.witness("version 1", Difference::Form, v1);
        self.witness("a broken address beside", Difference::Form, broken);
        self.witness("another's key identifier", Difference::KeyIdentifiers, stranger);
        self.witness("a long chain", Difference::ChainLength, ServerOptions::new(&long));
        let two_ways = ServerOptions::new(&[&usual, other_issuing, issuing]);
        self.witness("two issuers of one name", Difference::PathSearch, two_ways);
        let another_scheme = ServerOptions { signs_as: Some(ED448), versions: Versions::Tls13, ..self.leaf(&leaf()) };
        self.witness("signs under another scheme", Difference::SignatureSchemes, another_scheme);
        self.of_self_issued();
    }

    /// An authority that permits no other below it, and its own new key between it and the leaf (RFC 5280, 6.1.4 l).
    fn of_self_issued(&mut self) {
        let no_more = Some(BasicConstraints { ca: true, path_len: Some(0) });
        let authority = Template { basic_constraints: no_more, ..Template::ca("renewed").lasting() };
        let old = authority.issued_by(&self.world.root, &Key::p256("old"));
        let new = authority.issued_by(&old, &Key::p256("new"));
        let (before, after) = (leaf().issued_by(&old, &World::leaf_key()), leaf().issued_by(&new, &World::leaf_key()));
        self.start("before the renewal", ServerOptions::new(&[&before, &old]));
        self.witness("a self-issued intermediate", Difference::SelfIssued, ServerOptions::new(&[&after, &new, &old]));
    }

    /// The same names in another spelling (RFC 5280, 7.1), under the same keys.
    pub(super) fn of_issuer_names(&mut self) {
        let World { root, issuing, .. } = self.world;
        let spelt = |template: Template| {
            let issuer = template.issued_by(root, &issuing_key());
            ServerOptions::new(&[&leaf().issued_by(&issuer, &World::leaf_key()), issuing])
        };
        let printable = Template { name_encoding: NameEncoding::Printable, ..issuing_template() };
        let shouted = Template { common_name: Some("DIFFERENTIAL Issuing".to_owned()), ..issuing_template() };
        let another = Template { common_name: Some("another issuing".to_owned()), ..issuing_template() };
        self.witness("issuer's name of another type", Difference::IssuerNames, spelt(printable));
        self.witness("issuer's name in upper case", Difference::IssuerNames, spelt(shouted));
        self.start("another issuer's name", spelt(another));
        let printable = Template { name_encoding: NameEncoding::Printable, ..root_template() };
        let below = issuing_template().issued_by(&printable.self_signed(&root_key()), &issuing_key());
        let options = ServerOptions::new(&[&leaf().issued_by(&below, &World::leaf_key()), &below]);
        self.witness("root's name of another type", Difference::IssuerNames, options);
    }

    /// Extensions that RFC 5280 wants critical, or permits to be.
    pub(super) fn of_policy_extensions(&mut self) {
        // One policy, any-policy; no mapping may follow; no any-policy may follow.
        let policies: &[u8] = &[0x30, 0x08, 0x30, 0x06, 0x06, 0x04, 0x55, 0x1d, 0x20, 0x00];
        let constraints: &[u8] = &[0x30, 0x03, 0x81, 0x01, 0x00];
        let explicit: &[u8] = &[0x30, 0x03, 0x80, 0x01, 0x00];
        let with = |oid, critical, der| issuing_template().with_extension(oid, critical, der);
        let class = Difference::PolicyExtensions;
        for (name, oid, der) in [
            ("issuer with critical policies", POLICIES, policies),
            ("issuer with critical policy constraints", POLICY_CONSTRAINTS, constraints),
            ("issuer that inhibits any policy", INHIBIT_ANY_POLICY, &[0x02, 0x01, 0x00]),
        ] {
            let options = self.below(with(oid, true, der));
            self.witness(name, class, options);
        }
        let critical = self.leaf(&leaf().with_extension(POLICIES, true, policies));
        self.witness("critical policies", class, critical);
        let plain = self.below(with(POLICIES, false, policies));
        self.start("issuer with policies", plain);
        let none = self.below(with(POLICY_CONSTRAINTS, true, explicit));
        self.start("issuer that wants a policy", none);
    }
}

/// `ed448`, which BoringSSL does not have.
pub(crate) const ED448: u16 = 0x0808;
const INHIBIT_ANY_POLICY: &str = "2.5.29.54";
const POLICIES: &str = "2.5.29.32";
const POLICY_CONSTRAINTS: &str = "2.5.29.36";
