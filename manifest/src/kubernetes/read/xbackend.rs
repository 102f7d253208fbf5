//! `gateway.networking.x-k8s.io/v1alpha1 XBackend`: a backend outside of the cluster, and how TLS to it is checked.

use std::collections::BTreeMap;

use serde::Deserialize;
use uptls::{DnsName, Origin, PolicyErrorKind, Problem};

use super::crd;
use super::crd::violated;
use super::meta::Meta;
use super::object::field;
use super::secret_ref::SecretRef;
use super::validation::{Validation, check_name, check_validation};
use crate::decode::decode_at;
use crate::kubernetes::model::object::quotable;
use crate::kubernetes::model::provenance::Written;
use crate::node::Node;
use crate::position::{Notes, Place};

/// `spec`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    #[serde(default)]
    external_hostname: Option<ExternalHostname>,
    port: Port,
    #[serde(default)]
    protocol: Option<String>,
    #[serde(default)]
    tls: Option<Tls>,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExternalHostname {
    hostname: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Port {
    #[serde(default)]
    name: Option<String>,
    port: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Tls {
    #[serde(default)]
    client_certificate_ref: Option<SecretRef>,
    mode: String,
    #[serde(default)]
    validation: Option<Validation>,
}

/// `gateway.networking.x-k8s.io/v1alpha1 XBackend`.
pub(in crate::kubernetes) struct XBackend {
    pub(in crate::kubernetes) hostname: Option<Written<String>>,
    pub(in crate::kubernetes) meta: Meta,
    pub(in crate::kubernetes) port: Option<u16>,
    pub(in crate::kubernetes) port_name: Option<String>,
    pub(in crate::kubernetes) problems: Vec<Problem>,
    /// `HTTP2` and the like.
    pub(in crate::kubernetes) protocol: Option<Written<String>>,
    pub(in crate::kubernetes) tls: Option<XBackendTls>,
    /// Where its fields were written.
    pub(in crate::kubernetes) origins: BTreeMap<String, Origin>,
}

/// `spec.tls` of an XBackend.
pub(in crate::kubernetes) struct XBackendTls {
    pub(in crate::kubernetes) client_certificate: Option<Written<SecretRef>>,
    /// `None`, `ServerOnly` or `ClientAndServer`.
    pub(in crate::kubernetes) mode: Written<String>,
    pub(in crate::kubernetes) validation: Option<Validation>,
}

impl XBackend {
    /// One that cannot be read, as far as it is now.
    pub(super) fn unread(meta: Meta, problems: Vec<Problem>) -> Self {
        Self {
            hostname: None,
            meta,
            origins: BTreeMap::new(),
            port: None,
            port_name: None,
            problems,
            protocol: None,
            tls: None,
        }
    }

    /// With the problems and places that were noted while it was read.
    pub(in crate::kubernetes) fn with_notes(mut self, notes: Notes<'_>) -> Self {
        (self.problems, self.origins) = notes.into_parts();
        self
    }
}

/// The backend `node`, with all problems noted; `None` if it has no name.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<XBackend> {
    let meta = Meta::read(node, notes)?;
    let mut backend = XBackend::unread(meta, Vec::new());
    let Some(entry) = field(node, "", "spec", notes) else {
        notes.parse_problem("", node.place, "the field spec is missing");
        return Some(backend);
    };
    let Some(spec) = decode_at::<Spec>(entry.value.clone(), notes, SPEC, entry.place) else { return Some(backend) };
    let found = Found { notes, spec: &entry.value };
    check_type(&spec, notes);
    backend.hostname = spec.external_hostname.map(|external| found.hostname(external.hostname));
    (backend.port, backend.port_name) = port(spec.port, notes);
    if let Some(protocol) = spec.protocol {
        supported("spec.protocol", &protocol, &PROTOCOLS, notes);
        backend.protocol = Some(found.written(protocol, &["protocol"]));
    }
    backend.tls = spec.tls.map(|tls| found.tls(tls));
    Some(backend)
}

fn check_type(spec: &Spec, notes: &Notes<'_>) {
    let is_external = spec.kind == EXTERNAL;
    supported("spec.type", &spec.kind, &[EXTERNAL], notes);
    if is_external != spec.external_hostname.is_some() {
        let rule = "externalHostname must be set when type is ExternalHostname and must be unset otherwise";
        violated(notes, SPEC, "", rule);
    }
}

fn port(Port { name, port }: Port, notes: &Notes<'_>) -> (Option<u16>, Option<String>) {
    let path = "spec.port.port";
    if port < 1 {
        violated(notes, path, &port.to_string(), &format!("{path} in body should be greater than or equal to 1"));
    } else if port > i64::from(u16::MAX) {
        violated(notes, path, &port.to_string(), &format!("{path} in body should be less than or equal to 65535"));
    }
    let name = name.filter(|name| !name.is_empty());
    if let Some(name) = name.as_deref().filter(|name| !crd::LABEL.fits(name)) {
        violated(notes, "spec.port.name", name, "Name must be a valid DNS label");
    }
    (u16::try_from(port).ok().filter(|port| *port > 0), name)
}

fn supported(path: &str, given: &str, known: &[&str], notes: &Notes<'_>) {
    if !known.contains(&given) {
        let supported = known.iter().map(|known| (*known).to_owned()).collect();
        notes.near(path, PolicyErrorKind::UnsupportedOption { given: quotable(given).to_owned(), supported });
    }
}

/// The fields once more, for their places.
struct Found<'a> {
    notes: &'a Notes<'a>,
    spec: &'a Node,
}

impl Found<'_> {
    fn place(&self, keys: &[&str]) -> Place {
        let (mut node, mut place) = (self.spec, self.spec.place);
        for entry in keys.iter().map_while(|key| node.field(key).inspect(|entry| node = &entry.value)) {
            place = entry.place;
        }
        place
    }

    fn written<T>(&self, value: T, keys: &[&str]) -> Written<T> {
        let field = format!("{SPEC}.{}", keys.join("."));
        Written { field, origin: self.notes.at(self.place(keys)), value }
    }

    fn hostname(&self, hostname: String) -> Written<String> {
        let (notes, path) = (self.notes, "spec.externalHostname.hostname");
        crd::PRECISE_HOSTNAME.check(notes, path, &hostname);
        let is_address = DnsName::parse(&hostname) == Err(uptls::NameError::IpLiteral);
        if is_address || hostname.ends_with(".cluster.local") {
            violated(notes, path, &hostname, "hostname must not be an IP address or end with .cluster.local");
        }
        check_name(notes, path, &hostname, DnsName::parse(&hostname).err());
        self.written(hostname, &["externalHostname", "hostname"])
    }

    fn tls(&self, tls: Tls) -> XBackendTls {
        let Tls { client_certificate_ref, mode, validation } = tls;
        supported("spec.tls.mode", &mode, &MODES, self.notes);
        if (mode == CLIENT_AND_SERVER) != client_certificate_ref.is_some() {
            let rule = "clientCertificateRef must be set if and only if mode is ClientAndServer";
            violated(self.notes, "spec.tls", "", rule);
        }
        let reference = "clientCertificateRef";
        let place = self.place(&["tls", reference]);
        let path = format!("{SPEC}.tls.{reference}");
        if let Some(validation) = &validation {
            check_validation(validation, "spec.tls.validation", self.notes);
        }
        XBackendTls {
            client_certificate: client_certificate_ref.map(|given| given.check(&path, place, self.notes)),
            mode: self.written(mode, &["tls", "mode"]),
            validation,
        }
    }
}

pub(in crate::kubernetes) const API_VERSION: &str = "gateway.networking.x-k8s.io/v1alpha1";
pub(in crate::kubernetes) const GROUP: &str = "gateway.networking.x-k8s.io/";
pub(in crate::kubernetes) const KIND: &str = "XBackend";
const CLIENT_AND_SERVER: &str = "ClientAndServer";
const EXTERNAL: &str = "ExternalHostname";
const MODES: [&str; 3] = ["None", "ServerOnly", CLIENT_AND_SERVER];
const PROTOCOLS: [&str; 6] = ["TCP", "HTTP", "HTTP2", "HTTP11", "H2C", "MCP"];
const SPEC: &str = "spec";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml;

    fn backend(spec: &str) -> XBackend {
        let node = yaml::documents(&format!("{{metadata: {{name: a}}, spec: {spec}}}")).unwrap().remove(0);
        let notes = Notes::new("in");
        read(&node, &notes).unwrap().with_notes(notes)
    }

    fn with(rest: &str) -> XBackend {
        backend(&format!("{{type: ExternalHostname, externalHostname: {{hostname: a.b}}, port: {{port: 443}}{rest}}}"))
    }

    fn messages(backend: &XBackend) -> Vec<(String, String)> {
        backend.problems.iter().map(|problem| (problem.path().to_owned(), problem.message())).collect()
    }

    #[test]
    fn every_field_is_read() {
        let given = with(
            ", protocol: HTTP2, tls: {mode: ClientAndServer, clientCertificateRef: {name: c, namespace: d}, \
             validation: {hostname: x.y, wellKnownCACertificates: System, subjectAltNames: [{type: Hostname, hostname: z.y}]}}",
        );
        assert_eq!(messages(&given), []);
        assert_eq!((given.hostname.unwrap().value.as_str(), given.port, given.port_name), ("a.b", Some(443), None));
        assert_eq!(given.protocol.unwrap().value, "HTTP2");
        assert!(given.origins.contains_key("spec.tls.validation.subjectAltNames[0].hostname"));
        let tls = given.tls.unwrap();
        assert_eq!((tls.mode.field.as_str(), tls.mode.value.as_str()), ("spec.tls.mode", "ClientAndServer"));
        assert_eq!(tls.validation.unwrap().hostname.as_deref(), Some("x.y"));
        let certificate = tls.client_certificate.unwrap();
        assert_eq!(certificate.field, "spec.tls.clientCertificateRef");
        assert_eq!((certificate.value.name.as_str(), certificate.value.namespace.as_deref()), ("c", Some("d")));
    }

    #[test]
    fn places_are_those_of_the_fields() {
        let text = "metadata: {name: a}\nspec:\n  type: ExternalHostname\n  externalHostname:\n    hostname: a.b\n  \
                    port: {port: 1}\n  tls:\n    mode: ClientAndServer\n    clientCertificateRef: {name: b}\n";
        let given = read(&yaml::documents(text).unwrap().remove(0), &Notes::new("in")).unwrap();
        let tls = given.tls.unwrap();
        let lines = [given.hostname.unwrap().origin, tls.mode.origin, tls.client_certificate.unwrap().origin];
        assert_eq!(lines.map(|origin| origin.line), [5, 8, 9]);
    }

    #[test]
    fn the_least_is_permitted() {
        for rest in [
            "",
            ", tls: {mode: None}",
            ", tls: {mode: ServerOnly}",
            ", tls: {mode: ClientAndServer, clientCertificateRef: {name: c}}",
            ", protocol: TCP",
        ] {
            assert_eq!(messages(&with(rest)), [], "{rest}");
        }
    }

    #[test]
    fn what_the_crd_does_not_permit_is_said_in_its_words() {
        const IFF: &str = "clientCertificateRef must be set if and only if mode is ClientAndServer";
        const TRUST: &str = "must specify either CACertificateRefs or WellKnownCACertificates";
        const TABLE: &[(&str, &str, &str)] = &[
            (", tls: {mode: ClientAndServer}", "spec.tls", IFF),
            (", tls: {mode: ServerOnly, clientCertificateRef: {name: c}}", "spec.tls", IFF),
            (", tls: {mode: None, clientCertificateRef: {name: c}}", "spec.tls", IFF),
            (", tls: {mode: Insecure}", "spec.tls.mode", "ClientAndServer"),
            (", tls: {}", "spec.tls", "the field mode is missing"),
            (", tls: {mode: None, minVersion: '1.2'}", "spec.tls", "minVersion"),
            (", tls: {mode: ServerOnly, validation: {hostname: a.b}}", "spec.tls.validation", TRUST),
            (
                ", tls: {mode: ServerOnly, validation: {hostname: A.b, wellKnownCACertificates: System}}",
                "spec.tls.validation.hostname",
                "spec.tls.validation.hostname in body should match",
            ),
            (
                ", tls: {mode: ServerOnly, validation: {hostname: a.b, wellKnownCACertificates: x.y/z}}",
                "spec.tls.validation.wellKnownCACertificates",
                "System",
            ),
            (
                ", tls: {mode: ServerOnly, validation: {hostname: a.b, wellKnownCACertificates: System, x: y}}",
                "spec.tls.validation",
                "unknown",
            ),
            (
                ", tls: {mode: ClientAndServer, clientCertificateRef: {name: ''}}",
                "spec.tls.clientCertificateRef.name",
                "at least 1 chars long",
            ),
            (", protocol: QUIC", "spec.protocol", "HTTP11"),
            (", tsl: {mode: None}", "spec", "\"tsl\" is unknown"),
        ];
        for (rest, path, text) in TABLE {
            let found = messages(&with(rest));
            assert!(matches!(found.as_slice(), [(at, said)] if at == path && said.contains(text)), "{rest}: {found:?}");
        }
    }

    #[test]
    fn types_hosts_and_ports_are_checked() {
        const SET: &str = "externalHostname must be set when type is ExternalHostname and must be unset otherwise";
        const HOST: &str = "hostname must not be an IP address or end with .cluster.local";
        const TABLE: &[(&str, &str, &str)] = &[
            ("{type: ExternalHostname, port: {port: 1}}", "spec", SET),
            (
                "{type: ExternalHostname, port: {port: 1}, externalHostname: {hostname: a.cluster.local}}",
                HOSTNAME,
                HOST,
            ),
            ("{type: ExternalHostname, port: {port: 1}, externalHostname: {hostname: 10.0.0.1}}", HOSTNAME, HOST),
            ("{type: ExternalHostname, port: {port: 1}, externalHostname: {hostname: '*.a.b'}}", HOSTNAME, "match"),
            ("{type: ExternalHostname, port: {port: 0}, externalHostname: {hostname: a.b}}", PORT, "equal to 1"),
            ("{type: ExternalHostname, port: {port: 65536}, externalHostname: {hostname: a.b}}", PORT, "65535"),
            (
                "{type: ExternalHostname, port: {port: 1, name: A}, externalHostname: {hostname: a.b}}",
                NAME,
                "DNS label",
            ),
            ("{type: ExternalHostname, externalHostname: {hostname: a.b}}", "spec", "port is missing"),
            ("{port: {port: 1}}", "spec", "type is missing"),
            ("x", "spec", "a map"),
        ];
        const HOSTNAME: &str = "spec.externalHostname.hostname";
        const NAME: &str = "spec.port.name";
        const PORT: &str = "spec.port.port";
        for (spec, path, text) in TABLE {
            let found = messages(&backend(spec));
            assert!(matches!(found.as_slice(), [(at, said)] if at == path && said.contains(text)), "{spec}: {found:?}");
        }
        let found = messages(&backend("{type: Other, port: {port: 1}, externalHostname: {hostname: a.b}}"));
        assert_eq!(found.iter().map(|(path, _)| path.as_str()).collect::<Vec<_>>(), ["spec", "spec.type"]);
        assert_eq!(messages(&backend("{type: Other, port: {port: 1}}")).len(), 1);
        assert_eq!(messages(&XBackend { problems: Vec::new(), ..with("") }), []);
    }
}
