//! The policies of Kubernetes objects, each with its standing.

use std::collections::BTreeMap;

use uptls::danger::DangerPermission;
use uptls::{PolicyDraft, PolicyFacts, Prepared, ProblemFacts, Problems, Runtime, UpstreamTlsPolicy};
use uptls_manifest::kubernetes::{Imported, ImportedPolicy, Provenance, TargetState};

use super::report::{Backend, Diagnostic, Field, Import, Policy};
use super::value;
use crate::args::ImportArgs;

/// Adds what the objects come to.
pub(super) fn add(import: &mut Import, imported: &Imported, runtime: &Runtime, args: &ImportArgs) {
    for policy in &imported.policies {
        import.policies.push(self::policy(policy));
        for target in policy.targets.iter().filter(|target| target.state == TargetState::Attached) {
            let section = target.section_name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
            import.backends.push(backend(format!("{}{section}", target.name), policy, runtime, args));
        }
    }
    import.diagnostics = imported.diagnostics.iter().map(diagnostic).collect();
    import.ignored.clone_from(&imported.ignored);
}

fn policy(policy: &ImportedPolicy) -> Policy {
    Policy {
        object: format!("BackendTLSPolicy {}", policy.name),
        accepted: policy.accepted.as_str().to_owned(),
        resolved_refs: policy.resolved_refs.as_str().to_owned(),
    }
}

fn backend(name: String, policy: &ImportedPolicy, runtime: &Runtime, args: &ImportArgs) -> Backend {
    let permission = if args.allow_danger { DangerPermission::Allowed } else { DangerPermission::Forbidden };
    let prepared = policy.draft.clone().and_then(|draft| prepare(draft, runtime, permission));
    let (facts, warnings, errors) = match &prepared {
        Ok(prepared) => (prepared.blank_report(None).policy, prepared.warnings(), Vec::new()),
        Err(problems) => (PolicyFacts::default(), Vec::new(), problems.iter().map(ProblemFacts::new).collect()),
    };
    Backend {
        backend: name,
        gateway: String::new(),
        ready: prepared.is_ok(),
        policy: facts,
        objects: vec![format!("BackendTLSPolicy {}", policy.name)],
        fields: fields(policy.draft.as_ref().ok(), &policy.provenance),
        warnings,
        errors,
    }
}

fn prepare(
    draft: PolicyDraft,
    runtime: &Runtime,
    permission: DangerPermission,
) -> Result<std::sync::Arc<Prepared>, Problems> {
    runtime.prepare(&UpstreamTlsPolicy::check(draft, permission)?)
}

fn fields(draft: Option<&PolicyDraft>, provenance: &BTreeMap<String, Provenance>) -> Vec<Field> {
    let one = |(path, from): (&String, &Provenance)| Field {
        path: path.clone(),
        value: draft.map(|draft| value::of(&draft.spec, path)).unwrap_or_default(),
        object: from.object.clone(),
        field: from.field.clone(),
        document: from.origin.document.clone(),
        line: from.origin.line,
        column: from.origin.column,
    };
    provenance.iter().map(one).collect()
}

fn diagnostic(diagnostic: &uptls_manifest::kubernetes::Diagnostic) -> Diagnostic {
    Diagnostic {
        effect: diagnostic.effect.as_str(),
        object: diagnostic.object.clone().unwrap_or_default(),
        problem: ProblemFacts::new(&diagnostic.problem),
    }
}
