//! The chapter on C says what is true: its C stands in examples that run, its commands work.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]

mod common;
#[path = "common/example.rs"]
mod example;
#[path = "common/fixture.rs"]
mod fixture;
#[path = "common/tree.rs"]
mod tree;
#[path = "common/upstream.rs"]
mod upstream;

use common::{command, crate_folder, succeed};
use example::{EXAMPLES, source};
use tree::Tree;

/// The blocks of `kind` in a page.
fn blocks(page: &str, kind: &str) -> Vec<String> {
    let text = std::fs::read_to_string(crate_folder().join("..").join(page)).expect("the page is there");
    let begin = format!("```{kind}\n");
    text.split(&begin).skip(1).map(|rest| rest.split_once("```").expect("a block ends").0.to_owned()).collect()
}

#[test]
fn every_block_of_c_stands_in_an_example() {
    let blocks = blocks("docs/c.md", "c");
    assert!(blocks.len() >= 5, "{}", blocks.len());
    let examples = EXAMPLES.map(|name| std::fs::read_to_string(source(name)).expect("it is there"));
    for block in blocks {
        assert!(examples.iter().any(|text| text.contains(&block)), "no example holds\n{block}");
    }
}

#[test]
fn the_commands_compile_against_an_installed_library() {
    let Some(tree) = Tree::new() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in EXAMPLES {
        let file = source(name);
        std::fs::copy(&file, folder.path().join(file.file_name().expect("a name"))).expect("it can be copied");
    }
    let script = blocks("docs/c.md", "sh").concat();
    let mut shell = command("sh", ["-euc", &script]);
    let paths = tree.library().join("pkgconfig");
    succeed(shell.current_dir(folder.path()).env("PKG_CONFIG_PATH", paths), &[]);
    assert!(folder.path().join("get").is_file() && folder.path().join("verify").is_file());
}
