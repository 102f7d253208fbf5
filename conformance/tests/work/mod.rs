//! Chains that are as costly as 64 KiB can make them, each by another means.

use uptls_testkit::{Certificate, CrlTemplate, Key, NameConstraints, Pki, San, Template, crl_pem};

/// One chain and what it is judged by.
pub(crate) struct Chain {
    pub(crate) anchors: Vec<Certificate>,
    pub(crate) certificates: Vec<Certificate>,
    /// What it may come to.
    pub(crate) codes: &'static [&'static str],
    /// PEM.
    pub(crate) lists: String,
    pub(crate) name: &'static str,
}

const A: &str = "a.test";

/// Leaf and intermediate, below a root.
pub(crate) fn ordinary() -> Chain {
    let pki = Pki::new("work");
    let leaf = pki.leaf(&[San::dns(A)]);
    chain("ordinary", &["accepted"], vec![leaf, pki.intermediate.clone()])
}

/// Every attack, in no order.
pub(crate) fn chains() -> Vec<Chain> {
    vec![
        namesakes_and_fillers(),
        namesakes_alone(),
        namesakes_by("24 issuers of one name on P-384", 24, |seed| Key::p384(&seed)),
        namesakes_by("24 issuers of one name on P-521", 24, |seed| Key::p521(&seed)),
        namesakes_by("24 issuers of one name on Ed25519", 24, |seed| Key::ed25519(&seed)),
        namesakes_by("6 issuers of one name on ML-DSA-87", 6, |seed| Key::mldsa87(&seed)),
        strangers_by_one_key(),
        real_cross_signatures(),
        many_extensions(),
        many_addresses(),
        names_and_constraints(),
        many_purposes(),
        many_points(),
        long_names(),
        a_thousand_anchors(),
        anchors_of_one_name(),
    ]
}

fn chain(name: &'static str, codes: &'static [&'static str], certificates: Vec<Certificate>) -> Chain {
    Chain { anchors: vec![Pki::new("work").root], certificates, codes, lists: String::new(), name }
}

/// A leaf whose issuer is called X, and `count` self-issued Xs, each with a key of its own.
fn namesakes(count: usize, key: impl Fn(String) -> Key) -> Vec<Certificate> {
    let issuer = Template::ca("X").self_signed(&Key::p256("another X"));
    let leaf = Template::leaf("leaf").with_sans(&[San::dns(A)]).issued_by(&issuer, &Key::p256("leaf of X"));
    let others = (0..count)
        .map(|n| Template { authority_key_id: false, ..Template::ca("X") }.self_signed(&key(format!("X {n}"))));
    core::iter::once(leaf).chain(others).collect()
}

/// Nine issuers of one name, and 100 certificates that are nothing but expensive to read.
fn namesakes_and_fillers() -> Chain {
    let mut certificates = namesakes(9, |seed| Key::p256(&seed));
    for number in 0..100 {
        let mut template = Template::ca(&format!("filler {number}"));
        for extension in 0..30 {
            template = template.with_extension(meaningless(extension), false, &[5, 0]);
        }
        certificates.push(template.self_signed(&Key::p256("filler")));
    }
    fit(&mut certificates);
    chain("nine issuers of one name, and fillers", &["cert_unknown_issuer", "cert_bad_signature"], certificates)
}

fn namesakes_alone() -> Chain {
    chain("127 issuers of one name", &["cert_budget_exceeded"], {
        let mut all = namesakes(127, |seed| Key::p256(&seed));
        fit(&mut all);
        all
    })
}

/// Each of another key of one kind, and a leaf that such a key may have signed: every one of them must be tried.
fn namesakes_by(name: &'static str, count: usize, key: impl Fn(String) -> Key) -> Chain {
    let issuer = Template::ca("X").self_signed(&key("another X".to_owned()));
    let mut certificates = namesakes(count, key);
    certificates[0] = Template::leaf("leaf").with_sans(&[San::dns(A)]).issued_by(&issuer, &Key::p256("leaf of X"));
    chain(
        name,
        &["cert_budget_exceeded", "cert_unknown_issuer", "cert_bad_signature", "cert_self_signed"],
        certificates,
    )
}

/// Layers of certificates that name each other, all by one key: every combination is a path by name.
fn strangers_by_one_key() -> Chain {
    let key = Key::p256("layers");
    let issuer = |layer: usize| Template::ca(&format!("layer {layer}")).self_signed(&key);
    let mut certificates =
        vec![Template::leaf("leaf").with_sans(&[San::dns(A)]).issued_by(&issuer(0), &Key::p256("leaf"))];
    for layer in 0..6 {
        for copy in 0..5_u8 {
            let template = Template { serial: Some(vec![1, copy]), ..Template::ca(&format!("layer {layer}")) };
            certificates.push(template.issued_by(&issuer(layer + 1), &key));
        }
    }
    chain("six layers of five by one key", &["cert_budget_exceeded", "cert_unknown_issuer"], certificates)
}

/// Layers that are really signed, up to the anchor, below a leaf that is not.
fn real_cross_signatures() -> Chain {
    let pki = Pki::new("work");
    let mut above = vec![pki.root.clone()];
    let mut all = Vec::new();
    for layer in 0..4 {
        let key = Key::p256(&format!("cross {layer}"));
        let issuers = above.iter().take(2).enumerate();
        let layer: Vec<Certificate> = issuers
            .flat_map(|(n, issuer)| {
                let template = Template::ca(&format!("cross {layer}"));
                let key = key.clone();
                (0..4_u8).map(move |copy| {
                    let serial = Some(vec![1, u8::try_from(n).unwrap(), copy]);
                    Template { serial, ..template.clone() }.issued_by(issuer, &key)
                })
            })
            .collect();
        all.extend(layer.clone());
        above = layer;
    }
    let leaf = Template::leaf("leaf").with_sans(&[San::dns(A)]).issued_by(&above[0], &Key::p256("leaf"));
    let certificates = core::iter::once(leaf.with_tampered_signature()).chain(all).collect();
    chain(
        "layers that are really signed, a leaf that is not",
        &["cert_bad_signature", "cert_budget_exceeded"],
        certificates,
    )
}

fn many_extensions() -> Chain {
    let pki = Pki::new("work");
    let mut template = Template::leaf("leaf").with_sans(&[San::dns(A)]);
    for extension in 0..3_000 {
        template = template.with_extension(meaningless(extension), false, &[5, 0]);
    }
    chain("a leaf of 3,000 extensions", &["accepted"], vec![pki.issue(&template), pki.intermediate.clone()])
}

fn many_addresses() -> Chain {
    let pki = Pki::new("work");
    let addresses = (0..9_500_u32).map(|n| San::Ip(std::net::IpAddr::from(n.to_be_bytes())));
    let sans: Vec<San> = addresses.chain([San::dns(A)]).collect();
    chain("a leaf of 9,500 addresses", &["accepted"], vec![pki.leaf(&sans), pki.intermediate.clone()])
}

fn names_and_constraints() -> Chain {
    let pki = Pki::new("work");
    let permitted = (0..1_400).map(|n| San::dns(&format!("n{n}.test"))).chain([San::dns("test")]).collect();
    let constraints = NameConstraints { permitted, excluded: Vec::new() };
    let key = Key::p256("constrained");
    let constrained =
        Template { name_constraints: Some(constraints), ..Template::ca("constrained") }.issued_by(&pki.root, &key);
    let sans: Vec<San> = (0..1_900).map(|n| San::dns(&format!("x{n}.test"))).chain([San::dns(A)]).collect();
    let leaf = Template::leaf("leaf").with_sans(&sans).issued_by(&constrained, &Key::p256("leaf"));
    chain("1,900 names below 1,400 constraints", &["accepted", "cert_budget_exceeded"], vec![leaf, constrained])
}

fn many_purposes() -> Chain {
    let pki = Pki::new("work");
    let purposes = core::iter::repeat_n("1.3.6.1.4.1.55555.9", 4_800).collect();
    let template = Template { extended_key_usage: Some(purposes), ..Template::leaf("leaf").with_sans(&[San::dns(A)]) };
    chain("a leaf of 4,800 purposes", &["cert_purpose"], vec![pki.issue(&template), pki.intermediate.clone()])
}

fn many_points() -> Chain {
    let pki = Pki::new("work");
    let points = (0..1_800).map(|n| format!("http://ca.test/{n}")).collect();
    let template = Template { crl_distribution_points: points, ..Template::leaf("leaf").with_sans(&[San::dns(A)]) };
    let lists: Vec<String> = (0..50)
        .map(|n| {
            crl_pem(
                &CrlTemplate::new(&[])
                    .with_distribution_point(&format!("http://other.test/{n}"))
                    .issued_by(&pki.intermediate),
            )
        })
        .chain([crl_pem(&CrlTemplate::new(&[]).issued_by(&pki.root))])
        .collect();
    let certificates = vec![pki.issue(&template), pki.intermediate.clone()];
    Chain {
        lists: lists.concat(),
        ..chain("1,800 points, and 50 lists of others", &["revocation_unknown"], certificates)
    }
}

fn long_names() -> Chain {
    let pki = Pki::new("work");
    let certificates =
        (0..7).map(|n| Template::ca(&format!("{n}{}", "x".repeat(4_000))).self_signed(&Key::p256("long")));
    let leaf = pki.leaf(&[San::dns(A)]);
    chain(
        "names of 4,000 characters",
        &["accepted"],
        [leaf, pki.intermediate.clone()].into_iter().chain(certificates).collect(),
    )
}

fn a_thousand_anchors() -> Chain {
    let key = Key::p256("one of a thousand");
    let roots = (0..1_000).map(|n| {
        Template { organization: Some("Acme".to_owned()), ..Template::ca(&format!("root {n}")) }.self_signed(&key)
    });
    let mut strangers = namesakes(9, |seed| Key::p256(&seed));
    let stranger = Template { organization: Some("Acme".to_owned()), ..Template::ca("root 7") }
        .self_signed(&Key::p256("not root 7"));
    strangers[0] = Template::leaf("leaf").with_sans(&[San::dns(A)]).issued_by(&stranger, &Key::p256("leaf"));
    Chain { anchors: roots.collect(), ..chain("a thousand anchors", &["cert_issuer_key_changed"], strangers) }
}

fn anchors_of_one_name() -> Chain {
    let roots = (0..60).map(|n| {
        Template { subject_key_id: false, ..Template::ca("X") }.self_signed(&Key::p256(&format!("anchor {n}")))
    });
    Chain {
        anchors: roots.collect(),
        ..chain(
            "60 anchors of one name, 9 issuers of it",
            &["cert_budget_exceeded"],
            namesakes(9, |seed| Key::p256(&seed)),
        )
    }
}

/// Leaves out what is past 64 KiB.
fn fit(certificates: &mut Vec<Certificate>) {
    let mut left = 64_usize << 10;
    certificates.retain(|certificate| match left.checked_sub(certificate.der().len()) {
        Some(rest) => {
            left = rest;
            true
        }
        None => false,
    });
    certificates.truncate(128);
}

/// An object identifier without a meaning; each number gives another one.
fn meaningless(number: usize) -> &'static str {
    Box::leak(format!("1.2.{}.{}", number / 100, number % 100).into_boxed_str())
}
