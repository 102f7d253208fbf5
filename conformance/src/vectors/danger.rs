//! The explicit weakenings, and what they do not weaken (D1, D2, D4, D5).

use uptls::Code::{
    CertExpired, CertIssuerNotCa, CertKeyUsage, CertMalformed, CertNameConstraint, CertNone, CertPinMismatch,
    CertRevoked, CertSelfSigned, CertUnknownIssuer, CrlExpired, DangerForbidden, IssuerExpired, NameMismatch,
    NameMissing, PolicyInvalid, RevocationUnknown, SanMissing, TrustBundleExpired, TrustMissing, UnsupportedOption,
};
use uptls_testkit::{
    CrlTemplate, DAY, Key, KeyUsage, NOW, NameConstraints, Pki, RawExtension, San, Template, YEAR, chain_pem, crl_pem,
};

use super::cases::{Cases, Positive};
use super::scenario::{Minted, Permission, Scenario};

pub(super) fn cases(c: &mut Cases) {
    any_name(c);
    any_certificate(c);
    key_usage(c);
    expired_anchor(c);
    expired_leaf(c);
    common_name(c);
    declared(c);
}

const PIN: &str = "['AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=']";

/// D1: the path is verified, names are not.
fn any_name(c: &mut Cases) {
    let p = c.accept(
        "any-name [D1] the leaf is for another name, and any is accepted",
        Scenario::new().with(|s| {
            s.sans(&[San::dns("other.test")]);
            s.danger("{acceptAnyName: {reason: the certificates have no names}}");
        }),
    );
    c.reject(&p, NameMismatch, "any-name-not-asked [D1 D5] that is not asked for", |s| {
        s.unset("danger");
        s.warnings.clear();
    });
    c.unusable(&p, DangerForbidden, "any-name-forbidden [D1 D5] the caller does not permit it", |s| {
        s.permission = Permission::Forbid
    })
    .says("--allow-danger");
    c.reject(&p, CertUnknownIssuer, "any-name-unknown-issuer [D1] no trusted CA issued the leaf", |s| {
        s.file("ca.pem", |_| Pki::new("stranger").root.pem());
    });
    c.reject(&p, CertKeyUsage, "any-name-key-usage [D1 V4] the leaf's key usage is keyEncipherment alone", |s| {
        s.leaf.key_usage = Some(vec![KeyUsage::KeyEncipherment]);
    });
    c.reject(&p, CertPinMismatch, "any-name-pin [D1 V6] another key is pinned", |s| s.set("spkiPins", PIN));
    c.unusable(&p, PolicyInvalid, "any-name-and-names [D1 N4] a name is wanted, which would decide nothing", |s| {
        s.wants("[{dns: other.test}]");
    })
    .says("subjectAltNames");
    c.also(&p, "any-name-without-server-name [D1 N3] no server name is sent", |s| s.set("serverName", "none"));
    c.also(&p, "any-name-without-host [D1 N3] the server name is auto, and no backend host is given", |s| {
        s.unset("serverName");
    });
}

/// D2: nothing but the handshake signature.
fn any_certificate(c: &mut Cases) {
    let p = c.accept(
        "any-certificate [D2] the leaf is self-signed, expired and for another name, and any is accepted",
        Scenario::new().with(|s| {
            s.sends(|_| {
                Template::leaf("stranger")
                    .with_validity(NOW - YEAR, NOW - DAY)
                    .self_signed(&Key::p256("stranger"))
                    .pem()
            });
            s.danger("{acceptAnyCertificate: {reason: a test bench}}");
            s.unset("trust");
        }),
    );
    c.reject(&p, CertExpired, "any-certificate-not-asked [D2 D5] that is not asked for, and a root is trusted", |s| {
        s.unset("danger");
        s.set("trust", "{bundles: [{file: ca.pem}]}");
        s.warnings.clear();
    });
    c.unusable(
        &p,
        TrustMissing,
        "any-certificate-replaced-by-any-name [D1 T1] any name is accepted, and nothing is trusted",
        |s| {
            s.set("danger", "{acceptAnyName: {reason: a test bench}}");
        },
    );
    for (title, field, value) in [
        ("any-certificate-and-pin [D2 V6] a key is pinned, which would decide nothing", "spkiPins", PIN),
        (
            "any-certificate-and-bundle [D2 T1] a root is trusted, which would decide nothing",
            "trust",
            "{bundles: [{file: ca.pem}]}",
        ),
        (
            "any-certificate-and-system [D2 T6] Mozilla's roots are trusted, which would decide nothing",
            "trust",
            "{system: mozilla}",
        ),
        (
            "any-certificate-and-names [D2 N4] a name is wanted, which would decide nothing",
            "subjectAltNames",
            "[{dns: a.test}]",
        ),
    ] {
        c.unusable(&p, PolicyInvalid, title, |s| s.set(field, value)).says("trust.pinnedKeys").says(field);
    }
    c.unusable(&p, DangerForbidden, "any-certificate-forbidden [D2 D5] the caller does not permit it", |s| {
        s.permission = Permission::Forbid;
    });
    c.reject(&p, CertNone, "any-certificate-none [D2] no certificate is sent", |s| s.sends(|_| ""));
    c.reject(
        &p,
        CertMalformed,
        "any-certificate-malformed [D2 V7] the leaf does not parse, so no handshake could be verified",
        |s| {
            s.sends(|_| uptls_testkit::pem("CERTIFICATE", b"\x30\x03\x02\x01\x07"));
        },
    );
}

/// D4 `key_usage`.
fn key_usage(c: &mut Cases) {
    let p = c.accept(
        "tolerate-key-usage [D4 V4] the leaf's key usage is keyEncipherment alone, which is tolerated",
        Scenario::new().with(|s| {
            s.leaf.key_usage = Some(vec![KeyUsage::KeyEncipherment]);
            s.danger("{tolerate: [{rule: key_usage, reason: an old CA}]}");
        }),
    );
    c.also(&p, "tolerate-until-now [D4] until now, this second included", |s| {
        s.set("danger", "{tolerate: [{rule: key_usage, reason: an old CA, until: 2026-11-23T00:00:00Z}]}");
    });
    c.reject(&p, CertKeyUsage, "tolerate-until-past [D4] until a second ago", |s| {
        s.set("danger", "{tolerate: [{rule: key_usage, reason: an old CA, until: 2026-11-22T23:59:59Z}]}");
        s.warnings.clear();
    });
    c.unusable(&p, DangerForbidden, "tolerate-forbidden [D4 D5] the caller does not permit it", |s| {
        s.permission = Permission::Forbid
    });
    c.unusable(
        &p,
        DangerForbidden,
        "tolerate-until-past-forbidden [D4 D5] until a second ago, and the caller does not permit it",
        |s| {
            s.permission = Permission::Forbid;
            s.set("danger", "{tolerate: [{rule: key_usage, reason: an old CA, until: 2026-11-22T23:59:59Z}]}");
        },
    );
    c.reject(&p, CertKeyUsage, "tolerate-another-rule [D4] it is another rule that is tolerated", |s| {
        s.set("danger", "{tolerate: [{rule: common_name, reason: an old CA}]}");
    });
    c.reject(&p, CertExpired, "tolerate-no-more-than-asked [D4] the leaf has expired as well", |s| {
        s.at = s.leaf.not_after + 1
    });
    c.reject(
        &p,
        CertIssuerNotCa,
        "tolerate-key-usage-of-issuer [D4 V2] the intermediate's key usage lacks keyCertSign",
        |s| {
            s.intermediate().key_usage = Some(vec![KeyUsage::DigitalSignature]);
        },
    );
}

/// D4 `expired_anchor`.
fn expired_anchor(c: &mut Cases) {
    let p = c.accept(
        "tolerate-expired-anchor [D4 T4] the anchor has expired, which is tolerated",
        Scenario::new().with(|s| {
            s.root().not_after = NOW - 1;
            s.file("ca.pem", |m| chain_pem(&[m.root(), &Pki::new("second").root]));
            s.danger("{tolerate: [{rule: expired_anchor, reason: the device is offline}]}");
            s.warnings.push("trust_entry_expired");
        }),
    );
    let alone = c.also(&p, "tolerate-expired-anchor-alone [D4 T4] the expired anchor is the only entry", |s| {
        s.file("ca.pem", |m| m.root().pem());
    });
    c.unusable(&alone, TrustBundleExpired, "tolerate-expired-anchor-alone-past [D4 T4] until yesterday", |s| {
        s.set(
            "danger",
            "{tolerate: [{rule: expired_anchor, reason: the device is offline, until: 2026-11-22T00:00:00Z}]}",
        );
    });
    c.reject(&p, IssuerExpired, "tolerate-expired-anchor-past [D4 T4] until yesterday", |s| {
        s.set(
            "danger",
            "{tolerate: [{rule: expired_anchor, reason: the device is offline, until: 2026-11-22T00:00:00Z}]}",
        );
        s.warnings = vec!["trust_entry_expired"];
    });
    c.reject(
        &p,
        CertExpired,
        "tolerate-expired-anchor-not-intermediate [D4] the intermediate has expired as well",
        |s| {
            s.intermediate().not_after = NOW - 1;
        },
    );
}

/// D4 `expired_leaf`: the path is verified at the leaf's notAfter.
fn expired_leaf(c: &mut Cases) {
    let p = c.accept(
        "tolerate-expired-leaf [D4 V2] the leaf has expired, which is tolerated",
        Scenario::new().with(|s| {
            s.leaf.not_after = NOW - 10 * DAY;
            s.danger("{tolerate: [{rule: expired_leaf, reason: nobody can renew it, until: 2027-01-01T00:00:00Z}]}");
        }),
    );
    c.reject(
        &p,
        CertExpired,
        "tolerate-expired-leaf-and-intermediate [D4] the intermediate expired after the leaf, and is not excused",
        |s| {
            s.intermediate().not_after = NOW - 5 * DAY;
        },
    )
    .says("CN=intermediate");
    c.reject(
        &p,
        IssuerExpired,
        "tolerate-expired-leaf-and-root [D4 T4] the root expired after the leaf, and is not excused",
        |s| {
            s.root().not_after = NOW - 5 * DAY;
            s.file("ca.pem", |m| chain_pem(&[m.root(), &Pki::new("second").root]));
            s.warnings.push("trust_entry_expired");
        },
    );
    c.reject(
        &p,
        CertExpired,
        "tolerate-expired-leaf-intermediate-before [D4] the intermediate expired before the leaf",
        |s| {
            s.intermediate().not_after = NOW - 15 * DAY;
        },
    )
    .says("CN=intermediate");
    c.reject(&p, CertExpired, "tolerate-expired-leaf-past [D4] until yesterday", |s| {
        s.set("danger", "{tolerate: [{rule: expired_leaf, reason: nobody can renew it, until: 2026-11-22T00:00:00Z}]}");
        s.warnings.clear();
    });
    c.reject(&p, NameMismatch, "tolerate-expired-leaf-other-name [D4 V5] the leaf is for another name", |s| {
        s.sans(&[San::dns("other.test")]);
    });
    c.also(&p, "tolerate-expired-leaf-itself [D4 T5] the bundle holds the leaf and a root, and not its issuer", |s| {
        s.file("ca.pem", |m| chain_pem(&[&m.leaf, &Pki::new("second").root]));
        s.warnings.extend(["trust_entry_is_leaf", "trust_entry_expired"]);
    });
    let alone = c.also(&p, "tolerate-expired-leaf-itself-alone [D4 T4 T5] the bundle holds the leaf alone", |s| {
        s.file("ca.pem", |m| m.leaf.pem());
        s.warnings.extend(["trust_entry_is_leaf", "trust_entry_expired"]);
    });
    c.unusable(
        &alone,
        TrustBundleExpired,
        "tolerate-expired-leaf-and-every-anchor [D4 T4] the bundle holds the root alone, which has expired",
        |s| {
            s.root().not_after = NOW - 1;
            s.file("ca.pem", |m| m.root().pem());
        },
    );
    expired_leaf_and_lists(c, &p);
}

/// A CA drops ended certificates from its lists (RFC 5280 section 3.3), so that a later list does not clear them.
fn expired_leaf_and_lists(c: &mut Cases, p: &Positive) {
    let begun = |days: i64, revoked: bool| {
        move |m: &Minted| {
            let listed = if revoked { vec![&m.leaf] } else { Vec::new() };
            crl_pem(&CrlTemplate { this_update: NOW - days * DAY, ..CrlTemplate::new(&listed) }.issued_by(m.issuer()))
        }
    };
    let listed = c.also(
        p,
        "tolerate-expired-leaf-and-list [D4 V3] its issuer's list began before the leaf ended, and is in force",
        |s| {
            s.file("intermediate.crl", begun(20, false));
            s.set("revocation", "{crls: [{file: intermediate.crl}], depth: leaf}");
        },
    );
    c.reject(&listed, RevocationUnknown, "tolerate-expired-leaf-and-fresh-list [D4 V3] that list began after the leaf ended: its entry may have been dropped", |s| {
        s.file("intermediate.crl", begun(1, false));
    })
    .says("dropped");
    c.also(
        &listed,
        "tolerate-expired-leaf-and-keeping-list [D4 V3] that list began later, and keeps what ended since 2020",
        |s| {
            s.file("intermediate.crl", |m| {
                let mut list = CrlTemplate { this_update: NOW - DAY, ..CrlTemplate::new(&[]) };
                let der = b"\x18\x0f20200101000000Z".to_vec();
                list.extra_extensions.push(RawExtension { oid: "2.5.29.60", critical: false, der });
                crl_pem(&list.issued_by(m.issuer()))
            });
        },
    );
    let chain = c.also(&listed, "tolerate-expired-leaf-and-lists-above [D4 V3] the root's list is in force", |s| {
        s.file("root.crl", |m| crl_pem(&CrlTemplate::new(&[]).issued_by(m.root())));
        s.set("revocation", "{crls: [{file: intermediate.crl}, {file: root.crl}]}");
    });
    c.reject(&chain, CrlExpired, "tolerate-expired-leaf-and-stale-list-above [D4 V3] the root's list has ended", |s| {
        s.file("root.crl", |m| {
            let (this_update, next_update) = (NOW - 20 * DAY, Some(NOW - 5 * DAY));
            crl_pem(&CrlTemplate { this_update, next_update, ..CrlTemplate::new(&[]) }.issued_by(m.root()))
        });
        s.warnings.push("revocation_list_expired");
    });
    c.reject(&listed, CertRevoked, "tolerate-expired-leaf-revoked [D4 V3] that list revokes the leaf", |s| {
        s.file("intermediate.crl", begun(20, true));
    });
    c.reject(&listed, CrlExpired, "tolerate-expired-leaf-and-stale-list [D4 D5 V3] that list ended after the leaf: its age is judged by the clock", |s| {
        s.file("intermediate.crl", |m| {
            let (this_update, next_update) = (NOW - 20 * DAY, Some(NOW - 5 * DAY));
            crl_pem(&CrlTemplate { this_update, next_update, ..CrlTemplate::new(&[]) }.issued_by(m.issuer()))
        });
        s.warnings.push("revocation_list_expired");
    });
}

/// D4 `common_name`.
fn common_name(c: &mut Cases) {
    let p = c.accept(
        "tolerate-common-name [D4 N5] the leaf has no SAN, and its CN is tolerated",
        Scenario::new().with(|s| {
            s.leaf.common_name = Some("Backend.test".to_owned());
            s.sans(&[]);
            s.danger("{tolerate: [{rule: common_name, reason: an old CA}]}");
        }),
    );
    c.reject(&p, SanMissing, "tolerate-common-name-past [D4 N5] until yesterday", |s| {
        s.set("danger", "{tolerate: [{rule: common_name, reason: an old CA, until: 2026-11-22T00:00:00Z}]}");
        s.warnings.clear();
    });
    c.reject(&p, SanMissing, "tolerate-common-name-other [D4] the CN is another name", |s| {
        s.leaf.common_name = Some("other.test".to_owned());
    });
    for (title, name) in [
        ("tolerate-common-name-prefixed [D4] the CN ends with the name", "evil-backend.test"),
        ("tolerate-common-name-below [D4] the CN is a name below it", "a.backend.test"),
        ("tolerate-common-name-parent [D4] the CN is the name above it", "test"),
        ("tolerate-common-name-suffixed [D4] the CN begins with the name", "backend.test.evil"),
    ] {
        c.reject(&p, SanMissing, title, |s| s.leaf.common_name = Some(name.to_owned()));
    }
    c.reject(
        &p,
        CertNameConstraint,
        "tolerate-common-name-constrained-anchor [D4 D5 V2] the root permits another domain, which no CN may escape",
        |s| {
            let permitted = vec![San::dns("example")];
            s.root().name_constraints = Some(NameConstraints { permitted, ..NameConstraints::default() });
        },
    );
    c.reject(
        &p,
        CertNameConstraint,
        "tolerate-common-name-constrained [D4 D5 V2] the intermediate permits another domain, which no CN may escape",
        |s| {
            let permitted = vec![San::dns("example")];
            s.intermediate().name_constraints = Some(NameConstraints { permitted, ..NameConstraints::default() });
        },
    );
    c.reject(&p, NameMismatch, "tolerate-common-name-with-san [D4] the leaf has a SAN with another name", |s| {
        s.sans(&[San::dns("other.test")]);
    });
    c.reject(&p, NameMismatch, "tolerate-common-name-with-email [D4] the leaf has a SAN without any DNS name", |s| {
        s.sans(&[San::Email("a@backend.test".to_owned())]);
    });
    c.reject(&p, SanMissing, "tolerate-common-name-wildcard [D4] the CN is a wildcard", |s| {
        s.leaf.common_name = Some("*.test".to_owned());
    });
    c.reject(&p, SanMissing, "tolerate-common-name-ip [D4] an address is wanted, and the CN is its text", |s| {
        s.leaf.common_name = Some("10.0.0.7".to_owned());
        s.wants("[{ip: 10.0.0.7}]");
    });
}

/// How weakenings are declared.
fn declared(c: &mut Cases) {
    let p = c.accept(
        "danger-declared [D1] the reason is given",
        Scenario::new().with(|s| {
            s.danger("{acceptAnyName: {reason: the certificates have no names}}");
        }),
    );
    c.unusable(&p, PolicyInvalid, "danger-without-reason [D1] the reason is blank", |s| {
        s.set("danger", "{acceptAnyName: {reason: '  '}}");
    });
    c.unusable(&p, PolicyInvalid, "danger-twice [D1 D2] both weakenings are asked for", |s| {
        s.set("danger", "{acceptAnyName: {reason: x}, acceptAnyCertificate: {reason: x}}");
    });
    c.unusable(&p, PolicyInvalid, "danger-until-malformed [D4] the end of a toleration is not a time", |s| {
        s.set("danger", "{tolerate: [{rule: key_usage, reason: x, until: next year}]}");
    });
    c.unusable(&p, UnsupportedOption, "danger-unknown-rule [D4 D5] the tolerated rule is none", |s| {
        s.set("danger", "{tolerate: [{rule: sha1, reason: x}]}");
    })
    .says("key_usage");
    c.also(&p, "danger-empty [D5] nothing is weakened, and nothing need be permitted", |s| {
        s.permission = Permission::Forbid;
        s.set("danger", "{}");
        s.warnings.clear();
    });
    c.unusable(&p, NameMissing, "danger-empty-nameless [D5 N3] nothing is weakened, and there is no name", |s| {
        s.set("danger", "{}");
        s.set("serverName", "none");
    });
    c.reject(&p, CertSelfSigned, "danger-self-signed [D1] the leaf is signed by its own key", |s| {
        s.sends(|_| Template::leaf("stranger").self_signed(&Key::p256("stranger")).pem());
    });
}
