//! Every field remembers where it was written, under the path by which `uptls` calls it.

use std::path::Path;

use uptls::danger::DangerPermission;

use crate::common::{document, runtime};

#[test]
fn every_field_has_its_line_and_column() {
    let text = document(concat!(
        "  trust:\n",                                                    // 5
        "    bundles:\n",                                                // 6
        "      - file: ca.pem\n",                                        // 7
        "      - pem: |\n",                                              // 8
        "          text\n",                                              // 9
        "          more\n",                                              // 10
        "  subjectAltNames: [{dns: a}, {uri: 'b:c'}, {ip: 10.0.0.7}]\n", // 11
        "  identity: {certificate: {file: a}, key: {file: b}}\n",        // 12
        "  danger: {tolerate: [{rule: key_usage, reason: old}]}\n",      // 13
        "  \"handshakeTimeout\": >-\n",                                  // 14
        "    10s\n",                                                     // 15
    ));
    let draft = uptls_manifest::parse(text.as_bytes(), "payments.yaml", Some(Path::new("/etc"))).unwrap();
    let at = |path: &str| draft.origins.get(path).map(|origin| (origin.line, origin.column));
    const TABLE: &[(&str, (u64, u64))] = &[
        ("apiVersion", (1, 1)),
        ("metadata.name", (3, 12)),
        ("spec", (4, 1)),
        ("spec.trust", (5, 3)),
        ("spec.trust.bundles", (6, 5)),
        ("spec.trust.bundles[0]", (7, 9)),
        ("spec.trust.bundles[0].file", (7, 9)),
        ("spec.trust.bundles[1].pem", (8, 9)),
        ("spec.subjectAltNames[0]", (11, 21)),
        ("spec.subjectAltNames[1].uri", (11, 32)),
        ("spec.subjectAltNames[2].ip", (11, 46)),
        ("spec.identity.certificate", (12, 14)),
        ("spec.identity.key", (12, 38)),
        ("spec.danger.tolerate[0].rule", (13, 24)),
        ("spec.handshakeTimeout", (14, 3)),
    ];
    for (path, place) in TABLE {
        assert_eq!(at(path), Some(*place), "{path}");
    }
    assert!(draft.origins.values().all(|origin| &*origin.document == "payments.yaml"));
    assert_eq!((draft.name.as_deref(), draft.base.as_deref()), (Some("payments"), Some(Path::new("/etc"))));
}

#[test]
fn material_that_cannot_be_used_is_reported_with_its_line() {
    let text = document("  trust:\n    bundles:\n      - {file: absent.pem}\n      - {pem: nothing}\n");
    let folder = tempfile::tempdir().unwrap();
    let prepared = uptls_manifest::prepare(
        &runtime(),
        text.as_bytes(),
        "payments.yaml",
        Some(folder.path()),
        DangerPermission::Forbidden,
    );
    let problems = prepared.err().unwrap();
    let found: Vec<_> = problems.iter().map(|p| (p.code().as_str(), p.path(), p.origin().map(|o| o.line))).collect();
    assert_eq!(
        found,
        [
            ("trust_unreadable", "spec.trust.bundles[0]", Some(7)),
            ("trust_bundle_empty", "spec.trust.bundles[1]", Some(8)),
        ]
    );
    assert_eq!(problems.policy(), Some("payments"));
}

#[test]
fn problems_are_reported_under_the_name_of_the_policy() {
    for text in [
        "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {name: payments}\nspec: {sni: a}\n",
        "apiVersion: uptls/v9\nkind: UpstreamTlsPolicy\nmetadata: {name: payments}\n",
    ] {
        let problems = uptls_manifest::parse(text.as_bytes(), "", None).err().unwrap();
        assert_eq!(problems.policy(), Some("payments"));
    }
}
