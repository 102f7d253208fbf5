//! Policies with equal suites and groups share one narrowed provider; others have their own.

use std::sync::Arc;

use crate::support::world::{World, only, policy};
use uptls::{Code, PolicySpec, interop};

#[test]
fn equal_suites_and_groups_are_one_provider() {
    let world = World::new("providers");
    let provider = |spec| {
        let prepared = world.runtime.prepare(&policy(spec)).unwrap();
        Arc::clone(interop::client_config(&prepared).crypto_provider())
    };
    let suites =
        |name: &str| PolicySpec { cipher_suites: vec![name.to_owned()], versions: only("1.3"), ..world.spec() };
    let default = provider(world.spec());
    let named = provider(PolicySpec { server_name: Some("other.example".to_owned()), ..world.spec() });
    assert!(Arc::ptr_eq(&default, &named), "the name does not matter");
    let aes = provider(suites("TLS_AES_128_GCM_SHA256"));
    assert!(Arc::ptr_eq(&aes, &provider(suites("TLS_AES_128_GCM_SHA256"))));
    let chacha = provider(suites("TLS_CHACHA20_POLY1305_SHA256"));
    let groups = provider(PolicySpec { groups: vec!["X25519".to_owned()], ..world.spec() });
    for (one, other) in [(&default, &aes), (&aes, &chacha), (&default, &groups)] {
        assert!(!Arc::ptr_eq(one, other));
    }
    assert_eq!((aes.cipher_suites.len(), chacha.cipher_suites.len(), groups.kx_groups.len()), (1, 1, 1));
    assert_ne!(aes.cipher_suites[0].suite(), chacha.cipher_suites[0].suite());
    assert!(default.cipher_suites.len() > 1 && default.kx_groups.len() > 1);
}

/// A narrowing that fails is not kept as if it had not.
#[test]
fn what_the_provider_lacks_is_an_error_each_time() {
    let world = World::new("providers");
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups.retain(|group| group.name() != rustls::NamedGroup::secp384r1);
    let runtime = uptls::Runtime::new(Arc::new(provider));
    let lacking = policy(PolicySpec { groups: vec!["secp384r1".to_owned()], ..world.spec() });
    for _ in 0..2 {
        assert_eq!(runtime.prepare(&lacking).unwrap_err().code(), Code::UnsupportedOption);
    }
    let there = policy(PolicySpec { groups: vec!["secp256r1".to_owned()], ..world.spec() });
    assert!(world.runtime.prepare(&lacking).is_ok() && world.runtime.prepare(&there).is_ok());
}
