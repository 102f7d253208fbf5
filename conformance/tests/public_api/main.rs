//! The public API of the published crates, as a text in `testdata/public-api`: a review sees what a change takes away, and which
//! other crates stand in it.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::disallowed_methods, reason = "UPTLS_BLESS is how a developer says yes")]

mod foreign;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The published crates.
const CRATES: [&str; 2] = ["uptls", "uptls-manifest"];
/// All that have public items.
const FEATURES: &str = "uptls/aws-lc-rs,uptls/hyper,uptls/ring,uptls/schema,uptls/tokio-rustls,uptls/watch";

#[test]
fn the_public_api_is_the_committed_one_and_names_only_listed_crates() {
    let documents = documents();
    for name in CRATES {
        let api = public_api(&documents.join(format!("{}.json", name.replace('-', "_"))));
        compare(name, &api);
        assert_eq!(foreign::unlisted(name, &api), Vec::<String>::new(), "{}", foreign::ADVICE);
    }
    // The twin: a list that permits what nothing needs would let a crate in unweighed.
    let all = CRATES.map(|name| fs::read_to_string(committed(name)).unwrap()).concat();
    assert_eq!(
        foreign::unused(&all),
        Vec::<String>::new(),
        "a listed crate stands in no public item: take it from the list"
    );
}

fn compare(name: &str, api: &str) {
    let path = committed(name);
    if std::env::var_os("UPTLS_BLESS").is_some() {
        fs::write(&path, api).expect("the API can be written");
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    assert!(before == api, "{}", advice(name, &before, api));
}

/// What changed, and what to do.
fn advice(name: &str, before: &str, after: &str) -> String {
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (before.lines().collect(), after.lines().collect());
    let gone = old.difference(&new).map(|line| format!("- {line}\n"));
    let added = new.difference(&old).map(|line| format!("+ {line}\n"));
    let changes: String = gone.chain(added).collect();
    format!(
        "the public API of {name} is not that of testdata/public-api/{name}.txt:\n{changes}\
        A line with - is a breaking change: programs that use it no longer compile. If that is meant, say it in CHANGELOG.md.\n\
        UPTLS_BLESS=1 cargo test -p uptls-conformance --test public_api writes the file again."
    )
}

#[test]
fn the_advice_names_what_is_gone_and_how_to_bless() {
    let text = advice("uptls", "pub fn uptls::a()\npub fn uptls::b()\n", "pub fn uptls::b()\npub fn uptls::c()\n");
    assert!(text.contains("\n- pub fn uptls::a()\n+ pub fn uptls::c()\nA line with - is a breaking change"), "{text}");
    assert!(text.contains("UPTLS_BLESS=1") && !text.contains("uptls::b"), "{text}");
}

fn committed(name: &str) -> PathBuf {
    root().join("testdata/public-api").join(format!("{name}.txt"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

/// One line for each item. What the compiler adds by itself (automatic and blanket implementations, derives) is left out.
fn public_api(document: &Path) -> String {
    let api = public_api::Builder::from_rustdoc_json(document)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .expect("the format of this toolchain's rustdoc is that of the crate public-api: see conformance/Cargo.toml");
    api.to_string()
}

/// Where rustdoc put one JSON file for each crate. The format is unstable, so a stable rustdoc must be told that it may write it;
/// the compiler is not told, so that no dependency is built again.
fn documents() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    // At one place, so that cargo takes what is fresh for fresh.
    let rustdoc = target.join("rustdoc-json");
    fs::write(&rustdoc, "#!/bin/sh\nRUSTC_BOOTSTRAP=1 exec rustdoc \"$@\"\n").expect("a script");
    fs::set_permissions(&rustdoc, fs::Permissions::from_mode(0o755)).expect("it can be run");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["doc", "--quiet", "--no-deps", "--features", FEATURES]);
    cargo.args(CRATES.iter().flat_map(|name| ["-p", name]));
    cargo.env("RUSTDOC", &rustdoc).env("RUSTDOCFLAGS", "-Z unstable-options --output-format json --cap-lints allow");
    let output = cargo.output().expect("cargo");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join("doc")
}
