//! From texts to objects: which kinds are read, and by whom.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use uptls::{Origin, PolicyErrorKind, Problem};

use super::backend_tls_policy::BackendTlsPolicy;
use super::extension::{Extension, Vendor, annotations, backend, gloo, kgateway, options};
use super::meta::{Created, check_labels};
use super::object::{stands_twice, twice};
use super::objects::{Declared, Objects};
use super::{backend_tls_policy, config_map, gateway, object, reference_grant, route, secret, service, xbackend};
use crate::decode::is_word;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::diagnostic::{Concerns, Diagnostic, Effect};
use crate::kubernetes::model::object::{ObjectName, ObjectRef};
use crate::node::{Entry, Node, Value};
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

impl Objects {
    /// Reads every object of a text.
    pub(in crate::kubernetes) fn read(&mut self, document: &str, octets: &[u8]) {
        match source::text(octets).and_then(yaml::documents) {
            Ok(nodes) => nodes.into_iter().filter(|node| !node.is_null()).for_each(|node| self.object(document, &node)),
            Err(fault) => self.fault(document, fault),
        }
    }

    /// Notes that a text cannot be read.
    pub(in crate::kubernetes) fn fault(&mut self, document: &str, fault: Fault) {
        let notes = Notes::new(document);
        notes.fault(fault);
        self.diagnose(notes, Effect::Unread);
    }

    /// Counts what is not read.
    pub(in crate::kubernetes) fn ignore(&mut self, what: &str) {
        let count = self.ignored.entry(what.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    fn object(&mut self, document: &str, node: &Node) {
        self.object_of(document, node, header(node, "apiVersion"), header(node, "kind"));
    }

    /// What it is must be certain before it may be passed over.
    fn is_certain(&mut self, document: &str, node: &Node) -> bool {
        let is_unreadable = |key: &&str| {
            let is_no_text = |entry: &Entry| !entry.value.is_null() && entry.value.text().is_none();
            stands_twice(node, key) || node.field(key).is_some_and(is_no_text)
        };
        let Some(key) = ["apiVersion", "kind"].into_iter().find(|key| is_unreadable(key)) else { return true };
        let reason = format!("the field {key} is not one text, so it cannot be told what this is");
        self.fault(document, Fault::parse(node.field(key).map_or(node.place, |entry| entry.place), reason));
        false
    }

    fn object_of(&mut self, document: &str, node: &Node, api_version: &str, kind: &str) {
        if !self.is_certain(document, node) {
            return;
        }
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
        if kind == "List" && !api_version.contains('/') {
            return self.list(document, node, ("", ""));
        }
        let item = kind.strip_suffix("List");
        let is_read = |kind: &&str| KINDS.iter().any(|row| (row.0, row.1) == (api_version, *kind));
        if let Some(kind) = item.filter(is_read) {
            return self.list(document, node, (api_version, kind));
        }
        let is_version = |row: &&(&str, &str)| {
            let is_longer = row.1 == backend_tls_policy::KIND && kind.starts_with(row.1);
            // Whose kind it is, an object without its group does not say.
            let is_of = api_version.is_empty() || format!("{api_version}/").starts_with(row.0);
            is_of && (kind == row.1 || item == Some(row.1) || is_longer)
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
        if stands_twice(node, "items") {
            return self.fault(document, Fault::parse(items.place, "the field items stands twice"));
        }
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
        match object::name(node, &Notes::new(document)).filter(|_| kind == BACKEND) {
            Some(name) => self.unread(BackendKind::Backend, &name, notes.into_parts().0),
            None => self.diagnose(notes, Effect::Unread),
        }
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
                self.options.extend(options_of(&policy));
                slot.insert(Declared { again: None, origin, value: policy });
            }
            // What either of them targets must not fall to a third one.
            Slot::Occupied(mut slot) => {
                let declared = slot.get_mut();
                declared.value.created = Created::Unreadable;
                declared.value.stray |= policy.stray;
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
        let notes = Notes::new(document);
        check_labels(node, &notes);
        self.unread(BackendKind::Backend, &name, notes.into_parts().0);
        let origin = value.origin.clone();
        if let Some(first) = declare(&mut self.backends, name.clone(), origin.clone(), value) {
            self.unread(BackendKind::Backend, &name, [twice(&first, origin)]);
        }
    }

    /// What is for the backend cannot be told.
    fn unread(&mut self, kind: BackendKind, name: &ObjectName, problems: impl IntoIterator<Item = Problem>) {
        let concerns = Concerns::Backend(kind, name.clone());
        let said = problems
            .into_iter()
            .map(|problem| Diagnostic::new(Some(ObjectRef::of(kind.as_str(), name)), Effect::Unread, problem));
        self.diagnostics.extend(said.map(|diagnostic| diagnostic.unread(concerns.clone())));
    }

    fn extension(&mut self, document: &str, node: &Node, read: fn(&Node, &Notes<'_>) -> Option<Extension>) {
        let notes = Notes::new(document);
        let Some(extension) = read(node, &notes) else { return self.diagnose(notes, Effect::Unread) };
        self.add_extension(extension.with_notes(notes));
    }

    fn add_extension(&mut self, extension: Extension) {
        match self.extensions.entry((extension.vendor, extension.meta.name.clone())) {
            Slot::Vacant(slot) => {
                slot.insert(extension);
            }
            // What either of them is for must not fall to a third one.
            Slot::Occupied(mut slot) => {
                let first = slot.get_mut();
                first.problems.push(twice(&first.meta.origin, extension.meta.origin));
                first.targets.extend(extension.targets);
            }
        }
    }

    fn reference_grant(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let read = reference_grant::read(node, &notes);
        let Some(value) = self.whole(notes, read) else { return };
        let (name, origin) = (value.meta.name.clone(), value.meta.origin.clone());
        let object = ObjectRef::of("ReferenceGrant", &name);
        if let Some(first) = declare(&mut self.reference_grants, name, origin.clone(), value) {
            self.diagnostics.push(Diagnostic::new(Some(object), Effect::Skipped, twice(&first, origin)));
        }
    }

    fn route(&mut self, document: &str, node: &Node, kind: &'static str) {
        let notes = Notes::new(document);
        let read = route::read(node, kind, &notes);
        let Some(value) = self.whole(notes, read) else { return };
        let (name, origin) = (value.meta.name.clone(), value.meta.origin.clone());
        let object = ObjectRef::of(kind, &name);
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
        let Some((name, value)) = service::read(node, &notes) else { return self.diagnose(notes, Effect::Unread) };
        // Which port a policy is for cannot be told without it.
        self.unread(BackendKind::Service, &name, notes.into_parts().0);
        let notes = Notes::new(document);
        match annotations::read(node, &notes) {
            Some(extension) => self.add_extension(extension.with_notes(notes)),
            None => self.unread(BackendKind::Service, &name, notes.into_parts().0),
        }
        if let Some(first) = declare(&mut self.services, name.clone(), origin.clone(), value) {
            self.unread(BackendKind::Service, &name, [twice(&first, origin)]);
        }
    }

    fn diagnose(&mut self, notes: Notes<'_>, effect: Effect) {
        let (problems, _) = notes.into_parts();
        self.diagnostics.extend(problems.into_iter().map(|problem| Diagnostic::new(None, effect, problem)));
    }
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

const KINDS: [(&str, &str, Kind); 26] = [
    ("gateway.kgateway.dev/v1alpha1", BACKEND, Kind::Backend),
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
const BACKEND: &str = "Backend";
/// Groups and kinds of which no version is ignored: a policy, the identity of one, or the labels that one selects by,
/// might stand there.
const NEVER_PASSED_OVER: [(&str, &str); 6] = [
    ("gateway.kgateway.dev/", BACKEND),
    ("gateway.kgateway.dev/", "BackendConfigPolicy"),
    ("gloo.solo.io/", "Upstream"),
    (backend_tls_policy::GROUP, backend_tls_policy::KIND),
    (backend_tls_policy::GROUP, "Gateway"),
    (xbackend::GROUP, xbackend::KIND),
];
