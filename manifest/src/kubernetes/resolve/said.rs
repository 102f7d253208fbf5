//! What is to be said about objects, and which backends fail by it.

use uptls::Problem;

use super::imported::ImportedPolicy;
use super::index::unsupported_targets;
use super::{draft, selectors};
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::diagnostic::{Concerns, Diagnostic, Effect};
use crate::kubernetes::model::object::ObjectRef;
use crate::kubernetes::read::extension::{Extension, TargetOf};
use crate::kubernetes::read::gateway::GATEWAY;
use crate::kubernetes::read::objects::Objects;

/// About objects that are part of policies.
pub(in crate::kubernetes) fn of_objects(objects: &Objects) -> Vec<Diagnostic> {
    let mut found: Vec<_> = objects.extensions.values().flat_map(of_extension).collect();
    for (name, declared) in &objects.gateways {
        found.extend(all(&ObjectRef::of(GATEWAY, name), Effect::NotReady, &declared.value.problems));
        found.extend(all(&ObjectRef::of(GATEWAY, name), Effect::Notice, &declared.value.notices));
    }
    for (name, declared) in &objects.xbackends {
        found.extend(all(
            &ObjectRef::of(BackendKind::XBackend.as_str(), name),
            Effect::NotReady,
            &declared.value.problems,
        ));
    }
    found.extend(selectors::diagnostics(objects));
    found
}

fn of_extension(extension: &Extension) -> Vec<Diagnostic> {
    let object = extension.object();
    let stray = extension.targets.iter().any(|target| matches!(target.what, TargetOf::Unknown));
    let problems = all(&object, Effect::NotReady, &extension.problems);
    let mut found = for_namespace(problems, stray, &extension.meta.name.namespace);
    found.extend(all(&object, Effect::Notice, &extension.notices));
    let wire = if extension.tls.is_some() { Effect::NotReady } else { Effect::Notice };
    found.extend(all(&object, wire, &extension.wire));
    found.extend(all(&object, Effect::NotAttached, &unsupported_targets(extension)));
    found
}

/// About a standard policy.
pub(in crate::kubernetes) fn of_policy(policy: &ImportedPolicy) -> Vec<Diagnostic> {
    for_namespace(draft::diagnostics(policy), policy.stray, &policy.name.namespace)
}

/// What is wrong with an object whose targets cannot be read fails all that it may be for: the backends of its namespace.
fn for_namespace(diagnostics: Vec<Diagnostic>, stray: bool, namespace: &str) -> Vec<Diagnostic> {
    let widened = |diagnostic: Diagnostic| match diagnostic.effect {
        Effect::NotReady if stray => diagnostic.unread(Concerns::Namespace(namespace.to_owned())),
        _ => diagnostic,
    };
    diagnostics.into_iter().map(widened).collect()
}

fn all(object: &ObjectRef, effect: Effect, problems: &[Problem]) -> Vec<Diagnostic> {
    problems.iter().map(|problem| Diagnostic::new(Some(object.clone()), effect, problem.clone())).collect()
}
