//! The vectors as they are committed: what every runner reads.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use uptls::danger::DangerPermission;
use uptls::{FixedClock, Report, Runtime};

use crate::vectors::CaseFile;

/// A folder of `testdata/vectors/cases`.
pub struct Committed {
    /// `case.json`.
    pub case: CaseFile,
    /// Where it is.
    pub folder: PathBuf,
    /// The name of the folder.
    pub name: String,
}

impl Committed {
    /// Every folder, by name.
    pub fn all() -> Vec<Self> {
        let entries = fs::read_dir(root().join("cases")).expect("the vectors are committed");
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.expect("a folder").path()).collect();
        folders.sort();
        folders.into_iter().map(|folder| Self::read(&folder)).collect()
    }

    /// One folder.
    pub fn read(folder: &Path) -> Self {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name in ASCII").to_owned();
        let text = fs::read(folder.join("case.json")).unwrap_or_else(|error| panic!("{name}/case.json: {error}"));
        let case = serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{name}/case.json: {error}"));
        Self { case, folder: folder.to_owned(), name }
    }

    /// A file of the folder.
    pub fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder.join(name)).unwrap_or_else(|error| panic!("{}/{name}: {error}", self.name))
    }

    /// Whether the caller permits weakenings.
    pub fn permission(&self) -> DangerPermission {
        match self.case.permission.as_str() {
            "allow" => DangerPermission::Allowed,
            "forbid" => DangerPermission::Forbidden,
            other => panic!("{}: {other} is not a permission", self.name),
        }
    }

    /// A runtime of its own, whose clock stands where the case says.
    pub fn runtime(&self) -> Runtime {
        Runtime::builder(uptls::aws_lc_rs::provider()).clock(FixedClock::at(self.case.at)).build()
    }

    /// What the Rust face says.
    pub fn judge(&self) -> Report {
        uptls_manifest::verify_document(
            &self.runtime(),
            &self.file(&self.case.document),
            &self.case.document,
            Some(&self.folder),
            self.permission(),
            &self.file("chain.pem"),
            self.case.host.as_deref(),
        )
    }
}

/// `testdata/vectors`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/vectors")
}

/// Every file below a folder, by its path in it.
pub fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in ASCII").to_owned();
        if path.is_dir() {
            files.extend(tree(&path).into_iter().map(|(below, content)| (format!("{name}/{below}"), content)));
        } else {
            files.insert(name, fs::read(&path).expect("a readable file"));
        }
    }
    files
}
