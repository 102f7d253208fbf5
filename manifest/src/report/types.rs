//! The types of `uptls.import/v1`. Fields that do not apply are absent.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::Value;
use uptls::{PolicyFacts, ProblemFacts, Warning};

use crate::envoy::{Effect, Standing};

/// The result of all documents together.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Import {
    /// Every policy is ready and every cluster verified; with `--strict`, there is also no notice.
    pub ready: bool,
    /// The time of the result, RFC 3339.
    pub at: String,
    /// The effective policy of each backend that has one.
    pub backends: Vec<Backend>,
    /// The standing of each policy object.
    pub policies: Vec<Policy>,
    /// The clusters of Envoy configurations.
    pub clusters: Vec<Cluster>,
    /// The problems of documents and policies.
    pub diagnostics: Vec<Diagnostic>,
    /// How many objects there are of each kind that is not read.
    pub ignored: BTreeMap<String, usize>,
    /// The patches of `status`, with `--status`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub status: Vec<Status>,
}

/// The policy of one backend, as one Gateway sees it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Backend {
    /// `shop/pay:443`
    pub backend: String,
    /// The Gateway, if the caller named one or the policy differs by Gateway.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub gateway: String,
    /// Connections can use it.
    pub ready: bool,
    /// Name and digests.
    pub policy: PolicyFacts,
    /// The objects that it is made of.
    pub objects: Vec<String>,
    /// Every field that was written, and where.
    pub fields: Vec<Field>,
    /// The fields that do not count, because another object decides (M5, M6).
    pub overridden: Vec<Overridden>,
    /// The fields that were overridden or made stricter, and other warnings.
    pub warnings: Vec<Warning>,
    /// Why it is not ready.
    pub errors: Vec<ProblemFacts>,
}

/// A field of an effective policy (M7).
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Field {
    /// The field of the native document: `spec.serverName`.
    pub path: String,
    /// Its value; for material, its name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// The field and the object that it comes from.
    #[serde(flatten)]
    pub from: Place,
}

/// A field of an object.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Place {
    /// `BackendTLSPolicy shop/pay-tls`
    pub object: String,
    /// The field of that object: `spec.validation.hostname`.
    pub field: String,
    /// The document.
    pub document: String,
    /// The 1-based line; 0 in an object that was given as a value, which has no lines.
    #[serde(skip_serializing_if = "is_none")]
    pub line: u64,
    /// The 1-based column.
    #[serde(skip_serializing_if = "is_none")]
    pub column: u64,
}

/// One field that was written and does not count.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Overridden {
    /// The field of the native document: `spec.subjectAltNames`.
    pub path: String,
    /// The field that counts.
    pub kept: Place,
    /// The field that does not.
    pub lost: Place,
    /// Why.
    pub reason: String,
}

/// A policy object and the reasons of its conditions.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Policy {
    /// `BackendTLSPolicy shop/pay-tls`
    pub object: String,
    /// The reason of its condition `Accepted`.
    pub accepted: String,
    /// The reason of its condition `Attached`, which a BackendConfigPolicy has.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub attached: String,
    /// The reason of its condition `ResolvedRefs`, if the object has that condition.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub resolved_refs: String,
}

/// One cluster of an Envoy configuration.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Cluster {
    /// Its name; empty for a bare context.
    pub name: String,
    /// `verified`, `verifies_less`, `verifies_nothing`, `plain_text` or `unclear`.
    #[schemars(with = "String")]
    pub standing: Standing,
    /// The document.
    pub document: String,
    /// The 1-based line of its transport socket.
    pub line: u64,
    /// Why, the worst first.
    pub findings: Vec<Finding>,
}

/// One thing that must be known about a cluster.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Finding {
    /// Its stable name.
    pub name: &'static str,
    /// The consequence: `nothing`, `plain_text`, `less`, `unclear`, `beyond`, `stricter` or `note`.
    #[schemars(with = "String")]
    pub effect: Effect,
    /// The field.
    pub path: String,
    /// The 1-based line.
    pub line: u64,
    /// The fact.
    pub reason: String,
    /// The one thing to change; absent if nothing need change.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub change: String,
}

/// A diagnostic of a document or an object.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct Diagnostic {
    /// The consequence: `not_attached`, `not_ready`, `notice`, `skipped`, `unread`, ...
    pub effect: &'static str,
    /// The object, if it has a name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub object: String,
    /// The problem, and where.
    pub problem: ProblemFacts,
}

/// An object with nothing but its status, as it may be applied.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Status {
    /// `gateway.networking.k8s.io/v1`
    pub api_version: String,
    /// `BackendTLSPolicy`
    pub kind: String,
    /// Which object.
    pub metadata: ObjectMeta,
    /// All of its status.
    #[schemars(schema_with = "object")]
    pub status: Value,
}

/// The name of an object.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[non_exhaustive]
pub struct ObjectMeta {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants it")]
fn is_none(place: &u64) -> bool {
    *place == 0
}

/// The CRD says what is in it.
fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object"})
}
