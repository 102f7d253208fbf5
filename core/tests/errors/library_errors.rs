//! Every error variant that the locked libraries name is mapped here by its name: a new one in an upgrade fails this test,
//! because the enums are non-exhaustive and the compiler would stay silent.

use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn every_error_of_webpki_is_mapped_by_name() {
    let variants = variants(&source_of("rustls-webpki", "src/error.rs"), "pub enum Error {");
    assert!(variants.len() > 40, "{variants:?}");
    assert_named(&variants, "Error", &["src/verify/diagnose/mod.rs"]);
}

#[test]
fn every_certificate_error_of_rustls_is_mapped_by_name() {
    let variants = variants(&source_of("rustls", "src/error.rs"), "pub enum CertificateError {");
    assert!(variants.len() > 15, "{variants:?}");
    assert_named(&variants, "CertificateError", &["src/connect/failure.rs"]);
}

fn assert_named(variants: &[String], name: &str, files: &[&str]) {
    let read = |file: &&str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let text: String = files.iter().map(read).collect();
    let is_named = |variant: &&String| {
        let pattern = format!("{name}::{variant}");
        text.match_indices(&pattern).any(|(at, _)| {
            let after = text.get(at + pattern.len()..).and_then(|rest| rest.chars().next());
            !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    };
    let missing: Vec<_> = variants.iter().filter(|variant| !is_named(variant)).collect();
    assert!(missing.is_empty(), "{name} has variants that {files:?} does not name: {missing:?}");
}

/// The names at the first level of the enum that begins with `first_bytes`.
fn variants(source: &str, first_bytes: &str) -> Vec<String> {
    let body = source.split_once(first_bytes).expect("the enum is there").1;
    let body = body.split_once("\n}").expect("it ends").0;
    let names = body.lines().filter_map(|line| line.strip_prefix("    "));
    names
        .filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| line.chars().take_while(|c| c.is_alphanumeric()).collect())
        .collect()
}

/// The text of a file in the locked source of `package`.
fn source_of(package: &str, file: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let found = packages.iter().find(|p| p["name"] == package).expect("the package is locked");
    let manifest = PathBuf::from(found["manifest_path"].as_str().expect("a path"));
    std::fs::read_to_string(manifest.with_file_name(file))
        .or_else(|_| std::fs::read_to_string(manifest.parent().unwrap().join(file)))
        .expect("the source is there")
}
