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

/// All policies of an import, by name, and what was found while they were read.
#[derive(Clone)]
#[non_exhaustive]
pub struct Imported {
    /// What is to be said: first about documents, in the order of their names and lines, then about policies.
    pub diagnostics: Vec<Diagnostic>,
    /// How many objects of kinds that are not read there are: `apps/v1 Deployment`.
    pub ignored: BTreeMap<String, usize>,
    /// Every policy, ready or not.
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
    /// When it was created, unix seconds; `None` too where what is written is no time.
    pub created: Option<u64>,
    /// Every object that it refers to, whether it is there or not.
    pub depends_on: Box<[Dependency]>,
    /// The policy, or everything that is wrong with it.
    pub draft: Result<PolicyDraft, Problems>,
    /// Which object.
    pub name: ObjectName,
    /// What is wrong without keeping the policy from being used: references that are left out of the trust (M3).
    pub notices: Vec<Problem>,
    /// Where each field of the draft comes from, by its path (M7).
    pub provenance: ByPath<Provenance>,
    /// The reason of its condition `ResolvedRefs`.
    pub resolved_refs: ResolvedRefs,
    /// Whether it may be for any backend of its namespace, since what it is for cannot be read.
    pub(in crate::kubernetes) stray: bool,
    /// What it is for, as far as that can be read.
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
    /// It is not there, where the caller says that all objects are.
    NotFound,
    /// The port is not for TCP, or none of the Service is, and TLS is over nothing else here.
    ProtocolNotSupported,
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

impl Imported {
    /// The standard policy of this name.
    pub(in crate::kubernetes) fn policy(&self, name: &ObjectName) -> Option<&ImportedPolicy> {
        self.policies.binary_search_by(|policy| policy.name.cmp(name)).ok().and_then(|found| self.policies.get(found))
    }
}
