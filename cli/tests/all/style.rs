//! The English of pages and help: constructions that a native engineer would not write are refused, each with its reason.
//!
//! This is the mechanical part of the style that CONTRIBUTING asks for. A reviewer looks after the rest.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::pages::{files, prose, read};
use crate::support::uptls;

/// What is refused anywhere in a sentence, and what to write instead.
const REFUSED: &[(&str, &str)] = &[
    ("and its kin", "name them"),
    ("are asked", "say who asks"),
    ("are looked at", "say who looks"),
    ("are said", "say who says it"),
    ("by whom", "name the actor as the subject: \"the CA that signed it\""),
    ("for whom", "name the actor as the subject"),
    ("goes on", "continues"),
    ("is asked", "say who asks"),
    ("is looked at", "say who looks"),
    ("is said", "say who says it"),
    ("is spoken of", "say who speaks"),
    ("nobody", "name the actor: \"no parser\", \"no object\", \"uptls does not\""),
    ("of which", "begin a new sentence, or end with the preposition: \"that Envoy lacks\""),
    ("of whom", "name the actor as the subject"),
    ("thereof", "of it"),
    ("to whom", "name the actor as the subject"),
    ("wherein", "in which"),
    ("whichever", "say which ones: \"each\", \"the older one\""),
    ("whoever", "name the actor: \"a caller that\", \"a program that\""),
];

/// What no sentence begins with, unless it is a question.
const REFUSED_FIRST: &[(&str, &str)] = &[
    ("nor", "write a sentence with its own subject, or join it to the one before"),
    ("of", "name the actor first: \"uptls takes the oldest of several objects\""),
    ("what", "name the thing: not \"what has expired is an event\" but \"an expired certificate is an event\""),
    ("where", "begin with \"if\", or name the actor first"),
    ("whether", "name the actor first"),
    ("whose", "name the actor first"),
];

/// A sentence with more words is two sentences, or a list.
const MOST_WORDS: usize = 60;

/// The pages that are held to the style: all that are written for people.
fn pages() -> BTreeMap<String, String> {
    let single = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "fuzz/README.md"];
    let names = single.map(str::to_owned).into_iter().chain(files("docs", ".md")).chain(files("examples", ".md"));
    names.map(|name| (name.clone(), prose(&read(&name)))).collect()
}

/// The help of the command and of each of its subcommands, without the examples.
fn helps() -> BTreeMap<String, String> {
    let commands = [
        "",
        "demo",
        "check",
        "verify",
        "describe",
        "export",
        "export envoy",
        "import",
        "inspect",
        "init",
        "explain",
        "proxy",
        "schema",
        "completions",
        "man",
    ];
    let help = |command: &str| {
        let args: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let text = uptls(Path::new("."), &args).stdout;
        assert!(text.contains("Usage:"), "uptls {command} --help: {text}");
        let text = text.split("Examples:").next().unwrap_or_default();
        // Each command and option is a paragraph.
        let begins = |line: &str| line.starts_with("  ") && !line.starts_with("   ");
        let lines = text.lines().map(|line| if begins(line) { format!("\n{line}\n") } else { format!("{line}\n") });
        (format!("uptls {command} --help"), lines.collect())
    };
    commands.into_iter().map(help).collect()
}

/// The paragraphs, list items, cells and headings of a page, each in one line, without what stands in backticks.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.lines().map(str::trim) {
        let begins = line.is_empty() || line.starts_with(['-', '*', '#', '|', '<']) || numbered(line);
        if begins {
            blocks.push(String::new());
        }
        let cells = if line.starts_with('|') { line.trim_matches('|').split('|').collect() } else { vec![line] };
        for (index, cell) in cells.iter().enumerate() {
            if index > 0 {
                blocks.push(String::new());
            }
            let block = blocks.last_mut().expect("there is one");
            block.push_str(cell);
            block.push(' ');
        }
    }
    blocks.iter().map(|block| without_code(block)).filter(|block| !block.trim().is_empty()).collect()
}

fn numbered(line: &str) -> bool {
    line.split_once(". ").is_some_and(|(number, _)| number.parse::<u8>().is_ok())
}

/// A name in code is one word.
fn without_code(text: &str) -> String {
    text.split('`').enumerate().map(|(index, part)| if index % 2 == 1 { "code" } else { part }).collect()
}

/// The sentences of a block: each ends with a point that is not inside of a word, such as `1.2`.
fn sentences(block: &str) -> Vec<&str> {
    let is_end = |at: usize| {
        block[at..].starts_with(['.', '!', '?']) && !block[at + 1..].starts_with(|c: char| !c.is_whitespace())
    };
    let ends: Vec<usize> = block.char_indices().map(|(at, _)| at).filter(|at| is_end(*at)).map(|at| at + 1).collect();
    let starts = [0].into_iter().chain(ends.iter().copied());
    let pieces = starts.zip(ends.iter().copied().chain([block.len()]));
    pieces.map(|(start, end)| block[start..end].trim()).filter(|sentence| !sentence.is_empty()).collect()
}

fn words(text: &str) -> Vec<String> {
    let separator = |c: char| !(c.is_alphanumeric() || "-'’/_:.".contains(c));
    let word = |word: &str| word.trim_matches(['.', ':', '-', '\'']).to_lowercase();
    text.split(separator).map(word).filter(|word| !word.is_empty()).collect()
}

/// What is wrong with a text.
fn faults(name: &str, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for block in blocks(text) {
        for sentence in sentences(&block) {
            let words = words(sentence);
            let line = format!(" {} ", words.join(" "));
            let is_question = sentence.ends_with('?');
            for (phrase, instead) in REFUSED.iter().filter(|(phrase, _)| line.contains(&format!(" {phrase} "))) {
                faults.push(format!("{name}: \"{phrase}\" ({instead}): {sentence}"));
            }
            // A heading of a column or a label is no sentence.
            let first = words.first().filter(|_| !is_question && sentence.ends_with('.'));
            for (word, instead) in REFUSED_FIRST.iter().filter(|(word, _)| first.is_some_and(|first| first == word)) {
                faults.push(format!("{name}: begins with \"{word}\" ({instead}): {sentence}"));
            }
            if words.len() > MOST_WORDS {
                faults.push(format!("{name}: {} words (at most {MOST_WORDS}): {sentence}", words.len()));
            }
        }
    }
    faults
}

#[test]
fn pages_and_help_are_written_as_a_native_engineer_would() {
    let texts: Vec<_> = pages().into_iter().chain(helps()).collect();
    assert!(texts.len() > 30, "{} texts", texts.len());
    let faults: Vec<_> = texts.iter().flat_map(|(name, text)| faults(name, text)).collect();
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// The twin: each refused construction is found where it is planted, in each place of a page, and its remedy is not.
#[test]
fn what_is_refused_is_found() {
    for (phrase, _) in REFUSED {
        for page in [
            format!("Fine.\n\nThe list {phrase} here.\n"),
            format!("- One item\n- The list\n  {phrase} here\n"),
            format!("| a | b |\n| --- | --- |\n| fine | the list {phrase} here |\n"),
        ] {
            let found = faults("page", &prose(&page));
            assert_eq!(found.len(), 1, "{page}: {found:?}");
            assert!(found[0].contains(phrase), "{found:?}");
        }
        assert!(
            faults("page", &prose(&format!("```text\nthe list {phrase} here\n```\n"))).is_empty(),
            "code is no prose"
        );
    }
    for (word, _) in REFUSED_FIRST {
        let first = word[..1].to_uppercase() + &word[1..];
        assert_eq!(faults("page", &format!("Fine. {first} it stands is an error.")).len(), 1, "{word}");
        assert!(faults("page", &format!("{first} does it stand?")).is_empty(), "{word}");
        assert!(faults("page", &format!("uptls says {word} it stands.")).is_empty(), "{word}");
    }
    let long = |count: usize| format!("{}.", vec!["word"; count].join(" "));
    assert!(faults("page", &long(MOST_WORDS)).is_empty());
    assert_eq!(faults("page", &long(MOST_WORDS + 1)).len(), 1);
    assert!(faults("page", "uptls refuses TLS 1.1, e.g. for `whoever` asks, and node.id is a word.").is_empty());
}

/// The numbers of the rules that `text` defines, in their order.
fn defined(text: &str) -> Vec<String> {
    let rule = |line: &str| line.strip_prefix("- ")?.split(' ').next().filter(|word| is_rule(word)).map(str::to_owned);
    text.lines().filter_map(rule).collect()
}

fn is_rule(word: &str) -> bool {
    let mut chars = word.chars();
    chars.next().is_some_and(|letter| "TNVIHRDML".contains(letter))
        && (1..=2).contains(&chars.as_str().len())
        && chars.as_str().parse::<u8>().is_ok_and(|number| number > 0)
}

/// Rules that stand twice.
fn twice(rules: &[String]) -> Vec<&String> {
    let mut seen = BTreeSet::new();
    rules.iter().filter(|rule| !seen.insert(*rule)).collect()
}

#[test]
fn each_rule_is_written_once_and_every_page_cites_rules_that_exist() {
    let semantics = read("docs/semantics.md");
    let rules = defined(&semantics);
    assert!(rules.len() > 85, "{} rules", rules.len());
    assert_eq!(twice(&rules), Vec::<&String>::new());
    // D1 and D2 share a line.
    let mut known: BTreeSet<&str> = rules.iter().map(String::as_str).collect();
    known.insert("D2");
    let cited = |text: &str| -> Vec<String> {
        let word = |word: &str| word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        text.split(|c: char| c.is_whitespace() || "(),.:;".contains(c)).map(word).filter(|word| is_rule(word)).collect()
    };
    let mut unknown = Vec::new();
    for (name, text) in pages() {
        unknown.extend(
            cited(&text)
                .into_iter()
                .filter(|rule| !known.contains(rule.as_str()))
                .map(|rule| format!("{name}: {rule}")),
        );
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
    // The twin: a merge that leaves a section twice, and a rule that is gone.
    assert!(!twice(&defined(&format!("{semantics}\n{semantics}"))).is_empty());
    assert_eq!(cited("as T3, V2 and (M99) say, over TLS 1.3"), ["T3", "V2", "M99"]);
}
