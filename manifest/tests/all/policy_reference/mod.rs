//! `docs/policy.md`: every field of a policy document, with an example that is accepted and a mistake that is refused.
//! `UPTLS_BLESS=1` writes the page.

mod fields;
mod page;

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use uptls::Problems;
use uptls::danger::DangerPermission;
use uptls_testkit::{CrlTemplate, Key, Pki, San, chain_pem, crl_pem};

use crate::common::runtime;
use fields::FIELDS;

/// The files that the examples name.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pki = Pki::new("policy reference");
        let client = pki.client(&[San::dns("gateway.internal")]);
        let list = CrlTemplate::new(&[]).issued_by(&pki.root);
        for (name, content) in [
            ("ca.pem", pki.root.pem()),
            ("ca.crl", crl_pem(&list)),
            ("tls.crt", chain_pem(&[&client, &pki.intermediate])),
            ("tls.key", client.key().pkcs8_pem()),
            ("other.key", Key::p256("another").pkcs8_pem()),
            ("encrypted.key", client.key().encrypted_pkcs8_pem("correct horse", 2048)),
            ("passphrase", "correct horse\n".to_owned()),
        ] {
            fs::write(folder.path().join(name), content).unwrap();
        }
        Self(folder)
    }

    /// `@ca.pem` stands for the content of that file, indented as it is.
    fn filled(&self, text: &str) -> String {
        let line = |line: &str| match line.split_once('@') {
            Some((indent, name)) if indent.trim().is_empty() => {
                let content = fs::read_to_string(self.0.path().join(name)).unwrap();
                content.lines().map(|line| format!("{indent}{line}\n")).collect::<String>()
            }
            _ => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    }

    fn prepare(&self, fields: &str) -> Result<(), Problems> {
        let text = document(&self.filled(fields));
        let allowed = DangerPermission::Allowed;
        uptls_manifest::prepare(&runtime(), text.as_bytes(), "policy.yaml", Some(self.0.path()), allowed).map(drop)
    }
}

/// A whole document of some fields; trust is required, and the examples of other fields leave it out.
fn document(fields: &str) -> String {
    let (metadata, spec) = match fields.starts_with("metadata:") {
        true => (fields, ""),
        false => ("", fields),
    };
    let has_trust = spec.contains("trust:") || spec.contains("acceptAnyCertificate");
    let trust = if has_trust { "" } else { "  trust: {bundles: [{file: ca.pem}]}\n" };
    let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\n{metadata}spec:\n{trust}{spec}")
}

#[test]
fn every_example_is_accepted_and_every_mistake_refused() {
    let files = Files::new();
    let mut wrong = Vec::new();
    for field in FIELDS {
        if let Err(problems) = files.prepare(field.example) {
            wrong.push(format!("{}: the example: {problems}", field.path));
        }
        match files.prepare(field.mistake) {
            Ok(()) => wrong.push(format!("{}: the mistake is accepted", field.path)),
            Err(problems) if problems.code() != field.code => {
                wrong.push(format!("{}: {} is {}: {problems}", field.path, problems.code(), field.code));
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_has_every_field_of_the_schema() {
    let of_schema: Vec<String> = page::leaves().into_keys().collect();
    let mut of_table: Vec<&str> = FIELDS.iter().map(|field| field.path).collect();
    of_table.sort_unstable();
    assert_eq!(of_table, of_schema);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS=1 writes the page")]
fn the_page_is_made_of_the_schema_and_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/policy.md");
    let page = page::page(&Files::new());
    if std::env::var("UPTLS_BLESS").is_ok_and(|value| value == "1") {
        fs::write(&path, &page).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap_or_default() == page, "UPTLS_BLESS=1 writes docs/policy.md anew");
}
