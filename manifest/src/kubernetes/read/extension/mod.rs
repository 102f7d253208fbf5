//! What vendors' objects say of TLS to a backend, in one vocabulary: one reader for each vendor, one type for the merge.

pub(in crate::kubernetes) mod annotations;
pub(in crate::kubernetes) mod backend;
mod fields;
pub(in crate::kubernetes) mod gloo;
pub(in crate::kubernetes) mod kgateway;
pub(in crate::kubernetes) mod options;
mod parameters;

use crate::kubernetes::model::object::ObjectRef;
use crate::kubernetes::model::provenance::Written;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use uptls::{Origin, Problem, Warning};

use super::meta::{Created, Meta};
use crate::kubernetes::model::object::ObjectName;
use crate::position::Notes;

/// One object of a vendor. With problems it is not ready, and keeps its targets all the same.
pub(in crate::kubernetes) struct Extension {
    pub(in crate::kubernetes) created: Created,
    /// The static hosts of a Gloo Upstream.
    pub(in crate::kubernetes) hosts: Vec<StaticHost>,
    pub(in crate::kubernetes) meta: Meta,
    /// What is left out without harm, and why.
    pub(in crate::kubernetes) notices: Vec<Problem>,
    pub(in crate::kubernetes) origins: BTreeMap<String, Origin>,
    pub(in crate::kubernetes) problems: Vec<Problem>,
    pub(in crate::kubernetes) targets: Vec<ExtensionTarget>,
    pub(in crate::kubernetes) tls: Option<ExtensionTls>,
    pub(in crate::kubernetes) vendor: Vendor,
    /// What it puts between a connection and its TLS: with a policy for TLS it is refused.
    pub(in crate::kubernetes) wire: Vec<Problem>,
}

impl Extension {
    /// The object `meta` of a vendor, which is for nothing and says nothing yet.
    pub(in crate::kubernetes) fn new(vendor: Vendor, meta: Meta, created: Created) -> Self {
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
            wire: Vec::new(),
        }
    }

    /// Whether it says anything about TLS, or cannot be read.
    pub(in crate::kubernetes) fn speaks(&self) -> bool {
        self.tls.is_some() || !self.problems.is_empty()
    }

    /// As errors and provenance call it.
    pub(in crate::kubernetes) fn object(&self) -> ObjectRef {
        ObjectRef::of(self.vendor.kind(), &self.meta.name)
    }

    /// With the problems and places that were noted while it was read.
    pub(in crate::kubernetes) fn with_notes(mut self, notes: Notes<'_>) -> Self {
        (self.problems, self.origins) = notes.into_parts();
        self
    }
}

/// One address of a backend that is no Service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::kubernetes) struct StaticHost {
    /// A name or an address.
    pub(in crate::kubernetes) host: String,
    pub(in crate::kubernetes) port: Option<u16>,
}

/// Whose object it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(in crate::kubernetes) enum Vendor {
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
    pub(in crate::kubernetes) fn all() -> [Self; 4] {
        [Self::GlooAnnotations, Self::GlooUpstream, Self::KgatewayBackendConfigPolicy, Self::KgatewayOptions]
    }

    /// The group of the object that it stands in.
    pub(in crate::kubernetes) fn group(self) -> &'static str {
        match self {
            Self::GlooAnnotations => "",
            Self::GlooUpstream => "gloo.solo.io",
            Self::KgatewayBackendConfigPolicy => "gateway.kgateway.dev",
            Self::KgatewayOptions => "gateway.networking.k8s.io",
        }
    }

    /// The kind of the object that it stands in.
    pub(in crate::kubernetes) fn kind(self) -> &'static str {
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
pub(in crate::kubernetes) struct ExtensionTarget {
    pub(in crate::kubernetes) origin: Origin,
    /// `spec.targetRefs[0]`
    pub(in crate::kubernetes) path: String,
    pub(in crate::kubernetes) what: TargetOf,
}

#[derive(Clone, Debug)]
pub(in crate::kubernetes) enum TargetOf {
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
pub(in crate::kubernetes) struct ExtensionTls {
    pub(in crate::kubernetes) alpn: Option<Written<Vec<String>>>,
    /// IANA names.
    pub(in crate::kubernetes) cipher_suites: Option<Written<Vec<String>>>,
    /// IANA names.
    pub(in crate::kubernetes) groups: Option<Written<Vec<String>>>,
    pub(in crate::kubernetes) identity: Option<Written<ExtensionIdentity>>,
    /// `1.2` or `1.3`
    pub(in crate::kubernetes) max_version: Option<Written<String>>,
    /// `1.2` or `1.3`
    pub(in crate::kubernetes) min_version: Option<Written<String>>,
    /// The client certificate is not sent although there is one (`simpleTLS`, `oneWayTls`).
    pub(in crate::kubernetes) one_way: Option<Written<()>>,
    pub(in crate::kubernetes) server_name: Option<Written<String>>,
    pub(in crate::kubernetes) skip_verify: Option<Written<()>>,
    /// What was made stricter while it was read: a lower version that was raised.
    pub(in crate::kubernetes) strengthened: Vec<Warning>,
    pub(in crate::kubernetes) subject_alt_names: Vec<Written<VendorName>>,
    pub(in crate::kubernetes) trust: Option<Written<ExtensionTrust>>,
}

/// Our certificate and key.
#[derive(Clone, Debug)]
pub(in crate::kubernetes) enum ExtensionIdentity {
    /// Files on the proxy. One of them may be missing: that is `identity_incomplete` (I1).
    Files { certificate: Option<String>, key: Option<String> },
    /// `tls.crt` and `tls.key` of a Secret; a Secret without both has none of ours.
    Secret(ObjectName),
}

/// Where the vendor's CA comes from.
#[derive(Clone, Debug)]
pub(in crate::kubernetes) enum ExtensionTrust {
    File(String),
    /// `ca.crt` of a Secret, if it has one.
    Secret(ObjectName),
    System,
}

/// A wanted name as the vendor writes it.
#[derive(Clone, Debug)]
pub(in crate::kubernetes) enum VendorName {
    /// A dNSName (kgateway).
    Dns(String),
    /// Compared as text with a SAN of any type (Gloo).
    Untyped(String),
}
