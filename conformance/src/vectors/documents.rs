//! The document itself: well-formed, known, and not too large (M10, and CLI.md).

use uptls::Code::{DocumentParse, DocumentTooLarge, PolicyInvalid};

use super::cases::Cases;

pub(super) fn cases(c: &mut Cases) {
    known(c);
    well_formed(c);
    limits(c);
}

/// Only what is known is read.
fn known(c: &mut Cases) {
    let p = c.usual.clone();
    c.unusable(&p, DocumentParse, "document-unknown-field [M10] a field of spec is unknown", |s| {
        s.set("servername", "backend.test")
    })
    .says("servername");
    c.unusable(&p, DocumentParse, "document-unknown-nested-field [M10] a field of trust is unknown", |s| {
        s.set("trust", "{bundle: [{file: ca.pem}]}");
    })
    .says("bundle");
    c.unusable(&p, DocumentParse, "document-unknown-top-field [M10] a field beside spec is unknown", |s| {
        s.rewrite = Some(|text| format!("{text}status: {{}}\n"));
    })
    .says("status");
    c.unusable(&p, DocumentParse, "document-duplicate-field [M10] a field appears twice", |s| {
        s.rewrite = Some(|text| format!("{text}  serverName: other.test\n"));
    })
    .says("serverName");
    c.unusable(&p, PolicyInvalid, "document-other-kind [M10] the kind is another one", |s| {
        s.rewrite = Some(|text| text.replace("UpstreamTlsPolicy", "BackendTLSPolicy"));
    })
    .says("UpstreamTlsPolicy");
    c.unusable(&p, PolicyInvalid, "document-other-version [M10] the version is another one", |s| {
        s.rewrite = Some(|text| text.replace("uptls/v1", "uptls/v2"));
    })
    .says("uptls/v1");
    c.unusable(&p, DocumentParse, "document-without-kind [M10] there is no kind", |s| {
        s.rewrite = Some(|text| text.replace("kind: UpstreamTlsPolicy\n", ""));
    });
    c.unusable(&p, DocumentParse, "document-without-spec [M10] there is no spec", |s| {
        s.rewrite = Some(|text| text.split("spec:").next().unwrap_or_default().to_owned());
    });
    for (title, field, value) in [
        ("document-list-for-text [M10] a text is given as a list", "serverName", "[backend.test]"),
        ("document-text-for-list [M10] a list is given as a text", "groups", "X25519"),
        ("document-text-for-flag [M10] a flag is given as a text", "resumption", "'no'"),
        (
            "document-system-true [T6] the system's roots are given as true, which does not say which",
            "trust",
            "{system: true}",
        ),
        ("document-system-unknown [T6] the system's roots are unknown", "trust", "{system: windows}"),
    ] {
        c.unusable(&p, PolicyInvalid, title, |s| s.set(field, value));
    }
}

/// Only what is well-formed is read.
fn well_formed(c: &mut Cases) {
    let p = c.usual.clone();
    c.also(&p, "document-json [M10] the document is JSON", |s| {
        s.rewrite = Some(|_| {
            let spec = r#"{"trust": {"bundles": [{"file": "ca.pem"}]}, "serverName": "backend.test"}"#;
            format!("{{\"apiVersion\": \"uptls/v1\", \"kind\": \"UpstreamTlsPolicy\", \"spec\": {spec}}}\n")
        });
    });
    c.also(&p, "document-without-name [M10] the document has no name", |s| {
        s.rewrite = Some(|text| text.replace("metadata: {name: document-without-name}\n", ""));
    });
    c.unusable(&p, DocumentParse, "document-empty [M10] the document is empty", |s| {
        s.rewrite = Some(|_| String::new())
    });
    c.unusable(&p, DocumentParse, "document-text [M10] the document is a text", |s| {
        s.rewrite = Some(|_| "see the wiki\n".to_owned())
    });
    c.unusable(&p, DocumentParse, "document-unclosed [M10] a bracket is not closed", |s| s.set("groups", "[X25519"));
    c.unusable(&p, DocumentParse, "document-tab [M10] a line is indented by a tab", |s| {
        s.rewrite = Some(|text| text.replace("  serverName", "\tserverName"));
    });
    c.unusable(&p, DocumentParse, "document-certificate [M10] the document is a certificate", |s| {
        s.rewrite = Some(|_| uptls_testkit::Pki::new("stranger").root.pem());
    });
}

/// M10: budgets.
fn limits(c: &mut Cases) {
    let p = c.usual.clone();
    c.unusable(&p, DocumentTooLarge, "document-deep [M10] the document is nested a thousand times", |s| {
        s.set("groups", format!("{}{}", "[".repeat(1000), "]".repeat(1000)));
    });
    c.unusable(&p, DocumentTooLarge, "document-aliases [M10] the document multiplies itself by aliases", |s| {
        s.rewrite = Some(|text| {
            let mut out = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
            for n in 1..9 {
                let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
                out.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
            }
            out + text
        });
    });
}
