//! A trust bundle that a policy names, and what it vouches for (T9).

use super::Material;
use crate::name::TrustDomain;

/// A trust bundle, not read yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BundleSpec {
    /// Where it is read.
    pub material: Material,
    /// The SPIFFE trust domain that its certificates vouch for; `None`: the one domain of the policy's SPIFFE names (T9).
    pub trust_domain: Option<TrustDomain>,
}

impl BundleSpec {
    /// How errors and reports call it, as [`Material::source`].
    pub fn source(&self) -> String {
        self.material.source()
    }

    pub(super) fn canonical(&self) -> Vec<u8> {
        let Self { material, trust_domain } = self;
        match trust_domain {
            None => material.canonical(),
            // A trust domain holds no line end, and neither form of material begins with this scheme.
            Some(domain) => [b"spiffe:", domain.as_str().as_bytes(), b"\n", &material.canonical()].concat(),
        }
    }
}
