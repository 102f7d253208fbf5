//! `gloo.solo.io/v1 Upstream`: its `spec.sslConfig` and the backend that it is.

use uptls::{PolicyError, Problem};

use super::fields::{Fields, unsupported};
use super::{
    Extension, ExtensionIdentity, ExtensionTarget, ExtensionTls, ExtensionTrust, TargetOf, Vendor, VendorName,
    parameters,
};
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::model::provenance::Written;
use crate::kubernetes::read::meta::{Meta, created};
use crate::node::Node;
use crate::position::Notes;

/// The Upstream `node`, with all problems noted; `None` if it has no name.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<Extension> {
    let meta = Meta::read(node, notes)?;
    let mut extension = Extension::new(Vendor::GlooUpstream, meta, created(node, notes));
    let Some(spec) = Fields::root(node, notes).map("spec") else {
        notes.parse_problem("", node.place, "the field spec is missing");
        return Some(extension);
    };
    target(&spec, &mut extension);
    if spec.entry("httpConnectSslConfig").is_some() {
        let given = "TLS to an HTTP CONNECT proxy";
        extension.notices.push(notice(&spec, "httpConnectSslConfig", given, "TLS to the backend itself"));
    }
    if let Some(config) = spec.map("sslConfig") {
        extension.tls = Some(read_tls(&config, &extension.meta.name, &mut extension.notices));
    }
    Some(extension)
}

/// The Upstream itself, since routes name it, and what is behind it: the port of a Service, or hosts.
fn target(spec: &Fields<'_>, extension: &mut Extension) {
    let behind = spec.map("kube").and_then(|kube| service(&kube, &extension.meta.name.namespace));
    let key = if is_written(spec, "kube") { "kube" } else { "static" };
    if key == "static" {
        extension.hosts = spec.map("static").map(|fixed| fixed.hosts("addr")).unwrap_or_default();
    }
    let what = TargetOf::Upstream { name: extension.meta.name.clone(), behind };
    extension.targets.push(ExtensionTarget { origin: spec.notes.at(spec.node.place), path: spec.at(key), what });
}

/// The port of a Service, with a noted problem for whatever of it is missing.
fn service(kube: &Fields<'_>, namespace: &str) -> Option<(ObjectName, u16)> {
    let missing = |key: &str| {
        if !is_written(kube, key) {
            kube.notes.parse_problem(&kube.path, kube.node.place, format!("the field {key} is missing"));
        }
    };
    let (name, port) = (kube.text("serviceName"), kube.port("servicePort"));
    missing("serviceName");
    missing("servicePort");
    let of = kube.text("serviceNamespace").map(|text| text.value).filter(|text| !text.is_empty());
    Some((ObjectName::new(of.unwrap_or_else(|| namespace.to_owned()), name?.value), port?))
}

fn is_written(fields: &Fields<'_>, key: &str) -> bool {
    fields.node.field(key).is_some_and(|entry| !entry.value.is_null())
}

fn read_tls(fields: &Fields<'_>, upstream: &ObjectName, notices: &mut Vec<Problem>) -> ExtensionTls {
    fields.permit(&FIELDS);
    let sources: Vec<&str> = SOURCES.into_iter().filter(|key| fields.entry(key).is_some()).collect();
    if sources.len() > 1 {
        let given = format!("{} together", sources.join(" and "));
        fields.notes.near(&fields.path, unsupported(&given, &["one of them"]));
    }
    if fields.entry("sds").is_some() {
        let given = "certificates from a discovery service (SDS)";
        fields.unsupported("sds", given, &["secretRef", "sslFiles"]);
    }
    let mut tls = ExtensionTls {
        one_way: fields.is_set("oneWayTls"),
        server_name: fields.text("sni").filter(|name| !name.value.is_empty()),
        ..ExtensionTls::default()
    };
    let names = fields.texts("verifySubjectAltName").map(|names| names.value).unwrap_or_default();
    let name = |Written { field, origin, value }| Written { field, origin, value: VendorName::Untyped(value) };
    tls.subject_alt_names = names.into_iter().map(name).collect();
    secret(fields, upstream, &mut tls);
    files(fields, &mut tls, notices);
    if let Some(parameters) = fields.map("parameters") {
        parameters.permit(&["cipherSuites", "ecdhCurves", "maximumProtocolVersion", "minimumProtocolVersion"]);
        let (min, max) = (parameters.text("minimumProtocolVersion"), parameters.text("maximumProtocolVersion"));
        parameters::versions(&parameters::GLOO, min, max, &mut tls, fields.notes);
        parameters::cipher_suites(parameters.texts("cipherSuites"), &mut tls, fields.notes);
        parameters::groups(parameters.texts("ecdhCurves"), &mut tls, fields.notes);
    }
    parameters::alpn(fields.texts("alpnProtocols"), &mut tls);
    parameters::renegotiation(fields.is_set("allowRenegotiation"), &mut tls);
    tls
}

fn secret(fields: &Fields<'_>, upstream: &ObjectName, tls: &mut ExtensionTls) {
    let Some(reference) = fields.map("secretRef") else { return };
    reference.permit(&["name", "namespace"]);
    let Some(Written { origin, value, .. }) = reference.text("name").filter(|name| !name.value.is_empty()) else {
        reference.notes.parse_problem(&reference.path, reference.node.place, "the field name is missing");
        return;
    };
    let namespace = reference.text("namespace").map(|text| text.value).filter(|text| !text.is_empty());
    let name = ObjectName::new(namespace.unwrap_or_else(|| upstream.namespace.clone()), value);
    let (field, identity) = (reference.path.clone(), ExtensionIdentity::Secret(name.clone()));
    tls.identity = Some(Written { field: field.clone(), origin: origin.clone(), value: identity });
    tls.trust = Some(Written { field, origin, value: ExtensionTrust::Secret(name) });
}

fn files(fields: &Fields<'_>, tls: &mut ExtensionTls, notices: &mut Vec<Problem>) {
    let Some(files) = fields.map("sslFiles") else { return };
    files.permit(&["ocspStaple", "rootCa", "tlsCert", "tlsKey"]);
    if files.entry("ocspStaple").is_some() {
        notices.push(notice(&files, "ocspStaple", "an OCSP response of a client", "certificate and key only"));
    }
    let [certificate, key, ca] =
        ["tlsCert", "tlsKey", "rootCa"].map(|key| files.text(key).filter(|file| !file.value.is_empty()));
    if let Some(first) = certificate.as_ref().or(key.as_ref()) {
        let (field, origin) = (files.path.clone(), first.origin.clone());
        let (certificate, key) = (certificate.map(|file| file.value), key.map(|file| file.value));
        tls.identity = Some(Written { field, origin, value: ExtensionIdentity::Files { certificate, key } });
    }
    let trust = |Written { field, origin, value }| Written { field, origin, value: ExtensionTrust::File(value) };
    tls.trust = ca.map(trust);
}

fn notice(fields: &Fields<'_>, key: &str, given: &str, supported: &str) -> Problem {
    let origin = fields.entry(key).map(|entry| fields.notes.at(entry.place));
    Problem::from(PolicyError::new(fields.at(key), unsupported(given, &[supported]))).with_origin(origin)
}

const FIELDS: [&str; 9] = [
    "allowRenegotiation",
    "alpnProtocols",
    "oneWayTls",
    "parameters",
    "sds",
    "secretRef",
    "sni",
    "sslFiles",
    "verifySubjectAltName",
];
const SOURCES: [&str; 3] = ["secretRef", "sslFiles", "sds"];
