//! What the readers of all objects share: a name, and fields that stand once.

use uptls::{Origin, PolicyError, PolicyErrorKind, Problem};

use crate::kubernetes::model::object::{DEFAULT_NAMESPACE, ObjectName, is_object_name};
use crate::node::{Entry, Node, Value};
use crate::position::Notes;

/// The name of the object `node`; `None`, and a noted problem, if it has none.
pub(in crate::kubernetes) fn name(node: &Node, notes: &Notes<'_>) -> Option<ObjectName> {
    let Some(metadata) = field(node, "", "metadata", notes) else {
        notes.parse_problem("", node.place, "the field metadata is missing");
        return None;
    };
    let text = |key: &str| {
        let entry = field(&metadata.value, "metadata", key, notes).filter(|entry| !entry.value.is_null())?;
        let text = entry.value.text().filter(|text| !text.is_empty());
        if text.is_none() {
            let reason = entry.value.mismatch("a name");
            notes.parse_problem(&format!("metadata.{key}"), entry.place, reason);
        }
        text.map(|text| (text.to_owned(), entry.place))
    };
    let (namespace, name) = (text("namespace"), text("name"));
    // Another one may be meant than the one that is read: then it is not known which object this is.
    let twice =
        stands_twice(node, "metadata") || ["namespace", "name"].iter().any(|k| stands_twice(&metadata.value, k));
    let is_given = metadata.value.field("namespace").is_some_and(|entry| !entry.value.is_null());
    if twice || (is_given && namespace.is_none()) {
        return None;
    }
    let namespace = namespace.map_or_else(|| DEFAULT_NAMESPACE.to_owned(), |(namespace, _)| namespace);
    let Some((name, place)) = name else {
        notes.parse_problem("metadata", metadata.place, "the object has no name");
        return None;
    };
    for (key, text) in [("namespace", &namespace), ("name", &name)] {
        if !is_object_name(text) {
            let given = "the value".to_owned();
            let wanted = "a name of 1 to 253 of the characters a-z, 0-9, - and .".to_owned();
            notes.problem(&format!("metadata.{key}"), place, PolicyErrorKind::Invalid { given, wanted });
            return None;
        }
    }
    Some(ObjectName { namespace, name })
}

/// What an object is called in diagnostics: `XBackend shop/pay`; `None` if that cannot be told.
pub(crate) fn object_name(node: &Node) -> Option<String> {
    let kind = node.field("kind")?.value.text()?;
    Some(format!("{kind} {}", name(node, &Notes::new(""))?))
}

/// The field `key` of `node`, which stands at `path`: its place is noted, and a second one of the name is a problem.
pub(in crate::kubernetes) fn field<'n>(node: &'n Node, path: &str, key: &str, notes: &Notes<'_>) -> Option<&'n Entry> {
    let Value::Map(entries) = &node.value else { return None };
    let mut found = entries.iter().filter(|entry| entry.key == key);
    let first = found.next()?;
    let full = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    notes.origin(&full, first.place);
    if let Some(second) = found.next() {
        let reason = format!("the field {key:?} appears twice, first in line {}", first.place.line);
        notes.parse_problem(path, second.place, reason);
    }
    Some(first)
}

/// Whether the field `key` stands more than once, so that it is not known which one counts.
pub(in crate::kubernetes) fn stands_twice(node: &Node, key: &str) -> bool {
    matches!(&node.value, Value::Map(entries) if entries.iter().filter(|entry| entry.key == key).count() > 1)
}

/// Whether `node` is a map of no other fields than `known`, each at most once: any other may decide what it means.
pub(in crate::kubernetes) fn is_plain(node: &Node, known: &[&str]) -> bool {
    let Value::Map(entries) = &node.value else { return false };
    entries.iter().all(|entry| known.contains(&entry.key.as_str()) && !stands_twice(node, &entry.key))
}

/// That the object appears twice.
pub(in crate::kubernetes) fn twice(first: &Origin, again: Origin) -> Problem {
    let reason = format!("it is declared twice, first in line {} of {}", first.line, first.document);
    let kind = PolicyErrorKind::DocumentParse { reason };
    Problem::from(PolicyError::new("", kind)).with_origin(Some(again))
}
