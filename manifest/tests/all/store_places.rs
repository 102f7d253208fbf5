//! An object that is given as a value has no lines: its problems name the object and the path of the field.

use serde_json::{Value, json};
use uptls::ProblemFacts;
use uptls_manifest::kubernetes::{Document, ReadOptions, Scope, Store, import_with};

/// A policy with a hostname that is none, and a field that the kind does not have.
fn policy() -> Value {
    json!({
        "apiVersion": "gateway.networking.k8s.io/v1", "kind": "BackendTLSPolicy",
        "metadata": {"name": "pay-tls", "namespace": "shop"},
        "spec": {
            "targetRefs": [{"group": "", "kind": "Service", "name": "pay"}],
            "validation": {"wellKnownCACertificates": "System", "hostname": "*.pay.example", "depth": 3},
        },
    })
}

#[test]
fn a_problem_of_a_value_shows_the_path_alone() {
    let mut store = Store::new(Scope::new("example.com/gateway"), ReadOptions::default());
    store.upsert(&policy()).unwrap();
    store.resolve_changed();
    let refused = store.policies()[0].draft.as_ref().err().unwrap();
    assert!(refused.iter().count() > 0);
    for problem in refused.iter() {
        let text = problem.to_string();
        assert!(text.starts_with("BackendTLSPolicy shop/pay-tls: spec."), "{text}");
        let facts = ProblemFacts::new(problem);
        assert_eq!(facts.document.as_deref(), Some("BackendTLSPolicy shop/pay-tls"), "{text}");
        assert_eq!((facts.line, facts.column), (None, None), "{text}");
    }
    let unknown = store.upsert(&json!({"kind": "Secret"})).unwrap_err().to_string();
    assert_eq!(unknown, "the object: cannot parse the document: apiVersion and kind must say what the object is");
}

/// The twin: the same object as text has lines, and says them.
#[test]
fn a_problem_of_a_text_shows_its_line() {
    let text = policy().to_string();
    let imported = import_with([Document::new("policy.json", text.as_bytes())], ReadOptions::default());
    let resolution = imported.resolve(&Scope::new("example.com/gateway"));
    let refused = resolution.policies[0].draft.as_ref().err().unwrap();
    for problem in refused.iter() {
        assert!(problem.to_string().starts_with("policy.json:1:"), "{problem}");
        assert_eq!(ProblemFacts::new(problem).line, Some(1), "{problem}");
    }
}
