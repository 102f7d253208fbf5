//! What JSON Schemas say of fields: descriptions and types, for the pages that are made of them.

use serde_json::Value;

/// The definition that a node refers to, or the node itself.
pub(crate) fn resolve<'a>(schema: &'a Value, node: &'a Value) -> &'a Value {
    match node["$ref"].as_str() {
        Some(reference) => schema.pointer(reference.trim_start_matches('#')).expect("a definition of the schema"),
        None => node,
    }
}

/// The name of the definition that a node refers to.
pub(crate) fn referred(node: &Value) -> Option<&str> {
    node["$ref"].as_str().and_then(|reference| reference.strip_prefix("#/$defs/"))
}

/// The description of a node in one line.
pub(crate) fn description(node: &Value) -> Option<String> {
    node["description"].as_str().map(|text| text.replace("\n\n", " ").replace('\n', " "))
}

/// The type of a node, for people.
pub(crate) fn kind(node: &Value) -> String {
    if let Some(values) = node["enum"].as_array() {
        return values.iter().map(|value| format!("`{value}`").replace('"', "")).collect::<Vec<_>>().join(", ");
    }
    match node["type"].as_str() {
        None => node["const"].as_str().map_or("any".to_owned(), |text| format!("`{text}`")),
        Some("array") => format!("list of {}s", kind(&node["items"])),
        Some("string") if node["const"].is_string() => format!("`{}`", node["const"].as_str().unwrap_or_default()),
        Some(name) => name.to_owned(),
    }
}
