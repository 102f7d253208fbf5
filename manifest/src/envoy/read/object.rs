//! Messages of proto JSON: maps with known fields, each in snake case, a field without a value being absent.

use std::collections::BTreeSet;

use crate::node::{Node, Resolved, Value};

use super::finding::{Effect, Findings};
use super::spot::Spot;

/// One message.
#[derive(Clone)]
pub(super) struct Object<'a> {
    node: &'a Node,
    spot: Spot,
}

impl<'a> Object<'a> {
    /// A node as it stands at `path`. Whatever it is: what is no map has no fields.
    pub(super) fn new(node: &'a Node, path: impl Into<String>) -> Self {
        Self { node, spot: Spot { line: node.place.line, path: path.into() } }
    }

    pub(super) fn spot(&self) -> &Spot {
        &self.spot
    }

    pub(super) fn node(&self) -> &'a Node {
        self.node
    }

    /// Notes every field that is not among `known`, or appears twice: what it means is not known, and may weaken.
    pub(super) fn strict(&self, known: &[&str], findings: &mut Findings) {
        let Value::Map(entries) = &self.node.value else {
            let reason = self.node.mismatch("a map");
            findings.add(&self.spot, Effect::Unclear, "malformed", reason, "write a map of fields");
            return;
        };
        for (index, entry) in entries.iter().enumerate() {
            let spot = self.sayable(&entry.key, entry.place.line);
            if !known.contains(&entry.key.as_str()) && entry.key != "@type" {
                let reason = "the field is not known here, and may weaken what is verified";
                findings.add(&spot, Effect::Unclear, "unknown_field", reason, "remove it, or correct its name");
            }
            if entries.iter().take(index).any(|other| other.key == entry.key) {
                findings.add(&spot, Effect::Unclear, DUPLICATE.0, DUPLICATE.1, DUPLICATE.2);
            }
        }
    }

    /// Every field in it, at any depth, that stands again after a first one.
    pub(super) fn twice(&self) -> Vec<Spot> {
        match &self.node.value {
            Value::List(_) => self.entries().iter().flat_map(Self::twice).collect(),
            Value::Map(entries) => {
                let (mut seen, mut found) = (BTreeSet::new(), Vec::new());
                for entry in entries {
                    let spot = self.sayable(&entry.key, entry.place.line);
                    found.extend(Object { node: &entry.value, spot: spot.clone() }.twice());
                    found.extend((!seen.insert(entry.key.as_str())).then_some(spot));
                }
                found
            }
            Value::Text(_) => Vec::new(),
        }
    }

    /// The place of a field. What stands in the place of a field's name may be a piece of the key (I6).
    fn sayable(&self, name: &str, line: u64) -> Spot {
        let is_secret = SECRETS.iter().any(|name| self.spot.path.contains(name));
        if is_secret { self.spot.clone() } else { self.at(name, line) }
    }

    /// The field, unless it has no value.
    pub(super) fn get(&self, name: &str) -> Option<Object<'a>> {
        let entry = self.node.field(name).filter(|entry| !entry.value.is_null())?;
        Some(Object { node: &entry.value, spot: self.at(name, entry.place.line) })
    }

    /// The field, if no other has a value.
    pub(super) fn only(&self, name: &str) -> Option<Object<'a>> {
        let Value::Map(entries) = &self.node.value else { return None };
        let others = entries.iter().filter(|entry| !entry.value.is_null() && entry.key != "@type");
        self.get(name).filter(|_| others.count() == 1)
    }

    /// The field, and that of the message in it, and so on.
    pub(super) fn dig(&self, names: &[&str]) -> Option<Object<'a>> {
        names.iter().try_fold(self.clone(), |object, name| object.get(name))
    }

    /// The entries of a repeated field; a single value is one entry.
    pub(super) fn list(&self, name: &str) -> Vec<Object<'a>> {
        let Some(field) = self.get(name) else { return Vec::new() };
        field.entries()
    }

    /// The entries, if this is a list, else this.
    pub(super) fn entries(&self) -> Vec<Object<'a>> {
        let Value::List(nodes) = &self.node.value else { return vec![self.clone()] };
        let numbered = nodes.iter().enumerate();
        numbered.map(|(index, node)| Object::new(node, format!("{}[{index}]", self.spot.path))).collect()
    }

    /// The text of a scalar field.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_text().filter(|text| !text.is_empty())
    }

    pub(super) fn as_text(&self) -> Option<&'a str> {
        self.node.text()
    }

    /// Whether the field is true; what is neither true nor false counts as true, since most such fields weaken.
    pub(super) fn is_true(&self, name: &str) -> bool {
        let Some(field) = self.get(name) else { return false };
        !matches!(&field.node.value, Value::Text(scalar) if scalar.resolve() == Resolved::Bool(false))
    }

    /// Whether this is a map without a field that has a value.
    pub(super) fn is_empty(&self) -> bool {
        match &self.node.value {
            Value::Map(entries) => entries.iter().all(|entry| entry.value.is_null() || is_empty_list(&entry.value)),
            Value::List(nodes) => nodes.is_empty(),
            Value::Text(_) => false,
        }
    }

    /// Whether both say the same, wherever they stand.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        same(self.node, other.node)
    }

    /// Whether this is a map without a key; in a map whose keys mean something, a key without a value is one too.
    pub(super) fn has_no_entry(&self) -> bool {
        matches!(&self.node.value, Value::Map(entries) if entries.is_empty())
    }

    /// The last word of `@type`.
    pub(super) fn type_name(&self) -> &'a str {
        self.text("@type").and_then(|name| name.rsplit(['.', '/']).next()).unwrap_or_default()
    }

    fn at(&self, name: &str, line: u64) -> Spot {
        let path = if self.spot.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.spot.path) };
        Spot { line, path }
    }
}

/// The order of fields says nothing.
fn same(one: &Node, other: &Node) -> bool {
    match (&one.value, &other.value) {
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Map(fields), Value::Map(others)) => {
            let has = |key: &str, value: &Node| other.field(key).is_some_and(|entry| same(&entry.value, value));
            fields.len() == others.len() && fields.iter().all(|entry| has(&entry.key, &entry.value))
        }
        (Value::Text(_), Value::Text(_)) => one.text() == other.text(),
        _ => false,
    }
}

fn is_empty_list(node: &Node) -> bool {
    matches!(&node.value, Value::List(nodes) if nodes.is_empty())
}

/// The same with every field name in snake case: proto JSON has both spellings. Names with a dot are keys of maps.
pub(super) fn snake_case(mut node: Node) -> Node {
    node.value = match node.value {
        Value::List(nodes) => Value::List(nodes.into_iter().map(snake_case).collect()),
        Value::Map(entries) => {
            let renamed = entries.into_iter().map(|mut entry| {
                if !entry.key.contains(['.', '@', '/']) {
                    entry.key = snake(&entry.key);
                }
                entry.value = snake_case(entry.value);
                entry
            });
            Value::Map(renamed.collect())
        }
        text => text,
    };
    node
}

fn snake(name: &str) -> String {
    let mut snake = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// The finding, its reason and the change for a field that appears twice.
pub(super) const DUPLICATE: (&str, &str, &str) =
    ("duplicate_field", "the field appears twice", "remove one of the two");
/// Fields under which secrets stand.
const SECRETS: &[&str] = &["password", "pkcs12", "private_key"];
