//! Every way in which a policy document can be wrong, each with its code, its path and its place.

use crate::common::{check, document, messages, problems};

/// What stands in the document, and code, path, line and column of each problem.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str, u64, u64)]);

fn judge(table: &[Row<'_>], wrap: fn(&str) -> String) {
    for (text, wanted) in table {
        let wanted: Vec<_> = wanted.iter().map(|(c, p, l, k)| ((*c).to_owned(), (*p).to_owned(), *l, *k)).collect();
        let text = wrap(text);
        assert_eq!(problems(text.as_bytes()), wanted, "{text}\n{:?}", messages(text.as_bytes()));
    }
}

#[test]
fn values_that_cannot_stand_are_named_with_their_line() {
    const TABLE: &[Row<'_>] = &[
        ("  serverName: a.example\n", &[("trust_missing", "spec.trust", 4, 1)]),
        ("  trust: {bundles: []}\n", &[("trust_missing", "spec.trust", 5, 3)]),
        ("  trust: {bundles: [{}]}\n", &[("policy_invalid", "spec.trust.bundles[0]", 5, 21)]),
        ("  trust: {bundles: [{file: a, pem: b}]}\n", &[("policy_invalid", "spec.trust.bundles[0]", 5, 21)]),
        ("  trust: {pinnedKeys: [abc]}\n", &[("policy_invalid", "spec.trust.pinnedKeys[0]", 5, 24)]),
        (
            "  trust: {system: mozilla}\n  cipherSuites: [TLS_AES_128_GCM_SHA256, TLS_RSA_WITH_RC4_128_SHA]\n  versions: {min: \"1.3\"}\n",
            &[("unsupported_option", "spec.cipherSuites[1]", 6, 42)],
        ),
        (
            "  trust: {system: mozilla}\n  groups:\n    - X25519\n    - brainpoolP256r1\n",
            &[("unsupported_option", "spec.groups[1]", 8, 7)],
        ),
        (
            "  trust: {system: mozilla}\n  versions:\n    min: \"1.3\"\n    max: \"1.2\"\n",
            &[("policy_invalid", "spec.versions", 6, 3)],
        ),
        (
            "  trust: {system: mozilla}\n  versions: {min: \"1.0\"}\n",
            &[("unsupported_option", "spec.versions.min", 6, 14)],
        ),
        ("  trust: {system: mozilla}\n  serverName: none\n", &[("name_missing", "spec.serverName", 6, 3)]),
        (
            "  trust: {system: mozilla}\n  identity: {certificate: {file: tls.crt}}\n",
            &[("identity_incomplete", "spec.identity", 6, 3)],
        ),
        (
            "  trust: {system: mozilla}\n  identity: {key: {file: tls.key}}\n",
            &[("identity_incomplete", "spec.identity", 6, 3)],
        ),
        ("  trust: {system: mozilla}\n  alpn: {required: true}\n", &[("policy_invalid", "spec.alpn.required", 6, 10)]),
        ("  trust: {system: mozilla}\n  revocation: {}\n", &[("policy_invalid", "spec.revocation.crls", 6, 3)]),
        ("  trust: {system: mozilla}\n  handshakeTimeout: 10\n", &[("policy_invalid", "spec.handshakeTimeout", 6, 3)]),
        (
            "  trust: {system: mozilla}\n  danger: {acceptAnyName: {reason: lab}}\n",
            &[("danger_forbidden", "spec.danger.acceptAnyName", 6, 12)],
        ),
    ];
    judge(TABLE, document);
}

#[test]
fn names_that_no_certificate_can_hold_are_refused() {
    let long = format!("{}.example", ["a123456789"; 30].join("."));
    assert!(long.len() > 300);
    let table: &[(&str, &str)] = &[
        ("bücher.example", "name_invalid"),
        ("'*.example.com'", "name_invalid"),
        ("10.0.0.7", "name_invalid"),
        ("'[::1]'", "name_invalid"),
        ("\"a\\0.example\"", "name_invalid"),
        ("a..example", "name_invalid"),
        ("''", "name_invalid"),
        (&long, "name_invalid"),
    ];
    for (name, code) in table {
        let text = document(&format!("  trust: {{system: mozilla}}\n  serverName: {name}\n"));
        assert_eq!(problems(text.as_bytes()), [((*code).to_owned(), "spec.serverName".to_owned(), 6, 3)], "{name}");
    }
    // N6: a wildcard as the left-most label is what the standard's CRD permits in this list, and only there.
    let sans: &[(&str, Option<&str>)] = &[
        ("dns: '*.example.com'", None),
        ("dns: 'a*.example.com'", Some("spec.subjectAltNames[0].dns")),
        ("dns: 'a.*.example.com'", Some("spec.subjectAltNames[0].dns")),
        ("dns: bücher.example", Some("spec.subjectAltNames[0].dns")),
        ("dns: 10.0.0.7", Some("spec.subjectAltNames[0].dns")),
        ("dns: \"a\\0b\"", Some("spec.subjectAltNames[0].dns")),
        ("ip: payments.internal", Some("spec.subjectAltNames[0].ip")),
        ("uri: no-scheme", Some("spec.subjectAltNames[0].uri")),
        ("uri: spiffe://prod//x", Some("spec.subjectAltNames[0].uri")),
        ("spiffeTrustDomain: Prod", Some("spec.subjectAltNames[0].spiffeTrustDomain")),
        ("dns: a, ip: 10.0.0.7", Some("spec.subjectAltNames[0]")),
    ];
    for (san, path) in sans {
        let text = document(&format!("  trust: {{system: mozilla}}\n  subjectAltNames: [{{{san}}}]\n"));
        let found = problems(text.as_bytes());
        assert_eq!(found.iter().map(|(_, path, line, _)| (path.as_str(), *line)).next(), path.map(|path| (path, 6)));
        assert!(found.len() < 2, "{found:?}");
    }
}

#[test]
fn fields_that_nobody_reads_are_errors() {
    const TABLE: &[Row<'_>] = &[
        ("  trust: {system: mozilla}\n  subjectAltName: []\n", &[("document_parse", "spec", 6, 3)]),
        ("  trust: {system: mozilla, sytem: native}\n", &[("document_parse", "spec.trust", 5, 28)]),
        ("  trust: {system: mozilla}\n  trust: {system: native}\n", &[("document_parse", "spec", 6, 3)]),
        (
            "  trust: {bundles: [{file: a, flie: b}, {fiel: c}]}\n  sni: a\n",
            &[
                ("document_parse", "spec.trust.bundles[0]", 5, 31),
                ("document_parse", "spec.trust.bundles[1]", 5, 42),
                ("document_parse", "spec", 6, 3),
            ],
        ),
    ];
    judge(TABLE, document);
    let text = document("  trust: {system: mozilla}\n  subjectAltName: []\n");
    assert_eq!(
        messages(text.as_bytes()),
        ["spec: the field \"subjectAltName\" is unknown; did you mean subjectAltNames? \
             known are alpn, cipherSuites, danger, groups, handshakeTimeout, identity, resumption, revocation, \
             serverName, spkiPins, subjectAltNames, trust, versions"]
    );
    let text = document("  trust: {system: mozilla}\n  trust: {system: native}\n");
    assert_eq!(
        messages(text.as_bytes()),
        ["spec: cannot parse the document: the field \"trust\" appears twice, first in line 5"]
    );
}

#[test]
fn documents_that_are_none_are_refused() {
    const TABLE: &[Row<'_>] = &[
        ("", &[("document_parse", "", 1, 1)]),
        ("# a comment\n---\n", &[("document_parse", "", 1, 1)]),
        ("null\n", &[("document_parse", "", 1, 1)]),
        ("- a\n", &[("document_parse", "", 1, 1)]),
        ("just text\n", &[("document_parse", "", 1, 1)]),
        ("{}", &[("document_parse", "", 1, 1), ("document_parse", "", 1, 1)]),
        ("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\n", &[("document_parse", "", 1, 1)]),
        ("apiVersion: uptls/v2\nkind: UpstreamTlsPolicy\nspec: {}\n", &[("policy_invalid", "apiVersion", 1, 1)]),
        (
            "apiVersion: gateway.networking.k8s.io/v1\nkind: BackendTLSPolicy\n",
            &[("policy_invalid", "apiVersion", 1, 1), ("policy_invalid", "kind", 2, 1)],
        ),
        (
            "apiVersion: [uptls/v1]\nkind:\n",
            &[("document_parse", "apiVersion", 1, 1), ("document_parse", "kind", 2, 1)],
        ),
        (
            "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: ''}\nspec: {}\n",
            &[("policy_invalid", "metadata.name", 3, 12)],
        ),
        (
            "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: a, namespace: b}\nspec: {}\n",
            &[("document_parse", "metadata", 3, 21)],
        ),
        (
            "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {trust: {system: mozilla}}\n---\nspec: {}\n",
            &[("document_parse", "", 5, 1)],
        ),
        ("apiVersion: uptls/v1\nspec: [\n", &[("document_parse", "", 2, 7)]),
        ("apiVersion: uptls/v1\nspec:\n\ttrust: a\n", &[("document_parse", "", 3, 2)]),
        ("%YAML 1.2\n---\napiVersion: uptls/v1\n", &[("document_parse", "", 1, 1)]),
    ];
    judge(TABLE, str::to_owned);
    let given = messages(b"apiVersion: uptls/v2\nkind: UpstreamTlsPolicy\nspec: {}\n");
    assert_eq!(given, ["apiVersion: uptls/v2 is not uptls/v1"]);
    assert_eq!(problems(b"apiVersion: uptls/v1\nkind: \xff\n")[0].2, 2);
    assert_eq!(messages(b"apiVersion: \xff\n"), ["cannot parse the document: it is not UTF-8"]);
    assert_eq!(messages(b"kind: a\n"), messages(b"\xef\xbb\xbfkind: a\n"), "a byte order mark is not content");
}

#[test]
fn what_the_schema_does_not_need_is_not_understood() {
    const TABLE: &[Row<'_>] = &[
        ("  trust: !!map {system: mozilla}\n", &[("document_parse", "", 5, 16)]),
        ("  trust: {system: !!str mozilla}\n", &[("document_parse", "", 5, 25)]),
        ("  trust: &t {system: mozilla}\n  alpn: {<<: *t}\n", &[("document_parse", "", 6, 10)]),
        ("  ? [trust]\n  : {system: mozilla}\n", &[("document_parse", "", 5, 5)]),
        ("  trust: &t {bundles: [*t]}\n", &[("document_parse", "", 5, 24)]),
        ("  trust: *t\n", &[("document_parse", "", 5, 10)]),
    ];
    judge(TABLE, document);
    let aliased = document("  trust: {bundles: [&ca {file: ca.pem}]}\n  revocation: {crls: [*ca]}\n");
    let written = document("  trust: {bundles: [{file: ca.pem}]}\n  revocation: {crls: [{file: ca.pem}]}\n");
    assert_eq!(check(aliased.as_bytes()).unwrap(), check(written.as_bytes()).unwrap(), "aliases do work");
}

#[test]
fn several_errors_are_reported_at_once_each_with_its_line() {
    let text = document(concat!(
        "  trust:\n",                      // 5
        "    pinnedKeys: [abc]\n",         // 6
        "  serverName: 10.0.0.7\n",        // 7
        "  subjectAltNames:\n",            // 8
        "    - dns: bücher.example\n",     // 9
        "    - ip: payments.internal\n",   // 10
        "    - {dns: a, uri: b}\n",        // 11
        "  identity:\n",                   // 12
        "    certificate: {}\n",           // 13
        "  versions: {min: 1.1}\n",        // 14
        "  cipherSuites:\n",               // 15
        "    - RC4\n",                     // 16
        "  danger:\n",                     // 17
        "    tolerate:\n",                 // 18
        "      - {rule: all, reason: ''}", // 19
    ));
    let mut found: Vec<_> =
        problems(text.as_bytes()).into_iter().map(|(code, path, line, _)| (line, path, code)).collect();
    found.sort();
    let found: Vec<_> = found.iter().map(|(line, path, code)| (*line, path.as_str(), code.as_str())).collect();
    assert_eq!(
        found,
        [
            (6, "spec.trust.pinnedKeys[0]", "policy_invalid"),
            (7, "spec.serverName", "name_invalid"),
            (9, "spec.subjectAltNames[0].dns", "name_invalid"),
            (10, "spec.subjectAltNames[1].ip", "policy_invalid"),
            (11, "spec.subjectAltNames[2]", "policy_invalid"),
            (12, "spec.identity", "identity_incomplete"),
            (13, "spec.identity.certificate", "policy_invalid"),
            (14, "spec.versions.min", "unsupported_option"),
            (16, "spec.cipherSuites[0]", "unsupported_option"),
            (19, "spec.danger.tolerate[0]", "danger_forbidden"),
            (19, "spec.danger.tolerate[0].reason", "policy_invalid"),
            (19, "spec.danger.tolerate[0].rule", "unsupported_option"),
        ]
    );
}
