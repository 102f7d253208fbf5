//! What the tests of this crate share: documents around a `spec`, and problems as rows of a table.

use uptls::danger::DangerPermission;
use uptls::{FixedClock, Problems, Runtime, UpstreamTlsPolicy};

/// A document whose `spec` is `spec`, already indented; its first line is line 5.
pub(crate) fn document(spec: &str) -> String {
    format!("apiVersion: uptls/v1\nkind: UpstreamTlsPolicy\nmetadata: {{name: payments}}\nspec:\n{spec}")
}

/// Reads and checks.
pub(crate) fn check(text: &[u8]) -> Result<UpstreamTlsPolicy, Problems> {
    let draft = uptls_manifest::parse(text, "policy.yaml", None)?;
    UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden)
}

/// What is wrong with `text`: code, path, line and column of each problem.
pub(crate) fn problems(text: &[u8]) -> Vec<(String, String, u64, u64)> {
    let Err(problems) = check(text) else { return Vec::new() };
    let row = |problem: &uptls::Problem| {
        let origin = problem.origin().cloned().unwrap_or_default();
        assert_eq!(origin.document, "policy.yaml", "{problem}");
        (problem.code().as_str().to_owned(), problem.path().to_owned(), origin.line, origin.column)
    };
    problems.iter().map(row).collect()
}

/// The texts of all problems with `text`.
pub(crate) fn messages(text: &[u8]) -> Vec<String> {
    check(text).err().iter().flat_map(Problems::iter).map(ToString::to_string).collect()
}

/// A runtime at the fixed time of the testkit.
pub(crate) fn runtime() -> Runtime {
    let clock = FixedClock::at(u64::try_from(uptls_testkit::NOW).unwrap());
    Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build()
}
