//! The folder of file-based SDS. Files are named by their content: equal ones are one, and unequal ones never meet. Each policy
//! has a folder of its own, with one link to its state.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::disk::{Disk, Mode};
use super::error::{OutputError, at};
use super::file::{kind, parent};
use crate::envoy::exported::{ExportedFile, Secrecy};
use crate::envoy::owner::hex;
use crate::envoy::sds::{CERTIFICATE, CURRENT, VALIDATION, file_name};

/// Makes `files` the state of the policy that has the folder `policy` in `folder`.
pub(super) fn publish(
    disk: &Disk<'_>,
    folder: &Path,
    policy: &Path,
    files: &[ExportedFile],
) -> Result<(), OutputError> {
    let store = folder.join(STORE);
    make_folder(disk, folder)?;
    make_own_folder(disk, &store)?;
    let lock = store.join(LOCK);
    // Held to the end: another export would remove what no link names yet.
    let held = disk.lock(&lock).map_err(at(&lock))?;
    let state = State::of(files);
    sweep(disk, folder, &store, &state.name);
    keep(disk, &store, &state)?;
    make_own_folder(disk, policy)?;
    point(disk, policy, &state.name)?;
    drop(held);
    Ok(())
}

/// What one export writes, and the digest of it.
struct State<'a> {
    files: Vec<(OsString, &'a ExportedFile)>,
    name: String,
}

impl<'a> State<'a> {
    fn of(files: &'a [ExportedFile]) -> Self {
        let name = |file: &ExportedFile| file.path.file_name().unwrap_or_default().to_owned();
        let mut files: Vec<_> = files.iter().map(|file| (name(file), file)).collect();
        files.sort_by(|one, other| one.0.cmp(&other.0));
        let mut digest = Sha256::new();
        for (name, file) in &files {
            for part in [name.as_encoded_bytes(), &file.content] {
                digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
                digest.update(part);
            }
        }
        Self { name: hex(&digest.finalize()), files }
    }

    /// A key lies in a folder that only its owner may enter.
    fn mode(&self) -> Mode {
        if self.files.iter().any(|(_, file)| file.secrecy == Secrecy::OwnerOnly) { Mode::Owner } else { Mode::Public }
    }
}

/// The folder that was given, which is made if it is missing, and whose parent must be there.
fn make_folder(disk: &Disk<'_>, path: &Path) -> Result<(), OutputError> {
    match disk.make_folder(path, Mode::Owner) {
        Ok(()) => {}
        Err(error) => match error.kind() {
            io::ErrorKind::AlreadyExists if fs::metadata(path).is_ok_and(|there| there.is_dir()) => {}
            io::ErrorKind::AlreadyExists => return Err(OutputError::NoFolder { path: path.to_owned() }),
            io::ErrorKind::NotFound => return Err(OutputError::MissingFolder { folder: parent(path).to_owned() }),
            io::ErrorKind::NotADirectory => return Err(OutputError::NoFolder { path: parent(path).to_owned() }),
            _ => return Err(at(path)(error)),
        },
    }
    // One that was there may be of an export that was stopped before this.
    disk.sync_folder(parent(path)).map_err(at(path))
}

/// A folder of our own in it: no link, from which `..` would lead elsewhere.
fn make_own_folder(disk: &Disk<'_>, path: &Path) -> Result<(), OutputError> {
    match disk.make_folder(path, Mode::Public) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let there = fs::symlink_metadata(path).map_err(at(path))?;
            if !there.is_dir() {
                return Err(OutputError::Foreign { path: path.to_owned(), kind: kind(&there) });
            }
        }
        Err(error) => return Err(at(path)(error)),
    }
    disk.sync_folder(parent(path)).map_err(at(path))
}

/// Puts the state into the store, unless it is there.
fn keep(disk: &Disk<'_>, store: &Path, state: &State<'_>) -> Result<(), OutputError> {
    let place = store.join(&state.name);
    match fs::symlink_metadata(&place) {
        Ok(_) if is_intact(&place, state) => return Ok(()),
        // Envoys may be reading it.
        Ok(_) => return Err(OutputError::Changed { path: place }),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(at(&place)(error)),
        Err(_) => {}
    }
    let fresh = store.join(FRESH);
    discard(disk, &fresh);
    let written = fill(disk, &fresh, state).and_then(|()| disk.rename(&fresh, &place));
    if written.is_err() {
        discard(disk, &fresh);
    }
    written.and_then(|()| disk.sync_folder(store)).map_err(at(&place))
}

fn fill(disk: &Disk<'_>, fresh: &Path, state: &State<'_>) -> io::Result<()> {
    disk.make_folder(fresh, Mode::Owner)?;
    for (name, ExportedFile { content, secrecy, .. }) in &state.files {
        let path = fresh.join(name);
        let file = disk.create(&path)?;
        disk.write(&file, &path, content)?;
        if *secrecy == Secrecy::Public {
            disk.set_mode(&file, &path, Mode::Public)?;
        }
        disk.sync(&file, &path)?;
    }
    if state.mode() == Mode::Public {
        disk.set_mode(&fs::File::open(fresh)?, fresh, Mode::Public)?;
    }
    disk.sync_folder(fresh)
}

/// Whether what is at `place` is still what its name says.
fn is_intact(place: &Path, state: &State<'_>) -> bool {
    let same = |(name, file): &(OsString, &ExportedFile)| {
        let path = place.join(name);
        let mode = if file.secrecy == Secrecy::OwnerOnly { Mode::Owner } else { Mode::Public };
        let is_as_written = |metadata: fs::Metadata| {
            metadata.is_file()
                && u64::try_from(file.content.len()).is_ok_and(|length| length == metadata.len())
                && mode.is_kept(&metadata)
        };
        fs::symlink_metadata(&path).is_ok_and(is_as_written) && holds(&path, &file.content).is_ok_and(|holds| holds)
    };
    state.files.iter().all(same)
}

/// Whether a file begins with `content`. One buffer, which never grows: it may be a key (I6).
fn holds(path: &Path, content: &[u8]) -> io::Result<bool> {
    let mut there = Zeroizing::new(vec![0; content.len()]);
    fs::File::open(path)?.read_exact(&mut there)?;
    Ok(*there == content)
}

/// Moves the link of a policy to a state. An equal state wakes no Envoy (R5).
fn point(disk: &Disk<'_>, policy: &Path, state: &str) -> Result<(), OutputError> {
    let (current, next) = (policy.join(CURRENT), policy.join(NEXT));
    let target: PathBuf = [Path::new(".."), Path::new(STORE), Path::new(state)].iter().collect();
    if target_of(&current)?.is_none_or(|there| there != target) {
        // What a killed export left.
        if target_of(&next)?.is_some() {
            disk.remove_file(&next).map_err(at(&next))?;
        }
        disk.link(&target, &next).map_err(at(&next))?;
        if let Err(error) = disk.rename(&next, &current) {
            let _ = disk.remove_file(&next);
            return Err(at(&current)(error));
        }
    }
    disk.sync_folder(policy).map_err(at(&current))
}

/// Where a link leads that an export made; `None` if nothing is there.
fn target_of(link: &Path) -> Result<Option<PathBuf>, OutputError> {
    match fs::symlink_metadata(link) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at(link)(error)),
        Ok(metadata) if !metadata.is_symlink() => {
            return Err(OutputError::Foreign { path: link.to_owned(), kind: kind(&metadata) });
        }
        Ok(_) => {}
    }
    let target = fs::read_link(link).map_err(at(link))?;
    match state_of(&target) {
        Some(_) => Ok(Some(target)),
        None => Err(OutputError::Foreign { path: link.to_owned(), kind: "a symbolic link" }),
    }
}

/// The name of the state that a link of ours leads to.
fn state_of(target: &Path) -> Option<OsString> {
    let name = target.strip_prefix("..").ok()?.strip_prefix(STORE).ok()?;
    is_state(name.as_os_str()).then(|| name.as_os_str().to_owned())
}

fn is_state(name: &std::ffi::OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.len() == 64 && bytes.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Removes the states that no link names, but for `wanted`, as far as it can be done: what is left is for the next export. A
/// state that this export replaces has its link still, and stays for a reader that is on its way.
fn sweep(disk: &Disk<'_>, folder: &Path, store: &Path, wanted: &str) {
    // Where not every link can be read, each state may be one that is named.
    let Ok(named) = named_states(folder) else { return };
    let Ok(entries) = fs::read_dir(store) else { return };
    for name in entries.flatten().map(|entry| entry.file_name()) {
        if is_state(&name) && name != *wanted && !named.contains(&name) {
            discard(disk, &store.join(name));
        }
    }
}

fn named_states(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    let mut named = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        match fs::read_link(entry?.path().join(CURRENT)) {
            Ok(target) => named.extend(state_of(&target)),
            Err(error) if NO_LINK.contains(&error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(named)
}

/// Removes the folder of a state, and what an export put into it: with anything else in it, it stays.
fn discard(disk: &Disk<'_>, state: &Path) {
    for name in [CERTIFICATE, VALIDATION] {
        let _ = disk.remove_file(&state.join(file_name(name)));
    }
    let _ = disk.remove_folder(state);
}

const FRESH: &str = "new";
const LOCK: &str = "lock";
const NEXT: &str = "next";
/// What an entry of the folder has that is no policy's.
const NO_LINK: [io::ErrorKind; 3] =
    [io::ErrorKind::InvalidInput, io::ErrorKind::NotADirectory, io::ErrorKind::NotFound];
const STORE: &str = ".uptls";
