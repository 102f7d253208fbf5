//! `v1 Service`: which port has which name, and what else says something about its backends.

use super::meta::{Meta, check_labels, integer};
use super::object::field;
use crate::kubernetes::model::object::{ObjectName, quotable};
use crate::kubernetes::model::provenance::Written;
use crate::node::{Entry, Node, Value};
use crate::position::{Notes, Place};

/// The TCP ports of a Service: TLS has no others.
#[derive(Clone, Debug)]
pub(in crate::kubernetes) struct Service {
    /// `spec.externalName`
    pub(in crate::kubernetes) external_name: Option<String>,
    /// `spec.type`: `ClusterIP` where none is written.
    pub(in crate::kubernetes) kind: String,
    pub(in crate::kubernetes) meta: Meta,
    /// The names of its ports that are not for TCP.
    pub(in crate::kubernetes) others: Vec<Option<String>>,
    pub(in crate::kubernetes) ports: Vec<Port>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(in crate::kubernetes) struct Port {
    /// `spec.ports[0].appProtocol`
    pub(in crate::kubernetes) app_protocol: Option<Box<Written<String>>>,
    pub(in crate::kubernetes) name: Option<String>,
    pub(in crate::kubernetes) number: u16,
}

impl Service {
    /// The port `number`.
    pub(in crate::kubernetes) fn port(&self, number: u16) -> Option<&Port> {
        self.ports.iter().find(|port| port.number == number)
    }

    /// Whether a port has this name.
    pub(in crate::kubernetes) fn has_section(&self, name: &str) -> bool {
        self.ports.iter().any(|port| port.name.as_deref() == Some(name))
    }

    /// Whether a port of this name is not for TCP; without a name, whether none is.
    pub(in crate::kubernetes) fn is_other(&self, name: Option<&str>) -> bool {
        match name {
            Some(_) => self.others.iter().any(|other| other.as_deref() == name),
            None => self.ports.is_empty() && !self.others.is_empty(),
        }
    }

    /// For a message: `443 (https), 8443`.
    pub(in crate::kubernetes) fn describe(&self) -> String {
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
///
/// A port that cannot be read is a problem, since a policy may be for it. So is a label, since a selector may mean it.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<(ObjectName, Service)> {
    let meta = Meta::read(node, notes)?;
    check_labels(node, notes);
    let spec = given(node, "", "spec", notes).map(|entry| &entry.value);
    if let Some(spec) = spec.filter(|spec| !matches!(spec.value, Value::Map(_))) {
        unwanted(spec, spec.place, "spec", "a map", notes);
    }
    let ports = spec.and_then(|spec| given(spec, "spec", "ports", notes));
    let nodes = match ports.map(|ports| (&ports.value.value, ports)) {
        None => &[],
        Some((Value::List(nodes), _)) => nodes.as_slice(),
        Some((_, ports)) => {
            unwanted(&ports.value, ports.place, "spec.ports", "a list", notes);
            &[]
        }
    };
    let written = |key: &str| text(spec?, "spec", key, notes);
    let kind = written("type").unwrap_or_else(|| "ClusterIP".to_owned());
    let (mut others, mut ports) = (Vec::new(), Vec::<Port>::new());
    for (index, node) in nodes.iter().enumerate() {
        let (port, is_tcp) = match port(index, node, notes) {
            Some(read) => read,
            None => continue,
        };
        if !is_tcp {
            others.push(port.name);
            continue;
        }
        let is_same = |other: &Port| other.number == port.number || (port.name.is_some() && other.name == port.name);
        if ports.iter().any(is_same) {
            notes.parse_problem(&format!("spec.ports[{index}]"), node.place, "a port before it has its number or name");
        }
        ports.push(port);
    }
    ports.shrink_to_fit();
    Some((meta.name.clone(), Service { external_name: written("externalName"), kind, meta, others, ports }))
}

/// The port, and whether it is for TCP; `None`: a noted problem says why it cannot be read.
fn port(index: usize, node: &Node, notes: &Notes<'_>) -> Option<(Port, bool)> {
    let path = format!("spec.ports[{index}]");
    let written = |key: &str| text(node, &path, key, notes);
    let is_tcp = written("protocol").is_none_or(|protocol| protocol == "TCP");
    let name = written("name");
    let number = given(node, &path, "port", notes).and_then(|entry| integer(&entry.value));
    let number = number.and_then(|number| u16::try_from(number).ok()).filter(|number| *number > 0);
    let app_protocol = written(APP_PROTOCOL).zip(node.field(APP_PROTOCOL)).map(|(value, entry)| Written {
        field: format!("{path}.{APP_PROTOCOL}"),
        origin: notes.at(entry.place),
        value,
    });
    if number.is_none() {
        notes.parse_problem(&path, node.place, "it has no port of 1 to 65535");
    }
    number.map(|number| (Port { app_protocol: app_protocol.map(Box::new), name, number }, is_tcp))
}

/// The field, unless nothing stands there.
fn given<'n>(node: &'n Node, path: &str, key: &str, notes: &Notes<'_>) -> Option<&'n Entry> {
    field(node, path, key, notes).filter(|entry| !entry.value.is_null())
}

/// The text of a field, unless it is empty.
fn text(node: &Node, path: &str, key: &str, notes: &Notes<'_>) -> Option<String> {
    let entry = given(node, path, key, notes)?;
    if entry.value.text().is_none() {
        unwanted(&entry.value, entry.place, &format!("{path}.{key}"), "a string", notes);
    }
    entry.value.text().filter(|text| !text.is_empty()).map(str::to_owned)
}

fn unwanted(node: &Node, place: Place, path: &str, wanted: &str, notes: &Notes<'_>) {
    notes.parse_problem(path, place, node.mismatch(wanted));
}

const APP_PROTOCOL: &str = "appProtocol";
