//! Fixes: what a hint asks for, as JSON Patch, applied to the text. Each leaves a document that is no longer refused for it,
//! keeps its comments, and never weakens.

use uptls::danger::DangerPermission::{Allowed, Forbidden};
use uptls::{Code, Problem};
use uptls_manifest::fix;
use uptls_manifest::kubernetes::Document;
use uptls_manifest::report::ImportOptions;

use crate::common::{check, document, runtime};

/// The text with every fix, and the patches as JSON.
fn fixed(text: &str) -> (String, Vec<String>) {
    let fixed = fix::policy(text.as_bytes(), "policy.yaml", None, Forbidden).expect("a text");
    let patches = fixed.applied.iter().map(|fix| serde_json::to_string(&fix.patch).unwrap()).collect();
    (fixed.text.to_string(), patches)
}

#[test]
fn a_fix_is_one_line_and_keeps_comments() {
    const TABLE: &[(&str, &str, &str)] = &[
        (
            "  trust: {system: mozilla}\n  servername: a.test # ours\n",
            "  trust: {system: mozilla}\n  serverName: a.test # ours\n",
            r#"[{"op":"move","from":"/spec/servername","path":"/spec/serverName"}]"#,
        ),
        (
            "  trust: {system: mozilla}\n  subjectAltNames:\n  - dns: 10.0.0.7 # the pod\n",
            "  trust: {system: mozilla}\n  subjectAltNames:\n  - ip: 10.0.0.7 # the pod\n",
            r#"[{"op":"replace","path":"/spec/subjectAltNames/0","value":{"ip":"10.0.0.7"}}]"#,
        ),
        (
            "  trust: {system: mozilla}\n  versions: {min: \"1.0\"} # old\n",
            "  trust: {system: mozilla}\n  versions: {min: \"1.2\"} # old\n",
            r#"[{"op":"replace","path":"/spec/versions/min","value":"1.2"}]"#,
        ),
        (
            "  danger:\n    # for the lab\n    acceptAnyName:\n      reason: lab\n  trust: {system: mozilla}\n",
            "  danger: {}\n  trust: {system: mozilla}\n",
            r#"[{"op":"remove","path":"/spec/danger/acceptAnyName"}]"#,
        ),
    ];
    for (before, after, patch) in TABLE {
        let (text, patches) = fixed(&document(before));
        assert_eq!(text, document(after));
        assert_eq!(patches, [*patch]);
        assert!(check(text.as_bytes()).is_ok(), "{text}");
    }
}

#[test]
fn what_is_no_matter_of_a_line_is_written_anew() {
    let (text, _) = fixed(&document("  {trust: {system: mozilla}, danger: {acceptAnyName: {reason: lab}}} # flow\n"));
    assert!(text.contains("  danger: {}\n") && !text.contains('#'), "{text}");
    assert!(check(text.as_bytes()).is_ok(), "{text}");
    let json = r#"{"apiVersion": "uptls/v1", "kind": "UpstreamTlsPolicy", "spec": {"trust": {"system": "mozilla"}, "danger": {"acceptAnyName": {"reason": "lab"}}}}"#;
    let (text, _) = fixed(json);
    assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok(), "JSON stays JSON: {text}");
}

#[test]
fn an_address_as_server_name_becomes_a_name_that_is_looked_for() {
    let (text, _) = fixed(&document("  trust: {system: mozilla}\n  serverName: 10.0.0.7\n"));
    assert!(check(text.as_bytes()).is_ok(), "{text}");
    assert!(text.contains(r#"subjectAltNames: [{"ip":"10.0.0.7"}]"#) && text.contains("serverName: none"), "{text}");
    // Beside names that are written it adds none: that would accept more.
    let listed = "  trust: {system: mozilla}\n  serverName: 10.0.0.7\n  subjectAltNames: [{dns: a.test}]\n";
    let (text, patches) = fixed(&document(listed));
    assert_eq!(patches, [r#"[{"op":"replace","path":"/spec/serverName","value":"none"}]"#]);
    assert_eq!(text, document(&listed.replace("10.0.0.7", "none")));
}

#[test]
fn a_fix_never_weakens_and_never_decides() {
    for text in [
        // It would make a weakening of an unknown field.
        "  trust: {system: mozilla}\n  dangr: {acceptAnyName: {reason: lab}}\n",
        "  trust: {system: mozilla}\n  danger: {acceptAnyNam: {reason: lab}}\n",
        // Both are written: which one is meant is not known.
        "  trust: {system: mozilla}\n  serverName: a.test\n  servername: b.test\n",
        // A file or a choice is needed.
        "  serverName: a.test\n",
        "  trust: {system: mozilla}\n  identity: {certificate: {file: tls.crt}}\n",
        "  trust: {system: mozilla}\n  serverName:\n",
        "  trust: {system: mozilla}\n  versions: {max: '1.1'}\n",
        "  trust: {system: mozilla}\n  subjectAltNames: [{uri: 'spiffe://prod'}]\n",
    ] {
        let text = document(text);
        let (same, patches) = fixed(&text);
        assert_eq!((same.as_str(), patches.len()), (text.as_str(), 0), "{patches:?}");
    }
    let permitted = document("  trust: {system: mozilla}\n  danger: {acceptAnyName: {reason: lab}}\n");
    let fixed = fix::policy(permitted.as_bytes(), "policy.yaml", None, Allowed).unwrap();
    assert!(fixed.applied.is_empty(), "what the caller permits stays");
}

const OBJECTS: &str = "\
# theirs
apiVersion: v1
kind: List
items:
- apiVersion: gateway.networking.k8s.io/v1
  kind: BackendTLSPolicy
  metadata: {name: pay-tls, namespace: shop}
  spec:
    targetRefs: [{group: '', kind: Service, name: pay}]
    validation:
      wellKnownCACertificates: System
      hostnme: pay.example # ours
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: lab-tls, namespace: shop}
spec:
  targetRefs: [{group: '', kind: Service, name: lab}]
  validation:
    wellKnownCACertificates: System
    hostname: lab.example
    mode: InsecureSkipSANVerification
";

#[test]
fn objects_are_mended_where_they_are_written() {
    let documents = [Document::new("objects.yaml", OBJECTS.as_bytes()), Document::new("other.yaml", b"kind: Other\n")];
    let no_files = |_: &std::path::Path| Err("no file is read".to_owned());
    let fixed = fix::manifests(&documents, &runtime(), &no_files, &ImportOptions::default()).unwrap();
    let [fixed] = fixed.as_slice() else { panic!("one document") };
    let wanted = OBJECTS.replace("hostnme", "hostname").replace("    mode: InsecureSkipSANVerification\n", "");
    assert_eq!((fixed.name.as_str(), fixed.text.as_str()), ("objects.yaml", wanted.as_str()));
    let objects: Vec<_> = fixed.applied.iter().map(|fix| fix.object.clone().unwrap_or_default()).collect();
    assert_eq!(objects, ["BackendTLSPolicy shop/pay-tls", "BackendTLSPolicy shop/lab-tls"]);
}

#[test]
fn a_patch_for_another_document_is_not_applied() {
    let problems = check(document("  trust: {system: mozilla}\n  servername: a.test\n").as_bytes()).unwrap_err();
    let fix = problems.first().and_then(Problem::fix).unwrap();
    assert_eq!(problems.code(), Code::DocumentParse);
    assert!(fix::apply(document("  trust: {system: mozilla}\n").as_bytes(), &fix).is_none());
    assert!(fix::apply(b"spec: [", &fix).is_none());
}
