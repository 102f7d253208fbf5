//! The servers: one that is right in every way, and those that differ from it in one property.

mod keys;
mod witnesses;

pub(crate) use witnesses::ED448;

use uptls_manifest::envoy::Difference;
use uptls_testkit::{
    ANY, BasicConstraints, CLIENT_AUTH, Certificate, Key, KeyUsage, NOW, NameConstraints, SERVER_AUTH, San, Server,
    ServerOptions, Template, Versions, YEAR,
};

use crate::certificates::{World, issuing_key, issuing_template, leaf};

/// One server.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) options: ServerOptions,
    pub(crate) server: Server,
    /// The difference that it is the witness of.
    pub(crate) witness: Option<Difference>,
}

/// Every server, started.
pub(crate) fn all(world: &World) -> Vec<Peer> {
    let mut peers = Peers { list: Vec::new(), world };
    peers.of_keys();
    peers.of_other_keys();
    peers.of_negotiation();
    peers.of_shape();
    peers.of_chains();
    peers.of_names();
    peers.of_time_and_signatures();
    peers.of_issuers();
    peers.of_leaves();
    peers.of_constraints();
    peers.of_differences();
    peers.of_issuer_names();
    peers.of_policy_extensions();
    peers.list
}

/// The server that is right in every way.
pub(crate) fn base(world: &World) -> ServerOptions {
    ServerOptions::new(&[&leaf().issued_by(&world.issuing, &World::leaf_key()), &world.issuing])
}

struct Peers<'a> {
    list: Vec<Peer>,
    world: &'a World,
}

impl Peers<'_> {
    fn start(&mut self, name: &'static str, options: ServerOptions) -> &mut Peer {
        let options = ServerOptions { time: None, ..options };
        let server = Server::start(&options);
        self.list.push(Peer { name, options, server, witness: None });
        self.list.last_mut().unwrap()
    }

    fn witness(&mut self, name: &'static str, difference: Difference, options: ServerOptions) {
        self.start(name, options).witness = Some(difference);
    }

    /// The leaf by the usual key and issuer.
    fn leaf(&self, template: &Template) -> ServerOptions {
        self.with_key(template, &World::leaf_key())
    }

    fn with_key(&self, template: &Template, key: &Key) -> ServerOptions {
        let leaf = template.issued_by(&self.world.issuing, key);
        ServerOptions::new(&[&leaf, &self.world.issuing])
    }

    /// The usual leaf below another issuing CA, of the usual name and key.
    fn below(&self, issuing: Template) -> ServerOptions {
        let issuing = issuing.issued_by(&self.world.root, &issuing_key());
        let leaf = leaf().issued_by(&issuing, &World::leaf_key());
        ServerOptions::new(&[&leaf, &issuing])
    }

    fn of_keys(&mut self) {
        let base = self.leaf(&leaf());
        self.start("base", base);
        let rsa = Template { key_usage: Some(vec![KeyUsage::DigitalSignature, KeyUsage::KeyEncipherment]), ..leaf() };
        let p384 = self.with_key(&leaf(), &Key::p384("leaf"));
        let ed25519 = self.with_key(&leaf(), &Key::ed25519("leaf"));
        let rsa2048 = self.with_key(&rsa, &Key::rsa2048(1));
        let rsa3072 = self.with_key(&rsa, &Key::rsa3072());
        let another = self.with_key(&leaf(), &Key::p256("another leaf"));
        let foreign = ServerOptions { key: Key::p256("somebody else's").pkcs8_der(), ..self.leaf(&leaf()) };
        let encipherment = Template { key_usage: Some(vec![KeyUsage::KeyEncipherment]), ..leaf() };
        let encipherment = self.with_key(&encipherment, &Key::rsa2048(1));
        self.start("p384", p384);
        self.start("ed25519", ed25519);
        self.start("rsa2048", rsa2048.clone());
        self.start("rsa3072", rsa3072);
        self.start("another key", another);
        self.start("rsa2048 in tls 1.2", ServerOptions { versions: Versions::Tls12, ..rsa2048 });
        self.start("another's key", foreign);
        self.start("key for encipherment only", encipherment);
    }

    fn of_negotiation(&mut self) {
        let base = || self.leaf(&leaf());
        let tls12 = ServerOptions { versions: Versions::Tls12, ..base() };
        let tls13 = ServerOptions { versions: Versions::Tls13, ..base() };
        let alpn = |alpn: &[&'static [u8]]| ServerOptions { alpn: alpn.to_vec(), ..base() };
        let (h2, http1, both) = (alpn(&[b"h2"]), alpn(&[b"http/1.1"]), alpn(&[b"http/1.1", b"h2"]));
        let required = base().with_client_roots(&[&self.world.root]);
        let required12 = ServerOptions { versions: Versions::Tls12, ..required.clone() };
        let optional = ServerOptions { client_auth_optional: true, ..required.clone() };
        let optional12 = ServerOptions { versions: Versions::Tls12, ..optional.clone() };
        let no_tickets = ServerOptions { tickets: false, ..base() };
        self.witness("tls 1.2", Difference::KeyCurve, tls12);
        self.start("tls 1.3", tls13);
        self.witness("h2 alone", Difference::Protocols, h2);
        self.start("http/1.1 alone", http1);
        self.start("both protocols", both);
        self.start("wants a client certificate", required);
        self.start("wants a client certificate in tls 1.2", required12);
        self.start("asks for a client certificate", optional);
        self.witness("asks for a client certificate in tls 1.2", Difference::Identity, optional12);
        self.start("no tickets", no_tickets);
    }

    /// Other forms of a right certificate.
    fn of_shape(&mut self) {
        let mut shapes: Vec<(&'static str, Template)> = vec![
            ("no extended key usage", Template { extended_key_usage: None, ..leaf() }),
            ("client purpose too", Template { extended_key_usage: Some(vec![CLIENT_AUTH, SERVER_AUTH]), ..leaf() }),
            ("no key usage", Template { key_usage: None, ..leaf() }),
            ("no basic constraints", Template { basic_constraints: None, ..leaf() }),
            ("no key identifiers", Template { subject_key_id: false, authority_key_id: false, ..leaf() }),
            ("empty subject", Template { common_name: None, san_critical: true, ..leaf() }),
            ("critical names", Template { san_critical: true, ..leaf() }),
        ];
        shapes.push((
            "distribution points",
            Template { crl_distribution_points: vec!["http://crl.test/a".to_owned()], ..leaf() },
        ));
        for (name, template) in shapes {
            let options = self.leaf(&template);
            self.start(name, options);
        }
    }

    fn of_chains(&mut self) {
        let World { root, issuing, other_root, other_issuing, .. } = self.world;
        let leaf_of = |issuer: &Certificate| leaf().issued_by(issuer, &World::leaf_key());
        let usual = leaf_of(issuing);
        let below = |name: &str, issuer: &Certificate| Template::ca(name).lasting().issued_by(issuer, &Key::p256(name));
        let second = below("second", issuing);
        let third = below("third", &second);
        let deep = leaf_of(&third);
        let direct = leaf_of(root);
        let foreign = leaf_of(other_issuing);
        let chains: [(&'static str, Vec<&Certificate>); 6] = [
            ("root sent too", vec![&usual, issuing, root]),
            ("two more intermediates", vec![&deep, &third, &second, issuing]),
            ("out of order", vec![&deep, issuing, &third, &second]),
            ("below the root", vec![&direct]),
            ("a stranger between", vec![&usual, other_root, issuing]),
            ("twice", vec![&usual, issuing, issuing, &usual]),
        ];
        for (name, chain) in chains {
            // The path length of an anchor is counted here alone.
            let is_long = chain.first().is_some_and(|first| first.der() == deep.der());
            self.start(name, ServerOptions::new(&chain)).witness = is_long.then_some(Difference::ChainLength);
        }
        self.start("another authority", ServerOptions::new(&[&foreign, other_issuing]));
        self.start("itself", ServerOptions::new(&[&self.world.itself]));
        self.start("intermediate not sent", ServerOptions::new(&[&usual]));
        let World { revoked, revoked_issuing, .. } = self.world;
        let below_revoked = leaf_of(revoked_issuing);
        self.start("revoked intermediate", ServerOptions::new(&[&below_revoked, revoked_issuing]));
        self.start("revoked", ServerOptions::new(&[revoked, issuing]));
    }

    /// One kind of name alone, and names that come near.
    fn of_names(&mut self) {
        let https = || San::uri("https://a.example.com/Pay?x=1");
        let table: Vec<(&'static str, Vec<San>)> = vec![
            ("a alone", vec![San::dns("a.example.com")]),
            ("a in upper case", vec![San::dns("A.EXAMPLE.COM")]),
            ("wildcard alone", vec![San::dns("*.example.com")]),
            (
                "names of other kinds too",
                vec![San::dns("a.example.com"), San::OtherName, San::Email("a@example.com".into())],
            ),
            ("127.0.0.1 alone", vec![San::ip("127.0.0.1")]),
            ("a spiffe id alone", vec![San::uri("spiffe://prod/ns/a/sa/b")]),
            ("another spiffe id of the domain", vec![San::uri("spiffe://prod/x.y/..z/-_")]),
            ("the domain itself", vec![San::uri("spiffe://prod")]),
            ("the https uri", vec![https()]),
            ("a and the https uri", vec![San::dns("a.example.com"), https()]),
            ("the bare domain", vec![San::dns("example.com"), San::dns("a.example.com")]),
            ("b", vec![San::dns("b.example.com")]),
            ("c", vec![San::dns("c.example.com")]),
            ("two stars", vec![San::dns("*.*.example.com")]),
            ("partial wildcard", vec![San::dns("a*.example.com")]),
            ("partial wildcard behind", vec![San::dns("*a.example.com")]),
            ("top-level wildcard", vec![San::dns("*.com")]),
            ("a star", vec![San::dns("*")]),
            ("inner wildcard", vec![San::dns("a.*.com")]),
            ("dot at the end", vec![San::dns("a.example.com.")]),
            ("longer", vec![San::dns("a.example.com.evil.test")]),
            ("a nul", vec![San::dns("a.example.com\0.evil.test")]),
            ("address as a name", vec![San::dns("127.0.0.1"), San::dns("2001:db8::1")]),
            ("mapped address", vec![San::ip("::ffff:127.0.0.1"), San::ip("2001:db8::2")]),
            ("spiffe id in upper case", vec![San::uri("SPIFFE://prod/ns/a/sa/b")]),
            ("another domain", vec![San::uri("spiffe://prod.evil/ns/a/sa/b")]),
            ("a spiffe id with a bad path", vec![San::uri("spiffe://prod/a//b")]),
            ("a spiffe id with dots", vec![San::uri("spiffe://prod/../b")]),
            ("a name as uri", vec![San::uri("https:a.example.com")]),
            ("e-mail alone", vec![San::Email("a.example.com".into())]),
            ("a deep name too", vec![San::dns("a.example.com"), San::dns("x.deep.example.com")]),
            ("a long name", vec![San::dns(&format!("{}.{}.example.com", "p".repeat(60), "q".repeat(60)))]),
            ("a long wildcard", vec![San::dns(&format!("*.{}.example.com", "q".repeat(60)))]),
            ("no names", Vec::new()),
        ];
        for (name, sans) in table {
            let options = self.leaf(&leaf().with_sans(&sans));
            self.start(name, options);
        }
        let common_name = Template { common_name: Some("a.example.com".to_owned()), ..leaf() };
        let options = self.leaf(&common_name.with_sans(&[]));
        self.start("common name alone", options);
    }

    fn of_time_and_signatures(&mut self) {
        let expired = self.leaf(&leaf().with_validity(NOW - YEAR, NOW - 100 * 24 * 3600));
        let future = self.leaf(&leaf().with_validity(NOW + YEAR, NOW + 2 * YEAR));
        let old_issuer = self.below(issuing_template().with_validity(NOW - 3 * YEAR, NOW - YEAR));
        let world = self.world;
        let tampered = leaf().issued_by(&world.issuing, &World::leaf_key()).with_tampered_signature();
        self.start("expired", expired);
        self.start("not yet valid", future);
        self.start("expired intermediate", old_issuer);
        self.start("bad signature", ServerOptions::new(&[&tampered, &world.issuing]));
    }

    /// The intermediate says something else.
    fn of_issuers(&mut self) {
        let constrained = |permitted: &[San], excluded: &[San]| {
            let constraints = NameConstraints { permitted: permitted.to_vec(), excluded: excluded.to_vec() };
            Template { name_constraints: Some(constraints), ..issuing_template() }
        };
        let no_ca = Some(BasicConstraints { ca: false, path_len: None });
        let table: Vec<(&'static str, Template)> = vec![
            ("issuer permits the names", constrained(&[San::dns("example.com")], &[])),
            ("issuer permits other names", constrained(&[San::dns("example.org")], &[])),
            ("issuer excludes a name", constrained(&[], &[San::dns("b.example.com")])),
            ("issuer excludes another name", constrained(&[], &[San::dns("z.example.com")])),
            ("issuer permits another network", constrained(&[San::subnet("10.0.0.0/8"), San::subnet("::/0")], &[])),
            ("issuer is no authority", Template { basic_constraints: no_ca, ..issuing_template() }),
            ("issuer without basic constraints", Template { basic_constraints: None, ..issuing_template() }),
            ("issuer may not sign", Template { key_usage: Some(vec![KeyUsage::CrlSign]), ..issuing_template() }),
            ("issuer without key usage", Template { key_usage: None, ..issuing_template() }),
            ("issuer for clients", Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..issuing_template() }),
            ("issuer for servers", Template { extended_key_usage: Some(vec![SERVER_AUTH]), ..issuing_template() }),
            ("issuer with an unknown critical extension", issuing_template().with_extension("1.2.3.4", true, &[5, 0])),
        ];
        for (name, issuing) in table {
            let options = self.below(issuing);
            self.start(name, options);
        }
        let no_more = Some(BasicConstraints { ca: true, path_len: Some(0) });
        let first = Template { basic_constraints: no_more, ..Template::ca("no more").lasting() };
        let first = first.issued_by(&self.world.root, &Key::p256("no more"));
        let second = Template::ca("one more").lasting().issued_by(&first, &Key::p256("one more"));
        let below_second = leaf().issued_by(&second, &World::leaf_key());
        let below_first = leaf().issued_by(&first, &World::leaf_key());
        self.start("path length kept", ServerOptions::new(&[&below_first, &first]));
        self.start("path length exceeded", ServerOptions::new(&[&below_second, &second, &first]));
    }

    /// The leaf says something else.
    fn of_leaves(&mut self) {
        let clients = self.leaf(&Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..leaf() });
        let anybody = self.leaf(&Template { extended_key_usage: Some(vec![ANY]), ..leaf() });
        let unknown = self.leaf(&leaf().with_extension("1.2.3.4", true, &[5, 0]));
        let harmless = self.leaf(&leaf().with_extension("1.2.3.4", false, &[5, 0]));
        self.start("for clients", clients);
        self.start("for anything", anybody);
        self.start("unknown critical extension", unknown);
        self.start("unknown extension", harmless);
    }
}
