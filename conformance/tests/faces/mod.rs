//! What the runners of other faces share: where the built things are, and how what they print is compared.
#![allow(clippy::expect_used, reason = "test code: what is broken must stop the test")]
#![allow(clippy::print_stdout, reason = "the figure that the gate shows")]

use std::path::PathBuf;

use uptls_conformance::committed::Committed;

/// Something that `cargo build --workspace` leaves in the target folder.
pub(crate) fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(|deps| deps.parent()).expect("it stands in deps");
    let path = folder.join(name);
    assert!(path.is_file(), "{} is not there: cargo build --workspace makes it", path.display());
    path
}

/// Compares what `face` printed for each case with the committed report, as `expected` has it for this face.
pub(crate) fn compare(
    face: &str,
    expected: impl Fn(String) -> String,
    printed: impl IntoIterator<Item = (Committed, Vec<u8>)>,
) {
    let (mut cases, mut differing) = (0, Vec::new());
    for (case, printed) in printed {
        cases += 1;
        let committed = String::from_utf8(case.file("report.json")).expect("JSON is UTF-8");
        differing.extend(difference(&case.name, &expected(committed), &String::from_utf8_lossy(&printed)));
    }
    println!("vectors: {} of {cases} equal ({face})", cases - differing.len());
    assert!(cases > 0, "there are no vectors");
    assert!(differing.is_empty(), "{} differ:\n{}", differing.len(), differing.join("\n"));
}

/// The first line that differs.
fn difference(case: &str, committed: &str, printed: &str) -> Option<String> {
    let number = (0..).find(|at| {
        let (left, right) = (printed.split('\n').nth(*at), committed.split('\n').nth(*at));
        left != right || left.is_none()
    });
    let at = number.filter(|_| printed != committed)?;
    let line = |text: &str| text.split('\n').nth(at).unwrap_or("<the end>").to_owned();
    Some(format!("{case}, line {}: {} instead of {}", at + 1, line(printed), line(committed)))
}
