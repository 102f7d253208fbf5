//! What wakes a watch without a thread on Linux: inotify and a timer behind one epoll descriptor.

use core::mem::MaybeUninit;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::event::epoll;
use rustix::fs::inotify::{self, CreateFlags, Event, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::super::Writer;
use super::Changes;

/// One descriptor that can be read when a directory changed or the time has come.
pub(super) struct Alarm {
    epoll: OwnedFd,
    /// `None`: the system gives none, and the timer alone remains until it does.
    inotify: Option<OwnedFd>,
    /// The directories that are not watched, with the reasons.
    refused: BTreeMap<PathBuf, String>,
    timer: OwnedFd,
    watched: Watched,
}

/// What each watch of the system stands for; two paths may lead to one directory.
#[derive(Default)]
struct Watched {
    directories: BTreeMap<i32, BTreeSet<PathBuf>>,
    of: BTreeMap<PathBuf, i32>,
}

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
        epoll::add(&epoll, &timer, epoll::EventData::new_u64(0), epoll::EventFlags::IN)?;
        let (refused, watched) = (BTreeMap::new(), Watched::default());
        let mut alarm = Self { epoll, inotify: None, refused, timer, watched };
        alarm.inotify = begin(&alarm.epoll).inspect_err(|error| alarm.refuse(Path::new(""), &no_inotify(error))).ok();
        Ok(alarm)
    }

    pub(super) fn fd(&self) -> Option<BorrowedFd<'_>> {
        Some(self.epoll.as_fd())
    }

    /// Why not every directory is watched; `None`: each is.
    pub(super) fn reason(&self) -> Option<String> {
        let (directory, reason) = self.refused.first_key_value()?;
        Some(if directory.as_os_str().is_empty() {
            reason.clone()
        } else {
            format!("{}: {reason}", directory.display())
        })
    }

    /// Watches `anew` as what their paths lead to by now: behind one that was watched there may be another. It watches those of
    /// `gone` no longer. What the system refuses is read when it is due, and asked for again then.
    pub(super) fn arm(&mut self, anew: &BTreeSet<PathBuf>, gone: &BTreeSet<PathBuf>) {
        if self.inotify.is_none() {
            match begin(&self.epoll) {
                Ok(inotify) => {
                    self.inotify = Some(inotify);
                    self.refused.remove(Path::new(""));
                }
                Err(error) => self.refuse(Path::new(""), &no_inotify(&error)),
            }
        }
        let Some(inotify) = &self.inotify else { return };
        for directory in gone {
            self.refused.remove(directory);
            self.watched.forget(inotify, directory);
        }
        for directory in anew {
            match inotify::add_watch(inotify, directory, CHANGES) {
                Ok(watch) => {
                    self.refused.remove(directory);
                    self.watched.note(inotify, directory, watch);
                }
                Err(error) => {
                    self.watched.forget(inotify, directory);
                    self.refused.insert(directory.clone(), io::Error::from(error).to_string());
                }
            }
        }
    }

    fn refuse(&mut self, directory: &Path, reason: &str) {
        self.refused.insert(directory.to_owned(), reason.to_owned());
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
                Ok(event) => note(&event, &mut self.watched, &mut self.refused, &mut changes),
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
        self.refuse(Path::new(""), &format!("events cannot be read: {}", io::Error::from(failure)));
        self.inotify = None;
        self.watched = Watched::default();
    }

    /// Has the descriptor ready at `next`.
    pub(super) fn set(&self, next: Option<Instant>, now: Instant) {
        // Zero would stop the timer.
        let wait = next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now).max(SHORTEST));
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Timespec::try_from(wait).unwrap_or(never);
        let timer = Itimerspec { it_interval: never, it_value: value };
        // It fails for times that are none.
        let _ = timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &timer);
    }
}

impl Watched {
    fn note(&mut self, inotify: &OwnedFd, directory: &Path, watch: i32) {
        if self.of.get(directory) != Some(&watch) {
            self.forget(inotify, directory);
            self.of.insert(directory.to_owned(), watch);
            self.directories.entry(watch).or_default().insert(directory.to_owned());
        }
    }

    fn forget(&mut self, inotify: &OwnedFd, directory: &Path) {
        let Some(watch) = self.of.remove(directory) else { return };
        let Some(directories) = self.directories.get_mut(&watch) else { return };
        directories.remove(directory);
        if directories.is_empty() {
            self.directories.remove(&watch);
            // It may be gone in every sense.
            let _ = inotify::remove_watch(inotify, watch);
        }
    }
}

fn begin(epoll: &OwnedFd) -> io::Result<OwnedFd> {
    let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    epoll::add(epoll, &inotify, epoll::EventData::new_u64(1), epoll::EventFlags::IN)?;
    Ok(inotify)
}

fn no_inotify(error: &io::Error) -> String {
    format!("the system gives no inotify: {error}")
}

/// Of a watch that was taken back nothing is wanted any more.
fn note(event: &Event<'_>, watched: &mut Watched, refused: &mut BTreeMap<PathBuf, String>, changes: &mut Changes) {
    let flags = event.events();
    changes.everything |= flags.contains(ReadFlags::QUEUE_OVERFLOW);
    let Some(directories) = watched.directories.get(&event.wd()) else { return };
    let writer = match flags {
        flags if flags.contains(ReadFlags::MODIFY) => Writer::Busy,
        flags if flags.intersects(DONE) => Writer::Done,
        _ => Writer::Unknown,
    };
    let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
    let path = |directory: &PathBuf| name.map_or_else(|| directory.clone(), |name| directory.join(name));
    changes.paths.extend(directories.iter().map(|directory| (path(directory), writer)));
    if flags.contains(ReadFlags::IGNORED) {
        for directory in watched.directories.remove(&event.wd()).into_iter().flatten() {
            watched.of.remove(&directory);
            refused.insert(directory, "its watch has ended".to_owned());
        }
    }
}

/// A file was closed, or is another.
const DONE: ReadFlags = ReadFlags::CLOSE_WRITE
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
#[allow(clippy::unwrap_used, reason = "test code")]
mod tests {
    use std::fs::{self, File};
    use std::io::Write as _;

    use super::*;

    fn watching(folder: &Path) -> (Alarm, BTreeSet<PathBuf>) {
        let directories = BTreeSet::from([folder.to_owned()]);
        let mut alarm = Alarm::new().unwrap();
        arm(&mut alarm, &directories);
        assert_eq!(alarm.reason(), None);
        (alarm, directories)
    }

    fn arm(alarm: &mut Alarm, directories: &BTreeSet<PathBuf>) {
        alarm.arm(directories, &BTreeSet::new());
    }

    fn concern(changes: &Changes, folder: &Path) -> bool {
        changes.paths.iter().any(|(path, _)| path.starts_with(folder))
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
        assert!(!changes.everything);
        assert_eq!(changes.paths.last(), Some(&(path.clone(), Writer::Busy)));
        drop(file);
        assert_eq!(alarm.take().paths, [(path.clone(), Writer::Done)]);
        let _ = fs::read(&path).unwrap();
        assert!(alarm.take().paths.is_empty(), "our own reading is no change");
    }

    #[test]
    fn a_directory_that_goes_is_said_and_watched_again() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let (mut alarm, directories) = watching(&inner);
        fs::remove_dir(&inner).unwrap();
        assert!(concern(&alarm.take(), &inner));
        assert!(alarm.reason().is_some_and(|reason| reason.contains("its watch has ended")));
        arm(&mut alarm, &directories);
        assert!(alarm.reason().is_some_and(|reason| reason.contains("No such file")));
        fs::create_dir(&inner).unwrap();
        arm(&mut alarm, &directories);
        fs::write(inner.join("file"), "content").unwrap();
        assert!(alarm.reason().is_none() && concern(&alarm.take(), &inner));
    }

    /// A directory that no source wants any more is not told of, nor is it missed.
    #[test]
    fn what_is_given_back_is_watched_no_longer() {
        let folder = tempfile::tempdir().unwrap();
        let (mut alarm, directories) = watching(folder.path());
        let missing = BTreeSet::from([folder.path().join("missing")]);
        arm(&mut alarm, &missing);
        assert!(alarm.reason().is_some());
        alarm.arm(&BTreeSet::new(), &missing);
        alarm.arm(&BTreeSet::new(), &directories);
        fs::write(folder.path().join("file"), "content").unwrap();
        assert!(alarm.reason().is_none() && alarm.take().paths.is_empty());
    }

    #[test]
    fn what_is_lost_is_taken_up_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut alarm, directories) = watching(folder.path());
        alarm.lose(Errno::IO);
        assert!(alarm.reason().is_some_and(|reason| reason.contains("events cannot be read")));
        fs::write(folder.path().join("file"), "unheard").unwrap();
        assert!(alarm.take().paths.is_empty());
        arm(&mut alarm, &directories);
        fs::write(folder.path().join("file"), "heard").unwrap();
        assert!(alarm.reason().is_none() && concern(&alarm.take(), folder.path()));
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
        assert!(alarm.take().everything);
        assert!(!alarm.take().everything);
        files[0].write_all(b".").unwrap();
        assert!(concern(&alarm.take(), folder.path()));
    }
}
