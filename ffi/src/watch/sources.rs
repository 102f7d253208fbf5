//! The connectors of a watch.

use std::io;
use std::os::fd::{AsRawFd as _, RawFd};
use std::sync::Arc;
use std::time::Instant;

use uptls::{DispatchedWatch, FileSource, WatchState, WatchedSource};

use crate::connector::Connector;

/// What a watch follows.
pub(crate) struct Sources {
    followed: Vec<(Arc<Connector>, WatchedSource)>,
    watch: DispatchedWatch,
}

impl Sources {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { followed: Vec::new(), watch: DispatchedWatch::new()? })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.watch.fd().map_or(-1, |fd| fd.as_raw_fd())
    }

    /// Why changes are not told by events; `None`: they are.
    pub(super) fn reason(&self) -> Option<String> {
        match self.watch.state() {
            WatchState::Polling { reason, .. } => reason,
            _ => None,
        }
    }

    /// When a dispatch is due: at once, where a connector was updated to another policy.
    pub(super) fn next(&self) -> Option<Instant> {
        self.watch.due()
    }

    /// `false` if it is there already.
    pub(super) fn add(&mut self, connector: Arc<Connector>, now: Instant) -> bool {
        if self.followed.iter().any(|(followed, _)| Arc::ptr_eq(followed, &connector)) {
            return false;
        }
        let source = self.watch.add(FileSource::following(connector.core()), now);
        self.followed.push((connector, source));
        true
    }

    pub(super) fn remove(&mut self, connector: &Arc<Connector>) {
        let gone = self.followed.extract_if(.., |(followed, _)| Arc::ptr_eq(followed, connector));
        gone.for_each(|(_, source)| self.watch.remove(source));
    }

    /// Reads what is due and gives how many connectors changed.
    pub(super) fn dispatch(&mut self, now: Instant) -> usize {
        self.watch.dispatch(now)
    }
}
