//! From texts to objects: which kinds are read, and by whom.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use uptls::{Origin, PolicyError, PolicyErrorKind, Problem};

use super::backend_tls_policy::{self, BackendTlsPolicy};
use super::config_map::{self, ConfigMap};
use super::extension::{Extension, KgatewayBackend, TargetOf, Vendor, annotations, backend, gloo, kgateway, options};
use super::imported::{Diagnostic, Effect, Imported};
use super::object::ObjectName;
use super::service::{self, Service};
use super::standard::{Gateway, ReferenceGrant, Route, SecretObject, XBackend};
use super::standard::{gateway, reference_grant, route, secret, xbackend};
use super::{draft, precedence, resolve};
use crate::decode::is_word;
use crate::node::{Node, Value};
use crate::position::{Fault, Notes};
use crate::{source, yaml};

/// The kinds that are read. A kind that is added needs a row in [`KINDS`], a reader and a place in [`Objects`].
#[derive(Clone, Copy)]
enum Kind {
    Backend,
    BackendTlsPolicy,
    ConfigMap,
    Extension(fn(&Node, &Notes<'_>) -> Option<Extension>),
    Gateway,
    List,
    ReferenceGrant,
    Route(&'static str),
    Secret,
    Service,
    XBackend,
}

/// All objects that have been read so far.
#[derive(Default)]
pub(super) struct Objects {
    pub(super) backends: BTreeMap<ObjectName, Declared<KgatewayBackend>>,
    pub(super) config_maps: BTreeMap<ObjectName, Declared<ConfigMap>>,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// Where each was written first.
    extension_origins: BTreeMap<(Vendor, ObjectName), Origin>,
    pub(super) extensions: Vec<Extension>,
    pub(super) gateways: BTreeMap<ObjectName, Declared<Gateway>>,
    /// How many objects of each other kind there are.
    pub(super) ignored: BTreeMap<String, usize>,
    /// `kgateway.dev/*` of a BackendTLSPolicy.
    pub(super) options: BTreeMap<ObjectName, Extension>,
    pub(super) policies: BTreeMap<ObjectName, Declared<BackendTlsPolicy>>,
    /// Those that are certain: a grant that is declared twice, or is not understood, permits nothing.
    pub(super) reference_grants: BTreeMap<ObjectName, Declared<ReferenceGrant>>,
    /// By kind and name; without those that are declared twice.
    pub(super) routes: BTreeMap<(&'static str, ObjectName), Declared<Route>>,
    pub(super) secrets: BTreeMap<ObjectName, Declared<SecretObject>>,
    pub(super) services: BTreeMap<ObjectName, Declared<Service>>,
    pub(super) xbackends: BTreeMap<ObjectName, Declared<XBackend>>,
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
        self.reference_grants.retain(|_, grant| grant.again.is_none());
        self.routes.retain(|_, route| route.again.is_none());
        self.options = self.policies.values().filter_map(|declared| options_of(&declared.value)).collect();
        self.extensions.sort_by_key(|extension| (extension.vendor, extension.meta.name.clone()));
        let mut policies = draft::policies(&self);
        precedence::settle(&mut policies, &self.services);
        let (mut diagnostics, ignored) = (core::mem::take(&mut self.diagnostics), core::mem::take(&mut self.ignored));
        // The order of the documents does not count (M10).
        diagnostics.sort_by(|a, b| place(a).cmp(&place(b)));
        diagnostics.extend(object_diagnostics(&self));
        diagnostics.extend(policies.iter().flat_map(draft::diagnostics));
        Imported::new(policies, diagnostics, ignored, self)
    }

    fn object(&mut self, document: &str, node: &Node) {
        self.object_of(document, node, header(node, "apiVersion"), header(node, "kind"));
    }

    fn object_of(&mut self, document: &str, node: &Node, api_version: &str, kind: &str) {
        match KINDS.iter().find(|row| (row.0, row.1) == (api_version, kind)).map(|row| row.2) {
            Some(Kind::BackendTlsPolicy) => self.policy(document, node),
            Some(Kind::ConfigMap) => self.config_map(document, node),
            Some(Kind::Gateway) => self.gateway(document, node),
            Some(Kind::List) => self.list(document, node, ("", "")),
            Some(Kind::ReferenceGrant) => self.reference_grant(document, node),
            Some(Kind::Route(kind)) => self.route(document, node, kind),
            Some(Kind::Secret) => self.secret(document, node),
            Some(Kind::Service) => self.service(document, node),
            Some(Kind::XBackend) => self.xbackend(document, node),
            Some(Kind::Backend) => self.backend(document, node),
            Some(Kind::Extension(read)) => self.extension(document, node, read),
            None => self.other(document, node, api_version, kind),
        }
    }

    fn other(&mut self, document: &str, node: &Node, api_version: &str, kind: &str) {
        let item = kind.strip_suffix("List");
        let is_read = |kind: &&str| KINDS.iter().any(|row| (row.0, row.1) == (api_version, *kind));
        if let Some(kind) = item.filter(is_read) {
            return self.list(document, node, (api_version, kind));
        }
        let is_version = |row: &&(&str, &str)| {
            let is_longer = row.1 == backend_tls_policy::KIND && kind.starts_with(row.1);
            api_version.starts_with(row.0) && (kind == row.1 || item == Some(row.1) || is_longer)
        };
        match NEVER_PASSED_OVER.iter().find(is_version) {
            Some((group, known)) => self.unsupported(document, node, format!("{api_version} {kind}"), group, known),
            None if is_word(api_version) && is_word(kind) && !kind.is_empty() => {
                self.ignore(format!("{api_version} {kind}").trim_start());
            }
            None => self.ignore("(no kind)"),
        }
    }

    /// The items of a list. In a list of one kind, as an API server sends it, they need not say which.
    fn list(&mut self, document: &str, node: &Node, of: (&str, &str)) {
        let Some(items) = node.field("items") else { return };
        if let Value::List(nodes) = &items.value.value {
            for node in nodes.iter().filter(|node| !node.is_null()) {
                let or = |given, or| if str::is_empty(given) { or } else { given };
                let (api_version, kind) = (header(node, "apiVersion"), header(node, "kind"));
                self.object_of(document, node, or(api_version, of.0), or(kind, of.1));
            }
        } else if !items.value.is_null() {
            let reason = format!("{} stands where a list is wanted", items.value.describe());
            self.fault(document, Fault::parse(items.place, reason));
        }
    }

    /// Another version of what is read: nobody knows what it means, so it may not be passed over.
    fn unsupported(&mut self, document: &str, node: &Node, given: String, group: &str, kind: &str) {
        let notes = Notes::new(document);
        let given =
            if is_word(given.split(' ').next().unwrap_or_default()) { given } else { "this version".to_owned() };
        let rows = KINDS.iter().filter(|row| row.0.starts_with(group) && row.1 == kind);
        let supported = rows.map(|row| format!("{} {}", row.0, row.1)).collect();
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
        match self.policies.entry(policy.meta.name.clone()) {
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
            declare(&mut self.config_maps, name, origin, value);
        }
    }

    fn secret(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let read = secret::read(node, &notes);
        self.diagnose(notes, Effect::Skipped);
        if let Some(value) = read {
            declare(&mut self.secrets, value.meta.name.clone(), value.meta.origin.clone(), value);
        }
    }

    /// With which certificate it goes to any backend cannot be told without it.
    fn gateway(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let Some(gateway) = gateway::read(node, &notes) else { return self.diagnose(notes, Effect::Unread) };
        let gateway = gateway.with_notes(notes);
        let (name, origin) = (gateway.meta.name.clone(), gateway.meta.origin.clone());
        let first = declare(&mut self.gateways, name.clone(), origin.clone(), gateway);
        if let (Some(first), Some(declared)) = (first, self.gateways.get_mut(&name)) {
            declared.value.problems.push(twice(&first, origin));
        }
    }

    fn xbackend(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let Some(backend) = xbackend::read(node, &notes) else { return self.diagnose(notes, Effect::Unread) };
        let backend = backend.with_notes(notes);
        let (name, origin) = (backend.meta.name.clone(), backend.meta.origin.clone());
        let first = declare(&mut self.xbackends, name.clone(), origin.clone(), backend);
        if let (Some(first), Some(declared)) = (first, self.xbackends.get_mut(&name)) {
            declared.value.problems.push(twice(&first, origin));
        }
    }

    fn backend(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let Some((name, value)) = backend::read(node, &notes) else { return self.diagnose(notes, Effect::Unread) };
        self.diagnose(notes, Effect::Notice);
        declare(&mut self.backends, name, value.origin.clone(), value);
    }

    fn extension(&mut self, document: &str, node: &Node, read: fn(&Node, &Notes<'_>) -> Option<Extension>) {
        let notes = Notes::new(document);
        let Some(extension) = read(node, &notes) else { return self.diagnose(notes, Effect::Unread) };
        self.add_extension(extension.with_notes(notes));
    }

    fn add_extension(&mut self, mut extension: Extension) {
        match self.extension_origins.entry((extension.vendor, extension.meta.name.clone())) {
            Slot::Vacant(slot) => {
                slot.insert(extension.meta.origin.clone());
            }
            // What either of them is for must not fall to a third one.
            Slot::Occupied(slot) => {
                let (key, first) = (slot.key(), slot.get());
                let problem = twice(first, extension.meta.origin.clone());
                let same = |of: &&mut Extension| (of.vendor, &of.meta.name) == (key.0, &key.1);
                self.extensions.iter_mut().filter(same).for_each(|of| of.problems.push(problem.clone()));
                extension.problems.push(problem);
            }
        }
        self.extensions.push(extension);
    }

    fn reference_grant(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let read = reference_grant::read(node, &notes);
        let Some(value) = self.whole(notes, read) else { return };
        let (name, origin) = (value.meta.name.clone(), value.meta.origin.clone());
        let object = format!("ReferenceGrant {name}");
        if let Some(first) = declare(&mut self.reference_grants, name, origin.clone(), value) {
            self.diagnostics.push(Diagnostic::new(Some(object), Effect::Skipped, twice(&first, origin)));
        }
    }

    fn route(&mut self, document: &str, node: &Node, kind: &'static str) {
        let notes = Notes::new(document);
        let read = route::read(node, kind, &notes);
        let Some(value) = self.whole(notes, read) else { return };
        let (name, origin) = (value.meta.name.clone(), value.meta.origin.clone());
        let object = format!("{kind} {name}");
        if let Some(first) = declare(&mut self.routes, (kind, name), origin.clone(), value) {
            self.diagnostics.push(Diagnostic::new(Some(object), Effect::Skipped, twice(&first, origin)));
        }
    }

    /// The object, if nothing is wrong with it; else it is left out.
    fn whole<T>(&mut self, notes: Notes<'_>, read: Option<T>) -> Option<T> {
        let known = self.diagnostics.len();
        self.diagnose(notes, Effect::Skipped);
        read.filter(|_| self.diagnostics.len() == known)
    }

    fn service(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let origin = notes.at(node.place);
        let read = service::read(node, &notes);
        // Which port a policy is for cannot be told without it.
        self.diagnose(notes, if read.is_some() { Effect::Unread } else { Effect::Skipped });
        let Some((name, value)) = read else { return };
        let notes = Notes::new(document);
        if let Some(extension) = annotations::read(node, &notes) {
            self.add_extension(extension.with_notes(notes));
        }
        let object = format!("Service {name}");
        if let Some(first) = declare(&mut self.services, name, origin.clone(), value) {
            let problem = twice(&first, origin);
            self.diagnostics.push(Diagnostic::new(Some(object), Effect::Unread, problem));
        }
    }

    fn diagnose(&mut self, notes: Notes<'_>, effect: Effect) {
        let (problems, _) = notes.into_parts();
        self.diagnostics.extend(problems.into_iter().map(|problem| Diagnostic::new(None, effect, problem)));
    }
}

/// What is to be said about objects that are part of policies.
fn object_diagnostics(objects: &Objects) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut say = |object: String, effect: Effect, problems: &[Problem]| {
        let said = problems.iter().map(|problem| Diagnostic::new(Some(object.clone()), effect, problem.clone()));
        found.extend(said);
    };
    for extension in &objects.extensions {
        // What it says of TLS might be meant for any backend.
        let stray = extension.targets.iter().any(|target| matches!(target.what, TargetOf::Unknown));
        let effect = if stray { Effect::Unread } else { Effect::NotReady };
        say(resolve::object(extension), effect, &extension.problems);
        say(resolve::object(extension), Effect::Notice, &extension.notices);
        say(resolve::object(extension), Effect::NotAttached, &resolve::unsupported_targets(extension));
    }
    for (name, declared) in &objects.gateways {
        say(format!("Gateway {name}"), Effect::NotReady, &declared.value.problems);
    }
    for (name, declared) in &objects.xbackends {
        say(format!("XBackend {name}"), Effect::NotReady, &declared.value.problems);
    }
    found
}

/// The options of a BackendTLSPolicy that are kgateway's, as an extension of it.
fn options_of(policy: &BackendTlsPolicy) -> Option<(ObjectName, Extension)> {
    let notes = Notes::new(&policy.meta.origin.document);
    let tls = options::read(policy.options.as_ref()?, &notes);
    let mut extension = Extension::new(Vendor::KgatewayOptions, policy.meta.clone(), policy.created);
    extension.tls = Some(tls);
    Some((policy.meta.name.clone(), extension.with_notes(notes)))
}

fn header<'n>(node: &'n Node, key: &str) -> &'n str {
    node.field(key).and_then(|entry| entry.value.text()).unwrap_or_default()
}

fn twice(first: &Origin, again: Origin) -> Problem {
    let reason = format!("it is declared twice, first in line {} of {}", first.line, first.document);
    let kind = PolicyErrorKind::DocumentParse { reason };
    Problem::from(PolicyError::new("", kind)).with_origin(Some(again))
}

/// Where the first of the name was written, if this is not it.
fn declare<K: Ord, T>(objects: &mut BTreeMap<K, Declared<T>>, name: K, origin: Origin, value: T) -> Option<Origin> {
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

const KINDS: [(&str, &str, Kind); 26] = [
    ("gateway.kgateway.dev/v1alpha1", "Backend", Kind::Backend),
    ("gateway.kgateway.dev/v1alpha1", "BackendConfigPolicy", Kind::Extension(kgateway::read)),
    ("gloo.solo.io/v1", "Upstream", Kind::Extension(gloo::read)),
    (backend_tls_policy::API_VERSION, backend_tls_policy::KIND, Kind::BackendTlsPolicy),
    (backend_tls_policy::API_VERSION_ALPHA, backend_tls_policy::KIND, Kind::BackendTlsPolicy),
    ("gateway.networking.k8s.io/v1", "Gateway", Kind::Gateway),
    ("gateway.networking.k8s.io/v1beta1", "Gateway", Kind::Gateway),
    ("gateway.networking.k8s.io/v1", "ReferenceGrant", Kind::ReferenceGrant),
    ("gateway.networking.k8s.io/v1beta1", "ReferenceGrant", Kind::ReferenceGrant),
    ("gateway.networking.k8s.io/v1", "GRPCRoute", Kind::Route("GRPCRoute")),
    ("gateway.networking.k8s.io/v1alpha2", "GRPCRoute", Kind::Route("GRPCRoute")),
    ("gateway.networking.k8s.io/v1alpha3", "GRPCRoute", Kind::Route("GRPCRoute")),
    ("gateway.networking.k8s.io/v1beta1", "GRPCRoute", Kind::Route("GRPCRoute")),
    ("gateway.networking.k8s.io/v1", "HTTPRoute", Kind::Route("HTTPRoute")),
    ("gateway.networking.k8s.io/v1alpha2", "HTTPRoute", Kind::Route("HTTPRoute")),
    ("gateway.networking.k8s.io/v1alpha3", "HTTPRoute", Kind::Route("HTTPRoute")),
    ("gateway.networking.k8s.io/v1beta1", "HTTPRoute", Kind::Route("HTTPRoute")),
    ("gateway.networking.k8s.io/v1", "TLSRoute", Kind::Route("TLSRoute")),
    ("gateway.networking.k8s.io/v1alpha2", "TLSRoute", Kind::Route("TLSRoute")),
    ("gateway.networking.k8s.io/v1alpha3", "TLSRoute", Kind::Route("TLSRoute")),
    ("gateway.networking.k8s.io/v1beta1", "TLSRoute", Kind::Route("TLSRoute")),
    (xbackend::API_VERSION, xbackend::KIND, Kind::XBackend),
    ("v1", "ConfigMap", Kind::ConfigMap),
    ("v1", "List", Kind::List),
    ("v1", "Secret", Kind::Secret),
    ("v1", "Service", Kind::Service),
];
/// Groups and kinds of which no version is ignored: a policy, or the identity of one, might stand there.
const NEVER_PASSED_OVER: [(&str, &str); 5] = [
    ("gateway.kgateway.dev/", "BackendConfigPolicy"),
    ("gloo.solo.io/", "Upstream"),
    (backend_tls_policy::GROUP, backend_tls_policy::KIND),
    (backend_tls_policy::GROUP, "Gateway"),
    (xbackend::GROUP, xbackend::KIND),
];
