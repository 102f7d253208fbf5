//! A provider whose signatures take no cryptography: they hold where the first byte of the signature is the second of the
//! key, so that a fuzzer can sign whatever it makes, and everything behind the chain step is reached. Never for connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms};
use rustls_pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use uptls::{FixedClock, Runtime};
use uptls_testkit::NOW;

/// How many signatures were asked for since the input began.
pub static SIGNATURES: AtomicU64 = AtomicU64::new(0);

/// Far beyond what the verifications of one input may ask for.
const LIMIT: u64 = 3_000;

/// The algorithms: the feigned one alone ([`uptls_testkit::Key::feigned`]).
pub static ALGORITHMS: &[&dyn SignatureVerificationAlgorithm] = &[&Feigned];

#[derive(Debug)]
struct Feigned;

impl SignatureVerificationAlgorithm for Feigned {
    fn verify_signature(&self, key: &[u8], _: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        let asked = SIGNATURES.fetch_add(1, Ordering::Relaxed) + 1;
        // What is exponential would else end by the limit of time, long after.
        assert!(asked <= LIMIT, "{asked} signatures for one input (L13)");
        if key.get(1) == signature.first() { Ok(()) } else { Err(InvalidSignature) }
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_P256
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::ECDSA_SHA256
    }
}

/// A runtime on that provider, at the testkit's time.
pub fn runtime() -> Runtime {
    let mapping = uptls::ring::provider().signature_verification_algorithms.mapping;
    let algorithms = WebPkiSupportedAlgorithms { all: ALGORITHMS, mapping };
    let provider =
        CryptoProvider { signature_verification_algorithms: algorithms, ..(*uptls::ring::provider()).clone() };
    Runtime::builder(Arc::new(provider)).clock(FixedClock::at(NOW.unsigned_abs())).build()
}
