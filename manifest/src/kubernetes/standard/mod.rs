//! The standard's objects beside BackendTLSPolicy, as they were written: what the readers fill and the merge reads.

pub(super) mod gateway;
pub(super) mod meta;
pub(super) mod mode;
pub(super) mod reference_grant;
pub(super) mod route;
pub(super) mod secret;
mod secret_ref;
pub(super) mod xbackend;

use std::collections::BTreeMap;

use serde::Deserialize;
use uptls::{Origin, Problem};

use super::backend_tls_policy::Validation;
use super::extension::Written;
use super::object::ObjectName;

/// What all objects have.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    pub(super) annotations: BTreeMap<String, String>,
    pub(super) generation: Option<i64>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) name: ObjectName,
    pub(super) origin: Origin,
    /// The object's own `status`, for what others wrote there.
    pub(super) status: Option<serde_json::Value>,
}

/// A reference to a Secret, in any namespace.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretRef {
    #[serde(default)]
    pub(super) group: String,
    #[serde(default = "secret_ref::secret")]
    pub(super) kind: String,
    pub(super) name: String,
    /// That of the referring object where none is written.
    #[serde(default)]
    pub(super) namespace: Option<String>,
}

/// `gateway.networking.k8s.io/v1 Gateway`.
pub(super) struct Gateway {
    /// `spec.tls.backend.clientCertificateRef`
    pub(super) client_certificate: Option<Written<SecretRef>>,
    pub(super) meta: Meta,
    pub(super) problems: Vec<Problem>,
}

/// `gateway.networking.x-k8s.io/v1alpha1 XBackend`.
pub(super) struct XBackend {
    pub(super) hostname: Option<Written<String>>,
    pub(super) meta: Meta,
    pub(super) port: Option<u16>,
    pub(super) port_name: Option<String>,
    pub(super) problems: Vec<Problem>,
    /// `HTTP2` and the like.
    pub(super) protocol: Option<Written<String>>,
    pub(super) tls: Option<XBackendTls>,
    /// Where its fields were written.
    pub(super) origins: BTreeMap<String, Origin>,
}

/// `spec.tls` of an XBackend.
pub(super) struct XBackendTls {
    pub(super) client_certificate: Option<Written<SecretRef>>,
    /// `None`, `ServerOnly` or `ClientAndServer`.
    pub(super) mode: Written<String>,
    pub(super) validation: Option<Validation>,
}

/// `gateway.networking.k8s.io ReferenceGrant` (v1, v1beta1).
pub(super) struct ReferenceGrant {
    pub(super) from: Vec<GrantFrom>,
    pub(super) meta: Meta,
    pub(super) to: Vec<GrantTo>,
}

/// Who may refer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantFrom {
    pub(super) group: String,
    pub(super) kind: String,
    pub(super) namespace: String,
}

/// To what, in the namespace of the grant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GrantTo {
    pub(super) group: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) name: Option<String>,
}

/// `HTTPRoute`, `GRPCRoute` or `TLSRoute`: which Gateways use which backends.
pub(super) struct Route {
    pub(super) backends: Vec<RouteBackend>,
    pub(super) kind: &'static str,
    pub(super) meta: Meta,
    pub(super) parents: Vec<ParentRef>,
}

/// One entry of `parentRefs`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct ParentRef {
    pub(super) group: String,
    pub(super) kind: String,
    /// With the route's namespace where none is written.
    pub(super) name: ObjectName,
    pub(super) port: Option<u16>,
    pub(super) section_name: Option<String>,
}

/// One entry of `backendRefs`, filters included.
#[derive(Clone, Debug)]
pub(super) struct RouteBackend {
    /// `spec.rules[0].backendRefs[0]`
    pub(super) field: String,
    pub(super) group: String,
    pub(super) kind: String,
    /// With the route's namespace where none is written.
    pub(super) name: ObjectName,
    pub(super) origin: Origin,
    pub(super) port: Option<u16>,
    pub(super) spoken: Spoken,
}

/// What a route speaks with a backend.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Spoken {
    /// gRPC, and so HTTP/2.
    Grpc,
    /// HTTP, in whichever version.
    Http,
    /// Whatever the client of the route speaks.
    Unknown,
}

/// `v1 Secret`: its texts by key; `data` decoded, `stringData` over it.
pub(super) struct SecretObject {
    pub(super) entries: BTreeMap<String, Result<SecretEntry, String>>,
    pub(super) meta: Meta,
}

/// One of them. It has no `Debug`: it may be a key.
pub(super) struct SecretEntry {
    /// `data.tls.crt` or `stringData.tls.crt`
    pub(super) field: String,
    pub(super) bytes: zeroize::Zeroizing<Vec<u8>>,
    pub(super) origin: Origin,
}
