//! The cross-language vectors in C: every report byte for byte that of Rust.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

#[path = "common/mod.rs"]
mod common;
#[path = "common/fixture.rs"]
mod fixture;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Installed, Link, command, crate_folder, program, succeed};
use fixture::Fixture;
use uptls::danger::DangerPermission;
use uptls::{Envelope, FixedClock, Runtime};

/// What vectors.c says of each line.
fn reports(installed: &Installed, lines: &[String]) -> Vec<String> {
    let executable = installed.compile(&program("vectors.c"), Link::Shared);
    let printed = succeed(&mut command(executable, [""; 0]), lines.concat().as_bytes());
    let printed = String::from_utf8(printed).expect("reports are UTF-8");
    let mut reports: Vec<_> = printed.split("----\n").map(str::to_owned).collect();
    assert_eq!(reports.pop().as_deref(), Some(""), "the last report is ended too");
    assert_eq!(reports.len(), lines.len());
    reports
}

fn line(document: &Path, chain: &Path, host: Option<&str>, at: u64, permission: &str) -> String {
    let base = document.parent().expect("a document stands in a folder");
    let (document, base, chain) = (document.display(), base.display(), chain.display());
    format!("{document}\t{base}\t{chain}\t{}\t{at}\t{permission}\n", host.unwrap_or("-"))
}

#[test]
fn a_report_in_c_is_that_of_rust() {
    let (installed, fixture) = (Installed::new(), Fixture::new());
    fixture.write("broken.yaml", "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {wrong: 1}\n");
    fixture.write("empty.yaml", "apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nspec: {trust: {}}\n");
    let cases = [
        ("policy.yaml", "chain.pem", None),
        ("policy.yaml", "other.pem", None),
        ("policy.yaml", "chain.pem", Some("elsewhere.internal")),
        ("policy.yaml", "chain.pem", Some("not a host")),
        ("policy.yaml", "policy.yaml", None),
        ("broken.yaml", "chain.pem", None),
        ("empty.yaml", "chain.pem", None),
    ];
    let at = u64::try_from(uptls_testkit::NOW).expect("after 1970");
    let lines =
        cases.map(|(document, chain, host)| line(&fixture.path(document), &fixture.path(chain), host, at, "forbid"));
    let runtime = Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(at)).build();
    for ((document, chain, host), got) in cases.into_iter().zip(reports(&installed, &lines)) {
        let report = uptls_manifest::verify_document(
            &runtime,
            &fixture.read(document),
            document,
            Some(fixture.folder()),
            DangerPermission::Forbidden,
            &fixture.read(chain),
            host,
        );
        assert_eq!(got, Envelope::reports(vec![report]).to_json() + "\n", "{document} {chain} {host:?}");
    }
}

#[test]
fn every_vector_gives_its_report_in_c() {
    let root = crate_folder().join("../testdata/vectors/cases");
    let entries = fs::read_dir(&root).unwrap_or_else(|error| panic!("{}: {error}", root.display()));
    let mut cases: Vec<PathBuf> = entries.map(|entry| entry.expect("the folder can be read").path()).collect();
    cases.sort();
    assert!(!cases.is_empty(), "there are no vectors");
    let lines: Vec<String> = cases.iter().map(|case| case_line(case)).collect();
    let mut differences = Vec::new();
    for (case, got) in cases.iter().zip(reports(&Installed::new(), &lines)) {
        let wanted = fs::read_to_string(case.join("report.json")).expect("every case has a report");
        differences.extend(difference(&got, &wanted).map(|line| format!("{}: {line}", case.display())));
    }
    assert!(differences.is_empty(), "{} of {} differ\n{}", differences.len(), cases.len(), differences.join("\n"));
}

/// The first line that is not the same.
fn difference(got: &str, wanted: &str) -> Option<String> {
    if got == wanted {
        return None;
    }
    let pairs = got.lines().zip(wanted.lines()).enumerate();
    let differing = pairs
        .filter(|(_, (got, wanted))| got != wanted)
        .map(|(number, (got, wanted))| format!("line {}: {} instead of {}", number + 1, got.trim(), wanted.trim()));
    Some(differing.into_iter().next().unwrap_or_else(|| "the lengths differ".to_owned()))
}

fn case_line(case: &Path) -> String {
    let text = fs::read_to_string(case.join("case.json")).expect("every case has a description");
    let facts: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
    let fact = |name: &str| facts.get(name).unwrap_or_else(|| panic!("{} lacks {name}", case.display()));
    let document = case.join(fact("document").as_str().expect("a file name"));
    let at = fact("at").as_u64().expect("unix seconds");
    let permission = fact("permission").as_str().expect("allow or forbid");
    line(&document, &case.join("chain.pem"), fact("host").as_str(), at, permission)
}
