//! Revocation lists: deterministic, and obeyed by a verifier that nobody here wrote.
#![allow(clippy::unwrap_used, reason = "tests")]

use rustls::pki_types::{CertificateDer, UnixTime};
use std::time::Duration;
use uptls_testkit::{Certificate, CrlTemplate, DAY, Key, NOW, Pki, San, SignatureHash, Template, crl_pem};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth,
    RevocationOptionsBuilder, anchor_from_trusted_cert,
};

fn verify(pki: &Pki, leaf: &Certificate, crl: &[u8]) -> Result<(), webpki::Error> {
    let root = CertificateDer::from(pki.root.der());
    let leaf = CertificateDer::from(leaf.der());
    let crl = CertRevocationList::from(BorrowedCertRevocationList::from_der(crl).unwrap());
    let lists = [&crl];
    let revocation = RevocationOptionsBuilder::new(&lists)
        .unwrap()
        .with_depth(RevocationCheckDepth::EndEntity)
        .with_expiration_policy(ExpirationPolicy::Enforce)
        .build();
    EndEntityCert::try_from(&leaf)?
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor_from_trusted_cert(&root)?],
            &[CertificateDer::from(pki.intermediate.der())],
            UnixTime::since_unix_epoch(Duration::from_secs(NOW.try_into().unwrap())),
            KeyUsage::server_auth(),
            Some(revocation),
            None,
        )
        .map(|_| ())
}

#[test]
fn a_list_revokes_what_it_names_and_nothing_else() {
    let pki = Pki::new("crl");
    let (good, bad) = (pki.leaf(&[San::dns("good.example")]), pki.leaf(&[San::dns("bad.example")]));
    let crl = CrlTemplate::new(&[&bad]).issued_by(&pki.intermediate);
    assert_eq!(crl, CrlTemplate::new(&[&bad]).issued_by(&pki.intermediate));
    assert_eq!(verify(&pki, &bad, &crl), Err(webpki::Error::CertRevoked));
    verify(&pki, &good, &crl).unwrap();
    verify(&pki, &bad, &CrlTemplate::new(&[]).issued_by(&pki.intermediate)).unwrap();
    assert!(crl_pem(&crl).starts_with("-----BEGIN X509 CRL-----\n"));
}

#[test]
fn a_list_can_be_out_of_date() {
    let pki = Pki::new("crl");
    let old = CrlTemplate { next_update: Some(NOW - DAY), ..CrlTemplate::new(&[]) };
    let outcome = verify(&pki, &pki.leaf(&[]), &old.issued_by(&pki.intermediate));
    assert!(matches!(outcome, Err(webpki::Error::CrlExpired { .. })), "{outcome:?}");
}

#[test]
fn a_list_for_one_distribution_point_covers_only_its_certificates() {
    let pki = Pki::new("crl");
    let template = |name: &str| Template {
        crl_distribution_points: vec![format!("http://crl.example/{name}")],
        ..Template::leaf(name)
    };
    let crl = CrlTemplate::new(&[]).with_distribution_point("http://crl.example/a");
    let crl = crl.issued_by(&pki.intermediate);
    verify(&pki, &pki.issue(&template("a")), &crl).unwrap();
    let other = verify(&pki, &pki.issue(&template("b")), &crl);
    assert_eq!(other, Err(webpki::Error::UnknownRevocationStatus));
}

#[test]
fn a_list_can_be_signed_with_sha1() {
    let issuer = Template::ca("old").self_signed(&Key::rsa2048(0));
    let crl = CrlTemplate { signature_hash: SignatureHash::Sha1, ..CrlTemplate::new(&[]) };
    BorrowedCertRevocationList::from_der(&crl.issued_by(&issuer)).unwrap();
}
