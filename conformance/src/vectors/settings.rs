//! The fields that shape the handshake: versions, suites, groups, ALPN, resumption, deadline (H1..H4).

use uptls::Code::{PolicyInvalid, UnsupportedOption};

use super::cases::Cases;
use super::scenario::Scenario;

pub(super) fn cases(c: &mut Cases) {
    versions(c);
    algorithms(c);
    others(c);
}

fn versions(c: &mut Cases) {
    let p = c.accept(
        "versions [H1] TLS 1.2 to 1.3",
        Scenario::new().with(|s| s.set("versions", "{min: '1.2', max: '1.3'}")),
    );
    c.also(&p, "versions-only-1-3 [H1] TLS 1.3 alone", |s| s.set("versions", "{min: '1.3'}"));
    c.also(&p, "versions-only-1-2 [H1] TLS 1.2 alone", |s| s.set("versions", "{max: '1.2'}"));
    c.unusable(&p, UnsupportedOption, "versions-1-0 [H1] TLS 1.0 is permitted", |s| s.set("versions", "{min: '1.0'}"))
        .says("1.2");
    c.unusable(&p, UnsupportedOption, "versions-1-1 [H1] TLS 1.1 is the highest", |s| {
        s.set("versions", "{max: '1.1'}")
    });
    c.unusable(&p, UnsupportedOption, "versions-openssl [H1] the lowest is written as OpenSSL does", |s| {
        s.set("versions", "{min: TLSv1.2}");
    });
    c.unusable(&p, PolicyInvalid, "versions-reversed [H1] the lowest is above the highest", |s| {
        s.set("versions", "{min: '1.3', max: '1.2'}");
    });
}

fn algorithms(c: &mut Cases) {
    let p = c.accept(
        "suites-and-groups [H2] suites and groups are listed by their IANA names",
        Scenario::new().with(|s| {
            s.set("cipherSuites", "[TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]");
            s.set("groups", "[X25519, secp256r1]");
        }),
    );
    c.also(&p, "groups-post-quantum [H2] the hybrid group stands first", |s| {
        s.set("groups", "[X25519MLKEM768, X25519, secp256r1]")
    });
    c.also(&p, "groups-without-curves [H2] TLS 1.2 is permitted, and no group is a curve of certificates", |s| {
        s.set("groups", "[X25519MLKEM768, X25519]");
        s.warnings.push("groups_without_ecdsa_curve");
    });
    let hybrid =
        c.also(&p, "groups-hybrid-alone [H1 H2] the only group is the hybrid one, and TLS 1.3 the only version", |s| {
            s.set("groups", "[X25519MLKEM768]");
            s.set("versions", "{min: '1.3'}");
            s.unset("cipherSuites");
        });
    c.unusable(
        &hybrid,
        PolicyInvalid,
        "groups-of-another-version [H1 H2] TLS 1.2 is the only version, which has no hybrid group",
        |s| {
            s.set("versions", "{max: '1.2'}");
        },
    )
    .says("versions.max")
    .says("secp256r1");
    c.also(&p, "suites-duplicate [H2] a suite appears twice", |s| {
        s.set(
            "cipherSuites",
            "[TLS_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]",
        );
    });
    c.unusable(&p, UnsupportedOption, "suites-unknown [H2] a suite uses RC4", |s| {
        s.set(
            "cipherSuites",
            "[TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, TLS_RSA_WITH_RC4_128_SHA]",
        );
    })
    .says("TLS_CHACHA20_POLY1305_SHA256");
    c.unusable(&p, UnsupportedOption, "suites-openssl [H2] a suite is written as OpenSSL does", |s| {
        s.set(
            "cipherSuites",
            "[TLS_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, ECDHE-RSA-AES128-GCM-SHA256]",
        );
    });
    c.unusable(&p, UnsupportedOption, "groups-unknown [H2] a group is unknown", |s| {
        s.set("groups", "[X25519, sect571r1]")
    })
    .says("secp384r1");
    c.unusable(&p, PolicyInvalid, "suites-of-one-version [H1 H2] no suite is for TLS 1.2, which is permitted", |s| {
        s.set("cipherSuites", "[TLS_AES_128_GCM_SHA256]");
    })
    .says("1.2");
    c.also(&p, "suites-of-the-only-version [H1 H2] the only suite is for TLS 1.3, the only version", |s| {
        s.set("cipherSuites", "[TLS_AES_128_GCM_SHA256]");
        s.set("versions", "{min: '1.3'}");
    });
}

fn others(c: &mut Cases) {
    let p = c.accept(
        "alpn [H3] two protocols are offered, and one must be selected",
        Scenario::new().with(|s| {
            s.set("alpn", "{protocols: [h2, http/1.1], required: true}");
        }),
    );
    c.unusable(&p, PolicyInvalid, "alpn-required-of-none [H3] one must be selected, and none is offered", |s| {
        s.set("alpn", "{required: true}");
    });
    c.unusable(&p, PolicyInvalid, "alpn-empty-name [H3] the name of a protocol is empty", |s| {
        s.set("alpn", "{protocols: [h2, '']}")
    });
    c.unusable(&p, PolicyInvalid, "alpn-long-name [H3] the name of a protocol has 256 bytes", |s| {
        s.set("alpn", format!("{{protocols: ['{}']}}", "h".repeat(256)));
    });
    let p = c.accept(
        "timeout [H4] the deadline is 500ms, and nothing is resumed",
        Scenario::new().with(|s| {
            s.set("handshakeTimeout", "500ms");
            s.set("resumption", "false");
        }),
    );
    for (title, value) in [
        ("timeout-zero [H4] the deadline is at once", "0s"),
        ("timeout-unitless [H4] the deadline has no unit", "'10'"),
        ("timeout-negative [H4] the deadline is in the past", "-1s"),
        ("timeout-long [H4] the deadline is two hours", "2h"),
    ] {
        c.unusable(&p, PolicyInvalid, title, |s| s.set("handshakeTimeout", value));
    }
    c.unusable(
        &p,
        UnsupportedOption,
        "several-problems [H2 H3 H4] groups, protocols and deadline are wrong: every problem is reported at once",
        |s| {
            s.set("handshakeTimeout", "soon");
            s.set("alpn", "{required: true}");
            s.set("groups", "[sect571r1]");
        },
    )
    .errors(3);
    c.unusable(&p, PolicyInvalid, "material-without-source [T1] a bundle has neither file nor text", |s| {
        s.set("trust", "{bundles: [{}]}");
    });
    c.unusable(&p, PolicyInvalid, "material-with-two-sources [T1] a bundle has file and text", |s| {
        s.set("trust", "{bundles: [{file: ca.pem, pem: x}]}");
    });
}
