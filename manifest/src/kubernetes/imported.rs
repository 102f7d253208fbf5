//! What came of an import: every policy with its state, and all that is to be said about the documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use uptls::{Origin, PolicyDraft, Problem, Problems};

use super::documents::Objects;
use super::object::ObjectName;
use super::resolve::BackendKind;
use super::standard::meta::Created;

/// All policies of an import, by name, and what was found while they were read.
#[derive(Clone)]
#[non_exhaustive]
pub struct Imported {
    /// What is to be said: first about documents, in the order of their names and lines, then about policies.
    pub diagnostics: Vec<Diagnostic>,
    /// How many objects of kinds that are not read there are: `apps/v1 Deployment`.
    pub ignored: BTreeMap<String, usize>,
    /// Every policy, ready or not.
    pub policies: Vec<ImportedPolicy>,
    /// What they were made of.
    pub(super) objects: Arc<Objects>,
}

/// One policy.
#[derive(Clone)]
#[non_exhaustive]
pub struct ImportedPolicy {
    /// The reason of its condition `Accepted`.
    pub accepted: Accepted,
    /// How old it is beside others.
    pub(super) age: Created,
    /// When it was created, unix seconds; `None` too where what is written is no time.
    pub created: Option<u64>,
    /// The policy, or everything that is wrong with it.
    pub draft: Result<PolicyDraft, Problems>,
    /// Which object.
    pub name: ObjectName,
    /// What is wrong without keeping the policy from being used: references that are left out of the trust (M3).
    pub notices: Vec<Problem>,
    /// Where each field of the draft comes from, by its path (M7).
    pub provenance: BTreeMap<String, Provenance>,
    /// The reason of its condition `ResolvedRefs`.
    pub resolved_refs: ResolvedRefs,
    /// Whether it may be for any backend of its namespace, since what it is for cannot be read.
    pub(super) stray: bool,
    /// What it is for, as far as that can be read.
    pub targets: Vec<Target>,
}

/// Which field of which object.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Provenance {
    /// The path in the object: `spec.validation.hostname`.
    pub field: String,
    /// `BackendTLSPolicy shop/pay-tls`
    pub object: String,
    /// Where it was written.
    pub origin: Origin,
}

/// One entry of `targetRefs`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Target {
    /// The API group; empty for a Service.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The object, always in the namespace of the policy.
    pub name: ObjectName,
    /// Where it was written.
    pub origin: Origin,
    /// `spec.targetRefs[0]`
    pub path: String,
    /// The name of a port.
    pub section_name: Option<String>,
    /// What came of it.
    pub state: TargetState,
}

/// What came of a target.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TargetState {
    /// The policy is the one for this target.
    Attached,
    /// Another policy for the same target is older, or before it in the alphabet (M4).
    #[non_exhaustive]
    Conflicted {
        /// Which one.
        winner: ObjectName,
    },
    /// The Service has no TCP port of this name.
    SectionNotFound,
    /// Only a Service or a kgateway Backend can be a target here.
    Unsupported,
}

/// The reason of a policy's condition `Accepted`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Accepted {
    /// It has at least one target.
    Accepted,
    /// Another policy has each of its targets.
    Conflicted,
    /// It breaks a rule, or asks for what is not supported.
    Invalid,
    /// None of its CA references can be used.
    NoValidCaCertificate,
    /// None of its targets can be one.
    TargetNotFound,
}

impl Accepted {
    /// As the Gateway API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Conflicted => "Conflicted",
            Self::Invalid => "Invalid",
            Self::NoValidCaCertificate => "NoValidCACertificate",
            Self::TargetNotFound => "TargetNotFound",
        }
    }
}

/// The reason of a policy's condition `ResolvedRefs`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ResolvedRefs {
    /// A reference leads to nothing that can be used.
    InvalidCaCertificateRef,
    /// A reference is to a kind that is not supported.
    InvalidKind,
    /// All of them.
    ResolvedRefs,
}

impl ResolvedRefs {
    /// As the Gateway API spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidCaCertificateRef => "InvalidCACertificateRef",
            Self::InvalidKind => "InvalidKind",
            Self::ResolvedRefs => "ResolvedRefs",
        }
    }
}

/// One thing to be said.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Which backends fail by it, if it is unread.
    pub(super) concerns: Concerns,
    /// What follows from it.
    pub effect: Effect,
    /// The object, if it has a name: `BackendTLSPolicy shop/pay-tls`.
    pub object: Option<String>,
    /// What it is, and where.
    pub problem: Problem,
}

impl Diagnostic {
    pub(super) fn new(object: Option<String>, effect: Effect, problem: Problem) -> Self {
        Self { concerns: Concerns::Everything, effect, object, problem }
    }

    /// The same as unread, for these backends alone.
    pub(super) fn unread(self, concerns: Concerns) -> Self {
        Self { concerns, effect: Effect::Unread, ..self }
    }
}

/// For which backends there might be something in what cannot be read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Concerns {
    Backend(BackendKind, ObjectName),
    Everything,
    Namespace(String),
}

impl Concerns {
    /// Whether it may concern the backend; without a kind, any of the name.
    pub(super) fn may_be(&self, kind: Option<BackendKind>, backend: &ObjectName) -> bool {
        match self {
            Self::Backend(of, name) => name == backend && kind.is_none_or(|kind| kind == *of),
            Self::Everything => true,
            Self::Namespace(namespace) => *namespace == backend.namespace,
        }
    }
}

/// What follows from a problem.
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
    /// What is not read might be the policy of other backends: connections to all that it may be for fail. A policy whose
    /// targets cannot be read may be for any backend of its namespace, a document for any of all.
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

impl Imported {
    pub(super) fn new(
        policies: Vec<ImportedPolicy>,
        diagnostics: Vec<Diagnostic>,
        ignored: BTreeMap<String, usize>,
        objects: Objects,
    ) -> Self {
        Self { diagnostics, ignored, objects: Arc::new(objects), policies }
    }
}
