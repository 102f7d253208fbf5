//! Every way in which manifests can be wrong: object, field, line, code, and the reason that the standard gives it.

use std::fs;

use uptls::danger::DangerPermission::Forbidden;
use uptls::{Connector, ConnectorState};
use uptls_manifest::kubernetes::{BackendRef, Diagnostic, Document, Imported, connector, import, load, resolve};
use uptls_testkit::Pki;

use crate::common::runtime;

/// Its lines are counted in the tables.
const POLICY: &str = "\
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: pay-tls, namespace: shop}
spec:
  targetRefs:
  - {group: '', kind: Service, name: pay}
  validation:
    caCertificateRefs:
    - {group: '', kind: ConfigMap, name: pay-ca}
    hostname: pay.shop
";

/// What is wrong, the line of [`POLICY`] that is replaced and by what; then code, field and line of the first problem, a
/// piece of its message, and the reasons of `Accepted` and `ResolvedRefs`.
type Row<'a> = (&'a str, &'a str, &'a str, (&'a str, &'a str, u64), &'a str, (&'a str, &'a str));

const INVALID: (&str, &str) = ("Invalid", "ResolvedRefs");
const NO_CA: (&str, &str) = ("NoValidCACertificate", "InvalidCACertificateRef");
const NO_KIND: (&str, &str) = ("NoValidCACertificate", "InvalidKind");
const REFERENCES: &str = "    caCertificateRefs:\n    - {group: '', kind: ConfigMap, name: pay-ca}\n";
const REFERENCE: &str = "    - {group: '', kind: ConfigMap, name: pay-ca}\n";
const TARGET: &str = "  - {group: '', kind: Service, name: pay}\n";
const HOSTNAME: &str = "    hostname: pay.shop\n";

fn ca(pem: &str) -> String {
    let lines: String = pem.lines().map(|line| format!("    {line}\n")).collect();
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: pay-ca, namespace: shop}}\ndata:\n  ca.crt: |\n{lines}")
}

fn import_two(policy: &str, ca: &str) -> Imported {
    import([Document::new("policy.yaml", policy.as_bytes()), Document::new("ca.yaml", ca.as_bytes())])
}

fn pay(imported: &Imported) -> Connector {
    connector(&runtime(), imported, &BackendRef::new("shop", "pay", Some(443)), Forbidden)
}

fn fails_closed(imported: &Imported, what: &str) {
    assert!(matches!(pay(imported).state(), ConnectorState::NotReady { .. }), "{what}");
}

/// Code, path, document and line.
fn place(diagnostic: &Diagnostic) -> (&str, &str, &str, u64) {
    let problem = &diagnostic.problem;
    let (document, line) = problem.origin().map_or(("", 0), |origin| (&*origin.document, origin.line));
    (problem.code().as_str(), problem.path(), document, line)
}

#[test]
fn what_is_wrong_with_a_policy_is_said_with_its_line_and_the_standards_reason() {
    let good = ca(&Pki::new("bad manifests").root.pem());
    assert!(matches!(pay(&import_two(POLICY, &good)).state(), ConnectorState::Ready));
    for (what, from, to, wanted, says, conditions) in ROWS {
        assert_eq!(POLICY.matches(from).count(), 1, "{what}");
        let imported = import_two(&POLICY.replace(from, to), &good);
        let first = imported.diagnostics.first().unwrap_or_else(|| panic!("{what}: nothing is said"));
        assert_eq!(place(first), (wanted.0, wanted.1, "policy.yaml", wanted.2), "{what}: {}", first.problem);
        assert_eq!(
            first.object.as_ref().map(ToString::to_string).as_deref(),
            Some("BackendTLSPolicy shop/pay-tls"),
            "{what}"
        );
        assert!(first.problem.to_string().contains(says), "{what}: {}", first.problem);
        let policy = &imported.policies[0];
        assert_eq!((policy.accepted.as_str(), policy.resolved_refs.as_str()), *conditions, "{what}");
        fails_closed(&imported, what);
    }
}

#[rustfmt::skip]
const ROWS: &[Row<'_>] = &[
    ("an unknown field of the spec", "  validation:\n", "  mode: Insecure\n  validation:\n",
        ("document_parse", "spec", 7), "mode", INVALID),
    ("an unknown field of the validation", HOSTNAME, "    hostname: pay.shop\n    insecureSkipVerify: true\n",
        ("document_parse", "spec.validation", 11), "insecureSkipVerify", INVALID),
    ("an unknown field of a reference", REFERENCE, "    - {group: '', kind: ConfigMap, name: pay-ca, key: root.pem}\n",
        ("document_parse", "spec.validation.caCertificateRefs[0]", 9), "key", INVALID),
    ("a list for a name", HOSTNAME, "    hostname: [pay.shop]\n",
        ("policy_invalid", "spec.validation.hostname", 10), "", INVALID),
    ("a map for a list", REFERENCES, "    caCertificateRefs: {name: pay-ca}\n",
        ("policy_invalid", "spec.validation.caCertificateRefs", 8), "", INVALID),
    ("a text for a map", "  validation:\n    caCertificateRefs:\n    - {group: '', kind: ConfigMap, name: pay-ca}\n    hostname: pay.shop\n", "  validation: strict\n",
        ("policy_invalid", "spec.validation", 7), "", INVALID),
    ("no validation", "  validation:\n    caCertificateRefs:\n    - {group: '', kind: ConfigMap, name: pay-ca}\n    hostname: pay.shop\n", "",
        ("document_parse", "spec", 4), "the field validation is missing", INVALID),
    ("both CA sources", HOSTNAME, "    hostname: pay.shop\n    wellKnownCACertificates: System\n",
        ("policy_invalid", "spec.validation", 7), "must not contain both CACertificateRefs and WellKnownCACertificates", INVALID),
    ("no CA source", REFERENCES, "",
        ("policy_invalid", "spec.validation", 7), "must specify either CACertificateRefs or WellKnownCACertificates", INVALID),
    ("an unknown set of CAs", REFERENCES, "    wellKnownCACertificates: example.com/mine\n",
        ("unsupported_option", "spec.validation.wellKnownCACertificates", 8), "System", INVALID),
    ("nine CA references", REFERENCES, "    caCertificateRefs: [&a {group: '', kind: ConfigMap, name: pay-ca}, *a, *a, *a, *a, *a, *a, *a, *a]\n",
        ("policy_invalid", "spec.validation.caCertificateRefs", 8), "should have at most 8 items", INVALID),
    ("six names", HOSTNAME, "    hostname: pay.shop\n    subjectAltNames: [&a {type: Hostname, hostname: a.shop}, *a, *a, *a, *a, *a]\n",
        ("policy_invalid", "spec.validation.subjectAltNames", 11), "should have at most 5 items", INVALID),
    ("a U-label", HOSTNAME, "    hostname: bücher.shop\n",
        ("policy_invalid", "spec.validation.hostname", 10), "in body should match", INVALID),
    ("a U-label among the names", HOSTNAME, "    hostname: pay.shop\n    subjectAltNames: [{type: Hostname, hostname: bücher.shop}]\n",
        ("policy_invalid", "spec.validation.subjectAltNames[0].hostname", 11), "in body should match", INVALID),
    ("an address for a name", HOSTNAME, "    hostname: 10.0.0.7\n",
        ("policy_invalid", "spec.validation.hostname", 10), "IP addresses are not allowed", INVALID),
    ("a name that is no URI", HOSTNAME, "    hostname: pay.shop\n    subjectAltNames: [{type: URI, uri: 'urn:x'}]\n",
        ("policy_invalid", "spec.validation.subjectAltNames[0].uri", 11), "in body should match", INVALID),
    ("an unknown type of name", HOSTNAME, "    hostname: pay.shop\n    subjectAltNames: [{type: IP, hostname: pay.shop}]\n",
        ("unsupported_option", "spec.validation.subjectAltNames[0].type", 11), "Hostname", INVALID),
    ("no hostname", HOSTNAME, "",
        ("policy_invalid", "spec.validation.hostname", 7), "should be at least 1 chars long", INVALID),
    ("the same target twice", TARGET, "  - {group: '', kind: Service, name: pay}\n  - {group: '', kind: Service, name: pay}\n",
        ("policy_invalid", "spec.targetRefs", 5), "sectionName must be unique", INVALID),
    ("the same target with a port and without", TARGET, "  - {group: '', kind: Service, name: pay}\n  - {group: '', kind: Service, name: pay, sectionName: a}\n",
        ("policy_invalid", "spec.targetRefs", 5), "sectionName must be specified", INVALID),
    ("a time that is none", "{name: pay-tls, namespace: shop}", "{name: pay-tls, namespace: shop, creationTimestamp: yesterday}",
        ("document_parse", "metadata.creationTimestamp", 3), "2026-11-23T00:00:00Z", INVALID),
    ("a ConfigMap that there is not", "name: pay-ca", "name: other-ca",
        ("reference_unresolved", "spec.validation.caCertificateRefs[0]", 9), "ConfigMap shop/other-ca", NO_CA),
    ("a kind that holds no CA", "kind: ConfigMap", "kind: Bogus",
        ("unsupported_option", "spec.validation.caCertificateRefs[0]", 9), "Bogus", NO_KIND),
    ("a group that has no ConfigMap", "{group: '', kind: ConfigMap", "{group: example.com, kind: ConfigMap",
        ("unsupported_option", "spec.validation.caCertificateRefs[0]", 9), "example.com", NO_KIND),
];

/// What stands where a ConfigMap with a CA is wanted, and a piece of what is said of it.
#[rustfmt::skip]
const HOLDERS: &[(&str, &str, &str)] = &[
    ("nothing", "", "it is not among the manifests"),
    ("no data", "", "it is not among the manifests"),
    ("another namespace", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: bank}\ndata: {ca.crt: a}\n",
        "bank/pay-ca is"),
    ("no key", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\n", "ca.crt"),
    ("another key", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata: {ca.pem: a}\n", "ca.pem"),
    ("two keys that could be it", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata: {ca.pem: a, root.crt: b}\n",
        "root.crt"),
    ("an empty key", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata: {ca.crt: ''}\n", "ca.crt"),
    ("white space", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata: {ca.crt: ' '}\n", "ca.crt"),
    ("no text", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata: {ca.crt: [a]}\n", "ca.crt"),
    ("no base64", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\nbinaryData: {ca.crt: '!!!'}\n", "not base64"),
    ("the key twice", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata: {ca.crt: a, ca.crt: b}\n", "twice"),
    ("the key in both maps", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata: {ca.crt: a}\nbinaryData: {ca.crt: YQ==}\n", "twice"),
    ("the object twice", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata: {ca.crt: a}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: pay-ca, namespace: shop}\ndata: {ca.crt: a}\n",
        "line 6 of ca.yaml"),
];

#[test]
fn what_is_wrong_with_a_ca_is_said_at_the_reference() {
    for (what, holder, says) in HOLDERS {
        let imported = import_two(POLICY, holder);
        let wanted = ("reference_unresolved", "spec.validation.caCertificateRefs[0]", "policy.yaml", 9);
        let found = imported.diagnostics.iter().find(|diagnostic| place(diagnostic) == wanted);
        let found = found.unwrap_or_else(|| panic!("{what}: {:?}", imported.diagnostics));
        assert_eq!(
            found.object.as_ref().map(ToString::to_string).as_deref(),
            Some("BackendTLSPolicy shop/pay-tls"),
            "{what}"
        );
        assert!(found.problem.to_string().contains(says), "{what}: {}", found.problem);
        let policy = &imported.policies[0];
        assert_eq!((policy.accepted.as_str(), policy.resolved_refs.as_str()), NO_CA, "{what}");
        fails_closed(&imported, what);
    }
}

/// Text that is no certificate is found when it is prepared: at its own place.
#[test]
fn what_is_wrong_inside_a_ca_is_said_at_its_object_and_line() {
    let root = Pki::new("bad manifests").root.pem();
    let (garbage, cut) = (root.replace("MII", "!II"), root.replace("-----END CERTIFICATE-----", ""));
    for (what, pem) in [("base64 garbage", garbage), ("an end that is missing", cut), ("text", "hello".to_owned())] {
        let imported = import_two(POLICY, &ca(&pem));
        let ConnectorState::NotReady { reason, .. } = pay(&imported).state() else { panic!("{what} is taken") };
        let code = reason.code().as_str();
        assert!(
            ["trust_bundle_empty", "trust_bundle_parse", "reference_unresolved"].contains(&code),
            "{what}: {reason}"
        );
        assert!(reason.to_string().contains("shop/pay-ca"), "{what}: {reason}");
    }
}

#[test]
fn an_object_of_a_version_or_a_shape_that_nobody_knows_stops_everything() {
    let good = ca(&Pki::new("bad manifests").root.pem());
    let cases = [
        ("another version", POLICY.replace("k8s.io/v1\n", "k8s.io/v2\n"), ("unsupported_option", "apiVersion", 1)),
        (
            "another kind",
            POLICY.replace("BackendTLSPolicy\n", "BackendTLSPolicyList2\n"),
            ("unsupported_option", "apiVersion", 1),
        ),
        ("no name", POLICY.replace("name: pay-tls, ", ""), ("document_parse", "metadata", 3)),
        ("no metadata", POLICY.replace("metadata: {name: pay-tls, namespace: shop}\n", ""), ("document_parse", "", 1)),
        ("a cyclic anchor", POLICY.replace("spec:\n", "spec: &a\n  options: *a\n"), ("document_parse", "", 5)),
        ("a tab", POLICY.replace("spec:\n", "spec:\n\t x\n"), ("document_parse", "", 5)),
        (
            "an end that is missing",
            POLICY.replace("{group: '', kind: Service, name: pay}", "{group: ''"),
            ("document_parse", "", 9),
        ),
    ];
    for (what, text, wanted) in cases {
        let imported = import_two(&text, &good);
        let first = imported.diagnostics.first().unwrap_or_else(|| panic!("{what}: nothing is said"));
        assert_eq!(place(first), (wanted.0, wanted.1, "policy.yaml", wanted.2), "{what}: {}", first.problem);
        assert_eq!(first.effect.as_str(), "unread", "{what}");
        // Not only for the backend of this policy: it might have been for any.
        let other = BackendRef::new("shop", "other", Some(443));
        assert_eq!(resolve(&imported, &other).err().map(|problems| problems.code().as_str()), Some(wanted.0), "{what}");
        fails_closed(&imported, what);
    }
}

/// What is not of this library is counted, and no more.
#[test]
fn a_kind_of_somebody_else_is_ignored() {
    let imported = import_two(&POLICY.replace("BackendTLSPolicy\n", "BackendLBPolicy\n"), "");
    assert_eq!(imported.ignored.get("gateway.networking.k8s.io/v1 BackendLBPolicy"), Some(&1));
    assert!(imported.policies.is_empty() && imported.diagnostics.is_empty());
    fails_closed(&imported, "no policy");
}

#[test]
fn of_two_policies_equally_old_the_second_is_told_who_has_the_target() {
    let good = ca(&Pki::new("bad manifests").root.pem());
    let old =
        POLICY.replace("namespace: shop}\nspec", "namespace: shop, creationTimestamp: '2026-11-23T00:00:00Z'}\nspec");
    let second = old.replace("pay-tls", "pay-too");
    for text in [format!("{old}---\n{second}"), format!("{second}---\n{old}")] {
        let line = 1 + u64::try_from(text.find("pay-too").map_or(0, |at| text[..at].matches('\n').count())).unwrap();
        let imported = import_two(&text, &good);
        let [only] = imported.diagnostics.as_slice() else { panic!("{:?}", imported.diagnostics) };
        assert_eq!(place(only), ("conflicted", "spec.targetRefs[0]", "policy.yaml", line + 3));
        assert_eq!(only.object.as_ref().map(ToString::to_string).as_deref(), Some("BackendTLSPolicy shop/pay-too"));
        assert!(only.problem.to_string().contains("BackendTLSPolicy shop/pay-tls"), "{}", only.problem);
        let accepted: Vec<_> = imported.policies.iter().map(|policy| policy.accepted.as_str()).collect();
        assert_eq!(accepted, ["Accepted", "Conflicted"]);
        assert!(matches!(pay(&imported).state(), ConnectorState::Ready));
    }
}

/// The one that is wrong among ten thousand is found, by its line.
#[test]
fn ten_thousand_documents_hide_nothing() {
    let mut text = String::new();
    for index in 0..10_000 {
        text.push_str(&format!("---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: c{index}}}}}\n"));
    }
    text.push_str("---\n");
    text.push_str(&POLICY.replace("hostname: pay.shop", "hostname: Pay.shop"));
    let imported = import_two(&text, "");
    let places: Vec<_> = imported.diagnostics.iter().map(place).collect();
    assert!(places.contains(&("policy_invalid", "spec.validation.hostname", "policy.yaml", 20_011)), "{places:?}");
    fails_closed(&imported, "ten thousand documents");
}

/// 50 MB are read, and what is wrong in them is found; beyond the limit, and for a single file beyond its own, nothing is.
#[test]
fn a_folder_of_fifty_megabytes_is_read_and_one_beyond_the_limit_is_not() {
    let root = tempfile::tempdir().unwrap();
    let large = |index: usize| {
        let data = "a".repeat(1_000_000);
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{index}, namespace: shop}}\ndata: {{x: {data}}}\n")
    };
    let write = |name: &str, text: &str| fs::write(root.path().join(name), text).unwrap();
    for index in 0..50 {
        write(&format!("{index}.yaml"), &large(index));
    }
    write("ca.yaml", &ca(&Pki::new("bad manifests").root.pem()));
    write("policy.yaml", POLICY);
    let imported = import(load(&[root.path()]).ok().unwrap().documents());
    assert!(imported.diagnostics.is_empty(), "{:?}", imported.diagnostics);
    assert!(matches!(pay(&imported).state(), ConnectorState::Ready));
    // One that is larger than an object may be is passed over by its head, as long as that is no policy.
    let larger = |kind: &str| {
        large(51).replace("ConfigMap", kind).replace("data:", &format!("more: {}\ndata:", "a".repeat(100_000)))
    };
    write("z.yaml", &larger("Deployment"));
    let imported = import(load(&[root.path()]).ok().unwrap().documents());
    assert_eq!(imported.diagnostics.first().map(|one| one.problem.code().as_str()), Some("document_too_large"));
    assert!(matches!(pay(&imported).state(), ConnectorState::Ready));
    write("z.yaml", &larger("BackendTLSPolicy").replace("apiVersion: v1", "apiVersion: gateway.networking.k8s.io/v1"));
    let imported = import(load(&[root.path()]).ok().unwrap().documents());
    fails_closed(&imported, "a file that is too large");
    write("z.yaml", "");
    for index in 50..70 {
        write(&format!("{index}.yaml"), &large(index));
    }
    let refused = load(&[root.path()]).err().map(|problems| problems.to_string()).unwrap_or_default();
    assert!(refused.contains("64 MiB"), "{refused}");
}
