//! The vectors are what their declarations mint, and the Rust face says of them what is committed.
//!
//! `UPTLS_BLESS=1` writes what is minted, and the reports; what a report must say is written in the declarations, and is
//! compared in either case.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::print_stdout, reason = "the figure that the gate shows")]
#![allow(clippy::disallowed_methods, reason = "UPTLS_BLESS decides nothing about verification")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use uptls::{Code, Envelope, Report};
use uptls_conformance::committed::{Committed, root, tree};
use uptls_conformance::vectors::{Case, Expected, all, index, mint};

#[test]
fn the_rust_face_says_what_is_committed() {
    let cases = all();
    let bless = std::env::var_os("UPTLS_BLESS").is_some();
    let mut minted: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    for case in &cases {
        minted.extend(mint(case).into_iter().map(|(name, content)| (format!("cases/{}/{name}", case.name), content)));
    }
    minted.insert("INDEX.md".to_owned(), index(&cases).into_bytes());
    minted.insert(".gitattributes".to_owned(), ATTRIBUTES.into());
    if bless {
        write(&minted);
    }
    let mut failures = Vec::new();
    for case in &cases {
        let report = Committed::read(&root().join("cases").join(case.name)).judge();
        failures.extend(unexpected(case, &report).into_iter().map(|what| format!("{}: {what}", case.name)));
        let text = Envelope::reports(vec![report]).to_json() + "\n";
        minted.insert(format!("cases/{}/report.json", case.name), text.into_bytes());
    }
    assert!(failures.is_empty(), "not as declared:\n{}", failures.join("\n"));
    if bless {
        write(&minted);
    }
    let differing = differences(&minted, &tree(&root()));
    assert!(differing.is_empty(), "not as committed (UPTLS_BLESS=1 writes it anew):\n{}", differing.join("\n"));
    println!("vectors: {} of {} equal (rust)", cases.len(), cases.len());
}

/// The same of what is committed alone, without minting it: `make mutants` asks this first.
#[test]
fn the_rust_face_judges_the_committed_files_as_their_reports_say() {
    if std::env::var_os("UPTLS_BLESS").is_some() {
        println!("the other test writes the reports");
        return;
    }
    let mut differing = Vec::new();
    for entry in fs::read_dir(root().join("cases")).expect("the cases") {
        let folder = entry.expect("a folder").path();
        let report = Envelope::reports(vec![Committed::read(&folder).judge()]).to_json() + "\n";
        if report != fs::read_to_string(folder.join("report.json")).expect("a committed report") {
            differing.push(folder);
        }
    }
    assert!(differing.is_empty(), "not as committed: {differing:?}");
}

/// How a report differs from what was written by hand beside the declaration.
fn unexpected(case: &Case, report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    let verdict = serde_json::to_value(report.verdict).expect("a word");
    if (verdict.as_str(), report.code) != (Some(case.expected.verdict()), case.expected.code()) {
        let code = report.code.map(Code::as_str).unwrap_or_default();
        let message = report.message.as_deref().unwrap_or_default();
        found.push(format!("wanted {:?}, got {verdict} {code}: {message}", case.expected));
    }
    let warning = |warning: &uptls::Warning| serde_json::to_value(warning.code).expect("a word").to_string();
    let warnings: Vec<String> = report.warnings.iter().map(warning).collect();
    let wanted: Vec<String> = case.warnings().iter().map(|code| format!("\"{code}\"")).collect();
    if warnings != wanted {
        found.push(format!("wanted the warnings {wanted:?}, got {warnings:?}"));
    }
    if report.errors.len() != case.errors {
        found.push(format!("wanted {} problems, got {:?}", case.errors, report.errors));
    }
    let (message, hint) = (report.message.as_deref().unwrap_or_default(), report.hint.as_deref().unwrap_or_default());
    for text in &case.says {
        if !message.contains(text) && !hint.contains(text) {
            found.push(format!("wanted {text:?} in: {message} | {hint}"));
        }
    }
    if message.chars().count() > 4096 || hint.chars().count() > 4096 {
        found.push("message or hint is longer than 4096 characters".to_owned());
    }
    found
}

fn write(files: &BTreeMap<String, Vec<u8>>) {
    for name in tree(&root()).keys().filter(|name| !files.contains_key(*name) && !name.ends_with("/report.json")) {
        fs::remove_file(root().join(name)).expect("a file that can be removed");
    }
    let cases: BTreeSet<&str> =
        files.keys().filter_map(|name| name.strip_prefix("cases/")?.split('/').next()).collect();
    for entry in fs::read_dir(root().join("cases")).into_iter().flatten() {
        let path = entry.expect("a folder").path();
        if !cases.contains(path.file_name().and_then(|name| name.to_str()).expect("a name")) {
            fs::remove_dir_all(path).expect("a folder that can be removed");
        }
    }
    for (name, content) in files {
        let path = root().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder that can be made");
        fs::write(path, content).expect("a file that can be written");
    }
}

fn differences(wanted: &BTreeMap<String, Vec<u8>>, found: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
    let differ = |name: &&&String| wanted.get(**name) != found.get(**name);
    let say = |name: &String| match (wanted.contains_key(name), found.contains_key(name)) {
        (true, true) => format!("{name} differs"),
        (true, false) => format!("{name} is missing"),
        _ => format!("{name} is no part of any case"),
    };
    names.iter().filter(differ).map(|name| say(name)).collect()
}

#[test]
fn every_negative_has_a_positive_twin() {
    let cases = all();
    assert!(cases.len() >= 150, "{} cases", cases.len());
    let by_name: BTreeMap<&str, &Case> = cases.iter().map(|case| (case.name, case)).collect();
    assert_eq!(by_name.len(), cases.len(), "two cases have one name");
    for case in &cases {
        let kebab = case.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        assert!(kebab, "{} is not kebab-case", case.name);
        let twin = by_name.get(case.twin).unwrap_or_else(|| panic!("{} has no twin {:?}", case.name, case.twin));
        if case.expected != Expected::Accepted {
            assert_eq!(twin.expected, Expected::Accepted, "the twin of {} is a negative too", case.name);
        }
        for rule in &case.rules {
            assert!(rule.starts_with(char::is_uppercase) && rule[1..].parse::<u8>().is_ok(), "{}: {rule}", case.name);
        }
    }
}

#[test]
fn every_code_of_a_document_or_a_chain_is_produced() {
    let produced: BTreeSet<Code> = all().iter().filter_map(|case| case.expected.code()).collect();
    let not_of_a_document = [
        Code::Conflicted,
        // A vector has its document as a text.
        Code::DocumentUnreadable,
        // Nor is there a token.
        Code::IdentitySignFailed,
        Code::NotExportable,
        Code::PolicyNotReady,
        Code::PolicyWithdrawn,
        Code::ReferenceNotPermitted,
        Code::ReferenceUnresolved,
    ];
    let wanted = |code: &&Code| matches!(code.number() / 100, 1 | 2 | 4 | 5 | 6) && !not_of_a_document.contains(code);
    let missing: Vec<&Code> = Code::ALL.iter().filter(wanted).filter(|code| !produced.contains(code)).collect();
    assert!(missing.is_empty(), "no vector produces {missing:?}");
}

/// Some cases are about line ends.
const ATTRIBUTES: &str = "# Byte for byte, line ends included.\n* -text linguist-generated\n";
