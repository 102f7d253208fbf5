//! Which crates stand in a public API: a new major version of one of them is a breaking change of ours.

use std::collections::{BTreeMap, BTreeSet};

/// The crates that a public item may name, and why.
const LISTED: &[(&str, &str)] = &[
    ("bytes", "the data of a pool's bodies"),
    ("http", "the requests and responses of the pool, and the URI of a service"),
    ("http_body", "the bodies of the pool"),
    ("hyper", "the streams and bodies of its clients"),
    ("hyper_util", "the client that takes a connector service"),
    ("rustls", "the caller passes a provider, and takes a client configuration"),
    ("rustls_pki_types", "certificates and times"),
    ("schemars", "JSON Schemas, by a feature"),
    ("serde_core", "drafts, reports and events are read and written: the traits of serde"),
    ("serde_json", "the value of a patch that mends a document"),
    ("tokio", "transports and streams"),
    ("tokio_rustls", "its stream is given away, by a feature"),
    ("tower_service", "the trait of a connector service"),
    ("uptls", "manifests become its policies"),
    ("zeroize", "secrets that leave the library are written over"),
];

pub(super) const ADVICE: &str = "a public item names a crate that is not listed: a new major version of that crate would then be a \
    breaking change here. Wrap the type, or list the crate with its reason in conformance/tests/public_api/foreign.rs";

/// Items of `api` that name another crate.
pub(super) fn unlisted(own: &str, api: &str) -> Vec<String> {
    let own = own.replace('-', "_");
    let listed: BTreeSet<&str> = LISTED.iter().map(|(name, _)| *name).collect();
    let foreign = named(api).into_iter().filter(|(name, _)| *name != own && !listed.contains(name));
    foreign.map(|(name, line)| format!("{name}: {line}")).collect()
}

/// Listed crates that no item names.
pub(super) fn unused(api: &str) -> Vec<String> {
    let named = named(api);
    LISTED.iter().filter(|(name, _)| !named.contains_key(name)).map(|(name, _)| (*name).to_owned()).collect()
}

/// Every crate that a path begins with, but those of the standard library, and one line that has it.
fn named(api: &str) -> BTreeMap<&str, &str> {
    let paths = api.lines().flat_map(|line| first_segments(line).map(move |name| (name, line)));
    paths.filter(|(name, _)| !["alloc", "core", "std"].contains(name)).collect()
}

/// The first segments of the paths in a line; parameters of types begin with a capital, and are no crates.
fn first_segments(line: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices("::").filter_map(move |(end, _)| {
        let before = line.get(..end)?;
        let begin = before.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
        let (head, name) = before.split_at_checked(begin)?;
        let is_first = !head.ends_with("::");
        (is_first && name.starts_with(|c: char| c.is_ascii_lowercase())).then_some(name)
    })
}

#[test]
fn crates_are_found_wherever_they_stand() {
    let api = "pub fn uptls::Runtime::builder(provider: alloc::sync::Arc<rustls::crypto::CryptoProvider>) -> D::Error\n\
               impl<T> x509_parser::Visit<T> for uptls::Report where T: core::fmt::Debug\n";
    assert_eq!(named(api).keys().copied().collect::<Vec<_>>(), ["rustls", "uptls", "x509_parser"]);
    let found = unlisted("uptls", api);
    assert!(found.len() == 1 && found[0].starts_with("x509_parser: impl<T>"), "{found:?}");
    assert!(unused(api).contains(&"tokio".to_owned()) && !unused(api).contains(&"rustls".to_owned()));
}
