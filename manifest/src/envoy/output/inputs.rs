//! What an output must never replace: what the policy is made of, whatever it is called.

use std::fs;
use std::path::{Path, PathBuf};

use super::error::OutputError;
use crate::kubernetes::{is_manifest, manifest_files};

/// Refuses `output` if it is one of `reads`, by another name, a symbolic or a hard link, too. Of a folder among them each
/// manifest counts, and so does what would become one.
pub(super) fn refuse(output: &Path, reads: &[PathBuf]) -> Result<(), OutputError> {
    for input in reads {
        let is_folder = input.is_dir();
        let files = if is_folder { manifest_files(input) } else { vec![input.clone()] };
        let is_within = || output.parent().is_some_and(|folder| is_same(folder, input));
        let becomes_one = is_folder && is_manifest(output) && is_within();
        let same = files.iter().find(|file| is_same(output, file));
        if let Some(input) = same.or(becomes_one.then_some(input)) {
            return Err(OutputError::Input { path: output.to_owned(), input: input.clone() });
        }
    }
    Ok(())
}

/// Whether two paths lead to one thing.
fn is_same(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| std::path::absolute(path).ok();
    let lexically = absolute(one).zip(absolute(other)).is_some_and(|(one, other)| one == other);
    lexically || identity(one).zip(identity(other)).is_some_and(|(one, other)| one == other)
}

/// What a path leads to, through all links.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(if path.as_os_str().is_empty() { Path::new(".") } else { path }).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}
