//! Whether the files of a policy may have changed (R6): asked before each verification, without a thread and without waiting.
//!
//! Names are followed each time, so that swapped symbolic links (Kubernetes `..data`) show. What changed is only a reason to
//! read again; whether it is another generation, the content decides (R5).

use core::time::Duration;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use uptls::{Material, UpstreamTlsPolicy};

/// The files that decide a verdict, and how they were found.
pub(crate) struct Watch {
    files: Vec<PathBuf>,
    found: Vec<Result<State, io::ErrorKind>>,
    unsettled: Option<Unsettled>,
}

/// A file system stamps within a tick, which another write may share: for some time it is read again anyway.
struct Unsettled {
    next: Instant,
    until: Instant,
}

impl Watch {
    pub(crate) fn new(policy: &UpstreamTlsPolicy) -> Self {
        let lists = policy.revocation().map(|revocation| revocation.crls.as_slice()).unwrap_or_default();
        let bundles = policy.trust().bundles.iter().map(|bundle| &bundle.material);
        let files = bundles.chain(lists).filter_map(|material| match material {
            Material::File { base, path } => Some(base.as_deref().unwrap_or(Path::new("")).join(path)),
            _ => None,
        });
        let files: Vec<PathBuf> = files.collect();
        let found = files.iter().map(|file| State::of(file)).collect();
        let mut watch = Self { files, found, unsettled: None };
        watch.unsettle();
        watch
    }

    /// Whether something may have changed since the last call.
    pub(crate) fn has_changed(&mut self) -> bool {
        let mut changed = false;
        for (file, found) in self.files.iter().zip(&mut self.found) {
            let now = State::of(file);
            changed |= *found != now;
            *found = now;
        }
        if changed {
            self.unsettle();
            return true;
        }
        let now = Instant::now();
        match &mut self.unsettled {
            Some(unsettled) if now >= unsettled.until => self.unsettled = None,
            Some(unsettled) if now >= unsettled.next => unsettled.next = now + INTERVAL,
            _ => return false,
        }
        true
    }

    /// Says for some time that something has changed.
    fn unsettle(&mut self) {
        if !self.files.is_empty() {
            let now = Instant::now();
            self.unsettled = Some(Unsettled { next: now + INTERVAL, until: now + SETTLES });
        }
    }
}

/// What changes with each write, rename and change of permissions.
#[derive(Eq, PartialEq)]
struct State {
    changed: (i64, i64),
    device: u64,
    inode: u64,
    modified: (i64, i64),
    size: u64,
}

impl State {
    fn of(file: &Path) -> Result<Self, io::ErrorKind> {
        let metadata = fs::metadata(file).map_err(|error| error.kind())?;
        Ok(Self {
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            size: metadata.size(),
        })
    }
}

/// How often a file is read that may have been written twice in a tick: 50 ms.
const INTERVAL: Duration = Duration::from_millis(50);
/// Twice the coarsest stamps in use.
const SETTLES: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use uptls::danger::DangerPermission;

    use super::*;

    /// A watch over one file, which has rested.
    fn rested(file: &Path) -> Watch {
        fs::write(file, "a").unwrap();
        let text = format!(
            "{{apiVersion: uptls/v1, kind: UpstreamTlsPolicy, spec: {{trust: {{bundles: [{{file: {}}}]}}}}}}",
            file.display()
        );
        let draft = uptls_manifest::parse(text.as_bytes(), "test", None).unwrap();
        let mut watch = Watch::new(&UpstreamTlsPolicy::check(draft, DangerPermission::Forbidden).unwrap());
        assert!(watch.unsettled.take().is_some(), "what has just been written may have been written again");
        assert!(!watch.has_changed());
        watch
    }

    #[test]
    fn every_change_shows() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let other = folder.path().join("other");
        let changes: [&dyn Fn(); 4] = [
            &|| fs::write(&file, "ab").unwrap(),
            &|| fs::remove_file(&file).unwrap(),
            &|| {
                // Of the same size, in place.
                std::thread::sleep(Duration::from_millis(20));
                fs::write(&file, "b").unwrap();
            },
            &|| {
                fs::write(&other, "a").unwrap();
                fs::rename(&other, &file).unwrap();
            },
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut watch = rested(&file);
            change();
            assert!(watch.has_changed(), "change {number}");
        }
    }

    #[test]
    fn after_a_change_it_rests_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let mut watch = rested(&file);
        fs::write(&file, "ab").unwrap();
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
        let now = Instant::now();
        watch.unsettled = Some(Unsettled { next: now, until: now + SETTLES });
        assert!(watch.has_changed(), "now and then");
        assert!(!watch.has_changed());
        watch.unsettled = Some(Unsettled { next: now, until: now });
        assert!(watch.has_changed(), "and once more");
        assert!(!watch.has_changed() && watch.unsettled.is_none());
    }
}
