//! The files that a policy names, and the directories in which a change of them shows (R6).

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::material::{FileSet, Readings};
use crate::policy::{IdentitySpec, Material, SecretMaterial, UpstreamTlsPolicy, resolve};
use crate::runtime::Runtime;

/// Every file that `policy` names, once.
pub(super) fn named_by(policy: &UpstreamTlsPolicy) -> Vec<PathBuf> {
    let mut paths = in_order(policy);
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// The files of `policy`, as it names them.
pub(super) fn in_order(policy: &UpstreamTlsPolicy) -> Vec<PathBuf> {
    let public = |material: &Material| match material {
        Material::File { base, path } => Some(resolve(base.as_deref(), path)),
        Material::Inline { .. } => None,
    };
    let secret = |material: &SecretMaterial| match material {
        SecretMaterial::File { base, path } => Some(resolve(base.as_deref(), path)),
        SecretMaterial::External(_) | SecretMaterial::Inline(_) => None,
    };
    let mut paths: Vec<PathBuf> = policy.trust().bundles.iter().filter_map(|bundle| public(&bundle.material)).collect();
    paths.extend(policy.revocation().iter().flat_map(|spec| &spec.crls).filter_map(public));
    if let Some(IdentitySpec { certificate, key, passphrase }) = policy.identity() {
        paths.extend(public(certificate));
        paths.extend(secret(key));
        paths.extend(passphrase.as_ref().and_then(secret));
    }
    paths
}

/// The content of `paths` with every symlink leading to the same place before and after; `None` if they were swapped each
/// time. Without this the certificate could be of one state and the CA of the next. What is missing is looked for twice: a
/// directory that a swap left behind can be deleted on the way.
pub(super) fn read(runtime: &Runtime, paths: &[PathBuf], readings: &Readings) -> Option<FileSet> {
    let places = || -> Vec<Option<PathBuf>> { paths.iter().map(|path| fs::canonicalize(path).ok()).collect() };
    let mut before = places();
    let mut missed = false;
    for _ in 0..READS {
        let files = FileSet::read(runtime, paths, &before, readings);
        let after = places();
        if before == after && (missed || !files.is_withdrawn()) {
            return Some(files);
        }
        missed = before == after;
        before = after;
    }
    None
}

/// Where changes of some files show. Sources of the same files share one.
#[derive(Default, PartialEq)]
pub(super) struct Ways {
    /// The directories that hold the files, and those of every symlink on the way there: Kubernetes swaps `..data`, which
    /// lies beside the file as it is named, or further up. For what does not exist, the directory in which it would appear.
    pub(super) directories: BTreeSet<PathBuf>,
    /// The files themselves, behind the last symlink, as absolute paths.
    pub(super) places: BTreeSet<PathBuf>,
    /// The directories as absolute paths, which is how a watch calls them.
    pub(super) watched: Arc<BTreeSet<PathBuf>>,
}

impl Ways {
    pub(super) fn to(paths: &[PathBuf]) -> Self {
        let mut ways = Self::default();
        for path in paths {
            let place = follow(path, &mut ways.directories);
            ways.places.extend(place.map(|place| absolute(&place)));
        }
        ways.watched = Arc::new(ways.directories.iter().map(|directory| absolute(directory)).collect());
        ways
    }
}

/// The directories in which a change of the files at `paths` shows: those that hold them, and those of every symlink on the way.
pub fn watched_directories(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    Ways::to(paths).directories
}

/// As one name for one place: watches name paths as they were told to.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The place of the file, if all that leads there exists.
fn follow(path: &Path, directories: &mut BTreeSet<PathBuf>) -> Option<PathBuf> {
    let parts = |path: &Path| -> VecDeque<OsString> {
        path.components().map(|component| component.as_os_str().to_owned()).collect()
    };
    let mut rest = parts(path);
    let mut at = PathBuf::new();
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        let next = at.join(part);
        if let Ok(target) = fs::read_link(&next) {
            directories.insert(named(&at));
            links += 1;
            if links > MAX_LINKS {
                return None;
            }
            rest = parts(&target).into_iter().chain(rest).collect();
            if target.is_absolute() {
                at = PathBuf::new();
            }
        } else if rest.is_empty() || fs::symlink_metadata(&next).is_err() {
            directories.insert(named(&at));
            return rest.is_empty().then_some(next);
        } else {
            at = next;
        }
    }
    None
}

/// The empty path is the current directory.
fn named(directory: &Path) -> PathBuf {
    if directory.as_os_str().is_empty() { PathBuf::from(".") } else { directory.to_path_buf() }
}

/// A swap takes longer than a read; a reader that waits in between does not meet five in a row.
const READS: usize = 5;
/// What Linux follows.
const MAX_LINKS: usize = 40;
