//! Trusted as itself, by a bundle entry or a pin; intermediates as anchors; pins of the leaf's key (T5, V6).

use uptls::Code::{
    CertCriticalExtension, CertExpired, CertIssuerKeyChanged, CertKeyTooWeak, CertKeyUsage, CertMalformed,
    CertNotYetValid, CertPinMismatch, CertPurpose, CertRevoked, CertUnknownIssuer, NameMismatch, PolicyInvalid,
    RevocationUnknown,
};
use uptls_testkit::{CLIENT_AUTH, CrlTemplate, Key, KeyUsage, NOW, San, Template, Version, chain_pem, crl_pem};

use super::cases::{Cases, Positive};
use super::scenario::{Minted, Scenario};

pub(super) fn cases(c: &mut Cases) {
    partial_chain(c);
    let p = bundle_entry(c);
    everything_else_holds(c, &p);
    with_lists(c, &p);
    pinned(c);
    malformed_pins(c);
    key_pins(c);
}

/// T5: an intermediate is a valid anchor.
fn partial_chain(c: &mut Cases) {
    let p = c.accept(
        "anchor-is-intermediate [T5] the bundle holds the intermediate alone",
        Scenario::new().with(|s| {
            s.file("ca.pem", |m| m.issuer().pem());
        }),
    );
    c.also(&p, "anchor-is-intermediate-not-sent [T5] it is not sent", |s| s.sends(|m| m.leaf.pem()));
    c.reject(&p, CertUnknownIssuer, "anchor-is-sibling [T5] the bundle holds a sibling of the intermediate", |s| {
        s.file("ca.pem", |m| Template::ca("sibling").issued_by(m.root(), &Key::p256("sibling")).pem());
    });
    c.reject(
        &p,
        CertIssuerKeyChanged,
        "anchor-is-namesake [T5 V9] the bundle holds an intermediate of the same name and another key",
        |s| {
            s.file("ca.pem", |m| Template::ca("intermediate").issued_by(m.root(), &Key::p256("other")).pem());
        },
    );
}

/// T5: the leaf is byte-equal to a bundle entry.
fn bundle_entry(c: &mut Cases) -> Positive {
    let p = c.accept(
        "itself-entry [T5] the bundle holds the leaf, and its issuer is unknown",
        Scenario::new().with(|s| {
            s.file("ca.pem", |m| m.leaf.pem());
            s.sends(|m| m.leaf.pem());
            s.warnings.push("trust_entry_is_leaf");
        }),
    );
    c.reject(
        &p,
        CertUnknownIssuer,
        "itself-renewed [T5] the leaf was renewed under the same key: it is not byte-equal",
        |s| {
            s.sends(|m| {
                let renewed =
                    Template::leaf("leaf").with_sans(&[San::dns("backend.test")]).with_validity(NOW - 1, NOW + 1);
                renewed.issued_by(m.issuer(), m.leaf.key()).pem()
            });
        },
    );
    p
}

/// T5: everything else holds.
fn everything_else_holds(c: &mut Cases, p: &Positive) {
    let other = |s: &mut Scenario| {
        s.file("ca.pem", |m| chain_pem(&[&m.leaf, m.root()]));
    };
    let p = &c.also(p, "itself-entry-of-two [T5] the bundle holds a root as well", other);
    c.reject(p, CertExpired, "itself-expired [T5] the leaf has expired", |s| {
        s.at = s.leaf.not_after + 1;
        s.warnings.push("trust_entry_expired");
    });
    c.reject(p, CertNotYetValid, "itself-not-yet-valid [T5] the leaf is not valid yet", |s| {
        s.at = s.leaf.not_before - 1
    });
    c.reject(p, CertKeyTooWeak, "itself-rsa-1024 [T5 V2] the leaf has an RSA key of 1024 bits", |s| {
        s.leaf_key = Key::rsa1024();
        s.warnings.push("trust_entry_key_not_accepted");
    });
    c.reject(p, CertPurpose, "itself-for-clients [T5 V2] the leaf is for clientAuth alone", |s| {
        s.leaf.extended_key_usage = Some(vec![CLIENT_AUTH]);
    });
    c.reject(p, CertKeyUsage, "itself-for-encipherment [T5 V4] the leaf's key usage is keyEncipherment alone", |s| {
        s.leaf.key_usage = Some(vec![KeyUsage::KeyEncipherment]);
    });
    c.reject(p, NameMismatch, "itself-other-name [T5 V5] the leaf is for another name", |s| {
        s.sans(&[San::dns("other.test")])
    });
    c.reject(
        p,
        CertCriticalExtension,
        "itself-critical-extension [T5] the leaf has an unknown critical extension",
        |s| {
            s.leaf = s.leaf.clone().with_extension("1.3.6.1.4.1.55555.1", true, b"\x05\x00");
        },
    );
    c.reject(p, CertMalformed, "itself-v1 [T5] the leaf is an X.509 version 1 certificate", |s| {
        s.leaf.version = Version::V1
    });
    c.reject(p, CertPinMismatch, "itself-other-pin [T5 V6] another key is pinned", |s| {
        let other = base64(&Key::p256("other").spki_sha256());
        s.set("spkiPins", format!("['{other}']"));
    });
}

/// T5: with revocation lists.
fn with_lists(c: &mut Cases, p: &Positive) {
    let list = |revoked: bool| {
        move |m: &Minted| {
            let revoked: &[_] = if revoked { &[&m.leaf] } else { &[] };
            crl_pem(&CrlTemplate::new(revoked).issued_by(m.issuer()))
        }
    };
    let p = &c.also(p, "itself-unknown-allowed [T5 V3] there is a list of its issuer, and unknown is allowed", |s| {
        s.file("ca.crl", list(false));
        s.set("revocation", "{crls: [{file: ca.crl}], unknown: allow}");
    });
    c.reject(
        p,
        RevocationUnknown,
        "itself-unknown-denied [T5 V3] unknown is denied: no known key signed the list",
        |s| {
            s.set("revocation", "{crls: [{file: ca.crl}], unknown: deny}");
        },
    );
    c.reject(p, CertRevoked, "itself-revoked [T5 V3] the list names it", |s| s.file("ca.crl", list(true)));
}

/// T5: pins as trust.
fn pinned(c: &mut Cases) {
    let pin = |kind: &str, value: String| format!("{{{kind}: ['{value}']}}");
    let certificate = |s: &mut Scenario| hex(&s.mint().leaf.sha256());
    let alone = Scenario::new().with(|s| {
        s.files.clear();
        s.sends(|m| m.leaf.pem());
        let value = certificate(s);
        s.set("trust", pin("pinnedCertificates", value));
    });
    let p = c.accept("pinned-certificate [T5] the leaf's digest is pinned, and nothing else is trusted", alone);
    c.also(&p, "pinned-certificate-spelling [T5] it is written with a prefix, colons and capitals", |s| {
        let pairs: Vec<String> = s.mint().leaf.sha256().iter().map(|byte| format!("{byte:02X}")).collect();
        s.set("trust", pin("pinnedCertificates", format!("sha256:{}", pairs.join(":"))));
    });
    c.reject(&p, CertUnknownIssuer, "pinned-other-certificate [T5] the digest of another certificate is pinned", |s| {
        let value = hex(&s.mint().root().sha256());
        s.set("trust", pin("pinnedCertificates", value));
    });
    c.reject(&p, CertExpired, "pinned-certificate-expired [T5] the leaf has expired", |s| s.at = s.leaf.not_after + 1);
    let key = c.also(&p, "pinned-key [T5] the digest of the leaf's key is pinned", |s| {
        s.set("trust", pin("pinnedKeys", base64(&s.leaf_key.spki_sha256())));
    });
    c.also(&key, "pinned-key-renewed [T5] the leaf was renewed under that key", |s| s.leaf.not_after += 1);
    c.reject(&key, CertUnknownIssuer, "pinned-key-of-issuer [T5] the digest of the issuer's key is pinned", |s| {
        s.set("trust", pin("pinnedKeys", base64(&s.authorities[1].key.spki_sha256())));
    });
    c.reject(&key, NameMismatch, "pinned-key-other-name [T5 V5] the leaf is for another name", |s| {
        s.sans(&[San::dns("other.test")])
    });
    c.also(&key, "pinned-key-and-bundle [T1] a bundle is trusted as well, and the leaf has another key", |s| {
        s.leaf_key = Key::p256("other");
        s.file("ca.pem", |m| m.issuer().pem());
        let value = base64(&Key::p256("leaf").spki_sha256());
        s.set("trust", format!("{{bundles: [{{file: ca.pem}}], pinnedKeys: ['{value}']}}"));
    });
}

/// Pins that are none.
fn malformed_pins(c: &mut Cases) {
    let p = c.accept(
        "pin-well-formed [T5 V6] pins of each kind are well-formed",
        Scenario::new().with(|s| {
            let (certificate, key) = ("00".repeat(32), base64(&[0; 32]));
            s.set(
                "trust",
                format!(
                    "{{bundles: [{{file: ca.pem}}], pinnedCertificates: ['{certificate}'], pinnedKeys: ['{key}']}}"
                ),
            );
        }),
    );
    c.unusable(&p, PolicyInvalid, "pin-certificate-short [T5] the digest of a certificate has 62 digits", |s| {
        s.set("trust", format!("{{bundles: [{{file: ca.pem}}], pinnedCertificates: ['{}']}}", "00".repeat(31)));
    })
    .says("64 hexadecimal digits");
    c.unusable(&p, PolicyInvalid, "pin-key-hexadecimal [T5] the digest of a key is written in hexadecimal", |s| {
        s.set("trust", format!("{{bundles: [{{file: ca.pem}}], pinnedKeys: ['{}']}}", "00".repeat(32)));
    })
    .says("base64");
    c.unusable(&p, PolicyInvalid, "pin-spki-short [V6] the digest of a key has 31 bytes", |s| {
        s.set("spkiPins", format!("['{}']", base64(&[0; 31])));
    });
}

/// V6: pins in addition to all the rest.
fn key_pins(c: &mut Cases) {
    let pin = |key: &Key| base64(&key.spki_sha256());
    let p = c.accept(
        "spki-pin [V6] the leaf's key is pinned",
        Scenario::new().with(|s| {
            s.set("spkiPins", format!("['{}']", pin(&s.leaf_key)));
        }),
    );
    c.also(&p, "spki-pin-of-two [V6] the leaf's key is one of two pinned ones", |s| {
        s.set("spkiPins", format!("['{}', '{}']", pin(&Key::p256("next")), pin(&s.leaf_key)));
    });
    c.reject(&p, CertPinMismatch, "spki-pin-other [V6] another key is pinned", |s| {
        s.set("spkiPins", format!("['{}']", pin(&Key::p256("next"))));
    });
    c.reject(&p, CertPinMismatch, "spki-pin-of-issuer [V6] the issuer's key is pinned", |s| {
        s.set("spkiPins", format!("['{}']", pin(&s.authorities[1].key)));
    });
    c.reject(&p, NameMismatch, "spki-pin-and-name [V5 V6] the pin matches, the name does not: both must", |s| {
        s.sans(&[San::dns("other.test")]);
    });
    c.reject(
        &p,
        CertUnknownIssuer,
        "spki-pin-is-no-trust [V6 T5] the pin matches, and no trusted CA issued the leaf",
        |s| {
            s.file("ca.pem", |_| uptls_testkit::Pki::new("stranger").root.pem());
        },
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}
