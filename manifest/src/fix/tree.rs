//! JSON Patch (RFC 6902) on the tree of a document.

use serde_json::Value as Json;
use uptls::PatchOperation;
use zeroize::Zeroizing;

use super::made;
use crate::kubernetes::object_name;
use crate::node::{Entry, Node, Resolved, Scalar, Style, Value};
use crate::position::Place;

/// The root that a patch is for: the only document, or the object that is called `object`, in a list or alone.
pub(super) fn root<'n>(roots: &'n mut [Node], object: Option<&str>) -> Option<&'n mut Node> {
    match object {
        None => {
            let mut written = roots.iter_mut().filter(|node| !node.is_null());
            written.next()
        }
        Some(object) => roots.iter_mut().find_map(|node| named(node, object)),
    }
}

fn named<'n>(node: &'n mut Node, object: &str) -> Option<&'n mut Node> {
    if object_name(node).as_deref() == Some(object) {
        return Some(node);
    }
    let Value::List(items) = &mut field_mut(node, "items")?.value else { return None };
    items.iter_mut().find_map(|item| named(item, object))
}

/// Applies one operation; `None` if what it is about is not there.
pub(super) fn patch(root: &mut Node, operation: &PatchOperation) -> Option<()> {
    match operation {
        PatchOperation::Add { path, value } => {
            let (parent, name) = split(path)?;
            let parent = at(root, parent)?;
            match &mut parent.value {
                Value::List(items) if name == "-" => items.push(quoted(value)),
                Value::List(_) | Value::Text(_) => return None,
                Value::Map(_) => set(parent, name, quoted(value)),
            }
        }
        PatchOperation::Move { from, path } => {
            let ((parent, old), (target, new)) = (split(from)?, split(path)?);
            if parent != target {
                return None;
            }
            let Value::Map(entries) = &mut at(root, parent)?.value else { return None };
            if entries.iter().any(|entry| entry.key == new) {
                return None;
            }
            entries.iter_mut().find(|entry| entry.key == old)?.key = new;
        }
        PatchOperation::Remove { path } => {
            let (parent, name) = split(path)?;
            match &mut at(root, parent)?.value {
                Value::Map(entries) => {
                    let place = entries.iter().position(|entry| entry.key == name)?;
                    entries.remove(place);
                }
                Value::List(items) => {
                    let index = name.parse().ok().filter(|index| *index < items.len())?;
                    items.remove(index);
                }
                Value::Text(_) => return None,
            }
        }
        PatchOperation::Replace { path, value } => *at(root, path)? = quoted(value),
        _ => return None,
    }
    Some(())
}

/// The node at a JSON Pointer.
pub(super) fn at<'n>(root: &'n mut Node, pointer: &str) -> Option<&'n mut Node> {
    let mut current = root;
    for token in pointer.split('/').skip(1).map(unescaped) {
        current = match &mut current.value {
            Value::Map(entries) => &mut entries.iter_mut().find(|entry| entry.key == token)?.value,
            Value::List(items) => items.get_mut(token.parse::<usize>().ok()?)?,
            Value::Text(_) => return None,
        };
    }
    Some(current)
}

/// The pointer of the parent, and the last token.
pub(super) fn split(pointer: &str) -> Option<(&str, String)> {
    pointer.rsplit_once('/').map(|(parent, name)| (parent, unescaped(name)))
}

/// RFC 6901 section 4.
fn unescaped(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

fn field_mut<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    match &mut node.value {
        Value::Map(entries) => entries.iter_mut().find(|entry| entry.key == key).map(|entry| &mut entry.value),
        Value::List(_) | Value::Text(_) => None,
    }
}

fn set(parent: &mut Node, key: String, value: Node) {
    let Value::Map(entries) = &mut parent.value else { return };
    match entries.iter_mut().find(|entry| entry.key == key) {
        Some(entry) => entry.value = value,
        None => entries.push(Entry { key, place: Place::START, value }),
    }
}

/// The tree of `value`, each text in the style that `style` gives it.
pub(super) fn node(value: &Json, style: fn(&str) -> Style) -> Node {
    let text = |text: String, style| made(Value::Text(Scalar { style, text: Zeroizing::new(text) }));
    match value {
        Json::Array(items) => made(Value::List(items.iter().map(|item| node(item, style)).collect())),
        Json::Object(fields) => {
            let entry = |(key, value): (&String, &Json)| Entry {
                key: key.clone(),
                place: Place::START,
                value: node(value, style),
            };
            made(Value::Map(fields.iter().map(entry).collect()))
        }
        Json::String(string) => text(string.clone(), style(string)),
        other => text(other.to_string(), Style::Plain),
    }
}

fn quoted(value: &Json) -> Node {
    node(value, |_| Style::Quoted)
}

/// Whether both hold the same, wherever it stands and however it is quoted.
pub(super) fn are_equal(a: &[Node], b: &[Node]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_equal(a, b))
}

fn is_equal(a: &Node, b: &Node) -> bool {
    match (&a.value, &b.value) {
        (Value::List(a), Value::List(b)) => are_equal(a, b),
        (Value::Map(a), Value::Map(b)) => {
            let find = |wanted: &Entry| b.iter().find(|entry| entry.key == wanted.key);
            a.len() == b.len() && a.iter().all(|a| find(a).is_some_and(|b| is_equal(&a.value, &b.value)))
        }
        (Value::Text(a), Value::Text(b)) => *a.text == *b.text && is_text(a) == is_text(b),
        _ => false,
    }
}

pub(super) fn is_text(scalar: &Scalar) -> bool {
    scalar.resolve() == Resolved::Text
}
