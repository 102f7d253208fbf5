//! The texts that are imported: files as they are named, and the manifests of folders.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::print::Complaint;

/// What stands in a file.
pub(super) struct Text {
    /// How it is called.
    pub(super) name: String,
    pub(super) octets: Vec<u8>,
}

/// All texts at `paths`, those of a folder in the order of their names, and how many folders stand in them.
///
/// Which files of a folder count is decided as by `uptls_manifest::kubernetes::load`.
pub(super) fn read(paths: &[PathBuf]) -> Result<(Vec<Text>, usize), Complaint> {
    let (mut files, mut folders) = (Vec::new(), 0);
    for path in paths {
        if path.is_dir() {
            let (found, inside) = list(path).map_err(|error| Complaint::unreadable(path, &error))?;
            folders += inside;
            files.extend(found);
        } else {
            files.push(path.clone());
        }
    }
    let mut total = 0;
    let mut texts = Vec::new();
    for file in files {
        let octets = one(&file).map_err(|error| Complaint::unreadable(&file, &error))?;
        total += octets.len();
        if total > MAX_OCTETS {
            return Err(Complaint::unreadable(&file, &io::Error::other("there are more than 64 MiB of manifests")));
        }
        texts.push(Text { name: file.display().to_string(), octets });
    }
    Ok((texts, folders))
}

/// The manifests of a folder, and how many folders it holds: what stands in those is not read.
fn list(folder: &Path) -> io::Result<(Vec<PathBuf>, usize)> {
    let (mut files, mut folders) = (Vec::new(), 0);
    for entry in folder.read_dir()? {
        let path = entry?.path();
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden {
            continue;
        }
        if path.is_dir() {
            folders += 1;
        } else if path.extension().is_some_and(|end| EXTENSIONS.iter().any(|wanted| end == *wanted)) {
            files.push(path);
        }
    }
    files.sort();
    match files.len() {
        0 => Err(io::Error::other("the folder holds no *.yaml, *.yml or *.json file")),
        1..=MAX_FILES => Ok((files, folders)),
        _ => Err(io::Error::other(format!("the folder holds more than {MAX_FILES} files"))),
    }
}

/// The reader refuses what is longer than 1 MiB, and says so: one octet more is enough for that (M10).
fn one(file: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(file)?.take(MAX_FILE + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];
const MAX_FILE: u64 = 1 << 20;
const MAX_FILES: usize = 10_000;
const MAX_OCTETS: usize = 64 << 20;
