//! `gateway.networking.k8s.io BackendTLSPolicy` (v1, v1alpha3): what was written, and whether its CRD permits it (M2).

use std::collections::BTreeSet;

use serde::Deserialize;
use uptls::{ByPath, Origin, PolicyErrorKind, Problem};

use super::crd;
use super::crd::{check_items, violated};
use super::meta::{Created, Meta, created};
use super::object::{field, is_plain, stands_twice};
use super::validation::{Validation, check_validation};
use crate::decode::{decode_at, unknown_field};
use crate::kubernetes::model::object::ObjectName;
use crate::node::{Node, Value};
use crate::position::{Notes, Place};

/// One policy. With problems it is not ready, and keeps its targets all the same.
pub(in crate::kubernetes) struct BackendTlsPolicy {
    pub(in crate::kubernetes) created: Created,
    pub(in crate::kubernetes) meta: Meta,
    /// `spec.options`: whose keys they are, reads them.
    pub(in crate::kubernetes) options: Option<Node>,
    /// Where the fields of `spec.validation` were written.
    pub(in crate::kubernetes) origins: ByPath<Origin>,
    pub(in crate::kubernetes) problems: Vec<Problem>,
    /// Whether a part of what it is for cannot be read: it may be for any backend of its namespace.
    pub(in crate::kubernetes) stray: bool,
    pub(in crate::kubernetes) targets: Vec<TargetRef>,
    pub(in crate::kubernetes) validation: Option<Validation>,
}

/// What it is for.
#[derive(Clone, Debug)]
pub(in crate::kubernetes) struct TargetRef {
    pub(in crate::kubernetes) fields: TargetFields,
    /// `spec.targetRefs[0]`
    pub(in crate::kubernetes) path: String,
    pub(in crate::kubernetes) origin: Origin,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::kubernetes) struct TargetFields {
    pub(in crate::kubernetes) group: String,
    pub(in crate::kubernetes) kind: String,
    pub(in crate::kubernetes) name: String,
    #[serde(default)]
    pub(in crate::kubernetes) section_name: Option<String>,
}

impl BackendTlsPolicy {
    /// With the problems and places that were noted while it was read.
    pub(in crate::kubernetes) fn with_notes(mut self, notes: Notes<'_>) -> Self {
        let (problems, mut origins) = notes.into_parts();
        // What else has a place has no field in a draft.
        origins.retain(|path, _| path.starts_with(VALIDATION));
        (self.problems, self.origins) = (problems, origins.into());
        self
    }
}

/// The policy `node`, with all problems noted; `None` if it has no name.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<BackendTlsPolicy> {
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
    let (origins, problems) = (ByPath::default(), Vec::new());
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
pub(in crate::kubernetes) fn stray_reason(kind: &str, name: &ObjectName) -> String {
    format!("what {kind} {name} is for cannot be read, so it may be for any backend of its namespace")
}

/// A newer standard may demand another check by an unknown field.
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
        let reason = entry.value.mismatch("a list");
        notes.parse_problem(TARGETS, entry.place, reason);
        strays.note(TARGETS, entry.place);
        return Vec::new();
    };
    check_items(notes, TARGETS, nodes.len(), 1, 16);
    let mut targets = Vec::with_capacity(nodes.len());
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
    let mut validation: Validation = decode_at(entry.value.clone(), notes, VALIDATION, entry.place)?;
    validation.ca_certificate_refs.shrink_to_fit();
    Some(validation)
}

/// Whose keys they are, they mean something to.
fn read_options<'n>(spec: &'n Node, notes: &Notes<'_>) -> Option<&'n Node> {
    let entry = field(spec, "spec", "options", notes)?;
    if let Value::Map(entries) = &entry.value.value {
        check_items(notes, "spec.options", entries.len(), 0, 16);
        return Some(&entry.value);
    }
    let reason = entry.value.mismatch("a map");
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

pub(in crate::kubernetes) const API_VERSION: &str = "gateway.networking.k8s.io/v1";
/// The same in its last version before.
pub(in crate::kubernetes) const API_VERSION_ALPHA: &str = "gateway.networking.k8s.io/v1alpha3";
pub(in crate::kubernetes) const GROUP: &str = "gateway.networking.k8s.io/";
pub(in crate::kubernetes) const KIND: &str = "BackendTLSPolicy";
const FIELDS: [&str; 3] = ["options", "targetRefs", "validation"];
const TARGET_FIELDS: [&str; 4] = ["group", "kind", "name", "sectionName"];
const TARGETS: &str = "spec.targetRefs";
const VALIDATION: &str = "spec.validation";
