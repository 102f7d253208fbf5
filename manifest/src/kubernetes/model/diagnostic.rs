//! One thing to be said about an object, and which backends fail by it.

use uptls::Problem;

use super::backend::BackendKind;
use super::object::{ObjectName, ObjectRef};

/// A problem of one object, and its effect.
///
/// ```
/// use uptls_manifest::kubernetes::{Document, Effect, import};
///
/// let text = br#"{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {name: pay},
///   spec: {targetRefs: [{group: "", kind: Service, name: pay}], validation: {hostname: pay.example}}}"#;
/// let imported = import([Document::new("pay.yaml", text)]);
/// let diagnostic = &imported.diagnostics[0];
/// assert_eq!(diagnostic.effect, Effect::NotReady);
/// assert!(diagnostic.problem.to_string().starts_with("pay.yaml:"), "{}", diagnostic.problem);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Which backends fail by it, if it is unread.
    pub(in crate::kubernetes) concerns: Concerns,
    /// The effect of the problem.
    pub effect: Effect,
    /// The object, if it has a name: `BackendTLSPolicy shop/pay-tls`.
    pub object: Option<ObjectRef>,
    /// The problem, and where.
    pub problem: Problem,
}

impl Diagnostic {
    pub(in crate::kubernetes) fn new(object: Option<ObjectRef>, effect: Effect, problem: Problem) -> Self {
        Self { concerns: Concerns::Everything, effect, object, problem }
    }

    /// The same as unread, for these backends alone.
    pub(in crate::kubernetes) fn unread(self, concerns: Concerns) -> Self {
        Self { concerns, effect: Effect::Unread, ..self }
    }
}

/// The effect of a problem.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// The policy is not used for this target.
    NotAttached,
    /// The policy cannot be used: connections to its targets fail.
    NotReady,
    /// The policy is used without the part.
    Notice,
    /// The object is left out: nothing can refer to it.
    Skipped,
    /// It could not be read, so it may be the policy of any backend: connections to all of those fail. A policy whose
    /// targets cannot be read may be for any backend of its namespace; an unreadable document, for any at all.
    Unread,
}

impl Effect {
    /// The `snake_case` name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotAttached => "not_attached",
            Self::NotReady => "not_ready",
            Self::Notice => "notice",
            Self::Skipped => "skipped",
            Self::Unread => "unread",
        }
    }
}

/// For which backends there might be something in what cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::kubernetes) enum Concerns {
    Backend(BackendKind, ObjectName),
    Everything,
    Namespace(String),
}

impl Concerns {
    /// Whether it may concern the backend; without a kind, any of the name.
    pub(in crate::kubernetes) fn may_be(&self, kind: Option<BackendKind>, backend: &ObjectName) -> bool {
        match self {
            Self::Backend(of, name) => name == backend && kind.is_none_or(|kind| kind == *of),
            Self::Everything => true,
            Self::Namespace(namespace) => *namespace == backend.namespace,
        }
    }
}
