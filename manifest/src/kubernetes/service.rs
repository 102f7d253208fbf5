//! `v1 Service`: which port has which name.

use super::object::{self, ObjectName, field, quotable};
use crate::node::{Node, Resolved, Value};
use crate::position::Notes;

/// The TCP ports of a Service: TLS has no others.
#[derive(Clone, Debug, Default)]
pub(super) struct Service {
    pub(super) ports: Vec<Port>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Port {
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
    let name = object::name(node, notes)?;
    let spec = field(node, "", "spec", notes);
    let ports = spec.and_then(|spec| field(&spec.value, "spec", "ports", notes));
    let nodes = match ports.map(|ports| &ports.value.value) {
        Some(Value::List(nodes)) => nodes.as_slice(),
        _ => &[],
    };
    Some((name, Service { ports: nodes.iter().filter_map(port).collect() }))
}

fn port(node: &Node) -> Option<Port> {
    let text = |key: &str| {
        let value = &node.field(key)?.value;
        value.text().filter(|_| !value.is_null()).map(str::to_owned)
    };
    let Value::Text(scalar) = &node.field("port")?.value.value else { return None };
    let Resolved::Integer(number) = scalar.resolve() else { return None };
    let number = u16::try_from(number).ok().filter(|number| *number > 0)?;
    let is_tcp = text("protocol").is_none_or(|protocol| protocol == "TCP");
    is_tcp.then(|| Port { name: text("name").filter(|name| !name.is_empty()), number })
}
