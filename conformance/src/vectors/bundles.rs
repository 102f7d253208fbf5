//! What a bundle may hold, and what each of its entries is trusted for (T1..T4).

use uptls::Code::{
    CertIssuerNotCa, CertSelfSigned, CertUnknownIssuer, TrustBundleEmpty, TrustBundleExpired, TrustBundleParse,
    TrustMissing, TrustUnreadable, UnsupportedOption,
};
use uptls_testkit::{
    ANY, BasicConstraints, CLIENT_AUTH, CrlTemplate, DAY, Key, KeyUsage, NOW, Pki, SERVER_AUTH, San, Template, Version,
    chain_pem, crl_pem, pem, trusted_certificate_pem,
};

use super::cases::{Cases, Positive};
use super::itself::base64;
use super::scenario::{Authority, Scenario};

pub(super) fn cases(c: &mut Cases) {
    sources(c);
    let three = c.accept(
        "bundle-three [T2] the bundle holds three roots and nothing else",
        Scenario::new().with(|s| three(s, |_| {})),
    );
    blocks(c, &three);
    labels(c, &three);
    lenient(c, &three);
    expiry(c);
    issuers(c);
    version_one(c);
}

/// T1: where trust comes from.
fn sources(c: &mut Cases) {
    let p = c.usual.clone();
    c.also(&p, "trust-inline [T1] the bundle is written into the document", |s| {
        let pem = s.mint().root().pem().replace('\n', "\\n");
        s.files.clear();
        s.set("trust", format!("{{bundles: [{{pem: \"{pem}\"}}]}}"));
    });
    c.also(&p, "trust-two-bundles [T1] a second bundle is trusted as well", |s| {
        s.file("other.pem", |_| Pki::new("other").root.pem());
        s.set("trust", "{bundles: [{file: other.pem}, {file: ca.pem}]}");
    });
    c.also(&p, "trust-bundle-and-mozilla [T6] the compiled-in roots are trusted as well", |s| {
        s.set("trust", "{system: mozilla, bundles: [{file: ca.pem}]}");
    });
    c.reject(&p, CertUnknownIssuer, "trust-mozilla [T6] the compiled-in roots alone are trusted", |s| {
        s.set("trust", "{system: mozilla}");
    });
    c.unusable(
        &p,
        UnsupportedOption,
        "trust-platform-and-bundle [T6] the platform's verifier is asked for as well",
        |s| {
            s.set("trust", "{system: platform, bundles: [{file: ca.pem}]}");
        },
    );
    c.unusable(
        &p,
        UnsupportedOption,
        "trust-platform-and-lists [T6] the platform's verifier is asked for, with a revocation list",
        |s| {
            s.file("root.crl", |m| crl_pem(&CrlTemplate::new(&[]).issued_by(m.root())));
            s.set("trust", "{system: platform}");
            s.set("revocation", "{crls: [{file: root.crl}]}");
        },
    );
    c.unusable(&p, TrustMissing, "trust-absent [T1] nothing is said of trust", |s| s.unset("trust"));
    c.unusable(&p, TrustMissing, "trust-empty [T1] the list of bundles is empty and the system's roots are off", |s| {
        s.set("trust", "{system: false, bundles: []}");
    });
    c.unusable(&p, TrustUnreadable, "trust-file-missing [T1] the file does not exist", |s| {
        s.set("trust", "{bundles: [{file: missing.pem}]}");
    })
    .says("missing.pem");
    c.unusable(&p, TrustUnreadable, "trust-file-is-folder [T1] the file is a folder", |s| {
        s.set("trust", "{bundles: [{file: .}]}");
    });
    c.unusable(&p, TrustUnreadable, "trust-one-file-missing [T1] one of two files does not exist", |s| {
        s.set("trust", "{bundles: [{file: ca.pem}, {file: missing.pem}]}");
    })
    .says("spec.trust.bundles[1]");
}

/// T2: strict about how a block is written.
fn blocks(c: &mut Cases, p: &Positive) {
    c.unusable(p, TrustBundleEmpty, "bundle-empty [T2] the bundle is empty", |s| s.file("ca.pem", |_| ""));
    c.unusable(p, TrustBundleEmpty, "bundle-text [T2] the bundle holds text and no block", |s| {
        s.file("ca.pem", |_| "# to be filled in\n");
    });
    c.unusable(p, TrustBundleParse, "bundle-der-cut [T2] the bundle is DER and has lost its last byte", |s| {
        s.file("ca.pem", |m| m.root().der()[..m.root().der().len() - 1].to_vec())
    })
    .says("DER");
    c.unusable(p, TrustBundleParse, "bundle-utf16 [T2] the bundle is in UTF-16", |s| {
        s.file("ca.pem", |m| {
            let text = m.root().pem();
            [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect::<Vec<u8>>()
        });
    })
    .says("UTF-16");
    c.unusable(p, TrustBundleParse, "bundle-truncated [T2] the last block has no end", |s| {
        three(s, |blocks| blocks[2] = blocks[2].split("-----END").next().unwrap_or_default().to_owned());
    })
    .says("block 3 (line 23)")
    .says("truncated");
    c.unusable(p, TrustBundleParse, "bundle-truncated-inside [T2] the second block has no end", |s| {
        three(s, |blocks| blocks[1] = blocks[1].split("-----END").next().unwrap_or_default().to_owned());
    })
    .says("block 2 (line 12)")
    .says("truncated");
    c.unusable(
        p,
        TrustBundleParse,
        "bundle-damaged-boundaries [T2] both boundaries of the second block are damaged",
        |s| {
            three(s, |blocks| blocks[1] = blocks[1].replace("-----", "----"));
        },
    )
    .says("block 2 (line 12)")
    .says("damaged");
    c.unusable(p, TrustBundleParse, "bundle-without-begin [T2] the second block has no beginning", |s| {
        three(s, |blocks| blocks[1] = blocks[1].split_once('\n').unwrap_or_default().1.to_owned());
    })
    .says("block 2 (line 12)");
    c.unusable(p, TrustBundleParse, "bundle-broken-base64 [T2] the second block is not base64", |s| {
        three(s, |blocks| blocks[1] = blocks[1].replace("\nM", "\n!"));
    })
    .says("block 2 (line 12)")
    .says("base64");
    c.unusable(p, TrustBundleParse, "bundle-empty-block [T2] the second block is empty", |s| {
        three(s, |blocks| blocks[1] = "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".to_owned());
    })
    .says("block 2 (line 12)")
    .says("empty");
}

/// T2: strict about what a block is.
fn labels(c: &mut Cases, p: &Positive) {
    c.unusable(
        p,
        TrustBundleParse,
        "bundle-trusted-certificate [T2] the second block is OpenSSL's TRUSTED CERTIFICATE",
        |s| {
            three(s, |blocks| blocks[1] = trusted_certificate_pem(&Pki::new("second").root));
        },
    )
    .says("block 2 (line 12)")
    .says("TRUSTED CERTIFICATE");
    c.unusable(p, TrustBundleParse, "bundle-private-key [T2] the second block is a private key", |s| {
        three(s, |blocks| blocks[1] = Key::p256("second").pkcs8_pem());
    })
    .says("block 2 (line 12)")
    .says("PRIVATE KEY");
    c.unusable(p, TrustBundleParse, "bundle-encrypted-key [T2] the second block is an encrypted private key", |s| {
        three(s, |blocks| blocks[1] = Key::p256("second").encrypted_pkcs8_pem("secret", 10));
    })
    .says("ENCRYPTED PRIVATE KEY");
    c.unusable(
        p,
        TrustBundleParse,
        "bundle-legacy-key [T2] the second block is a key in the legacy encrypted form",
        |s| {
            three(s, |blocks| blocks[1] = Key::p256("second").legacy_encrypted_pem());
        },
    );
    c.unusable(p, TrustBundleParse, "bundle-headers [T2] the second block has headers", |s| {
        three(s, |blocks| {
            blocks[1] = blocks[1].replace("CERTIFICATE-----\nM", "CERTIFICATE-----\nComment: second\n\nM")
        });
    })
    .says("headers");
    c.unusable(p, TrustBundleParse, "bundle-crl [T2] the second block is a revocation list", |s| {
        three(s, |blocks| blocks[1] = crl_pem(&CrlTemplate::new(&[]).issued_by(&Pki::new("second").root)));
    })
    .says("X509 CRL");
    c.unusable(p, TrustBundleParse, "bundle-one-unusable [T2] the only certificate does not parse", |s| {
        s.file("ca.pem", |_| pem("CERTIFICATE", b"\x30\x03\x02\x01\x07"));
    })
    .says("block 1 (line 1)");
}

/// T2: what is allowed.
fn lenient(c: &mut Cases, p: &Positive) {
    c.also(p, "bundle-with-text [T2] text stands before, between and after the blocks", |s| {
        three(s, |blocks| blocks.iter_mut().for_each(|block| *block = format!("# subject: ü\n{block}\ntext\n")));
    });
    c.also(p, "bundle-crlf [T2] its lines end in CR LF", |s| {
        three(s, |blocks| blocks.iter_mut().for_each(|block| *block = block.replace('\n', "\r\n")));
    });
    c.also(p, "bundle-indented [T2] its lines are indented, as in a badly quoted YAML block", |s| {
        three(s, |blocks| blocks.iter_mut().for_each(|block| *block = block.replace('\n', "\n    ")));
    });
    c.also(p, "bundle-byte-order-mark [T2] it begins with the byte order mark of UTF-8", |s| {
        three(s, |blocks| blocks[0].insert(0, '\u{feff}'));
    });
    c.also(p, "bundle-older-label [T2] the second block has the older label X509 CERTIFICATE", |s| {
        three(s, |blocks| blocks[1] = pem("X509 CERTIFICATE", Pki::new("second").root.der()));
    });
    c.also(&c.usual.clone(), "bundle-der [T2] the bundle is one certificate in DER", |s| {
        s.file("ca.pem", |m| m.root().der().to_vec())
    });
    c.also(p, "bundle-duplicate [T2] the second root appears twice", |s| {
        three(s, |blocks| blocks[0] = blocks[1].clone());
        s.warnings.push("trust_entry_duplicate");
    });
    c.also(p, "bundle-one-of-three-unusable [T2] the second certificate does not parse and is skipped", |s| {
        three(s, |blocks| blocks[1] = pem("CERTIFICATE", b"\x30\x03\x02\x01\x07"));
        s.warnings.push("trust_entry_unusable");
    });
}

/// T4: anchors expire.
fn expiry(c: &mut Cases) {
    let p = c.accept(
        "expiry-of-one-entry [T4] one of two entries has expired, and not the one that issued",
        Scenario::new().with(|s| {
            s.file("ca.pem", |m| chain_pem(&[m.root(), &ended()]));
            s.warnings.push("trust_entry_expired");
        }),
    );
    c.unusable(&p, TrustBundleExpired, "expiry-of-every-entry [T4] both entries have expired", |s| {
        s.root().not_after = NOW - 1
    })
    .says("2026-11-22T23:59:59Z");
    c.unusable(&p, TrustBundleExpired, "expiry-of-the-entry [T4] the only entry has expired", |s| {
        s.file("ca.pem", |_| ended().pem());
    });
    let two = |s: &mut Scenario| {
        s.set("trust", "{bundles: [{file: ca.pem}, {file: old.pem}]}");
        s.file("ca.pem", |m| m.root().pem());
        s.file("old.pem", |_| ended().pem());
    };
    c.also(&p, "expiry-of-one-file [T4] one of two files has expired, and not the one with the issuer", two);
    let case = c.unusable(
        &p,
        TrustBundleExpired,
        "expiry-of-every-file [T4] both files have expired, and both are named",
        |s| {
            two(s);
            s.root().not_after = NOW - 1;
        },
    );
    case.errors(2).says("ca.pem");
    c.unusable(
        &p,
        TrustBundleParse,
        "expiry-beside-a-broken-file [T4 T2] the other file does not parse: one says nothing of the other",
        |s| {
            two(s);
            s.file("ca.pem", |m| m.root().pem().replace("-----END", "----END"));
        },
    );
    let pinned = c.also(&p, "expiry-beside-a-pin [T4 T5] the only entry has expired, and the leaf is pinned", |s| {
        s.file("ca.pem", |_| ended().pem());
        let key = base64(&s.leaf_key.spki_sha256());
        s.set("trust", format!("{{bundles: [{{file: ca.pem}}], pinnedKeys: ['{key}']}}"));
    });
    c.reject(&pinned, CertUnknownIssuer, "expiry-beside-another-pin [T4 T5] another key is pinned", |s| {
        let key = base64(&Key::p256("another").spki_sha256());
        s.set("trust", format!("{{bundles: [{{file: ca.pem}}], pinnedKeys: ['{key}']}}"));
    });
    c.also(&p, "expiry-soon [T4 R8] less than a seventh of the life of the entry that issued is left", |s| {
        s.root().not_after = NOW + 29 * DAY;
        s.warnings = vec!["trust_entry_expiring", "trust_entry_expired"];
    });
}

/// T3: which entries issue.
fn issuers(c: &mut Cases) {
    let p = c.usual.clone();
    c.also(&p, "entry-without-key-usage [T3] the entry has no key usage", |s| s.root().key_usage = None);
    c.also(&p, "entry-for-servers [T3] the entry has the extended key usage serverAuth", |s| {
        s.root().extended_key_usage = Some(vec![SERVER_AUTH]);
    });
    let as_itself = |s: &mut Scenario| s.warnings.push("trust_entry_is_leaf");
    c.reject(&p, CertIssuerNotCa, "entry-ca-false [T3] the entry says CA:FALSE", |s| {
        s.root().basic_constraints = Some(BasicConstraints { ca: false, path_len: None });
        as_itself(s);
    })
    .says("CN=root");
    c.reject(&p, CertIssuerNotCa, "entry-without-basic-constraints [T3] the entry has no basic constraints", |s| {
        s.root().basic_constraints = None;
        as_itself(s);
    });
    c.reject(&p, CertIssuerNotCa, "entry-without-cert-sign [T3] the entry's key usage lacks keyCertSign", |s| {
        s.root().key_usage = Some(vec![KeyUsage::DigitalSignature]);
        as_itself(s);
    });
    c.reject(
        &p,
        CertIssuerNotCa,
        "entry-for-clients [T3] the entry has the extended key usage clientAuth alone",
        |s| {
            s.root().extended_key_usage = Some(vec![CLIENT_AUTH]);
            as_itself(s);
        },
    );
    anchors(c, &p);
    server_certificates(c, &p);
}

/// T3: what an anchor may say besides.
fn anchors(c: &mut Cases, p: &Positive) {
    let as_itself = |s: &mut Scenario| s.warnings.push("trust_entry_is_leaf");
    c.also(p, "entry-for-any-purpose [T3] the entry has anyExtendedKeyUsage, which restricts nothing", |s| {
        s.root().extended_key_usage = Some(vec![ANY]);
    });
    c.also(
        p,
        "entry-critical-policies [T3] the entry's policyConstraints are critical, and policies are no input",
        |s| {
            *s.root() = s.root().clone().with_extension("2.5.29.36", true, &[0x30, 0x03, 0x80, 0x01, 0x00]);
        },
    );
    c.reject(p, CertIssuerNotCa, "entry-critical-extension [T3] the entry has an unknown critical extension", |s| {
        *s.root() = s.root().clone().with_extension("1.3.6.1.4.1.55555.1", true, &[5, 0]);
        as_itself(s);
    });
    c.also(p, "entry-extension [T3] that extension is not critical", |s| {
        *s.root() = s.root().clone().with_extension("1.3.6.1.4.1.55555.1", false, &[5, 0]);
    });
}

/// T5: a server's own certificate in the bundle.
fn server_certificates(c: &mut Cases, p: &Positive) {
    let as_itself = |s: &mut Scenario| s.warnings.push("trust_entry_is_leaf");
    let server = c.also(
        p,
        "entry-server-certificate [T3 T5] the entry is a self-signed server certificate, and is itself presented",
        |s| {
            s.authorities.truncate(1);
            s.authorities[0].template = Template::leaf("server").with_sans(&[San::dns("backend.test")]);
            s.sends(|m| m.root().pem());
            as_itself(s);
        },
    );
    c.reject(&server, CertIssuerNotCa, "entry-server-certificate-signs [T3] its key signed another certificate", |s| {
        s.sends(|m| m.leaf.pem());
    })
    .says("CN=server");
    let ca = c.also(&server, "entry-server-certificate-ca-true [T5] it says CA:TRUE, as openssl req -x509 makes them, and is itself presented", |s| {
        s.root().basic_constraints = Some(BasicConstraints { ca: true, path_len: None });
        s.root().key_usage = None;
        s.root().extended_key_usage = None;
        s.warnings.clear();
    });
    c.reject(
        &ca,
        CertSelfSigned,
        "entry-server-certificate-ca-true-other [T5] another one of the same name is presented",
        |s| {
            s.sends(|m| {
                let own = Template { key_usage: None, ..Template::ca("server") };
                let own = own.with_sans(&[San::dns("backend.test")]);
                assert_eq!(m.root().subject_der(), own.self_signed(&Key::p256("other")).subject_der());
                own.self_signed(&Key::p256("other")).pem()
            });
        },
    );
}

/// T3: X.509 version 1.
fn version_one(c: &mut Cases) {
    let p = c.accept(
        "entry-v1-root [T3] the entry is a self-signed X.509 version 1 certificate",
        Scenario::new().with(|s| {
            s.root().version = Version::V1;
            s.warnings.push("trust_entry_v1");
        }),
    );
    c.reject(
        &p,
        CertIssuerNotCa,
        "entry-v1-not-self-signed [T3] the entry is of version 1 and was issued by another",
        |s| {
            s.authorities.insert(0, Authority::new("top"));
            s.sends(|m| chain_pem(&[&m.leaf, m.issuer()]));
            s.file("ca.pem", |m| m.authorities[1].pem());
            s.warnings = vec!["trust_entry_is_leaf"];
        },
    )
    .says("CN=root");
}

/// Two strangers and the root, each block open to a change.
fn three(s: &mut Scenario, change: impl Fn(&mut [String; 3]) + 'static) {
    s.file("ca.pem", move |m| {
        let mut blocks = [Pki::new("first").root.pem(), Pki::new("second").root.pem(), m.root().pem()];
        change(&mut blocks);
        blocks.concat()
    });
}

/// A root that has ended.
fn ended() -> uptls_testkit::Certificate {
    Template::ca("ended").with_validity(NOW - 100 * DAY, NOW - DAY).self_signed(&Key::p256("ended"))
}
