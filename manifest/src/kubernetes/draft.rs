//! A policy and what it refers to become a draft, or the reasons why there is none.

use std::collections::BTreeMap;

use uptls::danger::DangerPermission;
use uptls::{
    MaterialDraft, Origin, PolicyDraft, PolicyError, PolicyErrorKind, PolicySpec, Problem, Problems, SanDraft,
    SystemTrustDraft, TrustDraft, UpstreamTlsPolicy,
};

use super::backend_tls_policy::{BackendTlsPolicy, CaRef, HOSTNAME, KIND, TargetRef, Validation};
use super::config_map::{Bundle, CA_KEY};
use super::documents::{Declared, Objects};
use super::imported::{Accepted, Diagnostic, Effect, ImportedPolicy, Provenance, ResolvedRefs, Target, TargetState};
use super::object::{ObjectName, quotable};
use crate::position::nearest;

/// Every policy, in the order of their names; which one has which target is not settled yet.
pub(super) fn policies(objects: &Objects) -> Vec<ImportedPolicy> {
    objects.policies.values().map(|declared| policy(objects, declared)).collect()
}

/// What is to be said about a policy.
pub(super) fn diagnostics(policy: &ImportedPolicy) -> Vec<Diagnostic> {
    let said = |effect: Effect, problem: &Problem| {
        Diagnostic::new(Some(format!("{KIND} {}", policy.name)), effect, problem.clone())
    };
    let mut found: Vec<_> =
        policy.draft.iter().flat_map(|_| policy.notices.iter()).map(|p| said(Effect::Notice, p)).collect();
    if let Err(problems) = &policy.draft {
        found.extend(problems.iter().map(|problem| said(Effect::NotReady, problem)));
    }
    for target in &policy.targets {
        if let Some(kind) = not_attached(target) {
            let problem = Problem::from(PolicyError::new(&target.path, kind)).with_origin(Some(target.origin.clone()));
            found.push(said(Effect::NotAttached, &problem));
        }
    }
    found
}

fn not_attached(target: &Target) -> Option<PolicyErrorKind> {
    match &target.state {
        TargetState::Attached => None,
        TargetState::Conflicted { winner } => Some(PolicyErrorKind::Conflicted { winner: format!("{KIND} {winner}") }),
        TargetState::SectionNotFound => {
            let port = quotable(target.section_name.as_deref().unwrap_or_default());
            let reason = format!("it has no TCP port called {port}");
            Some(PolicyErrorKind::ReferenceUnresolved { object: format!("{SERVICE} {}", target.name), reason })
        }
        TargetState::Unsupported => Some(unsupported(&target.group, &target.kind, SERVICE)),
    }
}

fn unsupported(group: &str, kind: &str, wanted: &str) -> PolicyErrorKind {
    let given = format!("the kind {} of the group {:?}", quotable(kind), quotable(group));
    PolicyErrorKind::UnsupportedOption { given, supported: vec![format!("{wanted} of the group \"\"")] }
}

fn policy(objects: &Objects, declared: &Declared<BackendTlsPolicy>) -> ImportedPolicy {
    let policy = &declared.value;
    let mut problems = policy.problems.clone();
    if let Some(again) = &declared.again {
        let first = &declared.origin;
        let reason = format!("it is declared twice, first in line {} of {}", first.line, first.document);
        let kind = PolicyErrorKind::DocumentParse { reason };
        problems.push(Problem::from(PolicyError::new("", kind)).with_origin(Some(again.clone())));
    }
    let mut linker = Linker { bundles: 0, objects, policy, provenance: BTreeMap::new(), unresolved: Vec::new() };
    let spec = policy.validation.as_ref().map(|validation| linker.spec(validation));
    let Linker { bundles, mut provenance, unresolved, .. } = linker;
    let resolved_refs = unresolved.first().map_or(ResolvedRefs::ResolvedRefs, |(reason, _)| *reason);
    let notices: Vec<_> = unresolved.into_iter().map(|(_, problem)| problem).collect();
    let accepted = match (problems.is_empty(), notices.is_empty() || bundles > 0) {
        (false, _) => Accepted::Invalid,
        (true, false) => Accepted::NoValidCaCertificate,
        (true, true) => Accepted::Accepted,
    };
    if accepted != Accepted::Accepted {
        problems.extend(notices.iter().cloned());
        provenance.clear();
    }
    let draft = finish(policy, spec.unwrap_or_default(), &provenance, problems);
    let accepted = if draft.is_err() && accepted == Accepted::Accepted { Accepted::Invalid } else { accepted };
    let targets = policy.targets.iter().map(|target| self::target(&policy.name, target)).collect();
    let (name, created) = (policy.name.clone(), policy.created);
    ImportedPolicy { accepted, created, draft, name, notices, provenance, resolved_refs, targets }
}

/// The draft, if nothing is wrong with it. The last word has the check that every draft has to pass.
fn finish(
    policy: &BackendTlsPolicy,
    spec: PolicySpec,
    provenance: &BTreeMap<String, Provenance>,
    problems: Vec<Problem>,
) -> Result<PolicyDraft, Problems> {
    let name = policy.name.to_string();
    let mut problems = problems.into_iter();
    if let Some(first) = problems.next() {
        return Err(Problems::new(Some(name), first, problems.collect()));
    }
    let mut draft = PolicyDraft::new(spec).with_name(name);
    draft.origins = provenance.iter().map(|(path, provenance)| (path.clone(), origin(provenance))).collect();
    UpstreamTlsPolicy::check(draft.clone(), DangerPermission::Forbidden).map(|_| draft)
}

/// As errors show it: material in another object is called by its name.
fn origin(provenance: &Provenance) -> Origin {
    let Provenance { object, origin, .. } = provenance;
    let document = match object.starts_with(KIND) {
        true => origin.document.clone(),
        false => format!("{object} key {CA_KEY} in {}", origin.document),
    };
    Origin::new(document, origin.line, origin.column)
}

fn target(policy: &ObjectName, target: &TargetRef) -> Target {
    let fields = target.fields.clone();
    Target {
        group: fields.group,
        kind: fields.kind,
        name: ObjectName::new(&policy.namespace, fields.name),
        origin: target.origin.clone(),
        path: target.path.clone(),
        section_name: fields.section_name.filter(|section| !section.is_empty()),
        state: TargetState::Attached,
    }
}

/// Maps the fields of one policy, and notes where each comes from.
struct Linker<'a> {
    bundles: usize,
    objects: &'a Objects,
    policy: &'a BackendTlsPolicy,
    provenance: BTreeMap<String, Provenance>,
    unresolved: Vec<(ResolvedRefs, Problem)>,
}

impl<'a> Linker<'a> {
    fn spec(&mut self, validation: &Validation) -> PolicySpec {
        let trust = self.trust(validation);
        self.field("spec.serverName", "spec.validation.hostname");
        let mut subject_alt_names = Vec::new();
        for (index, san) in validation.subject_alt_names.iter().enumerate() {
            let (ours, theirs) = match san.kind == HOSTNAME {
                true => ("dns", "hostname"),
                false => ("uri", "uri"),
            };
            let path = format!("spec.validation.subjectAltNames[{index}]");
            self.field(&format!("spec.subjectAltNames[{index}]"), &path);
            self.field(&format!("spec.subjectAltNames[{index}].{ours}"), &format!("{path}.{theirs}"));
            subject_alt_names.push(match san.kind == HOSTNAME {
                true => SanDraft::dns(san.hostname.clone().unwrap_or_default()),
                false => SanDraft::uri(san.uri.clone().unwrap_or_default()),
            });
        }
        PolicySpec { server_name: validation.hostname.clone(), subject_alt_names, trust, ..PolicySpec::default() }
    }

    fn trust(&mut self, validation: &Validation) -> TrustDraft {
        let mut trust = TrustDraft::default();
        if validation.well_known.is_some() {
            trust.system = SystemTrustDraft::Native;
            self.field("spec.trust.system", "spec.validation.wellKnownCACertificates");
        }
        if !validation.ca_certificate_refs.is_empty() {
            self.field("spec.trust.bundles", "spec.validation.caCertificateRefs");
        }
        for (index, reference) in validation.ca_certificate_refs.iter().enumerate() {
            let path = format!("spec.validation.caCertificateRefs[{index}]");
            match self.bundle(reference) {
                Ok((object, Bundle { field, origin, pem })) => {
                    let name = format!("{object} {field}");
                    let provenance = Provenance { field: field.clone(), object, origin: origin.clone() };
                    self.provenance.insert(format!("spec.trust.bundles[{}]", self.bundles), provenance);
                    self.bundles = self.bundles.saturating_add(1);
                    trust.bundles.push(MaterialDraft::pem(pem).named(name));
                }
                Err((reason, kind)) => {
                    let origin = nearest(&self.policy.origins, &path);
                    let problem = Problem::from(PolicyError::new(path, kind)).with_origin(origin);
                    self.unresolved.push((reason, problem));
                }
            }
        }
        trust
    }

    /// M3: exactly the key `ca.crt` of a ConfigMap of the same namespace.
    fn bundle(&self, reference: &CaRef) -> Result<(String, &'a Bundle), (ResolvedRefs, PolicyErrorKind)> {
        let CaRef { group, kind, name } = reference;
        if (group.as_str(), kind.as_str()) != ("", CONFIG_MAP) {
            return Err((ResolvedRefs::InvalidKind, unsupported(group, kind, CONFIG_MAP)));
        }
        let name = ObjectName::new(&self.policy.name.namespace, name);
        let object = format!("{CONFIG_MAP} {name}");
        let found = match self.objects.config_maps.get(&name) {
            None => Err(self.missing(&name)),
            Some(Declared { again: Some(again), origin, .. }) => Err(format!(
                "it is declared twice, in line {} of {} and in line {} of {}",
                origin.line, origin.document, again.line, again.document
            )),
            Some(Declared { value, .. }) => value.bundle.as_ref().map_err(Clone::clone),
        };
        match found {
            Ok(bundle) => Ok((object, bundle)),
            Err(reason) => {
                let kind = PolicyErrorKind::ReferenceUnresolved { object, reason };
                Err((ResolvedRefs::InvalidCaCertificateRef, kind))
            }
        }
    }

    /// A reference never leaves its namespace; that there is one elsewhere is only said.
    fn missing(&self, name: &ObjectName) -> String {
        let elsewhere = self.objects.config_maps.keys().find(|other| other.name == name.name);
        match elsewhere {
            None => "it is not among the manifests".to_owned(),
            Some(other) => format!(
                "it is not among the manifests; {other} is, but a CA reference does not leave the policy's namespace"
            ),
        }
    }

    /// Notes that our field `path` comes from the policy's field `field`.
    fn field(&mut self, path: &str, field: &str) {
        let Some(origin) = nearest(&self.policy.origins, field) else { return };
        let object = format!("{KIND} {}", self.policy.name);
        self.provenance.insert(path.to_owned(), Provenance { field: field.to_owned(), object, origin });
    }
}

const CONFIG_MAP: &str = "ConfigMap";
const SERVICE: &str = "Service";
