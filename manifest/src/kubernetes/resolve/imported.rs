//! What came of an import: every policy with its state, and all that is to be said about the documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use uptls::{ByPath, Origin, PolicyDraft, Problem, Problems};

use super::depends::Dependency;
use crate::kubernetes::model::diagnostic::Diagnostic;
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::model::provenance::Provenance;
use crate::kubernetes::read::meta::Created;
use crate::kubernetes::read::objects::Objects;

/// All policies of an import, and the problems that were found while reading.
#[derive(Clone)]
#[non_exhaustive]
pub struct Imported {
    /// The problems: first those of documents, in the order of their names and lines, then those of policies.
    pub diagnostics: Vec<Diagnostic>,
    /// The number of objects of each kind that uptls does not read: `apps/v1 Deployment`.
    pub ignored: BTreeMap<String, usize>,
    /// Every policy, usable or not.
    pub policies: Arc<Vec<ImportedPolicy>>,
    /// What they were made of.
    pub(in crate::kubernetes) objects: Arc<Objects>,
}

/// One policy.
#[derive(Clone)]
#[non_exhaustive]
pub struct ImportedPolicy {
    /// The reason of its condition `Accepted`.
    pub accepted: Accepted,
    /// How old it is beside others.
    pub(in crate::kubernetes) age: Created,
    /// Its creation, in unix seconds; `None` if it is absent or not a time.
    pub created: Option<u64>,
    /// Every object that it refers to, present or missing.
    pub depends_on: Box<[Dependency]>,
    /// The policy, or all of its problems.
    pub draft: Result<PolicyDraft, Problems>,
    /// The object.
    pub name: ObjectName,
    /// Problems that leave the policy usable: CA references that were left out of the trust (M3).
    pub notices: Vec<Problem>,
    /// Where each field of the draft comes from, by its path (M7).
    pub provenance: ByPath<Provenance>,
    /// The reason of its condition `ResolvedRefs`.
    pub resolved_refs: ResolvedRefs,
    /// Whether it may be for any backend of its namespace, since what it is for cannot be read.
    pub(in crate::kubernetes) stray: bool,
    /// Its targets, as far as they can be read.
    pub targets: Vec<Target>,
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
    /// Its file, line and column.
    pub origin: Origin,
    /// `spec.targetRefs[0]`
    pub path: String,
    /// The name of a port.
    pub section_name: Option<String>,
    /// Whether the policy is used for it.
    pub state: TargetState,
}

/// Whether a policy is used for a target, or why not.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TargetState {
    /// The policy is used for this target.
    Attached,
    /// Another policy for the same target takes precedence: it is older, or its name sorts first (M4).
    #[non_exhaustive]
    Conflicted {
        /// Which one.
        winner: ObjectName,
    },
    /// The target does not exist; only if the caller says that the objects are complete.
    NotFound,
    /// The port, or every port of the Service, is not TCP.
    ProtocolNotSupported,
    /// The Service has no TCP port of this name.
    SectionNotFound,
    /// The target is neither a Service nor a kgateway Backend.
    Unsupported,
}

/// The reason of a policy's condition `Accepted`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Accepted {
    /// It has at least one target.
    Accepted,
    /// Other policies take precedence for all of its targets.
    Conflicted,
    /// It breaks a rule, or uses an unsupported feature.
    Invalid,
    /// None of its CA references can be used.
    NoValidCaCertificate,
    /// None of its targets exists or is supported.
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
    /// A reference leads to no usable object.
    InvalidCaCertificateRef,
    /// A reference is to a kind that is not supported.
    InvalidKind,
    /// Every reference leads to a usable object.
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

impl Imported {
    /// The standard policy of this name.
    pub(in crate::kubernetes) fn policy(&self, name: &ObjectName) -> Option<&ImportedPolicy> {
        self.policies.binary_search_by(|policy| policy.name.cmp(name)).ok().and_then(|found| self.policies.get(found))
    }
}
