//! What a controller writes back to one object.

use serde_json::Value;

use super::object::ObjectName;

/// The `status` that an object is to have.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct StatusPatch {
    /// `gateway.networking.k8s.io/v1`
    pub api_version: String,
    /// Whether it differs from what stands there.
    pub changed: bool,
    /// `BackendTLSPolicy`
    pub kind: String,
    /// Which object.
    pub name: ObjectName,
    /// All of its `status`.
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
