//! Reading a followed folder: file by file, and then what all of them come to.

use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use uptls::input::{Cause, read_start};
use uptls::{Problems, UpstreamTlsPolicy, WatchedFiles};
use zeroize::Zeroizing;

use super::ManifestFolder;
use super::file::{File, Seen};
use crate::ManifestSet;
use crate::kubernetes::{Document, Followable};
use crate::source::MAX_MANIFESTS;

/// What a watch has of a folder.
pub(super) struct FolderSource {
    files: BTreeMap<PathBuf, File>,
    folder: ManifestFolder,
    /// The folder and, if they are read, the folders in it.
    folders: Vec<PathBuf>,
    /// Whether the connectors are what the files come to.
    is_applied: bool,
    /// The folders in it that are gone or forbidden.
    lost: Vec<(PathBuf, Problems)>,
    /// Why the folder cannot be read, or is not there.
    unlisted: Option<Problems>,
    /// Why there are no policies, whatever the files say.
    unresolved: Option<Problems>,
    /// Files that a writer has changed and not closed.
    writers: BTreeSet<PathBuf>,
}

impl FolderSource {
    pub(super) fn new(folder: &ManifestFolder) -> Self {
        Self {
            files: BTreeMap::new(),
            folder: folder.clone(),
            folders: vec![folder.path().to_owned()],
            is_applied: false,
            lost: Vec::new(),
            unlisted: None,
            unresolved: None,
            writers: BTreeSet::new(),
        }
    }

    /// Reads each file. Whether another text counts, or none any more.
    fn read(&mut self, now: Instant) -> bool {
        let listed = match Followable::list(self.folder.path(), self.folder.0.recursively) {
            Ok(Followable { files, folders, lost }) => {
                (self.folders, self.lost, self.unlisted) = (folders, lost, None);
                files
            }
            Err((cause, problems)) => {
                self.unlisted = Some(problems);
                // R3: with the folder its files are gone. Of anything else nothing is known.
                let are_gone = cause == Cause::Gone && !self.files.is_empty();
                if are_gone {
                    self.files.clear();
                }
                return are_gone;
            }
        };
        let mut before = core::mem::take(&mut self.files);
        let mut changed = false;
        for path in listed {
            let mut file = before.remove(&path).unwrap_or_default();
            // One byte more than all manifests may have, so that more is seen.
            let limit = u64::try_from(MAX_MANIFESTS).unwrap_or(u64::MAX).saturating_add(1);
            let read = read_start(&path, limit);
            let is_busy = self.writers.contains(&place(&path));
            match file.take(&path.display().to_string(), read, is_busy, now) {
                Seen::Gone => {
                    changed |= file.good.is_some();
                    continue;
                }
                Seen::Changed => changed = true,
                Seen::Same => {}
            }
            self.files.insert(path, file);
        }
        changed || before.values().any(|gone| gone.good.is_some())
    }

    /// What the files come to: each policy to its connector, and no others.
    fn apply(&mut self) {
        let names: Vec<(String, &Zeroizing<Vec<u8>>)> = self
            .files
            .iter()
            .filter_map(|(path, file)| Some((path.display().to_string(), file.good.as_ref()?)))
            .collect();
        let shared = &self.folder.0;
        let documents = names.iter().map(|(name, text)| Document::new(name, text));
        let set = ManifestSet::new(documents, shared.registry.runtime(), shared.options.clone());
        // If the Gateway that the options name is not there, no backend has a policy (M6).
        self.unresolved = set.as_ref().err().cloned();
        let set = set.ok();
        let batch = set.iter().flat_map(ManifestSet::policies).map(|policy| {
            let checked =
                policy.draft.clone().and_then(|draft| UpstreamTlsPolicy::check(draft, shared.options.permission));
            (ManifestFolder::name_of(policy), checked)
        });
        drop(shared.registry.sync(batch));
        self.folder.state().set = set;
    }

    /// Says which files do not count as they are.
    fn tell(&self) {
        let of_files = self.files.iter().filter_map(|(path, file)| Some((path.clone(), file.problems.clone()?)));
        let of_folder = self.unlisted.as_ref().or(self.unresolved.as_ref());
        let of_folder = of_folder.map(|problems| (self.folder.path().to_owned(), problems.clone()));
        self.folder.state().problems = of_files.chain(of_folder).chain(self.lost.iter().cloned()).collect();
    }
}

impl WatchedFiles for FolderSource {
    fn directories(&self) -> BTreeSet<PathBuf> {
        // The folder itself may be replaced, and so may what its files lead to.
        let of_folders = self.folders.iter().flat_map(|folder| [folder.join("*.yaml"), folder.clone()]);
        uptls::watched_directories(&self.files.keys().cloned().chain(of_folders).collect::<Vec<_>>())
    }

    fn poll(&mut self, now: Instant, stopped: &AtomicBool) -> Instant {
        let changed = self.read(now);
        if stopped.load(Ordering::SeqCst) {
            return now + INTERVAL;
        }
        let is_known = self.unlisted.is_none() || changed;
        if changed || (is_known && !self.is_applied) {
            self.apply();
            self.is_applied = true;
        }
        self.tell();
        let soon = self.unlisted.as_ref().map(|_| now + SOON);
        self.files.values().filter_map(|file| file.next(now)).chain(soon).min().unwrap_or(now + INTERVAL)
    }

    fn writing(&mut self, path: &Path) {
        self.writers.insert(path.to_owned());
    }

    fn written(&mut self, path: &Path) {
        self.writers.remove(path);
    }

    fn forget_writers(&mut self) {
        self.writers.clear();
    }
}

impl fmt::Debug for FolderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FolderSource").field("folder", &self.folder).finish_non_exhaustive()
    }
}

/// Where a file is, as a watch calls it.
fn place(path: &Path) -> PathBuf {
    let real = std::fs::canonicalize(path);
    real.or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// How long the folder goes unread if no change is reported (R6).
const INTERVAL: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(1);
