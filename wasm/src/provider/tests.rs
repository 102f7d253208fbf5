//! The provider is aws-lc-rs's by every name and number, and can do nothing with them but verify.
#![allow(clippy::unwrap_used, reason = "test code")]

use uptls::rustls::crypto::tls13::{Hkdf as _, HkdfUsingHmac};
use uptls::rustls_pki_types::PrivateKeyDer;

use super::*;

/// All that decides a fingerprint, and which chains are judged by which algorithm.
fn written(provider: &CryptoProvider) -> Vec<String> {
    let suites =
        provider.cipher_suites.iter().map(|suite| format!("{:?} {:?}", suite.suite(), suite.version().version));
    let groups = provider.kx_groups.iter().map(|group| format!("{:?}", group.name()));
    let signatures = provider.signature_verification_algorithms;
    let pair = |algorithm: &&dyn uptls::rustls_pki_types::SignatureVerificationAlgorithm| {
        format!("{:?} {:?}", algorithm.public_key_alg_id().as_ref(), algorithm.signature_alg_id().as_ref())
    };
    let all = signatures.all.iter().map(pair);
    let mapping = signatures
        .mapping
        .iter()
        .map(|(scheme, algorithms)| format!("{scheme:?}: {:?}", algorithms.iter().map(pair).collect::<Vec<_>>()));
    suites.chain(groups).chain(all).chain(mapping).collect()
}

#[test]
fn it_is_aws_lc_rs_by_every_name_and_in_the_same_order() {
    assert_eq!(written(&provider()), written(&uptls::aws_lc_rs::provider()));
    assert_eq!(provider().signature_verification_algorithms.all.len(), 22);
}

#[test]
fn groups_belong_to_the_same_versions() {
    use uptls::rustls::ProtocolVersion::{TLSv1_2, TLSv1_3};
    let (own, reference) = (provider(), uptls::aws_lc_rs::provider());
    for (own, reference) in own.kx_groups.iter().zip(&reference.kx_groups) {
        for version in [TLSv1_2, TLSv1_3] {
            assert_eq!(own.usable_for_version(version), reference.usable_for_version(version), "{own:?} {version:?}");
        }
        assert!(own.start().is_err());
    }
}

/// RFC 5869, A.1: extraction, then the first block of the expansion.
#[test]
fn the_key_schedule_is_of_the_standard() {
    let (salt, info) = ((0x00..=0x0c).collect::<Vec<u8>>(), (0xf0..=0xf9).collect::<Vec<u8>>());
    let expander = HkdfUsingHmac(&hashes::HMAC_SHA256).extract_from_secret(Some(&salt), &[0x0b; 22]);
    let mut output = [0; 42];
    expander.expand_slice(&[&info], &mut output).unwrap();
    let text: String = output.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

#[test]
fn digests_can_be_said_in_parts_and_forked() {
    use uptls::rustls::crypto::hash::Hash as _;
    let reference = uptls::aws_lc_rs::provider();
    for suite in &reference.cipher_suites {
        let Some(suite) = suite.tls13() else { continue };
        let theirs = suite.common.hash_provider;
        let ours: &dyn uptls::rustls::crypto::hash::Hash = match theirs.output_len() {
            32 => &hashes::SHA256,
            _ => &hashes::SHA384,
        };
        assert_eq!((ours.output_len(), ours.algorithm()), (theirs.output_len(), theirs.algorithm()));
        let mut running = ours.start();
        running.update(b"a");
        let fork = running.fork();
        running.update(b"bc");
        assert_eq!(running.fork_finish().as_ref(), theirs.hash(b"abc").as_ref());
        assert_eq!(running.finish().as_ref(), ours.hash(b"abc").as_ref());
        assert_eq!(fork.finish().as_ref(), theirs.hash(b"a").as_ref());
    }
    assert_eq!(hashes::SHA256.output_len(), 32);
}

/// Here, outside of WebAssembly, there is no host: nothing verifies, and no key is known.
#[test]
fn without_a_host_nothing_verifies() {
    for algorithm in provider().signature_verification_algorithms.all {
        assert!(algorithm.verify_signature(&[4; 65], b"message", &[0; 64]).is_err(), "{algorithm:?}");
    }
    let key = PrivateKeyDer::try_from(vec![0x30, 0x03, 0x02, 0x01, 0x00]);
    if let Ok(key) = key {
        assert!(provider().key_provider.load_private_key(key).is_err());
    }
    assert!(provider().secure_random.fill(&mut [0; 8]).is_err());
}
