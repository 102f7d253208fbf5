//! Which anchor vouches for which SPIFFE ID (T9, L3), and which policies say too little of it.

use uptls::Code::{CertUnknownIssuer, DocumentParse, NameInvalid, NameMismatch, PolicyInvalid, SpiffeTrustDomain};
use uptls_testkit::{CrlTemplate, Pki, San, chain_pem, crl_pem};

use super::cases::{Cases, Positive};
use super::scenario::Scenario;

pub(super) fn cases(c: &mut Cases) {
    let p = federation(c);
    entries(c, &p);
    policies(c, &p);
    one_domain(c);
    system(c);
    as_itself(c);
    pinned(c);
}

/// Two trust domains: the leaf of one, and then of the other, below the CA of the first.
fn federation(c: &mut Cases) -> Positive {
    let p = c.accept(
        "federation [T9 L3] the leaf's SPIFFE ID is of the trust domain of its CA's bundle",
        Scenario::new().with(|s| {
            s.file("other.pem", |_| Pki::new("other").root.pem());
            s.set("trust", A_AND_B);
            s.wants("[{uri: 'spiffe://a/payments'}, {uri: 'spiffe://b/ledger'}]");
            s.sans(&[San::uri("spiffe://a/payments")]);
        }),
    );
    c.reject(
        &p,
        SpiffeTrustDomain,
        "federation-forged [L3] the leaf's is the wanted one of the other trust domain",
        |s| {
            s.sans(&[San::uri("spiffe://b/ledger")]);
        },
    )
    .says("uri:spiffe://b/ledger")
    .says("CN=root (ca.pem #1)")
    .says("vouches for a");
    c.reject(&p, NameMismatch, "federation-other-path [N7] the leaf's has another path", |s| {
        s.sans(&[San::uri("spiffe://a/ledger")]);
    });
    let swapped = c.also(&p, "federation-swapped [L4] the bundles stand in the other order", |s| {
        s.set("trust", "{bundles: [{file: other.pem, trustDomain: b}, {file: ca.pem, trustDomain: a}]}");
    });
    c.reject(&swapped, SpiffeTrustDomain, "federation-swapped-forged [L3 L4] and the leaf is of the other", |s| {
        s.sans(&[San::uri("spiffe://b/ledger")]);
    });
    let domains = c.also(&p, "federation-domains [N7 L3] both trust domains are wanted as such", |s| {
        s.wants("[{spiffeTrustDomain: a}, {spiffeTrustDomain: b}]");
    });
    c.reject(&domains, SpiffeTrustDomain, "federation-domains-forged [L3] the leaf is of the other", |s| {
        s.sans(&[San::uri("spiffe://b/ledger")]);
    });
    let prefixes = c.also(&p, "federation-prefixes [N7 L3] paths below both are wanted", |s| {
        s.wants("[{spiffe: {trustDomain: a, pathPrefix: /payments}}, {spiffe: {trustDomain: b, pathPrefix: /ledger}}]");
    });
    c.reject(&prefixes, SpiffeTrustDomain, "federation-prefixes-forged [L3] the leaf is of the other", |s| {
        s.sans(&[San::uri("spiffe://b/ledger/x")]);
    });
    let named = c.also(&p, "federation-dns [T9] a listed dNSName counts under any anchor", |s| {
        s.wants("[{uri: 'spiffe://a/payments'}, {uri: 'spiffe://b/ledger'}, {dns: backend.test}]");
        s.sans(&[San::dns("backend.test"), San::uri("spiffe://b/ledger")]);
    });
    c.reject(&named, SpiffeTrustDomain, "federation-other-dns [T9 L3] the leaf's dNSName is another", |s| {
        s.sans(&[San::dns("other.test"), San::uri("spiffe://b/ledger")]);
    });
    p
}

/// A CA that stands in the bundles of both vouches for both.
fn entries(c: &mut Cases, p: &Positive) {
    let both = c.also(p, "federation-ca-in-both [L2 L4] the bundle of the other holds the CA as well", |s| {
        s.file("other.pem", |m| chain_pem(&[&Pki::new("other").root, m.root()]));
    });
    c.also(&both, "federation-ca-in-both-other [L2 L4] and the leaf is of the other", |s| {
        s.sans(&[San::uri("spiffe://b/ledger")]);
    });
    let below = c.also(p, "federation-intermediate [T5 L3] the bundle of the other holds the intermediate", |s| {
        s.file("other.pem", |m| m.issuer().pem());
    });
    c.also(&below, "federation-intermediate-other [T5 L3] and the leaf is of the other", |s| {
        s.sans(&[San::uri("spiffe://b/ledger")]);
    });
}

/// T9: a policy that does not say who vouches for whom.
fn policies(c: &mut Cases, p: &Positive) {
    c.unusable(p, PolicyInvalid, "federation-flat [T9] no bundle names its trust domain", |s| {
        s.set("trust", "{bundles: [{file: ca.pem}, {file: other.pem}]}");
    })
    .errors(2)
    .says("{file: ca.pem, trustDomain: a}");
    c.unusable(p, PolicyInvalid, "federation-half-flat [T9] one bundle names none", |s| {
        s.set("trust", "{bundles: [{file: ca.pem, trustDomain: a}, {file: other.pem}]}");
    })
    .says("other.pem names no trustDomain");
    c.also(
        p,
        "federation-half-vouched [T9] both bundles are of one trust domain: the names of the other never match",
        |s| {
            s.set("trust", "{bundles: [{file: ca.pem, trustDomain: a}, {file: other.pem, trustDomain: a}]}");
            s.warnings.push("spiffe_id_unvouched");
        },
    );
    c.unusable(p, PolicyInvalid, "federation-no-voucher [T9 L19] both bundles are of a third trust domain", |s| {
        s.set("trust", "{bundles: [{file: ca.pem, trustDomain: c}, {file: other.pem, trustDomain: c}]}");
    })
    .errors(2)
    .says("trustDomain: ");
    c.unusable(p, NameInvalid, "federation-domain-capitals [T9] a bundle's trust domain is in capitals", |s| {
        s.set("trust", "{bundles: [{file: ca.pem, trustDomain: A}, {file: other.pem, trustDomain: b}]}");
    });
    c.unusable(p, NameInvalid, "federation-domain-uri [T9] a bundle's trust domain is written as a URI", |s| {
        s.set("trust", "{bundles: [{file: ca.pem, trustDomain: 'spiffe://a'}, {file: other.pem, trustDomain: b}]}");
    });
    let listed = c.also(p, "federation-lists [T9 V3] there are revocation lists", |s| {
        s.file("root.crl", |m| crl_pem(&CrlTemplate::new(&[]).issued_by(m.root())));
        s.file("intermediate.crl", |m| crl_pem(&CrlTemplate::new(&[]).issued_by(m.issuer())));
        s.set("revocation", "{crls: [{file: root.crl}, {file: intermediate.crl}]}");
    });
    c.reject(&listed, SpiffeTrustDomain, "federation-lists-forged [L3 V3] and the leaf is of the other", |s| {
        s.sans(&[San::uri("spiffe://b/ledger")]);
    });
    c.unusable(&listed, DocumentParse, "federation-list-of-domain [T9] a trust domain stands beside a list", |s| {
        s.set("revocation", "{crls: [{file: root.crl, trustDomain: a}, {file: intermediate.crl}]}");
    })
    .says("trustDomain");
}

/// T9: SPIFFE names of one domain.
fn one_domain(c: &mut Cases) {
    let p = c.accept(
        "one-domain [T9] one trust domain is wanted, and the bundle names none",
        Scenario::new().with(|s| {
            s.file("other.pem", |_| Pki::new("other").root.pem());
            s.set("trust", "{bundles: [{file: ca.pem}, {file: other.pem}]}");
            s.wants("[{spiffeTrustDomain: a}]");
            s.sans(&[San::uri("spiffe://a/payments")]);
        }),
    );
    c.also(&p, "one-domain-named [T9] the bundle names it", |s| {
        s.set("trust", "{bundles: [{file: ca.pem, trustDomain: a}, {file: other.pem}]}");
    });
    c.reject(&p, SpiffeTrustDomain, "one-domain-other [T9 L3] the bundle names another", |s| {
        s.set("trust", "{bundles: [{file: ca.pem, trustDomain: b}, {file: other.pem}]}");
    })
    .says("vouches for b");
    c.unusable(&p, PolicyInvalid, "one-domain-no-voucher [T9] every bundle names another", |s| {
        s.set("trust", "{bundles: [{file: ca.pem, trustDomain: b}, {file: other.pem, trustDomain: c}]}");
    })
    .says("{file: ca.pem, trustDomain: a}");
    let named = c.also(&p, "one-domain-dns [T9] a DNS name is wanted, and the bundle names a trust domain", |s| {
        s.set("trust", "{bundles: [{file: ca.pem, trustDomain: b}]}");
        s.wants("[{dns: backend.test}]");
        s.sans(&[San::dns("backend.test")]);
    });
    c.reject(&named, NameMismatch, "one-domain-dns-other [N5] the leaf holds another", |s| {
        s.sans(&[San::dns("other.test")]);
    });
}

/// T9: the system's roots. (That they vouch for the domain that is named for them is tested where roots can be minted.)
fn system(c: &mut Cases) {
    let p = c.accept(
        "system-and-bundle [T9] the system's roots are trusted beside the bundle that vouches",
        Scenario::new().with(|s| {
            s.set("trust", "{system: mozilla, bundles: [{file: ca.pem}]}");
            s.wants("[{spiffeTrustDomain: a}]");
            s.sans(&[San::uri("spiffe://a/payments")]);
        }),
    );
    c.unusable(&p, PolicyInvalid, "system-alone [T9] nothing else is trusted", |s| {
        s.set("trust", "{system: mozilla}");
    })
    .says("systemTrustDomain");
    c.reject(
        &p,
        CertUnknownIssuer,
        "system-of-domain [T9] nothing else is, and they vouch for that trust domain",
        |s| {
            s.set("trust", "{system: mozilla, systemTrustDomain: a}");
        },
    );
    c.unusable(&p, PolicyInvalid, "system-of-other-domain [T9] nothing else is, and they vouch for another", |s| {
        s.set("trust", "{system: mozilla, systemTrustDomain: b}");
    });
    c.unusable(&p, PolicyInvalid, "system-off-of-domain [T9] they are not trusted, and said to vouch", |s| {
        s.set("trust", "{bundles: [{file: ca.pem}], systemTrustDomain: a}");
    });
    c.unusable(&p, NameInvalid, "system-domain-capitals [T9] their trust domain is in capitals", |s| {
        s.set("trust", "{system: mozilla, systemTrustDomain: A, bundles: [{file: ca.pem}]}");
    });
}

/// T5, T9: an entry that is trusted as itself is of the domain of its bundle.
fn as_itself(c: &mut Cases) {
    let p = c.accept(
        "itself-of-domain [T5 T9] the bundle of the leaf's trust domain holds the leaf",
        Scenario::new().with(|s| {
            s.file("ca.pem", |m| m.leaf.pem());
            s.file("other.pem", |_| Pki::new("other").root.pem());
            s.set("trust", A_AND_B);
            s.wants("[{spiffeTrustDomain: a}, {spiffeTrustDomain: b}]");
            s.sans(&[San::uri("spiffe://a/payments")]);
            s.warnings.push("trust_entry_is_leaf");
        }),
    );
    c.reject(&p, SpiffeTrustDomain, "itself-of-other-domain [T5 T9 L3] its ID is of the other trust domain", |s| {
        s.sans(&[San::uri("spiffe://b/payments")]);
    })
    .says("CN=leaf (ca.pem #1)");
}

/// T9: a pin vouches for what stands in the certificate that it names.
fn pinned(c: &mut Cases) {
    let pin = |s: &mut Scenario| {
        let digest: String = s.mint().leaf.sha256().iter().map(|byte| format!("{byte:02x}")).collect();
        s.set("trust", format!("{{pinnedCertificates: ['{digest}'], bundles: [{{file: ca.pem, trustDomain: a}}]}}"));
    };
    let p = c.accept(
        "pin-of-domain [T5 T9] the bundle is of another trust domain, and the leaf is pinned",
        Scenario::new().with(|s| {
            s.wants("[{spiffeTrustDomain: b}]");
            s.sans(&[San::uri("spiffe://b/payments")]);
            pin(s);
        }),
    );
    c.reject(&p, SpiffeTrustDomain, "pin-of-other-certificate [T5 T9 L3] another certificate is pinned", |s| {
        s.set(
            "trust",
            format!("{{pinnedCertificates: ['{}'], bundles: [{{file: ca.pem, trustDomain: a}}]}}", "00".repeat(32)),
        );
    });
}

const A_AND_B: &str = "{bundles: [{file: ca.pem, trustDomain: a}, {file: other.pem, trustDomain: b}]}";
