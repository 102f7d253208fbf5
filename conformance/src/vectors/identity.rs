//! Our own certificate and key (I1..I4).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use uptls::Code::{
    IdentityChainOrder, IdentityEncrypted, IdentityExpired, IdentityIncomplete, IdentityKeyMismatch,
    IdentityKeyTooWeak, IdentityNotYetValid, IdentityParse, IdentityPassphrase, IdentityUnreadable, PolicyInvalid,
};
use uptls_testkit::{
    CLIENT_AUTH, Certificate, DAY, Key, NOW, Pki, SERVER_AUTH, San, Template, chain_pem, pem, trusted_certificate_pem,
};

use super::cases::{Cases, Positive};
use super::scenario::Scenario;

pub(super) fn cases(c: &mut Cases) {
    let p = c.accept("identity-both [I1 I2] certificate and key are given, and belong together", scenario());
    halves(c, &p);
    forms(c, &p);
    parsing(c, &p);
    belonging(c, &p);
    validity(c);
    passphrases(c);
}

/// A client certificate with its intermediate, and its key.
fn scenario() -> Scenario {
    Scenario::new().with(|s| {
        s.file("tls.crt", |_| chain_pem(&[&client(), &clients().intermediate]));
        s.file("tls.key", |_| client().key().pkcs8_pem());
        s.set("identity", "{certificate: {file: tls.crt}, key: {file: tls.key}}");
    })
}

fn clients() -> Pki {
    Pki::new("clients")
}

fn client() -> Certificate {
    clients().client(&[San::uri("spiffe://prod/gateway")])
}

/// A client certificate from a changed template, under a key of its own.
fn changed(s: &mut Scenario, key: Key, change: impl FnOnce(&mut Template)) {
    let mut template = Template { extended_key_usage: Some(vec![CLIENT_AUTH]), ..Template::leaf("client") };
    change(&mut template);
    let certificate = template.issued_by(&clients().intermediate, &key);
    s.file("tls.crt", move |_| certificate.pem());
    s.file("tls.key", move |_| key.pkcs8_pem());
}

/// I1: both or neither.
fn halves(c: &mut Cases, p: &Positive) {
    c.unusable(p, IdentityIncomplete, "identity-without-key [I1] the key is not given", |s| {
        s.set("identity", "{certificate: {file: tls.crt}}");
    });
    c.unusable(p, IdentityIncomplete, "identity-without-certificate [I1] the certificate is not given", |s| {
        s.set("identity", "{key: {file: tls.key}}");
    });
    c.unusable(p, IdentityIncomplete, "identity-empty [I1] neither is given, but an identity is", |s| {
        s.set("identity", "{}")
    })
    .errors(2);
    c.unusable(p, PolicyInvalid, "identity-two-sources [I1] the certificate is given as a file and as text", |s| {
        s.set("identity", "{certificate: {file: tls.crt, pem: x}, key: {file: tls.key}}");
    });
    for (title, file) in [
        ("identity-certificate-missing [I1] the certificate's file does not exist", "tls.crt"),
        ("identity-key-missing [I1] the key's file does not exist", "tls.key"),
    ] {
        c.unusable(p, IdentityUnreadable, title, |s| drop(s.files.remove(file))).says(file);
    }
}

/// What is read.
fn forms(c: &mut Cases, p: &Positive) {
    c.also(p, "identity-sec1 [I2] the key is SEC1, with its parameters before it", |s| {
        let parameters = pem("EC PARAMETERS", b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
        s.file("tls.key", move |_| parameters.clone() + &client().key().sec1_pem());
    });
    c.also(p, "identity-pkcs1 [I2] the key is RSA in PKCS#1", |s| {
        changed(s, Key::rsa2048(0), |_| {});
        s.file("tls.key", |_| Key::rsa2048(0).pkcs1_pem());
    });
    c.also(p, "identity-ed25519 [I2] the key is Ed25519", |s| changed(s, Key::ed25519("client"), |_| {}));
    c.also(p, "identity-one-file [I2] certificates and key stand in one file", |s| {
        s.file("tls.pem", |_| client().key().pkcs8_pem() + &chain_pem(&[&client(), &clients().intermediate]));
        s.set("identity", "{certificate: {file: tls.pem}, key: {file: tls.pem}}");
    });
    c.also(p, "identity-inline [I1] certificate and key are written into the document", |s| {
        let inline = |text: String| format!("{{pem: \"{}\"}}", text.replace('\n', "\\n"));
        let (certificate, key) = (inline(client().pem()), inline(client().key().pkcs8_pem()));
        s.files.retain(|name, _| *name == "ca.pem");
        s.set("identity", format!("{{certificate: {certificate}, key: {key}}}"));
    });
}

/// What does not parse.
fn parsing(c: &mut Cases, p: &Positive) {
    let crt = |s: &mut Scenario, content: fn() -> Vec<u8>| s.file("tls.crt", move |_| content());
    let key = |s: &mut Scenario, content: fn() -> Vec<u8>| s.file("tls.key", move |_| content());
    c.unusable(p, IdentityParse, "identity-certificate-garbage [I2] the second certificate does not parse", |s| {
        crt(s, || (client().pem() + &pem("CERTIFICATE", b"\x30\x03\x02\x01\x07")).into());
    })
    .says("block 2");
    c.unusable(p, IdentityParse, "identity-certificate-empty [I2] there is no certificate", |s| crt(s, Vec::new));
    c.also(p, "identity-certificate-der [I2] the certificate is DER", |s| crt(s, || client().der().to_vec()));
    c.unusable(p, IdentityParse, "identity-certificate-der-more [I2] a byte follows the certificate in DER", |s| {
        crt(s, || [client().der(), &[0]].concat())
    })
    .says("DER");
    c.unusable(p, IdentityParse, "identity-certificate-trusted [I2] the block is OpenSSL's TRUSTED CERTIFICATE", |s| {
        crt(s, || trusted_certificate_pem(&client()).into());
    });
    c.unusable(p, IdentityParse, "identity-key-empty [I2] there is no key", |s| key(s, Vec::new));
    c.unusable(p, IdentityParse, "identity-key-garbage [I2] the key does not parse", |s| {
        key(s, || pem("PRIVATE KEY", b"\x30\x03\x02\x01\x07").into());
    });
    c.unusable(p, IdentityParse, "identity-key-truncated [I2] the key's block has no end", |s| {
        key(s, || client().key().pkcs8_pem().split("-----END").next().unwrap_or_default().into());
    })
    .says("truncated");
    c.also(p, "identity-key-der [I2] the key is DER", |s| key(s, || client().key().pkcs8_der()));
    c.unusable(p, IdentityParse, "identity-key-der-cut [I2] the key is DER and has lost its last byte", |s| {
        key(s, || client().key().pkcs8_der()[..100].to_vec());
    })
    .says("DER");
    c.unusable(p, IdentityParse, "identity-key-public [I2] the block is a public key", |s| {
        key(s, || pem("PUBLIC KEY", &client().key().spki_der()).into());
    })
    .says("PUBLIC KEY");
    c.unusable(p, IdentityParse, "identity-key-twice [I2] there are two keys", |s| {
        key(s, || (client().key().pkcs8_pem() + &Key::p256("other").pkcs8_pem()).into());
    })
    .says("2 keys");
}

/// I2: the key belongs to the leaf, and the leaf is first.
fn belonging(c: &mut Cases, p: &Positive) {
    c.unusable(p, IdentityKeyMismatch, "identity-other-key [I2] the key is another one", |s| {
        s.file("tls.key", |_| Key::p256("other").pkcs8_pem());
    });
    c.unusable(p, IdentityKeyMismatch, "identity-key-of-other-kind [I2] the key is of another kind", |s| {
        s.file("tls.key", |_| Key::rsa2048(0).pkcs8_pem());
    });
    c.unusable(p, IdentityChainOrder, "identity-issuer-first [I2] the issuer stands before the leaf", |s| {
        s.file("tls.crt", |_| chain_pem(&[&clients().intermediate, &client()]));
    });
    c.unusable(p, IdentityChainOrder, "identity-gap [I2] the intermediate between leaf and root is missing", |s| {
        s.file("tls.crt", |_| chain_pem(&[&client(), &clients().root]));
    });
    c.also(p, "identity-with-root [I2] the root stands there as well", |s| {
        s.file("tls.crt", |_| chain_pem(&[&client(), &clients().intermediate, &clients().root]));
    });
    c.unusable(p, IdentityKeyTooWeak, "identity-rsa-1024 [I2] the key is RSA of 1024 bits", |s| {
        changed(s, Key::rsa1024(), |_| {})
    })
    .says("1024");
    c.also(p, "identity-for-servers [I2] the certificate is for serverAuth alone: the peer decides", |s| {
        changed(s, Key::p256("client"), |t| t.extended_key_usage = Some(vec![SERVER_AUTH]));
        s.warnings.push("identity_purpose");
    });
}

/// I4: validity.
fn validity(c: &mut Cases) {
    let p = c.accept(
        "identity-valid [I4 R8] more than a seventh of the certificate's life is left",
        scenario().with(|s| {
            changed(s, Key::p256("client"), |t| t.not_after = NOW + 5 * DAY + 1);
        }),
    );
    c.also(&p, "identity-ends-soon [R8] a seventh of it is left: five of thirty-five days", |s| {
        changed(s, Key::p256("client"), |t| t.not_after = NOW + 5 * DAY);
        s.warnings.push("identity_expiring");
    });
    c.also(&p, "identity-last-second [I4] it ends now", |s| {
        changed(s, Key::p256("client"), |t| t.not_after = NOW);
        s.warnings.push("identity_expiring");
    });
    c.unusable(&p, IdentityExpired, "identity-expired [I4] it ended a second ago", |s| {
        changed(s, Key::p256("client"), |t| t.not_after = NOW - 1);
    })
    .says("2026-11-22T23:59:59Z");
    c.unusable(&p, IdentityNotYetValid, "identity-not-yet-valid [I4] it begins in a second", |s| {
        changed(s, Key::p256("client"), |t| t.not_before = NOW + 1);
    })
    .says("2026-11-23T00:00:01Z");
}

/// I3: encrypted keys.
fn passphrases(c: &mut Cases) {
    let p = c.accept(
        "identity-encrypted [I3] the key is encrypted, and the passphrase is right",
        scenario().with(|s| {
            s.file("tls.key", |_| client().key().encrypted_pkcs8_pem("open sesame", 10_000));
            s.file("passphrase", |_| "open sesame\n");
            s.set("identity", "{certificate: {file: tls.crt}, key: {file: tls.key}, passphrase: {file: passphrase}}");
        }),
    );
    c.also(&p, "identity-passphrase-crlf [I3] the passphrase's file ends in CR LF", |s| {
        s.file("passphrase", |_| "open sesame\r\n")
    });
    c.also(&p, "identity-passphrase-inline [I3] the passphrase is written into the document", |s| {
        s.files.remove("passphrase");
        s.set("identity", "{certificate: {file: tls.crt}, key: {file: tls.key}, passphrase: {pem: open sesame}}");
    });
    c.also(&p, "identity-passphrase-not-needed [I3] the key is not encrypted", |s| {
        s.file("tls.key", |_| client().key().pkcs8_pem());
    });
    c.unusable(&p, IdentityPassphrase, "identity-passphrase-absent [I3] no passphrase is given", |s| {
        s.set("identity", "{certificate: {file: tls.crt}, key: {file: tls.key}}");
    });
    c.unusable(&p, IdentityPassphrase, "identity-passphrase-wrong [I3] the passphrase is wrong", |s| {
        s.file("passphrase", |_| "open barley\n");
    });
    c.unusable(&p, IdentityPassphrase, "identity-passphrase-space [I3] a space follows it, which is part of it", |s| {
        s.file("passphrase", |_| "open sesame \n");
    });
    c.unusable(
        &p,
        IdentityPassphrase,
        "identity-work-factor [I3] the key derivation asks for eight million iterations",
        |s| {
            s.file("tls.key", |_| with_iterations(&client().key().encrypted_pkcs8_pem("open sesame", 10_000)));
        },
    )
    .says("8388607");
    c.unusable(&p, IdentityUnreadable, "identity-passphrase-missing [I3] the passphrase's file does not exist", |s| {
        s.files.remove("passphrase");
    })
    .says("passphrase");
    c.unusable(&p, IdentityEncrypted, "identity-legacy-encrypted [I3] the key is encrypted in the legacy form", |s| {
        s.file("tls.key", |_| client().key().legacy_encrypted_pem());
    })
    .says("openssl pkcs8 -topk8");
}

/// The same block asking for 8,388,607 iterations instead of 10,000. Refusing it must not do that work.
fn with_iterations(block: &str) -> String {
    let base64: String = block.lines().filter(|line| !line.starts_with('-')).collect();
    let der = BASE64_STANDARD.decode(base64).expect("base64");
    let at = der.windows(4).position(|bytes| bytes == b"\x02\x02\x27\x10").expect("10,000 as an INTEGER");
    // One byte more: every value around it grows with it.
    let mut out = [&der[..at], b"\x02\x03\x7f\xff\xff", &der[at + 4..]].concat();
    for length in lengths_around(&der, at) {
        out[length] += 1;
    }
    pem("ENCRYPTED PRIVATE KEY", &out)
}

/// The places of the length bytes of the values that `target` is in.
fn lengths_around(der: &[u8], target: usize) -> Vec<usize> {
    let (mut at, mut found) = (0, Vec::new());
    while at < target {
        let (place, header, length) = match der[at + 1] {
            0x81 => (at + 2, 3, usize::from(der[at + 2])),
            0x82 => (at + 3, 4, usize::from(der[at + 2]) << 8 | usize::from(der[at + 3])),
            short => (at + 1, 2, usize::from(short)),
        };
        if at + header + length > target {
            found.push(place);
            at += header;
        } else {
            at += header + length;
        }
    }
    found
}
