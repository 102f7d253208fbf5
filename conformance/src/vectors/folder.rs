//! What a case looks like on disk: the document, its material, the chain and `case.json`; and the index of all.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use uptls::{Clock, FixedClock, Runtime};

use super::cases::Case;

/// `case.json`: what a runner must know to judge the case. What comes out is beside it, in `report.json`.
#[derive(Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct CaseFile {
    /// The file name of the document, which is also its name in errors.
    pub document: String,
    /// The backend host.
    pub host: Option<String>,
    /// The clock, unix seconds.
    pub at: u64,
    /// The clock, RFC 3339.
    pub at_text: String,
    /// Whether weakenings are permitted: `forbid` or `allow`.
    pub permission: String,
    /// The case from which it differs in one property.
    pub twin: String,
    /// That property.
    pub property: String,
    /// The rules that it is about.
    pub rules: Vec<String>,
}

/// Every file of the case but its report, by name.
pub fn mint(case: &Case) -> BTreeMap<String, Vec<u8>> {
    let minted = case.scenario.mint();
    let material = case.scenario.files.iter().map(|(name, make)| ((*name).to_owned(), make(&minted)));
    let mut files: BTreeMap<String, Vec<u8>> = material.collect();
    files.insert("chain.pem".to_owned(), (case.scenario.chain)(&minted));
    files.insert(DOCUMENT.to_owned(), case.scenario.document(case.name).into_bytes());
    files.insert("case.json".to_owned(), case_file(case).into_bytes());
    files
}

/// The table of all cases.
pub fn index(cases: &[Case]) -> String {
    let mut text = INDEX_HEAD.to_owned();
    for case in cases {
        let code = case.expected.code().map(|code| code.as_str()).unwrap_or_default();
        let (verdict, rules, property) = (case.expected.verdict(), case.rules.join(" "), case.property);
        // A String takes everything.
        let _ = writeln!(text, "| {} | {verdict} | {code} | {} | {rules} | {property} |", case.name, case.twin);
    }
    text
}

fn case_file(case: &Case) -> String {
    let at = u64::try_from(case.at()).expect("not before 1970");
    let file = CaseFile {
        document: DOCUMENT.to_owned(),
        host: case.host().map(str::to_owned),
        at,
        at_text: rfc3339(at),
        permission: if case.allows_danger() { "allow" } else { "forbid" }.to_owned(),
        twin: case.twin.to_owned(),
        property: case.property.to_owned(),
        rules: case.rules.iter().map(|rule| (*rule).to_owned()).collect(),
    };
    serde_json::to_string_pretty(&file).expect("texts and a number") + "\n"
}

fn rfc3339(at: u64) -> String {
    let clock = FixedClock::at(at);
    debug_assert_eq!(clock.now().as_secs(), at);
    Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build().now_text()
}

pub(super) const DOCUMENT: &str = "policy.yaml";
const INDEX_HEAD: &str = "\
# Vectors

Generated (`UPTLS_BLESS=1 cargo test -p uptls-conformance --test vectors_rust`); do not edit. Each folder of `cases` holds
a policy, its material, what the peer sends (`chain.pem`), the clock and the rest of the input (`case.json`), and the report
that every language must give for it, byte for byte (`report.json`). A case differs from its twin in one property.

| case | verdict | code | twin | rules | property |
|---|---|---|---|---|---|
";
