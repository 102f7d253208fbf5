//! SPIFFE IDs, trust domains and paths below which IDs are wanted (N7).

use uptls::Code::{NameInvalid, NameMismatch, PolicyInvalid, SpiffeIdInvalid};
use uptls_testkit::{BasicConstraints, KeyUsage, San};

use super::cases::{Cases, Positive};
use super::scenario::Scenario;

pub(super) fn cases(c: &mut Cases) {
    let p = ids(c);
    leaves(c, &p);
    trust_domains(c);
    prefixes(c);
    malformed_prefixes(c);
}

fn ids(c: &mut Cases) -> Positive {
    let p = c.accept(
        "spiffe-id [N7] the leaf holds the listed SPIFFE ID",
        Scenario::new().with(|s| {
            s.wants("[{uri: 'spiffe://prod/ns/pay/sa/api'}]");
            s.sans(&[San::uri("spiffe://prod/ns/pay/sa/api")]);
        }),
    );
    c.also(&p, "spiffe-id-and-dns [N7] a dNSName beside it does not count", |s| {
        s.sans(&[San::dns("backend.test"), San::uri("spiffe://prod/ns/pay/sa/api")]);
    });
    for (title, id) in [
        ("spiffe-id-other-path [N7] the leaf's has another path", "spiffe://prod/ns/pay/sa/web"),
        ("spiffe-id-other-domain [N7] the leaf's is of another trust domain", "spiffe://test/ns/pay/sa/api"),
        ("spiffe-id-below [N7] the leaf's is longer", "spiffe://prod/ns/pay/sa/api/x"),
        ("spiffe-id-case [N7] the leaf's path is in capitals", "spiffe://prod/ns/pay/sa/API"),
        ("spiffe-id-slash [N7] the leaf's has a trailing slash", "spiffe://prod/ns/pay/sa/api/"),
    ] {
        c.reject(&p, NameMismatch, title, |s| s.sans(&[San::uri(id)]));
    }
    c.reject(&p, SpiffeIdInvalid, "spiffe-id-of-two [N7] the leaf holds a second SPIFFE ID", |s| {
        s.sans(&[San::uri("spiffe://prod/ns/pay/sa/api"), San::uri("spiffe://prod/ns/pay/sa/web")]);
    })
    .says("2 URI names");
    c.reject(&p, SpiffeIdInvalid, "spiffe-id-and-uri [N7] the leaf holds a second URI of another scheme", |s| {
        s.sans(&[San::uri("https://backend.test/"), San::uri("spiffe://prod/ns/pay/sa/api")]);
    });
    c.also(
        &p,
        "spiffe-id-of-two-and-dns [N7] the leaf holds two SPIFFE IDs, and a listed dNSName is judged on its own",
        |s| {
            s.wants("[{uri: 'spiffe://prod/ns/pay/sa/api'}, {dns: backend.test}]");
            s.sans(&[San::uri("spiffe://prod/ns/pay/sa/api"), San::uri("spiffe://prod/x"), San::dns("backend.test")]);
        },
    );
    c.unusable(&p, NameInvalid, "spiffe-id-policy-capitals [N7] the policy's trust domain is in capitals", |s| {
        s.wants("[{uri: 'spiffe://Prod/ns/pay/sa/api'}]");
    });
    c.unusable(&p, NameInvalid, "spiffe-id-policy-scheme [N7] the policy's scheme is in capitals", |s| {
        s.wants("[{uri: 'SPIFFE://prod/ns/pay/sa/api'}]");
    });
    c.unusable(&p, NameInvalid, "spiffe-id-policy-slash [N7] the policy's ID has a trailing slash", |s| {
        s.wants("[{uri: 'spiffe://prod/ns/pay/sa/api/'}]");
    });
    c.unusable(&p, NameInvalid, "spiffe-id-policy-dots [N7] the policy's ID has a segment of two dots", |s| {
        s.wants("[{uri: 'spiffe://prod/ns/../api'}]");
    });
    c.unusable(&p, NameInvalid, "spiffe-id-policy-query [N7] the policy's ID has a query", |s| {
        s.wants("[{uri: 'spiffe://prod/ns/pay?x'}]");
    });
    c.unusable(&p, NameInvalid, "spiffe-id-policy-without-path [N7] the policy's ID has no path", |s| {
        s.wants("[{uri: 'spiffe://prod'}]");
    })
    .says("{spiffeTrustDomain: prod}");
    p
}

/// N7: what a leaf that holds a wanted ID may not be (X509-SVID section 5.2).
fn leaves(c: &mut Cases, p: &Positive) {
    c.also(p, "spiffe-leaf-without-key-usage [N7] the leaf has no key usage", |s| s.leaf.key_usage = None);
    c.reject(p, SpiffeIdInvalid, "spiffe-leaf-cert-sign [N7] the leaf's key usage has keyCertSign too", |s| {
        s.leaf.key_usage = Some(vec![KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]);
    })
    .says("keyCertSign");
    c.reject(p, SpiffeIdInvalid, "spiffe-leaf-crl-sign [N7] the leaf's key usage has cRLSign too", |s| {
        s.leaf.key_usage = Some(vec![KeyUsage::DigitalSignature, KeyUsage::CrlSign]);
    })
    .says("cRLSign");
    c.also(p, "spiffe-leaf-cert-sign-and-dns [N7] it has, and a listed dNSName is judged on its own", |s| {
        s.leaf.key_usage = Some(vec![KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]);
        s.wants("[{uri: 'spiffe://prod/ns/pay/sa/api'}, {dns: backend.test}]");
        s.sans(&[San::dns("backend.test"), San::uri("spiffe://prod/ns/pay/sa/api")]);
    });
    let itself = c.also(p, "spiffe-leaf-itself [N7 T5] the bundle holds the leaf", |s| {
        s.file("ca.pem", |m| m.leaf.pem());
        s.leaf.key_usage = None;
        s.warnings.push("trust_entry_is_leaf");
    });
    c.reject(&itself, SpiffeIdInvalid, "spiffe-leaf-itself-ca-true [N7 T5] the leaf says CA:TRUE", |s| {
        s.leaf.basic_constraints = Some(BasicConstraints { ca: true, path_len: None });
        s.warnings.clear();
    })
    .says("CA:TRUE");
}

fn trust_domains(c: &mut Cases) {
    let p = c.accept(
        "spiffe-domain [N7] the leaf holds a SPIFFE ID of the listed trust domain",
        Scenario::new().with(|s| {
            s.wants("[{spiffeTrustDomain: prod}]");
            s.sans(&[San::uri("spiffe://prod/ns/pay/sa/api")]);
        }),
    );
    c.reject(&p, SpiffeIdInvalid, "spiffe-domain-without-path [N7] the leaf's ID has no path", |s| {
        s.sans(&[San::uri("spiffe://prod")]);
    })
    .says("no path");
    c.reject(&p, SpiffeIdInvalid, "spiffe-domain-cert-sign [N7] the leaf's key usage has keyCertSign too", |s| {
        s.leaf.key_usage = Some(vec![KeyUsage::DigitalSignature, KeyUsage::KeyCertSign]);
    });
    c.also(&p, "spiffe-domain-long-form [N7] it is written as spiffe without a path", |s| {
        s.wants("[{spiffe: {trustDomain: prod}}]");
    });
    for (title, id) in [
        ("spiffe-domain-other [N7] the leaf's ID is of another trust domain", "spiffe://test/ns/pay/sa/api"),
        (
            "spiffe-domain-longer [N7] the trust domain of the leaf's ID begins with the listed one",
            "spiffe://production/api",
        ),
        ("spiffe-domain-user [N7] the listed trust domain stands before an @", "spiffe://prod@evil/api"),
        ("spiffe-domain-scheme [N7] the leaf's URI has another scheme", "https://prod/ns/pay/sa/api"),
    ] {
        c.reject(&p, NameMismatch, title, |s| s.sans(&[San::uri(id)]));
    }
    for (title, id) in [
        ("spiffe-domain-dots [N7] the path of the leaf's ID has a segment of two dots", "spiffe://prod/../test/api"),
        ("spiffe-domain-slash [N7] the leaf's ID has a trailing slash", "spiffe://prod/api/"),
        ("spiffe-domain-query [N7] the leaf's ID has a query", "spiffe://prod/api?x"),
    ] {
        c.reject(&p, SpiffeIdInvalid, title, |s| s.sans(&[San::uri(id)]));
    }
    c.reject(&p, SpiffeIdInvalid, "spiffe-domain-of-two [N7] the leaf holds a second SPIFFE ID", |s| {
        s.sans(&[San::uri("spiffe://prod/ns/pay/sa/api"), San::uri("spiffe://test/api")]);
    });
    c.unusable(&p, NameInvalid, "spiffe-domain-policy-uri [N7] the policy writes the trust domain as a URI", |s| {
        s.wants("[{spiffeTrustDomain: 'spiffe://prod'}]");
    });
    c.unusable(
        &p,
        NameInvalid,
        "spiffe-domain-policy-capitals [N7] the policy writes the trust domain in capitals",
        |s| {
            s.wants("[{spiffeTrustDomain: Prod}]");
        },
    );
}

/// N7: whole segments.
fn prefixes(c: &mut Cases) {
    let p = c.accept(
        "spiffe-prefix [N7] the leaf's ID is below the listed path",
        Scenario::new().with(|s| {
            s.wants("[{spiffe: {trustDomain: prod, pathPrefix: /ns/pay}}]");
            s.sans(&[San::uri("spiffe://prod/ns/pay/sa/api")]);
        }),
    );
    c.also(&p, "spiffe-prefix-equal [N7] the leaf's ID has exactly the listed path", |s| {
        s.sans(&[San::uri("spiffe://prod/ns/pay")]);
    });
    for (title, id) in [
        (
            "spiffe-prefix-inside-segment [N7] the listed path ends within a segment of the leaf's",
            "spiffe://prod/ns/payroll",
        ),
        ("spiffe-prefix-inside-segment-below [N7] and more follows", "spiffe://prod/ns/payroll/sa/api"),
        ("spiffe-prefix-above [N7] the leaf's path is shorter", "spiffe://prod/ns"),
        ("spiffe-prefix-elsewhere [N7] the listed path stands within the leaf's", "spiffe://prod/x/ns/pay"),
        ("spiffe-prefix-case [N7] the leaf's path is in capitals", "spiffe://prod/NS/pay/sa/api"),
        ("spiffe-prefix-other-domain [N7] the leaf's ID is of another trust domain", "spiffe://test/ns/pay/sa/api"),
    ] {
        c.reject(&p, NameMismatch, title, |s| s.sans(&[San::uri(id)]));
    }
    for (title, id) in [
        ("spiffe-prefix-dots [N7] two dots lead out of the listed path", "spiffe://prod/ns/pay/../payroll"),
        ("spiffe-prefix-slash [N7] the leaf's ID has a trailing slash", "spiffe://prod/ns/pay/"),
        ("spiffe-prefix-query [N7] the leaf's ID has a query", "spiffe://prod/ns/pay/sa?x"),
    ] {
        c.reject(&p, SpiffeIdInvalid, title, |s| s.sans(&[San::uri(id)]));
    }
    c.reject(&p, SpiffeIdInvalid, "spiffe-prefix-of-two [N7] the leaf holds a second SPIFFE ID below it", |s| {
        s.sans(&[San::uri("spiffe://prod/ns/pay/sa/api"), San::uri("spiffe://prod/ns/pay/sa/web")]);
    });
    c.reject(&p, SpiffeIdInvalid, "spiffe-prefix-crl-sign [N7] the leaf's key usage has cRLSign too", |s| {
        s.leaf.key_usage = Some(vec![KeyUsage::DigitalSignature, KeyUsage::CrlSign]);
    });
}

fn malformed_prefixes(c: &mut Cases) {
    let p = c.accept(
        "spiffe-prefix-one-segment [N7] the listed path has one segment",
        Scenario::new().with(|s| {
            s.wants("[{spiffe: {trustDomain: prod, pathPrefix: /ns}}]");
            s.sans(&[San::uri("spiffe://prod/ns/pay/sa/api")]);
        }),
    );
    c.unusable(&p, PolicyInvalid, "spiffe-prefix-policy-root [N7] the listed path is a slash alone", |s| {
        s.wants("[{spiffe: {trustDomain: prod, pathPrefix: /}}]");
    })
    .says("leave pathPrefix out");
    for (title, wanted) in [
        (
            "spiffe-prefix-policy-slash [N7] the listed path has a trailing slash",
            "[{spiffe: {trustDomain: prod, pathPrefix: /ns/}}]",
        ),
        (
            "spiffe-prefix-policy-relative [N7] the listed path begins without a slash",
            "[{spiffe: {trustDomain: prod, pathPrefix: ns}}]",
        ),
        ("spiffe-prefix-policy-empty [N7] the listed path is empty", "[{spiffe: {trustDomain: prod, pathPrefix: ''}}]"),
        (
            "spiffe-prefix-policy-empty-segment [N7] the listed path has an empty segment",
            "[{spiffe: {trustDomain: prod, pathPrefix: /ns//pay}}]",
        ),
        (
            "spiffe-prefix-policy-dots [N7] the listed path has a segment of two dots",
            "[{spiffe: {trustDomain: prod, pathPrefix: /ns/..}}]",
        ),
        (
            "spiffe-prefix-policy-wildcard [N7] the listed path has a wildcard",
            "[{spiffe: {trustDomain: prod, pathPrefix: '/ns/*'}}]",
        ),
        (
            "spiffe-prefix-policy-capitals [N7] the trust domain is in capitals",
            "[{spiffe: {trustDomain: Prod, pathPrefix: /ns}}]",
        ),
    ] {
        c.unusable(&p, NameInvalid, title, |s| s.wants(wanted));
    }
    c.unusable(&p, PolicyInvalid, "spiffe-prefix-policy-without-domain [N7] no trust domain is listed", |s| {
        s.wants("[{spiffe: {pathPrefix: /ns}}]");
    })
    .says("trustDomain");
    c.unusable(&p, PolicyInvalid, "spiffe-prefix-policy-two-names [N7] a second name stands in the same entry", |s| {
        s.wants("[{spiffe: {trustDomain: prod, pathPrefix: /ns}, dns: backend.test}]");
    })
    .says("exactly one of");
}
