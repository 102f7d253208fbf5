//! What programs rely on: nothing of the last release is gone or another, and other languages read what there is from
//! `packaging/uptls-api.json` (`UPTLS_BLESS=1` writes it; `UPTLS_BLESS_ABI=1`, at a release, writes the baseline).
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::disallowed_methods, reason = "UPTLS_BLESS and UPTLS_BLESS_ABI are how a developer says yes")]

mod common;
#[path = "common/declarations.rs"]
mod declarations;

use std::collections::BTreeSet;
use std::fs;

use common::crate_folder;
use declarations::{Declarations, Function, Parameter};
use serde_json::{Value, json};

/// One line for each thing that a program can use. Versions are not among them.
fn lines(all: &Declarations) -> Vec<String> {
    let mut lines = Vec::new();
    let constants = all.constants.iter().filter(|(name, _)| !is_version(name));
    lines.extend(constants.map(|(name, value)| format!("{name} = {value}")));
    lines.extend(all.opaque.iter().map(|name| format!("opaque {name}")));
    lines.extend(all.types.iter().map(|(name, kind)| format!("{name} is {kind}")));
    for structure in &all.structures {
        let fields = structure.fields.iter().enumerate();
        lines.extend(fields.map(|(index, field)| format!("{}[{index}] {}", structure.name, declared(field))));
    }
    lines.extend(all.functions.iter().map(signature));
    lines.sort();
    lines
}

fn is_version(name: &str) -> bool {
    name.starts_with("UPTLS_VERSION_") || name == "UPTLS_ABI_VERSION"
}

fn signature(function: &Function) -> String {
    let parameters: Vec<_> = function.parameters.iter().map(|one| one.kind.as_str()).collect();
    format!("{} {}({})", function.result, function.name, parameters.join(", "))
}

fn declared(field: &Parameter) -> String {
    format!("{} {}", field.kind, field.name)
}

/// The ABI that these lines are of comes first.
fn baseline(all: &Declarations) -> String {
    let abi = all.constants.iter().find(|(name, _)| name == "UPTLS_ABI_VERSION").map(|(_, value)| value.as_str());
    format!("abi {}\n{}\n", abi.expect("the header says it"), lines(all).join("\n"))
}

/// What of `before` is missing in `now`, unless they are of different ABIs.
fn broken(before: &str, now: &str) -> Vec<String> {
    let (before, now): (Vec<_>, BTreeSet<_>) = (before.lines().collect(), now.lines().collect());
    match before.first().is_some_and(|abi| now.contains(abi)) {
        true => before.iter().filter(|line| !now.contains(*line)).map(|line| (*line).to_owned()).collect(),
        false => Vec::new(),
    }
}

#[test]
fn nothing_of_the_last_release_is_gone_or_another() {
    let path = crate_folder().join("packaging/abi-baseline.txt");
    let now = baseline(&Declarations::new());
    if std::env::var_os("UPTLS_BLESS_ABI").is_some() {
        fs::write(&path, &now).expect("the baseline can be written");
    }
    let before = fs::read_to_string(path).expect("the baseline can be read");
    let broken = broken(&before, &now);
    assert!(broken.is_empty(), "programs break by this: {broken:#?}\nkeep it, or give the release another ABI version");
}

#[test]
fn what_breaks_programs_is_seen() {
    let header = "#define UPTLS_ABI_VERSION 1\n#define UPTLS_OK 0\ntypedef struct uptls_x uptls_x;\ntypedef struct {\n  \
                  size_t a;\n  int b;\n} uptls_y;\n/**\n * It does.\n */\nint32_t uptls_f(const uptls_x *x,\n  size_t y);\n";
    let before = baseline(&Declarations::of(header));
    assert_eq!(before.lines().count(), 6, "{before}");
    let after = |from: &str, to: &str| broken(&before, &baseline(&Declarations::of(&header.replace(from, to)))).len();
    assert_eq!(after("UPTLS_OK 0", "UPTLS_OK 1"), 1);
    assert_eq!(after("size_t y", "int y"), 1);
    assert_eq!(after("uptls_f", "uptls_g"), 1);
    assert_eq!(after("size_t a;\n  int b;", "int b;\n  size_t a;"), 2);
    // The twins: what is added, and another ABI.
    assert_eq!(after("int b;", "int b;\n  int c;"), 0);
    assert_eq!(after("int32_t uptls_f", "void uptls_h(void);\nint32_t uptls_f"), 0);
    assert_eq!(after("ABI_VERSION 1\n#define UPTLS_OK 0", "ABI_VERSION 2"), 0);
}

fn api(all: &Declarations) -> Value {
    let named = |parameters: &[Parameter]| -> Vec<Value> {
        parameters.iter().map(|one| json!({"name": one.name, "type": one.kind})).collect()
    };
    let constant = |(name, value): &(String, String)| {
        let value = value.parse::<i64>().map_or_else(|_| json!(value.trim_matches('"')), |number| json!(number));
        json!({"name": name, "value": value})
    };
    let function = |function: &Function| {
        let Function { description, name, parameters, result } = function;
        json!({"name": name, "returns": result, "parameters": named(parameters), "description": description})
    };
    json!({
        "schema": "uptls.api/v1",
        "version": env!("CARGO_PKG_VERSION"),
        "constants": all.constants.iter().map(constant).collect::<Vec<_>>(),
        "opaque": all.opaque,
        "types": all.types.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect::<Vec<_>>(),
        "structures":
            all.structures.iter().map(|one| json!({"name": one.name, "fields": named(&one.fields)})).collect::<Vec<_>>(),
        "functions": all.functions.iter().map(function).collect::<Vec<_>>(),
    })
}

#[test]
fn the_committed_api_is_that_of_the_header() {
    let path = crate_folder().join("packaging/uptls-api.json");
    let all = Declarations::new();
    assert!(all.functions.len() > 170 && all.constants.len() > 100 && all.structures.len() > 2, "the header was read");
    assert!(all.functions.iter().all(|function| !function.description.is_empty()));
    assert!(all.opaque.first().is_some_and(|first| first == "uptls_builder"), "{:?}", all.opaque);
    let now = format!("{:#}\n", api(&all));
    if std::env::var_os("UPTLS_BLESS").is_some() {
        fs::write(&path, &now).expect("the file can be written");
    }
    let committed = fs::read_to_string(path).expect("the file can be read");
    assert!(committed == now, "uptls-api.json is stale: UPTLS_BLESS=1 cargo test -p uptls-ffi --test abi");
}
