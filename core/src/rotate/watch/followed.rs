//! What a watch follows: the files of one policy, or something else that is made of files.

use core::fmt;
use core::sync::atomic::AtomicBool;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::super::{FileSource, Mark};
use super::Writer;

/// Something made of files that a [`Watch`](super::Watch) follows, beside the files that policies name
/// ([`FileSource`]): a folder of manifests, for example. The watch calls it from one thread at a time.
///
/// A panic ends the step, not the watch, and is logged once.
pub trait WatchedFiles: fmt::Debug + Send {
    /// The directories in which a change shows. They are watched before [`WatchedFiles::poll`], and asked for again after it.
    fn directories(&self) -> BTreeSet<PathBuf>;

    /// Reads what there is, and says when to do so again if no change is reported. `now` is monotonic. Once `stopped` is true
    /// the source was removed, or the watch has ended: nothing that was read may be published then.
    fn poll(&mut self, now: Instant, stopped: &AtomicBool) -> Instant;

    /// A writer has changed the file at `path`, an absolute path, and has not closed it: half a file may parse.
    fn writing(&mut self, path: &Path);

    /// The writer of `path` has closed it, or another file is there by now.
    fn written(&mut self, path: &Path);

    /// Events were lost: no writer is known to be busy any more.
    fn forget_writers(&mut self);
}

/// One source of a watch.
pub(crate) enum Followed {
    /// What a policy names.
    Files(Box<FileSource>),
    /// Anything else.
    Other(Box<dyn WatchedFiles>, Arc<AtomicBool>),
}

impl From<FileSource> for Followed {
    fn from(source: FileSource) -> Self {
        Self::Files(Box::new(source))
    }
}

impl Followed {
    pub(super) fn stop_with(&mut self, stopped: &Arc<AtomicBool>) {
        match self {
            Self::Files(source) => source.stop_with(stopped),
            Self::Other(_, mine) => *mine = Arc::clone(stopped),
        }
    }

    /// One step. When the next one is due.
    pub(super) fn poll(&mut self, now: Instant) -> Instant {
        match self {
            Self::Files(source) => source.poll(now).next,
            Self::Other(source, stopped) => source.poll(now, stopped),
        }
    }

    /// Whether its connector went over to another policy.
    #[cfg(unix)]
    pub(super) fn is_behind(&self) -> bool {
        match self {
            Self::Files(source) => source.is_behind(),
            Self::Other(..) => false,
        }
    }

    /// What a change of counts; `None`: it is not one connector.
    pub(super) fn standing(&self) -> Option<Mark> {
        match self {
            Self::Files(source) => Some(source.connector.mark()),
            Self::Other(..) => None,
        }
    }

    /// `path` is absolute.
    pub(super) fn note(&mut self, path: &Arc<Path>, writer: Writer) {
        match (self, writer) {
            (Self::Files(source), Writer::Busy) => source.is_writing(path),
            (Self::Files(source), Writer::Done) => source.has_written(path),
            (Self::Other(source, _), Writer::Busy) => source.writing(path),
            (Self::Other(source, _), Writer::Done) => source.written(path),
            (Self::Files(_) | Self::Other(..), Writer::Unknown) => {}
        }
    }

    pub(super) fn forget_writers(&mut self) {
        match self {
            Self::Files(source) => source.forget_writers(),
            Self::Other(source, _) => source.forget_writers(),
        }
    }
}

impl fmt::Debug for Followed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(source) => source.fmt(f),
            Self::Other(source, _) => source.fmt(f),
        }
    }
}
