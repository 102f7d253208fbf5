//! The pages for people: every link leads somewhere, every page is in the summary, and the glossary is that of all languages.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{Folder, openssl_is_present};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of the files in a folder that end in `extension`, as paths from the root.
pub(crate) fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root().join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&path, extension));
        } else if path.ends_with(extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The text of a page outside its code blocks.
pub(crate) fn prose(text: &str) -> String {
    text.split("```").step_by(2).collect()
}

/// The targets of the links of a page.
fn links(text: &str) -> Vec<String> {
    let prose = prose(text);
    prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target.to_owned()).collect()
}

/// What a heading is called in a link, as GitHub and mdBook do it.
fn slugs(text: &str) -> BTreeSet<String> {
    let headings = prose(text);
    let slug = |heading: &str| -> String {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        kept.chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
            .map(|c| if c == ' ' { '-' } else { c })
            .collect()
    };
    headings.lines().filter(|line| line.starts_with('#')).map(slug).collect()
}

/// What is wrong with the links of `page`.
fn broken(page: &str, text: &str) -> Vec<String> {
    let folder = root().join(page).parent().unwrap().to_owned();
    let leads = |target: &str| {
        let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
        let place = if path.is_empty() { root().join(page) } else { folder.join(path) };
        let known = |text: String| anchor.is_empty() || slugs(&text).contains(anchor);
        place.is_dir() || fs::read_to_string(&place).is_ok_and(known)
    };
    let targets = links(text).into_iter().filter(|target| !target.contains("://"));
    targets.filter(|target| !leads(target)).map(|target| format!("{page}: {target}")).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let single = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "fuzz/README.md"];
    let pages = single.map(str::to_owned).into_iter();
    let pages = pages.chain(files("docs", ".md")).chain(files("examples", ".md"));
    let wrong: Vec<_> = pages.flat_map(|page| broken(&page, &read(&page))).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
    let bad = "[a](nowhere.md) [b](guide.md#no-such-heading) [c](guide.md#rotation) [d](https://example.org)";
    assert_eq!(broken("docs/x.md", bad), ["docs/x.md: nowhere.md", "docs/x.md: guide.md#no-such-heading"]);
}

#[test]
fn every_page_is_in_the_summary() {
    let summary: BTreeSet<_> = links(&read("docs/SUMMARY.md")).into_iter().collect();
    let pages: BTreeSet<_> = files("docs", ".md")
        .into_iter()
        .map(|page| page.trim_start_matches("docs/").to_owned())
        .filter(|page| page != "SUMMARY.md")
        .collect();
    assert_eq!(summary, pages);
}

/// The rows of the tables in the section `heading` of the glossary, without their heads.
fn rows(heading: &str) -> Vec<Vec<String>> {
    rows_of("docs/glossary.md", heading)
}

/// The same of any page.
fn rows_of(page: &str, heading: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let (_, section) = text.split_once(&format!("## {heading}\n")).expect("the page has the section");
    let section = section.split("\n## ").next().unwrap();
    let lines = section.lines().filter(|line| line.starts_with('|')).skip(2);
    lines.map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// What stands in backticks.
fn code(cell: &str) -> Option<&str> {
    cell.split('`').nth(1)
}

fn sources(folders: &[&str], extension: &str) -> String {
    folders.iter().flat_map(|folder| files(folder, extension)).map(|path| read(&path)).collect()
}

/// Whether `Type::member` or `Type` is public in the sources of Rust.
fn in_rust(name: &str, sources: &str) -> bool {
    let (kind, member) = name.split_once("::").map_or((name, None), |(kind, member)| (kind, Some(member)));
    let declared = ["struct", "enum", "trait"].iter().any(|word| sources.contains(&format!("pub {word} {kind}")));
    let has = |member: &str| {
        [format!("pub fn {member}("), format!("\n    {member} {{"), format!("\n    {member},")]
            .iter()
            .any(|form| sources.contains(form.as_str()))
    };
    declared && member.is_none_or(has)
}

fn in_python(name: &str, stubs: &str) -> bool {
    let (class, member) = name.split_once('.').map_or((name, None), |(class, member)| (class, Some(member)));
    let found = [":", "("].iter().find_map(|end| stubs.split_once(&format!("class {class}{end}")));
    let Some((_, body)) = found else { return false };
    let body = body.split("\nclass ").next().unwrap();
    member.is_none_or(|member| body.contains(&format!("def {member}(")))
}

#[test]
fn the_names_of_the_glossary_exist_in_every_language() {
    let rust = sources(&["core/src"], ".rs");
    let header = read("ffi/include/uptls.h");
    let python = ["_native.pyi", "_stream.py"].map(|file| read(&format!("python/pysrc/uptls/{file}"))).concat();
    let args = read("cli/src/args.rs") + &read("cli/src/lib.rs");
    let mut missing = Vec::new();
    for row in ["Verbs", "States of a connector"].iter().flat_map(|heading| rows(heading)) {
        let cells: Vec<Option<&str>> = row.iter().map(|cell| code(cell)).collect();
        let in_c =
            |name: &str| header.contains(&format!("uptls_{name}(")) || header.contains(&format!("UPTLS_{name} "));
        let said = |name: &str| name.starts_with('"') && rust.contains(name) || in_python(name, &python);
        let command = |name: &str| {
            let verb = name.split(' ').nth(1).unwrap_or_default();
            args.contains(&format!("help(\"uptls {verb}"))
        };
        let found = [
            cells.get(2).copied().flatten().is_none_or(|name| in_rust(name, &rust)),
            cells.get(3).copied().flatten().is_none_or(in_c),
            cells.get(4).copied().flatten().is_none_or(said),
            cells.get(5).copied().flatten().is_none_or(command),
        ];
        if found.contains(&false) {
            missing.push((row[0].clone(), found));
        }
    }
    assert!(missing.is_empty(), "row, then Rust, C, Python, command: {missing:#?}");
    assert!(!in_rust("Prepared::judge", &rust) && !in_rust("Nothing::verify", &rust), "a name that is gone");
    assert!(!in_python("Diall", &python) && !in_python("Connector.judge", &python), "its twin");
}

/// What is wrong with the test that a row of `docs/compatibility.md` names: `folder`, `function`.
fn missing_test(cell: &str) -> Option<String> {
    let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    let path = named.first().filter(|path| path.contains('/'))?;
    if !root().join(path).is_dir() {
        return Some(format!("{path} is no folder"));
    }
    let text: String = [".rs", ".py"].iter().flat_map(|end| files(path, end)).map(|file| read(&file)).collect();
    let is_there = |name: &str| ["fn ", "def "].iter().any(|word| text.contains(&format!("{word}{name}(")));
    named.get(1).filter(|name| !is_there(name)).map(|name| format!("{path} has no test {name}"))
}

#[test]
fn compatibility_names_the_pinned_versions_and_their_tests() {
    let page = "docs/compatibility.md";
    let (versions, files) = (rows_of(page, "Versions"), rows_of(page, "Files without a version"));
    assert!(versions.len() >= 10 && files.len() >= 4, "{} versions, {} files", versions.len(), files.len());
    for row in &versions {
        let [what, version, test, pinned] = row.as_slice() else { panic!("{row:?}") };
        let target = links(pinned).remove(0);
        let text = read(target.trim_start_matches("../"));
        assert!(text.contains(version.as_str()), "{what}: {target} does not have {version}");
        assert_eq!(missing_test(test), None, "{what}");
    }
    for row in &files {
        assert_eq!(missing_test(&row[2]), None, "{}", row[0]);
    }
    assert!(
        missing_test("`conformance/tests`, `no_such_test`").is_some() && missing_test("`conformance/none`").is_some()
    );
}

/// The words of a name: `uptls_first_bytes` and `FirstBytes` are `first_bytes`, within `_`.
fn words(name: &str) -> String {
    let mut words = String::from("_");
    let mut before = '_';
    for c in name.chars() {
        if c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit()) {
            words.push('_');
        }
        words.extend(c.to_lowercase());
        before = c;
    }
    words.push('_');
    words
}

/// Without the lines below a mark of what is deprecated.
fn without_former_names(text: &str) -> String {
    let mut marked = false;
    let keep = |line: &&str| !std::mem::replace(&mut marked, line.contains("deprecated("));
    text.lines().filter(keep).map(|line| format!("{line}\n")).collect()
}

/// The first word after each `lead` in `text`.
fn names_after<'a>(text: &'a str, lead: &'a str) -> impl Iterator<Item = &'a str> {
    let end = |c: char| !(c.is_alphanumeric() || c == '_');
    text.split(lead).skip(1).map(move |rest| rest.split(end).next().unwrap_or_default())
}

#[test]
fn no_public_name_uses_a_word_that_the_glossary_replaces() {
    let unused: Vec<String> = rows("Words that are not used")
        .iter()
        .flat_map(|row| row[0].split(", "))
        .map(|word| word.trim().replace(' ', "_"))
        .collect();
    let rust = without_former_names(&sources(&["core/src", "manifest/src"], ".rs"));
    let header = read("ffi/include/uptls.h");
    let stub = without_former_names(&read("python/pysrc/uptls/_native.pyi"));
    let schemas = sources(&["testdata/schemas"], ".json");
    let declared = ["fn", "struct", "enum", "trait", "mod", "const", "type"].map(|word| format!("pub {word} "));
    let mut names: Vec<&str> = declared.iter().flat_map(|lead| names_after(&rust, lead)).collect();
    names.extend(["uptls_", "UPTLS_"].iter().flat_map(|lead| names_after(&header, lead)));
    names.extend(["def ", "class "].iter().flat_map(|lead| names_after(&stub, lead)));
    names.extend(schemas.split('"').skip(1).step_by(2).filter(|name| !name.contains(' ')));
    assert!(names.len() > 1500 && unused.len() > 15, "{} names, {} words", names.len(), unused.len());
    let uses = |name: &str| {
        let words = words(name);
        // A phrase counts where a name ends with it: `keep_last` is not `keep_last_good`.
        unused.iter().any(|word| match word.contains('_') {
            true => words.ends_with(&format!("_{word}_")),
            false => words.contains(&format!("_{word}_")) || words.contains(&format!("_{word}s_")),
        })
    };
    let wrong: BTreeSet<_> = names.into_iter().filter(|name| uses(name)).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    assert!(uses("held_octets") && uses("FarewellError") && uses("KeepLast") && !uses("KeepLastGood"));
}

/// The first block of `sh` on a page.
fn script(page: &str) -> Option<String> {
    let text = read(page);
    let (_, rest) = text.split_once("```sh\n")?;
    rest.split_once("```").map(|(script, _)| script.to_owned())
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the shell needs the tools of this machine, and the command")]
fn the_scripts_of_the_how_to_pages_do_what_they_say() {
    if !openssl_is_present() {
        return;
    }
    let command = Path::new(env!("CARGO_BIN_EXE_uptls")).parent().unwrap();
    let path = format!("{}:{}", command.display(), std::env::var("PATH").unwrap());
    let scripts: Vec<_> =
        files("docs/howto", ".md").into_iter().filter_map(|page| Some((script(&page)?, page))).collect();
    assert!(scripts.len() >= 5, "{} scripts", scripts.len());
    for (script, page) in scripts {
        let folder = Folder::new();
        let shell = |script: &str| {
            let mut command = std::process::Command::new("sh");
            command.args(["-e", "-c", script]).current_dir(folder.path()).env("PATH", &path).output().unwrap()
        };
        let output = shell(&script);
        assert!(output.status.success(), "{page}: {}", String::from_utf8_lossy(&output.stderr));
        // Its twin: it ends with an error where uptls gives another verdict.
        let without_policy = shell(&script.replace("kind: UpstreamTlsPolicy", "kind: Nothing"));
        assert!(!without_policy.status.success(), "{page}: the script does not look at what uptls says");
    }
}
