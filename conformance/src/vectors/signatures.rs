//! Signatures and the keys that make them (V2, V9).

use uptls::Code::{
    CertAlgorithmUnsupported, CertBadSignature, CertIssuerKeyChanged, CertKeyTooWeak, CertMissingIntermediate,
};
use uptls_testkit::{DAY, Key, NOW, SignatureHash, Template, YEAR, chain_pem};

use super::cases::{Cases, Positive};
use super::odd_keys;
use super::scenario::Scenario;

pub(super) fn cases(c: &mut Cases) {
    signatures(c);
    keys(c);
}

/// Signatures, and CAs of one name with two keys (V2, V9).
fn signatures(c: &mut Cases) {
    let p = c.usual.clone();
    c.reject(&p, CertBadSignature, "signature-of-leaf [V2] one bit of the leaf's signature is flipped", |s| {
        s.sends(|m| chain_pem(&[&m.leaf.with_tampered_signature(), m.issuer()]));
    });
    c.reject(
        &p,
        CertBadSignature,
        "signature-of-intermediate [V2] one bit of the intermediate's signature is flipped",
        |s| {
            s.sends(|m| chain_pem(&[&m.leaf, &m.issuer().with_tampered_signature()]));
        },
    )
    .says("the signature of CN=intermediate");
    c.reject(
        &p,
        CertMissingIntermediate,
        "signature-by-other-intermediate [V2 V9] an intermediate of the same name and another key is sent",
        |s| {
            s.sends(|m| chain_pem(&[&m.leaf, &Template::ca("intermediate").issued_by(m.root(), &Key::p256("other"))]));
        },
    )
    .says("has the key id");
    c.reject(
        &p,
        CertBadSignature,
        "signature-by-other-intermediate-unsaid [V2 V9] neither says by which key the leaf was signed",
        |s| {
            s.leaf.authority_key_id = false;
            s.sends(|m| chain_pem(&[&m.leaf, &Template::ca("intermediate").issued_by(m.root(), &Key::p256("other"))]));
        },
    )
    .says("the signature of CN=leaf does not verify with the key of CN=intermediate");
    c.reject(
        &p,
        CertIssuerKeyChanged,
        "ca-rotated [V9] the bundle holds a root of the same name and another key",
        |s| {
            s.file("ca.pem", |_| Template::ca("root").self_signed(&Key::p256("old root")).pem());
        },
    )
    .says("CN=root");
    c.reject(
        &p,
        CertIssuerKeyChanged,
        "ca-rotated-and-sent [V9] the new root is sent, the bundle holds the old one",
        |s| {
            s.root().authority_key_id = false;
            s.intermediate().authority_key_id = false;
            s.file("ca.pem", |_| Template::ca("root").self_signed(&Key::p256("old root")).pem());
            s.sends(|m| chain_pem(&[&m.leaf, m.issuer(), m.root()]));
        },
    );
    c.also(&p, "ca-overlap [V2] the bundle holds the old and the new root of one name", |s| {
        s.file("ca.pem", |m| chain_pem(&[&Template::ca("root").self_signed(&Key::p256("old root")), m.root()]));
    });
    hashes(c, &p);
}

/// Under which hash is signed (V2).
fn hashes(c: &mut Cases, p: &Positive) {
    let rsa = c.also(p, "signature-rsa-sha256 [V2] root, intermediate and leaf have RSA keys and SHA-256", |s| {
        s.authorities[0].key = Key::rsa2048(0);
        s.authorities[1].key = Key::rsa2048(1);
        s.leaf_key = Key::rsa3072();
    });
    c.reject(&rsa, CertAlgorithmUnsupported, "signature-sha1-leaf [V2] the leaf is signed with SHA-1", |s| {
        s.leaf.signature_hash = SignatureHash::Sha1;
    })
    .says("sha1WithRSAEncryption");
    c.reject(
        &rsa,
        CertAlgorithmUnsupported,
        "signature-sha1-intermediate [V2] the intermediate is signed with SHA-1",
        |s| {
            s.intermediate().signature_hash = SignatureHash::Sha1;
        },
    );
    c.also(
        &rsa,
        "signature-sha1-root [V2] the root is signed with SHA-1, and no verifier checks that signature",
        |s| {
            s.root().signature_hash = SignatureHash::Sha1;
        },
    );
}

/// Which keys take part.
fn keys(c: &mut Cases) {
    let p = c.accept(
        "key-rsa-2048 [V2] root, intermediate and leaf have RSA keys of at least 2048 bits",
        Scenario::new().with(|s| {
            s.authorities[0].key = Key::rsa3072();
            s.authorities[1].key = Key::rsa2048(0);
            s.leaf_key = Key::rsa2048(1);
        }),
    );
    c.reject(&p, CertKeyTooWeak, "key-leaf-rsa-1024 [V2] the leaf has an RSA key of 1024 bits", |s| {
        s.leaf_key = Key::rsa1024()
    })
    .says("1024");
    c.reject(&p, CertKeyTooWeak, "key-intermediate-rsa-1024 [V2] the intermediate has an RSA key of 1024 bits", |s| {
        s.authorities[1].key = Key::rsa1024();
    })
    .says("CN=intermediate");
    c.reject(&p, CertKeyTooWeak, "key-root-rsa-1024 [V2] the root has an RSA key of 1024 bits", |s| {
        s.authorities[0].key = Key::rsa1024();
        s.warnings.push("trust_entry_key_not_accepted");
    })
    .says("CN=root");
    c.also(&p, "key-p384 [V2] root, intermediate and leaf have keys on P-384", |s| {
        s.authorities[0].key = Key::p384("root");
        s.authorities[1].key = Key::p384("intermediate");
        s.leaf_key = Key::p384("leaf");
    });
    c.also(&p, "key-ed25519 [V2] root, intermediate and leaf have Ed25519 keys", |s| {
        s.authorities[0].key = Key::ed25519("root");
        s.authorities[1].key = Key::ed25519("intermediate");
        s.leaf_key = Key::ed25519("leaf");
    });
    odd(c, &p);
}

/// Keys that are too large, too old, or not what they seem.
fn odd(c: &mut Cases, p: &Positive) {
    c.also(p, "key-leaf-rsa-2048-exactly [V2] the leaf has another RSA key of 2048 bits", |s| {
        s.leaf.spki_override = Some(odd_keys::rsa(2048));
    });
    c.reject(p, CertKeyTooWeak, "key-leaf-rsa-2047 [V2] the leaf has an RSA key of 2047 bits", |s| {
        s.leaf.spki_override = Some(odd_keys::rsa(2047));
    })
    .says("2047");
    c.reject(
        p,
        CertAlgorithmUnsupported,
        "key-leaf-rsa-padded [V2] the leaf has an RSA key of 1024 bits with zeros before it",
        |s| {
            s.leaf.spki_override = Some(odd_keys::rsa_of(&[[0; 128], [0xa5; 128]].concat()));
        },
    );
    c.reject(
        p,
        CertKeyTooWeak,
        "key-leaf-rsa-negative [V2] the leaf has an RSA key whose modulus is a negative number",
        |s| {
            s.leaf.spki_override = Some(odd_keys::rsa_of(&[0xa5; 256]));
        },
    )
    .says("no positive number");
    c.reject(p, CertAlgorithmUnsupported, "key-leaf-rsa-16384 [V2] the leaf has an RSA key of 16384 bits", |s| {
        s.leaf.spki_override = Some(odd_keys::rsa(16384));
    })
    .says("16384");
    c.reject(
        p,
        CertAlgorithmUnsupported,
        "key-intermediate-rsa-16384 [V2] the intermediate has an RSA key of 16384 bits",
        |s| {
            s.intermediate().spki_override = Some(odd_keys::rsa(16384));
        },
    )
    .says("16384");
    c.reject(p, CertAlgorithmUnsupported, "key-leaf-dsa [V2] the leaf has a DSA key", |s| {
        s.leaf.spki_override = Some(odd_keys::dsa());
    })
    .says("DSA");
    c.reject(p, CertAlgorithmUnsupported, "key-intermediate-dsa [V2] the intermediate has a DSA key", |s| {
        s.intermediate().spki_override = Some(odd_keys::dsa());
    })
    .says("DSA");
    c.reject(p, CertKeyTooWeak, "key-leaf-p224 [V2] the leaf has a key on P-224", |s| {
        s.leaf.spki_override = Some(odd_keys::p224());
    })
    .says("P-224");
    c.also(p, "key-lifetime-of-decades [V2] the root is valid for forty years", |s| {
        s.root().not_before = NOW - 20 * YEAR - DAY;
        s.root().not_after = NOW + 20 * YEAR;
    });
}
