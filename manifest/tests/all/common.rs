//! What the tests of this crate share: documents around a `spec`, and problems as rows of a table.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use uptls::danger::DangerPermission;
use uptls::{FixedClock, Problems, Runtime, UpstreamTlsPolicy};
use uptls_manifest::kubernetes::Document;

/// The lines of a text, each behind this many spaces.
pub(crate) fn indent(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}

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
        assert_eq!(&*origin.document, "policy.yaml", "{problem}");
        (problem.code().as_str().to_owned(), problem.path().to_owned(), origin.line, origin.column)
    };
    problems.iter().map(row).collect()
}

/// The texts of all problems with `text`.
pub(crate) fn messages(text: &[u8]) -> Vec<String> {
    check(text).err().iter().flat_map(Problems::iter).map(uptls::Problem::message).collect()
}

/// A runtime at the fixed time of the testkit.
pub(crate) fn runtime() -> Runtime {
    let clock = FixedClock::at(u64::try_from(uptls_testkit::NOW).unwrap());
    Runtime::builder(uptls::aws_lc_rs::provider()).clock(clock).build()
}

/// A folder of cases: `NAME.in.yaml` or `NAME.in.json`, each with a `NAME.out.json`. UPTLS_BLESS=1 writes the latter.
pub(crate) struct Cases {
    folder: PathBuf,
}

impl Cases {
    /// Those of a folder of `testdata`.
    pub(crate) fn of(folder: &str) -> Self {
        Self { folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(folder) }
    }

    /// Name and text of every case, in the order of the names.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        let named = self.files().into_iter().filter_map(|file| {
            let name = file.strip_suffix(".in.yaml").or_else(|| file.strip_suffix(".in.json"))?;
            Some((name.to_owned(), fs::read_to_string(self.folder.join(&file)).unwrap()))
        });
        named.collect()
    }

    /// The text of one.
    pub(crate) fn text(&self, name: &str) -> String {
        fs::read_to_string(self.folder.join(format!("{name}.in.yaml"))).unwrap()
    }

    /// Every case gives what is committed, every result belongs to a case, and there are at least so many.
    #[allow(clippy::disallowed_methods, reason = "UPTLS_BLESS=1 writes the files")]
    pub(crate) fn check(&self, at_least: usize, shown: impl Fn(&str) -> Value) {
        let bless = std::env::var("UPTLS_BLESS").is_ok_and(|value| value == "1");
        let cases = self.all();
        assert!(cases.len() >= at_least, "{}", cases.len());
        for (name, text) in &cases {
            let path = self.folder.join(format!("{name}.out.json"));
            let given = serde_json::to_string_pretty(&shown(text)).unwrap() + "\n";
            if bless {
                fs::write(&path, &given).unwrap();
            }
            assert!(!given.contains(KEY), "{name}");
            let wanted = fs::read_to_string(&path).unwrap_or_default();
            assert_eq!(given, wanted, "{name}: UPTLS_BLESS=1 rewrites it");
        }
        for file in self.files() {
            let Some(name) = file.strip_suffix(".out.json") else { continue };
            assert!(cases.iter().any(|(case, _)| case == name), "{file} has no case");
        }
    }

    /// Each document as a file of its own, forwards and backwards.
    pub(crate) fn order_does_not_count(&self, shown: impl Fn(&str, &[Document<'_>]) -> Value) {
        for (name, text) in self.all().into_iter().filter(|(name, _)| !name.contains("twice")) {
            let parts: Vec<_> = text.split("\n---\n").collect();
            let names: Vec<_> = (0..parts.len()).map(|index| format!("{index}.yaml")).collect();
            let mut documents: Vec<_> =
                names.iter().zip(&parts).map(|(name, part)| Document::new(name, part.as_bytes())).collect();
            let forwards = shown(&text, &documents);
            documents.reverse();
            assert_eq!(forwards, shown(&text, &documents), "{name}");
        }
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap();
        let mut files: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        files
    }
}

/// What stands in the cases where a private key would.
const KEY: &str = "not-a-key-but-secret";
