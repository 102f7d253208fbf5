//! What a controller writes back to one object.

use serde_json::Value;

use super::object::ObjectName;

/// The `status` that a controller should write to an object.
///
/// ```
/// use uptls_manifest::kubernetes::{Document, Scope, import};
///
/// let text = br#"{apiVersion: gateway.networking.k8s.io/v1, kind: BackendTLSPolicy, metadata: {name: pay},
///   spec: {targetRefs: [{group: "", kind: Service, name: pay}],
///     validation: {wellKnownCACertificates: System, hostname: pay.example}}}"#;
/// let resolution = import([Document::new("pay.yaml", text)]).resolve(&Scope::new("example.com/gateway"));
/// for patch in resolution.statuses.iter().filter(|patch| patch.changed) {
///     println!("{} {}: {}", patch.kind, patch.name, patch.status);
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatusPatch {
    /// `gateway.networking.k8s.io/v1`
    pub api_version: String,
    /// Whether it differs from the present status.
    pub changed: bool,
    /// `BackendTLSPolicy`
    pub kind: String,
    /// The object.
    pub name: ObjectName,
    /// The whole `status`.
    pub status: Value,
}

impl StatusPatch {
    pub(in crate::kubernetes) fn new(
        api_version: &str,
        kind: &str,
        name: &ObjectName,
        old: &Value,
        status: Value,
    ) -> Self {
        let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
        Self { api_version, changed: *old != status, kind, name: name.clone(), status }
    }
}
