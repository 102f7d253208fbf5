//! The policies of Kubernetes objects, each with its standing.

use std::collections::BTreeMap;

use uptls::danger::DangerPermission;
use uptls::{Code, Fix, PatchOperation, PolicyFacts, Problem, ProblemFacts, Problems, Runtime};

use super::{Backend, Diagnostic, Field, Import, ImportOptions, Overridden, Place, Policy, status, value};
use crate::kubernetes::{
    self, BackendKind, EffectivePolicy, Imported, ImportedPolicy, Provenance, Resolution, StatusPatch,
};

/// Resolves the objects as the options say.
///
/// # Errors
/// The Gateway that is asked for is not there.
pub(super) fn resolve(imported: &Imported, runtime: &Runtime, options: &ImportOptions) -> Result<Resolution, Problems> {
    let resolution = imported.resolve(&status::scope(options, runtime));
    if let Some(gateway) = &options.gateway {
        resolution.check_gateway(gateway)?;
    }
    Ok(resolution)
}

/// What objects come to.
pub(crate) struct Outcome<'a> {
    pub(crate) diagnostics: &'a [kubernetes::Diagnostic],
    pub(crate) ignored: &'a BTreeMap<String, usize>,
    pub(crate) policies: &'a [EffectivePolicy],
    pub(crate) standard: &'a [ImportedPolicy],
    pub(crate) statuses: &'a [StatusPatch],
}

impl<'a> Outcome<'a> {
    pub(crate) fn of(imported: &'a Imported, resolution: &'a Resolution) -> Self {
        let Resolution { diagnostics, ignored, policies, statuses, .. } = resolution;
        Self { diagnostics, ignored, policies, standard: &imported.policies, statuses }
    }
}

/// Adds what the objects come to.
pub(super) fn add(import: &mut Import, outcome: &Outcome<'_>, runtime: &Runtime, options: &ImportOptions) {
    import.backends = outcome.policies.iter().map(|policy| backend(policy, runtime, options.permission)).collect();
    let extensions = outcome.statuses.iter().filter(|patch| patch.kind != STANDARD);
    let extensions = extensions.filter_map(|patch| status::standing(patch, options));
    import.policies = outcome.standard.iter().map(policy).chain(extensions).collect();
    import.diagnostics = outcome.diagnostics.iter().map(diagnostic).collect();
    import.ignored.clone_from(outcome.ignored);
    if options.controller_name.is_some() {
        import.status = status::of(outcome.statuses);
    }
}

fn policy(policy: &ImportedPolicy) -> Policy {
    Policy {
        object: format!("{STANDARD} {}", policy.name),
        accepted: policy.accepted.as_str().to_owned(),
        attached: String::new(),
        resolved_refs: policy.resolved_refs.as_str().to_owned(),
    }
}

fn backend(policy: &EffectivePolicy, runtime: &Runtime, permission: DangerPermission) -> Backend {
    let prepared = policy.prepare(runtime, permission);
    let (facts, mut warnings, errors) = match &prepared {
        Ok(prepared) => (prepared.blank_report(None).policy, prepared.warnings(), Vec::new()),
        Err(problems) => (PolicyFacts::default(), Vec::new(), problems.iter().map(|p| problem(p, policy)).collect()),
    };
    warnings.extend_from_slice(&policy.warnings);
    Backend {
        backend: name(policy),
        gateway: policy.gateway.as_ref().map(ToString::to_string).unwrap_or_default(),
        ready: prepared.is_ok(),
        policy: facts,
        objects: policy.sources.iter().map(ToString::to_string).collect(),
        fields: fields(policy),
        overridden: policy.overridden.iter().map(overridden).collect(),
        warnings,
        errors,
    }
}

/// What is wrong with a policy is mended in the object that says it: a weakening is removed where it is written.
fn problem(problem: &Problem, policy: &EffectivePolicy) -> ProblemFacts {
    let mut facts = ProblemFacts::new(problem);
    let said_by = policy.provenance.get(problem.path()).filter(|_| problem.code() == Code::DangerForbidden);
    facts.fix =
        said_by.map(|from| Fix::new(vec![PatchOperation::remove(&from.field)]).of_object(from.object.to_string()));
    facts
}

/// As `--backend` takes it.
fn name(policy: &EffectivePolicy) -> String {
    let kind = match policy.backend_kind {
        BackendKind::Service => String::new(),
        kind => format!("{kind}/"),
    };
    let port = policy.port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("{kind}{}{port}", policy.backend)
}

fn fields(policy: &EffectivePolicy) -> Vec<Field> {
    let draft = policy.draft.as_ref().ok();
    let one = |(path, from): (&String, &Provenance)| Field {
        path: path.clone(),
        value: draft.map(|draft| value::of(&draft.spec, path)).unwrap_or_default(),
        from: place(from),
    };
    policy.provenance.iter().map(one).collect()
}

fn overridden(overridden: &kubernetes::Overridden) -> Overridden {
    Overridden {
        path: overridden.field.clone(),
        kept: place(&overridden.kept),
        lost: place(&overridden.lost),
        reason: overridden.reason.clone(),
    }
}

fn place(from: &Provenance) -> Place {
    Place {
        object: from.object.to_string(),
        field: from.field.clone(),
        document: from.origin.document.to_string(),
        line: from.origin.line,
        column: from.origin.column,
    }
}

fn diagnostic(diagnostic: &kubernetes::Diagnostic) -> Diagnostic {
    let object = diagnostic.object.as_ref().map(ToString::to_string);
    let mut problem = ProblemFacts::new(&diagnostic.problem);
    // Whose document it is must be known, and a problem of the whole document is mended nowhere.
    problem.fix = problem.fix.and_then(|fix| Some(fix.of_object(object.as_deref()?)));
    Diagnostic { effect: diagnostic.effect.as_str(), object: object.unwrap_or_default(), problem }
}

const STANDARD: &str = "BackendTLSPolicy";
