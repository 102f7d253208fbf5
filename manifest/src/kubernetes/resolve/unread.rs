//! What cannot be read, where the policy of a backend might stand.

use uptls::{PolicyError, PolicyErrorKind, Problem, Problems};

use crate::kubernetes::model::{BackendKind, Diagnostic, Effect, ObjectName};

/// What could not be read, where the policy of one of these backends might stand: the first few of it, since each of many
/// backends holds a copy. The diagnostics have all of it.
pub(super) fn unread<'a>(
    diagnostics: impl IntoIterator<Item = &'a Diagnostic>,
    backends: &[(Option<BackendKind>, &ObjectName)],
) -> Option<Problems> {
    let concerns =
        |diagnostic: &&Diagnostic| backends.iter().any(|(kind, name)| diagnostic.concerns.may_be(*kind, name));
    let unread = diagnostics.into_iter().filter(|diagnostic| diagnostic.effect == Effect::Unread).filter(concerns);
    let mut problems = unread.map(|diagnostic| diagnostic.problem.clone()).take(MOST);
    problems.next().map(|first| Problems::new(None, first, problems.collect()))
}

pub(super) fn unknown_service(name: &ObjectName) -> Problem {
    let reason = "it is not among the manifests, and policies for it name its ports".to_owned();
    let kind = PolicyErrorKind::ReferenceUnresolved { object: format!("Service {name}"), reason };
    PolicyError::new("backend", kind).into()
}

const MOST: usize = 16;
