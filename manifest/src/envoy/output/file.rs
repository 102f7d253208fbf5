//! One file with CA certificates, which says whose it is.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use uptls::input::read_start;

use super::disk::{Disk, Mode};
use super::error::{OutputError, at};
use crate::envoy::mark::Mark;
use crate::envoy::owner::digest;

/// Puts `content` to `path`, if nothing is there or what the last export of `owner` wrote.
pub(super) fn publish(disk: &Disk<'_>, path: &Path, owner: &str, content: &[u8]) -> Result<(), OutputError> {
    let folder = parent(path);
    check_folder(folder)?;
    // Who is refused leaves no trace.
    let standing = Standing::of(path, owner)?;
    let temporary = folder.join(temporary_name(path, owner));
    if standing == Standing::Ours && fs::read(path).is_ok_and(|there| there == content) && !is_there(&temporary) {
        // R5.
        return disk.sync_folder(folder).map_err(at(path));
    }
    let file = lock_new(disk, &temporary).map_err(at(path))?;
    let moved =
        fill(disk, &file, &temporary, content).map_err(at(path)).and_then(|()| move_to(disk, &temporary, path, owner));
    if moved.is_err() {
        // What cannot be removed now is removed by the next export.
        let _ = disk.remove_file(&temporary);
    }
    moved?;
    disk.sync_folder(folder).map_err(at(path))
}

fn fill(disk: &Disk<'_>, file: &File, path: &Path, content: &[u8]) -> io::Result<()> {
    disk.write(file, path, content)?;
    disk.set_mode(file, path, Mode::Public)?;
    disk.sync(file, path)
}

/// Between the look at `path` and the rename another policy's export may come to it: what is new replaces nothing.
fn move_to(disk: &Disk<'_>, temporary: &Path, path: &Path, owner: &str) -> Result<(), OutputError> {
    loop {
        match Standing::of(path, owner)? {
            Standing::Ours => return disk.rename(temporary, path).map_err(at(path)),
            Standing::Free => match disk.rename_to_new(temporary, path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                moved => return moved.map_err(at(path)),
            },
        }
    }
}

/// What may be done to a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Standing {
    /// Nothing is there.
    Free,
    /// The last export of the same owner wrote what is there.
    Ours,
}

impl Standing {
    fn of(path: &Path, owner: &str) -> Result<Self, OutputError> {
        let foreign = |kind| OutputError::Foreign { path: path.to_owned(), kind };
        let metadata = match fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Free),
            Err(error) => return Err(at(path)(error)),
        };
        if !metadata.is_file() {
            return Err(foreign(kind(&metadata)));
        }
        let text = read_start(path, MAX_FILE).map_err(|failure| at(path)(io::Error::other(failure)))?;
        if u64::try_from(text.len()).unwrap_or(MAX_FILE) >= MAX_FILE {
            return Err(foreign("a file"));
        }
        match Mark::of(&text) {
            Mark::Of { owner: of, .. } if of == owner => Ok(Self::Ours),
            Mark::Of { description, .. } => {
                Err(OutputError::Another { path: path.to_owned(), owner: uptls::printable(description) })
            }
            Mark::Changed => Err(OutputError::Changed { path: path.to_owned() }),
            Mark::Missing => Err(foreign("a file")),
        }
    }
}

/// What is no file that was written here.
pub(super) fn kind(metadata: &Metadata) -> &'static str {
    match metadata.file_type() {
        kind if kind.is_dir() => "a folder",
        kind if kind.is_symlink() => "a symbolic link",
        kind if kind.is_file() => "a file",
        _ => "a device or pipe",
    }
}

/// Exports of one owner to one file wait for each other here. What a killed one left has content, and is made anew.
fn lock_new(disk: &Disk<'_>, path: &Path) -> io::Result<File> {
    loop {
        let file = disk.lock(path)?;
        let (locked, named) = (file.metadata()?, fs::symlink_metadata(path));
        // The one that had the lock has moved it to its place, or removed it.
        if !named.is_ok_and(|named| is_same(&named, &locked)) {
            continue;
        }
        if locked.len() == 0 {
            return Ok(file);
        }
        disk.remove_file(path)?;
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.created().ok() == other.created().ok()
}

/// One for each file and owner, so that what killed exports leave is one file.
fn temporary_name(path: &Path, owner: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    PathBuf::from(format!(".uptls-{}", digest(&[name, b"\0", owner.as_bytes()].concat())))
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

fn check_folder(folder: &Path) -> Result<(), OutputError> {
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(OutputError::NoFolder { path: folder.to_owned() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OutputError::MissingFolder { folder: folder.to_owned() })
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(OutputError::NoFolder { path: folder.to_owned() })
        }
        Err(error) => Err(at(folder)(error)),
    }
}

/// The folder that `path` is in.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Of what an export wrote; the bundles of a policy have 16 MiB each at most.
const MAX_FILE: u64 = 256 << 20;
