//! The options `kgateway.dev/*` of a BackendTLSPolicy: lists are texts with commas.

use super::fields::{Fields, unsupported, word};
use super::{ExtensionTls, parameters};
use crate::kubernetes::model::provenance::Written;
use crate::node::{Node, Value};
use crate::position::Notes;

/// The TLS fields of `spec.options`. What cannot be held is noted at `spec.options[key]`; foreign keys mean nothing.
pub(in crate::kubernetes) fn read(options: &Node, notes: &Notes<'_>) -> ExtensionTls {
    let mut tls = ExtensionTls::default();
    let Value::Map(entries) = &options.value else { return tls };
    for entry in entries.iter().filter(|entry| entry.key.starts_with(PREFIX)) {
        notes.origin(&path(&entry.key), entry.place);
        refuse(&entry.key, notes);
    }
    let read = |key: &str| option(options, key, notes);
    let list = |key: &str| read(key).and_then(split);
    parameters::versions(&parameters::KGATEWAY, read("min-tls-version"), read("max-tls-version"), &mut tls, notes);
    parameters::cipher_suites(list("cipher-suites"), &mut tls, notes);
    parameters::groups(list("ecdh-curves"), &mut tls, notes);
    parameters::signature_algorithms(list("signature-algorithms"), notes);
    parameters::alpn(list("alpn-protocols"), &mut tls);
    tls
}

fn refuse(key: &str, notes: &Notes<'_>) {
    match key.strip_prefix(PREFIX).unwrap_or_default() {
        "verify-certificate-hash" => notes.near(
            &path(key),
            unsupported("a hash of the certificate", &["spkiPins of a native document, which survive a renewal"]),
        ),
        "verify-subject-alt-names" => notes.near(
            &path(key),
            unsupported(
                "an option that adds names, any of which would do",
                &["spec.validation.subjectAltNames, which the standard owns"],
            ),
        ),
        name if KNOWN.contains(&name) => {}
        name => notes.near(&path(key), unsupported(word(name), &KNOWN)),
    }
}

fn option(options: &Node, key: &str, notes: &Notes<'_>) -> Option<Written<String>> {
    let key = format!("{PREFIX}{key}");
    let fields = Fields { node: options, notes, path: "spec.options".to_owned() };
    let written = fields.text(&key)?;
    Some(Written { field: path(&key), ..written })
}

/// An empty option is refused where it is read: it would be a list of one empty name.
fn split(text: Written<String>) -> Option<Written<Vec<Written<String>>>> {
    let Written { field, origin, value } = text;
    let item = |text: &str| Written { field: field.clone(), origin: origin.clone(), value: text.trim().to_owned() };
    let value = value.split(',').map(item).collect();
    Some(Written { field: field.clone(), origin: origin.clone(), value })
}

fn path(key: &str) -> String {
    format!("spec.options[{}]", word(key))
}

const KNOWN: [&str; 6] =
    ["alpn-protocols", "cipher-suites", "ecdh-curves", "max-tls-version", "min-tls-version", "signature-algorithms"];
const PREFIX: &str = "kgateway.dev/";
