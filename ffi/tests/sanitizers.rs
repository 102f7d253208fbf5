//! The examples in C under gcc's sanitizers of addresses, leaks and undefined behaviour; `c_program.rs` and `live.rs` run their
//! programs under them too.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

mod common;
#[path = "common/example.rs"]
mod example;
#[path = "common/fixture.rs"]
mod fixture;
#[path = "common/upstream.rs"]
mod upstream;

use std::collections::BTreeMap;

use common::{Installed, command, program, run, tool};
use example::{EXAMPLES, World, check, source, watch};

#[test]
fn the_examples_are_clean() {
    if !tool("gcc") {
        return;
    }
    let (installed, world) = (Installed::new(), World::new());
    let compiled: BTreeMap<_, _> =
        EXAMPLES.iter().map(|name| (*name, installed.compile_sanitized(&source(name)))).collect();
    check(&compiled, &world.runs(32), &[]);
    watch(&compiled["watch"], &[]);
}

/// Otherwise those tests could not fail.
#[test]
fn a_leak_and_a_wrong_address_are_found() {
    if !tool("gcc") {
        return;
    }
    let installed = Installed::new();
    let faulty = installed.compile_sanitized(&program("faulty.c"));
    for (fault, found) in [("none", None), ("leak", Some("LeakSanitizer")), ("address", Some("AddressSanitizer"))] {
        let output = run(&mut command(&faulty, [fault]), &[]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), found.is_none(), "{fault}: {said}");
        assert!(found.is_none_or(|name| said.contains(name)), "{fault}: {said}");
    }
}
