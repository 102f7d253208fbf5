//! V3: the signature of a list is checked once for each key, and not in every handshake.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls_pki_types::{AlgorithmIdentifier, CertificateDer, InvalidSignature, SignatureVerificationAlgorithm};
use uptls::danger::DangerPermission;
use uptls::{
    BackendHost, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, RevocationDraft, Runtime, TrustDraft,
    UpstreamTlsPolicy,
};
use uptls_testkit::{CrlTemplate, NOW, Pki, San, crl_pem};

/// ECDSA on P-256, counted.
#[derive(Debug)]
struct Counted;

static SIGNATURES: AtomicUsize = AtomicUsize::new(0);
static ALL: &[&dyn SignatureVerificationAlgorithm] = &[&Counted];

impl SignatureVerificationAlgorithm for Counted {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        SIGNATURES.fetch_add(1, Ordering::SeqCst);
        webpki::aws_lc_rs::ECDSA_P256_SHA256.verify_signature(key, message, signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        webpki::aws_lc_rs::ECDSA_P256_SHA256.public_key_alg_id()
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        webpki::aws_lc_rs::ECDSA_P256_SHA256.signature_alg_id()
    }
}

#[test]
fn the_signature_of_a_list_is_checked_once_for_each_key() {
    let pki = Pki::new("revocation cost");
    let mut provider = uptls::aws_lc_rs::provider().as_ref().clone();
    let mapping = provider.signature_verification_algorithms.mapping;
    provider.signature_verification_algorithms = WebPkiSupportedAlgorithms { all: ALL, mapping };
    let runtime = Runtime::builder(Arc::new(provider)).clock(FixedClock::at(NOW.unsigned_abs())).build();
    let list = |issuer| MaterialDraft::pem(crl_pem(&CrlTemplate::new(&[]).issued_by(issuer)));
    let spec = PolicySpec {
        revocation: Some(RevocationDraft {
            crls: vec![list(&pki.root), list(&pki.intermediate)],
            ..RevocationDraft::default()
        }),
        trust: TrustDraft { bundles: vec![MaterialDraft::pem(pki.root.pem())], ..TrustDraft::default() },
        ..PolicySpec::default()
    };
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Forbidden).unwrap();
    let prepared = runtime.prepare(&policy).unwrap();
    let leaf = pki.leaf(&[San::dns("a.test")]);
    let chain = [&leaf, &pki.intermediate].map(|one| CertificateDer::from_slice(one.der()));
    let host = BackendHost::parse("a.test").unwrap();
    let cost = || {
        let before = SIGNATURES.load(Ordering::SeqCst);
        prepared.verify(&chain, Some(&host)).unwrap();
        SIGNATURES.load(Ordering::SeqCst) - before
    };
    // Two certificates, and at first two lists.
    assert_eq!([cost(), cost(), cost()], [4, 2, 2]);
    // Another policy with the same lists finds them checked.
    let again = runtime.prepare(&policy).unwrap();
    let before = SIGNATURES.load(Ordering::SeqCst);
    again.verify(&chain, Some(&host)).unwrap();
    assert_eq!(SIGNATURES.load(Ordering::SeqCst) - before, 2);
}
