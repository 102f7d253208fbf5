//! `gateway.networking.k8s.io ListenerSet` (v1) and `XListenerSet`: listeners of a Gateway in another object, to which routes attach.

use super::listener::{self, Listener};
use super::meta::Meta;
use super::object::field;
use super::route::{self, RouteBackend};
use crate::kubernetes::model::object::ObjectName;
use crate::node::Node;
use crate::position::Notes;

/// One of them.
pub(in crate::kubernetes) struct ListenerSet {
    /// Those that its listeners ask before they route.
    pub(in crate::kubernetes) backends: Vec<RouteBackend>,
    /// `spec.parentRef`, if it is to a Gateway.
    pub(in crate::kubernetes) gateway: Option<ObjectName>,
    pub(in crate::kubernetes) listeners: Vec<Listener>,
    pub(in crate::kubernetes) meta: Meta,
}

/// The set `node`; `None`, and noted problems, if it has no name.
pub(super) fn read(node: &Node, notes: &Notes<'_>) -> Option<ListenerSet> {
    let meta = Meta::read(node, notes)?;
    let spec = field(node, "", "spec", notes).map(|entry| &entry.value);
    let parent = spec.and_then(|spec| field(spec, "spec", "parentRef", notes)).map(|entry| &entry.value);
    let text = |key: &str| {
        let entry = field(parent?, "spec.parentRef", key, notes).filter(|entry| !entry.value.is_null())?;
        if entry.value.text().is_none() {
            let reason = entry.value.mismatch("a string");
            notes.parse_problem(&format!("spec.parentRef.{key}"), entry.place, reason);
        }
        entry.value.text().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let (group, kind) = (text("group"), text("kind"));
    let (name, namespace) = (text("name"), text("namespace"));
    let is_gateway = group.is_none_or(|group| group == super::gateway::GATEWAY_GROUP)
        && kind.is_none_or(|kind| kind == super::gateway::GATEWAY);
    let namespace = namespace.unwrap_or_else(|| meta.name.namespace.clone());
    let gateway = name.filter(|_| is_gateway).map(|name| ObjectName::new(namespace, name));
    let backends = spec.map(|spec| route::of_listeners(spec, &meta.name.namespace, notes)).unwrap_or_default();
    Some(ListenerSet { backends, gateway, listeners: spec.map(listener::read).unwrap_or_default(), meta })
}

/// Group and kind of each.
pub(in crate::kubernetes) const KINDS: [(&str, &str); 2] =
    [("gateway.networking.k8s.io", "ListenerSet"), ("gateway.networking.x-k8s.io", "XListenerSet")];
