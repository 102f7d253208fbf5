//! What the CRD of an XBackend does not permit, in its words: that of v1.6 or that of v1.7, by how the port is written.

use uptls::{DnsName, PolicyErrorKind};

use super::{CLIENT_AND_SERVER, Edition, EndpointSelector, NO_TLS, Port, SPEC, Spec, Tls};
use crate::kubernetes::model::object::quotable;
use crate::kubernetes::read::crd::{self, check_properties, violated};
use crate::kubernetes::read::validation::check_name;
use crate::position::Notes;

/// Notes all that is wrong; `validation` and the reference to a Secret have rules of their own.
pub(super) fn check(spec: &Spec, notes: &Notes<'_>) -> Edition {
    let edition = check_port(&spec.port, notes);
    check_type(spec, edition, notes);
    if let Some(protocol) = &spec.protocol {
        supported("spec.protocol", protocol, protocols(edition), notes);
    }
    if let Some(tls) = &spec.tls {
        check_tls(tls, edition, notes);
    }
    if edition == Edition::V1_7 {
        check_protocol(spec, notes);
    }
    edition
}

fn check_port(port: &Port, notes: &Notes<'_>) -> Edition {
    let (edition, path, given) = match (port.number, port.port) {
        (Some(number), None) => (Edition::V1_7, "spec.port.number", Some(number)),
        (None, Some(port)) => (Edition::V1_6, "spec.port.port", Some(port)),
        (None, None) => (Edition::V1_7, "spec.port.number", None),
        (Some(_), Some(_)) => {
            violated(notes, "spec.port", "", "number is what port was before v1.7; give only one of them");
            return Edition::V1_7;
        }
    };
    match given {
        None => violated(notes, "spec.port", "", "the field number is missing (port, before v1.7)"),
        Some(given) if given < 1 => {
            let rule = format!("{path} in body should be greater than or equal to 1");
            violated(notes, path, &given.to_string(), &rule);
        }
        Some(given) if given > i64::from(u16::MAX) => {
            violated(notes, path, &given.to_string(), &format!("{path} in body should be less than or equal to 65535"));
        }
        Some(_) => {}
    }
    match port.name.as_deref().filter(|name| !name.is_empty()) {
        Some(name) if edition == Edition::V1_7 => {
            violated(notes, "spec.port.name", name, "a port has no name since v1.7");
        }
        Some(name) if !crd::LABEL.fits(name) => {
            violated(notes, "spec.port.name", name, "Name must be a valid DNS label");
        }
        _ => {}
    }
    edition
}

fn check_type(spec: &Spec, edition: Edition, notes: &Notes<'_>) {
    let types: &[&str] = if edition == Edition::V1_7 { &[EXTERNAL, SELECTOR] } else { &[EXTERNAL] };
    supported("spec.type", &spec.kind, types, notes);
    if (spec.kind == EXTERNAL) != spec.external_hostname.is_some() {
        let rule = "externalHostname must be set when type is ExternalHostname and must be unset otherwise";
        violated(notes, SPEC, "", rule);
    }
    if let Some(external) = &spec.external_hostname {
        check_hostname(&external.hostname, notes);
    }
    match edition {
        Edition::V1_6 => {
            let selector = ("endpointSelector", spec.endpoint_selector.is_some());
            let added = [selector, ("sessionPersistence", spec.session_persistence.is_some())];
            for (field, _) in added.into_iter().filter(|(_, is_there)| *is_there) {
                let rule = format!("{field} is there since v1.7, where the port is written as port.number");
                violated(notes, SPEC, "", &rule);
            }
        }
        Edition::V1_7 => check_endpoints(spec, notes),
    }
}

fn check_endpoints(spec: &Spec, notes: &Notes<'_>) {
    if (spec.kind == SELECTOR) != spec.endpoint_selector.is_some() {
        let rule = "endpointSelector must be set when type is EndpointSelector and must be unset otherwise";
        violated(notes, SPEC, "", rule);
    }
    if spec.session_persistence.is_some() && spec.kind != SELECTOR {
        violated(notes, SPEC, "", "sessionPersistence can only be set when type is EndpointSelector");
    }
    if let Some(selector) = &spec.endpoint_selector {
        check_selector(selector, notes);
    }
}

fn check_hostname(hostname: &str, notes: &Notes<'_>) {
    let path = "spec.externalHostname.hostname";
    crd::PRECISE_HOSTNAME.check(notes, path, hostname);
    let is_address = DnsName::parse(hostname) == Err(uptls::NameError::IpLiteral);
    if is_address || hostname.ends_with(".cluster.local") {
        violated(notes, path, hostname, "hostname must not be an IP address or end with .cluster.local");
    }
    check_name(notes, path, hostname, DnsName::parse(hostname).err());
}

fn check_selector(selector: &EndpointSelector, notes: &Notes<'_>) {
    let path = "spec.endpointSelector.matchLabels";
    check_properties(notes, path, selector.match_labels.len(), 1, 64);
    if !selector.match_labels.keys().all(|key| crd::is_qualified_name(key)) {
        violated(notes, path, "", LABEL_KEYS);
    }
    for value in selector.match_labels.values() {
        crd::LABEL_VALUE.check(notes, path, value);
    }
}

fn check_tls(tls: &Tls, edition: Edition, notes: &Notes<'_>) {
    supported("spec.tls.mode", &tls.mode, &MODES, notes);
    if (tls.mode == CLIENT_AND_SERVER) != tls.client_certificate_ref.is_some() {
        let rule = "clientCertificateRef must be set if and only if mode is ClientAndServer";
        violated(notes, "spec.tls", "", rule);
    }
    if edition == Edition::V1_7 && (tls.mode == NO_TLS) == tls.validation.is_some() {
        let rule = "validation must be set if and only if mode is either ClientAndServer or ServerOnly";
        violated(notes, "spec.tls", "", rule);
    }
}

/// Since v1.7 the protocol says whether there is TLS, and may not contradict `tls`.
fn check_protocol(spec: &Spec, notes: &Notes<'_>) {
    let is_tls = spec.tls.as_ref().is_some_and(|tls| tls.mode != NO_TLS);
    let rule = match spec.protocol.as_deref() {
        Some("H2C") if is_tls => "tls must be disabled when protocol is H2C, use protocol HTTP2 for HTTP/2 with tls",
        Some("HTTP2") if !is_tls => {
            "tls must be enabled when protocol is HTTP2, use protocol H2C for HTTP/2 without tls"
        }
        Some("WSS") if !is_tls => "tls must be enabled when protocol is WSS",
        _ => return,
    };
    violated(notes, SPEC, "", rule);
}

fn supported(path: &str, given: &str, known: &[&str], notes: &Notes<'_>) {
    if !known.contains(&given) {
        let supported = known.iter().map(|known| (*known).to_owned()).collect();
        notes.near(path, PolicyErrorKind::UnsupportedOption { given: quotable(given).to_owned(), supported });
    }
}

fn protocols(edition: Edition) -> &'static [&'static str] {
    match edition {
        Edition::V1_6 => &["TCP", "HTTP", "HTTP2", "HTTP11", "H2C", "MCP"],
        Edition::V1_7 => &["TCP", "HTTP", "HTTP2", "HTTP11", "H2C", "MCP", "GRPC", "WSS"],
    }
}

const EXTERNAL: &str = "ExternalHostname";
const LABEL_KEYS: &str = "Label keys must be in the form of an optional DNS subdomain prefix not longer than 253 characters followed by a \
                          required name segment of up to 63 characters.";
const MODES: [&str; 3] = [NO_TLS, "ServerOnly", CLIENT_AND_SERVER];
const SELECTOR: &str = "EndpointSelector";
