//! From texts to objects: which kinds are read, and by whom.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use uptls::{Origin, PolicyError, PolicyErrorKind, Problem};

use super::backend_tls_policy::{self, BackendTlsPolicy};
use super::config_map::{self, ConfigMap};
use super::extension::{Extension, Vendor};
use super::imported::{Diagnostic, Effect, Imported};
use super::object::ObjectName;
use super::service::{self, Service};
use super::standard::{Gateway, Meta, ReferenceGrant, Route, SecretObject, XBackend};
use super::{draft, precedence};
use crate::decode::is_word;
use crate::node::{Node, Value};
use crate::position::{Fault, Notes};
use crate::{source, yaml};

/// The kinds that are read. A kind that is added needs a row in [`KINDS`], a reader and a place in [`Objects`].
#[derive(Clone, Copy)]
enum Kind {
    BackendTlsPolicy,
    ConfigMap,
    List,
    Service,
}

/// All objects that have been read so far.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) config_maps: BTreeMap<ObjectName, Declared<ConfigMap>>,
    pub(super) backends: BTreeMap<ObjectName, Declared<NamedBackend>>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// The `metadata` and `status` of the objects that are extensions.
    pub(super) extension_metas: BTreeMap<(Vendor, ObjectName), Meta>,
    pub(super) extensions: Vec<Extension>,
    pub(super) gateways: BTreeMap<ObjectName, Declared<Gateway>>,
    pub(super) grants: Vec<ReferenceGrant>,
    /// How many objects of each other kind there are.
    pub(super) ignored: BTreeMap<String, usize>,
    /// `kgateway.dev/*` of a BackendTLSPolicy.
    pub(super) options: BTreeMap<ObjectName, Extension>,
    pub(super) policies: BTreeMap<ObjectName, Declared<BackendTlsPolicy>>,
    pub(super) routes: Vec<Route>,
    pub(super) secrets: BTreeMap<ObjectName, Declared<SecretObject>>,
    pub(super) services: BTreeMap<ObjectName, Declared<Service>>,
    /// Those with static hosts.
    pub(super) upstreams: BTreeMap<ObjectName, Declared<NamedBackend>>,
    pub(super) x_backends: BTreeMap<ObjectName, Declared<XBackend>>,
}

/// A vendor's backend: by which labels it is found, and which hosts it has.
#[derive(Clone, Debug)]
pub(super) struct NamedBackend {
    pub(super) hosts: Vec<String>,
    pub(super) labels: BTreeMap<String, String>,
}

/// An object, and where it was written; `again` where the same name is declared a second time.
pub(super) struct Declared<T> {
    pub(super) again: Option<Origin>,
    pub(super) origin: Origin,
    pub(super) value: T,
}

impl Objects {
    /// Reads every object of a text.
    pub(super) fn read(&mut self, document: &str, octets: &[u8]) {
        match source::text(octets).and_then(yaml::documents) {
            Ok(nodes) => nodes.into_iter().filter(|node| !node.is_null()).for_each(|node| self.object(document, &node)),
            Err(fault) => self.fault(document, fault),
        }
    }

    /// Notes that a text cannot be read.
    pub(super) fn fault(&mut self, document: &str, fault: Fault) {
        let notes = Notes::new(document);
        notes.fault(fault);
        self.diagnose(notes, Effect::Unread);
    }

    /// Counts what is not read.
    pub(super) fn ignore(&mut self, what: &str) {
        let count = self.ignored.entry(what.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// Links the objects.
    pub(super) fn finish(mut self) -> Imported {
        let mut policies = draft::policies(&self);
        precedence::settle(&mut policies, &self.services);
        let (mut diagnostics, ignored) = (core::mem::take(&mut self.diagnostics), core::mem::take(&mut self.ignored));
        // The order of the documents does not count (M10).
        diagnostics.sort_by(|a, b| place(a).cmp(&place(b)));
        diagnostics.extend(policies.iter().flat_map(draft::diagnostics));
        Imported::new(policies, diagnostics, ignored, self)
    }

    fn object(&mut self, document: &str, node: &Node) {
        let text = |key: &str| node.field(key).and_then(|entry| entry.value.text());
        let (api_version, kind) = (text("apiVersion").unwrap_or_default(), text("kind").unwrap_or_default());
        match KINDS.iter().find(|row| (row.0, row.1) == (api_version, kind)).map(|row| row.2) {
            Some(Kind::BackendTlsPolicy) => self.policy(document, node),
            Some(Kind::ConfigMap) => self.config_map(document, node),
            Some(Kind::List) => self.list(document, node),
            Some(Kind::Service) => self.service(document, node),
            None if kind.starts_with(backend_tls_policy::KIND)
                && api_version.starts_with(backend_tls_policy::GROUP) =>
            {
                self.unsupported(document, node, format!("{api_version} {kind}"));
            }
            None if is_word(api_version) && is_word(kind) && !kind.is_empty() => {
                self.ignore(format!("{api_version} {kind}").trim_start());
            }
            None => self.ignore("(no kind)"),
        }
    }

    fn list(&mut self, document: &str, node: &Node) {
        let Some(items) = node.field("items") else { return };
        if let Value::List(nodes) = &items.value.value {
            nodes.iter().filter(|node| !node.is_null()).for_each(|node| self.object(document, node));
        } else if !items.value.is_null() {
            let reason = format!("{} stands where a list is wanted", items.value.describe());
            self.fault(document, Fault::parse(items.place, reason));
        }
    }

    /// Another version of what is read: nobody knows what it means, so it may not be passed over.
    fn unsupported(&mut self, document: &str, node: &Node, given: String) {
        let notes = Notes::new(document);
        let given =
            if is_word(given.split(' ').next().unwrap_or_default()) { given } else { "this version".to_owned() };
        let supported = vec![format!("{} {}", backend_tls_policy::API_VERSION, backend_tls_policy::KIND)];
        notes.problem("apiVersion", node.place, PolicyErrorKind::UnsupportedOption { given, supported });
        self.diagnose(notes, Effect::Unread);
    }

    fn policy(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let origin = notes.at(node.place);
        let Some(policy) = backend_tls_policy::read(node, &notes) else {
            return self.diagnose(notes, Effect::Unread);
        };
        let policy = policy.with_notes(notes);
        match self.policies.entry(policy.name.clone()) {
            Slot::Vacant(slot) => {
                slot.insert(Declared { again: None, origin, value: policy });
            }
            // What either of them targets must not fall to a third one.
            Slot::Occupied(mut slot) => {
                let declared = slot.get_mut();
                declared.value.targets.extend(policy.targets);
                declared.again.get_or_insert(origin);
            }
        }
    }

    fn config_map(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let origin = notes.at(node.place);
        let read = config_map::read(node, &notes);
        self.diagnose(notes, Effect::Skipped);
        if let Some((name, value)) = read {
            declare(&mut self.config_maps, name, value, origin);
        }
    }

    fn service(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let origin = notes.at(node.place);
        let read = service::read(node, &notes);
        // Which port a policy is for cannot be told without it.
        self.diagnose(notes, if read.is_some() { Effect::Unread } else { Effect::Skipped });
        let Some((name, value)) = read else { return };
        let object = format!("Service {name}");
        if let Some(first) = declare(&mut self.services, name, value, origin.clone()) {
            let reason = format!("it is declared twice, first in line {} of {}", first.line, first.document);
            let kind = PolicyErrorKind::DocumentParse { reason };
            let problem = Problem::from(PolicyError::new("", kind)).with_origin(Some(origin));
            self.diagnostics.push(Diagnostic::new(Some(object), Effect::Unread, problem));
        }
    }

    fn diagnose(&mut self, notes: Notes<'_>, effect: Effect) {
        let (problems, _) = notes.into_parts();
        self.diagnostics.extend(problems.into_iter().map(|problem| Diagnostic::new(None, effect, problem)));
    }
}

/// Where the first of the name was written, if this is not it.
fn declare<T>(
    objects: &mut BTreeMap<ObjectName, Declared<T>>,
    name: ObjectName,
    value: T,
    origin: Origin,
) -> Option<Origin> {
    match objects.entry(name) {
        Slot::Vacant(slot) => {
            slot.insert(Declared { again: None, origin, value });
            None
        }
        Slot::Occupied(mut slot) => {
            slot.get_mut().again.get_or_insert(origin);
            Some(slot.get().origin.clone())
        }
    }
}

fn place(diagnostic: &Diagnostic) -> (&str, u64, u64) {
    diagnostic.problem.origin().map_or(("", 0, 0), |origin| (&origin.document, origin.line, origin.column))
}

const KINDS: [(&str, &str, Kind); 4] = [
    (backend_tls_policy::API_VERSION, backend_tls_policy::KIND, Kind::BackendTlsPolicy),
    ("v1", "ConfigMap", Kind::ConfigMap),
    ("v1", "List", Kind::List),
    ("v1", "Service", Kind::Service),
];
