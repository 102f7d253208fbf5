//! A change of one line or a few in the text itself, so that comments and layout stay. What cannot be done so is not tried.

use serde_json::Value as Json;
use uptls::PatchOperation;

use super::tree;
use crate::decode::is_word;
use crate::node::{Entry, Node, Scalar, Style, Value};
use crate::position::Place;

/// The text with the operation done, if that is a matter of a line or a few. `root` is as it was before.
pub(super) fn edit(text: &str, root: &mut Node, operation: &PatchOperation) -> Option<String> {
    match operation {
        PatchOperation::Add { path, value } => add(text, root, path, value),
        PatchOperation::Move { from, path } => {
            let ((parent, old), (_, new)) = (tree::split(from)?, tree::split(path)?);
            let place = entry(root, parent, &old)?.place;
            replaced(text, place, &old, Style::Plain, &new)
        }
        PatchOperation::Remove { path } => {
            let (parent, name) = tree::split(path)?;
            remove(text, root, parent, &name)
        }
        PatchOperation::Replace { path, value } => replace(text, tree::at(root, path)?, value),
        _ => None,
    }
}

fn entry<'n>(root: &'n mut Node, parent: &str, name: &str) -> Option<&'n Entry> {
    match &tree::at(root, parent)?.value {
        Value::Map(entries) => entries.iter().find(|entry| entry.key == name),
        Value::List(_) | Value::Text(_) => None,
    }
}

/// A scalar by a scalar, or the only field of a map by another one.
fn replace(text: &str, old: &Node, value: &Json) -> Option<String> {
    match (&old.value, value) {
        (Value::Text(Scalar { style, text: given }), Json::String(new)) => {
            replaced(text, old.place, given, *style, &scalar(new))
        }
        (Value::Map(entries), Json::Object(fields)) => {
            let (Some((key, value)), 1) = (fields.iter().next(), fields.len()) else { return None };
            let [entry] = entries.as_slice() else { return None };
            let text = replace(text, &entry.value, value)?;
            replaced(&text, entry.place, &entry.key, Style::Plain, key)
        }
        _ => None,
    }
}

/// A field on a line of its own, in front of the other fields of its map.
fn add(text: &str, root: &mut Node, path: &str, value: &Json) -> Option<String> {
    let (parent, name) = tree::split(path)?;
    let Value::Map(entries) = &tree::at(root, parent)?.value else { return None };
    let first = entries.first().filter(|_| entries.iter().all(|entry| entry.key != name))?;
    let begin = line_begin(text, first.place)?;
    let indent = indent(text, first.place)?;
    let (head, tail) = text.split_at_checked(begin)?;
    Some(format!("{head}{indent}{name}: {value}\n{tail}"))
}

/// The lines of a field that begins its line; a map that held nothing else is left empty.
fn remove(text: &str, root: &mut Node, parent: &str, name: &str) -> Option<String> {
    let Value::Map(entries) = &tree::at(root, parent)?.value else { return None };
    let place = entries.iter().find(|entry| entry.key == name)?.place;
    let is_alone = entries.len() == 1;
    let column = indent(text, place)?.len();
    let begin = line_begin(text, place)?;
    let (head, rest) = text.split_at_checked(begin)?;
    let (mut taken, mut length) = (0, 0);
    for (index, line) in rest.split_inclusive('\n').enumerate() {
        let is_blank = line.trim().is_empty() || line.trim_start().starts_with('#');
        if index > 0 && !is_blank && line.len() - line.trim_start().len() <= column {
            break;
        }
        length += line.len();
        if !is_blank {
            taken = length;
        }
    }
    let tail = rest.get(taken..)?;
    if !is_alone {
        return Some(format!("{head}{tail}"));
    }
    // What stands between is about the field.
    let (above, key) = tree::split(parent)?;
    let begin = line_begin(text, entry(root, above, &key)?.place)?;
    let line = text.get(begin..)?.lines().next()?;
    let is_bare = line.trim_end().ends_with(&format!("{key}:"));
    is_bare.then(|| format!("{}{} {{}}\n{tail}", text.get(..begin).unwrap_or_default(), line.trim_end()))
}

/// The text with `old` at `place` as `new`, in the quotes that stand there.
fn replaced(text: &str, place: Place, old: &str, style: Style, new: &str) -> Option<String> {
    let offset = offset(text, place)?;
    let (head, tail) = text.split_at_checked(offset)?;
    let quoted = ['"', '\''].map(|quote| format!("{quote}{old}{quote}"));
    let rest = match quoted.iter().find_map(|quoted| tail.strip_prefix(quoted.as_str())) {
        Some(rest) => rest,
        None if style == Style::Plain => tail.strip_prefix(old)?,
        None => return None,
    };
    Some(format!("{head}{new}{rest}"))
}

/// As a scalar is written: plain where that is the same text.
fn scalar(text: &str) -> String {
    let plain = Scalar { style: Style::Plain, text: text.to_owned().into() };
    if is_word(text) && tree::is_text(&plain) { text.to_owned() } else { Json::from(text).to_string() }
}

fn line_begin(text: &str, place: Place) -> Option<usize> {
    let lines = text.split_inclusive('\n');
    let before = usize::try_from(place.line).ok()?.checked_sub(1)?;
    (lines.clone().count() > before).then(|| lines.take(before).map(str::len).sum())
}

/// What stands before a field that begins its line: spaces alone.
fn indent(text: &str, place: Place) -> Option<&str> {
    let before = text.get(line_begin(text, place)?..offset(text, place)?)?;
    before.chars().all(|c| c == ' ').then_some(before)
}

fn offset(text: &str, place: Place) -> Option<usize> {
    let begin = line_begin(text, place)?;
    let column = usize::try_from(place.column).ok()?.checked_sub(1)?;
    let line = text.get(begin..)?;
    let inside = line.char_indices().map(|(offset, _)| offset).nth(column)?;
    Some(begin + inside)
}
