//! Where the system has no inotify: nothing to poll, only times.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

use uptls::FileSource;

/// Nothing wakes: the caller sleeps until `uptls_watch_timeout_ms`.
pub(super) struct Alarm;

/// Nothing is known to have changed.
pub(super) struct Changes;

impl Changes {
    pub(super) fn concern<'a>(&self, _: impl Iterator<Item = &'a Path>) -> bool {
        false
    }

    pub(super) fn tell(&self, _: &mut FileSource) {}
}

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) fn fd(&self) -> RawFd {
        -1
    }

    pub(super) fn reason(&self) -> Option<&str> {
        Some("this system has no inotify")
    }

    pub(super) fn arm(&mut self, _: &BTreeSet<PathBuf>) {}

    pub(super) fn take(&mut self) -> Changes {
        Changes
    }

    pub(super) fn set(&self, _: Option<Instant>, _: Instant) {}
}
