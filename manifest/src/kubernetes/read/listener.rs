//! The listeners of a Gateway or a ListenerSet, as far as they decide which routes attach. Only what is written counts: an API
//! server writes the defaults out, and a file that leaves them out does not say which Gateway it means.

use std::collections::BTreeSet;

use super::meta::integer;
use super::selector::{LabelSelector, Labels};
use crate::node::{Node, Value};

/// One of them.
#[derive(PartialEq)]
pub(in crate::kubernetes) struct Listener {
    /// `allowedRoutes.namespaces.from`
    from: Option<From>,
    /// Whether TLS goes through it as it is, so that nothing here speaks TLS to the backend.
    is_passthrough: bool,
    /// `allowedRoutes.kinds`; empty: it is not written.
    kinds: BTreeSet<String>,
    name: Option<String>,
    port: Option<u16>,
}

/// From which namespaces something may attach.
#[derive(PartialEq)]
pub(in crate::kubernetes) enum From {
    All,
    None,
    Same,
    /// Those with certain labels; `None`: which ones cannot be read.
    Selector(Option<LabelSelector>),
}

/// The namespace of what wants to attach.
#[derive(Clone, Copy)]
pub(in crate::kubernetes) struct Namespace<'a> {
    /// Whether it is that of the Gateway, or of the ListenerSet.
    pub(in crate::kubernetes) is_same: bool,
    /// `None`: nobody knows them.
    pub(in crate::kubernetes) labels: Option<&'a Labels>,
    pub(in crate::kubernetes) name: &'a str,
}

impl From {
    /// `namespaces.from`
    pub(super) fn read(node: &Node) -> Option<Self> {
        let namespaces = &node.field("namespaces")?.value;
        match namespaces.field("from")?.value.text()? {
            "All" => Some(Self::All),
            "None" => Some(Self::None),
            "Same" => Some(Self::Same),
            "Selector" => {
                let selector = namespaces.field("selector").map(|entry| &entry.value);
                Some(Self::Selector(selector.and_then(LabelSelector::read)))
            }
            _ => None,
        }
    }

    /// Whether what is in the namespace may attach; `None`: only its labels would tell.
    pub(in crate::kubernetes) fn permits(&self, namespace: Namespace<'_>) -> Option<bool> {
        match self {
            Self::All => Some(true),
            Self::None => Some(false),
            Self::Same => Some(namespace.is_same),
            Self::Selector(selector) => selector.as_ref()?.selects(namespace.name, namespace.labels),
        }
    }
}

impl Listener {
    /// Whether a `parentRef` with this section and port means it.
    pub(in crate::kubernetes) fn is_meant(&self, section: Option<&str>, port: Option<u16>) -> bool {
        section.is_none_or(|section| self.name.as_deref() == Some(section))
            && port.is_none_or(|port| self.port.is_none_or(|own| own == port))
    }

    /// Whether a route of this kind attaches from the namespace; `None`: only the labels of that would tell.
    pub(in crate::kubernetes) fn permits(&self, kind: &str, namespace: Namespace<'_>) -> Option<bool> {
        let is_its_kind = self.kinds.is_empty() || self.kinds.contains(kind);
        if !is_its_kind || (self.is_passthrough && kind == "TLSRoute") {
            return Some(false);
        }
        self.from.as_ref().map_or(Some(true), |from| from.permits(namespace))
    }
}

/// Those of a `spec`.
pub(super) fn read(spec: &Node) -> Vec<Listener> {
    let text = |node: &Node, key: &str| node.field(key).and_then(|entry| entry.value.text()).map(str::to_owned);
    let listener = |node: &Node| {
        let routes = node.field("allowedRoutes").map(|entry| &entry.value);
        let kinds =
            routes.and_then(|routes| routes.field("kinds")).map(|entry| nodes(&entry.value)).unwrap_or_default();
        let mode = node.field("tls").and_then(|tls| text(&tls.value, "mode"));
        let port = node.field("port").and_then(|entry| integer(&entry.value));
        Listener {
            from: routes.and_then(From::read),
            is_passthrough: mode.as_deref() == Some("Passthrough"),
            kinds: kinds.iter().filter_map(|node| text(node, "kind")).collect(),
            name: text(node, "name"),
            port: port.and_then(|port| u16::try_from(port).ok()),
        }
    };
    spec.field("listeners").map(|entry| nodes(&entry.value)).unwrap_or_default().iter().map(listener).collect()
}

fn nodes(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(nodes) => nodes,
        Value::Map(_) | Value::Text(_) => &[],
    }
}
