//! `gateway.kgateway.dev/v1alpha1 BackendConfigPolicy`: its `spec.tls` and what it is for.

use uptls::{PolicyError, Problem};

use super::fields::{Fields, unsupported, word};
use super::{
    Extension, ExtensionIdentity, ExtensionTarget, ExtensionTls, ExtensionTrust, TargetOf, Vendor, VendorName,
    parameters,
};
use crate::kubernetes::model::object::ObjectName;
use crate::kubernetes::model::provenance::Written;
use crate::kubernetes::read::backend_tls_policy::stray_reason;
use crate::kubernetes::read::crd;
use crate::kubernetes::read::crd::{Rule, check_items, violated};
use crate::kubernetes::read::meta::{Meta, created};
use crate::kubernetes::read::object::{is_plain, stands_twice};
use crate::node::{Entry, Node, Value};
use crate::position::{Notes, Place};

/// The policy `node`, with all problems noted; `None` if it has no name.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<Extension> {
    let meta = Meta::read(node, notes)?;
    let mut extension = Extension::new(Vendor::KgatewayBackendConfigPolicy, meta, created(node, notes));
    let spec = Fields::root(node, notes).map("spec");
    if spec.is_none() {
        notes.parse_problem("", node.place, "the field spec is missing");
    }
    if let Some(spec) = &spec {
        extension.notices = not_mapped(spec);
        extension.wire = before_tls(spec);
    }
    let name = &extension.meta.name;
    extension.targets = spec.as_ref().map(|spec| targets(spec, name)).unwrap_or_default();
    if spec.is_none() || stands_twice(node, "spec") {
        extension.targets.push(unknown("spec", node.place, name, notes));
    }
    extension.tls = spec.and_then(|spec| spec.map("tls")).map(|tls| read_tls(&tls, name));
    Some(extension)
}

/// What changes the way to the backend.
fn before_tls(spec: &Fields<'_>) -> Vec<Problem> {
    let problem = |(key, given): (&str, &str)| {
        let entry = spec.entry(key)?;
        let error = PolicyError::new(spec.at(key), unsupported(given, &[DIRECT]));
        Some(Problem::from(error).with_origin(Some(spec.notes.at(entry.place))))
    };
    ON_THE_WIRE.into_iter().filter_map(problem).collect()
}

/// Of what is not about TLS it is said that it has no part in a policy.
fn not_mapped(spec: &Fields<'_>) -> Vec<Problem> {
    let Value::Map(entries) = &spec.node.value else { return Vec::new() };
    let known = |key: &str| SPEC.contains(&key) || ON_THE_WIRE.iter().any(|(wire, _)| *wire == key);
    let others = entries.iter().filter(|entry| !known(&entry.key));
    let notice = |entry: &Entry| {
        let given = format!("the field {}", word(&entry.key));
        let error = PolicyError::new(spec.at(word(&entry.key)), unsupported(&given, &["tls"]));
        Problem::from(error).with_origin(Some(spec.notes.at(entry.place)))
    };
    others.map(notice).collect()
}

fn targets(spec: &Fields<'_>, policy: &ObjectName) -> Vec<ExtensionTarget> {
    let mut found = Vec::new();
    for (key, rule) in [("targetRefs", "TargetRefs"), ("targetSelectors", "TargetSelectors")] {
        if stands_twice(spec.node, key) {
            found.push(unknown(&spec.at(key), spec.node.place, policy, spec.notes));
        }
        let Some(nodes) = spec.list(key) else {
            found.extend(spec.entry(key).map(|entry| unknown(&spec.at(key), entry.place, policy, spec.notes)));
            continue;
        };
        if key == "targetRefs" {
            check_items(spec.notes, &spec.at(key), nodes.len(), 1, 16);
        }
        let before = found.len();
        for (index, node) in nodes.iter().enumerate() {
            let path = format!("{}[{index}]", spec.at(key));
            spec.notes.origin(&path, node.place);
            let read =
                target(&Fields { node, notes: spec.notes, path: path.clone() }, policy, key == "targetSelectors");
            found.push(read.unwrap_or_else(|| unknown(&path, node.place, policy, spec.notes)));
        }
        let foreign = |target: &ExtensionTarget| match &target.what {
            TargetOf::Unsupported { group, kind, .. } => (group.as_str(), kind.as_str()) != HOSTNAME,
            _ => false,
        };
        if found.iter().skip(before).any(foreign) {
            let message = format!("{rule} must reference either a Kubernetes Service, a Backend, or an Istio Hostname");
            violated(spec.notes, &spec.at(key), "", &message);
        }
    }
    found
}

/// A target that cannot be read, with a noted problem.
fn unknown(path: &str, place: Place, policy: &ObjectName, notes: &Notes<'_>) -> ExtensionTarget {
    notes.parse_problem(path, place, stray_reason(KIND, policy));
    ExtensionTarget { origin: notes.at(place), path: path.to_owned(), what: TargetOf::Unknown }
}

/// What a field that is not known, or one that appears twice, would select cannot be told.
fn target(fields: &Fields<'_>, policy: &ObjectName, is_selector: bool) -> Option<ExtensionTarget> {
    let wanted = |key: &str| {
        let text = fields.text(key);
        if text.is_none() {
            fields.notes.parse_problem(&fields.path, fields.node.place, format!("the field {key} is missing"));
        }
        text.map(|text| text.value)
    };
    let known: [&str; 3] = ["group", "kind", if is_selector { "matchLabels" } else { "name" }];
    fields.permit(&known);
    let (group, kind) = (wanted("group")?, wanted("kind")?);
    crd::GROUP.check(fields.notes, &fields.at("group"), &group);
    crd::KIND.check(fields.notes, &fields.at("kind"), &kind);
    let is_known = matches!((group.as_str(), kind.as_str()), ("", "Service") | ("gateway.kgateway.dev", "Backend"));
    let what = if is_selector {
        if fields.entry("matchLabels").is_none() {
            let reason = "the field matchLabels is missing";
            fields.notes.parse_problem(&fields.path, fields.node.place, reason);
        }
        match (fields.labels("matchLabels")?, is_known) {
            (labels, true) => TargetOf::Labels { kind, labels },
            (_, false) => TargetOf::Unsupported { group, kind, name: String::new() },
        }
    } else {
        let name = wanted("name")?;
        crd::NAME.check(fields.notes, &fields.at("name"), &name);
        let object = ObjectName::new(&policy.namespace, &name);
        match (is_known, kind.as_str()) {
            (true, "Service") => TargetOf::Service { name: object, port: None },
            (true, _) => TargetOf::Backend(object),
            (false, _) => TargetOf::Unsupported { group, kind, name },
        }
    };
    let target = ExtensionTarget { origin: fields.notes.at(fields.node.place), path: fields.path.clone(), what };
    is_plain(fields.node, &known).then_some(target)
}

fn read_tls(fields: &Fields<'_>, policy: &ObjectName) -> ExtensionTls {
    fields.permit(&FIELDS);
    check_union(fields);
    let mut tls = ExtensionTls {
        one_way: fields.is_set("simpleTLS"),
        server_name: fields.text("sni"),
        skip_verify: fields.is_set("insecureSkipVerify"),
        ..ExtensionTls::default()
    };
    if let Some(name) = &tls.server_name {
        TEXT.check(fields.notes, &name.field, &name.value);
    }
    let names = fields.texts("verifySubjectAltNames").map(|names| names.value).unwrap_or_default();
    let name = |Written { field, origin, value }| Written { field, origin, value: VendorName::Dns(value) };
    tls.subject_alt_names = names.into_iter().map(name).collect();
    secret(fields, policy, &mut tls);
    files(fields, &mut tls);
    well_known(fields, &mut tls);
    if let Some(parameters) = fields.map("parameters") {
        parameters.permit(&PARAMETERS);
        let (min, max) = (parameters.text("minVersion"), parameters.text("maxVersion"));
        parameters::versions(&parameters::KGATEWAY, min, max, &mut tls, fields.notes);
        parameters::cipher_suites(parameters.texts("cipherSuites"), &mut tls, fields.notes);
        parameters::groups(parameters.texts("ecdhCurves"), &mut tls, fields.notes);
        parameters::signature_algorithms(parameters.texts("signatureAlgorithms"), fields.notes);
    }
    parameters::alpn(fields.texts("alpnProtocols"), &mut tls);
    parameters::renegotiation(fields.is_set("allowRenegotiation"), &mut tls);
    tls
}

/// Old CRDs want exactly one of the four; new ones at most one, and without one the name for the check against the
/// system's CA. What either accepts is accepted (M2).
fn check_union(fields: &Fields<'_>) {
    match UNION.iter().filter(|key| fields.entry(key).is_some()).count() {
        0 if fields.entry("sni").is_none() => violated(fields.notes, &fields.path, "", SNI_REQUIRED),
        0 | 1 => {}
        _ => {
            let message = format!("at most one of the fields in [{}] may be set", UNION.join(" "));
            violated(fields.notes, &fields.path, "", &message);
        }
    }
}

/// One Secret is both: our certificate, and whom to trust if it has a `ca.crt`.
fn secret(fields: &Fields<'_>, policy: &ObjectName, tls: &mut ExtensionTls) {
    let Some(reference) = fields.map("secretRef") else { return };
    reference.permit(&["name"]);
    let Some(Written { origin, value, .. }) = reference.text("name").filter(|name| !name.value.is_empty()) else {
        reference.notes.parse_problem(&reference.path, reference.node.place, "the field name is missing");
        return;
    };
    let (field, name) = (reference.path.clone(), ObjectName::new(&policy.namespace, value));
    let identity = ExtensionIdentity::Secret(name.clone());
    tls.identity = Some(Written { field: field.clone(), origin: origin.clone(), value: identity });
    tls.trust = Some(Written { field, origin, value: ExtensionTrust::Secret(name) });
}

fn files(fields: &Fields<'_>, tls: &mut ExtensionTls) {
    let Some(files) = fields.map("files") else { return };
    files.permit(&FILES);
    let [certificate, key, ca] = ["tlsCertificate", "tlsKey", "rootCA"].map(|key| {
        let text = files.text(key);
        text.inspect(|text| TEXT.check(files.notes, &text.field, &text.value))
    });
    if certificate.is_none() && key.is_none() && ca.is_none() {
        let message = "At least one of tlsCertificate, tlsKey, or rootCA must be set in TLSFiles";
        violated(files.notes, &files.path, "", message);
    }
    if let Some(first) = certificate.as_ref().or(key.as_ref()) {
        let (field, origin) = (files.path.clone(), first.origin.clone());
        let (certificate, key) = (certificate.map(|file| file.value), key.map(|file| file.value));
        tls.identity = Some(Written { field, origin, value: ExtensionIdentity::Files { certificate, key } });
    }
    let trust = |Written { field, origin, value }| Written { field, origin, value: ExtensionTrust::File(value) };
    tls.trust = ca.map(trust);
}

fn well_known(fields: &Fields<'_>, tls: &mut ExtensionTls) {
    let Some(Written { field, origin, value }) = fields.text("wellKnownCACertificates") else { return };
    crd::WELL_KNOWN.check(fields.notes, &field, &value);
    if value == "System" {
        tls.trust = Some(Written { field, origin, value: ExtensionTrust::System });
    } else if crd::WELL_KNOWN.permits(&value) {
        fields.notes.near(&field, unsupported(word(&value), &["System"]));
    }
}

const KIND: &str = "BackendConfigPolicy";
pub(super) const FIELDS: [&str; 10] = [
    "allowRenegotiation",
    "alpnProtocols",
    "files",
    "insecureSkipVerify",
    "parameters",
    "secretRef",
    "simpleTLS",
    "sni",
    "verifySubjectAltNames",
    "wellKnownCACertificates",
];
pub(super) const FILES: [&str; 3] = ["rootCA", "tlsCertificate", "tlsKey"];
pub(super) const PARAMETERS: [&str; 5] =
    ["cipherSuites", "ecdhCurves", "maxVersion", "minVersion", "signatureAlgorithms"];
const HOSTNAME: (&str, &str) = ("networking.istio.io", "Hostname");
const SNI_REQUIRED: &str = "sni is required when no trust source is set; set sni, provide secretRef, files, or \
                            wellKnownCACertificates, or set insecureSkipVerify to true";
const TEXT: Rule = Rule { max: usize::MAX, min: 1, pattern: None };
const UNION: [&str; 4] = ["secretRef", "files", "insecureSkipVerify", "wellKnownCACertificates"];
const DIRECT: &str = "a connection to the backend itself, which begins with TLS";
/// What stands between a connection and its TLS.
pub(super) const ON_THE_WIRE: [(&str, &str); 2] =
    [("tunnel", "a tunnel through a proxy"), ("upstreamProxyProtocol", "a header of the PROXY protocol before TLS")];
pub(super) const SPEC: [&str; 3] = ["targetRefs", "targetSelectors", "tls"];
