//! `v1 Service`: which port has which name, and what else says something about its backends.

use super::extension::Written;
use super::object::{ObjectName, field, quotable};
use super::standard::Meta;
use super::standard::meta::integer;
use crate::node::{Node, Value};
use crate::position::Notes;

/// The TCP ports of a Service: TLS has no others.
#[derive(Clone, Debug)]
pub(super) struct Service {
    /// `spec.externalName`
    pub(super) external_name: Option<String>,
    /// `spec.type`: `ClusterIP` where none is written.
    pub(super) kind: String,
    pub(super) meta: Meta,
    pub(super) ports: Vec<Port>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Port {
    /// `spec.ports[0].appProtocol`
    pub(super) app_protocol: Option<Written<String>>,
    pub(super) name: Option<String>,
    pub(super) number: u16,
}

impl Service {
    /// The port `number`.
    pub(super) fn port(&self, number: u16) -> Option<&Port> {
        self.ports.iter().find(|port| port.number == number)
    }

    /// Whether a port has this name.
    pub(super) fn has_section(&self, name: &str) -> bool {
        self.ports.iter().any(|port| port.name.as_deref() == Some(name))
    }

    /// For a message: `443 (https), 8443`.
    pub(super) fn describe(&self) -> String {
        let port = |port: &Port| match &port.name {
            Some(name) => format!("{} ({})", port.number, quotable(name)),
            None => port.number.to_string(),
        };
        match self.ports.as_slice() {
            [] => "none".to_owned(),
            ports => ports.iter().map(port).collect::<Vec<_>>().join(", "),
        }
    }
}

/// The Service `node`; `None`, and noted problems, if it has no name.
pub(super) fn read(node: &Node, notes: &Notes<'_>) -> Option<(ObjectName, Service)> {
    let meta = Meta::read(node, notes)?;
    let spec = field(node, "", "spec", notes);
    let ports = spec.and_then(|spec| field(&spec.value, "spec", "ports", notes));
    let nodes = match ports.map(|ports| &ports.value.value) {
        Some(Value::List(nodes)) => nodes.as_slice(),
        _ => &[],
    };
    let written = |key: &str| text(&spec?.value, key).filter(|text| !text.is_empty());
    let kind = written("type").unwrap_or_else(|| "ClusterIP".to_owned());
    let ports = nodes.iter().enumerate().filter_map(|(index, node)| port(index, node, notes)).collect();
    Some((meta.name.clone(), Service { external_name: written("externalName"), kind, meta, ports }))
}

fn port(index: usize, node: &Node, notes: &Notes<'_>) -> Option<Port> {
    let number = integer(&node.field("port")?.value)?;
    let number = u16::try_from(number).ok().filter(|number| *number > 0)?;
    let is_tcp = text(node, "protocol").is_none_or(|protocol| protocol == "TCP");
    let written = |key: &str| text(node, key).filter(|text| !text.is_empty());
    let app_protocol = node.field(APP_PROTOCOL).map(|entry| (notes.at(entry.place), written(APP_PROTOCOL)));
    let app_protocol = app_protocol.and_then(|(origin, value)| {
        Some(Written { field: format!("spec.ports[{index}].{APP_PROTOCOL}"), origin, value: value? })
    });
    is_tcp.then(|| Port { app_protocol, name: written("name"), number })
}

fn text(node: &Node, key: &str) -> Option<String> {
    let value = &node.field(key)?.value;
    value.text().filter(|_| !value.is_null()).map(str::to_owned)
}

const APP_PROTOCOL: &str = "appProtocol";
