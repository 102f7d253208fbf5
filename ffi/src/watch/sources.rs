//! The connectors of a watch, and when the files of each are read next.

use core::mem;
use core::time::Duration;
use std::collections::BTreeSet;
use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use uptls::{ConnectorState, FileSource, Generation, Prepared};

use super::inotify::Alarm;
use crate::connector::Connector;

/// What a watch follows.
pub(crate) struct Sources {
    alarm: Alarm,
    followed: Vec<Followed>,
}

/// One connector.
struct Followed {
    /// Since when its directories have been changing.
    changing: Option<Instant>,
    connector: Arc<Connector>,
    /// Whose files `source` reads.
    given: Option<Arc<Prepared>>,
    next: Instant,
    /// `None`: the connector has no policy.
    source: Option<FileSource>,
}

impl Sources {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { alarm: Alarm::new()?, followed: Vec::new() })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.alarm.fd()
    }

    /// Why changes are not told by events; `None`: they are.
    pub(super) fn reason(&self) -> Option<&str> {
        self.alarm.reason()
    }

    /// When a dispatch is due: at once, where a connector was updated to another policy.
    pub(super) fn next(&self) -> Option<Instant> {
        self.followed.iter().map(|followed| if followed.is_stale() { Instant::now() } else { followed.next }).min()
    }

    /// `false` if it is there already.
    pub(super) fn add(&mut self, connector: Arc<Connector>, now: Instant) -> bool {
        if self.followed.iter().any(|followed| Arc::ptr_eq(&followed.connector, &connector)) {
            return false;
        }
        self.followed.push(Followed { changing: None, connector, given: None, next: now, source: None });
        self.alarm.set(self.next(), now);
        true
    }

    pub(super) fn remove(&mut self, connector: &Arc<Connector>) {
        self.followed.retain(|followed| !Arc::ptr_eq(&followed.connector, connector));
        self.arm();
        self.alarm.set(self.next(), Instant::now());
    }

    /// Reads what is due and gives how many connectors changed.
    pub(super) fn dispatch(&mut self, now: Instant) -> usize {
        let changes = self.alarm.take();
        for followed in &mut self.followed {
            followed.renew(now);
            let Some(source) = &mut followed.source else { continue };
            changes.tell(source);
            if changes.concern(source.directories()) {
                followed.put_off(now);
            }
        }
        let before: Vec<_> = self.followed.iter().map(Followed::standing).collect();
        // Watched first and read afterwards: what changes in between is seen. Where reading finds other directories, they
        // are watched, and read again.
        for _ in 0..ROUNDS {
            if !self.followed.iter().any(|followed| followed.next <= now) {
                break;
            }
            self.arm();
            self.followed.iter_mut().filter(|followed| followed.next <= now).for_each(|followed| followed.step(now));
        }
        self.alarm.set(self.next(), Instant::now());
        self.followed.iter().zip(before).filter(|(followed, before)| followed.standing() != *before).count()
    }

    fn arm(&mut self) {
        let sources = self.followed.iter().filter_map(|followed| followed.source.as_ref());
        let directories: BTreeSet<PathBuf> = sources.flat_map(FileSource::directories).map(ToOwned::to_owned).collect();
        self.alarm.arm(&directories);
    }
}

impl Followed {
    fn is_stale(&self) -> bool {
        self.given.as_ref().map(Arc::as_ptr) != self.connector.hold().as_ref().map(Arc::as_ptr)
    }

    /// A connector that was updated to another policy gets another source.
    fn renew(&mut self, now: Instant) {
        if !self.is_stale() {
            return;
        }
        let given = self.connector.given();
        self.source = given.as_ref().map(|given| FileSource::new(self.connector.core(), given.policy()));
        self.given = given;
        self.next = now;
    }

    /// A writer gets a moment to finish what it began.
    fn put_off(&mut self, now: Instant) {
        let first = *self.changing.get_or_insert(now);
        self.next = (now + QUIET).min(first + MAX_QUIET);
    }

    fn step(&mut self, now: Instant) {
        // An update that comes between makes it a source of another policy, which publishes nothing.
        let is_current = !self.is_stale();
        let Some(source) = self.source.as_mut().filter(|_| is_current) else {
            self.next = now + IDLE;
            return;
        };
        let before: Vec<PathBuf> = source.directories().map(ToOwned::to_owned).collect();
        let polled = source.poll(now);
        let moved = !source.directories().eq(before.iter().map(PathBuf::as_path));
        self.next = if moved { now } else { polled.next };
        self.changing = None;
    }

    /// What a change of counts.
    fn standing(&self) -> (Generation, mem::Discriminant<ConnectorState>) {
        let core = self.connector.core();
        (core.generation(), mem::discriminant(&core.state()))
    }
}

const IDLE: Duration = Duration::from_secs(10);
/// How long nothing must change until files are read, and how long that can put it off.
const QUIET: Duration = Duration::from_millis(50);
const MAX_QUIET: Duration = Duration::from_secs(1);
/// Directories that move all the time are read again with the next dispatch.
const ROUNDS: usize = 3;
