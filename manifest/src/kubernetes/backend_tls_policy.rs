//! `gateway.networking.k8s.io BackendTLSPolicy` (v1, v1alpha3): what was written, and whether its CRD permits it (M2).

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use uptls::{DnsName, NameError, Origin, PolicyErrorKind, Problem, UriName};

use super::crd::{self, check_items, violated};
use super::object::{ObjectName, field, is_plain, quotable, stands_twice};
use super::standard::meta::{Created, created};
use super::standard::{Meta, mode};
use crate::decode::{decode_at, unknown_field};
use crate::node::{Node, Value};
use crate::position::{Notes, Place};

/// One policy. With problems it is not ready, and keeps its targets all the same.
pub(super) struct BackendTlsPolicy {
    pub(super) created: Created,
    pub(super) meta: Meta,
    /// `spec.options`: whose keys they are, reads them.
    pub(super) options: Option<Node>,
    /// Where its fields were written.
    pub(super) origins: BTreeMap<String, Origin>,
    pub(super) problems: Vec<Problem>,
    /// Whether a part of what it is for cannot be read: it may be for any backend of its namespace.
    pub(super) stray: bool,
    pub(super) targets: Vec<TargetRef>,
    pub(super) validation: Option<Validation>,
}

/// What it is for.
#[derive(Clone, Debug)]
pub(super) struct TargetRef {
    pub(super) fields: TargetFields,
    /// `spec.targetRefs[0]`
    pub(super) path: String,
    pub(super) origin: Origin,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TargetFields {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) section_name: Option<String>,
}

/// `spec.validation`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub(super) struct Validation {
    pub(super) ca_certificate_refs: Vec<CaRef>,
    pub(super) hostname: Option<String>,
    /// Of a proposal for the standard (M9).
    pub(super) mode: Option<String>,
    pub(super) subject_alt_names: Vec<SubjectAltName>,
    #[serde(rename = "wellKnownCACertificates")]
    pub(super) well_known: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaRef {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) name: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SubjectAltName {
    #[serde(default)]
    pub(super) hostname: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) uri: Option<String>,
}

impl BackendTlsPolicy {
    /// With the problems and places that were noted while it was read.
    pub(super) fn with_notes(mut self, notes: Notes<'_>) -> Self {
        (self.problems, self.origins) = notes.into_parts();
        self
    }
}

/// The policy `node`, with all problems noted; `None` if it has no name.
pub(super) fn read(node: &Node, notes: &Notes<'_>) -> Option<BackendTlsPolicy> {
    let meta = Meta::read(node, notes)?;
    let created = created(node, notes);
    let (mut options, mut targets, mut validation) = (None, Vec::new(), None);
    let mut strays = Strays { found: false, name: &meta.name, notes };
    if stands_twice(node, "spec") {
        strays.note("", node.place);
    }
    if let Some(spec) = field(node, "", "spec", notes) {
        unknown_fields(&spec.value, notes);
        targets = read_targets(&spec.value, &mut strays);
        validation = read_validation(&spec.value, notes);
        options = read_options(&spec.value, notes).cloned();
    } else {
        notes.parse_problem("", node.place, "the field spec is missing");
        strays.note("", node.place);
    }
    let stray = strays.found;
    check_targets(&targets, notes);
    if let Some(validation) = &validation {
        check_validation(validation, VALIDATION, notes);
    }
    let (origins, problems) = (BTreeMap::new(), Vec::new());
    Some(BackendTlsPolicy { created, meta, options, origins, problems, stray, targets, validation })
}

/// Where it cannot be read what a policy is for.
struct Strays<'a> {
    found: bool,
    name: &'a ObjectName,
    notes: &'a Notes<'a>,
}

impl Strays<'_> {
    fn note(&mut self, path: &str, place: Place) {
        self.notes.parse_problem(path, place, stray_reason(KIND, self.name));
        self.found = true;
    }
}

/// Why the backends of a namespace have no policy while one of its objects does not say what it is for.
pub(super) fn stray_reason(kind: &str, name: &ObjectName) -> String {
    format!("what {kind} {name} is for cannot be read, so it may be for any backend of its namespace")
}

/// A newer standard may mean another check by a field that nobody knows here.
fn unknown_fields(spec: &Node, notes: &Notes<'_>) {
    let Value::Map(entries) = &spec.value else { return };
    for entry in entries.iter().filter(|entry| !FIELDS.contains(&entry.key.as_str())) {
        let is_taken = |name: &str| spec.field(name).is_some();
        notes.problem("spec", entry.place, unknown_field("spec", &entry.key, &FIELDS, &is_taken));
    }
}

/// The targets that can be read. What else stands there or in their place may be for any backend, and so may whatever a
/// field of `spec` that is not known selects: it is noted, never passed over.
fn read_targets(spec: &Node, strays: &mut Strays<'_>) -> Vec<TargetRef> {
    let notes = strays.notes;
    if let Value::Map(entries) = &spec.value {
        let unknown = entries.iter().filter(|entry| !FIELDS.contains(&entry.key.as_str()));
        let second = entries.iter().filter(|entry| entry.key == "targetRefs").skip(1);
        unknown.chain(second).for_each(|entry| strays.note("spec", entry.place));
    }
    let Some(entry) = field(spec, "spec", "targetRefs", notes) else {
        violated(notes, TARGETS, "", &format!("{TARGETS} in body should have at least 1 items"));
        strays.note("spec", spec.place);
        return Vec::new();
    };
    let Value::List(nodes) = &entry.value.value else {
        let reason = format!("{} stands where a list is wanted", entry.value.describe());
        notes.parse_problem(TARGETS, entry.place, reason);
        strays.note(TARGETS, entry.place);
        return Vec::new();
    };
    check_items(notes, TARGETS, nodes.len(), 1, 16);
    let mut targets = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        let path = format!("{TARGETS}[{index}]");
        notes.origin(&path, node.place);
        let fields = decode_at(node.clone(), notes, &path, node.place);
        if fields.is_none() || !is_plain(node, &TARGET_FIELDS) {
            strays.note(&path, node.place);
        }
        targets.extend(fields.map(|fields| TargetRef { fields, path, origin: notes.at(node.place) }));
    }
    targets
}

fn read_validation(spec: &Node, notes: &Notes<'_>) -> Option<Validation> {
    let Some(entry) = field(spec, "spec", "validation", notes) else {
        notes.near("spec", PolicyErrorKind::DocumentParse { reason: "the field validation is missing".to_owned() });
        return None;
    };
    decode_at(entry.value.clone(), notes, VALIDATION, entry.place)
}

/// Whose keys they are, they mean something to.
fn read_options<'n>(spec: &'n Node, notes: &Notes<'_>) -> Option<&'n Node> {
    let entry = field(spec, "spec", "options", notes)?;
    if let Value::Map(entries) = &entry.value.value {
        check_items(notes, "spec.options", entries.len(), 0, 16);
        return Some(&entry.value);
    }
    let reason = format!("{} stands where a map is wanted", entry.value.describe());
    notes.parse_problem("spec.options", entry.place, reason);
    None
}

fn check_targets(targets: &[TargetRef], notes: &Notes<'_>) {
    let mut seen: BTreeSet<(&str, &str, &str, Option<&str>)> = BTreeSet::new();
    let (mut repeated, mut mixed) = (false, false);
    for TargetRef { fields, path, .. } in targets {
        let TargetFields { group, kind, name, section_name } = fields;
        crd::GROUP.check(notes, &format!("{path}.group"), group);
        crd::KIND.check(notes, &format!("{path}.kind"), kind);
        crd::NAME.check(notes, &format!("{path}.name"), name);
        let section = section_name.as_deref();
        if let Some(section) = section {
            crd::SECTION.check(notes, &format!("{path}.sectionName"), section);
        }
        let section = section.filter(|section| !section.is_empty());
        let same = |other: &&(&str, &str, &str, Option<&str>)| (other.0, other.1, other.2) == (group, kind, name);
        mixed |= seen.iter().filter(same).any(|other| other.3.is_some() != section.is_some());
        repeated |= !seen.insert((group, kind, name, section));
    }
    if mixed {
        violated(
            notes,
            TARGETS,
            "",
            "sectionName must be specified when targetRefs includes 2 or more references to the same target",
        );
    }
    if repeated {
        violated(
            notes,
            TARGETS,
            "",
            "sectionName must be unique when targetRefs includes 2 or more references to the same target",
        );
    }
}

/// Notes whatever is wrong with the `validation` at `at`: in a BackendTLSPolicy, or in another object that has one.
pub(super) fn check_validation(validation: &Validation, at: &str, notes: &Notes<'_>) {
    let Validation { ca_certificate_refs, hostname, mode: _, subject_alt_names, well_known } = validation;
    mode::check(validation, at, notes);
    check_items(notes, &format!("{at}.caCertificateRefs"), ca_certificate_refs.len(), 0, 8);
    for (index, CaRef { group, kind, name }) in ca_certificate_refs.iter().enumerate() {
        let path = format!("{at}.caCertificateRefs[{index}]");
        crd::GROUP.check(notes, &format!("{path}.group"), group);
        crd::KIND.check(notes, &format!("{path}.kind"), kind);
        crd::NAME.check(notes, &format!("{path}.name"), name);
    }
    if let Some(well_known) = well_known {
        check_well_known(well_known, &format!("{at}.wellKnownCACertificates"), notes);
    }
    match (ca_certificate_refs.is_empty(), well_known.as_deref().unwrap_or_default().is_empty()) {
        (true, true) if !validation.needs_trust() => {}
        (true, true) => violated(notes, at, "", "must specify either CACertificateRefs or WellKnownCACertificates"),
        (false, false) => {
            violated(notes, at, "", "must not contain both CACertificateRefs and WellKnownCACertificates");
        }
        _ => {}
    }
    let path = &format!("{at}.hostname");
    let hostname = hostname.as_deref().unwrap_or_default();
    crd::PRECISE_HOSTNAME.check(notes, path, hostname);
    check_name(notes, path, hostname, DnsName::parse(hostname).err());
    check_items(notes, &format!("{at}.subjectAltNames"), subject_alt_names.len(), 0, 5);
    for (index, san) in subject_alt_names.iter().enumerate() {
        check_san(san, &format!("{at}.subjectAltNames[{index}]"), notes);
    }
}

fn check_well_known(text: &str, path: &str, notes: &Notes<'_>) {
    crd::WELL_KNOWN.check(notes, path, text);
    if text != SYSTEM && crd::WELL_KNOWN.permits(text) {
        let kind = PolicyErrorKind::UnsupportedOption { given: text.to_owned(), supported: vec![SYSTEM.to_owned()] };
        notes.near(path, kind);
    }
}

fn check_san(san: &SubjectAltName, path: &str, notes: &Notes<'_>) {
    let given = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned);
    let (hostname, uri) = (given(&san.hostname), given(&san.uri));
    if !SAN_TYPES.contains(&san.kind.as_str()) {
        let supported = SAN_TYPES.map(str::to_owned).to_vec();
        notes.near(
            &format!("{path}.type"),
            PolicyErrorKind::UnsupportedOption { given: quotable(&san.kind).to_owned(), supported },
        );
        return;
    }
    let is_hostname = san.kind == HOSTNAME;
    for (name, value, wanted) in [("Hostname", &hostname, is_hostname), ("URI", &uri, !is_hostname)] {
        if wanted && value.is_none() {
            let rule = format!("SubjectAltName element must contain {name}, if Type is set to {name}");
            violated(notes, path, "", &rule);
        } else if !wanted && value.is_some() {
            let rule = format!("SubjectAltName element must not contain {name}, if Type is not set to {name}");
            violated(notes, path, "", &rule);
        }
    }
    if let Some(hostname) = hostname.filter(|_| is_hostname) {
        let path = format!("{path}.hostname");
        crd::HOSTNAME.check(notes, &path, &hostname);
        let rest = hostname.strip_prefix("*.").unwrap_or(&hostname);
        check_name(notes, &path, &hostname, DnsName::parse(rest).err());
    }
    if let Some(uri) = uri.filter(|_| !is_hostname) {
        let path = format!("{path}.uri");
        crd::URI.check(notes, &path, &uri);
        check_name(notes, &path, &uri, UriName::parse(&uri).err());
    }
}

/// What the CRD's pattern lets through and no certificate can hold: an IP address, a label of 64 bytes.
pub(super) fn check_name(notes: &Notes<'_>, path: &str, given: &str, error: Option<NameError>) {
    let Some(reason) = error.filter(|_| !given.is_empty() && !notes.has_problem(path)) else { return };
    let given = given.to_owned();
    notes.near(
        path,
        match reason {
            NameError::IpLiteral => {
                PolicyErrorKind::Invalid { given, wanted: "a DNS name; IP addresses are not allowed".to_owned() }
            }
            reason => PolicyErrorKind::NameInvalid { given, reason },
        },
    );
}

pub(super) const API_VERSION: &str = "gateway.networking.k8s.io/v1";
/// The same in its last version before.
pub(super) const API_VERSION_ALPHA: &str = "gateway.networking.k8s.io/v1alpha3";
pub(super) const GROUP: &str = "gateway.networking.k8s.io/";
pub(super) const HOSTNAME: &str = "Hostname";
pub(super) const KIND: &str = "BackendTLSPolicy";
pub(super) const SYSTEM: &str = "System";
const FIELDS: [&str; 3] = ["options", "targetRefs", "validation"];
const SAN_TYPES: [&str; 2] = [HOSTNAME, "URI"];
const TARGET_FIELDS: [&str; 4] = ["group", "kind", "name", "sectionName"];
const TARGETS: &str = "spec.targetRefs";
const VALIDATION: &str = "spec.validation";
