//! SPIFFE IDs and trust domains (N7).

use uptls::Code::{NameInvalid, NameMismatch, SpiffeIdInvalid};
use uptls_testkit::San;

use super::cases::Cases;
use super::scene::Scene;

pub(super) fn cases(c: &mut Cases) {
    ids(c);
    trust_domains(c);
}

fn ids(c: &mut Cases) {
    let p = c.accept(
        "spiffe-id [N7] the leaf holds the listed SPIFFE ID",
        Scene::new().with(|s| {
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
}

fn trust_domains(c: &mut Cases) {
    let p = c.accept(
        "spiffe-domain [N7] the leaf holds a SPIFFE ID of the listed trust domain",
        Scene::new().with(|s| {
            s.wants("[{spiffeTrustDomain: prod}]");
            s.sans(&[San::uri("spiffe://prod/ns/pay/sa/api")]);
        }),
    );
    c.also(&p, "spiffe-domain-without-path [N7] the leaf's ID has no path", |s| s.sans(&[San::uri("spiffe://prod")]));
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
