//! The page, from the descriptions of the schema and the table of fields.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::Value;
use uptls_manifest::schema;

use super::Files;
use super::fields::{FIELDS, Field};
use crate::schema_tree::{self, kind, resolve};

/// What the schema says of a field.
pub(super) struct Leaf {
    description: String,
    kind: String,
}

/// The fields that hold values, by their paths.
pub(super) fn leaves() -> BTreeMap<String, Leaf> {
    let schema = schema::policy();
    let mut leaves = BTreeMap::new();
    for name in ["metadata", "spec"] {
        collect(&schema, &schema["properties"][name], name, &mut leaves);
    }
    leaves
}

fn collect(schema: &Value, node: &Value, path: &str, leaves: &mut BTreeMap<String, Leaf>) {
    let target = resolve(schema, node);
    if let Some(properties) = target["properties"].as_object() {
        for (name, property) in properties {
            collect(schema, property, &format!("{path}.{name}"), leaves);
        }
        return;
    }
    let items = resolve(schema, &target["items"]);
    if items["properties"].is_object() {
        return collect(schema, items, &format!("{path}[]"), leaves);
    }
    let described = schema_tree::description(node).or_else(|| schema_tree::description(target));
    let description = described.unwrap_or_else(|| panic!("{path} has no description"));
    let leaf = Leaf { description, kind: kind(target) };
    leaves.insert(path.to_owned(), leaf);
}

/// The whole page.
pub(super) fn page(files: &Files) -> String {
    let leaves = leaves();
    let mut page = HEAD.to_owned();
    let mut section = "";
    for field in FIELDS {
        let of = field.path.split(['.', '[']).nth(1).filter(|_| field.path.starts_with("spec")).unwrap_or("metadata");
        if of != section {
            write!(page, "\n## {of}\n\n{}\n", summary(of)).unwrap();
            section = of;
        }
        entry(&mut page, field, &leaves[field.path], files);
    }
    page
}

/// What the schema says of a section as a whole.
fn summary(section: &str) -> String {
    let schema = schema::policy();
    let properties = &resolve(&schema, &schema["properties"]["spec"])["properties"];
    let node = if section == "metadata" { &schema["properties"]["metadata"] } else { &properties[section] };
    schema_tree::description(node).expect("a description")
}

fn entry(page: &mut String, field: &Field, leaf: &Leaf, files: &Files) {
    let Field { code, consequence, example, mistake, path } = field;
    let message = files.prepare(mistake).expect_err("a mistake").to_string();
    let message = message.replace(&format!("{}/", files.0.path().display()), "");
    let first = message.lines().next().unwrap_or_default();
    write!(
        page,
        "\n### {path}\n\n{}: {}\n\n```yaml\n{}\n```\n\n{consequence}\n\n`{}` is [`{code}`](errors.md):\n\n```text\n{first}\n```\n",
        capital(&leaf.kind),
        leaf.description,
        example.replace('@', "# the content of "),
        mistake.replace('\n', "; "),
    )
    .unwrap();
}

fn capital(text: &str) -> String {
    match text.split_at_checked(1) {
        Some((first, rest)) => first.to_uppercase() + rest,
        None => text.to_owned(),
    }
}

const HEAD: &str = "# Policy document

Every field of an `UpstreamTlsPolicy`, as the code has it: what it holds, an example, what follows from a wrong value, and a mistake with its error.
The examples are fields of `spec`, unless they begin with `metadata`. Files are relative to the document. [The guide](guide.md) explains how the fields
work together, and `uptls schema` prints the JSON Schema.
";
