//! What the shared library shows to the world: the functions of the header and nothing else, under a versioned name.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

#[path = "common/mod.rs"]
mod common;

use std::collections::BTreeSet;

use common::{Installed, command, crate_folder, succeed};

fn exported(installed: &Installed) -> BTreeSet<String> {
    let flags = ["--dynamic", "--defined-only", "--format=posix"];
    let printed = succeed(command("nm", flags).arg(installed.folder().join("libuptls.so")), &[]);
    let printed = String::from_utf8(printed).expect("UTF-8");
    printed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn declared() -> BTreeSet<String> {
    let header = std::fs::read_to_string(crate_folder().join("include/uptls.h")).expect("the header");
    let code = header.lines().filter(|line| !line.starts_with([' ', '*', '/', '#']) && !line.starts_with("typedef "));
    let names = code.filter_map(|line| line.split('(').next().filter(|start| start.len() < line.len()));
    names.filter_map(|start| start.rsplit([' ', '*']).next()).map(str::to_owned).collect()
}

#[test]
fn exactly_the_functions_of_the_header_are_exported() {
    let declared = declared();
    assert!(declared.contains("uptls_policy_verify") && declared.iter().all(|name| name.starts_with("uptls_")));
    let mut exported = exported(&Installed::new());
    if cfg!(debug_assertions) {
        // The hooks of the tests are in no release.
        exported.retain(|name| !name.starts_with("uptls_debug_"));
    }
    assert_eq!(exported, declared);
}

#[test]
fn programs_record_the_versioned_name() {
    let installed = Installed::new();
    let printed = succeed(command("readelf", ["--dynamic"]).arg(installed.folder().join("libuptls.so")), &[]);
    let printed = String::from_utf8(printed).expect("UTF-8");
    assert!(printed.contains("Library soname: [libuptls.so.0.1]"), "{printed}");
}
