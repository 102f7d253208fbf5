//! What wakes a watch on Linux: inotify and a timer behind one epoll descriptor.

use core::mem::MaybeUninit;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::event::epoll;
use rustix::fs::inotify::{self, CreateFlags, Event, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use uptls::FileSource;

/// One descriptor that can be read when a directory changed or the time has come.
pub(super) struct Alarm {
    epoll: OwnedFd,
    /// `None`: the system gives none, and the timer alone remains until it does.
    inotify: Option<OwnedFd>,
    /// Why not every directory is watched.
    reason: Option<String>,
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
    /// What writers did, in their order: a place, and whether they have it open still.
    writers: Vec<(PathBuf, bool)>,
}

impl Changes {
    /// Whether something in one of `directories` changed.
    pub(super) fn concern<'a>(&self, mut directories: impl Iterator<Item = &'a Path>) -> bool {
        self.everything || directories.any(|directory| self.directories.contains(directory))
    }

    /// Tells `source` of writers.
    pub(super) fn tell(&self, source: &mut FileSource) {
        if self.everything {
            source.forget_writers();
        }
        for (place, is_open) in &self.writers {
            if *is_open {
                source.writing(place);
            } else {
                source.written(place);
            }
        }
    }
}

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        let mut alarm = Self { epoll, inotify: None, reason: None, timer, watched: BTreeMap::new() };
        alarm.arm(&BTreeSet::new());
        Ok(alarm)
    }

    pub(super) fn fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }

    /// Why not every directory is watched; `None`: each is.
    pub(super) fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Watches exactly `directories`, each as what its path leads to by now: behind one that was watched there may be
    /// another directory. What the system refuses is read when it is due, and asked for again the next time.
    pub(super) fn arm(&mut self, directories: &BTreeSet<PathBuf>) {
        self.reason = None;
        let inotify = match self.inotify.take().map_or_else(|| begin(&self.epoll), Ok) {
            Ok(inotify) => self.inotify.insert(inotify),
            Err(error) => {
                self.reason = Some(format!("the system gives no inotify: {error}"));
                return;
            }
        };
        let mut watched: BTreeMap<i32, BTreeSet<PathBuf>> = BTreeMap::new();
        for directory in directories {
            match inotify::add_watch(&*inotify, directory, CHANGES) {
                Ok(watch) => drop(watched.entry(watch).or_default().insert(directory.clone())),
                Err(error) => self.reason = Some(format!("{}: {}", directory.display(), io::Error::from(error))),
            }
        }
        for gone in self.watched.keys().filter(|watch| !watched.contains_key(watch)) {
            // It may be gone in every sense.
            let _ = inotify::remove_watch(&*inotify, *gone);
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
        let failure = loop {
            match events.next() {
                Ok(event) => note(&event, &mut self.watched, &mut self.reason, &mut changes),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return changes,
                Err(failure) => break failure,
            }
        };
        // It is of no more use: another is asked for when files are read, which is now.
        self.lose(failure);
        changes.everything = true;
        changes
    }

    fn lose(&mut self, failure: Errno) {
        self.reason = Some(format!("events cannot be read: {}", io::Error::from(failure)));
        self.inotify = None;
        self.watched.clear();
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

fn begin(epoll: &OwnedFd) -> io::Result<OwnedFd> {
    let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    epoll::add(epoll, &inotify, epoll::EventData::new_u64(1), epoll::EventFlags::IN)?;
    Ok(inotify)
}

/// Of a watch that was taken back nothing is wanted any more.
fn note(
    event: &Event<'_>,
    watched: &mut BTreeMap<i32, BTreeSet<PathBuf>>,
    reason: &mut Option<String>,
    changes: &mut Changes,
) {
    let flags = event.events();
    changes.everything |= flags.contains(ReadFlags::QUEUE_OVERFLOW);
    let Some(directories) = watched.get(&event.wd()) else { return };
    changes.directories.extend(directories.iter().cloned());
    if let Some(name) = event.file_name().filter(|_| flags.intersects(WRITERS)) {
        let name = OsStr::from_bytes(name.to_bytes());
        let is_open = flags.contains(ReadFlags::MODIFY);
        changes.writers.extend(directories.iter().map(|directory| (directory.join(name), is_open)));
    }
    if flags.contains(ReadFlags::IGNORED) {
        *reason = directories.first().map(|directory| format!("{}: its watch has ended", directory.display()));
        watched.remove(&event.wd());
    }
}

/// What tells of a writer: the first that the file is open, the others that it is closed or another.
const WRITERS: ReadFlags = ReadFlags::MODIFY
    .union(ReadFlags::CLOSE_WRITE)
    .union(ReadFlags::CREATE)
    .union(ReadFlags::DELETE)
    .union(ReadFlags::MOVED_FROM)
    .union(ReadFlags::MOVED_TO);
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

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::io::Write as _;

    use super::*;

    fn watching(folder: &Path) -> (Alarm, BTreeSet<PathBuf>) {
        let directories = BTreeSet::from([folder.to_owned()]);
        let mut alarm = Alarm::new().unwrap();
        alarm.arm(&directories);
        assert_eq!(alarm.reason(), None);
        (alarm, directories)
    }

    #[test]
    fn it_tells_of_writers_who_have_not_closed_their_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, "content").unwrap();
        let (mut alarm, _) = watching(folder.path());
        let mut file = File::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        let changes = alarm.take();
        assert!(changes.concern([folder.path()].into_iter()) && !changes.everything);
        assert_eq!(changes.writers.last(), Some(&(path.clone(), true)));
        drop(file);
        assert_eq!(alarm.take().writers, [(path.clone(), false)]);
        let _ = fs::read(&path).unwrap();
        assert!(!alarm.take().concern([folder.path()].into_iter()), "our own reading is no change");
    }

    #[test]
    fn a_directory_that_goes_is_said_and_watched_again() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let (mut alarm, directories) = watching(&inner);
        fs::remove_dir(&inner).unwrap();
        assert!(alarm.take().concern([inner.as_path()].into_iter()));
        assert!(alarm.reason().is_some_and(|reason| reason.contains("its watch has ended")));
        alarm.arm(&directories);
        assert!(alarm.reason().is_some_and(|reason| reason.contains("No such file")));
        fs::create_dir(&inner).unwrap();
        alarm.arm(&directories);
        fs::write(inner.join("file"), "content").unwrap();
        assert!(alarm.reason().is_none() && alarm.take().concern([inner.as_path()].into_iter()));
    }

    #[test]
    fn what_is_lost_is_taken_up_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut alarm, directories) = watching(folder.path());
        alarm.lose(Errno::IO);
        assert!(alarm.reason().is_some_and(|reason| reason.contains("events cannot be read")));
        fs::write(folder.path().join("file"), "unheard").unwrap();
        assert!(!alarm.take().concern([folder.path()].into_iter()));
        alarm.arm(&directories);
        fs::write(folder.path().join("file"), "heard").unwrap();
        assert!(alarm.reason().is_none() && alarm.take().concern([folder.path()].into_iter()));
    }

    /// More events than the system keeps: anything may have changed, in every directory.
    #[test]
    fn an_overflow_concerns_everything() {
        let kept: usize = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap().trim().parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (mut alarm, _) = watching(folder.path());
        let mut files = ["one", "two"].map(|name| File::create(folder.path().join(name)).unwrap());
        // The same twice in a row would be one event.
        for _ in 0..=kept / 2 {
            files.iter_mut().for_each(|file| file.write_all(b".").unwrap());
        }
        assert!(alarm.take().concern([Path::new("/elsewhere")].into_iter()));
        assert!(!alarm.take().concern([Path::new("/elsewhere")].into_iter()));
        files[0].write_all(b".").unwrap();
        assert!(alarm.take().concern([folder.path()].into_iter()));
    }
}
