//! Documents that are small to send and large to read: every limit is a clear error, and is met in no time.

use std::fmt::Write;
use std::fs;

use crate::common::{document, messages, problems};

fn too_large(text: &[u8]) -> String {
    let found = problems(text);
    assert_eq!(found.iter().map(|(code, ..)| code.as_str()).collect::<Vec<_>>(), ["document_too_large"]);
    messages(text).remove(0)
}

#[test]
fn a_document_of_five_megabytes_is_refused_before_it_is_parsed() {
    const LIMIT: &str = "the document exceeds the limit of 1 MiB";
    // Not even UTF-8: nothing has looked at it.
    let big = vec![0xff; 5_000_000];
    assert_eq!(too_large(&big), LIMIT);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    fs::write(&path, &big).unwrap();
    assert_eq!(uptls_manifest::load(&path).err().unwrap().first().unwrap().message(), LIMIT);
    let text = document("  trust: {system: mozilla}\n");
    let padded = format!("{text}#{}", "x".repeat((1 << 20) - text.len() - 1));
    assert_eq!((padded.len(), problems(padded.as_bytes())), (1 << 20, Vec::new()), "1 MiB is permitted");
    assert_eq!(too_large(format!("{padded}x").as_bytes()), LIMIT);
}

#[test]
fn a_bomb_of_aliases_is_refused() {
    let mut bomb = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..20 {
        let before = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(bomb, "a{level}: &a{level} [{before}]").unwrap();
    }
    assert_eq!(too_large(bomb.as_bytes()), "the document exceeds the limit of 100000 nodes, with aliases expanded");
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), "*a, ".repeat(1_000));
    assert_eq!(too_large(long.as_bytes()), "the document exceeds the limit of 4 MiB of text, with aliases expanded");
    let many = document(&format!("  cipherSuites: [{}]\n", "a,".repeat(400_000)));
    assert_eq!(too_large(many.as_bytes()), "the document exceeds the limit of 100000 nodes, with aliases expanded");
}

#[test]
fn deep_nesting_is_refused() {
    const LIMIT: &str = "the document exceeds the limit of 64 levels of nesting";
    for text in ["[".repeat(500_000), "- ".repeat(500_000), "{a: ".repeat(200_000), "? ".repeat(500_000)] {
        assert_eq!(too_large(text.as_bytes()), LIMIT);
    }
    let mut deep = String::from("a0: &a0 [x]\n");
    for level in 1..100 {
        writeln!(deep, "a{level}: &a{level} [*a{}]", level - 1).unwrap();
    }
    assert_eq!(too_large(deep.as_bytes()), LIMIT, "aliases nest as well");
}

#[test]
fn a_flood_of_errors_is_cut() {
    let mut spec = String::new();
    for number in 0..10_000 {
        writeln!(spec, "  field{number}: 1").unwrap();
    }
    assert_eq!(problems(document(&spec).as_bytes()).len(), 64);
}
