//! What is sent, and whether it leads to an anchor (V1, V2, V9).

use uptls::Code::{
    CertCaAsLeaf, CertExpired, CertIssuerNotCa, CertKeyUsage, CertMalformed, CertMissingIntermediate, CertNone,
    CertNotYetValid, CertPathTooLong, CertSelfSigned, CertUnknownIssuer, ChainParse, IssuerExpired,
};
use uptls_testkit::{BasicConstraints, Key, KeyUsage, NOW, NameEncoding, Pki, San, Template, Version, chain_pem, pem};

use super::cases::Cases;
use super::scenario::{Authority, Scenario};

pub(super) fn cases(c: &mut Cases) {
    sent(c);
    missing(c);
    encodings(c);
    form(c);
    repeated(c);
    validity(c);
    issuers(c);
    path_length(c);
}

/// V1: two readers could each take another one of two extensions.
fn repeated(c: &mut Cases) {
    let p = c.usual.clone();
    let oid = "1.3.6.1.4.1.55555.1";
    let once = c.also(&p, "chain-extension-once [V1] leaf and intermediate have an extension without a meaning", |s| {
        s.leaf = s.leaf.clone().with_extension(oid, false, &[5, 0]);
        *s.intermediate() = s.intermediate().clone().with_extension(oid, false, &[5, 0]);
    });
    c.reject(&once, CertMalformed, "chain-extension-twice [V1] the leaf has it twice", |s| {
        s.leaf = s.leaf.clone().with_extension(oid, false, &[5, 0]);
    })
    .says("certificate 0");
    c.reject(&once, CertMalformed, "chain-extension-twice-above [V1] the intermediate has it twice", |s| {
        *s.intermediate() = s.intermediate().clone().with_extension(oid, false, &[5, 0]);
    })
    .says("certificate 1");
}

/// Order, duplicates and strangers.
fn sent(c: &mut Cases) {
    let p = c.usual.clone();
    c.also(&p, "chain-with-root [V1] the root is sent as well", |s| {
        s.sends(|m| chain_pem(&[&m.leaf, m.issuer(), m.root()]));
    });
    c.reject(&p, CertKeyUsage, "chain-root-first [V1] the trusted root is sent first, and the leaf behind it", |s| {
        s.sends(|m| chain_pem(&[m.root(), &m.leaf, m.issuer()]));
    })
    .says("its own certificate first");
    c.reject(&p, CertCaAsLeaf, "chain-intermediate-first [V1] the intermediate is sent first", |s| {
        s.sends(|m| chain_pem(&[m.issuer(), &m.leaf]));
    })
    .says("its own certificate first");
    c.also(&p, "chain-with-duplicates [V1] leaf and intermediate are sent twice", |s| {
        s.sends(|m| chain_pem(&[&m.leaf, m.issuer(), m.issuer(), &m.leaf]));
    });
    c.also(&p, "chain-with-stranger [V1] a certificate of another CA is sent as well", |s| {
        s.sends(|m| chain_pem(&[&m.leaf, &Pki::new("stranger").root, m.issuer()]));
    });
    c.also(
        &p,
        "chain-with-text [V1] text and a key block stand between the certificates, as openssl prints them",
        |s| {
            s.sends(|m| {
                format!("depth=1\n{}---\n{}{}", m.leaf.pem(), Key::p256("other").pkcs8_pem(), m.issuer().pem())
            });
        },
    );
    c.also(&p, "chain-unordered [V1] of two intermediates the upper one is sent first", |s| {
        s.authorities.push(Authority::new("lower"));
        s.sends(|m| chain_pem(&[&m.leaf, &m.authorities[1], &m.authorities[2]]));
    });
    c.also(&p, "chain-directly-under-root [V2] the root issued the leaf", Scenario::flat);
    c.also(
        &p,
        "chain-cross-signed-cycle [V2] two intermediates issued each other, and the root issued one of them",
        |s| {
            s.sends(|m| {
                let other = Authority::new("other");
                let down = other.template.issued_by(m.issuer(), &other.key);
                let up = Template::ca("intermediate").issued_by(&down, m.issuer().key());
                chain_pem(&[&m.leaf, &up, &down, m.issuer()])
            });
        },
    );
    c.reject(
        &p,
        CertUnknownIssuer,
        "chain-cycle-without-root [V2 V9] two intermediates issued each other, and no CA issued either",
        |s| {
            s.sends(|m| {
                let other = Authority::new("other");
                let down = other.template.issued_by(m.issuer(), &other.key);
                let up = Template::ca("intermediate").issued_by(&down, m.issuer().key());
                chain_pem(&[&m.leaf, &up, &down])
            });
        },
    );
}

/// V9: what is not sent, and whether anything tells that it exists.
fn missing(c: &mut Cases) {
    let p = c.usual.clone();
    c.reject(&p, CertNone, "chain-empty [V1] no certificate is sent", |s| s.sends(|_| "\n"));
    c.unusable(&p, ChainParse, "chain-text [V1] the text of the chain holds no block", |s| {
        s.sends(|_| "no certificate here\n");
    })
    .says("no CERTIFICATE block");
    c.also(&p, "chain-byte-order-mark [V1] the text of the chain begins with a byte order mark", |s| {
        s.sends(|m| format!("\u{feff}{}", chain_pem(&[&m.leaf, m.issuer()])));
    });
    c.reject(
        &p,
        CertUnknownIssuer,
        "chain-of-leaf-alone [V9] the intermediate is not sent, and nothing tells that it exists",
        |s| {
            s.sends(|m| m.leaf.pem());
        },
    )
    .says("CN=intermediate");
    c.reject(&p, CertUnknownIssuer, "chain-of-another-root [V9] the bundle holds another root", |s| {
        s.file("ca.pem", |_| Pki::new("stranger").root.pem());
    })
    .says("CN=root");
    let located = c.also(&p, "chain-with-issuer-location [V9] the leaf says where its issuer can be fetched", |s| {
        s.leaf.aia_ca_issuers = Some("http://ca.test/intermediate.der".to_owned());
    });
    c.reject(
        &located,
        CertMissingIntermediate,
        "chain-without-located-intermediate [V9] that intermediate is not sent",
        |s| {
            s.sends(|m| m.leaf.pem());
        },
    )
    .says("CN=intermediate");
    let organized = c.also(&p, "chain-of-one-organization [V9] root and intermediate are of one organization", |s| {
        s.root().organization = Some("Example".to_owned());
        s.intermediate().organization = Some("Example".to_owned());
    });
    c.reject(
        &organized,
        CertUnknownIssuer,
        "chain-without-organized-intermediate [V9] that intermediate is not sent; it could as well be another root",
        |s| {
            s.sends(|m| m.leaf.pem());
        },
    )
    .says("was not sent");
}

/// V2: names are compared byte by byte.
fn encodings(c: &mut Cases) {
    let p = c.usual.clone();
    let printable =
        |common_name: &str| Template { name_encoding: NameEncoding::Printable, ..Template::ca(common_name) };
    c.reject(
        &p,
        CertUnknownIssuer,
        "issuer-name-in-another-encoding [V2 V9] the intermediate names the root in another string type",
        |s| {
            s.sends(move |m| {
                let root = printable("root").self_signed(m.root().key());
                chain_pem(&[&m.leaf, &Template::ca("intermediate").issued_by(&root, m.issuer().key())])
            });
        },
    )
    .says("in another encoding");
    c.reject(
        &p,
        CertUnknownIssuer,
        "intermediate-name-in-another-encoding [V2 V9] the leaf names the intermediate that is sent in another string type",
        |s| {
            s.sends(move |m| {
                let intermediate = printable("intermediate").issued_by(m.root(), m.issuer().key());
                let leaf = Template::leaf("leaf").with_sans(&[San::dns("backend.test")]);
                chain_pem(&[&leaf.issued_by(&intermediate, m.leaf.key()), m.issuer()])
            });
        },
    )
    .says("in another encoding");
    c.reject(
        &p,
        CertUnknownIssuer,
        "issuer-name-in-another-encoding-and-key [V9] the root of that name has another key",
        |s| {
            s.file("ca.pem", |_| Template::ca("root").self_signed(&Key::p256("old root")).pem());
            s.sends(move |m| {
                let root = printable("root").self_signed(m.root().key());
                chain_pem(&[&m.leaf, &Template::ca("intermediate").issued_by(&root, m.issuer().key())])
            });
        },
    )
    .says("no trusted CA is named CN=root");
}

/// V1: everything that is sent parses.
fn form(c: &mut Cases) {
    let p = c.usual.clone();
    c.reject(&p, CertMalformed, "form-leaf-garbage [V1] the first block is not a certificate", |s| {
        s.sends(|m| [pem("CERTIFICATE", b"\x30\x03\x02\x01\x07"), m.issuer().pem()].concat());
    })
    .says("certificate 0");
    c.reject(&p, CertMalformed, "form-intermediate-garbage [V1] the second block is not a certificate", |s| {
        s.sends(|m| [m.leaf.pem(), pem("CERTIFICATE", b"\x30\x03\x02\x01\x07"), m.issuer().pem()].concat());
    })
    .says("certificate 1");
    c.reject(&p, CertMalformed, "form-trailing-octet [V1] a byte follows the leaf", |s| {
        s.sends(|m| [pem("CERTIFICATE", &[m.leaf.der(), &[0]].concat()), m.issuer().pem()].concat());
    });
    c.unusable(&p, ChainParse, "form-truncated-pem [V1] the last block has no end", |s| {
        s.sends(|m| {
            let intermediate = m.issuer().pem();
            [m.leaf.pem(), intermediate.split("-----END").next().unwrap_or_default().to_owned()].concat()
        });
    })
    .says("truncated");
    c.reject(&p, CertMalformed, "form-leaf-v1 [V1] the leaf is an X.509 version 1 certificate", |s| {
        s.leaf.version = Version::V1;
    });
    c.reject(&p, CertMalformed, "form-leaf-duplicate-extension [V1] the leaf has its key usage twice", |s| {
        s.leaf = s.leaf.clone().with_extension("2.5.29.15", true, b"\x03\x02\x07\x80");
    });
}

/// Validity at the clock (V2, V8).
fn validity(c: &mut Cases) {
    let p = c.usual.clone();
    c.also(&p, "validity-first-second [V8] the clock stands at the leaf's notBefore", |s| s.at = s.leaf.not_before);
    c.also(&p, "validity-last-second [V8 R8] the clock stands at the leaf's notAfter", |s| {
        s.at = s.leaf.not_after;
        s.warnings = vec!["peer_expiring"];
    });
    c.also(&p, "validity-before-last-seventh [R8] more than a seventh of the leaf's life is left", |s| {
        s.at = s.leaf.not_after - (s.leaf.not_after - s.leaf.not_before) / 7 - 1;
    });
    c.reject(
        &p,
        CertNotYetValid,
        "validity-leaf-one-second-early [V2 V8] the clock stands one second before the leaf's notBefore",
        |s| {
            s.at = s.leaf.not_before - 1;
        },
    );
    c.reject(
        &p,
        CertExpired,
        "validity-leaf-one-second-late [V2 V8] the clock stands one second after the leaf's notAfter",
        |s| {
            s.at = s.leaf.not_after + 1;
        },
    )
    .says("CN=leaf");
    c.reject(&p, CertExpired, "validity-intermediate-expired [V2] the intermediate has expired", |s| {
        s.intermediate().not_after = NOW - 1;
    })
    .says("CN=intermediate");
    c.reject(&p, CertNotYetValid, "validity-intermediate-not-yet [V2] the intermediate is not valid yet", |s| {
        s.intermediate().not_before = NOW + 1;
    });
    c.reject(&p, CertNotYetValid, "validity-anchor-not-yet [V2] the anchor is not valid yet", |s| {
        s.root().not_before = NOW + 1
    });
    let two = c.also(&p, "validity-two-anchors [T4] the bundle holds a second root", |s| {
        s.file("ca.pem", |m| chain_pem(&[m.root(), &Pki::new("second").root]));
    });
    c.reject(
        &two,
        IssuerExpired,
        "validity-anchor-expired [T4] the anchor has expired, the second root has not",
        |s| {
            s.root().not_after = NOW - 1;
            s.warnings.push("trust_entry_expired");
        },
    )
    .says("CN=root");
    let renewed = c.also(
        &two,
        "validity-anchor-renewed [T4] the second root is the first one renewed, under the same key",
        |s| {
            s.root().not_after = NOW - 1;
            s.file("ca.pem", |m| chain_pem(&[m.root(), &Template::ca("root").self_signed(m.root().key())]));
            s.warnings.push("trust_entry_expired");
        },
    );
    c.also(&renewed, "validity-anchor-renewed-first [T4] the renewed root stands first", |s| {
        s.file("ca.pem", |m| chain_pem(&[&Template::ca("root").self_signed(m.root().key()), m.root()]));
    });
    c.reject(
        &p,
        CertExpired,
        "validity-before-name [V2 V5] the leaf has expired and is for another name: the path comes first",
        |s| {
            s.at = s.leaf.not_after + 1;
            s.sans(&[San::dns("other.test")]);
        },
    );
}

/// Who may issue (V2), and who did not (V9).
fn issuers(c: &mut Cases) {
    let p = c.usual.clone();
    c.also(&p, "issuer-without-key-usage [V2] the intermediate has no key usage", |s| {
        s.intermediate().key_usage = None
    });
    c.reject(&p, CertIssuerNotCa, "issuer-ca-false [V2] the intermediate says CA:FALSE", |s| {
        s.intermediate().basic_constraints = Some(BasicConstraints { ca: false, path_len: None });
    })
    .says("CN=intermediate may not issue certificates: its basicConstraints do not say CA");
    c.reject(
        &p,
        CertIssuerNotCa,
        "issuer-without-basic-constraints [V2] the intermediate has no basic constraints",
        |s| {
            s.intermediate().basic_constraints = None;
        },
    );
    c.reject(
        &p,
        CertIssuerNotCa,
        "issuer-without-cert-sign [V2] the intermediate's key usage lacks keyCertSign",
        |s| {
            s.intermediate().key_usage = Some(vec![KeyUsage::DigitalSignature, KeyUsage::CrlSign]);
        },
    )
    .says("its keyUsage lacks keyCertSign");
    c.reject(&p, CertIssuerNotCa, "issuer-v1 [V2] the intermediate is an X.509 version 1 certificate", |s| {
        s.intermediate().version = Version::V1;
    })
    .says("CN=intermediate");
    c.reject(&p, CertCaAsLeaf, "leaf-is-ca [V2 V9] the leaf says CA:TRUE", |s| {
        s.leaf.basic_constraints = Some(BasicConstraints { ca: true, path_len: None });
    })
    .says("CN=leaf");
    c.reject(&p, CertSelfSigned, "leaf-self-signed [V9] the leaf is signed by its own key", |s| {
        s.sends(|m| Template::leaf("leaf").with_sans(&[San::dns("backend.test")]).self_signed(m.leaf.key()).pem());
    });
    c.reject(&p, CertSelfSigned, "leaf-self-signed-ca [V9] the leaf is signed by its own key and says CA:TRUE", |s| {
        s.sends(|m| {
            let own = Template { key_usage: None, ..Template::ca("leaf") };
            own.with_sans(&[San::dns("backend.test")]).self_signed(m.leaf.key()).pem()
        });
    });
}

/// How long a path may be.
fn path_length(c: &mut Cases) {
    let limit = |ca: &mut Template, length: u8| {
        ca.basic_constraints = Some(BasicConstraints { ca: true, path_len: Some(length) })
    };
    let three = Scenario::new().with(|s| s.authorities.push(Authority::new("lower")));
    let p = c.accept(
        "path-length-kept [V2] the intermediate permits one CA below it, and there is one",
        three.with(|s| limit(s.intermediate(), 1)),
    );
    c.reject(&p, CertPathTooLong, "path-length-exceeded [V2] the intermediate permits no CA below it", |s| {
        limit(s.intermediate(), 0)
    })
    .says("CN=intermediate permits 0 intermediates below it, and the path has 1");
    let anchor =
        c.also(&p, "path-length-of-anchor-kept [T3] the anchor permits two CAs below it, and there are two", |s| {
            limit(s.root(), 2)
        });
    c.reject(&anchor, CertPathTooLong, "path-length-of-anchor-exceeded [T3] the anchor permits one CA below it", |s| {
        limit(s.root(), 1)
    })
    .says("CN=root");
    c.also(
        &anchor,
        "path-length-self-issued [T3] the anchor permits one CA, and a self-issued one is not counted",
        |s| {
            s.authorities.truncate(1);
            s.authorities.push(Authority { key: Key::p256("new root"), template: Template::ca("root") });
            s.authorities.push(Authority::new("lower"));
            limit(s.root(), 1);
        },
    );
    let deep = |s: &mut Scenario, names: &[&str]| {
        s.authorities.truncate(1);
        s.authorities.extend(names.iter().map(|name| Authority::new(name)));
    };
    let six = c.also(&p, "path-of-six-intermediates [V2] six intermediates lie between leaf and root", |s| {
        deep(s, &["1", "2", "3", "4", "5", "6"]);
    });
    c.reject(
        &six,
        CertPathTooLong,
        "path-of-seven-intermediates [V2] seven intermediates lie between leaf and root",
        |s| {
            deep(s, &["1", "2", "3", "4", "5", "6", "7"]);
        },
    );
}
