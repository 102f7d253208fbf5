//! Programs in C, compiled and linked as a user would, against the library of this build.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

#[path = "common/mod.rs"]
mod common;
#[path = "common/fixture.rs"]
mod fixture;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use common::{Installed, Link, Programs, command, crate_folder, program, run, succeed, tool, valgrind};
use fixture::Fixture;
use uptls::Code;

/// Each program with its arguments.
fn programs(fixture: &Fixture) -> Programs {
    let policy = fixture.text_path("policy.yaml");
    let folder = fixture.folder().display().to_string();
    let (good, other) = (fixture.text_path("chain.pem"), fixture.text_path("other.pem"));
    vec![
        ("version.c", vec![]),
        ("lengths.c", vec![policy.clone(), Fixture::now()]),
        ("codes.c", vec![]),
        ("misuse.c", vec![policy.clone()]),
        ("document.c", vec![policy.clone(), folder]),
        ("verify.c", vec![policy.clone(), good.clone(), other.clone(), Fixture::now()]),
        ("threads.c", vec![policy, good.clone(), Fixture::now()]),
        ("builder.c", {
            let [ca, client, key] = ["ca.pem", "client.pem", "client.key"].map(|name| fixture.text_path(name));
            vec![ca, good.clone(), other.clone(), Fixture::now(), client, key, fixture.pin()]
        }),
        ("manifests.c", {
            let [folder, broken] = ["manifests", "broken"].map(|name| fixture.text_path(name));
            vec![folder, broken, Fixture::now(), good.clone(), other.clone()]
        }),
        ("manifest_set.c", {
            let [folder, broken] = ["manifests", "broken"].map(|name| fixture.text_path(name));
            vec![folder, broken, Fixture::now(), good.clone(), other.clone()]
        }),
        ("manifest_store.c", vec![fixture.text_path("ca.pem"), Fixture::now(), good, other]),
        ("watch.c", {
            let [folder, ca, another] = ["watched", "ca.pem", "another-ca.pem"].map(|name| fixture.text_path(name));
            vec![folder, ca, another, Fixture::now()]
        }),
    ]
}

#[test]
fn every_c_program_ends_well() {
    common::all_end_well(programs(&Fixture::new()));
}

/// Thousands of sequences: neither valgrind nor a sanitizer has to see them all.
#[test]
fn a_connector_does_in_c_what_the_model_says() {
    let (installed, fixture) = (Installed::new(), Fixture::new());
    let executable = installed.compile(&program("sequences.c"), Link::Shared);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
    let [first, renewed, second] = ["ca.pem", "another-ca.pem", "both.pem"].map(|name| fixture.text_path(name));
    let all = crate_folder().join("../testdata/rotation/sequences.txt").display().to_string();
    let arguments = [folder.path().display().to_string(), first, renewed, second, Fixture::now()];
    succeed(command(&executable, &arguments).arg(all), &[]);
    // Its twin: what the model does not say. A watch does not end what the caller refused.
    fixture.write("wrong.txt", "keep_last_good never degraded/1/0 look ready/1/0\n");
    let output = run(command(&executable, &arguments).arg(fixture.text_path("wrong.txt")), &[]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.starts_with("after look: seen degraded/1/0, wanted ready/1/0"), "{told}");
}

#[test]
fn every_c_program_is_clean_under_sanitizers() {
    common::all_end_well_sanitized(programs(&Fixture::new()));
}

#[test]
fn no_c_program_leaks_or_touches_what_is_not_its_own() {
    common::all_end_well_under_valgrind(programs(&Fixture::new()));
}

/// The hooks that panic are in debug builds alone.
#[cfg(debug_assertions)]
#[test]
fn a_panic_poisons_its_object_alone() {
    let (installed, fixture) = (Installed::new(), Fixture::new());
    let executable = installed.compile(&program("poison.c"), Link::Shared);
    let arguments = [fixture.text_path("policy.yaml"), Fixture::now()];
    succeed(&mut command(&executable, &arguments), &[]);
    if let Some(mut valgrind) = valgrind() {
        succeed(valgrind.arg(executable).args(arguments), &[]);
    }
}

#[test]
fn the_table_of_codes_is_the_same_in_c() {
    let installed = Installed::new();
    let printed = succeed(&mut Command::new(installed.compile(&program("codes.c"), Link::Shared)), &[]);
    let mut wanted = String::new();
    for code in Code::ALL {
        let status = uptls_ffi::uptls_code_status(code.number());
        let (number, meaning, remedy) = (code.number(), code.meaning(), code.remedy());
        writeln!(wanted, "{number}\t{code}\t{status}\t{meaning}\t{remedy}").expect("a string takes everything");
    }
    assert_eq!(String::from_utf8_lossy(&printed), wanted);
}

#[test]
fn a_program_can_be_linked_statically() {
    let installed = Installed::new();
    succeed(&mut Command::new(installed.compile(&program("version.c"), Link::Static)), &[]);
}

#[test]
fn the_header_is_cpp_too() {
    if !tool("c++") {
        return;
    }
    let installed = Installed::new();
    succeed(&mut Command::new(installed.compile_cpp(&program("header.cpp"))), &[]);
}

#[test]
fn the_header_needs_nothing_before_it() {
    let header = crate_folder().join("include/uptls.h");
    let flags = ["-pedantic", "-Wall", "-Wextra", "-Werror", "-fsyntax-only"];
    succeed(command("cc", ["-std=c99", "-x", "c"]).args(flags).arg(&header), &[]);
    if tool("c++") {
        succeed(command("c++", ["-std=c++17", "-x", "c++"]).args(flags).arg(&header), &[]);
    }
}

#[test]
fn the_example_tells_accepted_from_refused() {
    let (installed, fixture) = (Installed::new(), Fixture::new());
    let example: PathBuf = crate_folder().join("../examples/c/verify.c");
    let executable = installed.compile(&example, Link::Shared);
    let verify = |chain: &str| {
        let (policy, chain) = (fixture.text_path("policy.yaml"), fixture.text_path(chain));
        let output = run(&mut command(&executable, [policy, chain, "-".to_owned(), Fixture::now()]), &[]);
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code(), format!("{stdout}{stderr}"))
    };
    assert_eq!(verify("chain.pem"), (Some(0), "accepted\n".to_owned()));
    let (status, text) = verify("other.pem");
    assert_eq!(status, Some(1), "{text}");
    assert!(text.starts_with("refused: name_mismatch: ") && text.contains("\nhint: "), "{text}");
    let (status, text) = verify("missing.pem");
    assert_eq!(status, Some(2), "{text}");
}
