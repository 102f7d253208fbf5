//! Several lists of one issuer: scope, age and signer of each, and trust as itself beside them (V3, T5, L1).

use uptls::Code::{CertRevoked, CrlExpired, CrlParse, RevocationUnknown};
use uptls_testkit::{Certificate, CrlTemplate, DAY, NOW, RawExtension, crl_pem};

use super::cases::Cases;
use super::scenario::{Minted, Scenario};

pub(super) fn cases(c: &mut Cases) {
    shards(c);
    kinds(c);
    ages(c);
    itself(c);
}

/// The root's list, and `first` and `second` of the intermediate.
const THREE: &str = "{crls: [{file: root.crl}, {file: first.crl}, {file: second.crl}]}";

fn scenario() -> Scenario {
    Scenario::new().with(|s| {
        s.file("root.crl", |m| list(&empty(), m.root()));
        s.file("first.crl", |m| list(&empty(), m.issuer()));
        s.file("second.crl", |m| list(&newer(empty()), m.issuer()));
        s.set("revocation", THREE);
    })
}

fn list(template: &CrlTemplate, issuer: &Certificate) -> String {
    crl_pem(&template.issued_by(issuer))
}

fn empty() -> CrlTemplate {
    CrlTemplate::new(&[])
}

fn newer(template: CrlTemplate) -> CrlTemplate {
    CrlTemplate { this_update: NOW - 1, number: Some(2), ..template }
}

/// A list that names the leaf.
fn revoking(m: &Minted) -> CrlTemplate {
    CrlTemplate::new(&[&m.leaf])
}

/// One of the flags of an issuing distribution point.
fn only(flag: &'static [u8]) -> CrlTemplate {
    let mut template = empty();
    let der = [&[0x30, u8::try_from(flag.len()).expect("short")], flag].concat();
    template.extra_extensions.push(RawExtension { oid: "2.5.29.28", critical: true, der });
    template
}

const USERS: &[u8] = b"\x81\x01\xff";
const AUTHORITIES: &[u8] = b"\x82\x01\xff";
const ATTRIBUTES: &[u8] = b"\x85\x01\xff";
const USERS_AND_AUTHORITIES: &[u8] = b"\x81\x01\xff\x82\x01\xff";

/// A list with a distribution point covers what names that point, and revokes what it names.
fn shards(c: &mut Cases) {
    let shard = |uri: &'static str| newer(empty()).with_distribution_point(uri);
    let p = c.accept(
        "lists-full-and-part [V3] a complete list stands beside a newer one of one distribution point",
        scenario().with(|s| s.file("second.crl", move |m| list(&shard("http://ca.test/1.crl"), m.issuer()))),
    );
    c.reject(
        &p,
        CertRevoked,
        "lists-full-revokes [V3 L1] the complete list names the leaf, the newer one does not",
        |s| {
            s.file("first.crl", |m| list(&revoking(m), m.issuer()));
        },
    );
    c.reject(
        &p,
        CertRevoked,
        "lists-part-revokes [V3 L1] the list of a point that the leaf does not name names it",
        |s| {
            s.file("second.crl", |m| {
                list(&newer(revoking(m)).with_distribution_point("http://ca.test/1.crl"), m.issuer())
            });
        },
    );
    c.reject(&p, RevocationUnknown, "lists-two-parts [V3] two parts are given, and the leaf names neither", |s| {
        s.file("first.crl", move |m| list(&shard("http://ca.test/0.crl"), m.issuer()));
    })
    .says("other certificates");
    c.also(&p, "lists-own-part [V3] two parts are given, and the leaf names one", |s| {
        s.leaf.crl_distribution_points = vec!["http://ca.test/1.crl".to_owned()];
        s.file("first.crl", move |m| list(&shard("http://ca.test/0.crl"), m.issuer()));
    });
}

/// Lists for one kind of certificate.
fn kinds(c: &mut Cases) {
    let p = c.accept(
        "lists-by-kind [V3] the root's list is for authorities, one of the intermediate's for users",
        scenario().with(|s| {
            s.file("root.crl", |m| list(&only(AUTHORITIES), m.root()));
            s.file("first.crl", |m| list(&only(USERS), m.issuer()));
            s.file("second.crl", |m| list(&newer(only(AUTHORITIES)), m.issuer()));
        }),
    );
    c.reject(&p, RevocationUnknown, "lists-by-kind-root [V3] the root's list is for users", |s| {
        s.file("root.crl", |m| list(&only(USERS), m.root()));
    })
    .says("CN=root");
    c.reject(&p, RevocationUnknown, "lists-by-kind-leaf [V3] both of the intermediate's are for authorities", |s| {
        s.file("first.crl", |m| list(&only(AUTHORITIES), m.issuer()));
    })
    .says("CN=intermediate");
    c.unusable(&p, CrlParse, "lists-of-attributes [V3] a list is for attribute certificates", |s| {
        s.file("first.crl", |m| list(&only(ATTRIBUTES), m.issuer()));
    });
    c.unusable(
        &p,
        CrlParse,
        "lists-of-two-kinds [V3] a list says that it is for users only and for authorities only",
        |s| {
            s.file("first.crl", |m| list(&only(USERS_AND_AUTHORITIES), m.issuer()));
        },
    );
}

/// Lists that have not begun, and that have ended.
fn ages(c: &mut Cases) {
    let future = |template: CrlTemplate| CrlTemplate { this_update: NOW + DAY, ..template };
    let stale =
        |template: CrlTemplate| CrlTemplate { this_update: NOW - 9 * DAY, next_update: Some(NOW - DAY), ..template };
    let p = c.accept(
        "lists-future-beside [V3] a list that begins tomorrow stands beside one in force",
        scenario().with(move |s| s.file("second.crl", move |m| list(&future(empty()), m.issuer()))),
    );
    c.also(&p, "lists-future-revokes [V3] the leaf is revoked from tomorrow on", |s| {
        s.file("second.crl", move |m| list(&future(revoking(m)), m.issuer()));
    });
    c.reject(&p, CertRevoked, "lists-future-hides [V3 L1] the leaf is revoked by the list in force", |s| {
        s.file("first.crl", |m| list(&revoking(m), m.issuer()));
    });
    c.reject(&p, RevocationUnknown, "lists-future-alone [V3] both begin tomorrow", |s| {
        s.file("first.crl", move |m| list(&future(empty()), m.issuer()));
    })
    .says("future");
    c.reject(
        &p,
        CertRevoked,
        "lists-stale-revokes [V3 L1] a list that has ended names the leaf, the one in force does not",
        |s| {
            s.file("second.crl", move |m| list(&stale(revoking(m)), m.issuer()));
        },
    );
    c.reject(&p, CrlExpired, "lists-all-stale [V3] no list of the intermediate is in force", |s| {
        s.file("first.crl", move |m| list(&stale(empty()), m.issuer()));
    });
}

/// Trust as itself asks the lists of its issuer's name, whatever else the peer sent.
fn itself(c: &mut Cases) {
    let pinned = |s: &mut Scenario| {
        s.set("trust", "{bundles: [{file: leaf.pem}, {file: ca.pem}]}");
        s.file("leaf.pem", |m| m.leaf.pem());
        s.warnings.push("trust_entry_is_leaf");
        s.set("revocation", "{crls: [{file: root.crl}, {file: first.crl}], unknown: allow}");
    };
    let p = c.accept(
        "lists-itself-intermediate-revoked [T5 V3 L2] the leaf stands in the bundle, and the root revokes the intermediate",
        scenario().with(move |s| {
            pinned(s);
            s.file("root.crl", |m| list(&CrlTemplate::new(&[m.issuer()]), m.root()));
        }),
    );
    c.also(&p, "lists-itself-alone [T5 V3 L16] the intermediate is not sent", |s| s.sends(|m| m.leaf.pem()));
    c.reject(&p, CertRevoked, "lists-itself-revoked [T5 V3] the intermediate revokes the leaf", |s| {
        s.file("first.crl", |m| list(&revoking(m), m.issuer()));
    });
    c.reject(&p, CertRevoked, "lists-itself-revoked-alone [T5 V3 L16] and is not sent", |s| {
        s.file("first.crl", |m| list(&revoking(m), m.issuer()));
        s.sends(|m| m.leaf.pem());
    });
    c.reject(
        &p,
        CrlExpired,
        "lists-itself-stale [T5 V3] the list of its issuer has ended, and nothing but the leaf is sent",
        |s| {
            s.file("first.crl", |m| {
                let (this_update, next_update) = (NOW - 9 * DAY, Some(NOW - DAY));
                list(&CrlTemplate { this_update, next_update, ..empty() }, m.issuer())
            });
            s.sends(|m| m.leaf.pem());
            s.warnings.push("revocation_list_expired");
        },
    );
}
