//! The path that a verdict rests on (V2, V3, T5): what was verified, whole, and nothing that the peer sent beside it.

use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission;
use uptls::{
    DangerDraft, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, ReasonDraft, RevocationDraft, Runtime, TrustDraft,
    UpstreamTlsPolicy,
};
use uptls_testkit::{Certificate, CrlTemplate, Key, NOW, Pki, San, Template, crl_pem};

fn trusting(certificates: &[&Certificate]) -> PolicySpec {
    let bundles = certificates.iter().map(|one| MaterialDraft::pem(one.pem())).collect();
    let trust = TrustDraft { bundles, ..TrustDraft::default() };
    PolicySpec { server_name: Some("pay.test".to_owned()), trust, ..PolicySpec::default() }
}

/// The verified chain of what is sent, which the policy must accept.
fn path(spec: PolicySpec, sent: &[&Certificate]) -> Option<Vec<Vec<u8>>> {
    let clock = FixedClock::at(NOW.unsigned_abs());
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build();
    let policy = UpstreamTlsPolicy::check(PolicyDraft::new(spec), DangerPermission::Allowed).unwrap();
    let chain: Vec<_> = sent.iter().map(|one| CertificateDer::from_slice(one.der())).collect();
    let peer = runtime.prepare(&policy).unwrap().verify(&chain, None).unwrap();
    assert_eq!(peer.chain_der().len(), sent.len());
    Some(peer.verified_chain()?.into_iter().map(<[u8]>::to_vec).collect())
}

fn ders(certificates: &[&Certificate]) -> Option<Vec<Vec<u8>>> {
    Some(certificates.iter().map(|one| one.der().to_vec()).collect())
}

#[test]
fn the_anchor_is_in_it_and_what_nothing_verified_is_not() {
    let pki = Pki::new("verified");
    let leaf = pki.leaf(&[San::dns("pay.test")]);
    let stranger = Pki::new("stranger").root;
    let whole = ders(&[&leaf, &pki.intermediate, &pki.root]);
    let trust = || trusting(&[&pki.root]);
    assert_eq!(path(trust(), &[&leaf, &pki.intermediate]), whole);
    assert_eq!(path(trust(), &[&leaf, &pki.intermediate, &pki.root]), whole);
    assert_eq!(path(trust(), &[&leaf, &stranger, &pki.intermediate, &stranger]), whole);
    // An intermediate that is trusted ends the path.
    assert_eq!(path(trusting(&[&pki.intermediate, &pki.root]), &[&leaf]), ders(&[&leaf, &pki.intermediate]));
}

#[test]
fn trust_as_itself_is_a_path_of_one() {
    let key = Key::p256("alone");
    let alone = Template::leaf("alone").with_sans(&[San::dns("pay.test")]).self_signed(&key);
    let stranger = Pki::new("stranger").root;
    assert_eq!(path(trusting(&[&alone]), &[&alone, &stranger]), ders(&[&alone]));
}

/// Two certificates of one intermediate: revocation decides which of them the path goes through.
#[test]
fn it_is_the_path_that_revocation_left() {
    let [a, b] = ["crossed a", "crossed b"].map(|name| Pki::new(name).root);
    let key = Key::p256("crossed");
    let [by_a, by_b] = [&a, &b].map(|root| Template::ca("crossed").issued_by(root, &key));
    let leaf = Template::leaf("leaf").with_sans(&[San::dns("pay.test")]).issued_by(&by_a, &Key::p256("leaf"));
    for (revoked_by, gone, left, root) in [(&a, &by_a, &by_b, &b), (&b, &by_b, &by_a, &a)] {
        let lists = [&a, &b].map(|issuer| {
            let revoked: &[&Certificate] = if core::ptr::eq(issuer, revoked_by) { &[gone] } else { &[] };
            crl_pem(&CrlTemplate::new(revoked).issued_by(issuer))
        });
        let leaves = crl_pem(&CrlTemplate::new(&[]).issued_by(&by_a));
        let crls = lists.into_iter().chain([leaves]).map(MaterialDraft::pem).collect();
        let revocation = Some(RevocationDraft { crls, ..RevocationDraft::default() });
        let spec = PolicySpec { revocation, ..trusting(&[&a, &b]) };
        for sent in [[&leaf, &by_a, &by_b], [&leaf, &by_b, &by_a]] {
            assert_eq!(path(spec.clone(), &sent), ders(&[&leaf, left, root]));
        }
    }
}

/// D2: what was not verified is not told, though the same chain would have a path.
#[test]
fn there_is_none_where_nothing_was_verified() {
    let pki = Pki::new("verified");
    let leaf = pki.leaf(&[San::dns("pay.test")]);
    let sent = [&leaf, &pki.intermediate, &pki.root];
    let reason = Some(ReasonDraft { reason: "a test".to_owned() });
    let danger = DangerDraft { accept_any_certificate: reason, ..DangerDraft::default() };
    assert_eq!(path(PolicySpec { danger, ..trusting(&[]) }, &sent), None);
    assert_eq!(path(trusting(&[&pki.root]), &sent), ders(&sent));
}
