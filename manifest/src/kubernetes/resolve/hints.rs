//! For which backends there are policies, and why others have none: for a message.

use std::collections::{BTreeMap, BTreeSet};

use super::effective::EffectivePolicy;
use super::imported::{ImportedPolicy, TargetState};
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::object::{ObjectName, quotable};
use crate::kubernetes::read::backend_tls_policy::KIND;

/// What a message about a backend without a policy says. It is made once, when the first is wanted.
#[derive(Clone)]
pub(in crate::kubernetes) struct Hints {
    /// For which backends there are policies.
    candidates: BTreeSet<String>,
    /// Why a Service has no policy although one names it.
    missing_ports: BTreeMap<ObjectName, String>,
}

impl Hints {
    pub(super) fn new(standard: &[ImportedPolicy], policies: &[EffectivePolicy]) -> Self {
        Self { candidates: candidates(standard, policies), missing_ports: missing_ports(standard) }
    }

    /// Why there is no policy for the backend of this name.
    pub(super) fn why_none(&self, backend: &ObjectName) -> String {
        if let Some(reason) = self.missing_ports.get(backend) {
            return reason.clone();
        }
        let shown: Vec<_> = self.candidates.iter().take(SHOWN).map(String::as_str).collect();
        match (shown.as_slice(), self.candidates.len().saturating_sub(SHOWN)) {
            ([], _) => format!("no {KIND} is for any Service"),
            (some, 0) => format!("no {KIND} is for it, only for {}", some.join(", ")),
            (some, more) => format!("no {KIND} is for it, only for {} and {more} more", some.join(", ")),
        }
    }
}

/// For which backends there are policies: as targets have it, and those of objects that have no BackendTLSPolicy.
fn candidates(standard: &[ImportedPolicy], policies: &[EffectivePolicy]) -> BTreeSet<String> {
    let targets = standard.iter().flat_map(|policy| &policy.targets);
    let attached = targets.filter(|target| target.state == TargetState::Attached);
    let mut found: BTreeSet<_> = attached
        .map(|target| match (&target.section_name, target.kind.as_str()) {
            (Some(section), _) => format!("{} ({})", target.name, quotable(section)),
            (None, "Service") => target.name.to_string(),
            (None, kind) => format!("{kind}/{}", target.name),
        })
        .collect();
    let of_standard = |policy: &&EffectivePolicy| policy.sources.iter().any(|source| source.kind == KIND);
    let has_no_target =
        |policy: &&EffectivePolicy| policy.backend_kind == BackendKind::Upstream || !of_standard(policy);
    found.extend(policies.iter().filter(has_no_target).map(|policy| match policy.backend_kind {
        BackendKind::Service => policy.backend.to_string(),
        kind => format!("{kind}/{}", policy.backend),
    }));
    found
}

/// What policies are for ports that a backend has not, as a reason.
fn missing_ports(policies: &[ImportedPolicy]) -> BTreeMap<ObjectName, String> {
    let mut missing = BTreeMap::new();
    for policy in policies {
        for target in &policy.targets {
            let port = quotable(target.section_name.as_deref().unwrap_or_default());
            let reason = match target.state {
                TargetState::SectionNotFound => format!("is for its port {port}, and it has none of that name"),
                TargetState::ProtocolNotSupported => "is for a port of it that is not for TCP".to_owned(),
                _ => continue,
            };
            let reason = format!("{KIND} {} {reason}", policy.name);
            missing.entry(target.name.clone()).or_insert(reason);
        }
    }
    missing
}

const SHOWN: usize = 5;
