//! `docs/json.md`: every field of every JSON output, from the schemas. `UPTLS_BLESS=1` writes the page.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::Value;
use uptls_manifest::schema;

use crate::schema_tree::{description, kind, referred, resolve};

/// The page so far. Schemas share definitions, and each has its place once.
#[derive(Default)]
struct Page {
    told: BTreeSet<String>,
    text: String,
}

impl Page {
    fn output(&mut self, name: &str, from: &str, schema: &Value) {
        write!(self.text, "\n## {name}\n\n`\"schema\": \"uptls.{name}/v1\"`, {from}\n").unwrap();
        self.definition(schema, &schema["properties"]["results"]["items"], "result");
    }

    fn definition(&mut self, schema: &Value, node: &Value, name: &str) {
        let name = referred(node).unwrap_or(name);
        if !self.told.insert(name.to_owned()) {
            return;
        }
        let node = resolve(schema, node);
        let about = description(node).unwrap_or_else(|| panic!("{name} has no description"));
        write!(self.text, "\n### {name}\n\n{about}\n\n").unwrap();
        let mut inner = Vec::new();
        match node["oneOf"].as_array() {
            Some(variants) if variants.iter().all(|variant| variant["const"].is_string()) => {
                self.text.push_str("| value | means |\n| --- | --- |\n");
                for variant in variants {
                    let about = description(variant).expect("a description");
                    writeln!(self.text, "| {} | {} |", kind(variant), cell(&about)).unwrap();
                }
            }
            Some(variants) => {
                for variant in variants {
                    let about = description(variant).expect("a description");
                    write!(self.text, "{about}\n\n").unwrap();
                    self.fields(schema, variant, &mut inner);
                    self.text.push('\n');
                }
                self.text.pop();
            }
            None => self.fields(schema, node, &mut inner),
        }
        for node in inner {
            self.definition(schema, node, "");
        }
    }

    /// A table of fields; the definitions that they lead to go to `inner`.
    fn fields<'a>(&mut self, schema: &'a Value, node: &'a Value, inner: &mut Vec<&'a Value>) {
        let required: Vec<&str> = node["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        self.text.push_str("| field | type | holds |\n| --- | --- | --- |\n");
        for (name, field) in node["properties"].as_object().expect("fields") {
            let target = resolve(schema, field);
            let items = &target["items"];
            let shown = match (referred(field), referred(items)) {
                (Some(name), _) => link(name),
                (None, Some(name)) => format!("list of {}", link(name)),
                (None, None) => kind(target),
            };
            inner.extend([field, items].into_iter().filter(|node| referred(node).is_some()));
            let about = description(field).or_else(|| description(target)).unwrap_or_default();
            let may_be_absent = if required.contains(&name.as_str()) { "" } else { "?" };
            writeln!(self.text, "| `{name}`{may_be_absent} | {shown} | {} |", cell(&about)).unwrap();
        }
    }
}

fn link(name: &str) -> String {
    format!("[{name}](#{})", name.to_lowercase())
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

fn page() -> String {
    let mut page = Page { text: HEAD.to_owned(), ..Page::default() };
    page.output(
        "report",
        "of `uptls check --json` and `uptls verify --json`. [The report](report.md) has an example.",
        &schema::report(),
    );
    page.output("description", "of `uptls describe --json`.", &schema::description());
    page.output("inspect", "of `uptls inspect --json`.", &schema::inspect());
    page.output("import", "of `uptls import --json`.", &schema::import());
    page.output(
        "event",
        "of `Event::to_json`, `uptls_connector_next_event` and Python's `Event.to_json`.",
        &schema::event(),
    );
    page.text
}

#[test]
#[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS=1 writes the page")]
fn the_page_is_made_of_the_schemas() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/json.md");
    let page = page();
    if std::env::var("UPTLS_BLESS").is_ok_and(|value| value == "1") {
        fs::write(&path, &page).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap_or_default() == page, "UPTLS_BLESS=1 writes docs/json.md anew");
}

#[test]
fn every_definition_of_every_schema_has_a_place() {
    let page = page();
    for schema in [schema::report(), schema::description(), schema::inspect(), schema::import(), schema::event()] {
        for name in schema["$defs"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(page.contains(&format!("\n### {name}\n")), "{name}");
        }
    }
}

const HEAD: &str = "# JSON outputs

Every output is one object with two fields: `schema` names its form, and `results` is a list. A form only gains fields: a reader must pass over fields
that it does not know. A field with a question mark is absent where it does not apply, and never `null`. Times are RFC 3339 in UTC. `uptls schema` prints
the JSON Schemas that this page is made from.
";
