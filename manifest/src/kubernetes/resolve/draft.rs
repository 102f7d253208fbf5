//! A policy and what it refers to become a draft, or the reasons why there is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use uptls::danger::DangerPermission;
use uptls::{
    ByPath, MaterialDraft, Origin, PolicyDraft, PolicyError, PolicyErrorKind, PolicySpec, Problem, Problems, SanDraft,
    SystemTrustDraft, TrustDraft, UpstreamTlsPolicy, check_trust_bundle,
};

use super::depends::Dependencies;
use super::imported::{Accepted, ImportedPolicy, ResolvedRefs, Target, TargetState};
use super::link;
use super::link::PublicText;
use super::precedence;
use crate::kubernetes::model::diagnostic::{Diagnostic, Effect};
use crate::kubernetes::model::object::{ObjectName, ObjectRef, quotable};
use crate::kubernetes::model::provenance::Provenance;
use crate::kubernetes::read::backend_tls_policy::{BackendTlsPolicy, KIND, TargetRef};
use crate::kubernetes::read::cluster_trust_bundle;
use crate::kubernetes::read::objects::{Declared, Objects};
use crate::kubernetes::read::validation::{CaRef, HOSTNAME, Validation};

/// Every policy, in the order of their names; which one has which target is not settled yet.
pub(in crate::kubernetes) fn policies(objects: &Objects) -> Vec<ImportedPolicy> {
    objects.policies.values().map(|declared| policy(objects, declared)).collect()
}

/// What is to be said about a policy.
pub(in crate::kubernetes) fn diagnostics(policy: &ImportedPolicy) -> Vec<Diagnostic> {
    let said = |effect: Effect, problem: &Problem| {
        Diagnostic::new(Some(ObjectRef::of(KIND, &policy.name)), effect, problem.clone())
    };
    let mut found: Vec<_> =
        policy.draft.iter().flat_map(|_| policy.notices.iter()).map(|p| said(Effect::Notice, p)).collect();
    if let Err(problems) = &policy.draft {
        found.extend(problems.iter().map(|problem| said(Effect::NotReady, problem)));
    }
    let lost = policy.targets.iter().filter_map(|target| not_attached(target, &target.state));
    found.extend(lost.map(|problem| said(Effect::NotAttached, &problem)));
    found
}

/// Why the policy is not used for a target in this state.
pub(in crate::kubernetes) fn not_attached(target: &Target, state: &TargetState) -> Option<Problem> {
    let error = PolicyError::new(&target.path, reason(target, state)?);
    Some(Problem::from(error).with_origin(Some(target.origin.clone())))
}

fn reason(target: &Target, state: &TargetState) -> Option<PolicyErrorKind> {
    let object = || format!("{} {}", target.kind, target.name);
    match state {
        TargetState::Attached => None,
        TargetState::Conflicted { winner } => Some(PolicyErrorKind::Conflicted { winner: format!("{KIND} {winner}") }),
        TargetState::NotFound => {
            let reason = "it is not there, and all objects are".to_owned();
            Some(PolicyErrorKind::ReferenceUnresolved { object: object(), reason })
        }
        TargetState::ProtocolNotSupported => {
            let port = target.section_name.as_deref().map(|port| format!(" for the port {}", quotable(port)));
            let given = format!("a protocol other than TCP{} of {}", port.unwrap_or_default(), object());
            Some(PolicyErrorKind::UnsupportedOption { given, supported: vec!["TCP".to_owned()] })
        }
        TargetState::SectionNotFound => {
            let port = quotable(target.section_name.as_deref().unwrap_or_default());
            let reason = format!("it has no TCP port called {port}");
            Some(PolicyErrorKind::ReferenceUnresolved { object: object(), reason })
        }
        TargetState::Unsupported => Some(unsupported(&target.group, &target.kind, &[SERVICE])),
    }
}

fn unsupported(group: &str, kind: &str, wanted: &[&str]) -> PolicyErrorKind {
    let given = format!("the kind {} of the group {:?}", quotable(kind), quotable(group));
    let supported = wanted.iter().map(|wanted| format!("{wanted} of the group \"\"")).collect();
    PolicyErrorKind::UnsupportedOption { given, supported }
}

/// One policy; which of its targets it has is not settled yet.
pub(in crate::kubernetes) fn policy(objects: &Objects, declared: &Declared<BackendTlsPolicy>) -> ImportedPolicy {
    let policy = &declared.value;
    let mut problems = policy.problems.clone();
    problems.extend(objects.options.get(&policy.meta.name).iter().flat_map(|options| &options.problems).cloned());
    if let Some(again) = &declared.again {
        let first = &declared.origin;
        let reason = format!("it is declared twice, first in line {} of {}", first.line, first.document);
        let kind = PolicyErrorKind::DocumentParse { reason };
        problems.push(Problem::from(PolicyError::new("", kind)).with_origin(Some((**again).clone())));
    }
    let dependencies = Dependencies::default();
    let written =
        WrittenValidation { kind: KIND, name: &policy.meta.name, origins: &policy.origins, path: "spec.validation" };
    let mut linker = Linker::new(objects, written, &dependencies);
    let spec = policy.validation.as_ref().map(|validation| linker.spec(validation));
    let Linked { bundles, mut provenance, unresolved } = linker.finish();
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
    let targets = policy.targets.iter().map(|target| self::target(objects, &policy.meta.name, target)).collect();
    let (age, created, name, stray) =
        (policy.created, policy.created.seconds(), policy.meta.name.clone(), policy.stray);
    let depends_on = dependencies.into_slice();
    ImportedPolicy {
        accepted,
        age,
        created,
        depends_on,
        draft,
        name,
        notices,
        provenance: provenance.into(),
        resolved_refs,
        stray,
        targets,
    }
}

/// The draft, if nothing is wrong with it. The last word has the check that every draft has to pass.
fn finish(
    policy: &BackendTlsPolicy,
    spec: PolicySpec,
    provenance: &BTreeMap<String, Provenance>,
    problems: Vec<Problem>,
) -> Result<PolicyDraft, Problems> {
    let name = policy.meta.name.to_string();
    let mut problems = problems.into_iter();
    if let Some(first) = problems.next() {
        return Err(Problems::new(Some(name), first, problems.collect()));
    }
    let mut draft = PolicyDraft::new(spec).with_name(name);
    draft.origins = provenance.iter().map(|(path, provenance)| (path.clone(), origin(provenance))).collect();
    // Whether what the standard gives up is permitted (M9), is the caller's to say, later.
    UpstreamTlsPolicy::check(draft.clone(), DangerPermission::Allowed).map(|_| draft)
}

/// As errors show it: material in another object is called by its name.
pub(in crate::kubernetes) fn origin(provenance: &Provenance) -> Origin {
    let Provenance { field, object, origin } = provenance;
    let key = field.split_once('.').map(|(_, key)| key);
    let document = match key.filter(|_| [CONFIG_MAP, SECRET].contains(&&*object.kind)) {
        None => Arc::clone(&origin.document),
        Some(key) => format!("{object} key {key} in {}", origin.document).into(),
    };
    Origin::new(document, origin.line, origin.column)
}

fn target(objects: &Objects, policy: &ObjectName, target: &TargetRef) -> Target {
    let fields = target.fields.clone();
    let mut target = Target {
        group: fields.group,
        kind: fields.kind,
        name: ObjectName::new(&policy.namespace, fields.name),
        origin: target.origin.clone(),
        path: target.path.clone(),
        section_name: fields.section_name.filter(|section| !section.is_empty()),
        state: TargetState::Attached,
    };
    target.state = precedence::attachable(&target, &objects.services);
    target
}

/// A `validation`, and the object that it stands in.
#[derive(Clone, Copy)]
pub(in crate::kubernetes) struct WrittenValidation<'a> {
    pub(in crate::kubernetes) kind: &'static str,
    pub(in crate::kubernetes) name: &'a ObjectName,
    pub(in crate::kubernetes) origins: &'a ByPath<Origin>,
    /// `spec.validation`
    pub(in crate::kubernetes) path: &'static str,
}

/// Maps the fields of one policy, and notes where each comes from.
pub(in crate::kubernetes) struct Linker<'a> {
    bundles: usize,
    dependencies: &'a Dependencies,
    objects: &'a Objects,
    provenance: BTreeMap<String, Provenance>,
    unresolved: Vec<(ResolvedRefs, Problem)>,
    written: WrittenValidation<'a>,
}

/// What came of it.
pub(in crate::kubernetes) struct Linked {
    pub(in crate::kubernetes) bundles: usize,
    pub(in crate::kubernetes) provenance: BTreeMap<String, Provenance>,
    pub(in crate::kubernetes) unresolved: Vec<(ResolvedRefs, Problem)>,
}

impl<'a> Linker<'a> {
    pub(in crate::kubernetes) fn new(
        objects: &'a Objects,
        written: WrittenValidation<'a>,
        dependencies: &'a Dependencies,
    ) -> Self {
        Self { bundles: 0, dependencies, objects, provenance: BTreeMap::new(), unresolved: Vec::new(), written }
    }

    pub(in crate::kubernetes) fn finish(self) -> Linked {
        let Self { bundles, provenance, unresolved, .. } = self;
        Linked { bundles, provenance, unresolved }
    }

    pub(in crate::kubernetes) fn spec(&mut self, validation: &Validation) -> PolicySpec {
        let trust = self.trust(validation);
        let root = self.written.path;
        self.field("spec.serverName", &format!("{root}.hostname"));
        let mut subject_alt_names = Vec::new();
        for (index, san) in validation.subject_alt_names.iter().enumerate() {
            let (ours, theirs) = match san.kind == HOSTNAME {
                true => ("dns", "hostname"),
                false => ("uri", "uri"),
            };
            let path = format!("{root}.subjectAltNames[{index}]");
            self.field(&format!("spec.subjectAltNames[{index}]"), &path);
            self.field(&format!("spec.subjectAltNames[{index}].{ours}"), &format!("{path}.{theirs}"));
            subject_alt_names.push(match san.kind == HOSTNAME {
                true => SanDraft::dns(san.hostname.clone().unwrap_or_default()),
                false => SanDraft::uri(san.uri.clone().unwrap_or_default()),
            });
        }
        let mut spec =
            PolicySpec { server_name: validation.hostname.clone(), subject_alt_names, trust, ..PolicySpec::default() };
        if let Some((danger, path)) = validation.danger(&format!("{} {}", self.written.kind, self.written.name)) {
            spec.danger = danger;
            self.field(path, &format!("{root}.mode"));
        }
        spec
    }

    fn trust(&mut self, validation: &Validation) -> TrustDraft {
        let mut trust = TrustDraft::default();
        let root = self.written.path;
        if validation.well_known.is_some() {
            trust.system = SystemTrustDraft::Native;
            self.field("spec.trust.system", &format!("{root}.wellKnownCACertificates"));
        }
        if !validation.ca_certificate_refs.is_empty() {
            self.field("spec.trust.bundles", &format!("{root}.caCertificateRefs"));
        }
        let path = |index: usize| format!("{root}.caCertificateRefs[{index}]");
        let mut found = Vec::new();
        for (index, reference) in validation.ca_certificate_refs.iter().enumerate() {
            match self.bundle(reference) {
                Ok(material) => found.push((index, material)),
                Err((reason, kind)) => self.unresolved(reason, PolicyError::new(path(index), kind).into(), index),
            }
        }
        let sound = self.sound(found, &path);
        trust.bundles.reserve_exact(sound.len());
        for material in sound {
            let name = format!("{} {}", material.provenance.object, material.provenance.field);
            self.provenance.insert(format!("spec.trust.bundles[{}]", self.bundles), material.provenance);
            self.bundles = self.bundles.saturating_add(1);
            trust.bundles.push(MaterialDraft::pem(material.pem).named(name));
        }
        trust
    }

    /// M3: a broken text counts as a reference that leads nowhere, and its problem says which block is broken (T2).
    fn sound(&mut self, found: Vec<(usize, PublicText)>, path: &dyn Fn(usize) -> String) -> Vec<PublicText> {
        let judge = |(index, material): (usize, PublicText)| {
            let PublicText { is_sound, pem, provenance } = &material;
            if *is_sound {
                return (index, material, None);
            }
            let error = check_trust_bundle(&path(index), &provenance.object.to_string(), pem.as_bytes()).err();
            (index, material, error)
        };
        let mut kept = Vec::new();
        for (index, material, error) in found.into_iter().map(judge) {
            match error {
                None => kept.push(material),
                Some(error) => self.unresolved(ResolvedRefs::InvalidCaCertificateRef, error.into(), index),
            }
        }
        kept
    }

    fn unresolved(&mut self, reason: ResolvedRefs, problem: Problem, index: usize) {
        let path = format!("{}.caCertificateRefs[{index}]", self.written.path);
        let origin = self.written.origins.nearest(&path).cloned();
        self.unresolved.push((reason, problem.with_origin(origin)));
        self.unresolved.sort_by_key(|(_, problem)| problem.path().to_owned());
    }

    /// M3: exactly the key `ca.crt` of a ConfigMap or a Secret of the same namespace.
    fn bundle(&self, reference: &CaRef) -> Result<PublicText, (ResolvedRefs, PolicyErrorKind)> {
        let CaRef { group, kind, name } = reference;
        let name = ObjectName::new(&self.written.name.namespace, name);
        let found = match (group.as_str(), kind.as_str()) {
            ("", CONFIG_MAP) => link::config_map_bundle(self.objects, self.dependencies, &name),
            ("", SECRET) => link::secret_bundle(self.objects, self.dependencies, &name),
            (cluster_trust_bundle::GROUP, cluster_trust_bundle::KIND) => {
                let found = link::cluster_bundle(self.objects, self.dependencies, &name.name);
                let unsupported = || (ResolvedRefs::InvalidKind, unsupported(group, kind, CA_KINDS));
                found.ok_or_else(unsupported)?
            }
            _ => return Err((ResolvedRefs::InvalidKind, unsupported(group, kind, CA_KINDS))),
        };
        found.map_err(|kind| (ResolvedRefs::InvalidCaCertificateRef, kind))
    }

    /// Notes that our field `path` comes from the policy's field `field`.
    fn field(&mut self, path: &str, field: &str) {
        let Some(origin) = self.written.origins.nearest(field).cloned() else { return };
        let object = ObjectRef::of(self.written.kind, self.written.name);
        self.provenance.insert(path.to_owned(), Provenance { field: field.to_owned(), object, origin });
    }
}

const CA_KINDS: &[&str] = &[CONFIG_MAP, SECRET];
const CONFIG_MAP: &str = "ConfigMap";
const SECRET: &str = "Secret";
const SERVICE: &str = "Service";
