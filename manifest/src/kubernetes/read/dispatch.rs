//! From texts to objects: which kinds are read, and which reader reads each.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use uptls::Origin;

use super::backend_tls_policy::BackendTlsPolicy;
use super::extension::{Extension, Vendor, annotations, backend, gloo, kgateway, options};
use super::gateway::Gateway;
use super::meta::{Created, Meta, check_labels};
use super::object::{stands_twice, twice};
use super::objects::{Declared, Objects};
use super::xbackend::XBackend;
use super::{
    backend_tls_policy, cluster_trust_bundle, config_map, gateway, listener_set, reference_grant, route, secret,
    service, xbackend,
};
use crate::decode::is_word;
use crate::kubernetes::model::backend::BackendKind;
use crate::kubernetes::model::diagnostic::{Diagnostic, Effect};
use crate::kubernetes::model::object::{ByName, ObjectName, ObjectRef};
use crate::node::{Entry, Node, Value};
use crate::position::{Fault, Notes};

/// The kinds that are read. A kind that is added needs a row in [`KINDS`], a reader and a place in [`Objects`].
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Backend,
    BackendTlsPolicy,
    ClusterTrustBundle,
    ConfigMap,
    Extension(fn(&Node, &Notes<'_>) -> Option<Extension>),
    Gateway,
    GatewayClass,
    ListenerSet(&'static str),
    Namespace,
    ReferenceGrant,
    Route(&'static str),
    Secret,
    Service,
    XBackend,
}

impl Objects {
    /// Counts what is not read.
    pub(in crate::kubernetes) fn ignore(&mut self, what: &str) {
        let count = self.ignored.entry(what.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    pub(super) fn object(&mut self, document: &str, node: &Node) {
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

    pub(super) fn object_of(&mut self, document: &str, node: &Node, api_version: &str, kind: &str) {
        if !self.is_certain(document, node) {
            return;
        }
        match What::of(api_version, kind) {
            What::Foreign => self.foreign(api_version, kind),
            What::List(of) => self.list(document, node, of),
            What::Read(row) => self.read_as(document, node, row.2),
            What::Unsupported(known) => self.unsupported(document, node, api_version, known),
        }
    }

    fn read_as(&mut self, document: &str, node: &Node, kind: Kind) {
        match kind {
            Kind::BackendTlsPolicy => self.policy(document, node),
            Kind::ClusterTrustBundle => self.cluster_trust_bundle(document, node),
            Kind::ConfigMap => self.config_map(document, node),
            Kind::Gateway => self.gateway(document, node),
            Kind::GatewayClass => self.gateway_class(document, node),
            Kind::ListenerSet(kind) => self.listener_set(document, node, kind),
            Kind::Namespace => self.namespace(document, node),
            Kind::ReferenceGrant => self.reference_grant(document, node),
            Kind::Route(kind) => self.route(document, node, kind),
            Kind::Secret => self.secret(document, node),
            Kind::Service => self.service(document, node),
            Kind::XBackend => self.xbackend(document, node),
            Kind::Backend => self.backend(document, node),
            Kind::Extension(read) => self.extension(document, node, read),
        }
    }

    /// Counts an object of a kind that uptls does not read.
    pub(super) fn foreign(&mut self, api_version: &str, kind: &str) {
        match is_word(api_version) && is_word(kind) && !kind.is_empty() {
            true => self.ignore(format!("{api_version} {kind}").trim_start()),
            false => self.ignore("(no kind)"),
        }
    }

    /// The items of a list. In a list of one kind, as an API server sends it, they need not say which.
    fn list(&mut self, document: &str, node: &Node, of: Of) {
        let Some(items) = node.field("items") else { return };
        if stands_twice(node, "items") {
            return self.fault(document, Fault::parse(items.place, "the field items appears twice"));
        }
        if let Value::List(nodes) = &items.value.value {
            nodes.iter().for_each(|node| self.item(document, node, of));
        } else if !items.value.is_null() {
            let reason = items.value.mismatch("a list");
            self.fault(document, Fault::parse(items.place, reason));
        }
    }

    pub(super) fn item(&mut self, document: &str, node: &Node, of: Of) {
        if !node.is_null() {
            let (api_version, kind) = (header(node, "apiVersion"), header(node, "kind"));
            self.object_of(document, node, or(api_version, of.0), or(kind, of.1));
        }
    }

    fn policy(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let origin = notes.at(node.place);
        let Some(policy) = backend_tls_policy::read(node, &notes) else { return self.diagnose(notes, Effect::Unread) };
        self.add_policy(policy.with_notes(notes), origin);
    }

    pub(super) fn add_policy(&mut self, policy: BackendTlsPolicy, origin: Origin) {
        match self.policies.entry(policy.meta.name.clone()) {
            Slot::Vacant(slot) => {
                self.options.extend(options_of(&policy));
                slot.insert(Declared { again: None, origin, value: Box::new(policy) });
            }
            // What either of them targets must not fall to a third one.
            Slot::Occupied(mut slot) => {
                let declared = slot.get_mut();
                declared.value.created = Created::Unreadable;
                declared.value.stray |= policy.stray;
                declared.value.targets.extend(policy.targets);
                declared.again.get_or_insert_with(|| Box::new(origin));
            }
        }
    }

    fn cluster_trust_bundle(&mut self, document: &str, node: &Node) {
        let Some(bundles) = &mut self.cluster_trust_bundles else {
            return self.foreign(header(node, "apiVersion"), cluster_trust_bundle::KIND);
        };
        let notes = Notes::new(document);
        if let Some(mut read) = cluster_trust_bundle::read(node, &notes) {
            read.bundle.iter_mut().for_each(|bundle| self.texts.share(&mut bundle.text));
            declare(bundles, read.name.clone(), read.origin.clone(), read);
        }
        self.diagnose(notes, Effect::Skipped);
    }

    fn config_map(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let origin = notes.at(node.place);
        let read = config_map::read(node, &notes);
        self.diagnose(notes, Effect::Skipped);
        if let Some((name, mut value)) = read {
            value.bundle.iter_mut().for_each(|bundle| self.texts.share(&mut bundle.text));
            declare(&mut self.config_maps, ByName::of(&name), origin, value);
        }
    }

    fn secret(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let read = secret::read(node, &notes);
        self.diagnose(notes, Effect::Skipped);
        if let Some(mut value) = read {
            value.ca.iter_mut().flatten().for_each(|bundle| self.texts.share(&mut bundle.text));
            declare(&mut self.secrets, ByName::of(&value.meta.name), value.meta.origin.clone(), value);
        }
    }

    /// With which certificate it goes to any backend cannot be told without it.
    fn gateway(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let Some(gateway) = gateway::read(node, &notes) else { return self.diagnose(notes, Effect::Unread) };
        self.add_gateway(gateway.with_notes(notes));
    }

    pub(super) fn add_gateway(&mut self, gateway: Gateway) {
        let (name, origin) = (gateway.meta.name.clone(), gateway.meta.origin.clone());
        let first = declare(&mut self.gateways, name.clone(), origin.clone(), gateway);
        if let (Some(first), Some(declared)) = (first, self.gateways.get_mut(&name)) {
            declared.value.problems.push(twice(&first, origin));
        }
    }

    fn xbackend(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let Some(backend) = xbackend::read(node, &notes) else { return self.diagnose(notes, Effect::Unread) };
        self.add_xbackend(backend.with_notes(notes));
    }

    pub(super) fn add_xbackend(&mut self, backend: XBackend) {
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

    fn extension(&mut self, document: &str, node: &Node, read: fn(&Node, &Notes<'_>) -> Option<Extension>) {
        let notes = Notes::new(document);
        let Some(extension) = read(node, &notes) else { return self.diagnose(notes, Effect::Unread) };
        self.add_extension(extension.with_notes(notes));
    }

    pub(super) fn add_extension(&mut self, extension: Extension) {
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
        let read = match kind {
            route::TELEMETRY => route::of_telemetry(node, &notes),
            _ => route::read(node, kind, &notes),
        };
        let Some(value) = self.whole(notes, read) else { return };
        let (name, origin) = (value.meta.name.clone(), value.meta.origin.clone());
        let object = ObjectRef::of(kind, &name);
        if let Some(first) = declare(&mut self.routes, (kind, name), origin.clone(), value) {
            self.diagnostics.push(Diagnostic::new(Some(object), Effect::Skipped, twice(&first, origin)));
        }
    }

    fn listener_set(&mut self, document: &str, node: &Node, kind: &'static str) {
        let notes = Notes::new(document);
        let read = listener_set::read(node, &notes);
        let Some(value) = self.whole(notes, read) else { return };
        let (name, origin) = (value.meta.name.clone(), value.meta.origin.clone());
        let object = ObjectRef::of(kind, &name);
        if let Some(first) = declare(&mut self.listener_sets, (kind, name), origin.clone(), value) {
            self.diagnostics.push(Diagnostic::new(Some(object), Effect::Skipped, twice(&first, origin)));
        }
    }

    /// It has no namespace, and counts for statuses alone: whose Gateways there are.
    fn gateway_class(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let read = Meta::read(node, &notes);
        let Some(Meta { name, origin, .. }) = self.whole(notes, read) else { return };
        let controller = node.field("spec").and_then(|spec| spec.value.field("controllerName"));
        if let Some(controller) = controller.and_then(|entry| entry.value.text()) {
            declare(&mut self.gateway_classes, name.name, origin, controller.to_owned());
        }
    }

    /// It has no namespace either. Labels that cannot be read are not known.
    fn namespace(&mut self, document: &str, node: &Node) {
        let notes = Notes::new(document);
        let read = Meta::read(node, &notes);
        check_labels(node, &notes);
        let known = self.diagnostics.len();
        self.diagnose(notes, Effect::Notice);
        if let Some(Meta { labels, name, origin, .. }) = read.filter(|_| self.diagnostics.len() == known) {
            declare(&mut self.namespaces, name.name, origin, labels);
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

    pub(super) fn diagnose(&mut self, notes: Notes<'_>, effect: Effect) {
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

/// What of a list an item need not say: its version and its kind.
pub(super) type Of = (&'static str, &'static str);

/// What an object is, by its version and its kind.
pub(super) enum What {
    Foreign,
    List(Of),
    Read(&'static (&'static str, &'static str, Kind)),
    /// Another version of what is never passed over.
    Unsupported(&'static (&'static str, &'static str)),
}

impl What {
    pub(super) fn of(api_version: &str, kind: &str) -> Self {
        let read = |kind: &str| KINDS.iter().find(|row| (row.0, row.1) == (api_version, kind));
        if let Some(row) = read(kind) {
            return Self::Read(row);
        }
        if kind == LIST && !api_version.contains('/') {
            return Self::List(("", ""));
        }
        let item = kind.strip_suffix(LIST);
        if let Some(row) = item.and_then(read) {
            return Self::List((row.0, row.1));
        }
        let is_version = |row: &&(&str, &str)| {
            let is_longer = row.1 == backend_tls_policy::KIND && kind.starts_with(row.1);
            // Whose kind it is, an object without its group does not say.
            let is_of = api_version.is_empty() || format!("{api_version}/").starts_with(row.0);
            is_of && (kind == row.1 || item == Some(row.1) || is_longer)
        };
        NEVER_PASSED_OVER.iter().find(is_version).map_or(Self::Foreign, Self::Unsupported)
    }
}

/// Whether an object of this kind that cannot be read may decide about backends: it is a policy, or what one is for, or
/// it may hold one.
pub(super) fn counts(kind: &str) -> bool {
    let is_one = |row: &(&str, &str)| kind.starts_with(row.1);
    NEVER_PASSED_OVER.iter().any(is_one) || kind == SERVICE || kind.ends_with(LIST)
}

pub(super) fn or<'t>(given: &'t str, or: &'t str) -> &'t str {
    if given.is_empty() { or } else { given }
}

fn header<'n>(node: &'n Node, key: &str) -> &'n str {
    node.field(key).and_then(|entry| entry.value.text()).unwrap_or_default()
}

/// Where the first of the name was written, if this is not it.
fn declare<K: Ord, T>(objects: &mut BTreeMap<K, Declared<T>>, name: K, origin: Origin, value: T) -> Option<Origin> {
    match objects.entry(name) {
        Slot::Vacant(slot) => {
            slot.insert(Declared { again: None, origin, value: Box::new(value) });
            None
        }
        Slot::Occupied(mut slot) => {
            slot.get_mut().again.get_or_insert_with(|| Box::new(origin));
            Some(slot.get().origin.clone())
        }
    }
}

pub(super) const KINDS: [(&str, &str, Kind); 35] = [
    ("gateway.kgateway.dev/v1alpha1", BACKEND, Kind::Backend),
    ("gateway.kgateway.dev/v1alpha1", "BackendConfigPolicy", Kind::Extension(kgateway::read)),
    ("gloo.solo.io/v1", "Upstream", Kind::Extension(gloo::read)),
    (backend_tls_policy::API_VERSION, backend_tls_policy::KIND, Kind::BackendTlsPolicy),
    (backend_tls_policy::API_VERSION_ALPHA, backend_tls_policy::KIND, Kind::BackendTlsPolicy),
    ("gateway.networking.k8s.io/v1", "Gateway", Kind::Gateway),
    ("gateway.networking.k8s.io/v1beta1", "Gateway", Kind::Gateway),
    ("gateway.networking.k8s.io/v1", "GatewayClass", Kind::GatewayClass),
    ("gateway.networking.k8s.io/v1beta1", "GatewayClass", Kind::GatewayClass),
    ("gateway.networking.k8s.io/v1", "ListenerSet", Kind::ListenerSet("ListenerSet")),
    ("gateway.networking.x-k8s.io/v1alpha1", "XListenerSet", Kind::ListenerSet("XListenerSet")),
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
    ("gateway.networking.k8s.io/v1", "TCPRoute", Kind::Route("TCPRoute")),
    ("gateway.networking.k8s.io/v1alpha2", "TCPRoute", Kind::Route("TCPRoute")),
    ("gateway.networking.k8s.io/v1", "TLSRoute", Kind::Route("TLSRoute")),
    ("gateway.networking.k8s.io/v1alpha2", "TLSRoute", Kind::Route("TLSRoute")),
    ("gateway.networking.k8s.io/v1alpha3", "TLSRoute", Kind::Route("TLSRoute")),
    ("gateway.networking.k8s.io/v1beta1", "TLSRoute", Kind::Route("TLSRoute")),
    ("gateway.networking.x-k8s.io/v1alpha1", route::TELEMETRY, Kind::Route(route::TELEMETRY)),
    (xbackend::API_VERSION, xbackend::KIND, Kind::XBackend),
    ("certificates.k8s.io/v1", cluster_trust_bundle::KIND, Kind::ClusterTrustBundle),
    ("certificates.k8s.io/v1beta1", cluster_trust_bundle::KIND, Kind::ClusterTrustBundle),
    ("v1", "ConfigMap", Kind::ConfigMap),
    ("v1", "Namespace", Kind::Namespace),
    ("v1", "Secret", Kind::Secret),
    ("v1", SERVICE, Kind::Service),
];
pub(super) const BACKEND: &str = "Backend";
const LIST: &str = "List";
pub(super) const SERVICE: &str = "Service";
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
