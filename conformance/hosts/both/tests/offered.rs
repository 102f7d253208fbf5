//! What a handshake accepts is one list for each provider (H9): the ClientHello, the exports and the advice of 207 have it.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use rustls::SignatureScheme;
use rustls::crypto::CryptoProvider;
use rustls::server::Acceptor;
use uptls::danger::DangerPermission;
use uptls::{BackendHost, Code, ConnectOptions, Connector, FixedClock, Prepared, Problems, Runtime, UpstreamTlsPolicy};
use uptls_manifest::envoy::{self, Export, ExportOptions};
use uptls_testkit::{Key, NOW, Pki, Template, chain_pem};

/// Names, and whether ring has them.
const SCHEMES: &[(&str, SignatureScheme, bool)] = &[
    ("ecdsa_secp256r1_sha256", SignatureScheme::ECDSA_NISTP256_SHA256, true),
    ("ecdsa_secp384r1_sha384", SignatureScheme::ECDSA_NISTP384_SHA384, true),
    ("ecdsa_secp521r1_sha512", SignatureScheme::ECDSA_NISTP521_SHA512, false),
    ("ed25519", SignatureScheme::ED25519, true),
    ("mldsa44", SignatureScheme::ML_DSA_44, false),
    ("mldsa65", SignatureScheme::ML_DSA_65, false),
    ("mldsa87", SignatureScheme::ML_DSA_87, false),
    ("rsa_pkcs1_sha256", SignatureScheme::RSA_PKCS1_SHA256, true),
    ("rsa_pkcs1_sha384", SignatureScheme::RSA_PKCS1_SHA384, true),
    ("rsa_pkcs1_sha512", SignatureScheme::RSA_PKCS1_SHA512, true),
    ("rsa_pss_rsae_sha256", SignatureScheme::RSA_PSS_SHA256, true),
    ("rsa_pss_rsae_sha384", SignatureScheme::RSA_PSS_SHA384, true),
    ("rsa_pss_rsae_sha512", SignatureScheme::RSA_PSS_SHA512, true),
];

fn runtime(provider: Arc<CryptoProvider>) -> Runtime {
    Runtime::builder(provider).clock(FixedClock::at(NOW.try_into().unwrap())).build()
}

/// A policy around the root of a folder, with what else `spec` says.
fn policy(folder: &Path, spec: &str) -> UpstreamTlsPolicy {
    let text = format!(
        "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {{trust: {{bundles: [{{file: ca.pem}}]}}, serverName: pay.test{spec}}}\n"
    );
    let draft = uptls_manifest::parse(text.as_bytes(), "policy", Some(folder)).unwrap();
    UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("ca.pem"), Pki::new("offered").root.pem()).unwrap();
    folder
}

/// What the ClientHello of a connection says.
fn offered(runtime: &Runtime, policy: &UpstreamTlsPolicy) -> Vec<SignatureScheme> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut acceptor = Acceptor::default();
        loop {
            acceptor.read_tls(&mut stream).unwrap();
            if let Some(accepted) = acceptor.accept().unwrap() {
                return accepted.client_hello().signature_schemes().to_vec();
            }
        }
    });
    let connector = Connector::new(runtime, policy).unwrap();
    let host = BackendHost::parse("pay.test").unwrap();
    let stream = TcpStream::connect(address).unwrap();
    assert!(connector.handshake(stream, &host, &ConnectOptions::default()).is_err());
    server.join().unwrap()
}

fn algorithms(export: &Export) -> Vec<String> {
    let listed = &export.context["common_tls_context"]["tls_params"]["signature_algorithms"];
    listed.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_handshake_and_both_exports_offer_what_the_provider_verifies() {
    let folder = folder();
    let plain = policy(folder.path(), "");
    for (provider, is_ring) in [(uptls::aws_lc_rs::provider(), false), (uptls::ring::provider(), true)] {
        let runtime = runtime(provider);
        let prepared = runtime.prepare(&plain).unwrap();
        let names = uptls::interop::signature_schemes(&prepared);
        let wire = |name: &String| SCHEMES.iter().find(|(known, ..)| known == name).map(|(_, scheme, _)| *scheme);
        let schemes: Vec<_> = names.iter().map(|name| wire(name).unwrap()).collect();
        assert_eq!(schemes, runtime.provider().signature_verification_algorithms.supported_schemes());
        assert_eq!(schemes, offered(&runtime, &plain));
        let export = |by: fn(&Prepared, &ExportOptions) -> Result<Export, Problems>| {
            algorithms(&by(&prepared, &ExportOptions::default()).unwrap())
        };
        assert_eq!(export(envoy::export), names);
        assert_eq!(export(envoy::export_module), names);
        let wanted = SCHEMES.iter().filter(|(.., has_ring)| *has_ring || !is_ring).map(|(name, ..)| (*name).to_owned());
        assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), wanted.collect());
    }
}

/// E7 touches every policy with TLS 1.2 where P-521 is verified, and with ring none that has the usual groups.
#[test]
fn the_warning_about_curves_goes_with_the_provider() {
    let folder = folder();
    let warned = |provider, spec: &str| {
        let prepared = runtime(provider).prepare(&policy(folder.path(), spec)).unwrap();
        let export = envoy::export(&prepared, &ExportOptions::default()).unwrap();
        export.warnings.iter().any(|warning| warning.detail.get("difference").is_some_and(|number| number == "E7"))
    };
    assert!(warned(uptls::aws_lc_rs::provider(), ""));
    assert!(!warned(uptls::ring::provider(), ""));
    assert!(warned(uptls::ring::provider(), ", groups: [X25519]"));
    assert!(!warned(uptls::aws_lc_rs::provider(), ", versions: {min: '1.3'}"));
}

/// What 207 says to use, by the words in which it does.
fn good_keys() -> [(&'static str, Vec<Key>); 2] {
    let (usual, more) = Code::IdentityKeyTooWeak.remedy().split_once(", or with the provider aws-lc-rs ").unwrap();
    let usual = usual.strip_prefix("Use ").unwrap();
    assert_eq!(usual, "RSA of 2048 to 8192 bits, P-256, P-384 or Ed25519");
    assert_eq!(more, "P-521, ML-DSA-44, ML-DSA-65 or ML-DSA-87.");
    let usual_keys = vec![Key::rsa2048(0), Key::rsa3072(), Key::p256("a"), Key::p384("a"), Key::ed25519("a")];
    let more_keys = vec![Key::p521("a"), Key::mldsa44("a"), Key::mldsa65("a"), Key::mldsa87("a")];
    [("usual", usual_keys), ("more", more_keys)]
}

/// The policy with this identity, loaded.
fn load(provider: Arc<CryptoProvider>, key: &Key, template: &Template) -> Result<(), Problems> {
    let folder = folder();
    let pki = Pki::new("offered");
    let client = template.issued_by(&pki.intermediate, key);
    fs::write(folder.path().join("tls.crt"), chain_pem(&[&client, &pki.intermediate])).unwrap();
    fs::write(folder.path().join("tls.key"), key.pkcs8_pem()).unwrap();
    let spec = ", identity: {certificate: {file: tls.crt}, key: {file: tls.key}}";
    runtime(provider).prepare(&policy(folder.path(), spec)).map(drop)
}

#[test]
fn the_advice_about_client_keys_is_what_both_providers_take() {
    let client = Template::leaf("client");
    let [(_, usual), (_, more)] = good_keys();
    for provider in [uptls::aws_lc_rs::provider, uptls::ring::provider] {
        for key in &usual {
            assert!(load(provider(), key, &client).is_ok(), "{key:?}");
        }
        let problems = load(provider(), &Key::rsa1024(), &client).unwrap_err();
        assert_eq!(problems.code(), Code::IdentityKeyTooWeak);
        // The ends of the range; those inside it belong to another key.
        for (bits, code) in [
            (2047, Code::IdentityKeyTooWeak),
            (2048, Code::IdentityKeyMismatch),
            (8192, Code::IdentityKeyMismatch),
            (8193, Code::IdentityKeyTooWeak),
        ] {
            let template = Template { spki_override: Some(rsa_spki(bits)), ..client.clone() };
            let problems = load(provider(), &Key::rsa2048(0), &template).unwrap_err();
            assert_eq!(problems.code(), code, "{bits}: {problems}");
        }
    }
    for key in &more {
        assert!(load(uptls::aws_lc_rs::provider(), key, &client).is_ok(), "{key:?}");
        let problems = load(uptls::ring::provider(), key, &client).unwrap_err();
        assert_eq!(problems.code(), Code::IdentityKeyTooWeak, "{key:?}: {problems}");
    }
    // A key that is none is something else, with both.
    for provider in [uptls::aws_lc_rs::provider(), uptls::ring::provider()] {
        let folder = folder();
        fs::write(folder.path().join("tls.crt"), client.self_signed(&Key::p256("a")).pem()).unwrap();
        let broken = uptls_testkit::pem("PRIVATE KEY", &[0x30, 0x03, 0x02, 0x01, 0x00]);
        fs::write(folder.path().join("tls.key"), broken).unwrap();
        let spec = ", identity: {certificate: {file: tls.crt}, key: {file: tls.key}}";
        let problems = runtime(provider).prepare(&policy(folder.path(), spec)).unwrap_err();
        assert_eq!(problems.code(), Code::IdentityParse, "{problems}");
    }
}

/// A public key with a modulus of so many bits, all of them set.
fn rsa_spki(bits: usize) -> Vec<u8> {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    match bits % 8 {
        0 => modulus.insert(0, 0),
        spare => modulus[0] = 0xff >> (8 - spare),
    }
    let sequence = |content: Vec<u8>| tlv(0x30, &content);
    let key = sequence([tlv(0x02, &modulus), tlv(0x02, &[1, 0, 1])].concat());
    let algorithm = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];
    sequence([algorithm.to_vec(), tlv(0x03, &[vec![0], key].concat())].concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let header = match content.len() {
        0..0x80 => vec![tag, length[1]],
        _ => vec![tag, 0x82, length[0], length[1]],
    };
    [header, content.to_vec()].concat()
}
