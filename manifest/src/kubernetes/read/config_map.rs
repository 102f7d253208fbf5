//! `v1 ConfigMap`: where CA certificates stand.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use uptls::Origin;

use super::object;
use super::object::field;
use super::texts::BundleText;
use crate::decode::is_word;
use crate::kubernetes::model::object::ObjectName;
use crate::node::{Node, Value};
use crate::position::{Notes, Place};

/// What a ConfigMap holds under the one key that is documented for CA certificates (M3).
pub(in crate::kubernetes) struct ConfigMap {
    pub(in crate::kubernetes) bundle: Result<Bundle, String>,
}

/// PEM text, and where it was written.
pub(in crate::kubernetes) struct Bundle {
    /// `data.ca.crt` or `binaryData.ca.crt`
    pub(in crate::kubernetes) field: String,
    pub(in crate::kubernetes) origin: Origin,
    pub(in crate::kubernetes) text: Arc<BundleText>,
}

impl Bundle {
    pub(in crate::kubernetes) fn new(field: String, origin: Origin, pem: impl Into<Arc<str>>) -> Self {
        Self { field, origin, text: Arc::new(BundleText::new(pem)) }
    }
}

/// The ConfigMap `node`; `None`, and noted problems, if it has no name.
pub(in crate::kubernetes) fn read(node: &Node, notes: &Notes<'_>) -> Option<(ObjectName, ConfigMap)> {
    let name = object::name(node, notes)?;
    let entries = |key: &str| match node.field(key).map(|entry| &entry.value.value) {
        Some(Value::Map(entries)) => entries.as_slice(),
        _ => &[],
    };
    let found = |map: &str| -> Vec<(Place, Node)> {
        let wanted = entries(map).iter().filter(|entry| entry.key == CA_KEY);
        wanted.map(|entry| (entry.place, entry.value.clone())).collect()
    };
    // A second `data` would hide the first, and one that is no map may hold anything.
    let mut unreadable = None;
    for key in ["data", "binaryData"] {
        let is_no_map = |node: &&Node| !node.is_null() && !matches!(node.value, Value::Map(_));
        let other = field(node, "", key, notes).map(|entry| &entry.value).filter(is_no_map);
        unreadable = unreadable.or(other.map(|node| format!("{key} holds {} instead of a map", node.describe())));
    }
    let bundle = match (found("data").as_slice(), found("binaryData").as_slice()) {
        ([(place, text)], []) => text_of(text).and_then(|text| bundle(text, "data", notes.at(*place))),
        ([], [(place, text)]) => {
            text_of(text).and_then(|text| decoded(&text)).and_then(|text| bundle(text, "binaryData", notes.at(*place)))
        }
        ([], []) => Err(missing(entries("data").iter().chain(entries("binaryData")).map(|entry| entry.key.as_str()))),
        _ => Err(format!("the key {CA_KEY} appears twice")),
    };
    let bundle = if notes.has_problem("") { Err("a field of it appears twice".to_owned()) } else { bundle };
    let bundle = unreadable.map_or(bundle, Err);
    Some((name, ConfigMap { bundle }))
}

fn text_of(node: &Node) -> Result<String, String> {
    let text = node.text().filter(|_| !node.is_null());
    text.map(str::to_owned).ok_or_else(|| format!("the key {CA_KEY}: {}", node.mismatch("a string")))
}

/// Base64, as it stands in `binaryData`.
fn decoded(text: &str) -> Result<String, String> {
    let packed: String = text.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(packed).map_err(|_| format!("the key {CA_KEY} of binaryData is not base64"))?;
    String::from_utf8(bytes).map_err(|_| format!("the key {CA_KEY} is not PEM text"))
}

/// Whether its blocks are sound is judged where they are loaded, block by block (T2).
pub(in crate::kubernetes) fn bundle(pem: String, map: &str, origin: Origin) -> Result<Bundle, String> {
    if pem.trim().is_empty() {
        return Err(format!("the key {CA_KEY} is empty"));
    }
    if !pem.contains(BEGIN) {
        return Err(format!("the key {CA_KEY} holds no CERTIFICATE block"));
    }
    Ok(Bundle::new(format!("{map}.{CA_KEY}"), origin, pem))
}

/// Never "the first key": which ones there are is only said.
fn missing<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let keys: Vec<_> = keys.filter(|key| is_word(key)).take(SHOWN).collect();
    match keys.as_slice() {
        [] => format!("it has no key {CA_KEY}"),
        keys => format!("it has no key {CA_KEY}, only {}", keys.join(", ")),
    }
}

pub(in crate::kubernetes) const CA_KEY: &str = "ca.crt";
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const SHOWN: usize = 5;
