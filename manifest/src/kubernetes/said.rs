//! What is to be said about objects, and which backends fail by it.

use uptls::{Origin, PolicyError, PolicyErrorKind, Problem};

use super::documents::Objects;
use super::draft;
use super::extension::{Extension, TargetOf};
use super::imported::{Concerns, Diagnostic, Effect, ImportedPolicy};
use super::resolve;

/// About objects that are part of policies.
pub(super) fn of_objects(objects: &Objects) -> Vec<Diagnostic> {
    let mut found: Vec<_> = objects.extensions.iter().flat_map(of_extension).collect();
    for (name, declared) in &objects.gateways {
        found.extend(all(&format!("Gateway {name}"), Effect::NotReady, &declared.value.problems));
    }
    for (name, declared) in &objects.xbackends {
        found.extend(all(&format!("XBackend {name}"), Effect::NotReady, &declared.value.problems));
    }
    found
}

fn of_extension(extension: &Extension) -> Vec<Diagnostic> {
    let object = resolve::object(extension);
    let stray = extension.targets.iter().any(|target| matches!(target.what, TargetOf::Unknown));
    let problems = all(&object, Effect::NotReady, &extension.problems);
    let mut found = for_namespace(problems, stray, &extension.meta.name.namespace);
    found.extend(all(&object, Effect::Notice, &extension.notices));
    found.extend(all(&object, Effect::NotAttached, &resolve::unsupported_targets(extension)));
    found
}

/// About a standard policy.
pub(super) fn of_policy(policy: &ImportedPolicy) -> Vec<Diagnostic> {
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

fn all(object: &str, effect: Effect, problems: &[Problem]) -> Vec<Diagnostic> {
    problems.iter().map(|problem| Diagnostic::new(Some(object.to_owned()), effect, problem.clone())).collect()
}

pub(super) fn twice(first: &Origin, again: Origin) -> Problem {
    let reason = format!("it is declared twice, first in line {} of {}", first.line, first.document);
    let kind = PolicyErrorKind::DocumentParse { reason };
    Problem::from(PolicyError::new("", kind)).with_origin(Some(again))
}

/// The order in which documents are spoken of.
pub(super) fn place(diagnostic: &Diagnostic) -> (&str, u64, u64) {
    diagnostic.problem.origin().map_or(("", 0, 0), |origin| (&origin.document, origin.line, origin.column))
}
