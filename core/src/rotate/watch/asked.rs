//! A watch without thread and descriptor: it is asked before each use whether a file may have changed (R6).
//!
//! Names are followed each time, so that swapped symbolic links (Kubernetes `..data`) show. What changed is only a reason to
//! read again; whether it is another generation, the content decides (R5).

use core::fmt;
use core::time::Duration;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::super::{FileSource, PollOutcome, Polled};

/// Keeps a connector in step with the files of its policy for a host that neither polls a descriptor for it nor lets it have a
/// thread: call [`AskedWatch::look`] before each use. It costs one `stat` of each file, and reads them only if that shows a
/// change, or if a change within one tick of the file system's clock could hide.
///
/// ```
#[doc = include_str!("../../../doc/policy.txt")]
/// use uptls::{AskedWatch, Connector, FileSource};
///
/// let connector = Connector::new(&runtime, &policy)?;
/// let mut watch = AskedWatch::new(FileSource::new(&connector, &policy));
/// watch.look();
/// assert_eq!(connector.state().as_str(), "ready");
/// # }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct AskedWatch {
    /// When the files are read although nothing changed; `None`: they are good.
    again: Option<Instant>,
    source: FileSource,
    stamps: Stamps,
}

impl AskedWatch {
    /// Follows the files of `source`. The first look reads them: they may have changed since the connector was made.
    pub fn new(source: FileSource) -> Self {
        let stamps = Stamps::new(&source.paths);
        Self { again: Some(Instant::now()), source, stamps }
    }

    /// Publishes or withdraws if a file has changed. It waits for nothing but regular files.
    pub fn look(&mut self) {
        let now = Instant::now();
        let is_due = self.again.is_some_and(|again| again <= now);
        // Asked in any case: it notes what it sees.
        if !self.stamps.have_changed() && !is_due {
            return;
        }
        let Polled { next, outcome } = self.source.poll(now);
        if !Arc::ptr_eq(&self.stamps.files, &self.source.paths) {
            self.stamps = Stamps::new(&self.source.paths);
        }
        let is_good = matches!(outcome, PollOutcome::Unchanged | PollOutcome::Updated(_));
        self.again = (!is_good).then_some(next);
    }
}

impl fmt::Debug for AskedWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskedWatch").field("source", &self.source).finish_non_exhaustive()
    }
}

/// Some files, and how they were found.
struct Stamps {
    files: Arc<[PathBuf]>,
    found: Vec<Result<State, io::ErrorKind>>,
    unsettled: Option<Unsettled>,
}

/// A file system stamps within a tick, which another write may share: for some time it is read again anyway.
struct Unsettled {
    next: Instant,
    until: Instant,
}

impl Stamps {
    fn new(files: &Arc<[PathBuf]>) -> Self {
        let found = files.iter().map(|file| State::of(file)).collect();
        let mut stamps = Self { files: Arc::clone(files), found, unsettled: None };
        stamps.unsettle();
        stamps
    }

    /// Whether something may have changed since the last call.
    fn have_changed(&mut self) -> bool {
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
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use super::*;

    /// The stamps of one file, which has rested.
    fn rested(file: &Path) -> Stamps {
        fs::write(file, "a").unwrap();
        let mut stamps = Stamps::new(&Arc::from([file.to_owned()]));
        assert!(stamps.unsettled.take().is_some(), "what has just been written may have been written again");
        assert!(!stamps.have_changed());
        stamps
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
            let mut stamps = rested(&file);
            change();
            assert!(stamps.have_changed(), "change {number}");
        }
    }

    #[test]
    fn after_a_change_it_rests_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let mut stamps = rested(&file);
        fs::write(&file, "ab").unwrap();
        assert!(stamps.have_changed());
        assert!(!stamps.have_changed());
        let now = Instant::now();
        stamps.unsettled = Some(Unsettled { next: now, until: now + SETTLES });
        assert!(stamps.have_changed(), "now and then");
        assert!(!stamps.have_changed());
        stamps.unsettled = Some(Unsettled { next: now, until: now });
        assert!(stamps.have_changed(), "and once more");
        assert!(!stamps.have_changed() && stamps.unsettled.is_none());
    }
}
