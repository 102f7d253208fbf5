//! The rules of the CRD of BackendTLSPolicy (M2), by the cases and messages of its authors.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::print_stdout, reason = "the figures")]

use serde::Deserialize;
use serde_json::{Value, json};
use uptls::Code;
use uptls_conformance::gateway;
use uptls_manifest::kubernetes::{Accepted, Document, Effect, Imported, import};

/// `cel-cases.json`.
#[derive(Deserialize)]
struct Cases {
    #[serde(rename = "_base_targetRefs_for_validation_cases")]
    base_targets: Value,
    #[serde(rename = "_base_validation_for_targetRef_cases")]
    base_validation: Value,
    #[serde(rename = "targetRefs")]
    targets: Vec<Case>,
    validation: Vec<Case>,
}

/// One of them: either all that it may be, or errors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default)]
    errors: Vec<String>,
    #[serde(default)]
    ok: bool,
    #[serde(default)]
    refs: Option<Vec<Target>>,
    /// The one entry of `subjectAltNames`.
    #[serde(default)]
    san: Option<Value>,
    /// `spec.validation`.
    #[serde(default)]
    v: Option<Value>,
}

/// Group, kind, name and section.
type Target = (String, String, String, Option<String>);

#[test]
fn every_case_gives_the_messages_of_the_crd() {
    let Some(files) = gateway::files() else { return };
    let cases: Cases = serde_json::from_slice(&files["cel-cases.json"]).expect("the cases have their schema");
    let (mut accepted, mut refused, mut messages) = (0, 0, 0);
    for case in cases.targets.iter().chain(&cases.validation) {
        let imported = judge(&cases, case);
        assert_eq!(case.ok, case.errors.is_empty(), "{}: it has to be one or the other", case.name);
        if case.ok {
            accepted += 1;
            let broken = broken_rules(&imported);
            if case.name == NO_WORKLOAD {
                // X509-SVID section 5.2: no validator may accept a leaf with such an ID, so that nothing could connect (L19).
                assert!(broken.iter().all(|text| text.contains("SPIFFE ID of a trust domain")), "{broken:?}");
                assert_eq!(broken.len(), 1);
                continue;
            }
            assert_eq!(broken, Vec::<String>::new(), "{}", case.name);
        } else {
            refused += 1;
            messages += case.errors.len();
            check_errors(case, &imported);
        }
    }
    println!("CRD rules: {accepted} cases accepted, {refused} refused with {messages} messages of the CRD");
    assert!(accepted >= 11 && refused >= 14, "{accepted} accepted, {refused} refused");
}

/// Its only name is `spiffe://mycluster.example`.
const NO_WORKLOAD: &str = "SAN URI ok";

/// The policy fails closed, and says each message at its field.
fn check_errors(case: &Case, imported: &Imported) {
    let policy = &imported.policies[0];
    assert_eq!(policy.accepted, Accepted::Invalid, "{}", case.name);
    assert!(policy.draft.is_err(), "{}", case.name);
    let broken = broken_rules(imported);
    for error in &case.errors {
        assert!(broken.iter().any(|text| text.contains(error)), "{}: wanted {error:?} in {broken:#?}", case.name);
    }
}

/// What the CRD forbids. A kind that is not supported, an object that is not there, and a set of CA certificates that
/// nobody here knows are no matter of the CRD.
fn broken_rules(imported: &Imported) -> Vec<String> {
    let of_crd = |code: Code| !matches!(code, Code::ReferenceUnresolved | Code::UnsupportedOption);
    let problems = imported.diagnostics.iter().filter(|diagnostic| of_crd(diagnostic.problem.code()));
    let text = |diagnostic: &uptls_manifest::kubernetes::Diagnostic| {
        assert_eq!(diagnostic.effect, Effect::NotReady, "{}", diagnostic.problem);
        assert!(diagnostic.problem.origin().is_some_and(|origin| origin.line > 0), "{}", diagnostic.problem);
        diagnostic.problem.to_string()
    };
    problems.map(text).collect()
}

fn judge(cases: &Cases, case: &Case) -> Imported {
    let target = |(group, kind, name, section): &Target| {
        let mut target = json!({"group": group, "kind": kind, "name": name});
        if let Some(section) = section {
            target["sectionName"] = section.as_str().into();
        }
        target
    };
    let targets = case.refs.as_ref().map(|refs| refs.iter().map(target).collect::<Value>());
    let mut validation = case.v.clone().unwrap_or_else(|| cases.base_validation.clone());
    if let Some(san) = &case.san {
        validation["subjectAltNames"] = json!([san]);
    }
    let policy = json!({
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "BackendTLSPolicy",
        "metadata": {"name": "case", "namespace": "cel"},
        "spec": {"targetRefs": targets.unwrap_or_else(|| cases.base_targets.clone()), "validation": validation},
    });
    let text = serde_json::to_vec_pretty(&policy).expect("JSON");
    let imported = import([Document::new("case.json", &text)]);
    assert_eq!(imported.policies.len(), 1, "{}", case.name);
    imported
}
