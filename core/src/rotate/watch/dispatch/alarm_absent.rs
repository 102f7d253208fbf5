//! Where the system has no inotify: nothing to poll, only times.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Instant;

use super::Changes;

/// Nothing wakes: the caller sleeps until the next source is due.
pub(super) struct Alarm;

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    pub(super) fn reason(&self) -> Option<String> {
        Some("this system has no inotify".to_owned())
    }

    pub(super) fn arm(&mut self, _: &BTreeSet<PathBuf>, _: &BTreeSet<PathBuf>) {}

    pub(super) fn take(&mut self) -> Changes {
        Changes::default()
    }

    pub(super) fn set(&self, _: Option<Instant>, _: Instant) {}
}
