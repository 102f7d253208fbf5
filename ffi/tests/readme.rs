//! The README's C program prints the README's report, the same octets as from Rust.
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
    let readme = std::fs::read_to_string(root.join("README.md")).expect("the README is there");
    assert!(readme.contains(&format!("```json\n{printed}```\n")), "{printed}");
}
