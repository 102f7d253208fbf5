//! The programs of `tests/c` that need nothing but files, with their arguments.

use super::fixture::Fixture;

/// Each program with its arguments.
pub(crate) fn programs(fixture: &Fixture) -> Vec<(&'static str, Vec<String>)> {
    let policy = fixture.text_path("policy.yaml");
    let folder = fixture.folder().display().to_string();
    let (good, other) = (fixture.text_path("chain.pem"), fixture.text_path("other.pem"));
    vec![
        ("version.c", vec![]),
        ("codes.c", vec![]),
        ("misuse.c", vec![policy.clone()]),
        ("document.c", vec![policy.clone(), folder]),
        ("verify.c", vec![policy.clone(), good.clone(), other, Fixture::now()]),
        ("threads.c", vec![policy, good, Fixture::now()]),
    ]
}
