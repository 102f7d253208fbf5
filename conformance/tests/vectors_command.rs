//! `uptls verify --json` says of the vectors what is committed, and ends with the code that belongs to it.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

mod faces;

use std::process::Command;

use faces::{built, compare};
use uptls::Code;
use uptls_conformance::committed::Committed;

#[test]
fn the_command_says_what_is_committed() {
    let uptls = built("uptls");
    let verify = |case: Committed| {
        let mut command = Command::new(&uptls);
        command.current_dir(&case.folder).arg("verify").args(["--policy", &case.case.document, "--chain", "chain.pem"]);
        command.args(["--at", &case.case.at_text, "--json"]);
        if let Some(host) = &case.case.host {
            command.args(["--host", host]);
        }
        if case.case.permission == "allow" {
            command.arg("--allow-danger");
        }
        let output = command.output().expect("the command runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(i32::from(exit_code(&case))), "{}: {complaint}", case.name);
        (case, output.stdout)
    };
    // The command reads the chain from a file, and names it; the others get its bytes.
    let expected = |report: String| report.replace("chain: inline", "chain: chain.pem");
    compare("command", expected, Committed::all().into_iter().map(verify));
}

/// The exit code for the committed report.
fn exit_code(case: &Committed) -> u8 {
    let report: serde_json::Value = serde_json::from_slice(&case.file("report.json")).expect("JSON");
    let code = report["results"][0]["code"].as_str();
    code.map_or(0, |code| Code::from_name(code).expect("a known code").exit_code())
}
