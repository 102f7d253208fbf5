//! A peer and a policy, written down before anything is minted, so that one property can be changed and nothing else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;

use uptls_testkit::{Certificate, Key, NOW, San, Template, chain_pem};

/// What is minted last: a file, out of the certificates of the scenario.
pub(super) type Make = Rc<dyn Fn(&Minted) -> Vec<u8>>;

/// Wraps a function that makes the content of a file.
pub(super) fn make<T: Into<Vec<u8>>>(content: impl Fn(&Minted) -> T + 'static) -> Make {
    Rc::new(move |minted| content(minted).into())
}

/// Everything that a case consists of; the fields are what a case may change.
#[derive(Clone)]
pub(super) struct Scenario {
    /// The clock, unix seconds.
    pub(super) at: i64,
    /// From the root downwards; the last one issues the leaf.
    pub(super) authorities: Vec<Authority>,
    /// What the peer sends.
    pub(super) chain: Make,
    /// The material beside the document.
    pub(super) files: BTreeMap<&'static str, Make>,
    /// The backend host.
    pub(super) host: Option<&'static str>,
    pub(super) leaf: Template,
    pub(super) leaf_key: Key,
    /// Whether the caller permits weakenings.
    pub(super) permission: Permission,
    /// The document as a whole, where `spec` cannot say it.
    pub(super) rewrite: Option<fn(&str) -> String>,
    /// The fields of `spec` in their order, in YAML.
    pub(super) spec: Vec<(&'static str, String)>,
    /// The codes of the warnings that the report must have, in their order.
    pub(super) warnings: Vec<&'static str>,
}

/// A certificate authority before it is minted.
#[derive(Clone)]
pub(super) struct Authority {
    pub(super) key: Key,
    pub(super) template: Template,
}

impl Authority {
    /// A usual one with a P-256 key that is named after it.
    pub(super) fn new(name: &str) -> Self {
        Self { key: Key::p256(name), template: Template::ca(name) }
    }
}

/// Whether the caller permits weakenings (D1..D5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Permission {
    Allow,
    Forbid,
}

/// The certificates of a scenario.
pub(super) struct Minted {
    /// From the root downwards.
    pub(super) authorities: Vec<Certificate>,
    pub(super) leaf: Certificate,
}

impl Minted {
    /// The first authority: the anchor, unless a case says otherwise.
    pub(super) fn root(&self) -> &Certificate {
        &self.authorities[0]
    }

    /// The authority that issued the leaf.
    pub(super) fn issuer(&self) -> &Certificate {
        self.authorities.last().unwrap_or(&self.leaf)
    }

    /// Leaf first, then upwards as far as the root, which is left out.
    pub(super) fn sent(&self) -> Vec<&Certificate> {
        let below_root = self.authorities.iter().skip(1).rev();
        core::iter::once(&self.leaf).chain(below_root).collect()
    }
}

impl Scenario {
    /// Root, intermediate, and a leaf for `backend.test`; the policy trusts the root and sends that name.
    pub(super) fn new() -> Self {
        Self {
            at: NOW,
            authorities: vec![Authority::new("root"), Authority::new("intermediate")],
            chain: make(|minted| chain_pem(&minted.sent())),
            files: BTreeMap::from([("ca.pem", make(|minted| minted.root().pem()))]),
            host: None,
            leaf: Template::leaf("leaf").with_sans(&[San::dns("backend.test")]),
            leaf_key: Key::p256("leaf"),
            permission: Permission::Forbid,
            rewrite: None,
            spec: vec![("trust", "{bundles: [{file: ca.pem}]}".to_owned()), ("serverName", "backend.test".to_owned())],
            warnings: Vec::new(),
        }
    }

    /// The same with something changed.
    pub(super) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Sets a field of `spec`.
    pub(super) fn set(&mut self, field: &'static str, yaml: impl Into<String>) {
        let yaml = yaml.into();
        match self.spec.iter_mut().find(|(name, _)| *name == field) {
            Some((_, value)) => *value = yaml,
            None => self.spec.push((field, yaml)),
        }
    }

    /// Removes a field of `spec`.
    pub(super) fn unset(&mut self, field: &'static str) {
        self.spec.retain(|(name, _)| *name != field);
    }

    /// Sets the content of a file beside the document.
    pub(super) fn file<T: Into<Vec<u8>>>(&mut self, name: &'static str, content: impl Fn(&Minted) -> T + 'static) {
        self.files.insert(name, make(content));
    }

    /// Sets what the peer sends.
    pub(super) fn sends<T: Into<Vec<u8>>>(&mut self, content: impl Fn(&Minted) -> T + 'static) {
        self.chain = make(content);
    }

    /// Sets the names of the leaf.
    pub(super) fn sans(&mut self, sans: &[San]) {
        self.leaf.sans = sans.to_vec();
    }

    /// The policy asks for these subjectAltNames; the server name stays as it is.
    pub(super) fn wants(&mut self, yaml: &str) {
        self.set("subjectAltNames", yaml);
    }

    /// The root as it will be.
    pub(super) fn root(&mut self) -> &mut Template {
        &mut self.authorities[0].template
    }

    /// The intermediate as it will be.
    pub(super) fn intermediate(&mut self) -> &mut Template {
        &mut self.authorities[1].template
    }

    /// The intermediate is left out: the root issues the leaf.
    pub(super) fn flat(&mut self) {
        self.authorities.truncate(1);
    }

    /// A weakening that the caller permits.
    pub(super) fn danger(&mut self, yaml: &str) {
        self.permission = Permission::Allow;
        self.set("danger", yaml);
        self.warnings.insert(0, "danger_active");
    }

    /// The certificates.
    pub(super) fn mint(&self) -> Minted {
        let mut authorities: Vec<Certificate> = Vec::new();
        for authority in &self.authorities {
            let certificate = match authorities.last() {
                None => authority.template.self_signed(&authority.key),
                Some(issuer) => authority.template.issued_by(issuer, &authority.key),
            };
            authorities.push(certificate);
        }
        let leaf = match authorities.last() {
            None => self.leaf.self_signed(&self.leaf_key),
            Some(issuer) => self.leaf.issued_by(issuer, &self.leaf_key),
        };
        Minted { authorities, leaf }
    }

    /// The document under the name of its case.
    pub(super) fn document(&self, name: &str) -> String {
        let mut text = format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: {name}}}\nspec:\n");
        for (field, yaml) in &self.spec {
            // A String takes everything.
            let _ = writeln!(text, "  {field}: {yaml}");
        }
        match self.rewrite {
            None => text,
            Some(rewrite) => rewrite(&text),
        }
    }
}
