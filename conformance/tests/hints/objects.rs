//! Hints about Kubernetes objects, followed: an object is created, granted or removed.

use uptls::Code;
use uptls_manifest::kubernetes::{BackendRef, Document, ObjectName, Scope, import};
use uptls_testkit::manifests::{GATEWAY, GRANT, POLICY, ROUTE, SECRET, SERVICE};

/// One code with what was done; the objects before and after are compared here.
pub(crate) fn prove() -> Vec<(Code, &'static str)> {
    let gateway = GATEWAY.replace("{name: client}", "{name: client, namespace: vault}");
    let secret = SECRET.replace("namespace: infra", "namespace: vault");
    let referring = [SERVICE, POLICY, &gateway, ROUTE, &secret];
    let younger = POLICY.replace("name: pay-tls", "name: zz-tls");
    let missing = [SERVICE, POLICY, GATEWAY, ROUTE];
    vec![
        proven(
            Code::ReferenceNotPermitted,
            "ReferenceGrant added",
            "add a ReferenceGrant",
            &referring,
            &[&referring[..], &[GRANT]].concat(),
        ),
        proven(
            Code::Conflicted,
            "one of two policies removed",
            "remove one of the two",
            &[SERVICE, POLICY, &younger],
            &[SERVICE, POLICY],
        ),
        proven(
            Code::ReferenceUnresolved,
            "object created",
            "create the object",
            &missing,
            &[&missing[..], &[SECRET]].concat(),
        ),
    ]
}

fn proven(code: Code, kind: &'static str, says: &str, before: &[&str], after: &[&str]) -> (Code, &'static str) {
    let found = problems(before);
    let hint = found.iter().find(|(found, _)| *found == code).map(|(_, hint)| hint.as_str());
    assert!(hint.is_some_and(|hint| hint.contains(says)), "{code}: {found:?}");
    let left = problems(after);
    assert!(left.iter().all(|(found, _)| *found != code), "{code} is said still: {left:?}");
    (code, kind)
}

/// The code and the hint of all that is said of objects and of the backend.
fn problems(parts: &[&str]) -> Vec<(Code, String)> {
    let text = parts.join("\n---\n");
    let imported = import([Document::new("objects.yaml", text.as_bytes())]);
    let resolution = imported.resolve(&Scope::default());
    let mut found: Vec<_> = resolution.diagnostics.iter().map(|of| (of.problem.code(), of.problem.hint())).collect();
    let backend = BackendRef::new("shop", "pay", Some(443));
    let gateway = ObjectName::new("infra", "outer");
    let gateway = parts.iter().any(|part| part.contains("kind: Gateway\n")).then_some(&gateway);
    let refused = match resolution.policy_of(&backend, gateway).map(|policy| &policy.draft) {
        Ok(Ok(_)) => None,
        Ok(Err(problems)) => Some(problems.clone()),
        Err(problems) => Some(problems),
    };
    found.extend(refused.iter().flat_map(uptls::Problems::iter).map(|problem| (problem.code(), problem.hint())));
    found
}
