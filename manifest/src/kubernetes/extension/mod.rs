//! What vendors' objects say of TLS to a backend, in one vocabulary: one reader for each vendor, one type for the merge.

pub(super) mod annotations;
pub(super) mod backend;
mod fields;
pub(super) mod gloo;
pub(super) mod kgateway;
pub(super) mod options;
mod parameters;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use uptls::{Origin, Problem, Warning};

use super::object::ObjectName;
use super::standard::Meta;
use super::standard::meta::Created;
use crate::position::Notes;

/// One object of a vendor. With problems it is not ready, and keeps its targets all the same.
pub(super) struct Extension {
    pub(super) created: Created,
    /// The static hosts of a Gloo Upstream.
    pub(super) hosts: Vec<StaticHost>,
    pub(super) meta: Meta,
    /// What is left out without harm, and why.
    pub(super) notices: Vec<Problem>,
    pub(super) origins: BTreeMap<String, Origin>,
    pub(super) problems: Vec<Problem>,
    pub(super) targets: Vec<ExtensionTarget>,
    pub(super) tls: Option<ExtensionTls>,
    pub(super) vendor: Vendor,
}

impl Extension {
    /// The object `meta` of a vendor, which is for nothing and says nothing yet.
    pub(super) fn new(vendor: Vendor, meta: Meta, created: Created) -> Self {
        Self {
            created,
            hosts: Vec::new(),
            meta,
            notices: Vec::new(),
            origins: BTreeMap::new(),
            problems: Vec::new(),
            targets: Vec::new(),
            tls: None,
            vendor,
        }
    }

    /// With the problems and places that were noted while it was read.
    pub(super) fn with_notes(mut self, notes: Notes<'_>) -> Self {
        (self.problems, self.origins) = notes.into_parts();
        self
    }
}

/// One address of a backend that is no Service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct StaticHost {
    /// A name or an address.
    pub(super) host: String,
    pub(super) port: Option<u16>,
}

/// `gateway.kgateway.dev/v1alpha1 Backend`.
#[derive(Clone, Debug)]
pub(super) struct KgatewayBackend {
    /// None unless it is of the type `Static`.
    pub(super) hosts: Vec<StaticHost>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) origin: Origin,
}

/// Whose object it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Vendor {
    /// The annotations `gloo.solo.io/sslService.*` of a Service.
    GlooAnnotations,
    /// `gloo.solo.io/v1 Upstream`, `spec.sslConfig`.
    GlooUpstream,
    /// `gateway.kgateway.dev/v1alpha1 BackendConfigPolicy`, `spec.tls`.
    KgatewayBackendConfigPolicy,
    /// The options `kgateway.dev/*` of a BackendTLSPolicy.
    KgatewayOptions,
}

impl Vendor {
    /// The group of the object that it stands in.
    pub(super) fn group(self) -> &'static str {
        match self {
            Self::GlooAnnotations => "",
            Self::GlooUpstream => "gloo.solo.io",
            Self::KgatewayBackendConfigPolicy => "gateway.kgateway.dev",
            Self::KgatewayOptions => "gateway.networking.k8s.io",
        }
    }

    /// The kind of the object that it stands in.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::GlooAnnotations => "Service",
            Self::GlooUpstream => "Upstream",
            Self::KgatewayBackendConfigPolicy => "BackendConfigPolicy",
            Self::KgatewayOptions => "BackendTLSPolicy",
        }
    }
}

/// Which backends it is for.
#[derive(Clone, Debug)]
pub(super) struct ExtensionTarget {
    pub(super) origin: Origin,
    /// `spec.targetRefs[0]`
    pub(super) path: String,
    pub(super) what: TargetOf,
}

#[derive(Clone, Debug)]
pub(super) enum TargetOf {
    /// A kgateway `Backend`.
    Backend(ObjectName),
    /// All objects of a kind (`Service` or `Backend`) of the namespace that have these labels.
    Labels { kind: String, labels: BTreeMap<String, String> },
    /// A Service, all its ports or one of them.
    Service { name: ObjectName, port: Option<u16> },
    /// It cannot be read: it might be any backend of the namespace.
    Unknown,
    /// A kind that cannot be one here, as an Istio Hostname.
    Unsupported { group: String, kind: String, name: String },
    /// The object itself is the backend: a Gloo Upstream, and the port of a Service behind it, if there is one.
    Upstream { name: ObjectName, behind: Option<(ObjectName, u16)> },
}

/// The fields, each in the words of the native document as far as it has them, and where each was written.
///
/// What cannot be expressed is a problem of the [`Extension`]; what was made stricter is in `strengthened`.
#[derive(Clone, Default)]
pub(super) struct ExtensionTls {
    pub(super) alpn: Option<Written<Vec<String>>>,
    /// IANA names.
    pub(super) cipher_suites: Option<Written<Vec<String>>>,
    /// IANA names.
    pub(super) groups: Option<Written<Vec<String>>>,
    pub(super) identity: Option<Written<ExtensionIdentity>>,
    /// `1.2` or `1.3`
    pub(super) max_version: Option<Written<String>>,
    /// `1.2` or `1.3`
    pub(super) min_version: Option<Written<String>>,
    /// The client certificate is not sent although there is one (`simpleTLS`, `oneWayTls`).
    pub(super) one_way: Option<Written<()>>,
    pub(super) server_name: Option<Written<String>>,
    pub(super) skip_verify: Option<Written<()>>,
    /// What was made stricter while it was read: a lower version that was raised.
    pub(super) strengthened: Vec<Warning>,
    pub(super) subject_alt_names: Vec<Written<VendorName>>,
    pub(super) trust: Option<Written<ExtensionTrust>>,
}

/// A value, and where it was written.
#[derive(Clone, Debug)]
pub(super) struct Written<T> {
    /// The path in the object: `spec.tls.sni`.
    pub(super) field: String,
    pub(super) origin: Origin,
    pub(super) value: T,
}

/// Our certificate and key.
#[derive(Clone, Debug)]
pub(super) enum ExtensionIdentity {
    /// Files on the proxy. One of them may be missing: that is `identity_incomplete` (I1).
    Files { certificate: Option<String>, key: Option<String> },
    /// `tls.crt` and `tls.key` of a Secret; a Secret without both has none of ours.
    Secret(ObjectName),
}

/// Where the vendor's CA comes from.
#[derive(Clone, Debug)]
pub(super) enum ExtensionTrust {
    File(String),
    /// `ca.crt` of a Secret, if it has one.
    Secret(ObjectName),
    System,
}

/// A wanted name as the vendor writes it.
#[derive(Clone, Debug)]
pub(super) enum VendorName {
    /// A dNSName (kgateway).
    Dns(String),
    /// Compared as text with a SAN of any type (Gloo).
    Untyped(String),
}
