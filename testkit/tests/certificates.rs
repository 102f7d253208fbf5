//! Certificates: deterministic, accepted by parsers and verifiers that nobody here wrote.
#![allow(clippy::unwrap_used, reason = "tests")]

use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use std::time::Duration;
use uptls_testkit::{
    BasicConstraints, Certificate, Key, KeyUsage, NOW, NameConstraints, NameEncoding, Pki, San, SignatureHash,
    Template, Version, YEAR, chain_pem, trusted_certificate_pem,
};
use webpki::{EndEntityCert, KeyUsage as Purpose, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer, ParsedExtension, X509Certificate, X509Version};

fn verify(leaf: &Certificate, intermediates: &[&Certificate], root: &Certificate) -> Result<(), webpki::Error> {
    let root = CertificateDer::from(root.der());
    let intermediates: Vec<_> =
        intermediates.iter().map(|certificate| CertificateDer::from(certificate.der())).collect();
    let leaf = CertificateDer::from(leaf.der());
    EndEntityCert::try_from(&leaf)?
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor_from_trusted_cert(&root)?],
            &intermediates,
            UnixTime::since_unix_epoch(Duration::from_secs(NOW.try_into().unwrap())),
            Purpose::server_auth(),
            None,
            None,
        )
        .map(|_| ())
}

fn parse(certificate: &Certificate) -> X509Certificate<'_> {
    let (rest, parsed) = X509Certificate::from_der(certificate.der()).unwrap();
    assert!(rest.is_empty());
    parsed
}

/// Every kind of key, made anew.
fn keys() -> Vec<Key> {
    vec![
        Key::p256("a"),
        Key::p384("a"),
        Key::p521("a"),
        Key::mldsa44("a"),
        Key::mldsa65("a"),
        Key::mldsa87("a"),
        Key::ed25519("a"),
        Key::rsa1024(),
        Key::rsa2048(0),
        Key::rsa2048(1),
        Key::rsa3072(),
    ]
}

/// A template in which nothing is left out.
fn everything() -> Template {
    Template {
        organization: Some("Example".into()),
        san_critical: true,
        name_constraints: Some(NameConstraints {
            permitted: vec![
                San::dns("example"),
                San::subnet("10.0.0.0/8"),
                San::uri("td.example"),
                San::DirectoryName("Example".into()),
            ],
            excluded: vec![San::subnet("2001:db8::/33"), San::ip("192.0.2.1")],
        }),
        aia_ca_issuers: Some("http://ca.example/ca.der".into()),
        crl_distribution_points: vec!["http://ca.example/ca.crl".into()],
        ..Template::ca("everything")
    }
    .with_sans(&[
        San::dns("*.example"),
        San::ip("192.0.2.7"),
        San::ip("2001:db8::7"),
        San::uri("spiffe://td.example/a"),
        San::Email("a@example".into()),
        San::OtherName,
        San::DirectoryName("Example".into()),
    ])
    .with_extension("1.3.6.1.4.1.55555.1", false, b"\x05\x00")
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for (first, second) in keys().iter().zip(keys()) {
        assert_eq!(first.pkcs8_der(), second.pkcs8_der());
        assert_eq!(first.spki_der(), second.spki_der());
        let minted = everything().self_signed(first);
        assert_eq!(minted.der(), everything().self_signed(&second).der());
        assert_eq!(first.encrypted_pkcs8_pem("x", 10), second.encrypted_pkcs8_pem("x", 10));
    }
    assert_ne!(Key::p256("a"), Key::p256("b"));
}

#[test]
fn bytes_do_not_change_between_versions_of_the_testkit() {
    let hex = |bytes: [u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let found: Vec<String> = keys().iter().map(|key| hex(everything().self_signed(key).sha256())).collect();
    assert_eq!(found, PINNED);
}

#[test]
fn an_ordinary_chain_verifies_with_every_kind_of_key() {
    for key in keys().iter().filter(|key| **key != Key::rsa1024()) {
        let root = Template::ca("root").self_signed(key);
        let intermediate = Template::ca("intermediate").issued_by(&root, key);
        let leaf = Template::leaf("leaf").with_sans(&[San::dns("a.example")]).issued_by(&intermediate, key);
        verify(&leaf, &[&intermediate], &root).unwrap();
        assert!(verify(&leaf.with_tampered_signature(), &[&intermediate], &root).is_err());
        assert!(verify(&leaf, &[], &root).is_err());
    }
}

#[test]
fn the_small_pki_verifies_and_names_its_leaf() {
    let pki = Pki::new("test");
    let leaf = pki.leaf(&[San::dns("a.example"), San::ip("192.0.2.7")]);
    verify(&leaf, &[&pki.intermediate], &pki.root).unwrap();
    let der = CertificateDer::from(leaf.der());
    let name = ServerName::try_from("a.example").unwrap();
    EndEntityCert::try_from(&der).unwrap().verify_is_valid_for_subject_name(&name).unwrap();
    assert_ne!(leaf.key(), pki.leaf(&[San::dns("b.example")]).key());
    assert_ne!(leaf.serial(), pki.leaf(&[San::dns("b.example")]).serial());
    assert!(verify(&pki.client(&[]), &[&pki.intermediate], &pki.root).is_err());
}

#[test]
fn every_extension_is_understood_by_a_foreign_parser() {
    let certificate = everything().self_signed(&Key::p256("a"));
    let parsed = parse(&certificate);
    assert_eq!(parsed.subject().to_string(), "O=Example, CN=everything");
    assert_eq!(parsed.subject_pki.raw, certificate.spki_der());
    assert_eq!(parsed.raw_serial(), certificate.serial());
    assert_eq!(parsed.extensions().len(), 9);
    assert_eq!(parsed.subject_alternative_name().unwrap().unwrap().value.general_names.len(), 7);
    assert!(parsed.basic_constraints().unwrap().unwrap().value.ca);
    assert!(parsed.key_usage().unwrap().unwrap().value.crl_sign());
    let constraints = parsed.name_constraints().unwrap().unwrap();
    assert_eq!(constraints.value.permitted_subtrees.as_ref().unwrap().len(), 4);
    let understood = parsed.extensions().iter().filter(|extension| {
        !matches!(
            extension.parsed_extension(),
            ParsedExtension::UnsupportedExtension { .. } | ParsedExtension::ParseError { .. }
        )
    });
    assert_eq!(understood.count(), 8);
}

#[test]
fn a_version_1_certificate_has_no_extensions() {
    let template = Template { version: Version::V1, ..Template::ca("old") };
    let certificate = template.self_signed(&Key::p256("a"));
    let parsed = parse(&certificate);
    assert_eq!(parsed.version(), X509Version::V1);
    assert!(parsed.extensions().is_empty());
    anchor_from_trusted_cert(&CertificateDer::from(certificate.der())).unwrap();
}

#[test]
fn odd_certificates_can_be_written() {
    let odd = Template {
        common_name: None,
        serial: Some(vec![0xff]),
        not_after: NOW + 100 * YEAR,
        basic_constraints: Some(BasicConstraints { ca: true, path_len: Some(0) }),
        key_usage: Some(vec![KeyUsage::KeyAgreement, KeyUsage::DataEncipherment]),
        extended_key_usage: Some(vec![]),
        sans: vec![San::RawTag { tag: 0x82, bytes: vec![0xff, 0x00] }],
        spki_override: Some(Key::rsa1024().spki_der()),
        ..Template::leaf("odd")
    };
    let certificate = odd.issued_by(&Pki::new("test").root, &Key::p256("a"));
    let parsed = parse(&certificate);
    assert_eq!(parsed.subject().iter().count(), 0);
    assert_eq!(parsed.raw_serial(), [0xff]);
    assert_eq!(parsed.subject_pki.raw, Key::rsa1024().spki_der());
    assert_eq!(parsed.validity().not_after.timestamp(), NOW + 100 * YEAR);
    assert_eq!(parsed.basic_constraints().unwrap().unwrap().value.path_len_constraint, Some(0));
}

#[test]
fn a_subject_can_be_written_in_another_string_type() {
    let utf8 = Template::ca("root").self_signed(&Key::p256("a"));
    let printable = Template { name_encoding: NameEncoding::Printable, ..Template::ca("root") };
    let printable = printable.self_signed(&Key::p256("a"));
    assert_ne!(utf8.subject_der(), printable.subject_der());
    assert_eq!(parse(&utf8).subject().to_string(), parse(&printable).subject().to_string());
}

#[test]
fn sha1_signatures_are_rejected_as_such() {
    let key = Key::rsa2048(0);
    let root = Template::ca("root").self_signed(&key);
    let leaf = Template { signature_hash: SignatureHash::Sha1, ..Template::leaf("leaf") };
    let leaf = leaf.issued_by(&root, &Key::p256("a"));
    assert_eq!(parse(&leaf).signature_algorithm.algorithm.to_id_string(), "1.2.840.113549.1.1.5");
    assert!(verify(&leaf, &[], &root).is_err());
}

#[test]
fn keys_are_read_back_by_the_provider() {
    use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    for key in keys().iter().filter(|key| **key != Key::rsa1024()) {
        let read = PrivateKeyDer::from_pem_slice(key.pkcs8_pem().as_bytes()).unwrap();
        let signer = provider.key_provider.load_private_key(read).unwrap();
        assert_eq!(signer.public_key().unwrap().as_ref(), key.spki_der());
    }
    for text in
        [Key::p256("a").sec1_pem(), Key::p384("a").sec1_pem(), Key::p521("a").sec1_pem(), Key::rsa2048(0).pkcs1_pem()]
    {
        let read = PrivateKeyDer::from_pem_slice(text.as_bytes()).unwrap();
        provider.key_provider.load_private_key(read).unwrap();
    }
}

#[test]
fn encrypted_keys_open_with_their_passphrase() {
    use pkcs8::{EncryptedPrivateKeyInfoRef, der::Document};
    for key in keys() {
        let text = key.encrypted_pkcs8_pem("secret", 10);
        let (label, document) = Document::from_pem(&text).unwrap();
        assert_eq!(label, "ENCRYPTED PRIVATE KEY");
        let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).unwrap();
        assert_eq!(info.decrypt("secret").unwrap().as_bytes(), key.pkcs8_der());
        assert!(info.decrypt("wrong").is_err());
    }
    let legacy = Key::rsa2048(0).legacy_encrypted_pem();
    assert!(legacy.starts_with("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: "));
}

#[test]
fn pem_has_the_asked_labels() {
    let pki = Pki::new("test");
    let chain = chain_pem(&[&pki.intermediate, &pki.root]);
    assert_eq!(chain, pki.intermediate.pem() + &pki.root.pem());
    assert!(trusted_certificate_pem(&pki.root).starts_with("-----BEGIN TRUSTED CERTIFICATE-----\n"));
}

/// SHA-256 of the certificate that says everything, for every kind of key.
const PINNED: [&str; 11] = [
    "04c2da95fd03e889aad2b675a54cb3e7f8d3efa2f83cd34f4ff46077029aed52",
    "fac565f031622b09a14404288942ce6f98a789b2e716a9a6f45f282203215968",
    "b8b38593d98707d9c4880b1e525f23d28dbf59e07cd23f56b1d585fae42b8953",
    "9e4275b8dd4394c4e84bc83e6eefdcfe11c6968a4746a053903070ded1c636c3",
    "ad4831e5eb3cddbf4037000f54d9d26ae8280fb78b43dda6839b67f162ea430b",
    "6b02cf71059395db10d9c2cf8d87a55b76c843ca35f4c99b837175b2e9c7327b",
    "4580bf4bd6ce0c60b2f2834513c4a4bb0e401db29ec2eddc9412869828884a95",
    "86f03e07548fb7ad00cfc42322b8653c651446ef781feefb3b6caf96297a7109",
    "9dcdc260bd1fafc372eb539e876bb153eb73e0613edc82bb8d93eb3402527374",
    "6d98e2664059d2d09d40d4c1e5bfaa690a3bd86cb777668ebea1199dc5723bf5",
    "cc39ba8c1d4703f1266c4646fe2df802d045e7b682c7b9179c7e24823d455f24",
];
