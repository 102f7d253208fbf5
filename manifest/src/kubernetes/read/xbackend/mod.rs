//! `gateway.networking.x-k8s.io/v1alpha1 XBackend`: a backend with how TLS to it is checked, as v1.6 and v1.7 of the standard have it.

mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use uptls::{Origin, Problem};

use super::meta::Meta;
use super::object::field;
use super::secret_ref::SecretRef;
use super::validation::{Validation, check_validation};
use crate::decode::decode_at;
use crate::kubernetes::model::provenance::Written;
use crate::node::Node;
use crate::position::{Notes, Place};

/// `spec`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    #[serde(default)]
    endpoint_selector: Option<EndpointSelector>,
    #[serde(default)]
    external_hostname: Option<ExternalHostname>,
    port: Port,
    #[serde(default)]
    protocol: Option<String>,
    /// Which endpoint a client is sent back to is no matter of TLS.
    #[serde(default)]
    session_persistence: Option<IgnoredAny>,
    #[serde(default)]
    tls: Option<Tls>,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EndpointSelector {
    match_labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExternalHostname {
    hostname: String,
}

/// `number` in v1.7; `port`, and perhaps a `name`, before.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Port {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    number: Option<i64>,
    #[serde(default)]
    port: Option<i64>,
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

/// Which CRD an object is written for. The kind is experimental, and its version is `v1alpha1` in both: v1.7 of the standard renamed
/// `spec.port.port` to `spec.port.number` and, in the status, `parents` to `ancestors`. An API server drops what it does not know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::kubernetes) enum Edition {
    V1_6,
    V1_7,
}

impl Edition {
    /// The list of the status, and the field of its entries that refers to the Gateway.
    pub(in crate::kubernetes) fn status_fields(self) -> (&'static str, &'static str) {
        match self {
            Self::V1_6 => ("parents", "parentRef"),
            Self::V1_7 => ("ancestors", "ancestorRef"),
        }
    }
}

/// `gateway.networking.x-k8s.io/v1alpha1 XBackend`.
pub(in crate::kubernetes) struct XBackend {
    pub(in crate::kubernetes) edition: Edition,
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
            edition: Edition::V1_7,
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
    backend.edition = rules::check(&spec, notes);
    backend.port =
        spec.port.number.or(spec.port.port).and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
    backend.port_name = spec.port.name.filter(|name| !name.is_empty());
    backend.hostname = spec.external_hostname.map(|external| found.hostname(external.hostname));
    backend.protocol = spec.protocol.map(|protocol| found.written(protocol, &["protocol"]));
    backend.tls = spec.tls.map(|tls| found.tls(tls));
    Some(backend)
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
        self.written(hostname, &["externalHostname", "hostname"])
    }

    fn tls(&self, tls: Tls) -> XBackendTls {
        let Tls { client_certificate_ref, mode, validation } = tls;
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
pub(in crate::kubernetes) const CLIENT_AND_SERVER: &str = "ClientAndServer";
pub(in crate::kubernetes) const NO_TLS: &str = "None";
const SPEC: &str = "spec";
