//! The examples in C: none with a warning, each accepts the right peer and refuses the others, none leaks.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

mod common;
#[path = "common/example.rs"]
mod example;
#[path = "common/fixture.rs"]
mod fixture;
#[path = "common/upstream.rs"]
mod upstream;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use common::{Installed, Link, crate_folder, tool};
use example::{EXAMPLES, World, check, source, watch};

/// Every example, compiled.
fn compiled(installed: &Installed) -> BTreeMap<&'static str, PathBuf> {
    EXAMPLES.iter().map(|name| (*name, installed.compile(&source(name), Link::Shared))).collect()
}

#[test]
fn each_accepts_the_right_peer_alone() {
    more_files();
    let (installed, world) = (Installed::new(), World::new());
    let compiled = compiled(&installed);
    check(&compiled, &world.runs(1000), &[]);
    watch(&compiled["watch"], &[]);
}

#[test]
fn none_leaks_or_touches_what_is_not_its_own() {
    if !tool("valgrind") {
        return;
    }
    let (installed, world) = (Installed::new(), World::new());
    let valgrind = [&["valgrind"], &common::VALGRIND[..]].concat();
    let compiled = compiled(&installed);
    check(&compiled, &world.few_runs(4), &valgrind);
    watch(&compiled["watch"], &valgrind);
}

#[test]
fn all_examples_are_known() {
    let folder = std::fs::read_dir(crate_folder().join("../examples/c")).expect("the examples");
    let names = folder.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"));
    let sources: BTreeSet<_> = names.filter_map(|name| name.strip_suffix(".c").map(str::to_owned)).collect();
    assert_eq!(sources, EXAMPLES.map(str::to_owned).into());
    for file in ["Makefile", "CMakeLists.txt", "README.md"] {
        let text = std::fs::read_to_string(crate_folder().join("../examples/c").join(file)).expect("it is there");
        for name in EXAMPLES {
            assert!(text.contains(name), "{file} lacks {name}");
        }
    }
}

/// As its page says: a first program is short.
#[test]
fn a_verified_get_takes_less_than_40_lines() {
    let text = std::fs::read_to_string(source("get")).expect("it is there");
    assert!(text.lines().count() < 40, "{}", text.lines().count());
}

/// The server of this process holds as many sockets as the example that talks to it.
fn more_files() {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let raised = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
    rustix::process::setrlimit(rustix::process::Resource::Nofile, raised)
        .expect("up to the hard limit it is permitted");
}
