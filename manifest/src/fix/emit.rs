//! A document written anew: as JSON if it was JSON, and else as YAML. Comments are not in the tree and so are lost.

use core::fmt::Write as _;

use serde_json::Value as Json;

use super::tree::{is_text, node};
use crate::decode::is_word;
use crate::node::{Node, Scalar, Style, Value};

/// Every document of a text that was `original`.
pub(super) fn emit(roots: &[Node], original: &str) -> String {
    let is_json = original.trim_start().starts_with('{');
    let texts = roots.iter().map(|root| {
        let mut text = String::new();
        match (&root.value, is_json) {
            (Value::Map(entries), false) if !entries.is_empty() => block(root, 0, &mut text),
            _ => {
                flow(root, is_json, &mut text);
                text.push('\n');
            }
        }
        text
    });
    texts.collect::<Vec<_>>().join("---\n")
}

/// A value as a document of YAML: a text stands plain if that reads as the same text.
pub(super) fn yaml(value: &Json) -> String {
    emit(&[node(value, style)], "")
}

fn style(text: &str) -> Style {
    let plain = Scalar { style: Style::Plain, text: text.to_owned().into() };
    // What begins otherwise can be an alias, an item or the end of a document.
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    if begins && is_word(text) && is_text(&plain) { Style::Plain } else { Style::Quoted }
}

/// One line for each scalar.
fn block(node: &Node, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    // A String takes everything.
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let _ = write!(out, "{indent}{}:", key(&entry.key));
                value(&entry.value, depth, out);
            }
        }
        Value::List(items) => {
            for item in items {
                let _ = write!(out, "{indent}-");
                value(item, depth, out);
            }
        }
        Value::Text(_) => {}
    }
}

fn value(node: &Node, depth: usize, out: &mut String) {
    let is_empty = match &node.value {
        Value::Map(entries) => entries.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Text(_) => true,
    };
    if is_empty {
        out.push(' ');
        flow(node, false, out);
        out.push('\n');
    } else {
        out.push('\n');
        block(node, depth.saturating_add(1), out);
    }
}

/// In one line; JSON where the scalars are.
fn flow(node: &Node, is_json: bool, out: &mut String) {
    match &node.value {
        Value::Map(entries) => {
            out.push('{');
            for (index, entry) in entries.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                out.push_str(&Json::from(entry.key.as_str()).to_string());
                out.push_str(": ");
                flow(&entry.value, is_json, out);
            }
            out.push('}');
        }
        Value::List(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                flow(item, is_json, out);
            }
            out.push(']');
        }
        Value::Text(scalar) => out.push_str(&text(scalar, is_json)),
    }
}

/// Plain where that is the same.
fn text(scalar: &Scalar, is_json: bool) -> String {
    match scalar.style {
        Style::Plain if !is_json && is_word(&scalar.text) => scalar.text.to_string(),
        Style::Plain if !is_text(scalar) && !scalar.text.is_empty() => scalar.text.to_string(),
        Style::Plain if scalar.text.is_empty() => "null".to_owned(),
        Style::Plain | Style::Quoted => Json::from(scalar.text.as_str()).to_string(),
    }
}

fn key(name: &str) -> String {
    let plain = Scalar { style: Style::Plain, text: name.to_owned().into() };
    if is_word(name) && is_text(&plain) && !name.starts_with('-') {
        name.to_owned()
    } else {
        Json::from(name).to_string()
    }
}
