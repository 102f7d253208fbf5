//! A small public key infrastructure: root, intermediate, and leaves on demand.

use crate::certificate::Certificate;
use crate::key::Key;
use crate::san::San;
use crate::template::{CLIENT_AUTH, Template};
use std::fmt::Write as _;

/// Root and intermediate on P-256, named after the seed.
#[derive(Clone, Debug)]
pub struct Pki {
    /// The self-signed root.
    pub root: Certificate,
    /// Issued by the root; issues all leaves.
    pub intermediate: Certificate,
    seed: String,
}

impl Pki {
    /// The infrastructure of this seed.
    pub fn new(seed: &str) -> Pki {
        let root = Template::ca(&format!("{seed} root")).self_signed(&Key::p256(&format!("{seed} root")));
        let intermediate =
            Template::ca(&format!("{seed} intermediate")).issued_by(&root, &Key::p256(&format!("{seed} intermediate")));
        Pki { root, intermediate, seed: seed.into() }
    }

    /// A server certificate with these names.
    pub fn leaf(&self, sans: &[San]) -> Certificate {
        self.issue(&Template::leaf("leaf").with_sans(sans))
    }

    /// A client certificate with these names.
    pub fn client(&self, sans: &[San]) -> Certificate {
        let template = Template::leaf("client").with_sans(sans);
        self.issue(&Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..template })
    }

    /// A certificate from this template, issued by the intermediate, with a P-256 key of its own:
    /// it depends on the seed, the common name and the alternative names.
    pub fn issue(&self, template: &Template) -> Certificate {
        let name = template.common_name.as_deref().unwrap_or_default();
        let mut seed = format!("{} leaf {name} ", self.seed);
        for byte in template.sans.iter().flat_map(San::general_name) {
            write!(seed, "{byte:02x}").expect("a string takes everything");
        }
        template.issued_by(&self.intermediate, &Key::p256(&seed))
    }

    /// What a server sends: the leaf and the intermediate.
    pub fn chain(&self, leaf: &Certificate) -> Vec<Vec<u8>> {
        vec![leaf.der().to_vec(), self.intermediate.der().to_vec()]
    }
}
