//! Whatever a peer sends, no text that is made of it is long, unescaped or an order to trust it (V9, V11).

use rustls_pki_types::CertificateDer;
use uptls::danger::DangerPermission;
use uptls::{
    BackendHost, Error, FixedClock, MaterialDraft, PolicyDraft, PolicySpec, Prepared, Rejection, RejectionKind,
    Runtime, TrustDraft, UpstreamTlsPolicy,
};
use uptls_testkit::{Certificate, Key, NOW, Pki, San, Template};

fn prepared(bundle: String) -> std::sync::Arc<Prepared> {
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(NOW.unsigned_abs())).build();
    let trust = TrustDraft { bundles: vec![MaterialDraft::pem(bundle)], ..TrustDraft::default() };
    let draft = PolicyDraft::new(PolicySpec { trust, ..PolicySpec::default() });
    let policy = UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap();
    runtime.prepare(&policy).unwrap()
}

fn refused(prepared: &Prepared, chain: &[&Certificate]) -> Rejection {
    let chain: Vec<_> = chain.iter().map(|certificate| CertificateDer::from(certificate.der().to_vec())).collect();
    let host = BackendHost::parse("backend.test").unwrap();
    *prepared.verify(&chain, Some(&host)).unwrap_err()
}

/// Every text of `rejection` and of the report on the same chain.
fn texts(prepared: &Prepared, rejection: &Rejection) -> Vec<String> {
    let chain: Vec<_> = rejection.chain.iter().map(|der| CertificateDer::from(der.clone())).collect();
    let report = prepared.report(&chain, Some(&BackendHost::parse("backend.test").unwrap()));
    let details = report.steps.iter().flat_map(|step| step.detail.values().cloned());
    let facts = report.chain.iter().flat_map(|facts| [facts.subject.clone(), facts.issuer.clone()]);
    let names = report.presented.iter().cloned();
    let mut all: Vec<_> = details.chain(facts).chain(names).collect();
    all.extend([rejection.to_string(), rejection.hint(), report.message.unwrap(), report.hint.unwrap()]);
    all
}

/// Certificates that each carry one thing that is far too long.
fn monsters(pki: &Pki) -> Vec<(&'static str, Certificate)> {
    let key = Key::p256("monster");
    let long = |length: usize| "x".repeat(length);
    let names = [San::dns("backend.test")];
    let leaf = Template::leaf("leaf").with_sans(&names);
    let issued = |template: &Template| template.issued_by(&pki.root, &key);
    let issuer = Template::ca(&long(50_000)).self_signed(&key);
    // An authority key identifier of 50,000 bytes: [0] in a SEQUENCE.
    let id = [[0x80, 0x82, 0xc3, 0x50].as_slice(), &[0xab; 50_000]].concat();
    let aki = [[0x30, 0x82, 0xc3, 0x54].as_slice(), &id].concat();
    let mut other_root = Template::ca("peer texts root");
    other_root.organization = None;
    let impostor = other_root.self_signed(&Key::p256("impostor"));
    let mut asks = leaf.clone().with_extension("2.5.29.35", false, &aki);
    asks.authority_key_id = false;
    vec![
        ("a subject", issued(&Template { common_name: Some(long(50_000)), ..Template::leaf("") })),
        ("an issuer", leaf.issued_by(&issuer, &key)),
        ("a self-signed subject", Template::leaf(&long(25_000)).with_sans(&names).self_signed(&key)),
        ("a key identifier", asks.issued_by(&impostor, &key)),
        ("a name", issued(&Template::leaf("leaf").with_sans(&[San::dns(&long(50_000))]))),
        ("many names", issued(&Template::leaf("leaf").with_sans(&vec![San::dns("another.test"); 2_000]))),
        ("a URI", issued(&Template::leaf("leaf").with_sans(&[San::uri(&format!("spiffe://a/{}", long(50_000)))]))),
    ]
}

#[test]
fn every_text_is_bounded() {
    let pki = Pki::new("peer texts");
    let prepared = prepared(pki.root.pem());
    let mut seen = Vec::new();
    for (what, leaf) in monsters(&pki) {
        let rejection = refused(&prepared, &[&leaf]);
        for text in texts(&prepared, &rejection) {
            // A sentence of ours around at most three texts of the peer's.
            assert!(
                text.chars().count() <= 3 * LIMIT + SENTENCE,
                "{what}: {} characters: {text}",
                text.chars().count()
            );
        }
        let kind = format!("{:?}", rejection.kind);
        assert!(kind.len() <= 3 * LIMIT, "{what}: {} bytes: {kind}", kind.len());
        let debug = format!("{rejection:?} {:?}", Error::from(Box::new(rejection.clone())));
        assert!(
            debug.len() <= 2 * 40 * LIMIT && debug.contains("1 certificates [\"sha256:"),
            "{what}: {}",
            debug.len()
        );
        seen.push(rejection.code().as_str());
    }
    seen.sort_unstable();
    seen.dedup();
    let wanted = ["cert_issuer_key_changed", "cert_self_signed", "cert_unknown_issuer", "name_mismatch", "san_missing"];
    assert_eq!(seen, wanted);
}

#[test]
fn a_chain_of_many_certificates_is_short_in_debug() {
    let pki = Pki::new("peer texts");
    let leaf = pki.leaf(&[San::dns("other.test")]);
    let prepared = prepared(pki.root.pem());
    let chain: Vec<_> = core::iter::once(&leaf).chain(core::iter::repeat_n(&pki.intermediate, 60)).collect();
    let rejection = refused(&prepared, &chain);
    let debug = format!("{rejection:?}");
    assert!(debug.len() < 4_000 && debug.contains("61 certificates"), "{}: {debug}", debug.len());
    let peer = {
        let leaf = pki.leaf(&[San::dns("backend.test")]);
        let chain = pki.chain(&leaf).into_iter().map(CertificateDer::from).collect::<Vec<_>>();
        prepared.verify(&chain, Some(&BackendHost::parse("backend.test").unwrap())).unwrap()
    };
    let debug = format!("{peer:?}");
    assert!(debug.len() < 500 && debug.contains("certificates [\"sha256:"), "{debug}");
}

#[test]
fn what_could_mislead_a_reader_is_escaped() {
    let pki = Pki::new("peer texts");
    let prepared = prepared(pki.root.pem());
    let table = [
        ("a\u{202e}b", "a\\E2\\80\\AEb"),
        ("a\u{3164}", "a\\E3\\85\\A4"),
        ("a\u{5d0}", "a\\D7\\90"),
        ("a\n", "a\\0A"),
        ("a\\n", "a\\\\n"),
        ("a, CN=b", "a\\, CN=b"),
        ("東京", "東京"),
    ];
    for (name, shown) in table {
        let leaf = Template::leaf(name).with_sans(&[San::dns("backend.test")]).self_signed(&Key::p256("peer texts"));
        let rejection = refused(&prepared, &[&leaf]);
        let subject = format!("CN={shown}");
        assert_eq!(rejection.kind, RejectionKind::SelfSigned { subject: subject.clone() }, "{name:?}");
        let texts = texts(&prepared, &rejection);
        assert!(texts.iter().any(|text| text == &subject), "{name:?}: {texts:?}");
        assert!(texts.iter().all(|text| uptls::printable(text) == *text || text.len() > LIMIT), "{name:?}: {texts:?}");
        // The CN of a certificate without a SAN is no distinguished name.
        let leaf = Template::leaf(name).issued_by(&pki.root, &Key::p256("peer texts"));
        let message = refused(&prepared, &[&leaf]).to_string();
        assert!(uptls::printable(&message) == message && message.contains("which is never read"), "{message}");
    }
}

/// Under an attack the texts are read by an operator who does what they say.
#[test]
fn no_hint_says_to_trust_what_was_seen() {
    let pki = Pki::new("peer texts");
    let prepared = prepared(pki.root.pem());
    let sans = [San::dns("backend.test")];
    let key = Key::p256("attacker");
    let called_as_ours = Template::ca("peer texts root").self_signed(&key);
    let stranger = Template::ca("stranger").self_signed(&key);
    let leaf = Template::leaf("leaf").with_sans(&sans);
    let cases = [
        ("cert_issuer_key_changed", leaf.issued_by(&called_as_ours, &Key::p256("leaf"))),
        ("cert_unknown_issuer", leaf.issued_by(&stranger, &Key::p256("leaf"))),
        ("cert_self_signed", leaf.self_signed(&key)),
        ("cert_ca_as_leaf", Template::ca("ca").with_sans(&sans).issued_by(&pki.root, &key)),
    ];
    for (code, leaf) in cases {
        let rejection = refused(&prepared, &[&leaf]);
        assert_eq!(rejection.code().as_str(), code);
        for hint in [rejection.hint(), rejection.code().hint()] {
            let advice = hint.find("add").or(hint.find("put"));
            let condition = hint.find("confirms");
            assert!(advice.is_some() && condition > advice && hint.contains("if "), "{code}: {hint}");
        }
    }
}

const LIMIT: usize = 256;
const SENTENCE: usize = 256;
