//! What `import` prints, `uptls.import/v1`. Fields that do not apply are absent.

use std::collections::BTreeMap;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};
use uptls::{Envelope, PolicyFacts, ProblemFacts, Warning};

/// What came of all documents together.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct Import {
    /// Whether every policy is ready and every cluster verified; with `--strict`, whether there is also nothing to say.
    pub(crate) ready: bool,
    /// For which time, RFC 3339.
    pub(crate) at: String,
    /// The effective policy of each backend that has one.
    pub(crate) backends: Vec<Backend>,
    /// The standing of each policy object.
    pub(crate) policies: Vec<Policy>,
    /// The clusters of Envoy configurations.
    pub(crate) clusters: Vec<Cluster>,
    /// What is wrong with documents and policies.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// How many objects there are of each kind that is not read.
    pub(crate) ignored: BTreeMap<String, usize>,
    /// The patches of `status`, with `--status`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) status: Vec<Status>,
}

/// The policy of one backend, as one Gateway sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Backend {
    /// `shop/pay:443`
    pub(crate) backend: String,
    /// The Gateway, where one was asked for or the policy differs by Gateway.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) gateway: String,
    /// Whether connections can be made by it.
    pub(crate) ready: bool,
    /// Name and digests.
    pub(crate) policy: PolicyFacts,
    /// The objects that it is made of.
    pub(crate) objects: Vec<String>,
    /// Every field that was written, and where.
    pub(crate) fields: Vec<Field>,
    /// What was written and does not count, since another object says it (M5, M6).
    pub(crate) overridden: Vec<Overridden>,
    /// What was overridden or made stricter, and what else should be known.
    pub(crate) warnings: Vec<Warning>,
    /// Why it is not ready.
    pub(crate) errors: Vec<ProblemFacts>,
}

/// A field of an effective policy (M7).
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Field {
    /// The field of the native document: `spec.serverName`.
    pub(crate) path: String,
    /// Its value; of material, how it is called.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) value: String,
    #[serde(flatten)]
    pub(crate) from: Place,
}

/// A field of an object.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Place {
    /// `BackendTLSPolicy shop/pay-tls`
    pub(crate) object: String,
    /// The field of that object: `spec.validation.hostname`.
    pub(crate) field: String,
    /// The document.
    pub(crate) document: String,
    /// The 1-based line.
    pub(crate) line: u64,
    /// The 1-based column.
    pub(crate) column: u64,
}

/// One field that was written and does not count.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Overridden {
    /// The field of the native document: `spec.subjectAltNames`.
    pub(crate) path: String,
    /// What counts.
    pub(crate) kept: Place,
    /// What does not.
    pub(crate) lost: Place,
    /// Why.
    pub(crate) reason: String,
}

/// A policy object and the reasons of its conditions.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Policy {
    /// `BackendTLSPolicy shop/pay-tls`
    pub(crate) object: String,
    /// The reason of its condition `Accepted`.
    pub(crate) accepted: String,
    /// The reason of its condition `ResolvedRefs`, where the object has that condition.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) resolved_refs: String,
}

/// One cluster of an Envoy configuration.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Cluster {
    /// Its name; empty for a bare context.
    pub(crate) name: String,
    /// `verified`, `verifies_less`, `verifies_nothing`, `plain_text` or `unclear`.
    pub(crate) standing: String,
    /// The document.
    pub(crate) document: String,
    /// The 1-based line of its transport socket.
    pub(crate) line: u64,
    /// Why, the worst first.
    pub(crate) findings: Vec<Finding>,
}

/// One thing that must be known about a cluster.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Finding {
    /// Its stable name.
    pub(crate) name: &'static str,
    /// What follows: `nothing`, `plain_text`, `less`, `unclear`, `beyond`, `stricter` or `note`.
    pub(crate) effect: String,
    /// The field.
    pub(crate) path: String,
    /// The 1-based line.
    pub(crate) line: u64,
    /// What is the case.
    pub(crate) reason: String,
    /// The one thing to change; absent where nothing need be.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) change: String,
}

/// What is to be said about a document or an object.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Diagnostic {
    /// What follows: `not_attached`, `not_ready`, `notice`, `skipped`, `unread`, ...
    pub(crate) effect: &'static str,
    /// The object, if it has a name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) object: String,
    /// What it is, and where.
    pub(crate) problem: ProblemFacts,
}

/// An object with nothing but its status, as it may be applied.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    /// `gateway.networking.k8s.io/v1`
    pub(crate) api_version: String,
    /// `BackendTLSPolicy`
    pub(crate) kind: String,
    /// Which object.
    pub(crate) metadata: ObjectMeta,
    /// All of its status.
    #[schemars(schema_with = "object")]
    pub(crate) status: Value,
}

/// The name of an object.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ObjectMeta {
    /// Its name.
    pub(crate) name: String,
    /// Its namespace.
    pub(crate) namespace: String,
}

/// The CRD says what is in it.
fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object"})
}

/// The JSON Schema of what is printed.
pub(crate) fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Envelope<Import>>();
    schema.insert("$id".to_owned(), json!("urn:uptls:schema:import:v1"));
    schema.insert("title".to_owned(), json!("uptls import of manifests, version 1"));
    let mut schema = schema.to_value();
    if let Some(field) = schema.pointer_mut("/properties/schema") {
        *field = json!({"const": SCHEMA});
    }
    without_null(&mut schema);
    schema
}

/// A field that has no value is absent, never null.
fn without_null(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(without_null),
        Value::Object(map) => {
            if let Some(Value::Array(types)) = map.get_mut("type") {
                types.retain(|name| name != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    map.insert("type".to_owned(), one);
                }
            }
            map.values_mut().for_each(without_null);
        }
        _ => {}
    }
}

/// Under which name it is printed.
pub(crate) const SCHEMA: &str = "uptls.import/v1";
