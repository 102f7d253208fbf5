//! JSON Schemas (draft 2020-12) of the native document and of everything that `--json` prints.
//!
//! They are made of the types that read and write, so that they cannot differ from them, and are committed as
//! `testdata/schemas/*.v1.json`.

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};
use uptls::{Description, Envelope, EventFacts, Inspection, Report};

use crate::native::NativeDocument;
use crate::report::Import;

/// The native policy document.
pub fn policy() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = finish::<NativeDocument>(generator, "policy", "uptls policy document, version 1");
    constraints().into_iter().for_each(|(place, constraint)| constrain(&mut schema, place, constraint));
    schema
}

/// What `UpstreamTlsPolicy::check` refuses in any policy, as far as a schema can say it: an editor then shows it. The rest
/// depends on other fields or on files.
fn constraints() -> [(&'static str, Value); 17] {
    let one_form = || json!({"oneOf": [{"required": ["file"]}, {"required": ["pem"]}]});
    let pin = || json!({"items": {"type": "string", "pattern": "^[A-Za-z0-9+/]{43}=$"}});
    // A number is read as it is spelled.
    let version = || json!({"type": ["number", "string"], "enum": ["1.2", "1.3", 1.2, 1.3]});
    [
        ("Metadata/properties/name", json!({"type": ["number", "string"]})),
        ("TrustDraft", json!({"minProperties": 1})),
        ("TrustDraft/properties/pinnedKeys", pin()),
        ("BundleDraft", one_form()),
        ("MaterialDraft", one_form()),
        ("SecretDraft", one_form()),
        ("IdentityDraft", json!({"required": ["certificate", "key"]})),
        ("SanDraft", json!({"minProperties": 1, "maxProperties": 1})),
        ("RevocationDraft", json!({"required": ["crls"]})),
        ("RevocationDraft/properties/crls", json!({"minItems": 1})),
        ("RevocationDraft/properties/depth", json!({"enum": ["chain", "leaf"]})),
        ("RevocationDraft/properties/unknown", json!({"enum": ["deny", "allow"]})),
        ("VersionsDraft/properties/min", version()),
        ("VersionsDraft/properties/max", version()),
        ("PolicySpec/properties/spkiPins", pin()),
        ("PolicySpec/properties/handshakeTimeout", json!({"pattern": "^[0-9]+(ms|s|m)$"})),
        // No wildcard, and no address: the last label is no number.
        (
            "PolicySpec/properties/serverName",
            json!({"pattern": "^([A-Za-z0-9_-]+\\.)*[A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*\\.?$"}),
        ),
    ]
}

fn constrain(schema: &mut Value, place: &str, constraint: Value) {
    let found = schema.pointer_mut(&format!("/$defs/{place}"));
    if let (Some(Value::Object(found)), Value::Object(constraint)) = (found, constraint) {
        found.extend(constraint);
    }
}

/// The report of a verification, `uptls.report/v1`.
pub fn report() -> Value {
    envelope::<Report>("report", "uptls report, version 1")
}

/// The description of a policy, `uptls.description/v1`.
pub fn description() -> Value {
    envelope::<Description>("description", "uptls description of a policy, version 1")
}

/// An event of a connector, `uptls.event/v1`.
pub fn event() -> Value {
    envelope::<EventFacts>("event", "uptls event, version 1")
}

/// The result of an import, `uptls.import/v1`.
pub fn import() -> Value {
    envelope::<Import>("import", "uptls import of manifests, version 1")
}

/// The description of certificates, `uptls.inspect/v1`.
pub fn inspect() -> Value {
    envelope::<Inspection>("inspect", "uptls description of certificates, version 1")
}

fn envelope<T: JsonSchema>(name: &str, title: &str) -> Value {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = finish::<Envelope<T>>(generator, name, title);
    if let Some(field) = schema.pointer_mut("/properties/schema") {
        *field = json!({"const": format!("uptls.{name}/v1")});
    }
    schema
}

fn finish<T: JsonSchema>(generator: SchemaGenerator, name: &str, title: &str) -> Value {
    let mut schema = generator.into_root_schema_for::<T>();
    RecursiveTransform(without_null).transform(&mut schema);
    RecursiveTransform(without_examples).transform(&mut schema);
    schema.insert("$id".to_owned(), json!(format!("urn:uptls:schema:{name}:v1")));
    schema.insert("title".to_owned(), json!(title));
    schema.to_value()
}

/// The examples of Rust in a description are for readers of Rust. They stand at its end.
fn without_examples(schema: &mut Schema) {
    if let Some(Value::String(description)) = schema.get_mut("description")
        && let Some(at) = description.find("\n\n```")
    {
        description.truncate(at);
    }
}

/// A field that has no value is absent, never null: neither does the reader take one, nor do reports hold one.
fn without_null(schema: &mut Schema) {
    if schema.get("default") == Some(&Value::Null) {
        schema.remove("default");
    }
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|name| name != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            schema.insert("type".to_owned(), one);
        }
    }
    let Some(Value::Array(choices)) = schema.get_mut("anyOf") else { return };
    choices.retain(|choice| choice.get("type") != Some(&json!("null")));
    if let [Value::Object(only)] = choices.as_slice() {
        let only = only.clone();
        schema.remove("anyOf");
        for (keyword, value) in only {
            schema.insert(keyword, value);
        }
    }
}
