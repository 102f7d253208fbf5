//! The annotations `gloo.solo.io/sslService.*` of a Service, for all its ports or one of them.

use super::fields::{Fields, unsupported, word};
use super::{Extension, ExtensionIdentity, ExtensionTarget, ExtensionTls, ExtensionTrust, TargetOf, Vendor};
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::model::provenance::Written;
use crate::kubernetes::read::meta::{Meta, created};
use crate::node::{Node, Value};
use crate::position::Notes;

/// What the Service `node` says of its own TLS; `None` if it says nothing, or has no name.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<Extension> {
    let annotations = Fields::root(node, notes).map("metadata")?.map("annotations")?;
    let Value::Map(entries) = &annotations.node.value else { return None };
    let mut is_any = false;
    for key in entries.iter().filter_map(|entry| entry.key.strip_prefix(PREFIX)) {
        is_any = true;
        if !KNOWN.contains(&key) {
            annotations.unsupported(&format!("{PREFIX}{key}"), word(key), &KNOWN);
        }
    }
    let meta = Meta::read(node, notes).filter(|_| is_any)?;
    let name = meta.name.clone();
    let [secret, certificate, key, ca, one_way] =
        ["secret", "tlsCert", "tlsKey", "rootCa", "oneWayTls"].map(|key| annotation(&annotations, key));
    let material = [&secret, &certificate, &key, &ca];
    let mut ports: Vec<Option<u16>> = material.into_iter().flatten().map(|ported| ported.port).collect();
    ports.extend(one_way.iter().map(|ported| ported.port).filter(Option::is_some));
    ports.dedup();
    if ports.len() > 1 {
        notes.near(&annotations.path, unsupported("annotations of several ports", &["the same port in all of them"]));
    }
    let port = ports.first().copied().flatten().filter(|_| ports.len() == 1);
    if secret.is_some() && (certificate.is_some() || key.is_some() || ca.is_some()) {
        notes.near(&annotations.path, unsupported("a secret and files together", &["one of them"]));
    }
    let what = TargetOf::Service { name: name.clone(), port };
    let one_way = one_way.and_then(|flag| is_set(&flag.text, notes));
    let mut tls = ExtensionTls { one_way, ..ExtensionTls::default() };
    if let Some(Ported { text: Written { field, origin, value }, .. }) = secret {
        let secret = ObjectName::new(&name.namespace, value);
        let identity = ExtensionIdentity::Secret(secret.clone());
        tls.identity = Some(Written { field: field.clone(), origin: origin.clone(), value: identity });
        tls.trust = Some(Written { field, origin, value: ExtensionTrust::Secret(secret) });
    } else {
        files(certificate, key, ca, &mut tls);
    }
    let mut extension = Extension::new(Vendor::GlooAnnotations, meta, created(node, notes));
    extension.targets = vec![ExtensionTarget { origin: notes.at(node.place), path: annotations.path, what }];
    extension.tls = Some(tls);
    Some(extension)
}

/// A value, and the port that it is for; without one it is for all.
struct Ported {
    port: Option<u16>,
    text: Written<String>,
}

/// `value` or `<port>:value`. Gloo takes a prefix that is no port for all ports; here it is refused.
fn annotation(annotations: &Fields<'_>, key: &str) -> Option<Ported> {
    let Written { field, origin, value } = annotations.text(&format!("{PREFIX}{key}"))?;
    let (port, value) = match value.split_once(':') {
        None => (None, value),
        Some((port, rest)) => match port.parse().ok().filter(|port| *port > 0) {
            Some(port) => (Some(port), rest.to_owned()),
            None => {
                annotations.notes.near(&field, unsupported("a prefix that is no port", &["<port>:<value>"]));
                return None;
            }
        },
    };
    if value.is_empty() {
        annotations.notes.near(&field, unsupported("an empty value", &["<value>", "<port>:<value>"]));
        return None;
    }
    Some(Ported { port, text: Written { field, origin, value } })
}

fn is_set(text: &Written<String>, notes: &Notes<'_>) -> Option<Written<()>> {
    match text.value.as_str() {
        "true" | "True" | "TRUE" | "t" | "T" | "1" => {
            Some(Written { field: text.field.clone(), origin: text.origin.clone(), value: () })
        }
        "false" | "False" | "FALSE" | "f" | "F" | "0" => None,
        other => {
            notes.near(&text.field, unsupported(word(other), &["true", "false"]));
            None
        }
    }
}

fn files(certificate: Option<Ported>, key: Option<Ported>, ca: Option<Ported>, tls: &mut ExtensionTls) {
    if let Some(first) = certificate.as_ref().or(key.as_ref()) {
        let (field, origin) = (first.text.field.clone(), first.text.origin.clone());
        let file = |ported: Option<Ported>| ported.map(|ported| ported.text.value);
        let value = ExtensionIdentity::Files { certificate: file(certificate), key: file(key) };
        tls.identity = Some(Written { field, origin, value });
    }
    let trust = |Written { field, origin, value }| Written { field, origin, value: ExtensionTrust::File(value) };
    tls.trust = ca.map(|ported| trust(ported.text));
}

const KNOWN: [&str; 5] = ["oneWayTls", "rootCa", "secret", "tlsCert", "tlsKey"];
const PREFIX: &str = "gloo.solo.io/sslService.";
