//! How values may be written: what is text, what is a boolean, and that nothing is not a value.

use uptls::ServerNameRule;

use crate::common::{check, document, messages, problems};

#[test]
fn numbers_are_taken_as_they_are_spelled_where_text_is_wanted() {
    let unquoted = document("  trust: {system: mozilla}\n  versions: {min: 1.2, max: 1.3}\n");
    let quoted = document("  trust: {system: 'mozilla'}\n  versions: {min: \"1.2\", max: '1.3'}\n");
    assert_eq!(check(unquoted.as_bytes()).unwrap(), check(quoted.as_bytes()).unwrap());
    let digits = "1234567890".repeat(7)[..64].to_owned();
    let text = document(&format!("  trust: {{pinnedCertificates: [{digits}]}}\n"));
    assert_eq!(check(text.as_bytes()).unwrap().trust().pinned_certificates[0][..5], [0x12, 0x34, 0x56, 0x78, 0x90]);
    let text = document("  trust: {system: mozilla}\n  versions: {min: 1.20}\n");
    assert_eq!(messages(text.as_bytes()), ["spec.versions.min: 1.20 is not supported; supported: 1.2, 1.3"]);
}

#[test]
fn words_that_were_booleans_once_are_text() {
    for word in ["no", "off", "yes", "on", "y", "n"] {
        let text = document(&format!("  trust: {{system: mozilla}}\n  serverName: {word}\n"));
        let policy = check(text.as_bytes()).unwrap();
        assert!(matches!(policy.server_name(), ServerNameRule::Dns(name) if name.as_str() == word));
        let text = document(&format!("  trust: {{system: mozilla}}\n  resumption: {word}\n"));
        let wanted = "expected true or false (without quotes), found a string";
        assert_eq!(messages(text.as_bytes()), [format!("spec.resumption: {wanted}")]);
    }
}

#[test]
fn a_boolean_is_not_a_text_and_a_text_is_not_a_boolean() {
    let text = document("  trust: {system: mozilla}\n  serverName: true\n");
    assert_eq!(problems(text.as_bytes()), [("policy_invalid".into(), "spec.serverName".into(), 6, 3)]);
    let text = document("  trust: {system: mozilla}\n  alpn: {protocols: [h2], required: 'false'}\n");
    assert_eq!(problems(text.as_bytes()), [("policy_invalid".into(), "spec.alpn.required".into(), 6, 27)]);
    for (word, accepted) in [("false", true), ("'false'", true), ("true", false), ("yes", false), ("[]", false)] {
        let text = document(&format!("  trust: {{system: {word}, pinnedKeys: [{}=]}}\n", "A".repeat(43)));
        assert_eq!(check(text.as_bytes()).is_ok(), accepted, "{word}");
    }
}

#[test]
fn a_field_without_a_value_is_an_error_and_not_a_default() {
    for nothing in ["", "null", "~", "Null"] {
        for field in ["serverName", "subjectAltNames", "identity", "resumption", "danger", "versions"] {
            let text = document(&format!("  trust: {{system: mozilla}}\n  {field}: {nothing}\n"));
            let found = problems(text.as_bytes());
            assert_eq!(found, [("policy_invalid".into(), format!("spec.{field}"), 6, 3)], "{field}: {nothing}");
            assert!(messages(text.as_bytes())[0].contains("found no value"), "{:?}", messages(text.as_bytes()));
        }
    }
    let text = document("  trust: {system: mozilla}\n  serverName: 'null'\n");
    assert!(check(text.as_bytes()).is_ok(), "in quotes it is a text");
}

#[test]
fn other_shapes_than_the_wanted_one_are_named() {
    const TABLE: &[(&str, &str, &str)] = &[
        (
            "trust: mozilla",
            "spec.trust",
            "expected a map of bundles, pinnedCertificates, pinnedKeys, system, systemTrustDomain, found a string",
        ),
        ("subjectAltNames: {dns: a}", "spec.subjectAltNames", "expected a list, found a map"),
        (
            "subjectAltNames: [a]",
            "spec.subjectAltNames[0]",
            "expected a map of dns, ip, spiffe, spiffeTrustDomain, uri, found a string",
        ),
        ("serverName: [a]", "spec.serverName", "expected a string, found a list"),
        ("resumption: 1", "spec.resumption", "expected true or false (without quotes), found a number"),
        ("trust: {system: nativ}", "spec.trust.system", "\"nativ\" is not false, native, platform or mozilla"),
        (
            "danger: {acceptAnyName: {}}",
            "spec.danger.acceptAnyName",
            "cannot parse the document: the field reason is missing",
        ),
    ];
    for (field, path, reason) in TABLE {
        let text = document(&format!("  {field}\n"));
        assert_eq!(messages(text.as_bytes()), [format!("{path}: {reason}")]);
    }
}

#[test]
fn json_is_read_by_the_same_parser() {
    let json = "{\n\t\"apiVersion\": \"uptls\\/v1\",\n\t\"kind\": \"UpstreamTlsPolicy\",\n\t\"metadata\": {\"name\": \"a\\ud83d\\ude00\"},\n\
                \t\"spec\": {\n\t\t\"trust\": {\"system\": false, \"system\": \"mozilla\"}\n\t}\n}\n";
    assert_eq!(problems(json.as_bytes()), [("document_parse".into(), "spec.trust".into(), 6, 30)]);
    let good = json.replace("\"system\": false, ", "");
    assert_eq!(check(good.as_bytes()).unwrap().name(), Some("a\u{1f600}"));
}
