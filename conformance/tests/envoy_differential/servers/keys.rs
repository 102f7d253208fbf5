//! Servers with the kinds of keys that are rare today: every scheme that a handshake offers is met (H9).

use uptls_manifest::envoy::Difference;
use uptls_testkit::{Certificate, Key, ServerOptions, Template};

use super::Peers;
use crate::certificates::{World, leaf};

impl Peers<'_> {
    pub(super) fn of_other_keys(&mut self) {
        let World { root, ml_dsa_roots, .. } = self.world;
        let p521 = self.with_key(&leaf(), &Key::p521("leaf"));
        self.witness("p521", Difference::KeyCurve, p521);
        for (name, key) in
            [("mldsa44", Key::mldsa44("leaf")), ("mldsa65", Key::mldsa65("leaf")), ("mldsa87", Key::mldsa87("leaf"))]
        {
            let options = self.with_key(&leaf(), &key);
            self.start(name, options);
        }
        let tampered = leaf().issued_by(&self.world.issuing, &Key::mldsa44("leaf")).with_tampered_signature();
        self.start("mldsa44 with a bad signature", ServerOptions::new(&[&tampered, &self.world.issuing]));
        let foreign = self.with_key(&leaf(), &Key::mldsa65("leaf"));
        let foreign = ServerOptions { key: Key::mldsa65("somebody else's").pkcs8_der(), ..foreign };
        self.start("another's mldsa65 key", foreign);
        for (name, key) in [("issuer p521", Key::p521("issuing")), ("issuer mldsa44", Key::mldsa44("issuing"))] {
            let issuing = Template::ca(name).lasting().issued_by(root, &key);
            self.start(name, below(&issuing, &[&issuing]));
        }
        let [first, second, third] = ml_dsa_roots;
        self.start("below an mldsa44 root", below(first, &[]));
        self.start("below an mldsa65 root", below(second, &[]));
        self.start("below an mldsa87 root", below(third, &[]));
    }
}

/// The usual leaf of this issuer, and what is sent beside it.
fn below(issuer: &Certificate, sent: &[&Certificate]) -> ServerOptions {
    let leaf = leaf().issued_by(issuer, &World::leaf_key());
    ServerOptions::new(&[&[&leaf], sent].concat())
}
