//! Manifests in files: a file, or all files of a folder.

use std::path::{Path, PathBuf};

use uptls::Problems;

use super::documents::Objects;
use super::imported::Imported;
use crate::position::{Fault, Notes, Place};
use crate::source;

/// Imports the file at `path`, or every `*.yaml`, `*.yml` and `*.json` file in the folder at `path`, in the order of their
/// names. Folders in it are counted as ignored, and so is nothing else; names that begin with a dot do not count.
///
/// A file in the folder that cannot be read is in [`Imported::diagnostics`].
///
/// # Errors
/// `document_parse` if there is no file or folder at `path`, or it holds no manifest; `document_too_large` if it holds more
/// files or octets than anybody should have.
pub fn load(path: &Path) -> Result<Imported, Problems> {
    load_all([path])
}

/// Imports several files and folders together, each as [`load`] does. The limits are for each of them.
///
/// # Errors
/// Those of [`load`], for the first path that has any.
pub fn load_all<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Result<Imported, Problems> {
    let mut objects = Objects::default();
    for path in paths {
        add(&mut objects, path)?;
    }
    Ok(objects.finish())
}

fn add(objects: &mut Objects, path: &Path) -> Result<(), Problems> {
    let files = if path.is_dir() { list(path, objects) } else { Ok(vec![path.to_path_buf()]) };
    let files = files.map_err(|fault| refuse(path, fault))?;
    let mut total = 0_usize;
    for file in &files {
        let name = file.display().to_string();
        match source::load_file(file) {
            Ok(octets) => {
                total = total.saturating_add(octets.len());
                if total > MAX_OCTETS {
                    return Err(refuse(path, Fault::too_large(Place::START, "the limit of 64 MiB of manifests")));
                }
                objects.read(&name, &octets);
            }
            Err(fault) if files.len() == 1 => return Err(refuse(file, fault)),
            Err(fault) => objects.fault(&name, fault),
        }
    }
    Ok(())
}

fn list(path: &Path, objects: &mut Objects) -> Result<Vec<PathBuf>, Fault> {
    let unreadable = |error: std::io::Error| Fault::parse(Place::START, format!("the folder cannot be read: {error}"));
    let mut files = Vec::new();
    for entry in path.read_dir().map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let is_hidden = file.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_hidden {
            continue;
        }
        if file.is_dir() {
            objects.ignore("(folder)");
        } else if file.extension().is_some_and(|end| EXTENSIONS.iter().any(|wanted| end == *wanted)) {
            files.push(file);
        }
    }
    files.sort();
    match files.len() {
        0 => Err(Fault::parse(Place::START, "the folder holds no *.yaml, *.yml or *.json file")),
        1..=MAX_FILES => Ok(files),
        _ => Err(Fault::too_large(Place::START, format!("the limit of {MAX_FILES} files"))),
    }
}

fn refuse(path: &Path, fault: Fault) -> Problems {
    let name = path.display().to_string();
    let notes = Notes::new(&name);
    notes.fault(fault);
    notes.refuse()
}

const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];
const MAX_FILES: usize = 10_000;
const MAX_OCTETS: usize = 64 << 20;
