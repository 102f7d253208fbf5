//! As much of JSON Schema as our schemas use: to hold documents and reports against them.

use serde_json::Value;

/// Everything in `value` that `schema` does not permit, by JSON pointer. A keyword that is not known here is a finding.
pub(crate) fn findings(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    visit(schema, schema, value, "", &mut found);
    found
}

fn visit(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (keyword, wanted) in schema.as_object().unwrap() {
        let fits = match keyword.as_str() {
            "$defs" | "$id" | "$schema" | "default" | "description" | "examples" | "format" | "required" | "title"
            | "writeOnly" => true,
            "$ref" => {
                let target = root.pointer(wanted.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
                visit(root, target, value, at, found);
                true
            }
            "additionalProperties" => {
                let known = |name: &str| schema.pointer("/properties").is_some_and(|known| known.get(name).is_some());
                for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| !known(name)) {
                    match wanted {
                        Value::Bool(permitted) if !permitted => found.push(format!("{at}/{name}: additional")),
                        wanted => visit(root, wanted, value, &format!("{at}/{name}"), found),
                    }
                }
                true
            }
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    visit(root, wanted, item, &format!("{at}/{index}"), found);
                }
                true
            }
            "maxLength" => value.as_str().is_none_or(|text| text.chars().count() <= usize_of(wanted)),
            "maximum" => value.as_u64().is_none_or(|number| number <= wanted.as_u64().unwrap()),
            "minLength" => value.as_str().is_none_or(|text| text.chars().count() >= usize_of(wanted)),
            "minimum" => value.as_u64().is_none_or(|number| number >= wanted.as_u64().unwrap()),
            "oneOf" => wanted.as_array().unwrap().iter().filter(|choice| fits(root, choice, value)).count() == 1,
            "properties" => {
                for (name, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        visit(root, schema, value, &format!("{at}/{name}"), found);
                    }
                }
                true
            }
            "anyOf" => wanted.as_array().unwrap().iter().any(|choice| fits(root, choice, value)),
            "maxProperties" => value.as_object().is_none_or(|fields| fields.len() <= usize_of(wanted)),
            "minItems" => value.as_array().is_none_or(|items| items.len() >= usize_of(wanted)),
            "minProperties" => value.as_object().is_none_or(|fields| fields.len() >= usize_of(wanted)),
            "pattern" => {
                let pattern = regex_lite::Regex::new(wanted.as_str().unwrap()).unwrap();
                value.as_str().is_none_or(|text| pattern.is_match(text))
            }
            "type" => match wanted {
                Value::Array(names) => names.iter().any(|name| is_of_type(value, name.as_str().unwrap())),
                name => is_of_type(value, name.as_str().unwrap()),
            },
            _ => false,
        };
        if !fits {
            found.push(format!("{at}: {keyword}"));
        }
    }
    for name in schema.get("required").and_then(Value::as_array).into_iter().flatten() {
        if value.get(name.as_str().unwrap()).is_none() {
            found.push(format!("{at}: {name} is missing"));
        }
    }
}

fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    let mut found = Vec::new();
    visit(root, schema, value, "", &mut found);
    found.is_empty()
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "array" => value.is_array(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "object" => value.is_object(),
        "string" => value.is_string(),
        _ => false,
    }
}

fn usize_of(number: &Value) -> usize {
    usize::try_from(number.as_u64().unwrap()).unwrap()
}
