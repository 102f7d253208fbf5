//! `gateway.networking.k8s.io Gateway` (v1, v1beta1): with which certificate it goes to its backends.

use serde::Deserialize;
use uptls::{PolicyError, PolicyErrorKind, Problem};

use super::listener;
use super::listener::{From, Listener};
use super::meta::Meta;
use super::object::field;
use super::route;
use super::route::RouteBackend;
use super::secret_ref::SecretRef;
use crate::decode::decode_at;
use crate::kubernetes::model::provenance::Written;
use crate::node::{Entry, Node, Value};
use crate::position::Notes;

/// `spec.tls.backend`.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
struct Backend {
    client_certificate_ref: Option<SecretRef>,
}

/// `gateway.networking.k8s.io/v1 Gateway`.
pub(in crate::kubernetes) struct Gateway {
    /// Those that its listeners ask before they route.
    pub(in crate::kubernetes) backends: Vec<RouteBackend>,
    /// `spec.gatewayClassName`
    pub(in crate::kubernetes) class: Option<String>,
    /// `spec.tls.backend.clientCertificateRef`
    pub(in crate::kubernetes) client_certificate: Option<Written<SecretRef>>,
    /// From where a ListenerSet may attach, if that is written.
    pub(in crate::kubernetes) listener_sets: Option<From>,
    pub(in crate::kubernetes) listeners: Vec<Listener>,
    pub(in crate::kubernetes) meta: Meta,
    /// What is left out without harm, and why.
    pub(in crate::kubernetes) notices: Vec<Problem>,
    pub(in crate::kubernetes) problems: Vec<Problem>,
}

impl Gateway {
    /// One that cannot be read.
    pub(super) fn unread(meta: Meta, problems: Vec<Problem>) -> Self {
        Self {
            backends: Vec::new(),
            class: None,
            client_certificate: None,
            listener_sets: None,
            listeners: Vec::new(),
            meta,
            notices: Vec::new(),
            problems,
        }
    }

    /// Whether nothing but its metadata and its status differs: a controller writes the status with every route.
    pub(in crate::kubernetes) fn says_the_same(&self, other: &Self) -> bool {
        let Self { backends, class, client_certificate, listener_sets, listeners, meta: _, notices, problems } = self;
        *backends == other.backends
            && *class == other.class
            && *client_certificate == other.client_certificate
            && *listener_sets == other.listener_sets
            && *listeners == other.listeners
            && *notices == other.notices
            && *problems == other.problems
    }

    /// With the problems that were noted while it was read.
    pub(in crate::kubernetes) fn with_notes(mut self, notes: Notes<'_>) -> Self {
        (self.problems, _) = notes.into_parts();
        self
    }
}

/// The Gateway `node`, with all problems noted; `None` if it has no name.
///
/// What counts are `spec.tls.backend`, where an unknown field is a problem (M2), and which routes and backends the listeners lead to.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<Gateway> {
    let meta = Meta::read(node, notes)?;
    let mut client_certificate = None;
    if let Some(entry) = backend(node, notes) {
        client_certificate = certificate(entry, notes);
    }
    let mut gateway = Gateway { client_certificate, ..Gateway::unread(meta, Vec::new()) };
    if let Some(spec) = node.field("spec").map(|entry| &entry.value) {
        gateway.class = spec.field("gatewayClassName").and_then(|entry| entry.value.text()).map(str::to_owned);
        gateway.listener_sets = spec.field("allowedListeners").and_then(|entry| From::read(&entry.value));
        gateway.listeners = listener::read(spec);
        // A filter that cannot be read is no fault of the client certificate.
        let aside = notes.aside();
        gateway.backends = route::of_listeners(spec, &gateway.meta.name.namespace, &aside);
        gateway.notices.extend(aside.into_parts().0);
        gateway.notices.extend(spec.field(OLD).map(|entry| old_field(notes, entry)));
    }
    Some(gateway)
}

fn backend<'n>(node: &'n Node, notes: &Notes<'_>) -> Option<&'n Entry> {
    let spec = map(node, "", "spec", notes)?;
    let tls = map(&spec.value, "spec", "tls", notes)?;
    map(&tls.value, "spec.tls", "backend", notes)
}

/// The map called `key`, if there is one.
fn map<'n>(node: &'n Node, path: &str, key: &str, notes: &Notes<'_>) -> Option<&'n Entry> {
    let entry = field(node, path, key, notes).filter(|entry| !entry.value.is_null())?;
    if matches!(entry.value.value, Value::Map(_)) {
        return Some(entry);
    }
    let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    let reason = entry.value.mismatch("a map");
    notes.parse_problem(&path, entry.place, reason);
    None
}

/// Versions of the standard before 1.4 had the client certificate there.
fn old_field(notes: &Notes<'_>, entry: &Entry) -> Problem {
    let supported = vec![format!("{BACKEND}.clientCertificateRef")];
    let kind = PolicyErrorKind::UnsupportedOption { given: format!("the field {OLD}"), supported };
    Problem::from(PolicyError::new(format!("spec.{OLD}"), kind)).with_origin(Some(notes.at(entry.place)))
}

fn certificate(backend: &Entry, notes: &Notes<'_>) -> Option<Written<SecretRef>> {
    let place = backend.value.field("clientCertificateRef").map_or(backend.place, |entry| entry.place);
    let fields: Backend = decode_at(backend.value.clone(), notes, BACKEND, backend.place)?;
    Some(fields.client_certificate_ref?.check(&format!("{BACKEND}.clientCertificateRef"), place, notes))
}

const BACKEND: &str = "spec.tls.backend";
const OLD: &str = "backendTLS";
pub(in crate::kubernetes) const GATEWAY: &str = "Gateway";
pub(in crate::kubernetes) const GATEWAY_GROUP: &str = "gateway.networking.k8s.io";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn gateway(spec: &str) -> Gateway {
        let node = yaml::documents(&format!("{{metadata: {{name: a}}, spec: {spec}}}")).unwrap().remove(0);
        let notes = Notes::new("in");
        read(&node, &notes).unwrap().with_notes(notes)
    }

    #[test]
    fn a_client_certificate_is_a_secret_unless_it_says_otherwise() {
        let given = gateway("{listeners: 1, tls: {frontend: {x: y}, backend: {clientCertificateRef: {name: b}}}}");
        assert!(given.problems.is_empty(), "{:?}", given.problems);
        let reference = given.client_certificate.unwrap();
        assert_eq!((reference.field.as_str(), reference.origin.line), ("spec.tls.backend.clientCertificateRef", 1));
        let SecretRef { group, kind, name, namespace } = reference.value;
        assert_eq!((group.as_str(), kind.as_str(), name.as_str(), namespace), ("", "Secret", "b", None));
        let given = gateway("{tls: {backend: {clientCertificateRef: {group: x.y, kind: Z, name: b, namespace: c}}}}");
        let SecretRef { group, kind, namespace, .. } = given.client_certificate.unwrap().value;
        assert_eq!((group.as_str(), kind.as_str(), namespace.as_deref()), ("x.y", "Z", Some("c")));
    }

    #[test]
    fn without_one_there_is_none() {
        for spec in ["{}", "", "{tls: }", "{tls: {}}", "{tls: {backend: {}}}", "{tls: {frontend: {backend: 1}}}"] {
            let given = gateway(spec);
            assert!(given.client_certificate.is_none() && given.problems.is_empty(), "{spec}: {:?}", given.problems);
        }
    }

    #[test]
    fn what_is_not_understood_is_a_problem() {
        for backend in [
            "x",
            "{clientCertificateRef: }",
            "{clientCertificateRef: {}}",
            "{clientCertificateRef: {name: ''}}",
            "{clientCertificateRef: {name: b, key: c}}",
            "{clientCertificateRef: {name: b, namespace: a.b}}",
            "{clientCertificateRef: {name: b}, clientCertificateRef: {name: c}}",
            "{clientCertificateRefs: [{name: b}]}",
            "{clientCertificateRef: {name: b}, mode: x}",
        ] {
            let problems = gateway(&format!("{{tls: {{backend: {backend}}}}}")).problems;
            assert_eq!(problems.len(), 1, "{backend}: {problems:?}");
            assert!(problems[0].path().starts_with("spec.tls.backend"), "{backend}: {problems:?}");
        }
        assert_eq!(gateway("{tls: x}").problems[0].path(), "spec.tls");
        assert_eq!(gateway("x").problems[0].path(), "spec");
        assert_eq!(gateway("{tls: {}, tls: {backend: {clientCertificateRef: {name: a}}}}").problems.len(), 1);
    }
}
