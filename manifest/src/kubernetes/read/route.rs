//! `HTTPRoute`, `GRPCRoute`, `TLSRoute`, `TCPRoute`, `XTelemetryPolicy` and the filters of listeners: which Gateways use which backends.

use uptls::Origin;

use super::meta::{Meta, integer};
use super::object::field;
use crate::kubernetes::model::object::ObjectName;
use crate::node::{Node, Value};
use crate::position::Notes;

/// `HTTPRoute`, `GRPCRoute`, `TLSRoute` or `TCPRoute`: which Gateways use which backends. An `XTelemetryPolicy` says it too: where
/// its Gateways send their traces.
pub(in crate::kubernetes) struct Route {
    pub(in crate::kubernetes) backends: Vec<RouteBackend>,
    pub(in crate::kubernetes) kind: &'static str,
    pub(in crate::kubernetes) meta: Meta,
    pub(in crate::kubernetes) parents: Vec<ParentRef>,
}

/// One entry of `parentRefs`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::kubernetes) struct ParentRef {
    pub(in crate::kubernetes) group: String,
    pub(in crate::kubernetes) kind: String,
    /// With the route's namespace where none is written.
    pub(in crate::kubernetes) name: ObjectName,
    pub(in crate::kubernetes) port: Option<u16>,
    pub(in crate::kubernetes) section_name: Option<String>,
}

/// One entry of `backendRefs`, filters included.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::kubernetes) struct RouteBackend {
    /// `spec.rules[0].backendRefs[0]`
    pub(in crate::kubernetes) field: String,
    pub(in crate::kubernetes) group: String,
    pub(in crate::kubernetes) kind: String,
    /// With the route's namespace where none is written.
    pub(in crate::kubernetes) name: ObjectName,
    pub(in crate::kubernetes) origin: Origin,
    pub(in crate::kubernetes) port: Option<u16>,
    pub(in crate::kubernetes) spoken: Spoken,
}

/// What a route speaks with a backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::kubernetes) enum Spoken {
    /// gRPC, and so HTTP/2.
    Grpc,
    /// HTTP, in any version.
    Http,
    /// Whatever the client of the route speaks.
    Unknown,
}

/// The route `node`, with all problems noted; with problems it is left out, since a part of it says nothing certain.
pub(in crate::kubernetes) fn read(node: &Node, kind: &'static str, notes: &Notes<'_>) -> Option<Route> {
    let meta = Meta::read(node, notes)?;
    let spoken = match kind {
        "GRPCRoute" => Spoken::Grpc,
        "HTTPRoute" => Spoken::Http,
        _ => Spoken::Unknown,
    };
    let reader = Reader { namespace: &meta.name.namespace, notes, spoken };
    let (mut backends, mut parents) = (Vec::new(), Vec::new());
    if let Some(spec) = field(node, "", "spec", notes).map(|entry| &entry.value) {
        parents.extend(reader.list(spec, "spec", "parentRefs").filter_map(|(path, node)| reader.parent(node, &path)));
        for (path, rule) in reader.list(spec, "spec", "rules") {
            reader.rule(rule, &path, &mut backends);
        }
    }
    // There may be tens of thousands of routes, and most have one of each.
    backends.shrink_to_fit();
    parents.shrink_to_fit();
    Some(Route { backends, kind, meta, parents })
}

/// The policy `node` as a route from its Gateways, all of its own namespace, to the backend that receives their traces (GEP-4768).
pub(super) fn of_telemetry(node: &Node, notes: &Notes<'_>) -> Option<Route> {
    let meta = Meta::read(node, notes)?;
    let reader = Reader { namespace: &meta.name.namespace, notes, spoken: Spoken::Unknown };
    let (mut backends, mut parents) = (Vec::new(), Vec::new());
    if let Some(spec) = field(node, "", "spec", notes).map(|entry| &entry.value) {
        let targets = reader.list(spec, "spec", "targetRefs");
        parents.extend(targets.filter_map(|(path, node)| reader.parent(node, &path)));
        parents.iter_mut().for_each(|parent| parent.name.namespace.clone_from(&meta.name.namespace));
        let tracing = field(spec, "spec", "tracing", notes).map(|entry| &entry.value);
        let is_on = |tracing: &&Node| reader.text(tracing, "spec.tracing", "mode").as_deref() != Some("Disabled");
        let provider = tracing.filter(is_on).and_then(|tracing| field(tracing, "spec.tracing", "provider", notes));
        let entry = provider.and_then(|entry| field(&entry.value, "spec.tracing.provider", "backendRef", notes));
        let path = "spec.tracing.provider.backendRef";
        backends.extend(entry.and_then(|entry| reader.backend(&entry.value, path, Spoken::Unknown)));
    }
    Some(Route { backends, kind: TELEMETRY, meta, parents })
}

/// The backends that listeners ask before they route (GEP-5224), in the `spec` of an object of this namespace.
pub(super) fn of_listeners(spec: &Node, namespace: &str, notes: &Notes<'_>) -> Vec<RouteBackend> {
    let reader = Reader { namespace, notes, spoken: Spoken::Unknown };
    let mut backends = Vec::new();
    for (path, listener) in reader.list(spec, "spec", "listeners") {
        if let Some(entry) = field(listener, &path, "filters", notes) {
            reader.filters(&entry.value, &format!("{path}.filters"), "requests", &mut backends);
        }
    }
    backends
}

/// Reads one route. Fields that are not asked for are left alone: they say nothing about who uses what.
struct Reader<'a> {
    namespace: &'a str,
    notes: &'a Notes<'a>,
    /// Unless a filter says otherwise.
    spoken: Spoken,
}

impl Reader<'_> {
    fn rule(&self, rule: &Node, path: &str, backends: &mut Vec<RouteBackend>) {
        self.filters(rule, path, "filters", backends);
        for (path, node) in self.list(rule, path, "backendRefs") {
            backends.extend(self.backend(node, &path, self.spoken));
            self.filters(node, &path, "filters", backends);
        }
    }

    /// A backend may stand in a filter too, and is connected to all the same.
    fn filters(&self, node: &Node, path: &str, key: &str, backends: &mut Vec<RouteBackend>) {
        for (path, filter) in self.list(node, path, key) {
            for kind in ["requestMirror", "externalAuth"] {
                let Some(entry) = field(filter, &path, kind, self.notes) else { continue };
                let path = format!("{path}.{kind}");
                let spoken = match self.text(&entry.value, &path, "protocol").as_deref() {
                    Some("GRPC") => Spoken::Grpc,
                    Some("HTTP") => Spoken::Http,
                    _ if kind == "requestMirror" => self.spoken,
                    _ => Spoken::Unknown,
                };
                if let Some(entry) = field(&entry.value, &path, "backendRef", self.notes) {
                    backends.extend(self.backend(&entry.value, &format!("{path}.backendRef"), spoken));
                }
            }
        }
    }

    fn backend(&self, node: &Node, path: &str, spoken: Spoken) -> Option<RouteBackend> {
        Some(RouteBackend {
            field: path.to_owned(),
            group: self.text(node, path, "group").unwrap_or_default(),
            kind: self.text(node, path, "kind").unwrap_or_else(|| "Service".to_owned()),
            name: self.name(node, path)?,
            origin: self.notes.at(node.place),
            port: self.port(node, path),
            spoken,
        })
    }

    fn parent(&self, node: &Node, path: &str) -> Option<ParentRef> {
        Some(ParentRef {
            group: self.text(node, path, "group").unwrap_or_else(|| GROUP.to_owned()),
            kind: self.text(node, path, "kind").unwrap_or_else(|| "Gateway".to_owned()),
            name: self.name(node, path)?,
            port: self.port(node, path),
            section_name: self.text(node, path, "sectionName").filter(|name| !name.is_empty()),
        })
    }

    fn name(&self, node: &Node, path: &str) -> Option<ObjectName> {
        let name = self.text(node, path, "name").filter(|name| !name.is_empty());
        if name.is_none() {
            self.notes.parse_problem(path, node.place, "the field name is missing");
        }
        let namespace = self.text(node, path, "namespace").unwrap_or_else(|| self.namespace.to_owned());
        name.map(|name| ObjectName::new(namespace, name))
    }

    fn text(&self, node: &Node, path: &str, key: &str) -> Option<String> {
        let entry = field(node, path, key, self.notes).filter(|entry| !entry.value.is_null())?;
        let text = entry.value.text();
        if text.is_none() {
            let reason = entry.value.mismatch("a string");
            self.notes.parse_problem(&format!("{path}.{key}"), entry.place, reason);
        }
        text.map(str::to_owned)
    }

    fn port(&self, node: &Node, path: &str) -> Option<u16> {
        let entry = field(node, path, "port", self.notes).filter(|entry| !entry.value.is_null())?;
        let port = integer(&entry.value).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        if port.is_none() {
            let path = format!("{path}.port");
            self.notes.parse_problem(&path, entry.place, "it is not a port, 1 to 65535");
        }
        port
    }

    /// The entries of the list called `key`, each with its path.
    fn list<'n>(&self, node: &'n Node, path: &str, key: &str) -> impl Iterator<Item = (String, &'n Node)> + use<'n> {
        let entry = field(node, path, key, self.notes).filter(|entry| !entry.value.is_null());
        let path = format!("{path}.{key}");
        let nodes = match entry.map(|entry| (&entry.value.value, entry)) {
            None => &[],
            Some((Value::List(nodes), _)) => nodes.as_slice(),
            Some((_, entry)) => {
                let reason = entry.value.mismatch("a list");
                self.notes.parse_problem(&path, entry.place, reason);
                &[]
            }
        };
        nodes.iter().enumerate().map(move |(index, node)| (format!("{path}[{index}]"), node))
    }
}

const GROUP: &str = "gateway.networking.k8s.io";
/// The one kind that routes nothing: no listener has a say in whether it attaches.
pub(in crate::kubernetes) const TELEMETRY: &str = "XTelemetryPolicy";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn route(spec: &str) -> (Option<Route>, Vec<String>) {
        let text = format!("{{metadata: {{name: a, namespace: shop}}, spec: {spec}}}");
        let node = yaml::documents(&text).unwrap().remove(0);
        let notes = Notes::new("in");
        let route = read(&node, "HTTPRoute", &notes);
        let problems = notes.into_parts().0;
        (route, problems.iter().map(|problem| problem.path().to_owned()).collect())
    }

    fn shown(backend: &RouteBackend) -> String {
        let RouteBackend { group, kind, name, port, .. } = backend;
        format!("{group}/{kind} {name} {port:?}")
    }

    #[test]
    fn what_is_not_written_has_a_default() {
        let (route, problems) = route(
            "{hostnames: [x], parentRefs: [{name: edge}, {kind: X, group: y.z, namespace: b, name: c, port: 1, \
             sectionName: d}], rules: [{matches: 1, backendRefs: [{name: pay, port: 443, weight: 2}, \
             {group: g.h, kind: I, name: j, namespace: k}]}, {name: empty}]}",
        );
        let route = route.unwrap();
        assert_eq!((problems, route.kind), (Vec::new(), "HTTPRoute"));
        let parent = |group: &str, kind: &str, name, port, section: Option<&str>| ParentRef {
            group: group.to_owned(),
            kind: kind.to_owned(),
            name,
            port,
            section_name: section.map(str::to_owned),
        };
        let edge = parent(GROUP, "Gateway", ObjectName::new("shop", "edge"), None, None);
        assert_eq!(route.parents, [edge, parent("y.z", "X", ObjectName::new("b", "c"), Some(1), Some("d"))]);
        let backends: Vec<_> = route.backends.iter().map(shown).collect();
        assert_eq!(backends, ["/Service shop/pay Some(443)", "g.h/I k/j None"]);
    }

    #[test]
    fn backends_in_filters_count() {
        let (route, problems) = route(
            "{rules: [{filters: [{type: RequestMirror, requestMirror: {backendRef: {name: m}}}, {type: Other}, \
             {type: ExternalAuth, externalAuth: {protocol: GRPC, backendRef: {name: e, port: 9}}}], \
             backendRefs: [{name: b, filters: [{requestMirror: {backendRef: {name: n}}}]}]}]}",
        );
        let route = route.unwrap();
        let backends: Vec<_> = route.backends.iter().map(shown).collect();
        assert_eq!(problems, Vec::<String>::new());
        let spoken: Vec<_> = route.backends.iter().map(|backend| backend.spoken).collect();
        assert_eq!(spoken, [Spoken::Http, Spoken::Grpc, Spoken::Http, Spoken::Http]);
        assert_eq!(route.backends[3].field, "spec.rules[0].backendRefs[0].filters[0].requestMirror.backendRef");
        let wanted =
            ["/Service shop/m None", "/Service shop/e Some(9)", "/Service shop/b None", "/Service shop/n None"];
        assert_eq!(backends, wanted);
    }

    #[test]
    fn a_telemetry_policy_leads_from_its_gateways_to_one_backend() {
        let of = |spec: &str| {
            let text = format!("{{metadata: {{name: a, namespace: shop}}, spec: {spec}}}");
            let notes = Notes::new("in");
            let route = of_telemetry(&yaml::documents(&text).unwrap().remove(0), &notes).unwrap();
            let parents: Vec<_> =
                route.parents.iter().map(|parent| format!("{} {}", parent.kind, parent.name)).collect();
            let backends: Vec<_> = route.backends.iter().map(shown).collect();
            (parents, backends, notes.into_parts().0.len())
        };
        let targets = "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: edge, namespace: other}]";
        let backend = "provider: {backendRef: {name: traces, namespace: infra, port: 4317}}";
        let gateways = vec!["Gateway shop/edge".to_owned()];
        let backends = vec!["/Service infra/traces Some(4317)".to_owned()];
        for tracing in [backend.to_owned(), format!("mode: Enabled, {backend}")] {
            assert_eq!(of(&format!("{{{targets}, tracing: {{{tracing}}}}}")), (gateways.clone(), backends.clone(), 0));
        }
        for tracing in [format!("mode: Disabled, {backend}"), String::new(), "provider: {}".to_owned()] {
            assert_eq!(of(&format!("{{{targets}, tracing: {{{tracing}}}}}")), (gateways.clone(), Vec::new(), 0));
        }
        assert_eq!(of(&format!("{{{targets}, tracing: {{provider: {{backendRef: {{}}}}}}}}")).2, 1);
    }

    #[test]
    fn backends_of_listeners_count() {
        let of = |spec: &str| {
            let node = yaml::documents(spec).unwrap().remove(0);
            let notes = Notes::new("in");
            let found: Vec<_> = of_listeners(&node, "shop", &notes);
            let shown: Vec<_> =
                found.iter().map(|one| format!("{} {} {:?}", one.field, shown(one), one.spoken)).collect();
            (shown, notes.into_parts().0.len())
        };
        let filters = "{requests: [{type: ExtensionRef, extensionRef: {name: x}}, \
                       {type: ExternalAuth, externalAuth: {protocol: HTTP, backendRef: {name: auth, port: 9}}}]}";
        let at = "spec.listeners[1].filters.requests[1].externalAuth.backendRef";
        let (found, problems) = of(&format!("{{listeners: [{{name: a}}, {{name: b, filters: {filters}}}]}}"));
        assert_eq!((found, problems), (vec![format!("{at} /Service shop/auth Some(9) Http")], 0));
        for spec in
            ["{}", "{listeners: [{}]}", "{listeners: [{filters: {}}]}", "{listeners: [{filters: {requests: []}}]}"]
        {
            assert_eq!(of(spec), (Vec::new(), 0), "{spec}");
        }
        assert_eq!(of("{listeners: [{filters: {requests: [{externalAuth: {backendRef: {}}}]}}]}"), (Vec::new(), 1));
    }

    #[test]
    fn what_is_not_understood_is_a_problem() {
        const TABLE: &[(&str, &str)] = &[
            ("{rules: x}", "spec.rules"),
            ("{parentRefs: {name: a}}", "spec.parentRefs"),
            ("{parentRefs: [{}]}", "spec.parentRefs[0]"),
            ("{parentRefs: [{name: a, port: 0}]}", "spec.parentRefs[0].port"),
            ("{rules: [{backendRefs: [{name: a, port: x}]}]}", "spec.rules[0].backendRefs[0].port"),
            ("{rules: [{backendRefs: [{name: a, group: [b]}]}]}", "spec.rules[0].backendRefs[0].group"),
            (
                "{rules: [{filters: [{requestMirror: {backendRef: {}}}]}]}",
                "spec.rules[0].filters[0].requestMirror.backendRef",
            ),
            ("{rules: [{backendRefs: [{name: a}], backendRefs: [{name: b}]}]}", "spec.rules[0]"),
        ];
        for (spec, path) in TABLE {
            assert_eq!(route(spec).1, [*path], "{spec}");
        }
        for spec in ["{}", "", "{rules: }", "{rules: [{}]}", "{parentRefs: []}"] {
            assert_eq!(route(spec).1, Vec::<String>::new(), "{spec}");
        }
    }
}
