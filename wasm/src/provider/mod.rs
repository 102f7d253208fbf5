//! The provider: aws-lc-rs's algorithms, suites and groups by name and order, so that a policy has one fingerprint everywhere.
//! Signatures are the host's to verify; nothing here can shake hands.

mod groups;
mod hashes;
mod keys;
mod signatures;
mod suites;

use std::sync::Arc;

use uptls::rustls::crypto::{CryptoProvider, GetRandomFailed, SecureRandom};

/// The provider of every runtime of this module.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider {
        cipher_suites: suites::ALL.to_vec(),
        kx_groups: groups::ALL.to_vec(),
        signature_verification_algorithms: signatures::SUPPORTED,
        secure_random: &NoRandom,
        key_provider: &keys::HostKeys,
    })
}

/// The text of every refusal to take part in a handshake.
const NO_HANDSHAKE: &str = "this provider verifies chains and makes no connections";

/// A verifier needs none.
#[derive(Debug)]
struct NoRandom;

impl SecureRandom for NoRandom {
    fn fill(&self, _: &mut [u8]) -> Result<(), GetRandomFailed> {
        Err(GetRandomFailed)
    }
}

#[cfg(test)]
mod tests;
