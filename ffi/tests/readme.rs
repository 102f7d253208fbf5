//! The README's C program prints the report of docs/report.md, the same bytes as from Rust.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

#[path = "common/mod.rs"]
mod common;

use common::{Installed, Link, command, crate_folder, succeed};

#[test]
fn the_program_prints_the_report() {
    let root = crate_folder().join("..").canonicalize().expect("the root of the project");
    let installed = Installed::new();
    let executable = installed.compile(&root.join("examples/c/refused.c"), Link::Shared);
    let printed = succeed(command(executable, [""; 0]).current_dir(&root), b"");
    let printed = String::from_utf8(printed).expect("reports are UTF-8");
    assert!(printed.contains("\"code\": \"name_mismatch\""));
    let page = std::fs::read_to_string(root.join("docs/report.md")).expect("the page is there");
    assert!(page.contains(&format!("```json\n{printed}```\n")), "{printed}");
}
