//! What wakes a watch on Linux: inotify and a timer behind one epoll descriptor.

use core::mem::MaybeUninit;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::event::epoll;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

/// One descriptor that can be read when a directory changed or the time has come.
pub(super) struct Alarm {
    epoll: OwnedFd,
    /// `None`: the system gives none, and the timer alone remains.
    inotify: Option<OwnedFd>,
    timer: OwnedFd,
    /// What each watch of the system stands for; two paths may lead to one directory.
    watched: BTreeMap<i32, BTreeSet<PathBuf>>,
}

/// What changed.
#[derive(Default)]
pub(super) struct Changes {
    directories: BTreeSet<PathBuf>,
    /// Events were lost.
    everything: bool,
}

impl Changes {
    /// Whether something in one of `directories` changed.
    pub(super) fn concern<'a>(&self, mut directories: impl Iterator<Item = &'a Path>) -> bool {
        self.everything || directories.any(|directory| self.directories.contains(directory))
    }
}

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).ok();
        if let Some(inotify) = &inotify {
            epoll::add(&epoll, inotify, epoll::EventData::new_u64(1), epoll::EventFlags::IN)?;
        }
        Ok(Self { epoll, inotify, timer, watched: BTreeMap::new() })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    /// Watches exactly `directories`, each as what its path leads to by now: behind one that was watched there may be
    /// another directory. What the system refuses is read when it is due.
    pub(super) fn arm(&mut self, directories: &BTreeSet<PathBuf>) {
        let Some(inotify) = &self.inotify else { return };
        let mut watched: BTreeMap<i32, BTreeSet<PathBuf>> = BTreeMap::new();
        for directory in directories {
            if let Ok(watch) = inotify::add_watch(inotify, directory, CHANGES) {
                watched.entry(watch).or_default().insert(directory.clone());
            }
        }
        for gone in self.watched.keys().filter(|watch| !watched.contains_key(watch)) {
            // It may be gone in every sense.
            let _ = inotify::remove_watch(inotify, *gone);
        }
        self.watched = watched;
    }

    /// What changed since.
    pub(super) fn take(&mut self) -> Changes {
        // Nothing to read: it did not fire.
        let _ = rustix::io::read(&self.timer, &mut [0_u8; 8]);
        let mut changes = Changes::default();
        let Some(inotify) = &self.inotify else { return changes };
        let mut space = [MaybeUninit::uninit(); EVENTS];
        let mut events = Reader::new(inotify, &mut space);
        while let Ok(event) = events.next() {
            if event.events().contains(ReadFlags::QUEUE_OVERFLOW) {
                changes.everything = true;
            }
            // Of a watch that was taken back nothing is wanted any more.
            changes.directories.extend(self.watched.get(&event.wd()).into_iter().flatten().cloned());
        }
        changes
    }

    /// Has the descriptor ready at `next`.
    pub(super) fn set(&self, next: Option<Instant>, now: Instant) {
        // Zero would stop the timer.
        let wait = next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now).max(SHORTEST));
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec::try_from(wait).unwrap_or(never);
        // It fails for times that are none.
        let _ = timerfd_settime(
            &self.timer,
            TimerfdTimerFlags::empty(),
            &Itimerspec { it_interval: never, it_value: value },
        );
    }
}

const CHANGES: WatchFlags = WatchFlags::ATTRIB
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);
/// Room for a few events with the longest names.
const EVENTS: usize = 4096;
const SHORTEST: Duration = Duration::from_nanos(1);
