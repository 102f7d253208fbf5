//! Every hint is followed, and what it was said for is gone: for each refusal of the vectors, for live peers, and for objects.
//!
//! A code is proven here, or [`ELSEWHERE`] by the test that is named, or [`CANNOT`] be mended here with the reason. A code in none
//! of these, or in two, fails the test; so does a hint that was followed in vain. `--nocapture` prints the table.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::print_stdout, reason = "the table that the gate shows")]

mod live;
mod objects;
mod policies;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use uptls::{Code, Report};
use uptls_conformance::committed::Committed;
use uptls_conformance::vectors::{Expected, all, followed};

/// Proven by another test: its file and its name.
const ELSEWHERE: &[(Code, &str, &str)] = &[
    (Code::ConnectorSuperseded, "core/tests/connect/bound.rs", "a_publication_ends_what_is_bound_to_the_one_before"),
    (
        Code::IdentitySignFailed,
        "core/tests/handshake/external_key.rs",
        "a_signer_that_fails_or_lies_ends_the_handshake",
    ),
    (Code::LocalResources, "python/tests/test_faults.py", "test_it_is_over_when_there_are_some_again"),
    (Code::MessageTooLarge, "core/tests/handshake/outcomes.rs", "a_chain_over_the_limit_is_refused"),
];

/// What no change on this side or in a test mends, and why.
const CANNOT: &[(Code, &str)] = &[
    (Code::Cancelled, "the caller gave up; nothing is wrong"),
    (Code::ConnectionLost, "the path between two hosts: a loopback has none that fails"),
    (Code::Internal, "a bug of this library; the hint asks for a report"),
    (Code::Misuse, "a bug of the caller, different for each call; the message names the call"),
    (Code::Panic, "a bug of this library; the hint asks for a report"),
    (Code::PeerMisbehaved, "the peer or a middlebox breaks TLS; another peer is another connection"),
    (Code::Truncated, "what was read is incomplete; the hint says how to treat it, and no setting changes it"),
];

#[test]
fn every_hint_is_followed() {
    let mut table: BTreeMap<Code, Proof> = BTreeMap::new();
    let mut failures = Vec::new();
    for case in all().iter().filter(|case| case.expected != Expected::Accepted) {
        let committed = Committed::read(&uptls_conformance::committed::root().join("cases").join(case.name));
        let report = committed.judge();
        let code = report.code.expect("it is refused");
        let Some(done) = followed(case, &report) else {
            failures.push(format!("{} {code}: no test follows: {}", case.name, report.hint.unwrap_or_default()));
            continue;
        };
        let again: Vec<Report> = done.attempts.iter().map(judge).collect();
        if again.iter().all(|again| again.code == Some(code)) {
            let message = again.first().and_then(|again| again.message.clone()).unwrap_or_default();
            failures.push(format!(
                "{} {code}: followed in vain: {}\n    still {message}",
                case.name,
                report.hint.unwrap_or_default()
            ));
        }
        let proof = table.entry(code).or_default();
        proof.count += 1;
        proof.accepted += usize::from(again.iter().any(Report::accepted));
        proof.kinds.insert(done.kind.to_owned());
    }
    failures.iter().for_each(|failure| println!("{failure}"));
    for (code, kind) in live::prove().into_iter().chain(objects::prove()).chain(policies::prove()) {
        let proof = table.entry(code).or_default();
        proof.count += 1;
        proof.accepted += 1;
        proof.kinds.insert(kind.to_owned());
    }
    show(&table);
    assert!(failures.is_empty(), "{} hints:\n{}", failures.len(), failures.join("\n"));
    for code in Code::ALL {
        let elsewhere = ELSEWHERE.iter().filter(|(known, ..)| known == code).count();
        let cannot = CANNOT.iter().filter(|(known, _)| known == code).count();
        let times = usize::from(table.contains_key(code)) + elsewhere + cannot;
        assert_eq!(times, 1, "{code} stands in {times} of: proven here, ELSEWHERE, CANNOT");
    }
    for (code, file, name) in ELSEWHERE {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).expect(file);
        let is_there = ["fn ", "def "].iter().any(|word| text.contains(&format!("{word}{name}(")));
        assert!(is_there, "{code}: {file} has no test {name}");
    }
}

/// How a code is proven.
#[derive(Default)]
struct Proof {
    /// After how many the peer was accepted; after the others another fault of the case is next.
    accepted: usize,
    count: usize,
    kinds: BTreeSet<String>,
}

/// The report of files that are no vector.
fn judge(files: &BTreeMap<String, Vec<u8>>) -> Report {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, content) in files {
        fs::write(folder.path().join(name), content).expect("a file");
    }
    Committed::read(folder.path()).judge()
}

fn show(table: &BTreeMap<Code, Proof>) {
    println!("{:28} {:>8} {:>8}  how", "code", "followed", "accepted");
    for (code, Proof { accepted, count, kinds }) in table {
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        println!("{:28} {count:>8} {accepted:>8}  {}", code.as_str(), kinds.join("; "));
    }
    for (code, file, name) in ELSEWHERE {
        println!("{:28} {:>8} {:>8}  {file}, {name}", code.as_str(), "", "");
    }
    for (code, reason) in CANNOT {
        println!("{:28} {:>8} {:>8}  cannot be mended here: {reason}", code.as_str(), "", "");
    }
    println!(
        "hints: {} codes proven here, {} elsewhere, {} cannot be mended here",
        table.len(),
        ELSEWHERE.len(),
        CANNOT.len()
    );
}
