//! Revocation lists (V3).

use uptls::Code::{CertRevoked, CrlExpired, CrlParse, CrlUnreadable, CrlUntrusted, PolicyInvalid, RevocationUnknown};
use uptls_testkit::{
    Certificate, CrlTemplate, DAY, Key, KeyUsage, NOW, RawExtension, SignatureHash, Template, crl_pem, pem,
};

use super::cases::{Cases, Positive};
use super::scenario::{Minted, Scenario};

pub(super) fn cases(c: &mut Cases) {
    let p =
        c.accept("crl-nothing-revoked [V3] there are lists of root and intermediate, and they are empty", scenario());
    verdicts(c, &p);
    coverage(c, &p);
    age(c);
    trust(c, &p);
    several(c);
    distribution_points(c);
    parsing(c, &p);
    fields(c);
}

/// Lists of the root and of the intermediate that revoke nothing.
fn scenario() -> Scenario {
    Scenario::new().with(|s| {
        s.file("root.crl", |m| list(&CrlTemplate::new(&[]), m.root()));
        s.file("intermediate.crl", |m| list(&CrlTemplate::new(&[]), m.issuer()));
        s.set("revocation", BOTH);
    })
}

const BOTH: &str = "{crls: [{file: root.crl}, {file: intermediate.crl}]}";

fn list(template: &CrlTemplate, issuer: &Certificate) -> String {
    crl_pem(&template.issued_by(issuer))
}

/// The intermediate's list, changed.
fn changed(s: &mut Scenario, change: impl Fn(&mut CrlTemplate, &Minted) + 'static) {
    s.file("intermediate.crl", move |m| {
        let mut template = CrlTemplate::new(&[]);
        change(&mut template, m);
        list(&template, m.issuer())
    });
}

/// What a list says.
fn verdicts(c: &mut Cases, p: &Positive) {
    c.also(p, "crl-other-revoked [V3] another serial number is revoked", |s| {
        changed(s, |list, _| list.revoked = vec![vec![0x11, 0x22]]);
    });
    c.reject(p, CertRevoked, "crl-leaf-revoked [V3] the leaf is revoked", |s| {
        changed(s, |list, m| list.revoked = vec![m.leaf.serial().to_vec()]);
    });
    c.reject(p, CertRevoked, "crl-intermediate-revoked [V3] the intermediate is revoked", |s| {
        s.file("root.crl", |m| list(&CrlTemplate::new(&[m.issuer()]), m.root()));
    });
    c.also(
        p,
        "crl-intermediate-revoked-leaf-only [V3] the intermediate is revoked, and the leaf alone is looked at",
        |s| {
            s.file("root.crl", |m| list(&CrlTemplate::new(&[m.issuer()]), m.root()));
            s.set("revocation", "{crls: [{file: root.crl}, {file: intermediate.crl}], depth: leaf}");
        },
    );
    c.reject(
        p,
        CertRevoked,
        "crl-revoked-before-name [V3 V5] the leaf is revoked and for another name: revocation comes first",
        |s| {
            changed(s, |list, m| list.revoked = vec![m.leaf.serial().to_vec()]);
            s.set("serverName", "other.test");
        },
    );
}

/// Which certificates a list covers.
fn coverage(c: &mut Cases, p: &Positive) {
    c.reject(p, RevocationUnknown, "crl-of-root-missing [V3] the root's list is not given", |s| {
        s.set("revocation", "{crls: [{file: intermediate.crl}]}");
    })
    .says("CN=root");
    c.reject(p, RevocationUnknown, "crl-of-intermediate-missing [V3] the intermediate's list is not given", |s| {
        s.set("revocation", "{crls: [{file: root.crl}]}");
    })
    .says("CN=intermediate");
    let leaf = c.also(
        p,
        "crl-of-root-missing-leaf-only [V3] the root's list is not given, and the leaf alone is looked at",
        |s| {
            s.set("revocation", "{crls: [{file: intermediate.crl}], depth: leaf}");
        },
    );
    c.reject(
        &leaf,
        RevocationUnknown,
        "crl-of-intermediate-missing-leaf-only [V3] it is the intermediate's list that is not given",
        |s| {
            s.set("revocation", "{crls: [{file: root.crl}], depth: leaf}");
        },
    );
    let allowed =
        c.also(p, "crl-unknown-allowed [V3] the intermediate's list is not given, and unknown is allowed", |s| {
            s.set("revocation", "{crls: [{file: root.crl}], unknown: allow}");
        });
    c.reject(
        &allowed,
        CertRevoked,
        "crl-unknown-allowed-revoked [V3] the list that is given revokes the intermediate",
        |s| {
            s.file("root.crl", |m| list(&CrlTemplate::new(&[m.issuer()]), m.root()));
        },
    );
}

/// Lists expire.
fn age(c: &mut Cases) {
    let p = c.accept(
        "crl-fresh [V3 V8] the clock stands one second before the list's nextUpdate",
        scenario().with(|s| {
            changed(s, |list, _| list.next_update = Some(NOW + 1));
            s.warnings.push("revocation_list_expiring");
        }),
    );
    c.reject(&p, CrlExpired, "crl-at-next-update [V3 V8] the clock stands at the list's nextUpdate", |s| {
        changed(s, |list, _| list.next_update = Some(NOW));
        s.warnings = vec!["revocation_list_expired"];
    });
    c.reject(&p, CrlExpired, "crl-stale [V3] the list's nextUpdate is a day ago", |s| {
        changed(s, |list, _| (list.this_update, list.next_update) = (NOW - 2 * DAY, Some(NOW - DAY)));
        s.warnings = vec!["revocation_list_expired"];
    })
    .says("2026-11-22T00:00:00Z");
    c.reject(&p, CrlExpired, "crl-stale-unknown-allowed [V3] it is a day ago, and unknown is allowed", |s| {
        changed(s, |list, _| (list.this_update, list.next_update) = (NOW - 2 * DAY, Some(NOW - DAY)));
        s.warnings = vec!["revocation_list_expired"];
        s.set("revocation", "{crls: [{file: root.crl}, {file: intermediate.crl}], unknown: allow}");
    });
}

/// Who signed a list.
fn trust(c: &mut Cases, p: &Positive) {
    let by_namesake = |template: CrlTemplate| {
        move |_: &Minted| list(&template, &Template::ca("intermediate").self_signed(&Key::p256("other")))
    };
    c.reject(
        p,
        RevocationUnknown,
        "crl-by-other-key [V3] a namesake with another key signed the list, and the list says so",
        |s| {
            s.file("intermediate.crl", by_namesake(CrlTemplate::new(&[])));
        },
    )
    .says("another key");
    c.reject(p, CrlUntrusted, "crl-by-other-key-unsaid [V3] the list does not say by which key it is", |s| {
        s.file("intermediate.crl", by_namesake(CrlTemplate { authority_key_id: false, ..CrlTemplate::new(&[]) }));
    });
    c.also(p, "crl-by-other-key-beside [V3] the lists of both keys of one name are given", |s| {
        s.file("both.crl", move |m| {
            by_namesake(CrlTemplate::new(&[&m.leaf]))(m) + &list(&CrlTemplate::new(&[]), m.issuer())
        });
        s.set("revocation", "{crls: [{file: root.crl}, {file: both.crl}]}");
    });
    c.reject(p, CrlUntrusted, "crl-by-root-without-crl-sign [V3] the root's key usage lacks cRLSign", |s| {
        s.root().key_usage = Some(vec![KeyUsage::KeyCertSign]);
    });
    c.reject(p, CrlUntrusted, "crl-tampered [V3] one bit of the list's signature is flipped", |s| {
        s.file("intermediate.crl", |m| {
            let mut der = CrlTemplate::new(&[]).issued_by(m.issuer());
            *der.last_mut().expect("a list is not empty") ^= 1;
            crl_pem(&der)
        });
    });
    c.reject(p, CrlUntrusted, "crl-without-crl-sign [V3] the intermediate's key usage lacks cRLSign", |s| {
        s.intermediate().key_usage = Some(vec![KeyUsage::KeyCertSign]);
    });
    let rsa = c.also(p, "crl-rsa [V3] the intermediate has an RSA key", |s| s.authorities[1].key = Key::rsa2048(0));
    c.reject(&rsa, CrlUntrusted, "crl-sha1 [V3] the list is signed with SHA-1", |s| {
        changed(s, |list, _| list.signature_hash = SignatureHash::Sha1);
    });
}

/// Several lists of one issuer: the newest counts.
fn several(c: &mut Cases) {
    let older = |m: &Minted, revoked: &[&Certificate], next_update: i64| {
        let (this_update, next_update) = (NOW - 20 * DAY, Some(next_update));
        list(&CrlTemplate { this_update, next_update, ..CrlTemplate::new(revoked) }, m.issuer())
    };
    let p = c.accept(
        "crl-older-beside [V3] an older list of the intermediate stands before the newer one",
        scenario().with(move |s| {
            s.file("older.crl", move |m| older(m, &[], NOW + DAY));
            s.set("revocation", "{crls: [{file: root.crl}, {file: older.crl}, {file: intermediate.crl}]}");
        }),
    );
    c.also(&p, "crl-stale-beside [V3] the older list is stale", |s| {
        s.file("older.crl", move |m| older(m, &[], NOW - DAY))
    });
    c.also(&p, "crl-newer-first [V3] the newer list stands first", |s| {
        s.set("revocation", "{crls: [{file: root.crl}, {file: intermediate.crl}, {file: older.crl}]}");
    });
    c.reject(&p, CertRevoked, "crl-newer-revokes [V3] the newer list revokes the leaf", |s| {
        changed(s, |list, m| list.revoked = vec![m.leaf.serial().to_vec()]);
    });
    c.reject(&p, CertRevoked, "crl-newer-first-revokes [V3] the newer list stands first and revokes the leaf", |s| {
        changed(s, |list, m| list.revoked = vec![m.leaf.serial().to_vec()]);
        s.set("revocation", "{crls: [{file: root.crl}, {file: intermediate.crl}, {file: older.crl}]}");
    });
    c.also(&p, "crl-one-file [V3] both lists stand in one file", |s| {
        s.file("both.crl", |m| list(&CrlTemplate::new(&[]), m.root()) + &list(&CrlTemplate::new(&[]), m.issuer()));
        s.set("revocation", "{crls: [{file: both.crl}]}");
    });
}

/// Lists that cover a part of the certificates.
fn distribution_points(c: &mut Cases) {
    let point = |s: &mut Scenario, uri: &'static str| {
        s.file("intermediate.crl", move |m| list(&CrlTemplate::new(&[]).with_distribution_point(uri), m.issuer()));
    };
    let p = c.accept(
        "crl-point [V3] the leaf names the list's distribution point",
        scenario().with(|s| {
            s.leaf.crl_distribution_points = vec!["http://ca.test/1.crl".to_owned()];
            point(s, "http://ca.test/1.crl");
        }),
    );
    c.reject(&p, RevocationUnknown, "crl-other-point [V3] the list is of another distribution point", |s| {
        point(s, "http://ca.test/2.crl");
    });
    let second = c.also(&p, "crl-second-point [V3] the leaf names the list's distribution point second", |s| {
        s.leaf.crl_distribution_points = vec!["http://ca.test/0.crl".to_owned(), "http://ca.test/1.crl".to_owned()];
    });
    c.reject(&second, CertRevoked, "crl-second-point-revoked [V3] that list revokes the leaf", |s| {
        s.file("intermediate.crl", |m| {
            list(&CrlTemplate::new(&[&m.leaf]).with_distribution_point("http://ca.test/1.crl"), m.issuer())
        });
    });
    c.also(&p, "crl-without-point [V3] the list says nothing of distribution points and covers everything", |s| {
        changed(s, |_, _| {});
    });
}

/// Lists that cannot be read.
fn parsing(c: &mut Cases, p: &Positive) {
    c.also(p, "crl-der [V3] a list is DER", |s| {
        s.file("intermediate.crl", |m| CrlTemplate::new(&[]).issued_by(m.issuer()))
    });
    c.unusable(p, CrlUnreadable, "crl-file-missing [V3] the file does not exist", |s| {
        s.set("revocation", "{crls: [{file: root.crl}, {file: missing.crl}]}");
    })
    .says("spec.revocation.crls[1]");
    c.unusable(p, CrlParse, "crl-empty-file [V3] the file is empty", |s| s.file("intermediate.crl", |_| ""));
    c.unusable(p, CrlParse, "crl-garbage [V3] the block holds garbage", |s| {
        s.file("intermediate.crl", |_| pem("X509 CRL", b"\x30\x03\x02\x01\x07"));
    });
    c.unusable(p, CrlParse, "crl-truncated [V3] the block has no end", |s| {
        s.file("intermediate.crl", |m| {
            let text = list(&CrlTemplate::new(&[]), m.issuer());
            text.split("-----END").next().unwrap_or_default().to_owned()
        });
    })
    .says("truncated");
    c.unusable(p, CrlParse, "crl-is-certificate [V3] the block is a certificate", |s| {
        s.file("intermediate.crl", |m| m.issuer().pem());
    })
    .says("CERTIFICATE");
    c.unusable(p, CrlParse, "crl-without-next-update [V3] the list has no nextUpdate", |s| {
        changed(s, |list, _| list.next_update = None);
    });
    for (title, oid, value) in [
        ("crl-delta [V3] the list is a delta", "2.5.29.27", &b"\x02\x01\x01"[..]),
        ("crl-indirect [V3] the list is indirect", "2.5.29.28", b"\x30\x03\x84\x01\xff"),
        ("crl-some-reasons [V3] the list covers some reasons", "2.5.29.28", b"\x30\x04\x83\x02\x07\x80"),
        ("crl-no-reasons [V3] the list covers an empty set of reasons", "2.5.29.28", b"\x30\x03\x83\x01\x00"),
        ("crl-empty-reasons [V3] the list's reasons are not even a set", "2.5.29.28", b"\x30\x02\x83\x00"),
        ("crl-critical-extension [V3] the list has an unknown critical extension", "1.3.6.1.4.1.55555.1", b"\x05\x00"),
    ] {
        c.unusable(p, CrlParse, title, |s| {
            let extension = RawExtension { oid, critical: true, der: value.to_vec() };
            changed(s, move |list, _| list.extra_extensions.push(extension.clone()));
        });
    }
}

/// The fields of `revocation`.
fn fields(c: &mut Cases) {
    let p = c.accept(
        "revocation-written-out [V3] depth and unknown are written out",
        scenario().with(|s| {
            s.set("revocation", "{crls: [{file: root.crl}, {file: intermediate.crl}], depth: chain, unknown: deny}");
        }),
    );
    c.unusable(&p, PolicyInvalid, "revocation-without-lists [V3] no list is named", |s| {
        s.set("revocation", "{unknown: allow}")
    });
    c.unusable(&p, PolicyInvalid, "revocation-depth [V3] the depth is neither chain nor leaf", |s| {
        s.set("revocation", "{crls: [{file: root.crl}], depth: full}");
    });
    c.unusable(&p, PolicyInvalid, "revocation-unknown [V3] unknown is neither deny nor allow", |s| {
        s.set("revocation", "{crls: [{file: root.crl}], unknown: ignore}");
    });
}
