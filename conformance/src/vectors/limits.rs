//! What a certificate may be used for and for whom, and how much work a chain may take (V1, V2, V4).

use uptls::Code::{
    CertBudgetExceeded, CertCriticalExtension, CertDistrusted, CertKeyUsage, CertMalformed, CertNameConstraint,
    CertPurpose,
};
use uptls_testkit::{ANY, CLIENT_AUTH, EMAIL, Key, KeyUsage, NameConstraints, SERVER_AUTH, San, Template, chain_pem};

use super::cases::{Cases, Positive};
use super::odd_keys;
use super::scenario::Scenario;

pub(super) fn cases(c: &mut Cases) {
    purpose(c);
    extensions(c);
    dns_constraints(c);
    other_constraints(c);
    distrust(c);
    budget(c);
}

/// Extended key usage (V2) and key usage (V4).
fn purpose(c: &mut Cases) {
    let p = c.usual.clone();
    c.also(&p, "purpose-absent [V2] the leaf has no extended key usage", |s| s.leaf.extended_key_usage = None);
    c.also(&p, "purpose-server-and-client [V2] the leaf is for serverAuth and clientAuth", |s| {
        s.leaf.extended_key_usage = Some(vec![CLIENT_AUTH, SERVER_AUTH]);
    });
    c.reject(&p, CertPurpose, "purpose-client [V2] the leaf is for clientAuth alone", |s| {
        s.leaf.extended_key_usage = Some(vec![CLIENT_AUTH]);
    })
    .says("clientAuth");
    c.reject(&p, CertPurpose, "purpose-email [V2] the leaf is for emailProtection alone", |s| {
        s.leaf.extended_key_usage = Some(vec![EMAIL]);
    });
    c.reject(&p, CertPurpose, "purpose-any [V2] the leaf is for anyExtendedKeyUsage alone", |s| {
        s.leaf.extended_key_usage = Some(vec![ANY]);
    });
    c.reject(&p, CertPurpose, "purpose-empty [V2] the leaf has an empty extended key usage", |s| {
        s.leaf.extended_key_usage = Some(Vec::new());
    });
    c.reject(&p, CertPurpose, "purpose-of-intermediate [V2] the intermediate is for emailProtection alone", |s| {
        s.intermediate().extended_key_usage = Some(vec![EMAIL]);
    })
    .says("CN=intermediate");
    c.also(&p, "purpose-of-intermediate-server [V2] the intermediate is for serverAuth", |s| {
        s.intermediate().extended_key_usage = Some(vec![SERVER_AUTH]);
    });
    c.also(&p, "key-usage-absent [V4] the leaf has no key usage", |s| s.leaf.key_usage = None);
    c.reject(&p, CertKeyUsage, "key-usage-encipherment [V4] the leaf's key usage is keyEncipherment alone", |s| {
        s.leaf.key_usage = Some(vec![KeyUsage::KeyEncipherment]);
    });
    c.reject(
        &p,
        CertKeyUsage,
        "key-usage-agreement [V4] the leaf's key usage is keyAgreement and nonRepudiation",
        |s| {
            s.leaf.key_usage = Some(vec![KeyUsage::KeyAgreement, KeyUsage::NonRepudiation]);
        },
    );
    c.reject(&p, CertPurpose, "purpose-before-key-usage [V2 V4] the leaf fails in both: the path comes first", |s| {
        s.leaf.extended_key_usage = Some(vec![CLIENT_AUTH]);
        s.leaf.key_usage = Some(vec![KeyUsage::KeyEncipherment]);
    });
}

/// Critical extensions that are not understood.
fn extensions(c: &mut Cases) {
    let unknown =
        |t: &mut Template, critical| *t = t.clone().with_extension("1.3.6.1.4.1.55555.1", critical, b"\x05\x00");
    let p = c.accept(
        "extension-not-critical [V2] the leaf has an unknown extension that is not critical",
        Scenario::new().with(|s| unknown(&mut s.leaf, false)),
    );
    c.reject(&p, CertCriticalExtension, "extension-critical [V2] that extension is critical", |s| {
        s.leaf.extra_extensions.clear();
        unknown(&mut s.leaf, true);
    })
    .says("1.3.6.1.4.1.55555.1");
    c.reject(
        &p,
        CertCriticalExtension,
        "extension-critical-in-intermediate [V2] the intermediate has a critical one",
        |s| {
            unknown(s.intermediate(), true);
        },
    )
    .says("1.3.6.1.4.1.55555.1");
    c.reject(
        &p,
        CertCriticalExtension,
        "extension-policy-constraints [V2] the intermediate has critical policy constraints",
        |s| {
            *s.intermediate() = s.intermediate().clone().with_extension("2.5.29.36", true, b"\x30\x03\x80\x01\x00");
        },
    )
    .says("2.5.29.36");
}

/// Name constraints on DNS names.
fn dns_constraints(c: &mut Cases) {
    let p = c.accept(
        "constraint-dns-permitted [V2] the intermediate permits the leaf's domain",
        Scenario::new().with(|s| s.intermediate().name_constraints = permitted_dns("test")),
    );
    c.reject(
        &p,
        CertNameConstraint,
        "constraint-dns-not-permitted [V2] the intermediate permits another domain",
        |s| {
            s.intermediate().name_constraints = permitted_dns("example");
        },
    )
    .says("dns:backend.test is not among the permitted names dns:example of CN=");
    c.reject(&p, CertNameConstraint, "constraint-dns-excluded [V2] the intermediate excludes the leaf's domain", |s| {
        s.intermediate().name_constraints = excluded_dns("test");
    })
    .says("dns:backend.test is among the excluded names dns:test of CN=");
    c.reject(&p, CertNameConstraint, "constraint-of-anchor [V2] the anchor permits another domain", |s| {
        s.root().name_constraints = permitted_dns("example");
    })
    .says("of CN=root");
    c.reject(
        &p,
        CertNameConstraint,
        "constraint-second-name [V2] the leaf has a second name that is not permitted",
        |s| {
            s.sans(&[San::dns("backend.test"), San::dns("other.example")]);
        },
    )
    .says("dns:other.example");
    wildcards(c, &p);
    c.reject(
        &p,
        CertMalformed,
        "constraint-empty-name [V2] the leaf has an empty dNSName, which no constraint can judge",
        |s| {
            s.sans(&[San::dns("backend.test"), San::dns("")]);
        },
    );
    c.also(
        &p,
        "name-empty-unconstrained [V5] without constraints an empty dNSName beside the right one is passed over",
        |s| {
            s.intermediate().name_constraints = None;
            s.sans(&[San::dns(""), San::dns("backend.test")]);
        },
    );
}

/// A wildcard is judged by all that it covers.
fn wildcards(c: &mut Cases, p: &Positive) {
    let wildcard =
        c.also(p, "constraint-wildcard-permitted [V2] the leaf holds a wildcard of the permitted domain", |s| {
            s.set("serverName", "accept.svc.test");
            s.intermediate().name_constraints = permitted_dns("svc.test");
            s.sans(&[San::dns("*.svc.test")]);
        });
    c.reject(
        &wildcard,
        CertNameConstraint,
        "constraint-wildcard-not-permitted [V2] the permitted name is one of those that the wildcard covers",
        |s| {
            s.intermediate().name_constraints = permitted_dns("accept.svc.test");
        },
    )
    .says("dns:*.svc.test is not among the permitted names dns:accept.svc.test");
    c.reject(
        p,
        CertNameConstraint,
        "constraint-wildcard-excluded [V2] the leaf holds a wildcard that covers an excluded name",
        |s| {
            s.intermediate().name_constraints = excluded_dns("a.svc.test");
            s.sans(&[San::dns("backend.test"), San::dns("*.svc.test")]);
        },
    )
    .says("dns:*.svc.test is among the excluded names dns:a.svc.test");
    c.reject(
        p,
        CertNameConstraint,
        "constraint-case-insensitive [V2] the excluded name is written in another case",
        |s| {
            s.intermediate().name_constraints = excluded_dns("SVC.test");
            s.sans(&[San::dns("backend.test"), San::dns("*.svc.TEST")]);
        },
    );
}

/// Name constraints on other names.
fn other_constraints(c: &mut Cases) {
    let ip = c.accept(
        "constraint-ip-permitted [V2] the intermediate permits the leaf's subnet",
        Scenario::new().with(|s| {
            s.intermediate().name_constraints = permitted(San::subnet("10.0.0.0/8"));
            s.sans(&[San::ip("10.0.0.7")]);
            s.wants("[{ip: 10.0.0.7}]");
        }),
    );
    c.reject(
        &ip,
        CertNameConstraint,
        "constraint-ip-not-permitted [V2] the intermediate permits another subnet",
        |s| {
            s.intermediate().name_constraints = permitted(San::subnet("192.0.2.0/24"));
        },
    )
    .says("ip:10.0.0.7 is not among the permitted names ip:192.0.2.0/24");
    c.reject(&ip, CertNameConstraint, "constraint-ip-mask-broken [V2] the subnet's mask has holes", |s| {
        let mask = San::RawTag { tag: 0x87, bytes: vec![10, 0, 0, 0, 255, 0, 255, 0] };
        s.intermediate().name_constraints = permitted(mask);
    });
    let uri = c.accept(
        "constraint-uri-and-dns-leaf [V2] the intermediate has a URI constraint and the leaf no URI",
        Scenario::new().with(|s| s.intermediate().name_constraints = permitted(San::uri("prod"))),
    );
    c.reject(
        &uri,
        CertNameConstraint,
        "constraint-uri-and-uri-leaf [V2] the leaf has a URI: such a constraint is never ignored",
        |s| {
            s.sans(&[San::dns("backend.test"), San::uri("spiffe://prod/api")]);
        },
    )
    .says("the name constraints of CN=intermediate on URIs are not evaluated");
    c.reject(
        &uri,
        CertNameConstraint,
        "constraint-directory [V2] the intermediate has a directory name constraint, which is not evaluated",
        |s| {
            s.intermediate().name_constraints = permitted(San::DirectoryName("Example".to_owned()));
        },
    )
    .says("the name constraints of CN=intermediate on directory names are not evaluated");
    c.reject(
        &uri,
        CertNameConstraint,
        "constraint-email [V2] the intermediate has an email constraint and the leaf an email name",
        |s| {
            s.intermediate().name_constraints = permitted(San::Email("test".to_owned()));
            s.sans(&[San::dns("backend.test"), San::Email("a@other.test".to_owned())]);
        },
    )
    .says("mail addresses are not evaluated");
    unevaluated(c, &uri);
}

/// What no constraint can be compared with.
fn unevaluated(c: &mut Cases, uri: &Positive) {
    c.reject(uri, CertNameConstraint, "constraint-email-inside [V2] the email name is within that constraint", |s| {
        s.intermediate().name_constraints = permitted(San::Email("test".to_owned()));
        s.sans(&[San::dns("backend.test"), San::Email("a@test".to_owned())]);
    })
    .says("CN=leaf has email:a@test");
    c.reject(
        uri,
        CertMalformed,
        "constraint-unreadable [V2] the intermediate has name constraints that are none",
        |s| {
            s.intermediate().name_constraints = None;
            *s.intermediate() = s.intermediate().clone().with_extension("2.5.29.30", true, &[0x30, 2, 4, 0]);
        },
    )
    .says("certificate 1 of the chain is malformed: its name constraints cannot be read");
    c.reject(
        uri,
        CertMalformed,
        "constraint-and-wildcard-of-all [V2] the intermediate has a DNS constraint and the leaf the name *.test",
        |s| {
            s.intermediate().name_constraints = permitted_dns("test");
            s.sans(&[San::dns("backend.test"), San::dns("*.test")]);
        },
    )
    .says("dns:*.test");
}

/// Keys that are distrusted by name.
fn distrust(c: &mut Cases) {
    let p = c.usual.clone();
    c.reject(&p, CertDistrusted, "distrust-leaf [V2] the leaf has a key that is distrusted by name", |s| {
        s.leaf.spki_override = Some(odd_keys::distrusted());
    });
    c.reject(&p, CertDistrusted, "distrust-intermediate [V2] the intermediate has one", |s| {
        s.intermediate().spki_override = Some(odd_keys::distrusted());
    });
    c.reject(&p, CertDistrusted, "distrust-anchor [V2] the anchor has one", |s| {
        s.root().spki_override = Some(odd_keys::distrusted());
    });
}

/// Sizes, numbers and work (V1, V2).
fn budget(c: &mut Cases) {
    let many = |count: usize| {
        move |m: &super::scenario::Minted| {
            let copies = core::iter::repeat_n(m.issuer(), count - 1);
            chain_pem(&core::iter::once(&m.leaf).chain(copies).collect::<Vec<_>>())
        }
    };
    let small = Scenario::new().with(|s| {
        s.authorities[1].key = Key::ed25519("intermediate");
        s.intermediate().authority_key_id = false;
        s.intermediate().subject_key_id = false;
        s.sends(many(128));
    });
    let p = c.accept("budget-128-certificates [V1] 128 certificates are sent", small);
    c.reject(&p, CertBudgetExceeded, "budget-129-certificates [V1] 129 certificates are sent", |s| s.sends(many(129)))
        .says("128 certificates");
    let large = |t: &mut Template, bytes: usize| {
        *t = t.clone().with_extension("1.3.6.1.4.1.55555.2", false, &odd_keys::tlv(0x04, &vec![0; bytes]));
    };
    let bytes = c.also(&p, "budget-62-kib [V1] leaf and intermediate have some 62 KiB", |s| {
        s.sends(|m| chain_pem(&m.sent()));
        large(&mut s.leaf, 31 << 10);
        large(s.intermediate(), 31 << 10);
    });
    c.reject(&bytes, CertBudgetExceeded, "budget-66-kib [V1] leaf and intermediate have some 66 KiB", |s| {
        s.leaf.extra_extensions.clear();
        large(&mut s.leaf, 35 << 10);
    })
    .says("65536 bytes");
    let issuers = |count: usize| {
        move |m: &super::scenario::Minted| {
            let mut text = m.leaf.pem();
            for number in 0..count {
                let key = Key::p256(&format!("intermediate {number}"));
                text.push_str(&Template::ca("intermediate").issued_by(m.root(), &key).pem());
            }
            text + &m.issuer().pem()
        }
    };
    let work = c.also(&p, "budget-ten-issuers-of-one-name [V2] ten strangers have the intermediate's name", |s| {
        s.sends(issuers(10));
    });
    c.reject(
        &work,
        CertBudgetExceeded,
        "budget-sixty-issuers-of-one-name [V2] sixty strangers have the intermediate's name",
        |s| {
            s.sends(issuers(60));
        },
    )
    .says("32 certificates");
}

fn permitted_dns(name: &str) -> Option<NameConstraints> {
    permitted(San::dns(name))
}

fn excluded_dns(name: &str) -> Option<NameConstraints> {
    Some(NameConstraints { excluded: vec![San::dns(name)], ..NameConstraints::default() })
}

fn permitted(name: San) -> Option<NameConstraints> {
    Some(NameConstraints { permitted: vec![name], ..NameConstraints::default() })
}
